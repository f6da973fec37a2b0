"""The positions of devices at the end of a dry run, for the dry run of the next plan."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from bluesky_qs.foresight.plain import finite

#: Warnings about a plan that moves a device whose position is uncertain because of an earlier plan.
ELSEWHERE = "{name} may start elsewhere, because an earlier plan in the queue depends on readings"
AFTER_CUT = "Motors may start elsewhere, because an earlier plan in the queue was not walked to its end"


class Carried(NamedTuple):
    """The state of the devices between two plans.

    Attributes
    ----------
    positions
        Positions of the devices that plans have moved, by name.
    doubtful
        Names of the devices that were moved by a plan whose dry run is not exact.
    is_cut
        Whether an earlier plan was not walked to its end.
    """

    positions: Mapping[str, Any] = {}
    doubtful: frozenset[str] = frozenset()
    is_cut: bool = False

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Create the state from an object made by `as_json`. An empty object is the state before the first plan."""
        return cls(found.get("positions", {}), frozenset(found.get("doubtful", ())), bool(found.get("is_cut")))

    def as_json(self) -> dict[str, Any]:
        """Return the state as an object for JSON."""
        return {"positions": dict(self.positions), "doubtful": sorted(self.doubtful), "is_cut": self.is_cut}

    def after(self, report: Mapping[str, Any], positions: Mapping[str, Any]) -> Self:
        """Return the state after a plan with this report. ``positions`` are the device positions when it ends."""
        doubtful = self.doubtful if report["exact"] else self.doubtful.union(report["motors"])
        return self._replace(
            positions={**self.positions, **positions},
            doubtful=doubtful,
            is_cut=self.is_cut or not report["complete"],
        )


def as_plain(value: Any) -> Any:
    """Return the value as a number, string or boolean for JSON; None for anything else."""
    return value if isinstance(value, bool | str | int) else finite(value)
