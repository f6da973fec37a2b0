"""A plot that grows with the documents of a run."""

import math
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ipython_extension.live.canvases import Cell, TextCanvas, _ticks, canvas
from ipython_extension.live.columns import Column
from ipython_extension.live.map_cells import Axis, spans
from ipython_extension.live.plot import LivePlot, NoPlot
from ipython_extension.words.plotting import Drawn

_NUMBER = {"dtype": "number", "shape": []}


class Paper:
    """Notes how many points are seen at each drawing."""

    period = 0.0

    def __init__(self):
        self.drawings = []

    def new(self, chart):
        return chart

    def draw(self, figure, chart):
        assert figure is chart
        self.drawings.append([list(zip(chart.x, values, strict=True)) for values in chart.y.values()])


@pytest.fixture
def paper():
    return Paper()


def begin(*fields, along="motor"):
    dimensions = {"hints": {"dimensions": [[[along], "primary"]]}} if along else {}
    names = [*fields, *([along] if along else [])]
    return [
        ("start", {"uid": "r", "scan_id": 7, "plan_name": "scan", **dimensions}),
        (
            "descriptor",
            {
                "uid": "d",
                "run_start": "r",
                "name": "primary",
                "data_keys": dict.fromkeys(names, _NUMBER) | {"image": {"dtype": "array", "shape": [5, 5]}},
                "object_keys": {name: [name] for name in names},
                "hints": {name: {"fields": [name]} for name in names},
            },
        ),
    ]


def event(number, **data):
    return "event", {"uid": f"e{number}", "descriptor": "d", "seq_num": number, "data": data}


STOP = ("stop", {"uid": "s", "run_start": "r"})


def feed(plot, *documents, requested=False, item="i1"):
    for name, doc in documents:
        plot.take_document({"item_uid": item, "name": name, "doc": doc}, requested)
    plot.show({})


def test_each_point_is_drawn_as_it_comes(paper):
    plot = LivePlot(paper)
    feed(plot, *begin("det"))
    feed(plot, event(1, motor=-1.0, det=0.5))
    feed(plot, event(2, motor=1.0, det=0.7), STOP)
    assert paper.drawings == [[[(-1.0, 0.5)]], [[(-1.0, 0.5), (1.0, 0.7)]]]
    assert plot.names == ["Scan 7"]
    assert plot.figures[0].along == "motor"


def test_nothing_is_drawn_anew_without_a_new_point(paper):
    plot = LivePlot(paper)
    feed(plot, *begin("det"), event(1, motor=0.0, det=0.5))
    feed(plot)
    assert len(paper.drawings) == 1


def test_a_grid_is_drawn_along_the_axis_that_moves_at_each_point(paper):
    start, descriptor = begin("det", "slow", along="fast")
    start[1]["hints"] = {"dimensions": [[["slow"], "primary"], [["fast"], "primary"]]}
    plot = LivePlot(paper, ["det"])
    feed(plot, start, descriptor, event(1, det=0.5, slow=0, fast=1), event(2, det=0.7, slow=0, fast=2))
    assert plot.figures[0].along == "fast"
    assert paper.drawings[-1] == [[(1.0, 0.5), (2.0, 0.7)]]


def test_what_moves_nothing_is_drawn_along_the_event_number(paper):
    feed(LivePlot(paper), *begin("det", along=None), event(3, det=0.5))
    assert paper.drawings == [[[(3.0, 0.5)]]]


def test_each_field_or_only_each_requested_field_has_a_panel(paper):
    feed(LivePlot(paper), *begin("a", "b"), event(1, motor=0.0, a=1.0, b=2.0))
    feed(LivePlot(paper, ["b"]), *begin("a", "b"), event(1, motor=0.0, a=1.0, b=2.0))
    assert [len(drawing) for drawing in paper.drawings] == [2, 1]


def test_a_field_that_cannot_be_drawn_is_refused_with_those_that_can(paper):
    with pytest.raises(NoPlot, match=r"Scan 7 has no numeric field image\. Choose from: det, motor"):
        feed(LivePlot(paper, ["image"]), *begin("det"), event(1, motor=0.0, det=1.0))


