"""A plot of the running scan that grows as events arrive."""

import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Protocol

from bluesky_qs.documents import is_number, mapping, text
from bluesky_qs.errors import QSError
from ipython_extension.live.columns import Column
from ipython_extension.live.lines import PermanentLine
from ipython_extension.live.runs import LiveRun, LiveRuns, Reading, RunEnd, one_line

#: Maximum number of panels in a figure. If a plan reads more fields, users name the ones to plot.
_MOST = 4
_LARGEST = 1e300


class NoPlot(QSError):
    """Plotting is not possible here, or there is nothing to plot."""


class Chart:
    """The points of one run: readings against the moved device or the event number; for a grid scan, maps.

    Attributes
    ----------
    along
        The field of the x axis; ``event`` if the plan moves nothing.
    across
        The field of the y axis of maps; empty if the run has none.
    x, rows
        The positions along these axes.
    y
        The values of each plotted field; NaN if an event has none.
    columns
        The columns that set the digits of values and ticks, as in tables: by field, and for both axes.
    shape
        The number of points along ``across`` and along ``along``, if the plan announces them.
    extents
        The first and last positions along these axes, if the plan announces them.
    left_out
        Fields without a panel, because there are too many.
    """

    def __init__(self, run: LiveRun, wanted: Sequence[str]) -> None:
        numbers = [field for field, key in run.keys.items() if is_number(key)]
        if missing := [field for field in wanted if field not in numbers]:
            raise NoPlot(f"{run.name} has no numeric field {', '.join(missing)}. Choose from: {', '.join(numbers)}")
        read = [field for field in run.read if field in numbers]
        fields = list(wanted) or read[:_MOST] or run.along[:1]
        self.left_out = [] if wanted else [one_line(field) for field in read[_MOST:]]
        # In a grid, the last axis moves at each point. On the first axis, all points of a row would coincide.
        axes = run.along[::-1] if run.is_grid else run.along
        moved = [field for field in axes if field in numbers and field not in fields]
        self._moved = moved[0] if moved else ""
        self._across = moved[1] if run.is_grid and len(moved) > 1 else ""
        self.name = run.name
        self.title = f"{run.name}: {run.plan}"
        self.along = one_line(self._moved) or "event"
        self.across = one_line(self._across)
        self.shape = run.shape[-2:]
        self.extents = run.extents[-2:]
        self.x: list[float] = []
        self.rows: list[float] = []
        self.y: dict[str, list[float]] = {field: [] for field in fields}
        self.columns: dict[str, Column] = {
            field: Column(field, run.keys.get(field) or {}, is_moved=field in run.along) for field in fields
        }
        self.x_column, self.row_column = (
            Column(field, run.keys.get(field) or {}, is_moved=True) for field in (self._moved, self._across)
        )

    def add(self, event: Mapping[str, Any]) -> None:
        """Add a point."""
        data = mapping(event.get("data"))
        self.x.append(_number(data.get(self._moved) if self._moved else event.get("seq_num")))
        self.rows.append(_number(data.get(self._across) if self._across else 0.0))
        self.x_column.take(self.x[-1])
        self.row_column.take(self.rows[-1])
        for field, values in self.y.items():
            values.append(_number(data.get(field)))
            self.columns[field].take(values[-1])

    @property
    def has_points(self) -> bool:
        """Whether any point can be drawn."""
        return any(
            isfinite(x) and isfinite(row) and isfinite(y)
            for values in self.y.values()
            for x, row, y in zip(self.x, self.rows, values, strict=True)
        )


class Canvas(Protocol):
    """An output for charts; ``period`` is the time between updates in seconds."""

    period: float

    def new(self, chart: Chart) -> Any:
        """Create a figure for a chart."""
        ...

    def draw(self, figure: Any, chart: Chart) -> None:
        """Show the chart as it is now."""
        ...

    def draw_above(self, picture: Callable[[str, str], None]) -> None:
        """Show text pictures above the progress line with this function, which takes their name and their text."""
        ...


class LivePlot:
    """One figure for each run.

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
        #: All figures that were created, and the runs that they show.
        self.figures: list[Any] = []
        self.names: list[str] = []
        #: Why a run has no figure.
        self.without_numbers: list[str] = []
        #: The fields of a run without a panel.
        self.left_out: list[str] = []
        self._open: dict[int, Chart] = {}
        self._drawn: dict[int, Any] = {}
        self._stale: set[int] = set()
        self._due = 0.0

    def take_document(self, message: Mapping[str, Any], requested: bool) -> None:
        """Process a document. Requested documents are used only if they belong to the plotted item."""
        doc = mapping(message["doc"])
        uid = text(doc.get("uid"))
        if (requested and message["item_uid"] != self._item_uid) or uid in self._seen or not uid:
            return
        self._seen.add(uid)
        match self._runs.take(message["name"], doc):
            case Reading(run, event):
                if id(run) not in self._open:
                    self._open[id(run)] = Chart(run, self._fields)
                self._open[id(run)].add(event)
                self._stale.add(id(run))
            case RunEnd(run, _) if id(run) in self._open:
                self._draw(id(run))
                chart = self._open.pop(id(run))
                if self._drawn.pop(id(run), None) is None:
                    fields = ", ".join(map(one_line, chart.y))
                    of = f": {fields}" if fields else ""
                    self.without_numbers.append(f"{chart.name} has no numbers to plot{of}")
            case _:
                pass

    def show(self, status: Mapping[str, Any]) -> Sequence[PermanentLine]:  # noqa: ARG002 - the documents are enough
        """Draw new points if an update is due. Returns no lines."""
        if time.monotonic() >= self._due:
            self.end()
            self._due = time.monotonic() + self._canvas.period
        return ()

    def end(self) -> None:
        """Draw the new points."""
        for run in list(self._open):
            self._draw(run)

    def _draw(self, run: int) -> None:
        if run not in self._stale:
            return
        self._stale.discard(run)
        chart = self._open[run]
        if run not in self._drawn:
            if not chart.has_points:
                return
            self._drawn[run] = self._canvas.new(chart)
            self.figures.append(self._drawn[run])
            self.names.append(chart.name)
            if chart.left_out:
                fields = ", ".join(chart.left_out)
                self.left_out.append(f"{chart.name} also has {fields} (%qs plot {chart.left_out[0]})")
        self._canvas.draw(self._drawn[run], chart)


def _number(value: Any) -> float:
    # Larger numbers must be errors, and matplotlib cannot plot them.
    return float(value) if isinstance(value, int | float) and abs(value) < _LARGEST else float("nan")
