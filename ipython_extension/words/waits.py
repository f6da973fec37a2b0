"""The waits of `run` and `wait`: until the queue or one item has ended, with reports on pauses and stops."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.info import item_state
from bluesky_qs.client.wait import ENDED, MOVES
from bluesky_qs.errors import NotFound
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.live.live_table import Live
from ipython_extension.session import history_pages
from ipython_extension.session.requeued import find_by_uid
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import PlanWatch, ProgressWait, waiting
from ipython_extension.shown.display import Waited
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.item_views import ItemView
from ipython_extension.shown.status_text import (
    by_whom,
    has_failed,
    held_sentence,
    pause_sentence,
    queue_stopped,
    reason,
    starts_again,
    stopped_by_itself,
)
from ipython_extension.shown.stop_text import Event, has_request, pending_sentence, stopped_sentence
from ipython_extension.shown.tables import length_of_time, moment, ranges

#: States of a RunEngine after a pause, while the service still reports the pause.
_LEAVING = ("running", "aborting", "stopping", "halting")
_ENDINGS = {"aborted": "was aborted", "halted": "was halted", "unknown": "ended with an unknown status"}
STAYS = "the plan is still paused"
#: Minimum duration in seconds of a pause that a wait reports, because abort and finish pause a plan first.
_SHORT_PAUSE = 1.0


def queue_ended(session: Session, timeout: float | None) -> Waited:
    """Wait until the service is idle. Return the state and the plans that ran.

    Raises
    ------
    NotDone
        The last of these plans did not complete. The error contains the view.
    """
    status = session.status()
    before, ended = session.watched.ran_before(status), session.watched.ended(session.rm, status)
    uids = [item["item_uid"] for item in ended]
    live = Live(session.settings.table_width(), ended=uids, shown=session.watched.runs)
    still, stopped = "the queue is still running (%qs wait to watch again)", ""
    with waiting(session, still, when_paused=STAYS, timeout=timeout, live=live) as wait:
        progress = PlanWatch(session, wait)
        for status in _statuses(session, wait):
            if ended:
                wait.recall()
                if sentence := _already_ended(ended, live.begun | session.watched.runs):
                    wait.put(sentence)
                ended = ()
            if status["manager_state"] == "idle":
                wait.last_documents(status)
                if status["items_in_queue"]:
                    latest = wait.patiently(lambda: events(session)) or ()
                    stopped = stopped_sentence(latest, session.rm.user, starts_again(status))
                    stopped = stopped or stopped_by_itself(status)
                break
            wait.say(progress.of(status))
    ran = session.ran_since(before, status["items_in_history"])
    last = ran[-1] if ran else _last_run(session, status)
    me = session.rm.user
    view = Waited(status, ran, stopped=queue_stopped(status, last, me) or stopped, me=me)
    if ran and _is_failure(session, status, ran[-1]):
        raise _failure(view, ran[-1])
    return view


def _already_ended(ended: Sequence[Item], shown: set[str]) -> str:
    """List scans that ended before the wait and whose documents the service no longer has."""
    scans: list[object] = []
    for item in ended:
        result = item.get("result") or {}
        runs = zip(result.get("scan_ids") or (), result.get("run_uids") or (), strict=False)
        scans += [scan for scan, uid in runs if uid not in shown]
    if not scans:
        return ""
    noun, verb = ("Scans", "have") if len(scans) > 1 else ("Scan", "has")
    return f"{noun} {ranges(scans)} {verb} already ended."


def events(session: Session) -> Sequence[Event]:
    """The service's latest events; none if it does not keep events."""
    try:
        return session.rm.events_get()["events"]
    except RequestFailedError:
        return ()


def _last_run(session: Session, status: Mapping[str, Any]) -> Item:
    """The plan that ran last, if it may be the reason why the queue is not running."""
    is_needed = status["items_in_queue"] and status["items_in_history"]
    return next(iter(history_pages.page(session.rm, {}, 1)["items"][-1:]), {}) if is_needed else {}


def _is_failure(session: Session, status: Mapping[str, Any], last: Item) -> bool:
    """Whether a notebook must stop, because the last plan did not complete.

    The notebook continues if failures are ignored, or if this session has ended the plan.
    """
    ignores = (status.get("plan_queue_mode") or {}).get("ignore_failures")
    return has_failed(last) and not ignores and last["item_uid"] not in session.watched.ended_here


def _failure(view: Waited, last: Item) -> NotDone:
    """An error with the view's sentence. The view itself is shown above the error, without this sentence."""
    result = last.get("result") or {}
    ending = _ENDINGS.get(str(result.get("exit_status")), "failed")
    sentence, view.stopped = view.stopped or f"The last plan {ending}.", ""
    where = " %qs item -1 shows the traceback." if result.get("traceback") else ""
    return NotDone(f"{sentence}{where}", label="", view=view)