def test_a_value_that_was_left_out_is_a_gap(paper):
    feed(LivePlot(paper), *begin("det"), event(1, motor=0.0, det=None), event(2, motor=1.0, det=0.5))
    assert math.isnan(paper.drawings[0][0][0][1])


def test_a_document_that_comes_twice_is_drawn_once(paper):
    plot = LivePlot(paper, item_uid="i1")
    feed(plot, *begin("det"), event(1, motor=0.0, det=0.5), requested=True)
    feed(plot, event(1, motor=0.0, det=0.5), event(2, motor=1.0, det=0.7))
    assert [len(drawing[0]) for drawing in paper.drawings] == [1, 2]


def test_documents_of_another_plan_that_was_before_are_not_drawn(paper):
    feed(LivePlot(paper, item_uid="i2"), *begin("det"), event(1, motor=0.0, det=0.5), requested=True)
    assert paper.drawings == []


def test_a_notebook_has_a_panel_with_the_points_of_each_field(bare_shell):
    plot = LivePlot(Cell())
    feed(plot, *begin("a", "b"), event(1, motor=0.0, a=1.0, b=2.0), event(2, motor=1.0, a=1.5, b=2.5), STOP)
    first, second = plot.figures[0].axes
    assert (first.get_ylabel(), second.get_xlabel()) == ("a", "motor")
    assert [list(map(tuple, line.get_xydata())) for line in second.lines] == [[(0.0, 2.0), (1.0, 2.5)]]


@pytest.mark.parametrize("missing", [None, "matplotlib"])
def test_a_terminal_without_a_display_plots_with_text(bare_shell, monkeypatch, missing):
    monkeypatch.setitem(mpl.rcParams, "backend", "agg")
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    assert isinstance(canvas(bare_shell), TextCanvas)


