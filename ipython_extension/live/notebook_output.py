"""Progress in a notebook: one display with permanent lines and a progress bar below them."""

import html
import time
from collections.abc import Sequence
from typing import Any

from ipython_extension.live.lines import PermanentLine, TableRow
from ipython_extension.shown.notebook_html import COLORS, WRAPPED, in_one_typeface
from ipython_extension.shown.status_text import Bar
from ipython_extension.shown.tables import NOTEBOOK_WIDTH

#: Seconds between updates. Each update sends a message to the browser.
_PERIOD = 0.2
#: Seconds before the first update. Quick commands need no bar.
_PATIENCE = 0.3
_WIDTH = 80
#: Maximum number of lines in a display, because each update sends all of them. Further lines go into a new display.
_MOST = 200
_STYLES = {"heading": "opacity:0.6", **COLORS}
#: The bar is hidden by default. This style shows it until a few seconds after the latest update, so it disappears if
#: the kernel dies. A notebook that was saved during a wait shows it for those seconds each time it is drawn, and not at
#: all if it is not trusted, because such a notebook ignores styles.
_BAR_STYLE = (
    "<style>.qs-progress{display:flex!important;"
    "animation:qs-gone 4s step-end forwards}"
    "@keyframes qs-gone{to{visibility:hidden;height:0}}</style>"
)
#: The bar and its text stay on one line. In a narrow window the plan is shortened, but not the text after it.
_BAR_LINE = "display:none;white-space:pre;overflow:hidden"
_SHORTENED, _WHOLE = "flex:0 1 auto;min-width:4em;overflow:hidden;text-overflow:ellipsis", "flex:none"


class Notebook:
    """Lines and a progress bar below a cell. Plain HTML, because a widget is lost with its kernel.

    Parameters
    ----------
    has_bar
        If False, only the lines are shown.
    place
        The display of an earlier wait in the same line, if it showed only a bar. It is reused.
    """

    shows = True
    width = NOTEBOOK_WIDTH

    def __init__(self, *, has_bar: bool = True, place: Any = None) -> None:
        self._lines: list[PermanentLine | TableRow] = []
        self._bar: Bar | None = None
        self._has_bar = has_bar
        #: The last progress, which remains visible if nothing replaces it.
        self._words: list[PermanentLine] = []
        self._handle: Any = place
        self._sent: dict[str, str] = {}
        self._has_copied = False
        self._due = time.monotonic() + _PATIENCE

    def say(self, progress: str | Bar) -> None:
        # A bar below output of user code would not stay at the end, because the next output appears below it.
        if self._has_bar and (not self._has_copied or self._handle is not None):
            self._bar = Bar(progress, None, "") if isinstance(progress, str) else progress
        if time.monotonic() >= self._due:
            self._draw()

    def put(self, lines: Sequence[PermanentLine | TableRow]) -> None:
        for line in lines:
            if len(self._lines) == _MOST:
                self._end_display()
            self._lines.append(line)

    def copy(self, text: str) -> None:
        if text:
            self._has_copied = True
            print(text, end="" if text.endswith("\n") else "\n", flush=True)

    def picture(self, name: str, text: str) -> None:  # noqa: ARG002 - one display shows one picture
        self._lines = [PermanentLine(line) for line in text.split("\n")]

    def clear(self) -> None:
        if self._bar is not None:
            self._words = [PermanentLine(self._bar.constant_text)]
        self._bar = None
        self._draw()

    @property
    def place(self) -> Any:
        """The display, if it shows only progress and has nothing below it; otherwise None. The result can replace it.

        A notebook cannot remove a display, so it would otherwise remain as an empty output.
        """
        return None if self._lines or self._has_copied else self._handle

    def _end_display(self) -> None:
        bar, self._bar = self._bar, None
        self._draw()
        self._bar, self._lines, self._handle, self._sent = bar, [], None, {}

    def _draw(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - a terminal does not need it

        self._due = time.monotonic() + _PERIOD
        data = {"text/plain": self._text(), "text/html": self._html()}
        if data == self._sent:
            return
        self._sent = data
        if self._handle is not None:
            self._handle.update(data, raw=True)
        elif self._lines or self._bar:
            self._handle = display(data, raw=True, display_id=True)

    def _text(self) -> str:
        # Omit the bar, because a notebook that is saved now would keep it.
        return "\n".join(line.now() for line in self._shown())

    def _html(self) -> str:
        return in_one_typeface(lines_html(self._shown()) + (_bar_html(self._bar) if self._bar else ""))

    def _shown(self) -> Sequence[PermanentLine | TableRow]:
        return self._lines or ([] if self._bar else self._words)


def lines_html(lines: Sequence[PermanentLine | TableRow]) -> str:
    """HTML for table lines, one below the other; empty if there are none."""
    text = "\n".join(map(_line_html, lines))
    return f'<pre style="white-space:pre;font-size:1em">{text}</pre>' if lines else ""


def _line_html(line: PermanentLine | TableRow) -> str:
    text, style = html.escape(line.now()), _STYLES.get(line.mark, "")
    if isinstance(line, PermanentLine) and line.mark != "heading":
        style = f"{WRAPPED};{style}".rstrip(";")  # a sentence needs no scroll bar
    return f'<span style="{style}">{text}</span>' if style else text


def _bar_html(bar: Bar) -> str:
    done = f'<progress style="{_WHOLE}" value="{bar.done:.3f}" max="1"></progress>' if bar.done is not None else ""
    # The time in the text also refreshes the bar each second when nothing else changes.
    title, rest = map(html.escape, bar.words(_WIDTH, time.time()))
    words = f'<span style="{_SHORTENED}">{" " if done else ""}{title}</span><span style="{_WHOLE}">  {rest}</span>'
    return f'{_BAR_STYLE}<div style="{_BAR_LINE}" class="qs-progress">{done}{words}</div>'