class _PendingStop:
    """Prints once during a wait that the queue stops after the running plan, or that this was canceled."""

    def __init__(self, session: Session, wait: ProgressWait) -> None:
        self._session, self._wait = session, wait
        self._uid: str | None = None

    def look(self, status: Mapping[str, Any]) -> None:
        uid = status["running_item_uid"]
        if uid and status.get("queue_stop_pending"):
            if self._uid is None:
                latest = self._wait.patiently(lambda: events(self._session)) or ()
                if latest and not has_request(latest):
                    return  # the event that names the user will be stored soon: check again at the next status
                self._wait.put(pending_sentence(latest, self._session.rm.user))
            self._uid = uid
        else:
            if uid and uid == self._uid:
                self._wait.put("The queue stop was canceled.")
            self._uid = None


def _statuses(session: Session, wait: ProgressWait) -> Iterator[dict[str, Any]]:
    """The statuses of a wait. Prints when the plan is paused, suspended or going on, so the wait does not seem to hang.

    Also prints a pending stop of the queue.
    """
    began: float | None = None
    reported: tuple[str, str | None] | None = None
    stop = _PendingStop(session, wait)
    for status in wait.statuses():
        stop.look(status)
        uid = status["running_item_uid"]
        is_paused = bool(uid) and status["manager_state"] == "paused" and status.get("re_state") not in _LEAVING
        me = session.rm.user
        if sentence := pause_sentence(status, me) if is_paused else held_sentence(status, me):
            began = wait.elapsed if began is None else began
            lasts = not is_paused or wait.elapsed - began >= _SHORT_PAUSE
            # While a paused plan is being ended, the status no longer has the pause's time and user.
            is_pause = is_paused or (status.get("waiting_for") or {}).get("kind") == "pause"
            cause = "pause" if is_pause else sentence, uid
            if lasts and cause != reported:
                wait.put(sentence)
                reported = cause
        elif status.get("re_state") != "paused":  # otherwise the plan is about to continue
            began = None
            # A status from before the stop may arrive after it. It does not mean that the plan is running again.
            if reported and status.get("re_state") == "running" and uid == reported[1]:
                wait.put("The plan is running again.")
                reported = None
        yield status


def item_ended(session: Session, item: Item, wait: ProgressWait, *, is_new: bool = False) -> ItemView:
    """Wait until the item has ended. An item that ``is_new`` has just been started, so it cannot have ended earlier.

    Raises
    ------
    NotDone
        The item did not complete, or it is in a queue that is not running.
    """
    seen: object = None
    progress = PlanWatch(session, wait)
    wait.awaited = plan_text(item, session.known())
    for status in _statuses(session, wait):
        moves = [status[part] for part in MOVES]
        if moves != seen and (where := wait.patiently(lambda: item_state(session.rm, item["item_uid"]))):
            is_first, seen = seen is None, moves
            if where["state"] in ENDED:
                wait.last_documents(status)
                session.watched.until(status)
                return _result(session, item, where, ended_before=is_first and not is_new)
            if where["state"] == "queued" and not is_new:
                _check_that_it_will_run(session, item, status)
        wait.say(progress.of(status))
    raise AssertionError("statuses never end")


def _check_that_it_will_run(session: Session, item: Item, status: Mapping[str, Any]) -> None:
    """Raise an error if the item is queued, and the queue will not start by itself.

    A published status may be from before the queue was started. Only a new one shows that the queue does not run.
    """
    if status["manager_state"] != "idle" or (status := session.status())["manager_state"] != "idle":
        return
    is_open = status["worker_environment_exists"]
    if status["queue_autostart_enabled"] and is_open:
        return
    if item_state(session.rm, item["item_uid"])["state"] != "queued":
        return
    then = "%qs start starts the queue." if is_open else "%qs open opens the environment, %qs start starts the queue."
    raise NotDone(f"{plan_text(item, session.known())} is queued, but the queue is not running. {then}", label="")


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
        who = by_whom(result, session.rm.user)
        back = place_again(session, where)
        place = f"; it is {back}" if back else ""
        raise NotDone(
            f"{plan_text(item, known)} {_ENDINGS.get(state, state)}{who}{before}{why}{place}.", traceback, label=""
        )
    took = length_of_time(result["time_stop"] - result["time_start"])
    scans = f", scan {ranges(result['scan_ids'])}" if result.get("scan_ids") else ""
    lead = f"{state.capitalize()}{before} in {took}{scans}"
    return ItemView({**item, "result": result}, known, lead)


def place_again(session: Session, where: Mapping[str, Any]) -> str:
    """The place of a plan in this state, if it was requeued. From now on, positions refer to this queue."""
    if not (uid := where.get("requeued_as")):
        return ""
    queue = cast("dict[str, Any]", session.rm.queue_get(reload=True))
    back = find_by_uid(uid, queue)
    if back and back.position is not None:
        session.place_is_named(queue["items"])
    return back.place if back else ""
