"""Compiles and runs user code: Python, or Python with IPython syntax."""

import importlib.util
import inspect
from types import CodeType
from typing import Any


def compiled(source: str | bytes, filename: str, *, ipython: bool = True) -> CodeType:
    """Compile Python, or Python with IPython syntax. Line numbers do not change."""
    if ipython and filename.endswith(".ipy"):
        # Do not try plain Python first: a line such as `cd -q folder` would be a subtraction.
        return _compiled_ipython(source, filename)
    try:
        return compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        if not ipython:
            if (error.text or "").lstrip().startswith(("%", "!")):
                error.add_note("IPython syntax works in startup folders (--startup-dir) and profiles, not in scripts")
            raise
        return _compiled_ipython(source, filename, error)


def _compiled_ipython(source: str | bytes, filename: str, not_python: SyntaxError | None = None) -> CodeType:
    """Compile source with IPython syntax. ``not_python`` is the error that the same source caused as plain Python."""
    from bluesky_qs.startup import syntax  # noqa: PLC0415 - it imports IPython, which few files need

    try:
        text = source if isinstance(source, str) else importlib.util.decode_source(source)
    except (UnicodeDecodeError, SyntaxError):
        if not_python:
            raise not_python from None
        return compile(source, filename, "exec", dont_inherit=True)  # raises Python's own error about the encoding
    plain = syntax.to_python(text, autocall=filename.endswith(".ipy"))
    if plain is None and not_python:
        raise not_python
    return compile(text if plain is None else plain, filename, "exec", dont_inherit=True, flags=syntax.TOP_LEVEL_AWAIT)


def execute(code: CodeType, namespace: dict[str, Any]) -> None:
    """Run code from `compiled`."""
    result = eval(code, namespace)  # noqa: S307 - the user's own code
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio  # noqa: PLC0415 - only for a file that awaits at its top level

        asyncio.run(result)
