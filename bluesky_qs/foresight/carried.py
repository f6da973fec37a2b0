"""The positions of devices at the end of a dry run, for the dry run of the next plan."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

#: The warning about a plan that moves a device which an earlier plan may leave elsewhere.
ELSEWHERE = "{name} may start elsewhere, because an earlier plan in the queue depends on readings"
AFTER_CUT = "Motors may start elsewhere, because an earlier plan in the queue was not walked to its end"


class Carried(NamedTuple):
    """The state of the devices between two plans.

    Attributes
    ----------
    positions
        Positions by the names of the devices that plans have moved.
    doubtful
        Devices that a plan has moved whose dry run is not exact.
    is_cut
        Whether an earlier plan was not walked to its end.
    """

    positions: Mapping[str, Any] = {}
    doubtful: frozenset[str] = frozenset()
    is_cut: bool = False

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """From JSON, as `as_json` makes it; an empty object is the state before the first plan."""
        return cls(found.get("positions", {}), frozenset(found.get("doubtful", ())), bool(found.get("is_cut")))

    def as_json(self) -> dict[str, Any]:
        """As an object for JSON."""
        return {"positions": dict(self.positions), "doubtful": sorted(self.doubtful), "is_cut": self.is_cut}

    def after(self, report: Mapping[str, Any], positions: Mapping[str, Any]) -> Self:
        """The state after a plan with this report, which leaves the devices at these positions."""
        doubtful = self.doubtful if report["exact"] else self.doubtful.union(report["motors"])
        return self._replace(
            positions={**self.positions, **positions},
            doubtful=doubtful,
            is_cut=self.is_cut or not report["complete"],
        )


def as_plain(value: Any) -> Any:
    """The value as a number, text or truth value for JSON; None for anything else."""
    if isinstance(value, bool | str | int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
