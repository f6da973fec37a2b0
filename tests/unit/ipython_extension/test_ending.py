"""Plans that are ended at the prompt, and pauses during a wait."""

import re

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import RequestTimeoutError, WaitTimeoutError
from bluesky_qs.client.following import Following
from bluesky_qs.testing import Measure, Pause, Release, Suspend, Wait
from ipython_extension.shown.error_rendering import Detached, NotDone
from ipython_extension.shown.status_text import is_suspended, pause_sentence

pytestmark = pytest.mark.over_http_too

DONE = {"success": True, "msg": ""}


def changes(manager):
    return [method for method in manager.methods if method.startswith("re_")]


def pause(manager, **who):
    manager.do("re_pause", option="immediate", **who)
    manager.wait_until(lambda status: status["manager_state"] == "paused")


def is_running(status):
    """Whether the status that was looked at last is that of a plan that goes ahead."""
    return status.get("manager_state") == "executing_queue" and status["waiting_for"] is None


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


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("abort", "The plan was aborted; it is back at the front of the queue."),
        ("halt", "The plan was halted; it is back at the front of the queue."),
        ("finish", "The plan is finished (its result is `stopped`)."),
    ],
)
def test_a_plan_that_was_ended_is_told_with_its_place_and_that_the_queue_has_stopped(qs, running, line, sentence):
    running.add("count", ["det2"])
    shown = " ".join(pretty(qs(line)).split())
    assert shown == f"{sentence} The queue has stopped. %qs start starts it again."


def test_the_place_in_the_message_about_an_aborted_plan_can_be_used(qs, opened):
    opened.worker.on_plan("count", Wait())
    opened.add("count", ["det1"])
    opened.add("count", ["det2"])
    qs("queue")
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    assert "it is back at the front of the queue" in pretty(qs("abort"))
    qs("rm 0")
    assert [item["args"] for item in opened.do("queue_get")["items"]] == [[["det2"]]]


def test_a_plan_that_is_finished_with_nothing_after_it_has_stopped_nothing(qs, running):
    assert pretty(qs("finish")) == "The plan is finished (its result is `stopped`)."


def test_a_plan_that_ran_without_the_queue_is_nowhere_again(qs, opened):
    opened.add("count", ["det2"])
    opened.worker.on_plan("count", Wait())
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    opened.do("queue_item_execute", item=item, user="ada", user_group="admin")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    assert pretty(qs("abort")) == "The plan was aborted."


def test_a_wait_for_a_plan_names_the_colleague_who_aborted_it(qs, running, at_looks):
    def abort(_status):
        pause(running, user="bob")
        running.do("re_abort", user="bob")

    at_looks(abort)
    with pytest.raises(NotDone, match="was aborted by bob; it is back at the front of the queue"):
        qs(f"wait {running.do('status')['running_item_uid']}")


@pytest.mark.usefixtures("running")
def test_a_wait_that_takes_too_long_names_the_plan(qs, at_looks):
    at_looks(*[None] * 100)
    with pytest.raises(WaitTimeoutError, match=r"Still not done after 0\.1 s: count\(\[det1\]\)"):
        qs("wait --timeout 0.1")


def test_a_wait_for_one_plan_that_takes_too_long_names_that_plan_and_not_the_running_one(qs, running, at_looks):
    running.add("scan", ["det1"], "motor", 0, 1, 5)
    at_looks(*[None] * 100)
    with pytest.raises(WaitTimeoutError, match=r"Still not done after 0\.1 s: scan\(\[det1\], motor, 0, 1, 5\)"):
        qs("wait 0 --timeout 0.1")


def test_plans_that_were_watched_one_by_one_are_not_shown_by_the_next_wait(qs, opened):
    opened.add("count", ["det1"])
    uid = opened.do("queue_get")["items"][0]["item_uid"]
    qs("start")
    qs(f"wait {uid}")
    assert pretty(qs("wait")) == "Idle, the environment is open; the queue is empty."


def test_ctrl_c_while_it_is_being_paused_ends_nothing(qs, running, at_looks):
    running.answers["re_pause"] = DONE
    at_looks(interrupt)
    with pytest.raises(Detached, match="the plan is pausing"):
        qs("abort")
    assert changes(running) == ["re_pause"]


