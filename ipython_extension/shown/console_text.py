"""Lines of the service's console, as they were printed."""

import html
import re

from ipython_extension.shown.display import View

_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ConsoleText(View, str):
    """Lines of the console."""

    __slots__ = ()

    def text(self, width: int) -> str:  # noqa: ARG002 - a terminal wraps lines as it likes
        return self.rstrip("\n") or "Nothing has been printed."

    def html(self) -> str:
        return f"<pre>{html.escape(_COLORS.sub('', self.text(0)))}</pre>"
