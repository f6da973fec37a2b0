"""Sentences about autostart: the items that it will start, and the event that switched it off."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipython_extension.shown.tables import moment, plural

Event = Mapping[str, Any]


def what_starts(status: Mapping[str, Any]) -> str:
    """The items that autostart will start. The status is from before autostart was switched on."""
    queued = status["items_in_queue"]
    if status["running_item_uid"]:
        return f"{plural(queued, 'item')} in the queue, after the running plan"
    if not queued:
        return "items queued from now on run immediately"
    if not status["worker_environment_exists"]:
        return f"the queue ({plural(queued, 'item')}) will start when the environment is open (%qs open)"
    return f"the queue starts now, with {plural(queued, 'item')}"


def last_switch_off(events: Sequence[Event]) -> list[Event]:
    """The events of the change that switched autostart off; none if it is on. They have the same time."""
    changes = [event for event in events if event["type"] == "autostart_changed"]
    if not changes or changes[-1]["enabled"]:
        return []
    return [event for event in events if event["time"] == changes[-1]["time"]]


def failed_plan(events: Sequence[Event]) -> Event | None:
    """The event of the plan that switched autostart off because it failed or was ended early."""
    ended = next((event for event in reversed(events) if event["type"] == "item_ended"), None)
    return ended if ended and ended["exit_status"] not in ("completed", "stopped") else None


def switched_off(events: Sequence[Event], plan: str) -> list[str]:
    """Explain what switched autostart off; empty if a user did or the events are no longer kept.

    ``events`` are those of `last_switch_off`; ``plan`` is the plan of `failed_plan` as you would type it.
    """
    why = _why(events, plan)
    return (
        [f"Autostart was switched off at {moment(events[-1]['time'])}, {why}. To switch it on: %qs autostart on."]
        if why
        else []
    )


def _why(events: Sequence[Event], plan: str) -> str:
    types = {event["type"] for event in events}
    if ended := failed_plan(events):
        how = ended["exit_status"]
        return f"when {plan or 'a plan'} {how if how == 'failed' else f'was {how}'}"
    if "queue_stop_pending_changed" in types:
        return "when the queue was stopped"
    return "by a queue_stop in the queue" if "queue_changed" in types else ""
