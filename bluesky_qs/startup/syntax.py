"""IPython's syntax (``%magic``, ``!command``, ``name?``) turned into Python, every line staying where it is.

Importing this module imports IPython.
"""

import ast
import io

from IPython.core.inputtransformer2 import TransformerManager, cell_magic, make_tokens_by_line

TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def to_python(source: str, *, autocall: bool = False) -> str | None:
    """The source with IPython's syntax replaced by calls of ``get_ipython()``; None if there was none in it.

    ``autocall``: also ``/f x`` and its like, which in a file of Python are rather the rest of a broken line.
    """
    lines = list(io.StringIO(source if source.endswith("\n") else source + "\n"))
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    # A cell magic takes the whole file as its body.
    transformed = lines[:first] + cell_magic(lines[first:])
    if transformed == lines:
        transformed = _lines_replaced(lines, autocall=autocall)
    return "".join(transformed)


def _lines_replaced(lines: list[str], *, autocall: bool) -> list[str]:
    finders = TransformerManager().token_transformers
    # Not TransformerManager.transform_cell: it drops empty lines at the top and joins continued lines, after which
    # tracebacks would name other lines; and it gives up after 500 replacements, which a long file may have.
    while True:
        tokens = make_tokens_by_line(lines)
        found = [one for one in (f.find(tokens) for f in finders) if one is not None]
        for one in sorted(found, key=lambda one: one.sortby()):
            at = one.start_line
            if not autocall and lines[at][one.start_col :].startswith((",", ";", "/")):
                continue
            try:
                after = one.transform(lines)
            except SyntaxError:
                continue
            lines = after[: at + 1] + ["\n"] * (len(lines) - len(after)) + after[at + 1 :]
            break
        else:
            return lines
