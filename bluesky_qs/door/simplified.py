"""Short descriptions of plans and devices, for clients that draw forms: the answers to requests with ``reduced``."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bluesky_qs.wire.codec import decode, json_text

_TYPES = ("float", "int", "str")
_LIST = re.compile(r"(?:typing\.)?list\[.+\]", re.IGNORECASE)
_NAMED = ("devices", "plans", "enums")
_LIMITS = ("min", "max", "step")


def plan(description: Mapping[str, Any]) -> dict[str, Any]:
    """Name, description and parameters of a plan, each parameter with a plain type and its choices."""
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
    """The value of a Python literal, as descriptions have them; `_UNREADABLE` without one."""
    if not isinstance(text, str):
        return _UNREADABLE if text is None else text
    try:
        value = ast.literal_eval(text)
        json_text(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNREADABLE
    return value


_UNREADABLE = object()


def _each(key: str, shorten: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Callable[[bytes], bytes]:
    def simplified(reply: bytes) -> bytes:
        values = decode(reply)
        if isinstance(descriptions := values.get(key), dict):
            values[key] = {name: shorten(description) for name, description in descriptions.items()}
        return json_text(values)

    return simplified


#: Functions that shorten a reply, by method.
SIMPLIFIED: dict[str, Callable[[bytes], bytes]] = {
    "plans_allowed": _each("plans_allowed", plan),
    "plans_existing": _each("plans_existing", plan),
    "devices_allowed": _each("devices_allowed", device),
    "devices_existing": _each("devices_existing", device),
}
