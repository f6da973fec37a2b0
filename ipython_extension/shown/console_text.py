"""Lines of the service's console, as they were printed."""

import re

from ipython_extension.shown.display import View
from ipython_extension.shown.notebook_html import preformatted

_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ConsoleText(View, str):
    """Lines of the console."""

    __slots__ = ()
    nothing = "Nothing has been printed."

    def text(self, width: int) -> str:  # noqa: ARG002 - a terminal wraps lines as it likes
        return self.rstrip("\n") or self.nothing

    def html(self) -> str:
        return preformatted(_COLORS.sub("", self.text(0)))


class SelectedText(ConsoleText):
    """Those lines of the console that the user has selected."""

    __slots__ = ()
    nothing = "No line matches."
