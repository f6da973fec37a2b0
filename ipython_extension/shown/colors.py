"""Terminal colors: red for failed, green for running, yellow for waiting or ended by a user, and dim headings."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from IPython.core.getipython import get_ipython

_YELLOW = "33"
_CODES = {
    "failed": "31",
    "running": "32",
    "paused": _YELLOW,
    "suspended": _YELLOW,
    "aborted": _YELLOW,
    "halted": _YELLOW,
    "heading": "2",
}
_is_on: ContextVar[bool] = ContextVar("_is_on", default=False)


def theme() -> str:
    """IPython's color theme for this session; ``nocolor`` without colors."""
    if os.environ.get("NO_COLOR"):
        return "nocolor"
    return str(getattr(get_ipython(), "colors", "nocolor")).lower()


def are_wanted() -> bool:
    """Whether output goes to a terminal and the user has not disabled colors (``NO_COLOR``, ``%colors NoColor``)."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and theme() != "nocolor"


@contextmanager
def in_colors() -> Iterator[None]:
    """Color texts that are created in this context, if the output is a terminal and the user wants colors."""
    token = _is_on.set(are_wanted())
    try:
        yield
    finally:
        _is_on.reset(token)


def colored(text: str, mark: str) -> str:
    """Color a text within `in_colors`. If the mark has no color, the text does not change."""
    code = _CODES.get(mark) if _is_on.get() else None
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text
