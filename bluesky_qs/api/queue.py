"""Methods on the queue: look at it, change it, start and stop it."""

from typing import Annotated, Any, Literal, Unpack

import msgspec

from bluesky_qs.api.method import EchoParam, Lock, Messages, method
from bluesky_qs.api.types import (
    WRITER,
    BatchAdded,
    Checks,
    DryRunDone,
    EndParameter,
    Estimates,
    ItemAdded,
    ItemAndSize,
    ItemParameter,
    ItemsAndSize,
    ItemStates,
    Keyed,
    OneItem,
    PositionParameter,
    Queue,
    QueueDryRunDone,
    Reply,
    SentItem,
    Uids,
    Undone,
    UserGroup,
    Writer,
)

# Elements of any type, because an element that is not an object is reported like any other wrong item.
_ItemsParameter = Annotated[list[Any], Messages(missing="Incorrect request format: request contains no item info")]
_Enable = Annotated[bool, Messages(missing="Required 'enable' parameter is missing in the API call")]
_Mode = Annotated[
    dict[str, Any] | Literal["default"],
    Messages(
        missing="Required 'mode' parameter is missing in the API call",
        wrong="Queue mode is passed using object of unsupported type '{type}': mode={value!r}. "
        "Supported: an object with 'loop' and 'ignore_failures', or 'default'",
    ),
]
_DryRunSeconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
_ITEM_FAILED = {"qsize": None, "item": EchoParam("item")}
_BATCH_FAILED: dict[str, Any] = {"qsize": None, "items": [], "results": []}


@method(scope="read:queue", on_failure={"items": [], "running_item": {}, "plan_queue_uid": ""})
def queue_get() -> Queue:
    """The queue from front to back, and the running item (an empty object if nothing is running)."""
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    requires=WRITER,
    on_failure=_ITEM_FAILED,
    failing="Failed to add an item",
)
def queue_item_add(
    item: ItemParameter,
    *,
    pos: PositionParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **who: Unpack[Writer],
) -> ItemAdded:
    """Add an item to the queue: at the back, unless a position is given.

    ``warnings`` are sentences about devices of the wrong kind, and about names that should be devices or plans but are
    not. The item is added anyway.
    """
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    requires=WRITER,
    on_failure=_BATCH_FAILED,
    failing="Failed to add all items",
)
def queue_item_add_batch(
    items: _ItemsParameter,
    *,
    pos: PositionParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **who: Unpack[Writer],
) -> BatchAdded:
    """Add several items to the queue, next to each other, in the given order. If one is refused, none is added.

    ``results`` has ``success`` and ``msg`` for each item, and ``warnings`` if there are any (see ``queue_item_add``).
    """
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    requires=WRITER,
    on_failure=_ITEM_FAILED,
    failing="Failed to replace item",
    extensions=("expected",),
)
def queue_item_update(
    item: ItemParameter, *, replace: bool = False, expected: SentItem | None = None, **who: Unpack[Writer]
) -> ItemAdded:
    """Replace the queued item with the same ``item_uid``. With ``replace``, the new item gets a new uid.

    ``expected`` is the item as you read it. If it has changed since, the request is refused (``ItemChanged``), and
    ``item`` in the reply is the item as it is now. All keys that an item keeps in the queue are compared, except
    ``result``; the order of keys does not matter, and 1 is equal to 1.0.
    """
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    requires=WRITER,
    on_failure=_BATCH_FAILED,
    failing="Failed to replace all items",
)
def queue_item_update_batch(
    items: _ItemsParameter, *, expected: list[SentItem] | None = None, **who: Unpack[Writer]
) -> BatchAdded:
    """Replace several queued items, each by its ``item_uid``. If one is refused, none is replaced.

    ``expected`` are the items as you read them, in the same order (see ``queue_item_update``).
    """
    raise NotImplementedError


@method(scope="read:queue", on_failure={"item": {}}, failing="Failed to get an item")
def queue_item_get(*, pos: PositionParameter = None, uid: str | None = None) -> OneItem:
    """One item of the queue, by position or uid. Default: the last item."""
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    on_failure={"item": {}, "qsize": None},
    failing="Failed to remove an item",
)
def queue_item_remove(
    *,
    pos: PositionParameter = None,
    uid: str | None = None,
    **key: Unpack[Keyed],
) -> ItemAndSize:
    """Remove one item from the queue, by position or uid. Default: the last item."""
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    on_failure={"items": [], "qsize": None},
    failing="Failed to remove a batch of items",
)
def queue_item_remove_batch(uids: Uids, *, ignore_missing: bool = True, **key: Unpack[Keyed]) -> ItemsAndSize:
    """Remove the items with these uids.

    With ``ignore_missing``, uids that are not in the queue are ignored. Without it they are an error, and nothing is
    removed.
    """
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    on_failure={"item": {}, "qsize": None},
    failing="Failed to move the item",
)
def queue_item_move(
    *,
    pos: PositionParameter = None,
    uid: str | None = None,
    pos_dest: PositionParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **key: Unpack[Keyed],
) -> ItemAndSize:
    """Move one item to the position ``pos_dest``, or directly before or after another item."""
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    on_failure={"items": [], "qsize": None},
    failing="Failed to move the batch of items",
)
def queue_item_move_batch(
    uids: Uids,
    *,
    pos_dest: EndParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    reorder: bool = False,
    **key: Unpack[Keyed],
) -> ItemsAndSize:
    """Move several items next to each other: to an end of the queue, or before or after another item.

    They are placed in the order of ``uids``. With ``reorder`` they keep the order that they have in the queue.
    """
    raise NotImplementedError


