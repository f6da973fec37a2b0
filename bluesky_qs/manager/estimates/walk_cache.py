"""Keeps the walks of queued plans, for plans with the same parameters and the same start positions."""

import json
from collections import OrderedDict
from typing import Any, NamedTuple

from bluesky_qs.foresight.learned import parameters_key
from bluesky_qs.manager.estimates.walked import Walked

#: Maximum numbers to keep: plans, walks of one plan from different positions, and different waits in all walks.
_MOST_PLANS, _MOST_STARTS, _LARGEST = 2000, 4, 200_000
#: Positions with a smaller relative difference count as the same.
_SAME = 1e-3
_NOWHERE = object()


class Planned(NamedTuple):
    """The data of an item that its walk depends on. A hash stands for the arguments, which may be large."""

    uid: str
    item_type: str
    name: str
    group: str
    parameters: str

    @classmethod
    def of(cls, data: bytes) -> "Planned":
        """Return the data of an item (JSON text)."""
        item = json.loads(data)
        key = parameters_key(item) if item.get("item_type") == "plan" else ""
        return cls(item["item_uid"], item["item_type"], item["name"], str(item.get("user_group", "")), key)

    @property
    def is_plan(self) -> bool:
        return self.item_type == "plan"

    @property
    def key(self) -> tuple[str, str, str]:
        """A key that is equal for plans that do the same from the same positions."""
        return self.name, self.parameters, self.group


class StartPositions(NamedTuple):
    """The device positions before an item. A device that is missing in both attributes may be anywhere.

    Attributes
    ----------
    carried
        Positions of the devices after the earlier items of the queue.
    present
        Present positions, as known from walks and from plans that have ended.
    """

    carried: dict[str, Any]
    present: dict[str, Any]

    def fit(self, walked: Walked) -> bool:
        """Whether the plan would start at the same positions as in this walk.

        Walks that were cut off always fit: they are incomplete anyway, and repeating them may take long.
        """
        return walked.is_cut or all(_close(self._of(name), start) for name, start in walked.starts.items())

    def follow(self, walked: Walked) -> None:
        """Update the positions to those after a plan that started here."""
        for name, start in walked.starts.items():
            if name not in self.carried:
                self.present.setdefault(name, start)
        self.carried.update(walked.ends)

    def _of(self, name: str) -> Any:
        return self.carried[name] if name in self.carried else self.present.get(name, _NOWHERE)


class WalkCache:
    """The walks, by plan, parameters and user group."""

    def __init__(self) -> None:
        self._walks: OrderedDict[tuple[str, str, str], list[Walked]] = OrderedDict()
        self._size = 0

    def knows(self, planned: Planned) -> bool:
        """Whether there is a walk of this plan from any positions."""
        return planned.key in self._walks

    def find(self, planned: Planned, positions: StartPositions) -> Walked | None:
        """Return the walk of this plan from these positions; None if there is none."""
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
        """Drop all walks, because plans may have changed."""
        self._walks.clear()
        self._size = 0


def _close(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= _SAME * max(abs(one), abs(other), 1.0)
    return False
