"""Builds the objects that a header asks for and that no name stands for: paths, dataclasses and pydantic models."""

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from bluesky_qs.startup.header import resolved, stands_for

_Scope = dict[str, Any]


def is_built(kind: Any) -> bool:
    """Whether objects of this class are built from a dictionary: dataclasses and pydantic models."""
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "model_validate"))


def build(  # noqa: PLR0911 - a table of cases, in order
    hint: Any, value: Any, scope: _Scope
) -> Any:
    """Return what a parameter with this type gets for a value; the same object if there is nothing to build.

    Raises
    ------
    Exception
        An object cannot be built from the value, for example because a field is missing.
    """
    hint = resolved(hint, scope)
    if (meant := stands_for(hint)) is not None:
        return build(meant, value, scope)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return build(arguments[0], value, scope)
    if origin is typing.Union or isinstance(hint, types.UnionType):
        return _alternative(arguments, value, scope)
    if origin is typing.Literal:
        members = (each for each in arguments if isinstance(each, enum.Enum))
        return next((each for each in members if value in (each.value, each.name)), value)
    if isinstance(hint, type) and issubclass(hint, PurePath):
        return hint(value) if isinstance(value, str) else value
    if is_built(hint):
        return _object(hint, value) if isinstance(value, Mapping) else value
    if isinstance(value, list | tuple | set | frozenset) and arguments:
        each = arguments if origin is tuple and ... not in arguments else [arguments[0]] * len(value)
        return _same_or_new(value, [build(kind, element, scope) for kind, element in zip(each, value, strict=False)])
    if isinstance(value, dict) and len(arguments) == 2:  # noqa: PLR2004 - key and value
        new = {build(arguments[0], key, scope): build(arguments[1], each, scope) for key, each in value.items()}
        same = all(any(key is old for old in value) and value[key] is each for key, each in new.items())
        return value if same else new
    return value


def _alternative(hints: tuple[Any, ...], value: Any, scope: _Scope) -> Any:
    """What the first alternative makes of a value; a string stays one where strings are accepted."""
    if isinstance(value, str) and str in hints:
        return value
    failure: Exception | None = None
    for hint in hints:
        try:
            built = build(hint, value, scope)
        except Exception as err:  # noqa: BLE001 - another alternative may fit; raised below if none does
            failure = failure or err
            continue
        if built is not value:
            return built
    if failure is not None and not any(typing.get_origin(hint) is dict or hint in (dict, Any) for hint in hints):
        raise failure
    return value


def _object(kind: Any, value: Mapping[str, Any]) -> Any:
    if hasattr(kind, "model_validate"):
        return kind.model_validate(value)
    scope = vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
    hints = {field.name: field.type for field in dataclasses.fields(kind)}
    return kind(**{name: build(hints[name], each, scope) if name in hints else each for name, each in value.items()})


def _same_or_new(old: Any, new: list[Any]) -> Any:
    if len(old) == len(new) and all(before is after for before, after in zip(old, new, strict=True)):
        return old
    return type(old)(new)