@method(
    scope="write:execute",
    lock=Lock.ENVIRONMENT,
    requires=WRITER,
    on_failure=_ITEM_FAILED,
    failing="Failed to start execution of the item",
)
def queue_item_execute(item: ItemParameter, **who: Unpack[Writer]) -> ItemAdded:
    """Run an item now, without queueing it.

    Refused unless the manager is idle and the environment is open.
    """
    raise NotImplementedError


@method(scope="write:queue:edit", lock=Lock.QUEUE, bare=True)
def queue_clear(**key: Unpack[Keyed]) -> Reply:
    """Remove all items from the queue. The running item is not affected."""
    raise NotImplementedError


@method(
    scope="write:queue:edit",
    lock=Lock.QUEUE,
    on_failure={"change": None, "items": [], "qsize": None},
    failing="Failed to undo",
)
def queue_undo(event: int, **key: Unpack[Keyed]) -> Undone:
    """Undo a clear, a removal, a move or an edit, by the number of its event (``queue_changed`` with ``change``).

    The items get their uids, contents and places back. If an item's neighbors have changed, it goes right after the
    nearest item that was ahead of it and is still in the queue. If there is none, it goes right before the nearest item
    that followed it. The undo is an event too, and can be undone. Refused if an item is running, has run, or was
    changed again since. Changes can be undone for an hour, even after a restart of the service; very large ones
    (together more than 32 MB) are forgotten earlier, but never the latest.
    """
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.QUEUE, failing="Failed to set queue mode", bare=True)
def queue_mode_set(mode: _Mode, **key: Unpack[Keyed]) -> Reply:
    """Set ``loop`` and ``ignore_failures``. A mode that you leave out does not change.

    ``"default"`` switches off both.
    """
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.ENVIRONMENT)
def queue_start(**key: Unpack[Keyed]) -> Reply:
    """Start the queue. Refused unless the manager is idle and the environment is open."""
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.ENVIRONMENT)
def queue_stop(**key: Unpack[Keyed]) -> Reply:
    """Stop the queue after the running plan."""
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.ENVIRONMENT)
def queue_stop_cancel(**key: Unpack[Keyed]) -> Reply:
    """Cancel a pending queue stop. Succeeds even if none is pending."""
    raise NotImplementedError


@method(scope="write:queue:control", lock=Lock.ENVIRONMENT)
def queue_autostart(enable: _Enable, **key: Unpack[Keyed]) -> Reply:
    """Switch autostart on or off.

    With autostart the queue starts by itself as soon as it has items and the environment is open and idle.
    """
    raise NotImplementedError


@method(scope="read:queue", on_failure={"status": {}})
def item_status(item_uid: str | list[str]) -> ItemStates:
    """The state of an item (queued, running, completed, …), and its result if it has ended.

    For a list of uids, ``status`` has one such object per uid.
    """
    raise NotImplementedError


@method(scope="read:queue", requires=("user_group",), on_failure={"results": []})
def item_check(
    item: SentItem | None = None,
    *,
    items: list[SentItem] | None = None,
    user: str | None = None,
    user_group: UserGroup = "",
) -> Checks:
    """Validate items as if they were added, but do not add them.

    ``results`` has one entry per item: ``success``, ``msg``, ``errors``, ``arguments``, and possibly ``warnings``.
    Each error or warning has ``parameter``, ``value``, ``reason`` and ``suggestions``.
    """
    raise NotImplementedError


@method(
    scope="read:queue",
    requires=("user_group",),
    on_failure={"item": EchoParam("item"), "report": None},
    failing="No dry run",
    takes=10.0,
)
def item_dry_run(
    item: SentItem, *, user: str | None = None, user_group: UserGroup = "", timeout: _DryRunSeconds = 10.0
) -> DryRunDone:
    """Run a plan without hardware and report what it would do. Nothing is queued.

    The environment must be open; a plan may be running. If the plan has errors, the request still succeeds, and
    ``report`` lists them. The dry run stops after ``timeout`` seconds; ``complete`` is then false. The reply may take 2
    s longer than that.
    """
    raise NotImplementedError


@method(
    scope="read:queue",
    requires=("user_group",),
    on_failure={"reports": [], "total": None, "task_uid": None},
    failing="No dry run",
    takes=60.0,
)
def queue_dry_run(
    uids: list[str] | None = None,
    *,
    user: str | None = None,
    user_group: UserGroup = "",
    timeout: _DryRunSeconds = 60.0,
    run_in_background: bool = False,
) -> QueueDryRunDone:
    """Walk the plans of the queue in order, without hardware. Each begins where the one before it leaves the devices.

    With ``uids``, only these items are reported; the items before them are walked too. A plan is cut off after 10 s,
    and the whole dry run after ``timeout`` seconds; plans that were not reached have reports that are not
    ``complete``. Only the first 1000 items are walked. ``run_in_background``: the reply comes immediately, and the
    reports are the return value of the task. The task fails if the manager is restarted before that.
    """
    raise NotImplementedError


@method(
    scope="read:queue",
    on_failure={"estimates": {}, "queue": None, "estimates_uid": None},
    failing="No estimates",
)
def estimates_get(uids: list[str] | None = None) -> Estimates:
    """How long the queued plans and the running one take, when they start, and when the queue ends.

    Without ``uids``, the reply covers all items. Estimates are made in the background, a moment after the queue or the
    environment has changed; until then, ``reason`` says so. The status has ``estimates_uid``, which changes when the
    estimates change, and ``queue_end``.
    """
    raise NotImplementedError
