"""The numeric fields of plans whose documents this session has seen, for completion and for `plot`."""

from collections.abc import Iterator, Mapping
from typing import Any

from bluesky_qs.documents import is_number, mapping

#: Maximum number of plans, and of fields of each plan.
_PLANS, _FIELDS = 100, 100


class SeenFields:
    """Fields by plan, for the plans with the latest documents."""

    def __init__(self) -> None:
        self._of: dict[str, list[str]] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """Record the fields that a document describes."""
        if message["name"] != "descriptor":
            return
        keys = mapping(message["doc"].get("data_keys"))
        new = [str(name) for name, key in keys.items() if is_number(key)]
        uid = str(message.get("item_uid"))
        self._of[uid] = list(dict.fromkeys([*new, *self._of.pop(uid, [])]))[:_FIELDS]
        if len(self._of) > _PLANS:
            del self._of[next(iter(self._of))]

    def of(self, uid: str) -> list[str]:
        """A plan's fields, those of its last stream first; empty if its documents were not seen."""
        return self._of.get(uid, [])

    def uids(self) -> list[str]:
        """The plans, oldest first."""
        return list(self._of)

    def __iter__(self) -> Iterator[str]:
        """The fields of all plans, latest plan first."""
        yield from dict.fromkeys(field for fields in reversed(self._of.values()) for field in fields)

    def __contains__(self, field: object) -> bool:
        return any(field in fields for fields in self._of.values())
