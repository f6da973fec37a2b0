"""Commands that run, pause and end plans, and wait."""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from bluesky_qs.client.info import item_state
from bluesky_qs.client.wait import is_settling
from bluesky_qs.words.planexpr import Item
from ipython_extension.live.live_table import Live
from ipython_extension.session import queue_check
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import waiting
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.status_text import (
    has_value,
    held_sentence,
    is_suspended,
    pause_sentence,
    starts_again,
    suspension_of_pause,
)
from ipython_extension.shown.tables import length_of_time, plural, terminal_width
from ipython_extension.typed.line import Line
from ipython_extension.words.replies import present
from ipython_extension.words.typed_plans import pointing_at_errors, read_plans
from ipython_extension.words.vocabulary import word
from ipython_extension.words.waits import STAYS, item_ended, place_again, queue_ended

_ENDED = {"stopped": "is finished (its result is `stopped`)", "aborted": "was aborted", "halted": "was halted"}
_PAUSING = "the plan is pausing (then use %qs resume or %qs abort)"
_WILL_PAUSE = "the plan will pause at its next checkpoint"
_STOPS_AT_ONCE = "The first item is a stop item, which stops the queue at once"
#: A number and a time unit. Such a word is not the beginning of a uid.
_APART = re.compile(r"\d+(?:\.\d*)?(s|secs?|seconds?|m|min|mins|minutes?|h|hours?)", re.IGNORECASE)
_SECONDS = re.compile(r"[\d.]+(s|m|min|h)")
_RUNNING = ("starting_queue", "executing_queue")


@word("start")
def start(session: Session, line: Line) -> View:
    """Start the queue."""
    line.nothing_more()
    return started(session, {})


@word("stop", "[cancel]")
def stop(session: Session, line: Line) -> View:
    """Stop the queue after the running plan; `cancel` cancels a pending stop."""
    cancel = line.more() and line.one_of(line.word("cancel"), {"cancel": True})
    line.nothing_more()
    if cancel:
        return present(session, "queue_stop_cancel", {}, session.rm.queue_stop_cancel())
    return present(session, "queue_stop", {}, session.rm.queue_stop())


@word("pause", "[now]")
def pause(session: Session, line: Line) -> View:
    """Pause the running plan at its next checkpoint, or `now`, and wait until it is paused.

    Ctrl-C stops the wait, not the pause.
    """
    now = line.more() and line.one_of(line.word("now"), {"now": True})
    line.nothing_more()
    reply = session.rm.re_pause("immediate" if now else "deferred")
    status: dict[str, Any] = {}
    reported, me = "", session.rm.user
    with waiting(session, _PAUSING if now else _WILL_PAUSE) as wait:
        for status in wait.statuses():
            # A published status may be from before the request. Only a newer one shows that the pause is over.
            if _pauses_no_more(status, now=now) and _pauses_no_more(status := session.status(), now=now):
                break
            if not now and is_suspended(status) and (sentence := held_sentence(status, me)) != reported:
                wait.put(f"{sentence} The plan will pause after that. To pause it at once: Ctrl-C, then %qs pause now")
                reported = sentence
            wait.say(f"Waiting for the plan to pause  {length_of_time(wait.elapsed)}")
    if status["manager_state"] == "paused":
        return ReplyView(reply, pause_sentence(status, me))
    if status["manager_state"] in _RUNNING:  # another user has resumed it
        return ReplyView(reply, "The plan was paused, and is running again.")
    return ReplyView(reply, "The plan ended before it could be paused; the queue has been stopped.")


def _pauses_no_more(status: Mapping[str, Any], *, now: bool) -> bool:
    """Whether the plan has paused or ended, or is running without a pending pause."""
    is_running = status["manager_state"] in _RUNNING
    return not is_running or (status.get("re_state") == "running" and not (now or status["pause_pending"]))


