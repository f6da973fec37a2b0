"""Describes a plan from its header, its docstring and its decorator, which takes precedence."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET

from bluesky_qs.plans.annotation import NAME_TYPES
from bluesky_qs.plans.model import KINDS, Annotation, ParamKind, ParamSpec, PlanSpec, Properties
from bluesky_qs.plans.values import Wanted
from bluesky_qs.startup import docstring, header
from bluesky_qs.startup.decorator import ParameterWords, PlanWords, annotation_of, words_of
from bluesky_qs.startup.limits import Limits, limits_of

_KINDS = {name: ParamKind(name, value) for name, value in KINDS.items()}


class CannotDescribe(ValueError):
    """The plan cannot be described; the message is the reason."""


def describe(name: str, plan: Callable[..., Any], names: Mapping[int, str] | None = None) -> PlanSpec:
    """Describe a plan. ``names`` gives device and plan names by ``id()``, for defaults that are devices or plans.

    Raises
    ------
    CannotDescribe
        The plan has no signature, or its decorator contradicts it.
    """
    try:
        parameters = header.parameters_of(plan)
        words = words_of(plan)
    except (ValueError, TypeError) as err:
        raise CannotDescribe(str(err)) from None
    _check(words, parameters)
    function = header.function_of(plan)
    # For a callable object, the documentation may be in its class.
    documentation = getattr(function, "__doc__", None) or getattr(plan, "__doc__", None)
    text = docstring.read(documentation if isinstance(documentation, str) else None)
    description = words.description if words.description is not UNSET else text.description
    return PlanSpec(
        name=name,
        module=getattr(function, "__module__", None) or "",
        description=_valid(description),
        parameters=[
            _parameter(
                plan,
                parameter,
                words.of(parameter.name),
                text.parameters.get(parameter.name, ""),
                names or {},
            )
            for parameter in parameters.values()
        ],
        properties=Properties(is_generator=inspect.isgeneratorfunction(plan)),
    )


def place_of(plan: Any) -> tuple[str, int]:
    """Return the file and the first line of a plan's code, or ``("", 0)`` if it has none."""
    code = getattr(inspect.unwrap(header.function_of(plan)), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else ("", 0)


def _check(words: PlanWords, parameters: Mapping[str, inspect.Parameter]) -> None:
    for name, described in words.parameters.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise CannotDescribe(
                f"parameter_annotation_decorator: the plan has no parameter '{name}' (its parameters: {known})"
            )
        if described.default is not UNSET and parameters[name].default is inspect.Parameter.empty:
            raise CannotDescribe(
                f"parameter_annotation_decorator: parameter '{name}' has a default here but not in the plan's header"
            )


def _parameter(
    plan: Any, parameter: inspect.Parameter, words: ParameterWords, text: str, names: Mapping[int, str]
) -> ParamSpec:
    annotation = annotation_of(words) or header.annotation_of(plan, parameter)
    limits = _limits(plan, parameter)
    has_default = parameter.default is not inspect.Parameter.empty
    if words.default is not UNSET:
        default = repr(words.default)
    else:
        default = _valid(header.default_text(parameter.default, names)) if has_default else UNSET
    return ParamSpec(
        name=parameter.name,
        kind=_KINDS[parameter.kind.name],
        default=default,
        description=_valid(words.description if words.description is not UNSET else text or limits.description),
        annotation=annotation,
        min=words.min if words.min is not UNSET else limits.min,
        max=words.max if words.max is not UNSET else limits.max,
        step=words.step,
        convert_device_names=_converts(words.convert_device_names, annotation, (Wanted.DEVICE, Wanted.PLAN_OR_DEVICE)),
        convert_plan_names=_converts(words.convert_plan_names, annotation, (Wanted.PLAN, Wanted.PLAN_OR_DEVICE)),
        eval_expressions=_converts(words.eval_expressions, annotation, (Wanted.CALLABLE,)),
    )


def _limits(plan: Any, parameter: inspect.Parameter) -> Limits:
    """Return the limits in the type of a parameter.

    A type that cannot be read has no limits; a warning about it is logged elsewhere.
    """
    try:
        return limits_of(header.resolved(parameter.annotation, header.scope_of(plan)))
    except Exception:  # noqa: BLE001 - a type is user code and may raise anything
        return Limits()


def _converts(chosen: Any, annotation: Annotation | None, wanted: tuple[Wanted, ...]) -> Any:
    """Return the decorator's choice; by default, True if the type requires names, as in bluesky-queueserver's files."""
    if chosen is not UNSET or annotation is None:
        return chosen
    takes_names = any(label in annotation.type for label, kind in NAME_TYPES.items() if kind in wanted)
    return True if takes_names else UNSET


def _valid(text: str) -> str:
    # A literal may contain a lone surrogate, which messages and files cannot contain.
    return text.encode("utf-8", "replace").decode()
