"""The walks of queued plans, found again when a plan has the same parameters and starts at the same positions."""

import json
from collections import OrderedDict
from typing import Any, NamedTuple

from bluesky_qs.foresight.learned import parameters_key
from bluesky_qs.manager.walked import Walked

#: Plans whose walks are kept, walks of one plan from different positions, and the size of all walks.
_MOST_PLANS, _MOST_STARTS, _LARGEST = 2000, 4, 200_000
#: Positions that are this close count as the same, as a part of the larger one.
_SAME = 1e-3
_NOWHERE = object()


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

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for plans that do the same if they start at the same positions."""
        return self.name, self.parameters, self.group


class Positions(NamedTuple):
    """The positions of devices before an item. A device that is in neither of them may be anywhere.

    Attributes
    ----------
    carried
        Where earlier items of the queue leave devices.
    present
        Where devices are now, as far as walks and plans that have ended show it.
    """

    carried: dict[str, Any]
    present: dict[str, Any]

    def fit(self, walked: Walked) -> bool:
        """Whether a plan that was walked would start at the same positions now.

        A walk that was cut off shows too little anyway, and may have taken long: it is not repeated for that.
        """
        return walked.is_cut or all(_close(self._of(name), start) for name, start in walked.starts.items())

    def follow(self, walked: Walked) -> None:
        """The plan has started at these positions, and leaves the devices at others."""
        for name, start in walked.starts.items():
            if name not in self.carried:
                self.present.setdefault(name, start)
        self.carried.update(walked.ends)

    def _of(self, name: str) -> Any:
        return self.carried[name] if name in self.carried else self.present.get(name, _NOWHERE)


class WalkCache:
    """The walks."""

    def __init__(self) -> None:
        self._walks: OrderedDict[tuple[str, str, str], list[Walked]] = OrderedDict()
        self._size = 0

    def knows(self, planned: Planned) -> bool:
        """Whether there is a walk of this plan, from any positions."""
        return planned.key in self._walks

    def find(self, planned: Planned, positions: Positions) -> Walked | None:
        """The walk of this plan from these positions; None if there is none."""
        return next((each for each in self._walks.get(planned.key, ()) if positions.fit(each)), None)

    def add(self, planned: Planned, walked: Walked) -> None:
        """Keep a walk."""
        walks = self._walks.setdefault(planned.key, [])
        walks.insert(0, walked)
        self._size += walked.size - sum(each.size for each in walks[_MOST_STARTS:])
        del walks[_MOST_STARTS:]
        self._walks.move_to_end(planned.key)
        while len(self._walks) > _MOST_PLANS or (self._size > _LARGEST and len(self._walks) > 1):
            _, dropped = self._walks.popitem(last=False)
            self._size -= sum(each.size for each in dropped)

    def clear(self) -> None:
        """Forget all, because code has changed."""
        self._walks.clear()
        self._size = 0


def _close(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= _SAME * max(abs(one), abs(other), 1.0)
    return False
