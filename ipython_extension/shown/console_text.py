"""Lines of the service's console output, exactly as they were printed."""

import re
from collections.abc import Callable

from ipython_extension.shown.display import View
from ipython_extension.shown.notebook_html import preformatted
from ipython_extension.shown.traceback_text import folded_in

#: Width of a notebook in columns.
_WIDE = 110
_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ConsoleText(View, str):
    """Lines of console output. ``heading`` returns the line above them for a width; it is not part of the text.

    If it ``folds``, traceback frames inside bluesky are not displayed.
    """

    __slots__ = ("folds", "heading")
    nothing = "Nothing has been printed."

    def __init__(self, text: str = "") -> None:  # noqa: ARG002 - str.__new__ uses it
        self.heading: Callable[[int], str] | None = None
        self.folds = False

    def text(self, width: int) -> str:
        # A plan's tracebacks are folded as below an error. The terminal wraps the lines.
        lines = (folded_in(self) if self.folds else self).rstrip("\n") or self.nothing
        return f"{self.heading(width)}\n{lines}" if self.heading else lines

    def html(self) -> str:
        return preformatted(_COLORS.sub("", self.text(_WIDE)))


class SelectedText(ConsoleText):
    """Lines of console output that the user has selected."""

    __slots__ = ()
    nothing = "No line matches."
