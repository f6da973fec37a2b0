"""The walks of queued plans, found again when a plan has the same parameters and starts at the same positions."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from bluesky_qs.foresight.learned import parameters_key
from bluesky_qs.manager.walked import Walked

#: Plans whose walks are kept, and walks of one plan from different positions.
_MOST_PLANS, _MOST_STARTS = 2000, 4
#: Positions that are this close count as the same, as a part of the larger one.
_SAME = 1e-3


class Planned(NamedTuple):
    """Identifies the dry run of an item. It does not contain the arguments, which may be large."""

    uid: str
    item_type: str
    name: str
    group: str
    parameters: str

    @classmethod
    def of(cls, data: bytes) -> "Planned":
        """The identification of an item as JSON text."""
        item = json.loads(data)
        key = parameters_key(item) if item.get("item_type") == "plan" else ""
        return cls(item["item_uid"], item["item_type"], item["name"], str(item.get("user_group", "")), key)

    @property
    def is_plan(self) -> bool:
        return self.item_type == "plan"


class Positions(NamedTuple):
    """The positions of devices before an item.

    Attributes
    ----------
    carried
        Where earlier items of the queue leave devices.
    present
        Where devices are now, as far as plans that have ended show it.
    """

    carried: Mapping[str, Any]
    present: Mapping[str, Any]

    def fit(self, walked: Walked) -> bool:
        """Whether a plan that was walked would start at the same positions now."""
        known = {**self.present, **self.carried}
        return all(_close(known.get(name, start), start) for name, start in walked.starts.items())


class WalkCache:
    """The walks."""

    def __init__(self) -> None:
        self._walks: OrderedDict[tuple[str, str, str], list[Walked]] = OrderedDict()

    def find(self, planned: Planned, positions: Positions) -> Walked | None:
        """The walk of this plan from these positions; None if there is none."""
        return next((each for each in self._walks.get(_key(planned), ()) if positions.fit(each)), None)

    def add(self, planned: Planned, walked: Walked) -> None:
        """Keep a walk."""
        key = _key(planned)
        walks = self._walks.setdefault(key, [])
        walks.insert(0, walked)
        del walks[_MOST_STARTS:]
        self._walks.move_to_end(key)
        if len(self._walks) > _MOST_PLANS:
            self._walks.popitem(last=False)

    def clear(self) -> None:
        """Forget all, because code or devices have changed."""
        self._walks.clear()


def _key(planned: Planned) -> tuple[str, str, str]:
    return planned.name, planned.parameters, planned.group


def _close(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= _SAME * max(abs(one), abs(other), 1.0)
    return False
