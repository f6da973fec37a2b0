"""Converts queue items to plans as users type them, the reverse of `planexpr`."""

import keyword
from collections.abc import Container, Mapping
from typing import Any

from bluesky_qs.words.parseable import written


def plan_text(item: Mapping[str, Any], known: Container[str] = ()) -> str:
    """Return the call that a user would type for this item. Strings in ``known`` (devices, plans) have no quotes.

    >>> plan_text({"name": "count", "args": [["det1"]], "kwargs": {"num": 10}}, {"det1"})
    'count([det1], num=10)'
    """
    name = str(item.get("name", "?"))
    if item.get("item_type") == "instruction":
        return name
    arguments = [_value_text(value, known) for value in item.get("args") or ()]
    spread = {}
    for key, value in (item.get("kwargs") or {}).items():
        if key.isidentifier() and key.isascii() and not keyword.iskeyword(key):
            arguments.append(f"{key}={_value_text(value, known)}")
        else:
            spread[key] = value
    if spread:
        arguments.append(f"**{_value_text(spread, known)}")
    return f"{name}({', '.join(arguments)})"


def _value_text(value: Any, known: Container[str]) -> str:
    match value:
        case str() if value in known:
            return written(value)
        case list():
            return f"[{', '.join(_value_text(each, known) for each in value)}]"
        case dict():
            pairs = (f"{key!r}: {_value_text(each, known)}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
        case _:
            return repr(value)
