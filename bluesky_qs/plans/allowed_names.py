"""The names that a user group may use, and warnings about other names."""

from collections.abc import Callable, Mapping
from typing import Any

from bluesky_qs.nearest import nearest
from bluesky_qs.plans.choices import Descriptions, Devices
from bluesky_qs.plans.model import ABILITIES
from bluesky_qs.plans.values import FAILS, Mismatch, Name, Wanted

#: The verb in “a device that cannot …”, by type.
_VERBS = {"__READABLE__": "be read", "__MOVABLE__": "be moved", "__FLYABLE__": "fly"}
_LIKELY_FAILS = "the plan is likely to fail"
_NEEDS_STAFF = "the plan will fail unless the beamline staff permits it"
#: The number of cached warnings. The search for similar names is slow when there are many names.
_MOST_CACHED = 1000


class AllowedNames:
    """A `NameCheck` for the device and plan names that are replaced with objects when a plan of this group runs.

    Parameters
    ----------
    devices, plans
        The devices and plans that the group may use.
    """

    def __init__(self, group: str, devices: Devices, plans: Mapping[str, Any]) -> None:
        self._group = group
        self._devices = devices
        self._plans = plans
        # Cached by type, because there may be thousands of names and up to ten thousand items to check.
        self._known: dict[str, dict[str, None]] = {}

    def known(self, wanted: Name) -> dict[str, None]:
        """Return the names of this type."""
        known = self._known.get(wanted.label)
        if known is None:
            known = self._known[wanted.label] = self._of_type(wanted)
        return known

    def warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        """Return the warning about a string that is not a name of any of these types."""
        kinds = [
            kind.value
            for kind in (Wanted.DEVICE, Wanted.PLAN)
            if any(each.wanted in (kind, Wanted.PLAN_OR_DEVICE) for each in wanted)
        ]
        reason = f"is not the name of a {' or '.join(kinds)} that you may use"
        return Mismatch("", text, reason, self._near(text, wanted), outlook=FAILS)

    def possible_warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        """Return the warning about a string that need not be a name."""
        raise NotImplementedError

    def _of_type(self, wanted: Name) -> dict[str, None]:
        devices = self._devices.names if wanted.wanted is not Wanted.PLAN else ()
        plans = self._plans if wanted.wanted is not Wanted.DEVICE else ()
        return dict.fromkeys((*devices, *plans))

    def _near(self, text: str, wanted: list[Name]) -> list[str]:
        return nearest(text, (name for each in wanted for name in self.known(each)))


class ListedNames(AllowedNames):
    """Names that can be checked, along with the devices' abilities, before the plan runs.

    Parameters
    ----------
    existing
        All devices, including those that the group may not use.
    """

    def __init__(self, group: str, devices: Devices, plans: Mapping[str, Any], existing: Descriptions) -> None:
        super().__init__(group, devices, plans)
        self._existing = existing
        self._cached: dict[tuple[str, ...], Mismatch | None] = {}

    def warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        key = (text, *(each.label for each in wanted))
        if key not in self._cached:
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[key] = self._new_warning(text, wanted)
        return self._cached[key]

    def possible_warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        """Return the warning about a device of the wrong kind, one that the group may not use, or a mistyped name."""
        found = None if text in self._plans else self.warning(text, wanted)
        if found is None:
            return None
        if is_below(self._existing, text):
            return found
        meant = found.suggestions or text in self._devices.names or self._exists(text)
        return found._replace(outlook=_LIKELY_FAILS) if meant else None

    def _new_warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        of_devices = _devices_in(wanted)
        if of_devices and text in self._devices.names:
            abilities = " or ".join(dict.fromkeys(_VERBS[each.label] for each in of_devices))
            near = self._near(text, wanted)
            return Mismatch("", text, f"is a device that cannot {abilities}", near, outlook=_LIKELY_FAILS)
        if of_devices and is_below(self._existing, text):
            outlook = "the plan will fail unless this device exists and you may use it"
            return Mismatch("", text, "is a subdevice that is not in the list of devices", [], outlook=outlook)
        if of_devices and self._exists(text):
            reason = f"is a device that you may not use (your user group is {self._group!r})"
            return Mismatch("", text, reason, self._near(text, wanted), outlook=_NEEDS_STAFF)
        return super().warning(text, wanted)

    def _of_type(self, wanted: Name) -> dict[str, None]:
        known = super()._of_type(wanted)
        ability = ABILITIES.get(wanted.label)
        if ability is None:
            return known
        return {name: None for name in known if self._description(name).get(ability) is not False}

    def _description(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = {"components": self._devices.tree}
        for part in name.split("."):
            # A name in a hand-written file may contain a dot.
            found = found.get("components", {}).get(part, {})
        return found

    def _exists(self, text: str) -> bool:
        found: Mapping[str, Any] | None = {"components": self._existing}
        for name in text.split("."):
            found = (found or {}).get("components", {}).get(name)
        return found is not None


class ReachableNames(AllowedNames):
    """Names that can be checked when the plan starts, because the objects exist at that time.

    Parameters
    ----------
    is_below
        Returns whether a name is below the devices that the lists describe.
    is_reachable
        Returns whether a name of that kind belongs to a device that exists and that the group may use.
    """

    def __init__(
        self,
        group: str,
        devices: Devices,
        plans: Mapping[str, Any],
        *,
        is_below: Callable[[str], bool],
        is_reachable: Callable[[str], bool],
    ) -> None:
        super().__init__(group, devices, plans)
        self._is_below = is_below
        self._is_reachable = is_reachable

    def warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        if self._is_below(text) and _devices_in(wanted) and self._is_reachable(text):
            return None
        return super().warning(text, wanted)

    def possible_warning(self, text: str, wanted: list[Name]) -> Mismatch | None:
        return self.warning(text, wanted) if self._is_below(text) else None


def is_below(existing: Descriptions, name: str) -> bool:
    """Return whether the lists stop above this name. They have a depth limit, and omit the parts of area detectors."""
    found: Mapping[str, Any] = {"components": existing}
    for part in name.split("."):
        below = found.get("components")
        if not below:
            return True
        if part not in below:
            return False
        found = below[part]
    return False


def _devices_in(wanted: list[Name]) -> list[Name]:
    return [each for each in wanted if each.wanted is not Wanted.PLAN]
