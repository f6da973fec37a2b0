"""The decorator that describes a plan's parameters in more detail than its header."""

import ast
import math
import numbers
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from bluesky_qs.plans.annotation import AnnotationError, read
from bluesky_qs.plans.model import Annotation
from bluesky_qs.plans.names import BadPattern, DeviceNames, Names, key_hint

F = TypeVar("F", bound=Callable[..., Any])

#: The attribute that keeps the description; bluesky_queueserver's decorator uses the same one.
ATTRIBUTE = "_custom_parameter_annotation_"

_NameLists = dict[str, list[str | None]]
_Number = float | int


class ParameterWords(msgspec.Struct, forbid_unknown_fields=True):
    """The decorator's keys for a parameter."""

    description: str | UnsetType = UNSET
    annotation: str | UnsetType = UNSET
    devices: _NameLists = {}
    plans: _NameLists = {}
    enums: dict[str, list[str]] = {}
    default: Any | UnsetType = UNSET
    min: _Number | UnsetType = UNSET
    max: _Number | UnsetType = UNSET
    step: _Number | UnsetType = UNSET
    convert_device_names: bool | UnsetType = UNSET
    convert_plan_names: bool | UnsetType = UNSET
    eval_expressions: bool | UnsetType = UNSET


_NOTHING = ParameterWords()


class PlanWords(msgspec.Struct, forbid_unknown_fields=True):
    """The decorator's keys for a plan."""

    description: str | UnsetType = UNSET
    parameters: dict[str, Any] = {}

    def of(self, parameter: str) -> ParameterWords:
        """Return the description of a parameter."""
        return self.parameters.get(parameter, _NOTHING)


def parameter_annotation_decorator(annotation: Mapping[str, Any]) -> Callable[[F], F]:
    """Describe a plan and its parameters to the Queue Server; this overrides the header and the docstring.

    The plan itself does not change. ``annotation`` has the optional keys ``description`` and ``parameters``. For each
    parameter name, the latter can have ``description``, ``annotation`` (a type, as text), lists of names that the type
    mentions (``devices``, ``plans``, ``enums``), ``default``, ``min``, ``max``, ``step``, ``convert_device_names``,
    ``convert_plan_names`` and ``eval_expressions``.

    Raises
    ------
    ValueError
        The structure of ``annotation`` is wrong. Wrong types, patterns and numbers, and keys that do not match the
        plan, are reported when the plans are listed, so that a mistake in one plan does not affect the others.

    Examples
    --------
    >>> @parameter_annotation_decorator({
    ...     "parameters": {"detector": {"annotation": "Detectors", "devices": {"Detectors": ["det1", "det2"]}}}
    ... })
    ... def measure(detector, seconds: float = 1):
    ...     yield from ()
    """
    _made_of(annotation)

    def decorate(plan: F) -> F:
        setattr(plan, ATTRIBUTE, annotation)
        return plan

    return decorate


def words_of(plan: Any) -> PlanWords:
    """Return the description that the decorator of bluesky_qs or bluesky_queueserver gave to a plan.

    Raises
    ------
    ValueError
        The description is not valid.
    """
    annotation = getattr(plan, ATTRIBUTE, None)
    if annotation is None:
        return PlanWords()
    words = _made_of(annotation)
    for name, parameter in words.parameters.items():
        try:
            _check(parameter)
        except (AnnotationError, BadPattern, ValueError) as err:
            raise ValueError(f"parameter_annotation_decorator: parameter '{name}': {err}") from None
    return words


def _made_of(annotation: Mapping[str, Any]) -> PlanWords:
    try:
        words = msgspec.convert(annotation, PlanWords)
    except msgspec.ValidationError as err:
        raise ValueError(f"parameter_annotation_decorator: {_with_nearest_key(err, PlanWords)}") from None
    return PlanWords(words.description, {name: _parameter(name, value) for name, value in words.parameters.items()})


def _parameter(name: str, description: Any) -> ParameterWords:
    if isinstance(description, Mapping):
        description = {key: _plain_number(value) for key, value in description.items()}
    try:
        return msgspec.convert(description, ParameterWords)
    except msgspec.ValidationError as err:
        raise ValueError(
            f"parameter_annotation_decorator: parameter '{name}': {_with_nearest_key(err, ParameterWords)}"
        ) from None


def _with_nearest_key(error: msgspec.ValidationError, words: type[msgspec.Struct]) -> str:
    """Return the text of the error. If the error is about an unknown key, add the most similar key."""
    unknown = re.search(r"unknown field `(.*)`", str(error))
    if not unknown:
        return str(error)
    return f"{error}{key_hint(unknown[1], words.__struct_fields__)}"


def _plain_number(value: Any) -> Any:
    """Convert NumPy numbers to Python numbers."""
    if isinstance(value, int | float) and type(value) in (int, float, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _check(words: ParameterWords) -> None:
    for label, names in words.devices.items():
        _patterns(DeviceNames, "devices", label, names)
    for label, names in words.plans.items():
        _patterns(Names, "plans", label, names)
    if words.annotation is not UNSET:
        read(_annotation(words, words.annotation))
    for key in ("min", "max", "step"):
        number = getattr(words, key)
        if number is not UNSET and not math.isfinite(number):
            raise ValueError(f"'{key}' must be a finite number, not {number!r}")
    if words.min is not UNSET and words.max is not UNSET and words.min > words.max:
        raise ValueError(f"'min' ({words.min}) is greater than 'max' ({words.max})")
    if words.default is not UNSET and not _is_literal(words.default):
        raise ValueError(f"'default' must consist of strings, numbers, lists and dictionaries, not {words.default!r}")


def _patterns(make: Callable[[list[Any]], Any], key: str, label: str, names: list[str | None]) -> None:
    try:
        make(names)
    except BadPattern as err:
        raise ValueError(f"'{key}', list '{label}': {err}") from None


def _annotation(words: ParameterWords, text: str) -> Annotation:
    return Annotation(text, words.devices, words.plans, words.enums)


def annotation_of(words: ParameterWords) -> Annotation | None:
    """Return the annotation that the decorator gives to a parameter, or None."""
    return None if words.annotation is UNSET else _annotation(words, words.annotation)


def _is_literal(value: Any) -> bool:
    try:
        return ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
