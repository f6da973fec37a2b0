"""Methods on the queue: look, change, start and stop."""

from typing import Annotated, Any, Literal, Unpack

from bluesky_qs.api.method import Echo, Lock, Says, method
from bluesky_qs.api.types import (
    WRITER,
    BatchAdded,
    Checks,
    EndParameter,
    Item,
    ItemAdded,
    ItemAndSize,
    ItemParameter,
    ItemsAndSize,
    ItemStates,
    Keyed,
    OneItem,
    PositionParameter,
    Queue,
    Reply,
    Uids,
    UserGroup,
    Writer,
)

# Elements of any type, so that one that is no item is reported like any other that is wrong.
_ItemsParameter = Annotated[list[Any], Says(missing="Incorrect request format: request contains no item info")]
_Enable = Annotated[bool, Says(missing="Required 'enable' parameter is missing in the API call")]
_Mode = Annotated[
    dict[str, Any] | Literal["default"],
    Says(
        missing="Required 'mode' parameter is missing in the API call",
        wrong="Queue mode is passed using object of unsupported type '{type}': mode={value!r}. "
        "Supported: an object with 'loop' and 'ignore_failures', or 'default'",
    ),
]
_ITEM_FAILED = {"qsize": None, "item": Echo("item")}


@method(on_failure={"items": [], "running_item": {}, "plan_queue_uid": ""})
def queue_get() -> Queue:
    """The queue from front to back, and the running item (an empty object if there is none)."""
    raise NotImplementedError


@method(lock=Lock.QUEUE, requires=WRITER, on_failure=_ITEM_FAILED, failing="Failed to add an item")
def queue_item_add(
    item: ItemParameter,
    *,
    pos: PositionParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **who: Unpack[Writer],
) -> ItemAdded:
    """Add an item to the queue, at the back unless a position is given.

    ``warnings`` are sentences about names that mean nothing where a device or a plan is wanted, and about devices of
    another kind than what is wanted. The item is added all the same.
    """
    raise NotImplementedError


@method(
    lock=Lock.QUEUE,
    requires=WRITER,
    on_failure={"qsize": None, "items": [], "results": []},
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
    """Add items to the queue, side by side in their order: all of them, or none if any is refused.

    ``results`` has ``success``, ``msg`` and, if there are any, ``warnings`` (see ``queue_item_add``) for each item.
    """
    raise NotImplementedError


@method(lock=Lock.QUEUE, requires=WRITER, on_failure=_ITEM_FAILED, failing="Failed to replace item")
def queue_item_update(item: ItemParameter, *, replace: bool = False, **who: Unpack[Writer]) -> ItemAdded:
    """Replace the queued item that has the same ``item_uid``, in its place; ``replace`` gives it a new uid."""
    raise NotImplementedError


@method(on_failure={"item": {}}, failing="Failed to get an item")
def queue_item_get(*, pos: PositionParameter = None, uid: str | None = None) -> OneItem:
    """One item of the queue, by position or uid; the last one by default."""
    raise NotImplementedError


@method(lock=Lock.QUEUE, on_failure={"item": {}, "qsize": None}, failing="Failed to remove an item")
def queue_item_remove(
    *,
    pos: PositionParameter = None,
    uid: str | None = None,
    **key: Unpack[Keyed],
) -> ItemAndSize:
    """Remove one item from the queue, by position or uid; the last one by default."""
    raise NotImplementedError


@method(lock=Lock.QUEUE, on_failure={"items": [], "qsize": None}, failing="Failed to remove a batch of items")
def queue_item_remove_batch(uids: Uids, *, ignore_missing: bool = True, **key: Unpack[Keyed]) -> ItemsAndSize:
    """Remove the items with these uids; all or nothing unless ``ignore_missing``."""
    raise NotImplementedError


@method(lock=Lock.QUEUE, on_failure={"item": {}, "qsize": None}, failing="Failed to move the item")
def queue_item_move(
    *,
    pos: PositionParameter = None,
    uid: str | None = None,
    pos_dest: PositionParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    **key: Unpack[Keyed],
) -> ItemAndSize:
    """Move one item to the place ``pos_dest``, or to the one before or after another item."""
    raise NotImplementedError


@method(lock=Lock.QUEUE, on_failure={"items": [], "qsize": None}, failing="Failed to move the batch of items")
def queue_item_move_batch(
    uids: Uids,
    *,
    pos_dest: EndParameter = None,
    before_uid: str | None = None,
    after_uid: str | None = None,
    reorder: bool = False,
    **key: Unpack[Keyed],
) -> ItemsAndSize:
    """Move items side by side to an end of the queue, or before or after another item.

    They end in the order of ``uids``; with ``reorder`` in the order that they have in the queue.
    """
    raise NotImplementedError


@method(
    lock=Lock.ENVIRONMENT, requires=WRITER, on_failure=_ITEM_FAILED, failing="Failed to start execution of the item"
)
def queue_item_execute(item: ItemParameter, **who: Unpack[Writer]) -> ItemAdded:
    """Run an item now, without queueing it. Refused unless the manager is idle and the environment open."""
    raise NotImplementedError


@method(lock=Lock.QUEUE)
def queue_clear(**key: Unpack[Keyed]) -> Reply:
    """Remove all items from the queue; the running one is not touched."""
    raise NotImplementedError


@method(lock=Lock.QUEUE, failing="Failed to set queue mode")
def queue_mode_set(mode: _Mode, **key: Unpack[Keyed]) -> Reply:
    """Set ``loop`` and ``ignore_failures``; those not named stay; ``"default"`` switches both off."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def queue_start(**key: Unpack[Keyed]) -> Reply:
    """Start running the queue. Refused unless the manager is idle and the environment open."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def queue_stop(**key: Unpack[Keyed]) -> Reply:
    """Stop the queue after the plan that is running."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def queue_stop_cancel(**key: Unpack[Keyed]) -> Reply:
    """Take a pending stop of the queue back; succeeds also when none is pending."""
    raise NotImplementedError


@method(lock=Lock.ENVIRONMENT)
def queue_autostart(enable: _Enable, **key: Unpack[Keyed]) -> Reply:
    """Switch autostart: with it, the queue starts whenever there are items and the worker is ready."""
    raise NotImplementedError


@method(on_failure={"status": {}})
def item_status(item_uid: str | list[str]) -> ItemStates:
    """Where an item is (queued, running, completed, …) with its result: one object, or one per uid for a list."""
    raise NotImplementedError


@method(requires=("user_group",), on_failure={"results": []})
def item_check(
    item: Item | None = None,
    *,
    items: list[Item] | None = None,
    user: str | None = None,
    user_group: UserGroup = "",
) -> Checks:
    """Validate items exactly as adding them would, and queue nothing.

    ``results`` has ``success``, ``msg``, ``errors``, ``arguments`` and, if there are any, ``warnings`` for each item.
    Each of ``errors`` and ``warnings`` has ``parameter``, ``value``, ``reason`` and ``suggestions``.
    """
    raise NotImplementedError
