"""Lines of the service's console, as they were printed."""

import re
from collections.abc import Callable

from ipython_extension.shown.display import View
from ipython_extension.shown.notebook_html import preformatted
from ipython_extension.shown.traceback_text import folded_in

#: Columns of a notebook.
_WIDE = 110
_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ConsoleText(View, str):
    """Lines of the console; ``heading`` is the line above them for a width, and not part of the text.

    If it ``folds``, it is displayed without the frames of tracebacks that are inside bluesky.
    """

    __slots__ = ("folds", "heading")
    nothing = "Nothing has been printed."

    def __init__(self, text: str = "") -> None:  # noqa: ARG002 - str has taken it
        self.heading: Callable[[int], str] | None = None
        self.folds = False

    def text(self, width: int) -> str:
        # Tracebacks of a plan are folded as they are below an error. The terminal wraps the lines.
        lines = (folded_in(self) if self.folds else self).rstrip("\n") or self.nothing
        return f"{self.heading(width)}\n{lines}" if self.heading else lines

    def html(self) -> str:
        return preformatted(_COLORS.sub("", self.text(_WIDE)))


class SelectedText(ConsoleText):
    """Lines of the console that the user has selected."""

    __slots__ = ()
    nothing = "No line matches."
