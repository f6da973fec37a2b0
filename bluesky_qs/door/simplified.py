"""Short descriptions of plans and devices, for clients that build input forms from them.

They are the responses to requests with ``reduced``.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bluesky_qs.door import shapes
from bluesky_qs.wire.codec import decode, json_text

_TYPES = ("float", "int", "str")
_LIST = re.compile(r"(?:typing\.)?list\[.+\]", re.IGNORECASE)
_NAMED = ("devices", "plans", "enums")
_LIMITS = ("min", "max", "step")


def plan(description: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's name, description and parameters. Each parameter has a plain type and its choices."""
    short: dict[str, Any] = {"name": description["name"]}
    if "description" in description:
        short["description"] = description["description"]
    if parameters := description.get("parameters"):
        short["parameters"] = [parameter(each) for each in parameters]
    return short


def parameter(description: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter: ``type`` is float, int or str, if it is one of these; ``enum`` has the choices if there are any."""
    short: dict[str, Any] = {key: description[key] for key in ("name", "kind", "description") if key in description}
    annotation = description.get("annotation") or {}
    kind = annotation.get("type") or ""
    if choices := list(_choices(annotation)):
        short["type"], short["enum"] = "str", choices
    elif found := next((name for name in _TYPES if re.search(rf"\b{name}\b", kind.lower())), None):
        short["type"] = found
    if kind:
        short["is_list"] = _LIST.fullmatch(kind) is not None
    for key in ("default", *_LIMITS):
        value = _literal(description.get(key))
        if value is not _UNREADABLE:
            short[key] = value
    short["is_optional"] = "default" in short
    return short


def device(description: Mapping[str, Any]) -> dict[str, Any]:
    """A device without its components."""
    return {key: value for key, value in description.items() if key != "components"}


def _choices(annotation: Mapping[str, Any]) -> Iterator[Any]:
    for key in _NAMED:
        for names in (annotation.get(key) or {}).values():
            yield from names if isinstance(names, list) else [names]


def _literal(text: Any) -> Any:
    """The value of a Python literal in a description; `_UNREADABLE` if it is not a literal."""
    if not isinstance(text, str):
        return _UNREADABLE if text is None else text
    try:
        value = ast.literal_eval(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNREADABLE
    return value


_UNREADABLE = object()


class Simplified(NamedTuple):
    """The rule for shortening the reply of a method.

    Attributes
    ----------
    key
        The key in the reply whose value has the descriptions by name.
    shorten
        Makes a description short.
    shape
        The type of the short reply.
    """

    key: str
    shorten: Callable[[Mapping[str, Any]], dict[str, Any]]
    shape: Any

    def __call__(self, reply: bytes) -> bytes:
        """The short reply."""
        values = decode(reply)
        if isinstance(descriptions := values.get(self.key), dict):
            values[self.key] = {name: self.shorten(description) for name, description in descriptions.items()}
        return json_text(values)


#: How replies are shortened, by method.
SIMPLIFIED: dict[str, Simplified] = {
    "plans_allowed": Simplified("plans_allowed", plan, shapes.ShortPlansAllowed),
    "plans_existing": Simplified("plans_existing", plan, shapes.ShortPlansExisting),
    "devices_allowed": Simplified("devices_allowed", device, shapes.ShortDevicesAllowed),
    "devices_existing": Simplified("devices_existing", device, shapes.ShortDevicesExisting),
}