@word("resume")
def resume(session: Session, line: Line) -> View:
    """Resume the paused plan.

    The plan does not wait for suspenders that tripped before or during the pause; the reply names them. If the plan has
    not begun, it does wait for them.
    """
    line.nothing_more()
    status = _until_paused(session)
    reply = session.rm.re_resume()
    if not (held := suspension_of_pause(status)):
        return present(session, "re_resume", {}, reply)
    return ReplyView(
        reply,
        f"The plan is resuming and will not wait for this: {held}. To pause it again: %qs pause",
    )


@word("finish")
def finish(session: Session, line: Line) -> View:
    """Finish the plan in an orderly way; its result is `stopped`, and the queue stops.

    A running plan is paused first. For a paused plan, `re stop` does the same.
    """
    line.nothing_more()
    return _end(session, session.rm.re_stop, "finishing")


@word("abort")
def abort(session: Session, line: Line) -> View:
    """Abort the plan, with its cleanup; its result is `aborted`, and it goes back to the front of the queue.

    The queue stops. A running plan is first paused immediately. The command waits until the plan has ended; Ctrl-C
    stops only this wait.
    """
    line.nothing_more()
    return _end(session, session.rm.re_abort, "being aborted")


@word("halt")
def halt(session: Session, line: Line) -> View:
    """Halt the plan immediately, without cleanup; its result is `halted`, and it goes back to the front of the queue.

    The queue stops. A running plan is paused first.
    """
    line.nothing_more()
    return _end(session, session.rm.re_halt, "being halted")


@word("run", "PLAN [--md KEY=VALUE…]")
def run(session: Session, line: Line) -> Any:
    """Run a plan now, without the queue, and wait until it ends.

    Shows its progress and a live table of each run. To see the plan's own output: %qs log

    Returns the plan's return value, or the finished item if the plan returns nothing or only the uids of its runs.

        peak = %qs run find_peak(det1, motor)    (if find_peak is a plan that returns a value)

    Raises an error if the plan fails, so that a notebook stops. Ctrl-C stops the wait, not the plan.
    """
    plans, _ = read_plans(line, {}, only_one="Only one plan can run now; queue several with %qs add")
    with pointing_at_errors(line, plans):
        item = cast("Item", session.rm.queue_item_execute(plans[0].item)["item"])
    session.has_run(item)
    live = _live(session, item)
    going, paused = "the plan is still running (%qs wait, %qs pause, %qs abort)", f"{STAYS} (%qs resume, %qs abort)"
    with waiting(session, going, when_paused=paused, live=live) as wait:
        ended = item_ended(session, item, wait, is_new=True)
        if not has_value(ended["result"]):
            return ended
        wait.put(f"{ended.text(terminal_width())}\n")
        return ended["result"]["return_value"]


@word("wait", "[ID] [10m | --timeout 10m]")
def wait_for(session: Session, line: Line) -> View:
    """Wait until the service is idle, or until one item has ended; then show the plans that ran.

    Shows progress and a live table of each run, including the plan that has just ended. The result lists the plans that
    ran since this session's last %qs start. Ctrl-C stops the wait, never a scan. If the item has already ended, the
    result shows when. If the queue has stopped with items left, the result shows why, and who requested it.

    Raises an error, so that a notebook stops, if the item did not complete, or if it is in a queue that is not running.
    Without an item, raises an error if the last of the plans did not complete, which stops the queue. There is no error
    if failures are ignored (%qs mode ignore_failures on), or if you ended the plan in this session (%qs abort).
    """
    tokens, options = line.words({"--timeout": line.seconds})
    if tokens and _SECONDS.fullmatch(tokens[-1].text):  # %qs wait 5m
        options.setdefault("timeout", line.seconds(tokens.pop()))
    if len(tokens) > 1:
        apart = "".join(token.text for token in tokens[-2:])
        short = re.sub(r"(?i)(\d)(s|m|h)[a-z]*$", r"\1\2", apart)
        meant = f". Write a time limit without a space: {short.lower()}" if _APART.fullmatch(apart) else ""
        raise line.fault(f"wait takes one item{meant}", tokens[1].start)
    timeout = options.get("timeout")
    if not tokens:
        return queue_ended(session, timeout)
    item = session.any_item(line, tokens[0])
    still = "the queue is still running (%qs wait to watch again)"
    with waiting(session, still, when_paused=STAYS, timeout=timeout, live=_live(session, item)) as wait:
        return item_ended(session, item, wait)


