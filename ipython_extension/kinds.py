"""Whether a device is of the kind that a parameter is for: readable, movable, flyable, as the lists tell."""

import re
from collections.abc import Mapping
from typing import Any

#: Types that stand for devices of a kind, the key of a device's description, and what to say of one that is none.
_KINDS = {
    "__READABLE__": ("is_readable", "read"),
    "__MOVABLE__": ("is_movable", "moved"),
    "__FLYABLE__": ("is_flyable", "used as a flyer"),
}
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
    kinds = [_KINDS[word] for word in words & _KINDS.keys()]
    if device is None or not kinds or words - _KINDS.keys() - _AROUND:
        return None
    if not all(device.get(key) is False for key, _ in kinds):  # what is not told is no reason to refuse
        return None
    verbs = " or ".join(sorted(verb for _, verb in kinds))
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
