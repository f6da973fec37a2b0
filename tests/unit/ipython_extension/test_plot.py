"""A plot that grows with the documents of a run."""

import math

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from ipython_extension.live.plot import LivePlot, NoPlot, canvas

_NUMBER = {"dtype": "number", "shape": []}


class Paper:
    """Notes how many points are seen at each drawing."""

    period = 0.0

    def __init__(self):
        self.drawings = []

    def new(self, panels, size):
        figure = Figure(figsize=size)
        figure.subplots(panels, 1)
        return figure

    def draw(self, figure):
        self.drawings.append([list(zip(*line.get_data(), strict=True)) for axes in figure.axes for line in axes.lines])


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
    assert plot.figures[0].axes[0].get_xlabel() == "motor"


def test_nothing_is_drawn_anew_without_a_new_point(paper):
    plot = LivePlot(paper)
    feed(plot, *begin("det"), event(1, motor=0.0, det=0.5))
    feed(plot)
    assert len(paper.drawings) == 1


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
    feed(LivePlot(paper), *begin("det"), event(1, motor=0.0, det=None))
    assert math.isnan(paper.drawings[0][0][0][1])


def test_a_document_that_comes_twice_is_drawn_once(paper):
    plot = LivePlot(paper, item_uid="i1")
    feed(plot, *begin("det"), event(1, motor=0.0, det=0.5), requested=True)
    feed(plot, event(1, motor=0.0, det=0.5), event(2, motor=1.0, det=0.7))
    assert [len(drawing[0]) for drawing in paper.drawings] == [1, 2]


def test_documents_of_another_plan_that_was_before_are_not_drawn(paper):
    feed(LivePlot(paper, item_uid="i2"), *begin("det"), event(1, motor=0.0, det=0.5), requested=True)
    assert paper.drawings == []


def test_without_a_display_the_error_gives_a_solution(bare_shell, monkeypatch):
    monkeypatch.setitem(mpl.rcParams, "backend", "agg")
    with pytest.raises(NoPlot, match=r"terminal has no display .*Plots work in a notebook"):
        canvas(bare_shell)
