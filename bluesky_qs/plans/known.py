"""The names that a user group may use, and what is to be said against others where no list restricts a parameter."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.nearest import nearest
from bluesky_qs.plans.choices import Descriptions, Devices
from bluesky_qs.plans.model import ABILITIES
from bluesky_qs.plans.values import Mismatch, Name, Wanted

#: How it is said what a device has to be able to do.
_SAID = {"__READABLE__": "be read", "__MOVABLE__": "be moved", "__FLYABLE__": "fly"}
_FAILS = "the plan will fail unless that is mended"
_LIKELY_FAILS = "the plan is likely to fail"
#: Answers that are kept, because looking for names alike takes long where there are many.
_MOST_KEPT = 1000


class KnownNames:
    """Names of devices and plans that become objects when a plan of this group runs: a `Judge`.

    Parameters
    ----------
    devices, plans
        What the group may use.
    """

    def __init__(self, group: str, devices: Devices, plans: Mapping[str, Any]) -> None:
        self._group = group
        self._devices = devices
        self._plans = plans
        # By type: there are thousands of names, and ten thousand items ask.
        self._known: dict[str, dict[str, None]] = {}

    def known(self, wanted: Name) -> dict[str, None]:
        """The names of this type."""
        known = self._known.get(wanted.label)
        if known is None:
            known = self._known[wanted.label] = self._of_type(wanted)
        return known

    def against(self, text: str, wanted: list[Name]) -> Mismatch | None:
        """What is to be said against a text that is none of the names wanted."""
        kinds = [
            kind.value
            for kind in (Wanted.DEVICE, Wanted.PLAN)
            if any(each.wanted in (kind, Wanted.PLAN_OR_DEVICE) for each in wanted)
        ]
        reason = f"is not the name of a {' or '.join(kinds)} that the user group {self._group!r} may use"
        return Mismatch("", text, reason, self._near(text, wanted), outlook=_FAILS)

    def _of_type(self, wanted: Name) -> dict[str, None]:
        devices = self._devices.names if wanted.wanted is not Wanted.PLAN else ()
        plans = self._plans if wanted.wanted is not Wanted.DEVICE else ()
        return dict.fromkeys((*devices, *plans))

    def _near(self, text: str, wanted: list[Name]) -> list[str]:
        return nearest(text, (name for each in wanted for name in self.known(each)))


class DoubtfulNames(KnownNames):
    """What can be said before the plan runs: only what the lists are sure of, but of the kinds of devices as well.

    Parameters
    ----------
    existing
        All devices, whoever may use them.
    """

    def __init__(self, group: str, devices: Devices, plans: Mapping[str, Any], existing: Descriptions) -> None:
        super().__init__(group, devices, plans)
        self._existing = existing
        self._kept: dict[tuple[str, ...], Mismatch | None] = {}

    def against(self, text: str, wanted: list[Name]) -> Mismatch | None:
        key = (text, *(each.label for each in wanted))
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = self._against(text, wanted)
        return self._kept[key]

    def _against(self, text: str, wanted: list[Name]) -> Mismatch | None:
        of_devices = [each for each in wanted if each.wanted is not Wanted.PLAN]
        if of_devices and text in self._devices.names:
            able = " or ".join(dict.fromkeys(_SAID[each.label] for each in of_devices))
            near = self._near(text, wanted)
            return Mismatch("", text, f"is a device that cannot {able}", near, outlook=_LIKELY_FAILS)
        if of_devices and self._is_below_the_lists(text):
            return None
        return super().against(text, wanted)

    def _of_type(self, wanted: Name) -> dict[str, None]:
        known = super()._of_type(wanted)
        ability = ABILITIES.get(wanted.label)
        if ability is None:
            return known
        return {name: None for name in known if self._description(name).get(ability) is not False}

    def _description(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = {"components": self._devices.tree}
        for part in name.split("."):
            # A file written by hand may have a name with a dot in it.
            found = found.get("components", {}).get(part, {})
        return found

    def _is_below_the_lists(self, text: str) -> bool:
        """Whether the lists end above this name: they do not go deeper, or leave an area detector's parts out."""
        found: Mapping[str, Any] = {"components": self._existing}
        for name in text.split("."):
            below = found.get("components")
            if not below:
                return True
            if name not in below:
                return False
            found = below[name]
        return False
