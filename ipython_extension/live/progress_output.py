"""Where somebody who waits looks: one place that changes, and lines above it that stay."""

import html
import sys
import time
from typing import Any, Protocol

from ipython_extension.shown.display import View
from ipython_extension.shown.status_text import Bar
from ipython_extension.shown.tables import cells, cut, terminal_width

#: Seconds between two changes of what a notebook shows: each is a message to the browser.
_PERIOD = 0.2
#: Seconds before there is a bar at all: what is done by then needs none.
_PATIENCE = 0.3
_WIDTH = 100
#: Columns of a terminal's ^C, and one that stays free: a line that fills the last one is broken by some terminals.
_CTRL_C = 3


class Stage(Protocol):
    """What a wait writes on."""

    def say(self, what: str | Bar) -> None:
        """Show this in place of what was shown before."""
        ...

    def put(self, text: str) -> None:
        """Print lines that stay."""
        ...

    def clear(self) -> None:
        """Take away what `say` showed."""
        ...


class Nowhere:
    """Nobody looks: a script, a pipe."""

    def say(self, what: str | Bar) -> None:
        """Nothing."""

    def put(self, text: str) -> None:
        """Nothing."""

    def clear(self) -> None:
        """Nothing."""


class Terminal:
    """The last line of a terminal is written over."""

    def __init__(self) -> None:
        self._shown = 0

    def say(self, what: str | Bar) -> None:
        width = terminal_width() - _CTRL_C
        line = cut(what if isinstance(what, str) else what.text(width), width)
        _write(f"\r{line}{' ' * (self._shown - cells(line))}")
        self._shown = cells(line)

    def put(self, text: str) -> None:
        if text:
            self.clear()
            _write(text if text.endswith("\n") else f"{text}\n")

    def clear(self) -> None:
        if self._shown:
            # The terminal has put ^C behind the line if that is what ends it.
            _write(f"\r{' ' * (self._shown + _CTRL_C - 1)}\r")
            self._shown = 0


class Notebook:
    """A bar below the cell: a widget if ipywidgets is there, else a display that is updated; lines are its output."""

    def __init__(self) -> None:
        self._place: _Widget | _Display | None = None
        self._due = time.monotonic() + _PATIENCE

    def say(self, what: str | Bar) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _PERIOD
        bar = Bar(what, None, "") if isinstance(what, str) else what
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
        from IPython.display import display  # noqa: PLC0415 - a terminal does without

        self._bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="30%"))
        self._text = widgets.Label()
        self._box = widgets.HBox([self._bar, self._text])
        self.show(bar)
        # A console without widgets shows the text, and only this once: without what changes behind the first words.
        shown = {**self._box._repr_mimebundle_(), "text/plain": f"Under way: {bar.what.partition('  ')[0]}"}
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
    """A bar as it is now."""

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
        import ipywidgets  # noqa: PLC0415 - optional, and only where somebody waits  # pyright: ignore[reportMissingImports]
    except ImportError:
        return _Display(bar)
    return _Widget(ipywidgets, bar)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
