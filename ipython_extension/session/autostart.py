"""What autostart starts, and why it is off: by the service's events."""

from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import plan_text
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import moment, plural

#: Events that are looked through, from the latest back.
_EVENTS = 1000


def what_starts(status: Mapping[str, Any]) -> str:
    """What autostart starts, where the status is the one before it was switched on."""
    queued = status["items_in_queue"]
    if status["running_item_uid"]:
        return f"{plural(queued, 'item')} in the queue, after the running plan"
    if not queued:
        return "what is queued from now on is run at once"
    if not status["worker_environment_exists"]:
        return f"the queue ({plural(queued, 'item')}) starts when the environment is open (%qs open)"
    return f"the queue starts now, with {plural(queued, 'item')}"


def autostart_is_off(session: Session) -> str:
    """That it is off, and why if it was not switched off by hand."""
    return " ".join(["Autostart is off.", *switched_off(session)])


def switched_off(session: Session) -> list[str]:
    """A sentence on what has switched autostart off, unless that was somebody's wish or is not known any more."""
    events = _latest(session)
    changes = [event for event in events if event["type"] == "autostart_changed"]
    if not changes or changes[-1]["enabled"]:
        return []
    # What is stored together has one time: the end of a plan with what follows from it.
    why = _why(session, [event for event in events if event["time"] == changes[-1]["time"]])
    return [f"Autostart was switched off at {moment(changes[-1]['time'])}, {why} (%qs autostart on)."] if why else []


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
    except RequestFailedError:  # of a service that keeps none
        return []
