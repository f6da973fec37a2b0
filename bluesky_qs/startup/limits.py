"""Reads limits and descriptions from ``Annotated`` types: pydantic's Field, annotated_types, msgspec's Meta."""

import math
import numbers
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType


class Limits(NamedTuple):
    """The smallest and the largest number that a type accepts, and its description."""

    min: float | int | UnsetType = UNSET
    max: float | int | UnsetType = UNSET
    description: str = ""


def limits_of(hint: Any) -> Limits:
    """Return the limits in a type. A union of several types with their own limits has no common limits."""
    found = list(_annotated(hint))
    if len(found) != 1:
        return Limits()
    kind, metadata = found[0]
    parts = [part for each in metadata for part in (each, *_parts(each))]
    low, high = _number(parts, "ge"), _number(parts, "le")
    above, below = _number(parts, "gt"), _number(parts, "lt")
    if above is not UNSET:
        low = _next(above, kind, up=True)
    if below is not UNSET:
        high = _next(below, kind, up=False)
    texts = (getattr(part, name, None) for part in metadata for name in ("description", "documentation"))
    return Limits(low, high, next((text for text in texts if isinstance(text, str)), ""))


def _annotated(hint: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if typing.get_origin(hint) is typing.Annotated:
        yield typing.get_args(hint)[0], hint.__metadata__
    elif typing.get_origin(hint) is not typing.Literal:
        for argument in typing.get_args(hint):
            yield from _annotated(argument)


def _parts(metadata: Any) -> tuple[Any, ...]:
    """Return the constraints inside a pydantic Field."""
    inside = getattr(metadata, "metadata", None)
    return tuple(inside) if isinstance(inside, list | tuple) else ()


def _number(parts: list[Any], name: str) -> Any:
    values = [getattr(part, name, None) for part in parts]
    return next((value for value in values if isinstance(value, numbers.Real) and math.isfinite(value)), UNSET)


def _next(limit: Any, kind: Any, *, up: bool) -> Any:
    """Convert an exclusive limit to an inclusive one: return the next number above or below it."""
    if kind is int:
        return math.floor(limit) + 1 if up else math.ceil(limit) - 1
    return math.nextafter(limit, math.inf if up else -math.inf)
