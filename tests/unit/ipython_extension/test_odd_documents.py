"""Documents, hints and metadata of any shape: no display breaks."""

import json
import unicodedata

import matplotlib as mpl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bluesky_qs.documents import Dimensions, Reader, hinted_fields
from bluesky_qs.worker.observe import Observer
from bluesky_qs.worker.report import Reports
from ipython_extension.live.canvases import Cell, TextCanvas
from ipython_extension.live.live_table import Live
from ipython_extension.live.plot import LivePlot
from ipython_extension.shown.status_text import Bar, progress_text

_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["motor", "det"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NUMBER = {"dtype": "number", "shape": [], "precision": 3}
_START = {"uid": "r", "scan_id": 7, "plan_name": "scan", "time": 1.0e9, "num_points": 2, "motors": ["motor"],
          "hints": {"dimensions": [[["motor"], "primary"]]}}  # fmt: skip
_DESCRIPTOR = {"uid": "d", "run_start": "r", "name": "primary", "data_keys": {"motor": _NUMBER, "det": _NUMBER},
               "object_keys": {"motor": ["motor"], "det": ["det"]},
               "hints": {"motor": {"fields": ["motor"]}, "det": {"fields": ["det"]}}}  # fmt: skip
_EVENT = {"uid": "e", "descriptor": "d", "seq_num": 1, "time": 1.0e9, "data": {"motor": 1.0, "det": 2.0}}
_STOP = {"uid": "s", "run_start": "r", "exit_status": "fail", "reason": "no beam"}


@st.composite
def _bent(draw, document):
    """The document with one part replaced by anything, or left out; at any depth."""
    bent = json.loads(json.dumps(document))
    part = bent
    while True:
        keys = list(part) if isinstance(part, dict) else range(len(part))
        key = draw(st.sampled_from(list(keys)))
        if isinstance(part[key], dict | list) and part[key] and draw(st.booleans()):
            part = part[key]
        elif isinstance(part, dict) and draw(st.booleans()):
            del part[key]
            return bent
        else:
            part[key] = draw(_ODD)
            return bent


_RUN = st.tuples(
    *(
        st.tuples(st.just(name), st.just(document) | _bent(document) | (_ODD if name == "event" else st.nothing()))
        for name, document in [
            ("start", _START), ("descriptor", _DESCRIPTOR), ("event", _EVENT), ("event", _EVENT | {"uid": "e2"}),
            ("stop", _STOP),
        ]
    )
)  # fmt: skip
_quick = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])


def _message(name, document):
    return {"time": 0.0, "item_uid": "item", "name": name, "doc": document}


class Paper(Cell):
    """Draws every figure, and shows none."""

    period = 0.0

    def _show(self, figure):
        FigureCanvasAgg(figure).draw()


def _controls(text):
    """The characters that control a terminal or break a line."""
    return [char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]


def _text():
    canvas = TextCanvas()
    canvas.draw_above(lambda _name, _text: None)
    return canvas


@_quick
@given(_RUN, st.integers(20, 120))
def test_the_live_table_prints_lines_for_any_documents(run, width):
    live = Live(width, item_uid="item")
    for name, document in run:
        live.take_document(_message(name, document), False)
    for line in live.show({"running_item_uid": "item"}):
        assert not _controls(line.printed)
        assert not _controls(line.now())


@pytest.mark.parametrize("canvas", [Paper, _text])
@settings(_quick, max_examples=25)
@given(run=_RUN)
def test_the_plot_draws_any_documents(canvas, run):
    with mpl.rc_context({"axes.unicode_minus": False}):
        plot = LivePlot(canvas(), item_uid="item")
        for name, document in run:
            plot.take_document(_message(name, document), False)
        plot.end()


def test_a_name_with_dollar_signs_is_no_formula():
    plot = LivePlot(Paper(), item_uid="item")
    start = {**_START, "plan_name": r"$\frac$"}
    for name, document in [("start", start), ("descriptor", _DESCRIPTOR), ("event", _EVENT), ("stop", _STOP)]:
        plot.take_document(_message(name, document), False)
    assert len(plot.figures) == 1


@_quick
@given(_RUN)
def test_any_documents_have_a_place_or_none(run):
    reader = Reader()
    for name, document in run:
        if isinstance(document, dict):
            place = reader.place(name, document)
            assert place is None or isinstance(place.stream, str)


@_quick
@given(_bent(_START), _bent(_DESCRIPTOR))
def test_any_hints_have_dimensions_and_fields(start, descriptor):
    along, read = Dimensions(start).fields(descriptor)
    assert all(isinstance(field, str) for field in [*along, *read, *hinted_fields(descriptor)])


@_quick
@given(_bent(_START).filter(lambda start: isinstance(start.get("uid"), str)))
def test_the_worker_reports_progress_that_can_be_sent_for_any_start_document(start):
    sent = []

    class Noted(Reports):
        def progress(self, progress):
            sent.append(progress.num_points)

    observer = Observer("item", Noted())
    for name, document in [
        ("start", start),
        ("descriptor", _DESCRIPTOR | {"run_start": start["uid"]}),
        ("event", _EVENT),
    ]:
        observer(name, document)
    assert all(points is None or 0 < points < 10**12 for points in sent)
    assert len(sent) == bool(start["uid"])


@_quick
@given(
    st.integers(0, 2**70), st.none() | st.integers(0, 2**70), st.floats(0, 1e12), st.floats(0, 1e9), st.integers(8, 200)
)
def test_any_progress_has_a_line(events, total, since, paused, width):
    progress = {"events": events, "num_points": total, "time_start": since, "time_paused": paused}
    status = {"manager_state": "executing_queue", "running_item_uid": "item", "running_item_progress": progress}
    assert progress_text(status).isprintable()
    assert Bar.of(status, "count()").text(width).isprintable()


@pytest.mark.parametrize("hints", [5, "motor", ["motor"], {"dimensions": 3}, {"dimensions": [["motor"]]}])
def test_without_usable_hints_the_motors_of_the_start_document_count(hints):
    assert Dimensions({**_START, "hints": hints}).fields(_DESCRIPTOR) == (["motor"], ["det"])
