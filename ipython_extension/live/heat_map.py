"""Grid-scan maps that are drawn with characters."""

from collections.abc import Sequence
from math import isfinite

from ipython_extension.live.plot import Chart
from ipython_extension.live.runs import one_line
from ipython_extension.shown.tables import cells, cut

#: Shades from the lowest to the highest value. Points that are not measured yet are blank.
_SHADES = "·░▒▓█"
#: Maximum number of characters per point, number of lines of an empty map, and number of columns for labels.
_WIDEST, _AROUND, _LABELS = 6, 4, 10


def heat_map(chart: Chart, field: str, width: int, height: int) -> str:
    """Draw a grid scan's field as a map: a shade for the latest value at each point."""
    found = zip(chart.x, chart.rows, chart.y[field], strict=True)
    points = [point for point in found if all(map(isfinite, point))]
    if not points:
        return f"{one_line(field)}: no numbers yet"
    xs, rows, values = zip(*points, strict=True)
    down, along = chart.shape if len(chart.shape) == 2 else (_different(rows), _different(xs))  # noqa: PLR2004 - axes
    columns, lines = min(along, width - _LABELS - 1), min(down, height - _AROUND)
    size = max(min((width - _LABELS - 1) // columns, _WIDEST), 1)
    shades = [[" "] * columns for _ in range(lines)]
    for x, row, value in points:
        shades[-1 - _place(row, rows, lines)][_place(x, xs, columns)] = _SHADES[_place(value, values, len(_SHADES))]
    # Characters are about twice as tall as they are wide.
    tall = max(min((height - _AROUND) // lines, size // 2), 1)
    drawn = ["".join(shade * size for shade in line) for line in shades for _ in range(tall)]
    highest, lowest = (cut(chart.row_column.now(each), _LABELS - 1) for each in (max(rows), min(rows)))
    labels = [highest, *[""] * (len(drawn) - 2), lowest][: len(drawn)]
    body = [f"{label:>{_LABELS - 1}} │{line}" for label, line in zip(labels, drawn, strict=True)]
    low, high = (chart.x_column.now(each) for each in (min(xs), max(xs)))
    gap = max(columns * size - len(low) - len(high), 1)
    name = chart.along if cells(chart.along) < gap - 1 else ""
    rest = gap - cells(name)
    axis = low + " " * (rest // 2) + name + " " * (rest - rest // 2) + high
    below = [f"{'':{_LABELS}}└{'─' * (columns * size)}", f"{'':{_LABELS + 1}}{axis}"]
    if not name:
        below.append(f"{'':{_LABELS + 1}}{chart.along}")
    least, most = (chart.columns[field].now(each) for each in (min(values), max(values)))
    title = f"{one_line(field)}: {_SHADES[0]} {least} … {_SHADES[-1]} {most}, up: {chart.across}"
    return "\n".join(cut(line.rstrip(), width) for line in [title, *body, *below])


def _different(values: Sequence[float]) -> int:
    return len({f"{value:.6g}" for value in values})


def _place(value: float, values: Sequence[float], count: int) -> int:
    """The index of the shade for a value."""
    low, high = min(values), max(values)
    return round((value - low) / (high - low) * (count - 1)) if high > low else 0
