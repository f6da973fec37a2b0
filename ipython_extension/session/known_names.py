"""Names of plans and devices that the user may use, and messages about other names."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.http_failures import NotAuthorizedError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words.parseable import has_index, written
from bluesky_qs.words.planexpr import can_be_sent


class KnownNames:
    """Names of the allowed plans and devices, with subdevices, and of the functions that may be called."""

    def __init__(
        self, plans: Mapping[str, Any], devices: Mapping[str, Any], functions: Mapping[str, Any] | None = None
    ) -> None:
        self.plans = plans
        self.devices = devices
        self.functions = functions or {}

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        first, *rest = name.split(".")
        if name in self.plans:
            return True
        device = self.devices.get(first)
        for part in rest:
            device = (device or {}).get("components", {}).get(part)
        return device is not None

    def objection(self, name: str, variables: Mapping[str, Any], group: str) -> str | None:
        """The reason why a bare name is not a plan or device; None if it is one, or if no names are known.

        ``variables`` are the session's variables, because the user may have meant one of them.
        """
        first, dot, _ = name.partition(".")
        # The lists do not always include all levels below a device.
        if name in self or (first in self.devices and self._is_below(name)):
            return None
        if has_index(name) and (self.plans or self.devices or first in variables):
            return self._no_such_element(name, variables)
        if can_be_sent(variables.get(name)):
            return f"There is no device or plan {name!r}. To use this session's variable, write ${name}"
        if dot and first in variables:
            return (
                f"There is no device or plan {name!r}. Attributes are not evaluated: "
                "assign the value to a variable and write $name"
            )
        if not (self.plans or self.devices):
            return None
        parts = [f"{name.rpartition('.')[0]}.{part}" for part in self._parts(name.rpartition(".")[0])] if dot else []
        hint = did_you_mean(nearest(name, parts or [*self.devices, *self.plans], 2))
        whose = "" if hint else f" that the group {group!r} may use"
        return f"There is no device or plan {name!r}{whose}{hint}. Put plain text in quotes: '{name}'"

    def _no_such_element(self, name: str, variables: Mapping[str, Any]) -> str:
        """The reason why an indexed name that is not in the lists is not a device; None if it may be one."""
        first, parent = name.partition(".")[0], name.rpartition(".")[0]
        if first in variables and first not in self.devices:
            return (
                f"There is no device {written(name)!r}. Elements of variables are not evaluated: "
                "assign the value to a variable and write $name"
            )
        elements = [f"{parent}.{element}" for element in self._parts(parent)]
        hint = did_you_mean([written(element) for element in nearest(name, elements, 2)])
        return f"There is no device {written(name)!r}{hint}"

    def _parts(self, name: str) -> list[str]:
        """The names of a device's components; empty if it has none or is unknown."""
        parts: Mapping[str, Any] = self.devices
        for part in name.split("."):
            parts = (parts.get(part) or {}).get("components") or {}
        return list(parts)

    def _is_below(self, name: str) -> bool:
        """Whether the lists end above the level of this name, so this session cannot check that the device exists."""
        first, *rest = name.split(".")
        device = self.devices.get(first)
        for part in rest:
            if device is not None and not device.get("components"):
                return True
            device = (device or {}).get("components", {}).get(part)
        return False


def fetched(rm: REManagerAPI, status: Mapping[str, Any]) -> tuple[tuple[object, ...], KnownNames]:
    """Fetch the names and the versions of their lists; no names if the service refuses to list them.

    Raises
    ------
    NotAuthorizedError
        The user may not read the lists.
    """
    try:
        # Without `reload`, the client would fetch the status first.
        plans, devices = rm.plans_allowed(reload=True), rm.devices_allowed(reload=True)
    except NotAuthorizedError as error:
        error.add_note("Without the lists of plans and devices, %qs cannot add, change or run a plan.")
        raise
    except RequestFailedError:
        return versions_in(status), KnownNames({}, {})
    # Only if the service lists functions. Without a status, this is not known until the next one.
    listed = rm.functions_allowed(reload=True) if status.get("functions_allowed_uid") else {}
    uids = plans.get("plans_allowed_uid"), devices.get("devices_allowed_uid"), listed.get("functions_allowed_uid")
    return uids, KnownNames(plans["plans_allowed"], devices["devices_allowed"], listed.get("functions_allowed"))


def versions_in(status: Mapping[str, Any]) -> tuple[object, ...]:
    """The versions of the lists in a status."""
    return status.get("plans_allowed_uid"), status.get("devices_allowed_uid"), status.get("functions_allowed_uid")
