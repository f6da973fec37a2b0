"""Pauses and suspensions in the history and in the details of a plan."""

from ipython_extension.shown.history_view import HistoryView
from ipython_extension.shown.item_views import ItemView


def item(**times):
    result = {"exit_status": "completed", "time_start": 1000.0, "time_stop": 3400.0, **times}
    return {
        "item_type": "plan",
        "name": "count",
        "item_uid": "aaaa-1",
        "user": "me",
        "user_group": "x",
        "result": result,
    }


def test_a_plan_that_was_paused_for_long_says_so():
    paused = item(time_paused=1800.0, time_suspended=60.0)
    assert "took 40 min" in ItemView(paused, ()).text(100)
    assert ", paused for 30 min" in ItemView(paused, ()).text(100)
    assert ", suspended for 1 min" in ItemView(paused, ()).text(100)
    assert "paused for 30 min" in HistoryView({"items": [paused]}, ()).text(100)


def test_short_pauses_are_only_in_the_details():
    paused = item(time_paused=2.0)
    assert "paused for 2" in ItemView(paused, ()).text(100)
    assert "paused" not in HistoryView({"items": [paused]}, ()).text(100)


def test_a_plan_that_was_not_paused_says_nothing():
    assert "paused" not in ItemView(item(), ()).text(100)
