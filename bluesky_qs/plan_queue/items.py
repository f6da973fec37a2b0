"""The forms of an item: in the queue, while it runs, and in the history."""

import json
import uuid
from collections import deque
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, Self, cast

import msgspec

from bluesky_qs.errors import ItemError

#: The keys that an item keeps when it is queued. All others are dropped.
KNOWN_KEYS = frozenset(
    ("item_type", "name", "args", "kwargs", "meta", "item_uid", "user", "user_group", "properties"),
)
#: Maximum depth of lists and objects in an item. Deeper items could be stored, but not always read again.
DEEPEST = 100
_TOO_DEEP = f"The item is nested more than {DEEPEST} levels deep"
#: Maximum number of bytes in an item's JSON text. Every store can hold this much, together with a result.
LARGEST = 256_000_000
#: Properties of one execution: shown while the item runs, never queued.
_RUN_PROPERTIES = frozenset(("time_start", "immediate_execution"))
_PROPERTIES = "properties"
_CONTAINERS = (dict, list, tuple)
_SCALARS = (str, int, float)
_MISSING = object()


def uuid4_text() -> str:
    """Return a new uid."""
    return str(uuid.uuid4())


def as_object(value: Any) -> dict[str, Any]:
    """Return the value if it is a JSON object; otherwise an empty object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def queued(item: dict[str, Any], uid: str) -> dict[str, Any]:
    """Return the item as it is queued under this uid: only its known keys, without the properties of an earlier run."""
    kept = {key: value for key, value in item.items() if key in KNOWN_KEYS}
    kept["item_uid"] = uid
    return _without_run(kept)


def same_item(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two items are the same in the queue. Key order and the result of an earlier run do not matter."""
    return _same(*({key: value for key, value in each.items() if key in KNOWN_KEYS} for each in (one, other)))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = as_object(one), as_object(other)
        return first.keys() == second.keys() and all(_same(value, second[key]) for key, value in first.items())
    if isinstance(one, list) and isinstance(other, list):
        pairs = list(zip_longest(cast("list[Any]", one), cast("list[Any]", other), fillvalue=_MISSING))
        return all(_same(first, second) for first, second in pairs)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN


def encoded(value: dict[str, Any]) -> bytes:
    """Return JSON text that is byte for byte what ``json.dumps`` returns.

    Raises
    ------
    ItemError
        A value in the item cannot be written as JSON; the message says where it is and names its type.
    """
    try:
        return json.dumps(value).encode()
    except TypeError as error:
        msg = f"The item cannot be stored: {_without_json_form(value) or error}"
        raise ItemError(msg) from None
    except ValueError as error:
        msg = f"The item cannot be stored: {error}"
        raise ItemError(msg) from None
    except RecursionError:
        raise ItemError(_TOO_DEEP) from None


def extended(item: bytes, key: str, value: Any) -> bytes:
    """Return the JSON text of an item with this key added, as ``json.dumps`` returns it.

    Decodes the item only if it may already have the key, because a plan's arguments can be megabytes long.
    """
    if f'"{key}"'.encode() in item:
        return encoded({**json.loads(item), key: value})
    return item[:-1] + b", " + encoded({key: value})[1:]


class _WithUid(msgspec.Struct):
    item_uid: str


def uid_of(item: bytes) -> str | None:
    """Return the uid in the JSON text of an item; None if the item has no uid."""
    try:
        return msgspec.json.decode(item, type=_WithUid).item_uid
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # NaN and other extensions that only Python's json reads
    try:
        decoded: Any = json.loads(item)
    except (ValueError, RecursionError):
        return None
    uid = as_object(decoded).get("item_uid")
    return uid if isinstance(uid, str) else None


class Prepared(msgspec.Struct, frozen=True):
    """An item that is ready to be queued: its final form, its uid and its JSON text."""

    item: dict[str, Any]
    uid: str
    data: bytes

    @classmethod
    def of(cls, item: dict[str, Any], uid: str) -> Self:
        """Prepare the item under this uid.

        Raises
        ------
        ItemError
            A value in the item cannot be written as JSON or is nested too deeply, or the item is too large.
        """
        item = queued(item, uid)
        data = encoded(item)
        if data.count(b"[") + data.count(b"{") > DEEPEST:
            _refuse_depth(item)
        if len(data) > LARGEST:
            msg = (
                f"The item is too large: {len(data) / 1e6:.0f} MB as JSON, at most {LARGEST / 1e6:.0f} MB can be stored"
            )
            raise ItemError(msg)
        return cls(item, uid, data)

    def with_result(self, result: dict[str, Any]) -> Self:
        """Return the item with the result of its last execution. The limits in `of` do not apply to the result."""
        item = {**self.item, "result": result}
        return msgspec.structs.replace(self, item=item, data=extended(self.data, "result", result))


class Running(msgspec.Struct, frozen=True):
    """The running item.

    Attributes
    ----------
    item
        JSON text of the item as it was queued, without the properties of this execution.
    stored
        JSON text of the item with these properties, as it is kept in the fact ``running_plan`` and as clients see it.
    immediate
        Whether the item is executed immediately and not from the queue. It is never requeued then.
    """

    uid: str
    item: bytes
    stored: bytes
    time_start: float | None = None
    immediate: bool = False

    @classmethod
    def started(cls, uid: str, item: bytes, time_start: float, *, immediate: bool) -> Self:
        """Turn a queued item into the running item."""
        properties: dict[str, Any] = {"time_start": time_start}
        if immediate:
            properties["immediate_execution"] = True
        if f'"{_PROPERTIES}"'.encode() in item:
            # Another service may have queued the item, with any value here.
            properties = {**as_object(json.loads(item).get(_PROPERTIES)), **properties}
        return cls(uid, item, extended(item, _PROPERTIES, properties), time_start, immediate)

    @classmethod
    def restored(cls, stored: bytes | None) -> Self | None:
        """Return the running item according to the stored fact; None if nothing is running."""
        item = as_object(json.loads(stored)) if stored else {}
        if not item.get("item_uid"):
            return None
        properties = as_object(item.get(_PROPERTIES))
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
        level = [element for value in level for _, element in _elements(value) if isinstance(element, _CONTAINERS)]
        if not level:
            return
    raise ItemError(_TOO_DEEP)


def _without_json_form(item: dict[str, Any]) -> str:
    """Name the first value or key that JSON does not support, and its place: ``kwargs['mask'][0] is of type bytes``."""
    waiting: deque[tuple[str, Any]] = deque([("", item)])
    while waiting:
        place, value = waiting.popleft()
        if isinstance(value, _CONTAINERS):
            for key, element in _elements(value):
                if key is not None and not isinstance(key, _SCALARS):
                    return f"{place or 'the item'} has a key of type {type(key).__name__}, which JSON does not support"
                waiting.append((f"{place}[{key!r}]" if place else str(key), element))
        elif value is not None and not isinstance(value, _SCALARS):
            return f"{place} is of type {type(value).__name__}, which JSON does not support"
    return ""


def _elements(container: Any) -> Iterable[tuple[Any, Any]]:
    """Return the elements of a JSON object or array, each with its key or index."""
    if isinstance(container, dict):
        return cast("dict[Any, Any]", container).items()
    return enumerate(cast("list[Any] | tuple[Any, ...]", container))


def _without_run(item: dict[str, Any]) -> dict[str, Any]:
    if _PROPERTIES not in item:
        return item
    kept = {key: value for key, value in as_object(item[_PROPERTIES]).items() if key not in _RUN_PROPERTIES}
    without = {key: value for key, value in item.items() if key != _PROPERTIES}
    return {**without, _PROPERTIES: kept} if kept else without
