"""Texts about autostart: the items that it will start, and the reason why it switched itself off."""

from collections.abc import Mapping
from typing import Any

from ipython_extension.shown.tables import plural


def what_starts(status: Mapping[str, Any]) -> str:
    """Describe what autostart will start. The status is from before autostart was switched on."""
    queued = status["items_in_queue"]
    if status["running_item_uid"]:
        return f"{plural(queued, 'item')} in the queue, after the running plan"
    if not queued:
        return "items queued from now on run immediately"
    if not status["worker_environment_exists"]:
        return f"the queue ({plural(queued, 'item')}) will start when the environment is open (%qs open)"
    return f"the queue starts now, with {plural(queued, 'item')}"


def switched_off(status: Mapping[str, Any]) -> list[str]:
    """Explain why autostart is off; empty if a user switched it off, or if the service does not report a reason."""
    reason = status.get("queue_autostart_off_reason")
    return [f"Autostart switched itself off: {reason}. To switch it on: %qs autostart on."] if reason else []
