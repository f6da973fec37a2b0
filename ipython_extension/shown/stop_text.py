"""Explains why the queue stops or has stopped, if the reason is a stop item or a request."""

from collections.abc import Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]

_STOP = "queue_stop_pending_changed"
#: States of the manager while the queue runs.
_RUNNING = ("starting_queue", "executing_queue", "paused")


def pending_sentence(events: Sequence[Event], me: str) -> str:
    """Report a pending stop and who requested it."""
    who = _requester(events, me)
    requested = f", as {who} requested" if who else ""
    return f"The queue stops after this plan{requested} (to cancel the stop: %qs stop cancel)."


def has_request(events: Sequence[Event]) -> bool:
    """Whether the latest event about a stop is a request. The status shows a pending stop before its event arrives."""
    return next((event["enabled"] for event in reversed(events) if event["type"] == _STOP), False)


def stopped_sentence(events: Sequence[Event], me: str, again: str) -> str:
    """Report why the queue has stopped; empty if the reason is neither a stop item nor a request.

    ``events`` are the service's events, oldest first; ``me`` is the user's name, and ``again`` is the sentence about
    starting the queue again.

    The status may show that the queue has ended before the event about this is stored. The event with the reason is
    always stored earlier, so it is then the latest one.
    """
    states = [at for at, event in enumerate(events) if event["type"] == "environment_changed"]
    last = states[-1] if states else -1
    if not states or events[last]["manager_state"] in _RUNNING:
        return _reason(events, me, again) if states else ""
    if events[last]["manager_state"] != "idle":
        return ""
    if sentence := _reason(events[last + 1 :], me, again, earlier=events[: last + 1]):
        return sentence
    has_run = len(states) > 1 and events[states[-2]]["manager_state"] in _RUNNING
    return _reason(events[:last], me, again) if has_run else ""


def _reason(events: Sequence[Event], me: str, again: str, earlier: Sequence[Event] = ()) -> str:
    """The sentence, if the latest of these events is a stop. The ``earlier`` events may name who requested it."""
    for at in range(len(events) - 1, -1, -1):
        event = events[at]
        if event["type"] == _STOP:
            who = _requester([*earlier, *events[:at]], me)
            why = f"{who} requested it" if who else "a stop was requested"
            return f"The queue has stopped, because {why}. {again}"
        if event["type"] in ("item_started", "item_ended"):
            return ""
        if _is_stop_item(event):
            return f"The queue has stopped at its stop item. {again}"
    return ""


def _requester(events: Sequence[Event], me: str) -> str:
    """The user who requested the latest stop; empty if the service does not know the name."""
    requests = (event for event in reversed(events) if event["type"] == _STOP and event["enabled"])
    name = str(next(requests, {}).get("user") or "")
    return "you" if name and name == me else name


def _is_stop_item(event: Event) -> bool:
    """Whether an item has left the queue by itself. If it is a plan, the event about its start follows."""
    by_request = event.get("user") or event.get("change") or event.get("undoes")
    return event["type"] == "queue_changed" and bool(event.get("dropped")) and not by_request
