"""Progress in a terminal or notebook: one line that changes, and lines above it that stay."""

import html
import sys
import time
from typing import Any, Protocol

from ipython_extension.shown.display import View
from ipython_extension.shown.status_text import Bar
from ipython_extension.shown.tables import cells, cut, terminal_width

#: Seconds between updates in a notebook: each one is a message to the browser.
_PERIOD = 0.2
#: Seconds before a bar appears: quick commands need none.
_PATIENCE = 0.3
_WIDTH = 100
#: Columns for ^C and one free column: some terminals break a line that fills the last column.
_CTRL_C = 3


class ProgressOutput(Protocol):
    """Shows the progress of a wait."""

    def say(self, progress: str | Bar) -> None:
        """Replace the progress line."""
        ...

    def put(self, text: str) -> None:
        """Print lines that stay."""
        ...

    def clear(self) -> None:
        """Remove the progress line."""
        ...


class Nowhere:
    """Shows nothing. It is used in scripts and pipes."""

    def say(self, progress: str | Bar) -> None:
        """Nothing."""

    def put(self, text: str) -> None:
        """Nothing."""

    def clear(self) -> None:
        """Nothing."""


class Terminal:
    """Rewrites the last line of a terminal."""

    def __init__(self) -> None:
        self._shown = 0

    def say(self, progress: str | Bar) -> None:
        width = terminal_width() - _CTRL_C
        line = cut(progress if isinstance(progress, str) else progress.text(width), width)
        _write(f"\r{line}{' ' * (self._shown - cells(line))}")
        self._shown = cells(line)

    def put(self, text: str) -> None:
        if text:
            self.clear()
            _write(text if text.endswith("\n") else f"{text}\n")

    def clear(self) -> None:
        if self._shown:
            # If Ctrl-C ended the wait, the terminal has printed ^C after the line.
            _write(f"\r{' ' * (self._shown + _CTRL_C - 1)}\r")
            self._shown = 0


class Notebook:
    """A bar below the cell: a widget if ipywidgets is installed, else an updated display. Lines are cell output."""

    def __init__(self) -> None:
        self._place: _Widget | _Display | None = None
        self._due = time.monotonic() + _PATIENCE

    def say(self, progress: str | Bar) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _PERIOD
        bar = Bar(progress, None, "") if isinstance(progress, str) else progress
        if self._place is None:
            self._place = _place(bar)
        else:
            self._place.show(bar)

    def put(self, text: str) -> None:
        if text:
            _write(text if text.endswith("\n") else f"{text}\n")

    def clear(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None


class _Widget:
    def __init__(self, widgets: Any, bar: Bar) -> None:
        from IPython.display import display  # noqa: PLC0415 - a terminal does not need it

        self._bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="30%"))
        self._text = widgets.Label()
        self._box = widgets.HBox([self._bar, self._text])
        self.show(bar)
        # A console without widgets shows the text only once: leave out the changing part.
        shown = {**self._box._repr_mimebundle_(), "text/plain": f"In progress: {bar.title.partition('  ')[0]}"}
        display(shown, raw=True)

    def show(self, bar: Bar) -> None:
        self._bar.layout.display = None if bar.done is not None else "none"
        self._bar.value = bar.done or 0.0
        self._text.value = bar.words(_WIDTH)

    def close(self) -> None:
        self._box.close()


class _Display:
    def __init__(self, bar: Bar) -> None:
        from IPython.display import display  # noqa: PLC0415 - see above

        self._handle: Any = display(_Drawn(bar), display_id=True)

    def show(self, bar: Bar) -> None:
        self._handle.update(_Drawn(bar))

    def close(self) -> None:
        self._handle.update(_Drawn(None))


class _Drawn(View):
    """A snapshot of a bar."""

    def __init__(self, bar: Bar | None) -> None:
        self.bar = bar

    def text(self, width: int) -> str:
        return self.bar.text(width) if self.bar else ""

    def html(self) -> str:
        if self.bar is None:
            return ""
        progress = f'<progress value="{self.bar.done:.3f}" max="1"></progress> ' if self.bar.done is not None else ""
        return f"<p>{progress}{html.escape(self.bar.words(_WIDTH))}</p>"


def _place(bar: Bar) -> _Widget | _Display:
    try:
        import ipywidgets  # noqa: PLC0415 - optional, and needed only while waiting  # pyright: ignore[reportMissingImports]
    except ImportError:
        return _Display(bar)
    return _Widget(ipywidgets, bar)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
