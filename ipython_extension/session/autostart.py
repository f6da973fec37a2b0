"""What autostart will start, and why it is off, from the service's events."""

from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import plan_text
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import moment, plural

#: Most events to search, newest first.
_EVENTS = 1000


def what_starts(status: Mapping[str, Any]) -> str:
    """What autostart will start; the status is from before it was switched on."""
    queued = status["items_in_queue"]
    if status["running_item_uid"]:
        return f"{plural(queued, 'item')} in the queue, after the running plan"
    if not queued:
        return "items queued from now on run immediately"
    if not status["worker_environment_exists"]:
        return f"the queue ({plural(queued, 'item')}) will start when the environment is open (%qs open)"
    return f"the queue starts now, with {plural(queued, 'item')}"


def autostart_is_off(session: Session) -> str:
    """Say that it is off, and why if no user switched it off."""
    return " ".join(["Autostart is off.", *switched_off(session)])


def switched_off(session: Session) -> list[str]:
    """Say what switched autostart off, unless a user did or the events are no longer kept."""
    events = _latest(session)
    changes = [event for event in events if event["type"] == "autostart_changed"]
    if not changes or changes[-1]["enabled"]:
        return []
    # Changes that are stored together have the same time: the end of a plan and its consequences.
    why = _why(session, [event for event in events if event["time"] == changes[-1]["time"]])
    return (
        [f"Autostart was switched off at {moment(changes[-1]['time'])}, {why}. To switch it on: %qs autostart on."]
        if why
        else []
    )


def _why(session: Session, events: Sequence[Mapping[str, Any]]) -> str:
    by_type = {event["type"]: event for event in events}
    ended = by_type.get("item_ended")
    if ended and ended["exit_status"] not in ("completed", "stopped"):
        past = session.rm.history_get()["items"]
        plans = [plan_text(item, session.known()) for item in past if item["item_uid"] == ended["item_uid"]]
        how = ended["exit_status"]
        return f"when {plans[0] if plans else 'a plan'} {how if how == 'failed' else f'was {how}'}"
    if "queue_stop_pending_changed" in by_type:
        return "when the queue was stopped"
    return "by a queue_stop in the queue" if "queue_changed" in by_type else ""


def _latest(session: Session) -> Sequence[Mapping[str, Any]]:
    try:
        last = session.rm.events_get(0, limit=0)["last"]
        return session.rm.events_get(max(last - _EVENTS, 0), limit=_EVENTS)["events"]
    except RequestFailedError:  # the service keeps no events
        return []
