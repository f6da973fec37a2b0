"""Converts queue items to readable lines of text, from which the same items can be read again."""

import json
import keyword
import math
import re
from collections.abc import Callable, Container, Mapping
from typing import Any

Item = dict[str, Any]

#: The keys that a line keeps. The user, the group and the uid are set again when the line is queued.
CONTENT = ("item_type", "name", "args", "kwargs", "meta")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def content(item: Mapping[str, Any]) -> Item:
    """The part of an item that a line keeps, without empty values."""
    return {key: item[key] for key in CONTENT if item.get(key) not in (None, [], {})}


def item_line(item: Mapping[str, Any], known: Container[str], read: Callable[[str], Item | None]) -> str:
    """An item as the call that a user would type, with its metadata after ``--md``.

    Names in ``known`` (devices, plans) have no quotes. ``read`` reads the line again. If the result differs from the
    item, for example because there are several metadata dictionaries, the item is written as JSON.
    """
    wanted = content(item)
    line = _call(wanted, known)
    again = read(line) if line.isprintable() else None
    return line if again is not None and _text(content(again)) == _text(wanted) else _text(wanted)


def _text(item: Item) -> str:
    return json.dumps(item)


def _call(item: Item, known: Container[str]) -> str:
    if item.get("item_type") == "instruction":
        return str(item.get("name"))
    arguments = [_value(value, known) for value in item.get("args") or ()]
    spread: Item = {}
    for key, value in (item.get("kwargs") or {}).items():
        if _KEY.fullmatch(key) and not keyword.iskeyword(key):
            arguments.append(f"{key}={_value(value, known)}")
        else:
            spread[key] = value
    if spread:
        arguments.append(f"**{_value(spread, known)}")
    meta = item.get("meta") or {}
    pairs = [f"{key}={_value(value, ())}" for key, value in meta.items()] if isinstance(meta, dict) else ["?"]
    return " ".join([f"{item.get('name')}({', '.join(arguments)})", *(["--md", *pairs] if pairs else [])])


def _value(value: Any, known: Container[str]) -> str:
    match value:
        case str() if value in known and _PLAIN_NAME.fullmatch(value) and not _has_keyword(value):
            return value
        case str():
            return ascii(value)
        case list():
            return f"[{', '.join(_value(each, known) for each in value)}]"
        case dict():
            return f"{{{', '.join(f'{key!a}: {_value(each, known)}' for key, each in value.items())}}}"
        case float() if not math.isfinite(value):  # Python has no literals for these
            return "1e999-1e999" if math.isnan(value) else "1e999" if value > 0 else "-1e999"
        case _:
            return repr(value)


def _has_keyword(name: str) -> bool:
    return any(map(keyword.iskeyword, name.split(".")))
