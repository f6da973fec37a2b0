"""The reason why the queue stops or has stopped, if it is not a plan but a stop item or a request."""

from collections.abc import Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]

_STOP = "queue_stop_pending_changed"


def pending_sentence(events: Sequence[Event], me: str) -> str:
    """Report a pending stop, with who requested it."""
    who = _requester(events, me)
    return f"The queue stops after this plan{f', as {who} requested' if who else ''} (%qs stop cancel cancels it)."


def stopped_sentence(events: Sequence[Event], me: str, again: str) -> str:
    """Report why the queue has stopped; empty if neither a stop item nor a request is the reason.

    ``events`` are those of the service, oldest first; ``me`` is the name of the user, and ``again`` the sentence about
    starting the queue again.
    """
    states = [at for at, event in enumerate(events) if event["type"] == "environment_changed"][-2:]
    pair = 2
    if len(states) < pair or events[states[1]]["manager_state"] != "idle":
        return ""
    if events[states[0]]["manager_state"] not in ("starting_queue", "executing_queue", "paused"):
        return ""
    for at in range(states[1] - 1, -1, -1):
        event = events[at]
        if event["type"] == _STOP:
            who = _requester(events[:at], me)
            why = f"{who} requested it" if who else "a stop was requested"
            return f"The queue has stopped, because {why}. {again}"
        if event["type"] in ("item_started", "item_ended"):
            return ""
        if _is_stop_item(event):
            return f"The queue has stopped at its stop item. {again}"
    return ""


def _requester(events: Sequence[Event], me: str) -> str:
    """Who requested the latest stop; empty if the service does not know the name."""
    requests = (event for event in reversed(events) if event["type"] == _STOP and event["enabled"])
    name = str(next(requests, {}).get("user") or "")
    return "you" if name and name == me else name


def _is_stop_item(event: Event) -> bool:
    """Whether an item has left the queue by itself. If it is a plan, the event that it has started follows."""
    by_request = event.get("user") or event.get("change") or event.get("undoes")
    return event["type"] == "queue_changed" and bool(event.get("dropped")) and not by_request
