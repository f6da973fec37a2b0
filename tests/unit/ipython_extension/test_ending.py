"""Plans that are ended at the prompt, and pauses that somebody who waits is told of."""

import pytest

from ipython_extension.shown.error_rendering import Detached, NotDone
from ipython_extension.shown.status_text import pause_sentence


@pytest.fixture
def running(fake):
    """A plan that runs; it pauses when it is asked to."""
    fake.running = fake.plan("count", "uid-aaaa", ["det1"])
    fake.status |= {"manager_state": "executing_queue", "re_state": "running"}

    def pause(_params):
        fake.status |= {"manager_state": "paused", "re_state": "paused"}
        return {}

    fake.answers["re_pause"] = pause
    return fake


def changes(fake):
    return [name for name, _ in fake.requests if name.startswith("re_")]


def test_no_other_plan_is_ended_than_the_one_that_ran(qs, running):
    def pause(_params):
        running.running = running.plan("scan", "uid-bbbb")
        running.status |= {"manager_state": "paused", "re_state": "paused"}
        return {}

    running.answers["re_pause"] = pause
    with pytest.raises(NotDone, match="had ended before it could be paused"):
        qs("abort")
    assert changes(running) == ["re_pause"]


def test_ctrl_c_while_it_is_being_paused_ends_nothing(qs, running, monkeypatch):
    running.answers["re_pause"] = {}

    def interrupted(_self, _seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("bluesky_qs.client.info.StatusFeed.next_status", interrupted)
    with pytest.raises(Detached, match="the plan pauses"):
        qs("abort")
    assert changes(running) == ["re_pause"]


@pytest.mark.parametrize("line", ["wait", "wait uid-a"])
def test_who_waits_is_told_of_a_pause_once(qs, running, monkeypatch, line):
    """The plan is paused during two looks, then it ends."""
    told = []
    for stage in ("Nowhere", "Terminal"):  # it depends on how the tests are run which one a shell has
        monkeypatch.setattr(
            f"ipython_extension.live.progress_output.{stage}.put", lambda _self, text: told.append(text)
        )
    looks = iter(["paused", "paused", "idle"])

    def next_status(_self, _seconds):
        state = next(looks)
        running.status |= {"manager_state": state, "re_state": state}
        if state == "idle":
            result = {"exit_status": "completed", "time_start": 1.0, "time_stop": 2.0}
            running.history.append(running.running | {"result": result})
            running.running = {}
        return {**running.status, "running_item_uid": running.running.get("item_uid")}

    running.status |= {"running_item_progress": {"events": 1, "paused_since": 50.0}}
    monkeypatch.setattr("bluesky_qs.client.info.StatusFeed.next_status", next_status)
    qs(line)
    (sentence,) = [text for text in told if "is paused" in text]
    assert sentence.startswith("The plan is paused since ")
    assert "%qs resume goes on" in sentence


@pytest.mark.parametrize(
    ("state", "said"), [("paused", "the plan stays paused"), ("executing_queue", "the queue goes on")]
)
def test_who_stops_waiting_is_told_what_holds_then(qs, running, monkeypatch, state, said):
    """The plan runs when the wait begins."""
    looks = iter([state])

    def next_status(_self, _seconds):
        for each in looks:
            return {**running.status, "manager_state": each, "running_item_uid": "uid-aaaa"}
        raise KeyboardInterrupt

    monkeypatch.setattr("bluesky_qs.client.info.StatusFeed.next_status", next_status)
    with pytest.raises(Detached, match=f"No longer waiting; {said}"):
        qs("wait")


def test_since_when_a_plan_is_paused_is_left_out_where_it_is_not_told():
    assert pause_sentence({"running_item_progress": None}).startswith("The plan is paused: %qs resume")
