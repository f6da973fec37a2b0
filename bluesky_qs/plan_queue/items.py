"""What of an item is kept in the queue, what is shown of it while it runs, what goes to history."""

import json
import uuid
from typing import Any, Self

import msgspec

from bluesky_qs.errors import ItemError

#: The keys that an item keeps when it is queued, whatever else was sent with it.
KNOWN_KEYS = frozenset(
    ("item_type", "name", "args", "kwargs", "meta", "item_uid", "user", "user_group", "properties"),
)
#: Levels of lists and objects in an item. Far more could be stored, and not be read again where the stack is deeper.
DEEPEST = 100
#: Properties that belong to one execution: never queued, shown while it lasts.
_RUN_PROPERTIES = frozenset(("time_start", "immediate_execution"))
_PROPERTIES = "properties"


def uuid4_text() -> str:
    """A new uid."""
    return str(uuid.uuid4())


def queued(item: dict[str, Any], uid: str) -> dict[str, Any]:
    """The item as it stands in the queue under this uid: known keys only, nothing left of an earlier execution."""
    kept = {key: value for key, value in item.items() if key in KNOWN_KEYS}
    kept["item_uid"] = uid
    return _without_run(kept)


def encoded(value: dict[str, Any]) -> bytes:
    """JSON text, byte for byte what ``json.dumps`` gives.

    Raises
    ------
    ItemError
        Something in the item has no JSON form.
    """
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"The item cannot be written as JSON: {error}"
        raise ItemError(msg) from None


def extended(item: bytes, key: str, value: Any) -> bytes:
    """The JSON text of an item with this key, as ``json.dumps`` gives it.

    Not decoded unless it may have the key already: arguments of a plan may be megabytes.
    """
    if f'"{key}"'.encode() in item:
        return encoded({**json.loads(item), key: value})
    return item[:-1] + b", " + encoded({key: value})[1:]


class Prepared(msgspec.Struct, frozen=True):
    """An item ready to be queued: as it will stand there, its uid, its JSON text."""

    item: dict[str, Any]
    uid: str
    data: bytes

    @classmethod
    def of(cls, item: dict[str, Any], uid: str) -> Self:
        """The item under this uid.

        Raises
        ------
        ItemError
            Something in the item has no JSON form, or is nested too deeply.
        """
        item = queued(item, uid)
        data = encoded(item)
        if data.count(b"[") + data.count(b"{") > DEEPEST:
            _refuse_depth(item)
        return cls(item, uid, data)


class Running(msgspec.Struct, frozen=True):
    """The item that runs.

    Attributes
    ----------
    item
        As it was queued, in JSON: without the properties of this execution.
    stored
        As the fact ``running_plan`` keeps it and clients see it, in JSON: with them.
    immediate
        Executed at once, not from the queue, hence never put back.
    """

    uid: str
    item: bytes
    stored: bytes
    time_start: float | None = None
    immediate: bool = False

    @classmethod
    def started(cls, uid: str, item: bytes, time_start: float, *, immediate: bool) -> Self:
        """The item, which stands in the queue like this, from now on running."""
        properties: dict[str, Any] = {"time_start": time_start}
        if immediate:
            properties["immediate_execution"] = True
        if f'"{_PROPERTIES}"'.encode() in item:
            own = json.loads(item).get(_PROPERTIES)  # another service may have queued it, with whatever it was sent
            properties = {**own, **properties} if isinstance(own, dict) else properties
        return cls(uid, item, extended(item, _PROPERTIES, properties), time_start, immediate)

    @classmethod
    def restored(cls, stored: bytes | None) -> Self | None:
        """What is running according to the stored fact; None if nothing is."""
        item = json.loads(stored) if stored else None
        if not item or not item.get("item_uid"):
            return None
        properties = item.get(_PROPERTIES)
        properties = properties if isinstance(properties, dict) else {}
        return cls(
            item["item_uid"],
            encoded(_without_run(item)),
            stored or b"",
            properties.get("time_start"),
            bool(properties.get("immediate_execution")),
        )


def _refuse_depth(item: dict[str, Any]) -> None:
    level: list[Any] = [item]
    for _ in range(DEEPEST):
        elements = (value.values() if isinstance(value, dict) else value for value in level)
        level = [element for each in elements for element in each if isinstance(element, dict | list | tuple)]
        if not level:
            return
    msg = f"The item is nested more than {DEEPEST} levels deep"
    raise ItemError(msg)


def _without_run(item: dict[str, Any]) -> dict[str, Any]:
    if _PROPERTIES not in item:
        return item
    properties = item[_PROPERTIES]
    kept = {k: v for k, v in properties.items() if k not in _RUN_PROPERTIES} if isinstance(properties, dict) else {}
    without = {key: value for key, value in item.items() if key != _PROPERTIES}
    return {**without, _PROPERTIES: kept} if kept else without
