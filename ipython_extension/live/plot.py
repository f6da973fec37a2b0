"""A plot of the running scan that grows as events arrive; needs matplotlib."""

import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol

from bluesky_qs.documents import is_number, mapping, text
from bluesky_qs.errors import QSError
from ipython_extension.live.runs import LiveRun, LiveRuns, Reading, RunEnd, one_line

#: Seconds between updates: in a notebook each one sends a picture to the browser.
_TERMINAL, _NOTEBOOK = 0.1, 0.5
#: Most panels in a figure; users name the fields of a plan that reads more.
_MOST = 4
_LARGEST = 1e300


class NoPlot(QSError):
    """There is no matplotlib, no display, or nothing to plot."""


class Canvas(Protocol):
    """The output for figures: a notebook or windows."""

    period: float

    def new(self, panels: int, size: tuple[float, float]) -> Any:
        """Create a figure with stacked panels that share the x axis."""
        ...

    def draw(self, figure: Any) -> None:
        """Show the figure as it is now."""
        ...


class LivePlot:
    """One figure for each run: readings against the moved devices, or against the event number.

    Parameters
    ----------
    fields
        The fields to plot; if empty, all numeric fields in the devices' hints.
    """

    def __init__(self, canvas: Canvas, fields: Sequence[str] = (), *, item_uid: str | None = None) -> None:
        self._canvas = canvas
        self._fields = fields
        self._item_uid = item_uid
        self._runs = LiveRuns()
        self._seen: set[str] = set()
        #: All figures that were made, and the runs that they show.
        self.figures: list[Any] = []
        self.names: list[str] = []
        self._open: dict[int, _Figure] = {}
        self._due = 0.0

    def take_document(self, message: Mapping[str, Any], requested: bool) -> None:
        """Take a document. Requested documents are used only if they belong to the plotted item."""
        doc = mapping(message["doc"])
        uid = text(doc.get("uid"))
        if (requested and message["item_uid"] != self._item_uid) or uid in self._seen or not uid:
            return
        self._seen.add(uid)
        match self._runs.take(message["name"], doc):
            case Reading(run, event):
                self._figure(run).add(event)
            case RunEnd(run, _) if id(run) in self._open:
                self._open.pop(id(run)).draw(self._canvas)
            case _:
                pass

    def show(self, status: Mapping[str, Any]) -> str:  # noqa: ARG002 - the documents are enough
        """Draw new points if it is time to. There is nothing to print."""
        if time.monotonic() >= self._due:
            self.end()
            self._due = time.monotonic() + self._canvas.period
        return ""

    def end(self) -> None:
        """Draw the new points."""
        for figure in self._open.values():
            figure.draw(self._canvas)

    def _figure(self, run: LiveRun) -> "_Figure":
        if id(run) not in self._open:
            figure = self._open[id(run)] = _Figure(run, self._fields, self._canvas)
            self.figures.append(figure.figure)
            self.names.append(run.name)
        return self._open[id(run)]


class _Figure:
    """The panels of one run."""

    def __init__(self, run: LiveRun, wanted: Sequence[str], canvas: Canvas) -> None:
        numbers = [field for field, key in run.keys.items() if is_number(key)]
        if missing := [field for field in wanted if field not in numbers]:
            raise NoPlot(f"{run.name} has no numeric field {', '.join(missing)}. Choose from: {', '.join(numbers)}")
        self.fields = list(wanted) or [field for field in run.read if field in numbers][:_MOST] or run.along[:1]
        self._along = next((field for field in run.along if field in numbers and field not in self.fields), "")
        self._x: list[float] = []
        self._y: dict[str, list[float]] = {field: [] for field in self.fields}
        self._is_stale = True
        panels = max(len(self.fields), 1)
        self.figure = canvas.new(panels, (7.0, 1.5 + 2.0 * panels))
        # Names may contain dollar signs, which would begin a formula.
        self.figure.suptitle(f"{run.name}: {run.plan}", parse_math=False)
        self._lines = []
        for field, panel in zip(self.fields, self.figure.axes, strict=False):
            self._lines += panel.plot([], [], "o-", markersize=3)
            panel.set_ylabel(one_line(field), parse_math=False)
        self.figure.axes[-1].set_xlabel(one_line(self._along) or "event", parse_math=False)

    def add(self, event: Mapping[str, Any]) -> None:
        """Add a point."""
        data = mapping(event.get("data"))
        along = data.get(self._along) if self._along else event.get("seq_num")
        self._x.append(_number(along))
        for field, values in self._y.items():
            values.append(_number(data.get(field)))
        self._is_stale = True

    def draw(self, canvas: Canvas) -> None:
        """Put the new points into the panels and show them."""
        if not self._is_stale:
            return
        self._is_stale = False
        for line, field in zip(self._lines, self.fields, strict=True):
            line.set_data(self._x, self._y[field])
            line.axes.relim()
            line.axes.autoscale_view()
        canvas.draw(self.figure)


class Window:
    """Figures in their own windows, which stay open afterwards."""

    period = _TERMINAL

    def __init__(self) -> None:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - optional, and slow

        self._plt = plt
        plt.ion()

    def new(self, panels: int, size: tuple[float, float]) -> Any:
        figure, _ = self._plt.subplots(panels, 1, sharex=True, figsize=size)
        figure.show()
        return figure

    def draw(self, figure: Any) -> None:
        figure.canvas.draw_idle()
        figure.canvas.flush_events()


class Cell:
    """Pictures in the output of a notebook cell; each one replaces the previous one."""

    period = _NOTEBOOK

    def __init__(self) -> None:
        self._handles: dict[int, Any] = {}

    def new(self, panels: int, size: tuple[float, float]) -> Any:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow

        # Not pyplot's: the inline backend would show those again at the end of the cell.
        figure = Figure(figsize=size, layout="tight")
        figure.subplots(panels, 1, sharex=True)
        return figure

    def draw(self, figure: Any) -> None:
        from IPython.display import Image, display  # noqa: PLC0415 - a terminal does without

        picture = BytesIO()
        figure.savefig(picture, format="png")
        image = Image(picture.getvalue())
        if handle := self._handles.get(id(figure)):
            handle.update(image)
        else:
            self._handles[id(figure)] = display(image, display_id=True)


def canvas(shell: Any) -> Canvas:
    """Return the output for the figures of this session.

    Raises
    ------
    NoPlot
        matplotlib is not installed or has no display.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - optional, and slow
    except ImportError:
        raise NoPlot("Plots need matplotlib: pip install matplotlib") from None
    backend = str(mpl.get_backend())
    is_without_windows = backend.lower() in _WITHOUT_WINDOWS or "inline" in backend
    if hasattr(shell, "kernel"):
        return Cell() if is_without_windows else Window()
    if is_without_windows:
        raise NoPlot(f"This terminal has no display (matplotlib uses {backend}; ssh -X?). Plots work in a notebook.")
    return Window()


#: Backends that write to memory or files.
_WITHOUT_WINDOWS = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})


def _number(value: Any) -> float:
    # Larger numbers are mistakes, and the axes of matplotlib cannot hold them.
    return float(value) if isinstance(value, int | float) and abs(value) < _LARGEST else float("nan")
