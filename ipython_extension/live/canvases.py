"""Outputs for plots: windows, a notebook cell, or text in a terminal."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from io import BytesIO
from itertools import count
from typing import Any

from ipython_extension.live.columns import Column
from ipython_extension.live.heat_map import heat_map
from ipython_extension.live.map_cells import Axis, spans
from ipython_extension.live.plot import Canvas, Chart, NoPlot
from ipython_extension.live.runs import one_line
from ipython_extension.shown.tables import terminal_height, terminal_width

#: Seconds between updates. In a notebook, each update sends a picture to the browser.
_WINDOW, _NOTEBOOK, _TEXT = 0.1, 0.5, 0.5
#: Backends that write to memory or files.
_WITHOUT_WINDOWS = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})
#: Minimum and maximum height of a text panel, and the number of terminal lines for the title, progress and input.
_LOWEST, _HIGHEST, _FREE = 8, 20, 4
_WIDEST = 100
#: Height in lines from which a text panel has five ticks on its y axis instead of three.
_TICKS = 14
#: Width in columns from which a text panel has five ticks on its x axis instead of three.
_NARROW = 60
#: Easily readable steps between ticks, to be multiplied by a power of ten.
_STEPS = ("1", "2", "2.5", "5")
#: Significant digits that are kept when rounding errors are removed.
_DIGITS = 12
#: Number of axes of a map.
_AXES = 2


class _Matplotlib:
    """Stacked panels that share the x axis."""

    def new(self, chart: Chart) -> Any:
        panels = max(len(chart.y), 1)
        figure = self._figure(panels, (7.0, 1.5 + 2.0 * panels))
        # Names may contain dollar signs, which would begin a formula.
        figure.suptitle(chart.title, parse_math=False)
        figure.axes[-1].set_xlabel(chart.along, parse_math=False)
        for field, panel in zip(chart.y, list(figure.axes), strict=False):
            panel.set_ylabel(chart.across or one_line(field), parse_math=False)
            column = chart.columns[field]
            if chart.across:
                panel.yaxis.set_major_formatter(_formatter(chart.row_column))
                bar = figure.colorbar(_empty_map(panel), ax=panel, format=_formatter(column))
                bar.set_label(one_line(field), parse_math=False)
            else:
                panel.plot([], [], "o-", markersize=3)
                panel.yaxis.set_major_formatter(_formatter(column))
        figure.axes[panels - 1].xaxis.set_major_formatter(_formatter(chart.x_column))
        return figure

    def draw(self, figure: Any, chart: Chart) -> None:
        for values, panel in zip(chart.y.values(), figure.axes, strict=False):
            if chart.across:
                _draw_map(panel, chart, values)
            else:
                panel.lines[0].set_data(chart.x, values)
                panel.relim()
            panel.autoscale_view()
        self._show(figure)

    def draw_above(self, picture: Callable[[str, str], None]) -> None:
        """Do nothing, because figures are shown elsewhere."""

    def _figure(self, panels: int, size: tuple[float, float]) -> Any:
        raise NotImplementedError

    def _show(self, figure: Any) -> None:
        raise NotImplementedError


def _empty_map(panel: Any) -> Any:
    from matplotlib.collections import PolyCollection  # noqa: PLC0415 - optional, and slow

    # Smoothed edges would show as lines between the rectangles.
    return panel.add_collection(PolyCollection([], array=[], linewidths=0, antialiaseds=False))


def _draw_map(panel: Any, chart: Chart, values: list[float]) -> None:
    """Draw each grid point as a rectangle where it was measured; the color shows its value."""
    points = [point for point in zip(chart.x, chart.rows, values, strict=True) if all(map(math.isfinite, point))]
    if not points:
        return
    xs, rows, found = zip(*points, strict=True)
    (down, along) = chart.shape if len(chart.shape) == len(chart.extents) == _AXES else (None, None)
    row_extent, x_extent = chart.extents if down else (None, None)
    corners = [
        [(left, low), (right, low), (right, high), (left, high)]
        for (left, right), (low, high) in zip(
            *spans(Axis(xs, along, x_extent), Axis(rows, down, row_extent)), strict=True
        )
    ]
    rectangles = panel.collections[0]
    rectangles.set_verts(corners)
    rectangles.set_array(found)
    rectangles.autoscale()
    panel.margins(0)
    panel.ignore_existing_data_limits = True  # the first points may have had rectangles of a different size
    panel.update_datalim([corner for each in corners for corner in each])


def _formatter(column: Column) -> Any:
    """A matplotlib formatter that writes tick labels with the same digits as in a table of these values."""
    from matplotlib.ticker import Formatter  # noqa: PLC0415 - optional, and slow

    class Ticks(Formatter):
        def __call__(self, x: float, pos: Any = None) -> str:  # noqa: ARG002 - matplotlib's signature
            return column.now(float(x))

        def format_ticks(self, values: Any) -> list[str]:
            ticks = [_exact(value) for value in values]
            return column.ticks(ticks) if ticks else []

    return Ticks()


class Window(_Matplotlib):
    """Figures in their own windows, which stay open afterwards."""

    period = _WINDOW

    def __init__(self) -> None:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - optional, and slow

        self._plt = plt
        plt.ion()

    def _figure(self, panels: int, size: tuple[float, float]) -> Any:
        figure, _ = self._plt.subplots(panels, 1, sharex=True, figsize=size)
        figure.show()
        return figure

    def _show(self, figure: Any) -> None:
        figure.canvas.draw_idle()
        figure.canvas.flush_events()


class Cell(_Matplotlib):
    """Pictures in the output of a notebook cell; each one replaces the previous one."""

    period = _NOTEBOOK

    def __init__(self) -> None:
        self._handles: dict[int, Any] = {}

    def _figure(self, panels: int, size: tuple[float, float]) -> Any:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow

        # Not a pyplot figure: the inline backend would show it again at the end of the cell.
        figure = Figure(figsize=size, layout="tight")
        figure.subplots(panels, 1, sharex=True)
        return figure

    def _show(self, figure: Any) -> None:
        from IPython.display import Image, display  # noqa: PLC0415 - a terminal does not need it

        picture = BytesIO()
        figure.savefig(picture, format="png")
        image = Image(picture.getvalue())
        if handle := self._handles.get(id(figure)):
            handle.update(image)
        else:
            self._handles[id(figure)] = display(image, display_id=True)


class TextCanvas:
    """Charts drawn with characters, for a terminal without a display. A figure is a list that contains its text."""

    period = _TEXT

    def __init__(self) -> None:
        # plotext 6 uses different names, and it ends the process if a value is not a number.
        import plotext  # noqa: PLC0415 - optional

        self._plt = plotext
        self._picture: Callable[[str, str], None] = _print

    def new(self, chart: Chart) -> list[str]:
        return [chart.title]

    def draw(self, figure: list[str], chart: Chart) -> None:
        width = min(terminal_width() - 1, _WIDEST)
        height = (terminal_height() - _FREE) // max(len(chart.y), 1)
        panels = [self._panel(chart, field, width, min(max(height, _LOWEST), _HIGHEST)) for field in chart.y]
        figure[:] = ["\n".join([chart.title, *panels])]
        self._picture(chart.title, figure[0])

    def draw_above(self, picture: Callable[[str, str], None]) -> None:
        self._picture = picture

    def _panel(self, chart: Chart, field: str, width: int, height: int) -> str:
        if chart.across:
            return heat_map(chart, field, width, height)
        points = [(x, y) for x, y in zip(chart.x, chart.y[field], strict=True) if math.isfinite(x) and math.isfinite(y)]
        plt = self._plt
        plt.clear_figure()
        plt.theme("clear")
        plt.limit_size(False, False)
        plt.plot_size(width, height)
        plt.xlabel(chart.along)
        plt.ylabel(one_line(field))
        if points:
            plt.xticks(*_ticks([x for x, _ in points], 3 if width < _NARROW else 5, chart.x_column))
            plt.yticks(*_ticks([y for _, y in points], 3 if height < _TICKS else 5, chart.columns[field]))
            plt.plot(*map(list, zip(*points, strict=True)), marker="braille")
        return plt.uncolorize(plt.build()).rstrip("\n")


def _ticks(values: list[float], most: int, column: Column) -> tuple[list[float], list[str]]:
    """Round numbers between these values, with their labels. If the values are integers, the ticks are too."""
    low, high = (_exact(value) for value in (min(values), max(values)))
    if low == high:
        return [float(low)], [column.now(float(low))]
    is_whole = all(float(value).is_integer() for value in values)
    step = next(
        step
        for step in _round_steps((high - low) / (most + 1))
        if 1 < len(_multiples(step, low, high)) <= most and not (is_whole and step != step.to_integral_value())
    )
    ticks = [place * step for place in _multiples(step, low, high)]
    return [float(tick) for tick in ticks], column.ticks(ticks)


def _exact(value: float) -> Decimal:
    """The number without its rounding error."""
    return Decimal(f"{value:.{_DIGITS}g}")


def _multiples(step: Decimal, low: Decimal, high: Decimal) -> range:
    """The integers by which a step can be multiplied to stay within an interval."""
    first, last = (low / step).to_integral_value(ROUND_CEILING), (high / step).to_integral_value(ROUND_FLOOR)
    return range(int(first), int(last) + 1)


def _round_steps(least: Decimal) -> Iterator[Decimal]:
    """Easily readable steps in ascending order, starting near this one."""
    for exponent in count(least.adjusted()):
        yield from (Decimal(step).scaleb(exponent) for step in _STEPS)


def canvas(shell: Any) -> Canvas:
    """Return the output for figures in this session.

    Raises
    ------
    NoPlot
        This is a notebook, and matplotlib is not installed.
    """
    is_notebook = hasattr(shell, "kernel")
    if not is_notebook and _has_surely_no_display():
        return TextCanvas()
    try:
        import matplotlib as mpl  # noqa: PLC0415 - optional, and slow
    except ImportError:
        if is_notebook:
            raise NoPlot("Plots need matplotlib: pip install matplotlib") from None
        return TextCanvas()
    backend = str(mpl.get_backend())
    if backend.lower() not in _WITHOUT_WINDOWS and "inline" not in backend:
        return Window()
    return Cell() if is_notebook else TextCanvas()


def _has_surely_no_display() -> bool:
    """Whether windows are impossible. This check avoids importing matplotlib, because that takes a long time."""
    is_open = "matplotlib" in sys.modules or "MPLBACKEND" in os.environ or sys.platform != "linux"
    return not is_open and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _print(_name: str, text: str) -> None:
    print(text)
