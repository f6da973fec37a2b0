"""Warns about item keys that the service does not know and ignores."""

from collections.abc import Collection, Mapping
from typing import Any

from bluesky_qs.nearest import nearest
from bluesky_qs.plans.signature import NameWarning

#: Keys that are meant as another key although the spelling is not similar.
_MEANT = {
    "md": "meta",
    "metadata": "meta",
    "arguments": "args",
    "params": "kwargs",
    "parameters": "kwargs",
    "uid": "item_uid",
    "type": "item_type",
}


def unknown_keys(
    item: Mapping[str, Any], known: Collection[str], parameters: Collection[str] = ()
) -> list[NameWarning]:
    """Return warnings about the unknown keys of an accepted item.

    ``known`` are the keys that an item keeps when it is queued. ``parameters`` are the plan's parameters, which belong
    in ``kwargs``.
    """
    found: list[NameWarning] = []
    for key, value in item.items():
        if key in known or key == "result":  # an item from the history may be queued again unchanged
            continue
        reason, outlook, near = f"Unknown item key {key!r}", "it is ignored", []
        if key in _MEANT:
            near = [_MEANT[key]]
        elif key in parameters:
            reason, outlook = f"{reason}, a parameter of {item.get('name')!r}", "it is ignored; put it in 'kwargs'"
        else:
            near = nearest(key, known, 1)
        found.append(NameWarning(None, value, reason, near, outlook=outlook))
    return found
