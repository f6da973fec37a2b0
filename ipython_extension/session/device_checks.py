"""Whether a device is of the kind that a parameter is for: readable, movable, flyable, as the lists tell."""

import re
from collections.abc import Mapping
from typing import Any

from bluesky_qs.plans.model import ABILITIES

#: What to say of a device that is not of the kind.
_SAID = {"__READABLE__": "read", "__MOVABLE__": "moved", "__FLYABLE__": "used as a flyer"}
#: What else may stand in a type of which all the devices are of these kinds.
_AROUND = frozenset({
    "typing", "collections", "abc", "None", "Optional", "Union", "Iterable", "Sequence", "List", "list", "Tuple",
    "tuple",
})  # fmt: skip
_WORD = re.compile(r"\w+")


def misfit(plan: Mapping[str, Any], where: int | str, name: str, device: Mapping[str, Any] | None) -> str | None:
    """What to say of a device in the place (or under the name) of a parameter that is for others; None if it fits."""
    parameter = _parameter(plan, where)
    annotation = parameter.get("annotation") or {}
    words = set(_WORD.findall(str(annotation.get("type", ""))))
    kinds = words & ABILITIES.keys()
    if device is None or not kinds or words - kinds - _AROUND:
        return None
    if not all(device.get(ABILITIES[kind]) is False for kind in kinds):  # what is not told is no reason to refuse
        return None
    verbs = " or ".join(sorted(_SAID[kind] for kind in kinds))
    return f"{name} cannot be {verbs}, as {parameter['name']!r} of {plan.get('name')} has to be"


def _parameter(plan: Mapping[str, Any], where: int | str) -> Mapping[str, Any]:
    parameters = plan.get("parameters") or ()
    if isinstance(where, str):
        return next((each for each in parameters if each["name"] == where), {})
    places = [each for each in parameters if _kind(each).startswith("POSITIONAL")]
    if where < len(places):
        return places[where]
    return next((each for each in parameters if _kind(each) == "VAR_POSITIONAL"), {})


def _kind(parameter: Mapping[str, Any]) -> str:
    return str((parameter.get("kind") or {}).get("name", ""))
