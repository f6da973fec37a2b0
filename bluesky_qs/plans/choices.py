"""Expands the patterns in the name lists of plan annotations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bluesky_qs.plans.names import BadPattern, DeviceNames, Names

Descriptions = dict[str, Any]


class Devices:
    """Devices with their subdevices, and the dotted names that can be chosen."""

    def __init__(self, tree: Descriptions, names: Mapping[str, None]) -> None:
        self.tree = tree
        self.names = names
        # Cached, because a beamline's plans share patterns, and its devices have thousands of names.
        self._matching: dict[str | None, list[str]] = {}

    def matching(self, pattern: str | None) -> list[str]:
        """Return the names that match a pattern; none if the pattern is invalid, as may happen in an edited file."""
        if pattern not in self._matching:
            self._matching[pattern] = list(_matching_devices(self, pattern))
        return self._matching[pattern]


def every(devices: Descriptions) -> Devices:
    """Return all devices and subdevices."""
    return Devices(devices, dict.fromkeys(_dotted_names(devices, "")))


def expanded(
    plan: Descriptions, devices: Callable[[], Devices], plans: Mapping[str, Any], *, keep_unknown: bool = False
) -> Descriptions:
    """Return the description, with the patterns in its lists replaced with names of these devices and plans.

    If the description has no lists, this is the same object. ``keep_unknown`` keeps the names of other objects.
    """
    parameters = plan.get("parameters", ())
    annotations = [parameter.get("annotation") or {} for parameter in parameters]
    if not any("devices" in annotation or "plans" in annotation for annotation in annotations):
        return plan

    def named_devices(elements: list[str | None]) -> list[str]:
        return _names(elements, devices().names, devices().matching, keep_unknown)

    def named_plans(elements: list[str | None]) -> list[str]:
        return _names(elements, plans, lambda pattern: _matching_plans(plans, pattern), keep_unknown)

    def parameter_with_names(parameter: Descriptions) -> Descriptions:
        annotation = dict(parameter.get("annotation") or {})
        for key, named in (("devices", named_devices), ("plans", named_plans)):
            if key in annotation:
                annotation[key] = {label: named(elements) for label, elements in annotation[key].items()}
        return parameter | {"annotation": annotation} if annotation else parameter

    return plan | {"parameters": [parameter_with_names(parameter) for parameter in parameters]}


def _names(
    elements: list[str | None],
    known: Mapping[str, Any],
    matching: Callable[[str | None], Iterable[str]],
    keep_unknown: bool,
) -> list[str]:
    found: dict[str, None] = {}
    for element in elements:
        if element is None or element.startswith((":", "__")):
            found.update(dict.fromkeys(matching(element)))
        elif element in known or keep_unknown:
            found[element] = None
    return list(found)


def _matching_devices(devices: Devices, pattern: str | None) -> Iterator[str]:
    if pattern in devices.names:
        # A device name may begin with underscores, too.
        yield str(pattern)
        return
    try:
        names = DeviceNames([pattern])
    except BadPattern:
        return
    yield from _below(devices.tree, names, (), devices.names)


def _below(
    devices: Descriptions, names: DeviceNames, above: tuple[str, ...], known: Mapping[str, None]
) -> Iterator[str]:
    for name, description in devices.items():
        path = (*above, name)
        dotted = ".".join(path)
        if dotted in known and names.match(path, description):
            yield dotted
        below = description.get("components")
        if below:
            yield from _below(below, names, path, known)


def _matching_plans(plans: Mapping[str, Any], pattern: str | None) -> Iterator[str]:
    try:
        names = Names([pattern])
    except BadPattern:
        return
    yield from (name for name in plans if name in names)


def _dotted_names(devices: Descriptions, above: str) -> Iterator[str]:
    for name, description in devices.items():
        yield above + name
        below = description.get("components")
        if below:
            yield from _dotted_names(below, f"{above}{name}.")
