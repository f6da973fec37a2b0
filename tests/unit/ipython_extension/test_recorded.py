"""Plots and tables of plans that have ended."""

import pytest
from IPython.core.error import UsageError

from bluesky_qs.errors import QSError
from bluesky_qs.testing import Measure, Wait
from ipython_extension.session import recorded as fetching


@pytest.fixture
def measured(opened):
    """A manager whose history has a plan with 3 points of ``det``, one with 25 of ``mono``, and one without any."""
    for step in (Measure({"det": 1.5}, 3), Measure({"mono": 7.25}, 25), None):
        opened.worker.on_plan("count", *([step] if step else []))
        opened.add("count", ["det1"])
        opened.do("queue_start")
        opened.wait_idle()
    return opened


def test_a_plan_of_the_history_is_plotted(qs, measured):
    drawn = qs("plot 0")
    assert drawn.text(80) == "Plotted scan 1."
    assert "det" in drawn[0][0]
    assert qs("plot -2 mono").names == ["Scan 2"]
    uid = measured.do("history_get")["items"][0]["item_uid"]
    assert qs(f"plot {uid[:13]} det").names == ["Scan 1"]


def test_a_plan_without_points_says_so(qs, measured):
    qs("history")
    with pytest.raises(QSError, match=r"count\(.*\) has no readings to plot"):
        qs("plot -1")
    with pytest.raises(QSError, match=r"count\(.*\) has no readings$"):
        qs("table -1")


def test_an_older_plan_without_points_is_named_like_the_newest(qs, measured):
    """Also if no table of the history was shown before."""
    with pytest.raises(QSError, match=r"count\(.*\) has no readings to plot"):
        qs("plot -1")
    measured.worker.on_plan("count")
    measured.add("count", ["det1"])
    measured.do("queue_start")
    measured.wait_idle()
    with pytest.raises(QSError, match=r"count\(.*\) has no readings to plot"):
        qs("plot -2")


def test_the_table_of_a_plan_shows_its_points_and_is_a_list_of_them(qs, measured):
    table = qs("table 0")
    heading, *lines = table.text(80).splitlines()
    assert heading.startswith("count([det1]): completed at ")
    assert table.html().index("completed at") < table.html().index("Scan 1")
    assert lines[0].startswith("Scan 1: count, 3 points, started ")
    assert lines[1].split() == ["#", "time", "det"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]
    assert {key: table[0][key] for key in ("scan_id", "seq_num", "det")} == {"scan_id": 1, "seq_num": 1, "det": 1.5}


def test_of_a_long_table_the_latest_rows_are_shown(qs, measured):
    lines = qs("table -2 -n 4").text(80).splitlines()[1:]
    assert lines[0].startswith("Scan 2")
    assert lines[2] == "      …  21 earlier points (-n N shows more)"
    assert [line.split()[0] for line in lines[3:]] == ["22", "23", "24", "25"]
    assert len(qs("table -2 -n 30").text(80).splitlines()) == 28
    assert len(qs("table -2")) == 25


def test_all_pages_are_fetched(qs, measured, monkeypatch):
    monkeypatch.setattr(fetching, "_PAGE", 4)
    assert [row["seq_num"] for row in qs("table -2")] == list(range(1, 26))
    monkeypatch.setattr(fetching, "_MOST", 8)
    table = qs("table -2")
    assert [row["seq_num"] for row in table] == list(range(18, 26))
    assert table.text(80).splitlines()[-1] == "Only the latest 8 points are shown."


def test_the_table_of_a_running_plan_has_its_points_so_far(qs, opened):
    opened.worker.on_plan("count", Measure(num=2), Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    table = qs("table")
    assert len(table) == 2
    assert table.text(80).startswith("Scan 1: ")


def test_the_last_plan_is_the_one_that_ended_last_although_an_older_table_was_shown(qs, measured):
    qs("history")
    measured.worker.on_plan("scan", Measure({"late": 2.5}, 2))
    measured.add("scan", ["det1"])
    measured.do("queue_start")
    measured.wait_idle()
    assert list(qs("table -1")[0])[-1] == "late"
    assert qs("plot -1").names == ["Scan 3"]
    for line in ("table", "table -1"):
        assert qs(line).text(80).startswith("scan([det1]): completed at ")


def test_what_is_not_kept_is_mentioned(qs, measured):
    reply = measured.do("documents_get", item_uid=measured.do("history_get")["items"][0]["item_uid"])
    next(each for each in reply["documents"] if each["name"] == "event")["omitted"] = ["det_image"]
    measured.answers["documents_get"] = {**reply, "missing": 7}
    table = qs("table 0")
    notes = ["The service has not kept 7 points of this plan.", "Images and long arrays are not kept: det_image."]
    assert table.text(80).splitlines()[-2:] == notes
    assert all(note in table.html() for note in notes)
    assert qs("plot 0 det").text(80).splitlines() == ["Plotted scan 1.", notes[0]]


def test_an_item_that_is_no_longer_kept_says_so(qs, measured):
    refusal = "The data of this item are no longer here"
    measured.answers["documents_get"] = {"success": False, "msg": refusal, "documents": []}
    for command in ("plot 0", "table 0"):
        with pytest.raises(QSError, match=refusal):
            qs(command)


def test_what_is_no_item_is_pointed_at(qs, measured):
    with pytest.raises(UsageError, match="position or uid"):
        qs("table det")
    with pytest.raises(UsageError, match="has no item 7"):
        qs("plot 7")
