"""Commands that run, pause and end plans, and wait."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.info import item_state
from bluesky_qs.client.wait import ENDED, MOVES, is_settling
from bluesky_qs.errors import NotFound
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.live.live_table import Live
from ipython_extension.session import past
from ipython_extension.session.requeued import find_by_uid
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import PlanWatch, ProgressWait, waiting
from ipython_extension.shown.display import ItemView, ReplyView, View, Waited
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.status_text import has_value, held_sentence, is_suspended, pause_sentence, reason
from ipython_extension.shown.stop_text import Event, pending_sentence, stopped_sentence
from ipython_extension.shown.tables import length_of_time, moment, ranges, terminal_width
from ipython_extension.typed.line import Line
from ipython_extension.words.replies import present
from ipython_extension.words.typed_plans import pointing_at_errors, read_plans
from ipython_extension.words.vocabulary import word

#: States of a RunEngine that has left its pause while the service still reports the pause.
_LEAVING = ("running", "aborting", "stopping", "halting")

_ENDINGS = {"aborted": "was aborted", "halted": "was halted", "unknown": "ended with an unknown status"}
_ENDED = {"stopped": "is finished (its result is `stopped`)", "aborted": "was aborted", "halted": "was halted"}
_STAYS = "the plan is still paused"
_PAUSING = "the plan is pausing (then %qs resume or %qs abort)"
_WILL_PAUSE = "the plan will pause at its next checkpoint"
_RUNNING = ("starting_queue", "executing_queue")
#: Seconds for which a pause must last before a wait reports it: those who abort or finish a plan pause it first.
_SHORT_PAUSE = 1.0


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
    with waiting(session, _PAUSING if now else _WILL_PAUSE) as wait:
        for status in wait.statuses():
            # A published status may be from before the request. Only a newer one shows that the pause is over.
            if _pauses_no_more(status, now=now) and _pauses_no_more(status := session.status(), now=now):
                break
            reason = f" ({status['waiting_for']['text']}; %qs pause now)" if is_suspended(status) else ""
            wait.say(f"Waiting for the plan to pause  {length_of_time(wait.elapsed)}{reason}")
    if status["manager_state"] == "paused":
        return ReplyView(reply, pause_sentence(status))
    if status["manager_state"] in _RUNNING:  # somebody has resumed it
        return ReplyView(reply, "The plan was paused, and is running again.")
    return ReplyView(reply, "The plan ended before it could be paused; the queue has been stopped.")


def _pauses_no_more(status: Mapping[str, Any], *, now: bool) -> bool:
    """Whether the plan has paused or ended, or runs with no pause to come."""
    is_running = status["manager_state"] in _RUNNING
    return not is_running or (status.get("re_state") == "running" and not (now or status["pause_pending"]))


@word("resume")
def resume(session: Session, line: Line) -> View:
    """Resume the paused plan."""
    line.nothing_more()
    _until_paused(session)
    return present(session, "re_resume", {}, session.rm.re_resume())


@word("finish")
def finish(session: Session, line: Line) -> View:
    """Finish the plan in an orderly way; its result is `stopped`.

    A running plan is paused first. For a paused plan, `re stop` does the same.
    """
    line.nothing_more()
    return _end(session, session.rm.re_stop, "finishing")


@word("abort")
def abort(session: Session, line: Line) -> View:
    """Abort the plan, with its clean-up; its result is `aborted`, and it goes back to the front of the queue.

    A running plan is first paused immediately. Ctrl-C stops the wait until the plan has ended, nothing else.
    """
    line.nothing_more()
    return _end(session, session.rm.re_abort, "being aborted")


@word("halt")
def halt(session: Session, line: Line) -> View:
    """Halt the plan immediately, without clean-up; its result is `halted`, and it goes back to the front of the queue.

    A running plan is paused first.
    """
    line.nothing_more()
    return _end(session, session.rm.re_halt, "being halted")


@word("run", "PLAN [--md KEY=VALUE…]")
def run(session: Session, line: Line) -> Any:
    """Run a plan now, without the queue, and wait until it ends.

    Shows its progress and a live table of each run; the output of the plan itself is in %qs log.

    Returns the plan's return value, or the finished item if the plan returns nothing or only the uids of its runs.

        peak = %qs run find_peak(det1, motor)    (if find_peak is a plan that returns a value)

    Raises an error if the plan fails, so that a notebook stops. Ctrl-C stops the wait, not the plan.
    """
    plans, _ = read_plans(line, {}, only_one="Only one plan can run now; queue several with %qs add")
    with pointing_at_errors(line, plans):
        item = cast("Item", session.rm.queue_item_execute(plans[0].item)["item"])
    session.has_run(item)
    live = Live(session.settings.table_width(), item_uid=item["item_uid"])
    going, paused = "the plan is still running (%qs wait, %qs pause, %qs abort)", f"{_STAYS} (%qs resume, %qs abort)"
    with waiting(session, going, when_paused=paused, live=live) as wait:
        ended = _ended(session, item, wait, is_new=True)
        if not has_value(ended["result"]):
            return ended
        wait.put(f"{ended.text(terminal_width())}\n")
        return ended["result"]["return_value"]


@word("wait", "[ID] [--timeout 10m]")
def wait_for(session: Session, line: Line) -> View:
    """Wait until the service is idle, or until one item has ended; then show the plans that ran.

    Shows progress and a live table of each run. Ctrl-C stops the wait, never a scan. Raises an error if that
    item fails. If the item has already ended, the result shows when. If a stop item or a %qs stop has stopped the
    queue, the result says so, with the name of who requested it.
    """
    tokens, options = line.words({"--timeout": line.seconds})
    if len(tokens) > 1:
        raise line.fault("wait takes one item", tokens[1].start)
    item = session.any_item(line, tokens[0]) if tokens else None
    status = session.status()
    before = session.ran_before(status)
    live = Live(session.settings.table_width())
    timeout = options.get("timeout")
    stopped = ""
    with waiting(
        session, "the queue is still running (%qs wait to watch again)", when_paused=_STAYS, timeout=timeout, live=live
    ) as wait:
        if item:
            return _ended(session, item, wait)
        if sentence := _already_ended(session, status["items_in_history"] - before):
            wait.put(sentence)
        progress = PlanWatch(session, wait)
        for status in _statuses(session, wait):
            if status["manager_state"] == "idle":
                wait.last_documents(status)
                if status["items_in_queue"]:
                    stopped = stopped_sentence(_events(session, wait), session.rm.user)
                break
            wait.say(progress.of(status))
    ran = session.ran_since(before, status["items_in_history"])
    return Waited(status, ran, last=None if ran else _last_run(session, status), stopped=stopped)


def _events(session: Session, wait: ProgressWait) -> Sequence[Event]:
    """The latest events of the service; none if it does not answer or keeps none."""
    try:
        reply = wait.patiently(session.rm.events_get)
    except RequestFailedError:
        reply = None
    return reply["events"] if reply else ()


def _already_ended(session: Session, count: int) -> str:
    """Name the scans of the last plans, which ended before the wait and have no live table."""
    ran = past.page(session.rm, {}, count)["items"] if count > 0 else []
    scans = [scan for item in ran for scan in (item.get("result") or {}).get("scan_ids") or ()]
    if not scans:
        return ""
    noun, verb = ("Scans", "have") if len(scans) > 1 else ("Scan", "has")
    return f"{noun} {ranges(scans)} {verb} already ended."


def _last_run(session: Session, status: Mapping[str, Any]) -> Item | None:
    """The plan that ran last, if it may be why the queue does not run."""
    is_needed = status["items_in_queue"] and status["items_in_history"]
    return next(iter(past.page(session.rm, {}, 1)["items"][-1:]), None) if is_needed else None


def started(session: Session, params: dict[str, Any]) -> View:
    """Start the queue, and remember which plans ran before."""
    before = session.status()
    reply = session.rm.queue_start(**params)
    session.starts(before)
    return present(session, "queue_start", params, reply)


def _until_paused(session: Session) -> None:
    """Wait for a pending pause."""
    with waiting(session, _WILL_PAUSE) as wait:
        for status in wait.statuses() if session.status().get("pause_pending") else ():
            if not status.get("pause_pending"):
                break
            wait.say(f"Waiting for the plan to pause  {length_of_time(wait.elapsed)}")


def _end(session: Session, request: Callable[[], Mapping[str, Any]], doing: str) -> ReplyView:
    """Pause the plan, request its end and wait for it."""
    uid = _pause_now(session)
    reply = request()
    with waiting(session, f"the plan is {doing}") as wait:
        for status in wait.statuses():
            if status["running_item_uid"] != uid and not is_settling(status):
                break
            wait.say(f"The plan is {doing}  {length_of_time(wait.elapsed)}")
    where = item_state(session.rm, uid) if uid else {}
    back = _back(session, where)
    return ReplyView(
        reply, f"The plan {_ENDED.get(where.get('state', ''), 'has ended')}{f'; it is {back}' if back else ''}."
    )


def _back(session: Session, where: Mapping[str, Any]) -> str:
    """Where the plan with this state is again, if it was requeued."""
    uid = where.get("requeued_as")
    back = find_by_uid(uid, session.rm.queue_get(reload=True)) if uid else None
    return back.place if back else ""


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


class _PendingStop:
    """Prints once during a wait that the queue stops after the running plan, and that this was canceled."""

    def __init__(self, session: Session, wait: ProgressWait) -> None:
        self._session, self._wait = session, wait
        self._uid: str | None = None

    def look(self, status: Mapping[str, Any]) -> None:
        uid = status["running_item_uid"]
        if uid and status.get("queue_stop_pending"):
            if self._uid is None:
                self._wait.put(pending_sentence(_events(self._session, self._wait), self._session.rm.user))
            self._uid = uid
        else:
            if uid and uid == self._uid:
                self._wait.put("The stop of the queue was canceled.")
            self._uid = None


def _statuses(session: Session, wait: ProgressWait) -> Iterator[dict[str, Any]]:
    """The statuses of a wait; prints why the plan stands still and when it goes on, so that the wait does not hang.

    Prints a pending stop of the queue, too.
    """
    began: float | None = None
    reported: tuple[str, str | None] | None = None
    stop = _PendingStop(session, wait)
    for status in wait.statuses():
        stop.look(status)
        uid = status["running_item_uid"]
        is_paused = status["manager_state"] == "paused" and status.get("re_state") not in _LEAVING
        if sentence := pause_sentence(status) if is_paused else held_sentence(status):
            began = wait.elapsed if began is None else began
            lasts = not is_paused or wait.elapsed - began >= _SHORT_PAUSE
            if lasts and (sentence, uid) != reported:
                wait.put(sentence)
                reported = sentence, uid
        elif status.get("re_state") != "paused":  # else the plan is about to go on
            began = None
            # A status from before the stop may still arrive after it: it does not show a running plan.
            if reported and status.get("re_state") == "running" and uid == reported[1]:
                wait.put("The plan is running again.")
                reported = None
        yield status


def _ended(session: Session, item: Item, wait: ProgressWait, *, is_new: bool = False) -> ItemView:
    """Wait for the end of the item; raise an error if it failed. An item that ``is_new`` cannot have ended earlier."""
    seen: object = None
    progress = PlanWatch(session, wait)
    wait.awaited = plan_text(item, session.known())
    for status in _statuses(session, wait):
        moves = [status[part] for part in MOVES]
        if moves != seen and (where := wait.patiently(lambda: item_state(session.rm, item["item_uid"]))):
            is_first, seen = seen is None, moves
            if where["state"] in ENDED:
                wait.last_documents(status)
                session.watched(status)
                return _result(session, item, where, ended_before=is_first and not is_new)
        wait.say(progress.of(status))
    raise AssertionError("statuses never end")


def _result(session: Session, item: Item, where: Mapping[str, Any], *, ended_before: bool) -> ItemView:
    state, result = where["state"], where.get("result") or {}
    known = session.known()
    if state == "removed":
        raise NotFound(f"{plan_text(item, known)} was removed from the queue")
    before = f" before this wait ({moment(result['time_stop'])})" if ended_before and result else ""
    if state not in ("completed", "stopped"):
        traceback = result.get("traceback") or ""
        is_shown = traceback and state == "failed"  # the traceback of a failed plan ends with the reason
        why = f": {reason(result).rstrip('.')}" if reason(result) and not is_shown else ""
        who = f" by {result['ended_by']}" if result.get("ended_by") else ""
        back = _back(session, where)
        place = f"; it is {back}" if back else ""
        raise NotDone(
            f"{plan_text(item, known)} {_ENDINGS.get(state, state)}{who}{before}{why}{place}.", traceback, label=""
        )
    took = length_of_time(result["time_stop"] - result["time_start"])
    scans = f", scan {ranges(result['scan_ids'])}" if result.get("scan_ids") else ""
    lead = f"{state.capitalize()}{before} in {took}{scans}"
    return ItemView({**item, "result": result}, known, lead)
