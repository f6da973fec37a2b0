"""Turns IPython syntax (``%magic``, ``!command``, ``name?``) into Python; lines keep their numbers.

Importing this module imports IPython.
"""

import ast
import contextlib
import io
from tokenize import ERRORTOKEN, NEWLINE, TokenInfo

from IPython.core.inputtransformer2 import TransformerManager, cell_magic, make_tokens_by_line

_FINDERS = TransformerManager().token_transformers
TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def to_python(source: str, *, autocall: bool = False) -> str | None:
    """Replace IPython syntax by calls of ``get_ipython()``; return None if the source has none.

    With ``autocall``, replace ``/f x`` and similar too. In a Python file these are more likely parts of a broken line.
    """
    lines = list(io.StringIO(source if source.endswith("\n") else source + "\n"))
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    # The body of a cell magic is the whole file.
    transformed = lines[:first] + cell_magic(lines[first:])
    if transformed == lines:
        transformed = _lines_replaced(lines, autocall=autocall)
    return "".join(transformed)


def _lines_replaced(lines: list[str], *, autocall: bool) -> list[str]:
    # TransformerManager.transform_cell would drop empty lines at the top and join continued lines, so that tracebacks
    # name other lines. It also reads the whole file again for each line, which takes seconds for many lines.
    changed = True
    while changed:
        changed = False
        for statement in make_tokens_by_line(lines):
            after = _replaced(lines, statement, autocall=autocall)
            if after is not None:
                lines, changed = after, True
                if _confuses_tokenizer(statement):
                    break
    return lines


def _replaced(lines: list[str], statement: list[TokenInfo], *, autocall: bool) -> list[str] | None:
    """Return the lines with this statement turned into Python; None if it is already Python."""
    found = [one for one in (f.find([statement]) for f in _FINDERS) if one is not None]
    for one in sorted(found, key=lambda one: one.sortby()):
        at = one.start_line
        if not autocall and lines[at][one.start_col :].startswith((",", ";", "/")):
            continue
        with contextlib.suppress(SyntaxError):  # this is not IPython syntax after all
            after = one.transform(lines)
            return after[: at + 1] + ["\n"] * (len(lines) - len(after)) + after[at + 1 :]
    return None


def _confuses_tokenizer(statement: list[TokenInfo]) -> bool:
    """Whether an open bracket or quote, as in ``!it's``, makes the next lines look like another statement."""
    broken = any(t.type == ERRORTOKEN and t.string.lstrip()[:1] in ("'", '"') for t in statement)
    return broken or statement[0].start[0] != statement[-1].end[0] or statement[-1].type != NEWLINE