def test_a_plot_made_of_text_shows_axes_and_points_and_no_gaps(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    pictures = []
    place = TextCanvas()
    place.draw_above(lambda name, text: pictures.append((name, text)))
    plot = LivePlot(place)
    feed(
        plot, *begin("det"), event(1, motor=-1.0, det=0.5), event(2, motor=0.0, det=None), event(3, motor=1.0, det=0.9)
    )
    ((name, text),) = pictures
    lines = text.split("\n")
    assert name == lines[0] == "Scan 7: scan"
    assert {"det", "motor"} <= set(lines[-1].split())
    assert max(map(len, lines)) < 80
    assert any(0x2800 < ord(char) < 0x2900 for char in text)
    assert plot.figures == [[text]]


def test_a_run_without_any_field_has_a_whole_sentence(paper):
    plot = LivePlot(paper)
    feed(plot, *begin(along=None), event(1), STOP)
    assert Drawn(plot).text(80) == "Scan 7 has no numbers to plot."


def test_a_run_without_numbers_has_no_empty_frame_but_a_sentence(paper):
    plot = LivePlot(paper)
    feed(plot, *begin("det"), event(1, motor=0.0, det=None), event(2, motor=1.0, det=float("nan")))
    assert (plot.figures, plot.without_numbers) == ([], [])
    feed(plot, STOP)
    assert paper.drawings == []
    assert plot.without_numbers == ["Scan 7 has no numbers to plot: det"]
    assert Drawn(plot).text(80) == "Scan 7 has no numbers to plot: det."


def test_a_figure_comes_with_the_first_number(paper):
    plot = LivePlot(paper)
    feed(plot, *begin("det"), event(1, motor=0.0, det=None))
    feed(plot, event(2, motor=1.0, det=0.5), STOP)
    assert len(plot.figures) == len(paper.drawings) == 1
    assert Drawn(plot).text(80) == "Plotted scan 7."


def test_plotext_is_imported_only_for_a_plot():
    code = "import sys, ipython_extension.live.canvases; sys.exit('plotext' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def labeled(values, most, key=None):
    column = Column("det", key or {}, is_moved=False)
    for value in values:
        column.take(value)
    return _ticks(values, most, column)


def test_the_axes_of_a_figure_have_the_digits_of_a_table(bare_shell):
    plot = LivePlot(Cell())
    start, (kind, document) = begin("det")
    keys = {**document["data_keys"], "det": {**_NUMBER, "precision": 3}}
    events = [event(n, motor=float(n), det=n * 1e-4) for n in range(1, 4)]
    feed(plot, start, (kind, {**document, "data_keys": keys}), *events, STOP)
    (panel,) = plot.figures[0].axes
    plot.figures[0].draw_without_rendering()
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels
    assert all("e-0" in label for label in labels)
    assert panel.yaxis.get_offset_text().get_text() == ""
    assert {"1.00", "2.00", "3.00"} <= {label.get_text() for label in panel.get_xticklabels()}


def test_the_labels_of_a_text_plot_are_short_for_very_small_numbers():
    ticks, labels = labeled([1e-31, 3e-31, 2e-31], 3)
    assert ticks == pytest.approx([1e-31, 2e-31, 3e-31])
    assert labels == ["1e-31", "2e-31", "3e-31"]
    assert labeled([5.0], 3) == ([5.0], ["5"])


@pytest.mark.parametrize(
    ("values", "most", "labels"),
    [
        ([1.0, 5.0, 3.0], 5, ["1", "2", "3", "4", "5"]),
        ([1.0, 7.0], 5, ["2", "4", "6"]),
        ([1.0, 2.0], 5, ["1", "2"]),  # there is no event 1.5
        ([0.0, 1001.0], 5, ["0", "250", "500", "750", "1000"]),
        ([0.1, 0.30000000000000004], 5, ["0.10", "0.15", "0.20", "0.25", "0.30"]),
        ([-1.5, 1.5], 5, ["-1", "0", "1"]),
        ([123456.7, 123456.9], 3, ["123456.7", "123456.8", "123456.9"]),
        ([0.0, 1e300], 3, ["0", "5e+299", "1e+300"]),
        ([3.0, 3.0, 3.0], 5, ["3"]),
        ([123456.7, 123456.7], 5, ["123457"]),  # as in a table
        ([0.011108996, 0.011108996], 5, ["0.011109"]),
    ],
)
def test_ticks_are_round_numbers_and_whole_for_whole_numbers(values, most, labels):
    assert labeled(values, most)[1] == labels


@pytest.mark.parametrize(
    ("values", "key", "labels"),
    [
        ([0.0001, 0.0003], {"precision": 3}, ["1.0e-04", "1.5e-04", "2.0e-04", "2.5e-04", "3.0e-04"]),
        ([0.0001, 0.0003], {}, ["0.00010", "0.00015", "0.00020", "0.00025", "0.00030"]),
        ([0.0001, 1.0], {"precision": 3}, ["0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.00001, 0.00003], {}, ["1.0e-05", "1.5e-05", "2.0e-05", "2.5e-05", "3.0e-05"]),
    ],
)
def test_ticks_have_exponents_if_the_values_have_them_in_a_table(values, key, labels):
    assert labeled(values, 5, key)[1] == labels


def test_a_text_plot_of_constant_data_has_one_tick_at_its_value_and_whole_event_numbers():
    place = TextCanvas()
    place.draw_above(lambda _name, _text: None)
    plot = LivePlot(place)
    feed(plot, *begin("det", along=""), *(event(number, det=7.0) for number in (1, 2)))
    shown = plot.figures[0][0].splitlines()
    assert [line.split("┤")[0] for line in shown if "┤" in line] == ["7"]
    assert shown[-2].split() == ["1", "2"]


def test_readings_without_a_panel_are_named(paper):
    plot = LivePlot(paper)
    readings = dict.fromkeys("abcdef", 1.0)
    feed(plot, *begin(*readings), event(1, motor=0.0, **readings), STOP)
    assert len(paper.drawings[0]) == 4
    assert Drawn(plot).text(80) == "Plotted scan 7.\nScan 7 also has e, f (%qs plot e)."


def grid(shape=(2, 3)):
    (start, document), descriptor = begin("det", "slow")
    dimensions = [[["slow"], "primary"], [["motor"], "primary"]]
    points = [(row, column) for row in range(2) for column in range(3)]
    return [
        (start, {**document, "hints": {"dimensions": dimensions}, **({"shape": shape} if shape else {})}),
        descriptor,
        *(event(n, slow=float(row), motor=float(column), det=float(n)) for n, (row, column) in enumerate(points)),
        STOP,
    ]


@pytest.mark.parametrize("shape", [(2, 3), None])
def test_a_grid_is_a_map_in_text(monkeypatch, shape):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    pictures = []
    place = TextCanvas()
    place.draw_above(lambda _name, text: pictures.append(text))
    feed(LivePlot(place, ["det"]), *grid(shape))
    lines = pictures[-1].split("\n")
    assert lines[1] == "det: · 0 … █ 5, up: slow"
    rows = [line.partition("│")[2] for line in lines if "│" in line]
    assert (rows[0], rows[-1]) == ("▒" * 6 + "▓" * 6 + "█" * 6, "·" * 6 + "░" * 6 + "▒" * 6)
    assert lines[-1].split() == ["0", "motor", "2"]


def test_a_grid_is_a_map_in_a_notebook(bare_shell):
    plot = LivePlot(Cell(), ["det"])
    feed(plot, *grid())
    panel, bar = plot.figures[0].axes
    assert (panel.get_xlabel(), panel.get_ylabel(), bar.get_ylabel()) == ("motor", "slow", "det")
    (cells,) = panel.collections
    corners = [path.get_extents().extents.tolist() for path in cells.get_paths()]
    assert corners[:4] == [[-0.5, -0.5, 0.5, 0.5], [0.5, -0.5, 1.5, 0.5], [1.5, -0.5, 2.5, 0.5], [-0.5, 0.5, 0.5, 1.5]]
    assert list(cells.get_array()) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert (panel.get_xlim(), panel.get_ylim()) == ((-0.5, 2.5), (-0.5, 1.5))


def test_a_map_in_a_notebook_has_no_gaps_between_its_points(bare_shell):
    plot = LivePlot(Cell(), ["det"])
    feed(plot, *grid())
    figure = plot.figures[0]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (left, low), (right, high) = figure.axes[0].get_window_extent().get_points().round().astype(int)
    pixels = np.asarray(canvas.buffer_rgba())
    height = len(pixels)
    inside = pixels[height - high + 5 : height - low - 5, left + 5 : right - 5].reshape(-1, 4)
    assert len(np.unique(inside, axis=0)) == 6  # a color for each point, and no background


@pytest.mark.parametrize("jitter", [0.0, 0.03])
def test_rectangles_of_a_grid_that_is_being_measured_touch_each_other(jitter):
    shifts = [jitter * (-1) ** n for n in range(5)]
    x = Axis([0.0 + shifts[0], 0.1 + shifts[1] / 10, 0.3, 0.0, 0.1 - shifts[2] / 10], 3, (0.0, 0.3))
    y = Axis([0.0, 0.0, 0.0, 2.0, 2.0], 5, (0.0, 8.0))
    across, up = spans(x, y)
    assert across[0][1] == across[1][0]
    assert across[1][1] == across[2][0]
    assert across[:2] == across[3:]
    assert up == [(-1.0, 1.0)] * 3 + [(1.0, 3.0)] * 2


def test_the_first_row_of_a_grid_has_the_height_that_the_plan_announces_or_any():
    x = Axis([0.0, 1.0], 2, (0.0, 1.0))
    assert spans(x, Axis([5.0, 5.0], 3, (5.0, 9.0)))[1] == [(4.0, 6.0)] * 2
    assert spans(x, Axis([5.0, 5.0]))[1] == [(4.5, 5.5)] * 2
    assert spans(Axis([1.0]), Axis([2.0])) == ([(0.5, 1.5)], [(1.5, 2.5)])


def test_points_that_are_on_no_grid_have_rectangles_of_one_size():
    x, y = [0.0, 1.0, 4.0, 9.0], [9.0, 3.0, 1.0, 0.0]
    across, up = spans(Axis(x), Axis(y))
    assert {high - low for low, high in [*across, *up]} == {4.5}
