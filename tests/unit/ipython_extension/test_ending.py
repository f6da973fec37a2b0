"""Plans that are ended at the prompt, and pauses during a wait."""

import pytest

from bluesky_qs.testing import Pause
from ipython_extension.shown.error_rendering import Detached, NotDone
from ipython_extension.shown.status_text import pause_sentence

DONE = {"success": True, "msg": ""}


def changes(manager):
    return [method for method in manager.methods if method.startswith("re_")]


def pause(manager):
    manager.do("re_pause", option="immediate")
    manager.wait_until(lambda status: status["manager_state"] == "paused")


def interrupt(_status):
    raise KeyboardInterrupt


def test_no_other_plan_is_ended_than_the_one_that_ran(qs, running):
    running.worker.on_plan("scan", Pause())
    running.add("scan", ["det1"], "motor", 0, 1, 5)

    def too_late(_params):
        running.worker.proceed()
        return DONE

    running.answers["re_pause"] = too_late
    with pytest.raises(NotDone, match="ended before it could be paused"):
        qs("abort")
    assert changes(running) == ["re_pause"]


def test_ctrl_c_while_it_is_being_paused_ends_nothing(qs, running, at_looks):
    running.answers["re_pause"] = DONE
    at_looks(interrupt)
    with pytest.raises(Detached, match="the plan is pausing"):
        qs("abort")
    assert changes(running) == ["re_pause"]


@pytest.mark.parametrize("line", ["wait", "wait {uid}"])
def test_a_wait_reports_a_pause_once(qs, running, monkeypatch, at_looks, line):
    """The plan is paused during two looks, then it ends."""
    printed = []
    for stage in ("Nowhere", "Terminal"):  # it depends on how the tests are run which one a shell has
        monkeypatch.setattr(
            f"ipython_extension.live.progress_output.{stage}.put", lambda _self, text: printed.append(text)
        )

    def end(_status):
        running.do("re_resume")
        running.wait_until(lambda _: running.worker.is_waiting)
        running.worker.proceed()

    at_looks(None, None, end)
    pause(running)
    qs(line.format(uid=running.do("status")["running_item_uid"]))
    (sentence,) = [text for text in printed if "Paused" in text]
    assert sentence.startswith("Paused at ")
    assert "%qs resume resumes the plan" in sentence


def test_an_interrupted_wait_reports_that_the_queue_is_running(qs, running, at_looks):
    at_looks(None, interrupt)
    with pytest.raises(Detached, match="Stopped watching; the queue is still running"):
        qs("wait")


def test_an_interrupted_wait_reports_that_the_plan_is_paused(qs, running, at_looks):
    """The plan runs when the wait begins."""

    def interrupt_when_paused(status):
        if status.get("manager_state") == "paused":
            raise KeyboardInterrupt

    at_looks(lambda _: pause(running), *[interrupt_when_paused] * 1000)
    with pytest.raises(Detached, match="Stopped watching; the plan is still paused"):
        qs("wait")


def test_the_start_of_a_pause_is_omitted_if_it_is_unknown():
    assert pause_sentence({"running_item_progress": None}).startswith("Paused. %qs resume")
