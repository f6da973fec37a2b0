"""Writes the console lines for accepted changes. Other programs match their wording.

Requests that only read and refused requests have no lines.
"""

import logging
from collections.abc import Mapping
from typing import Any

from bluesky_qs.api.method import shortened
from bluesky_qs.plan_queue.edit import Edit
from bluesky_qs.plan_queue.items import uid_of

logger = logging.getLogger(__name__)

#: The line for each method that changes something, with the parameters that follow it. Methods for items use the
#: functions below. Other changes, such as `environment_open`, are logged where they are made.
_LINES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "environment_close": ("Closing existing RE environment ...", ()),
    "history_clear": ("Clearing the plan execution history ...", ("size", "item_uid")),
    "kernel_interrupt": ("Interrupting the IPython kernel ...", ("interrupt_task", "interrupt_plan")),
    "lock": ("RE Manager was locked by the user:", ("environment", "queue", "note")),
    "permissions_reload": (
        "Reloading lists of allowed plans and devices ...",
        ("restore_plans_devices", "restore_permissions"),
    ),
    "permissions_set": ("Setting user group permissions ...", ()),
    "queue_autostart": ("Enabling/disabling autostart mode ...", ("enable",)),
    "queue_clear": ("Clearing the queue ...", ()),
    "queue_mode_set": ("Setting queue mode ...", ("mode",)),
    "queue_stop": ("Activating 'stop queue' sequence ...", ()),
    "queue_stop_cancel": ("Deactivating 'stop queue' sequence ...", ()),
    "unlock": ("RE Manager is successfully unlocked.", ()),
}


def log_change(method: str, arguments: Mapping[str, Any]) -> None:
    """Log an accepted request. Do nothing if the method only reads, or if other code logs its change."""
    if method not in _LINES:
        return
    line, shown = _LINES[method]
    logger.info("%s", _with(line, **{name: arguments[name] for name in ("user", *shown) if name in arguments}))


def log_added(item: Mapping[str, Any], size: int, position: int | None) -> None:
    """Log an item that was added at this position; ``size`` is the number of items."""
    logger.info("Adding new item to the queue ...")
    logger.info("%s", _with("Item added: success=True", **_named(item), qsize=size, pos=position))


def log_batch_added(count: int, size: int, position: int | None) -> None:
    """Log added items; the first of them is at this position."""
    logger.info("%s", _with("Batch of items added: success=True", items=count, qsize=size, pos=position))


def log_item(what: str, item: Mapping[str, Any], size: int) -> None:
    """Log an item that was updated or is being executed; ``what`` is the beginning of the line."""
    logger.info("%s", _with(f"{what}: success=True", **_named(item), qsize=size))


def log_edit(what: str, edit: Edit, size: int) -> None:
    """Log a removed or moved item; ``what`` is the beginning of the line."""
    logger.info("%s", _with(what, item_uid=uid_of(edit.items_json[0]), qsize=size))


def log_batch(what: str, edit: Edit, size: int) -> None:
    """Log removed or moved items; ``what`` is the beginning of the line."""
    logger.info("%s", _with(what, items=len(edit.items_json), qsize=size))


def _named(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item[key] for key in ("item_type", "name", "item_uid")}


def _with(line: str, **values: Any) -> str:
    return " ".join([line, *(f"{name}={shortened(value)}" for name, value in values.items() if value is not None)])
