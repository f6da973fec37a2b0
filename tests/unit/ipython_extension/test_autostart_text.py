"""Sentences about autostart, from events and a status alone."""

import pytest

from ipython_extension.shown import autostart_text


def events(*types, at=70.0, **fields):
    return [{"type": kind, "time": at, "enabled": False, **fields} for kind in types]


def test_only_the_last_change_counts_and_only_if_it_switched_autostart_off():
    on = {"type": "autostart_changed", "time": 80.0, "enabled": True}
    before, change = events("queue_changed", at=60.0), events("item_ended", "autostart_changed")
    assert autostart_text.last_switch_off([*before, *change]) == change
    assert autostart_text.last_switch_off([*change, on]) == []
    assert autostart_text.last_switch_off([]) == []


@pytest.mark.parametrize(("exit_status", "how"), [("failed", "failed"), ("aborted", "was aborted")])
def test_a_plan_that_ended_badly_is_named(exit_status, how):
    change = events("item_ended", "autostart_changed", exit_status=exit_status)
    assert autostart_text.failed_plan(change) is change[0]
    (sentence,) = autostart_text.switched_off(change, "count([det1])")
    assert f"when count([det1]) {how}. To switch it on: %qs autostart on." in sentence
    assert f"when a plan {how}." in autostart_text.switched_off(change, "")[0]


def test_a_stopped_queue_is_the_reason_when_the_plan_completed():
    change = events("item_ended", "queue_stop_pending_changed", "autostart_changed", exit_status="completed")
    assert autostart_text.failed_plan(change) is None
    assert "when the queue was stopped" in autostart_text.switched_off(change, "")[0]


def test_a_user_who_switched_it_off_needs_no_explanation():
    assert autostart_text.switched_off(events("autostart_changed"), "") == []