@pytest.mark.parametrize("line", ["wait", "wait {uid}"])
def test_a_wait_reports_a_pause_once_with_its_user_and_that_the_plan_runs_again(qs, running, printed, at_looks, line):
    """The plan is paused during two looks, then it ends."""

    def resume(_status):
        running.do("re_resume")
        running.wait_until(lambda _: running.worker.is_waiting)

    at_looks(None, None, resume, is_running, lambda _status: running.worker.proceed())
    pause(running, user="grace")
    qs(line.format(uid=running.do("status")["running_item_uid"]))
    sentence, again = [text for text in printed if "aused" in text or "again" in text]
    assert sentence.startswith("Paused at ")
    assert " by grace. %qs resume resumes the plan" in sentence
    assert again == "The plan is running again."


@pytest.mark.parametrize("line", ["wait", "run count([det1])"])
def test_a_colleagues_abort_is_reported_once_at_the_end(shell, opened, printed, at_looks, monkeypatch, capsys, line):
    """An abort pauses the plan first; its run ends as aborted."""

    def abort(_status):
        pause(opened)
        opened.do("re_abort")

    opened.worker.on_plan("count", Measure(), Wait())
    if line == "wait":
        opened.add("count", ["det1"])
        opened.do("queue_start")
        opened.wait_until(lambda _: opened.worker.is_waiting)
    at_looks(lambda _: opened.wait_until(lambda _: opened.worker.is_waiting), abort)
    monkeypatch.setattr("ipython_extension.words.waits._SHORT_PAUSE", 60.0)
    shell.run_cell(f"%qs {line}")
    assert not [text for text in printed if "aborted" in text or "aused" in text]
    assert "aborted" in capsys.readouterr().out


def test_a_pause_waits_until_the_plan_is_paused_and_says_who_paused_it(qs, running):
    shown = str(pretty(qs("pause now")))
    assert running.do("status")["manager_state"] == "paused"
    assert shown.startswith("Paused at ")
    assert " by you. %qs resume resumes the plan; " in shown


def test_a_deferred_pause_waits_for_the_checkpoint(qs, opened, at_looks):
    opened.worker.on_plan("count", Wait(), Measure())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    at_looks(None, None, lambda _: opened.worker.proceed())
    assert pretty(qs("pause")).startswith("Paused at ")
    (request,) = opened.asked("re_pause")
    assert (request["option"], request["user"]) == ("deferred", "ada")