def _live(session: Session, item: Item) -> Live:
    """The live display to show while waiting for one item."""
    return Live(session.settings.table_width(), item_uid=item["item_uid"], shown=session.watched.runs)


def started(session: Session, params: dict[str, Any]) -> View:
    """Start the queue, and record which plans ran before. Report if the first plan cannot run."""
    before = session.status()
    ignores = before["plan_queue_mode"].get("ignore_failures")
    is_idle = before["manager_state"] == "idle" and before["worker_environment_exists"]
    fault = queue_check.fault_of_first(session, before) if is_idle and not ignores else ""
    items = session.line_queue()["items"] if is_idle else []
    reply = session.rm.queue_start(**params)
    session.watched.starts(before)
    if fault:
        return ReplyView(reply, f"The queue will stop at its first plan, which cannot run now: {fault}")
    stop = next((at for at, item in enumerate(items) if item["name"] == "queue_stop"), None)
    if stop is None:
        return present(session, "queue_start", params, reply)
    left = len(items) - stop - 1
    rest = f", with {plural(left, 'item')} left (%qs start starts {'it' if left == 1 else 'them'})" if left else ""
    lead = f"Running {plural(stop, 'item')}; then a stop item stops the queue" if stop else _STOPS_AT_ONCE
    return ReplyView(reply, f"{lead}{rest}.")


def _until_paused(session: Session) -> dict[str, Any]:
    """Wait for a pending pause. Return the status after that."""
    status = session.status()
    if not status.get("pause_pending"):
        return status
    with waiting(session, _WILL_PAUSE) as wait:
        for status in wait.statuses():
            if not status.get("pause_pending"):
                break
            wait.say(f"Waiting for the plan to pause  {length_of_time(wait.elapsed)}")
    return status


def _end(session: Session, request: Callable[[], Mapping[str, Any]], doing: str) -> ReplyView:
    """Pause the plan, request its end and wait for it."""
    uid = _pause_now(session)
    running = session.line_queue()["running_item"]
    is_of_queue = running and not (running.get("properties") or {}).get("immediate_execution")
    reply = request()
    status: dict[str, Any] = {}
    with waiting(session, f"the plan is {doing}") as wait:
        for status in wait.statuses():
            if status["running_item_uid"] != uid and not is_settling(status):
                break
            wait.say(f"The plan is {doing}  {length_of_time(wait.elapsed)}")
    where = item_state(session.rm, uid) if uid else {}
    session.watched.ended_here.add(uid or "")
    back = place_again(session, where)
    sentence = f"The plan {_ENDED.get(where.get('state', ''), 'has ended')}{f'; it is {back}' if back else ''}."
    has_stopped = is_of_queue and where.get("state") in _ENDED and status["items_in_queue"]
    return ReplyView(reply, f"{sentence} The queue has stopped. {starts_again(status)}" if has_stopped else sentence)


def _pause_now(session: Session) -> str | None:
    """Pause the running plan, and wait until it is paused. Return its uid.

    Raise an error if it ends first, because another plan may be running.
    """
    status = session.status()
    uid = cast("str | None", status["running_item_uid"])
    if status["manager_state"] == "executing_queue" and (uid or status.get("pause_pending")):
        session.rm.re_pause("immediate")
        with waiting(session, _PAUSING) as wait:
            for status in wait.statuses():
                if status["running_item_uid"] != uid or status["manager_state"] != "executing_queue":
                    break
                wait.say(f"The plan is being paused  {length_of_time(wait.elapsed)}")
        if status["running_item_uid"] != uid:
            raise NotDone("The plan ended before it could be paused (%qs history); the queue has been stopped.")
    return uid