@pytest.fixture
def suspended(opened):
    """A manager whose plan is suspended."""
    opened.worker.on_plan("count", Suspend("Signal shutter is high", ["shutter"]), Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    return opened


def test_a_pause_of_a_suspended_plan_has_the_whole_reason_once_and_says_how_to_pause_at_once(
    qs, suspended, printed, at_looks
):
    at_looks(None, None, interrupt)
    with pytest.raises(Detached):
        qs("pause")
    (sentence,) = printed
    assert re.fullmatch(
        r"Suspended since \d\d:\d\d: Signal shutter is high\. The plan will pause after that\. "
        r"To pause it at once: Ctrl-C, then %qs pause now",
        sentence,
    )


def test_a_plan_that_was_paused_while_suspended_is_resumed_with_a_warning(qs, suspended, printed):
    paused = pretty(qs("pause now")).replace("\n", " ")
    assert printed == []
    assert (
        "by you, while suspended: Signal shutter is high. If you resume the plan, it does not wait for that." in paused
    )
    resumed = " ".join(pretty(qs("resume")).split())
    assert "will not wait for this: Signal shutter is high." in resumed
    assert "%qs pause" in resumed
    qs("pause now")
    assert pretty(qs("resume")) == "The plan is resuming."


def test_ctrl_c_ends_the_waiting_for_a_pause_and_not_the_pause(qs, running, at_looks):
    at_looks(None, interrupt)
    with pytest.raises(Detached, match="Stopped watching; the plan will pause at its next checkpoint"):
        qs("pause")
    assert running.do("status")["pause_pending"]


def test_a_plan_that_ends_before_its_pause_has_stopped_the_queue_and_is_no_error(qs, running, at_looks):
    running.add("count", ["det1"])
    at_looks(None, lambda _: running.worker.proceed())
    assert pretty(qs("pause")) == "The plan ended before it could be paused; the queue has been stopped."
    running.wait_idle()
    assert (
        "The queue has stopped: a pause was requested after the plan's last checkpoint, so the plan ran to its end. "
        "%qs start starts it again."
    ) in pretty(qs("")).replace("\n", " ")


def test_a_wait_reports_why_a_plan_is_suspended_and_that_it_runs_again(qs, opened, printed, at_looks):
    opened.worker.on_plan("count", Suspend("Signal shutter is high"), Wait(), Release(), Wait())
    proceed = lambda _: opened.worker.proceed()  # noqa: E731 - one look each
    waits = lambda _: opened.wait_until(lambda _: opened.worker.is_waiting)  # noqa: E731
    at_looks(waits, is_suspended, proceed, waits, is_running, proceed)
    qs("run count([det1])")
    assert re.fullmatch(r"Suspended since \d\d:\d\d: Signal shutter is high\.", printed[0])
    assert printed[1] == "The plan is running again."


def test_a_service_that_is_stopped_while_one_waits_is_reported(shell, qs, running, printed, at_looks, monkeypatch):
    monkeypatch.setattr("ipython_extension.session.waiting._SILENCE", 0.05)
    for name, seconds in (("SILENCE", 0.1), ("POLL", 0.05), ("GONE", 1.0)):
        monkeypatch.setattr(f"bluesky_qs.client.following.{name}", seconds)
    uid = running.do("status")["running_item_uid"]
    shell.magics_manager.registry["QSMagics"].timeout = 0.3
    at_looks(None, lambda _: running.stop())
    with pytest.raises(RequestTimeoutError):
        qs(f"wait {uid}")
    silent = [text for text in printed if "not answered" in text]
    assert silent[-1].startswith("The service has not answered for ")
    assert silent[-1].endswith(": it was stopped, or is restarting.")


def test_a_service_that_answers_again_is_reported_too(qs, running, printed, at_looks, monkeypatch):
    silences = iter([0.0, 3.5, 4.0, 0.0])
    monkeypatch.setattr(Following, "silence", property(lambda _: next(silences, 0.0)))
    at_looks(None, None, None, None, None, lambda _: running.worker.proceed())
    qs("wait")
    assert [text for text in printed if "service" in text] == [
        "The service has not answered for 3.5 s: it was stopped, or is restarting.",
        "The service is answering again.",
    ]


def test_an_interrupted_wait_reports_that_the_queue_is_running(qs, running, at_looks):
    at_looks(None, interrupt)
    with pytest.raises(Detached, match="Stopped watching; the queue is still running"):
        qs("wait")


@pytest.mark.usefixtures("running")
def test_an_interrupted_wait_does_not_claim_to_know_the_state_of_a_silent_service(qs, at_looks, monkeypatch):
    monkeypatch.setattr(Following, "silence", property(lambda _: 15.0))
    at_looks(None, None, interrupt)
    with pytest.raises(Detached) as stopped:
        qs("wait")
    assert "has not answered for 15 s, so it is unknown whether anything is still running" in str(stopped.value)
    assert "the queue is still running" not in str(stopped.value)


def test_an_interrupted_wait_reports_that_the_plan_is_paused(qs, running, at_looks):
    """The plan runs when the wait begins."""

    def interrupt_when_paused(status):
        if status.get("manager_state") == "paused":
            raise KeyboardInterrupt

    at_looks(lambda _: pause(running), *[interrupt_when_paused] * 1000)
    with pytest.raises(Detached, match="Stopped watching; the plan is still paused"):
        qs("wait")


def test_a_pause_of_the_plan_itself_is_reported_with_where_to_look(qs, opened, printed, at_looks):
    opened.worker.on_plan("count", Pause())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda status: status["manager_state"] == "paused")
    at_looks(None, lambda _: opened.do("re_resume"))
    qs("wait")
    assert re.match(r"Paused at \d\d:\d\d by the plan\. %qs log shows what it printed\. %qs resume", printed[0])


def test_a_pause_that_an_unnamed_user_requested_is_not_the_plans(running):
    pause(running)
    assert "by the plan" not in running.do("status")["waiting_for"]["text"]


def test_the_start_of_a_pause_is_omitted_if_it_is_unknown():
    assert pause_sentence({"running_item_progress": None}, "ada").startswith("Paused. %qs resume")
