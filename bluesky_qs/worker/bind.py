"""Turns an item into a call: replaces names with the plans, devices, functions and Enum members that they refer to."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from msgspec import UNSET

from bluesky_qs.errors import InvalidPlan, NotFound, NotPermitted
from bluesky_qs.nearest import nearest
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.names import is_name_of_part
from bluesky_qs.plans.signature import ItemProblem, Parameter
from bluesky_qs.plans.values import Find, Wanted, replaced
from bluesky_qs.startup import header
from bluesky_qs.startup.build import Builder, Field
from bluesky_qs.startup.collect import facts, is_device
from bluesky_qs.startup.decorator import words_of
from bluesky_qs.startup.failure import text_of
from bluesky_qs.startup.parts import part

_Enums = Mapping[str, type[Enum]]
#: The plan parameter that takes run metadata.
_METADATA = "md"


class BoundPlan(NamedTuple):
    """A plan with its arguments: ``RE(plan(*args, **kwargs), **metadata)``."""

    plan: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    metadata: dict[str, Any]


class BoundFunction(NamedTuple):
    """A function with its arguments."""

    function: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]


def bind_plan(item: Mapping[str, Any], group: str, catalog: Catalog, namespace: Mapping[str, Any]) -> BoundPlan:
    """Return the call for a plan item, validated with the current permissions.

    Raises
    ------
    InvalidPlan
        The item is not valid for the group, or it names something that is not in the namespace.
    """
    catalog.check(item, group)
    name = item["name"]
    plan = namespace.get(name)
    if not callable(plan):
        raise InvalidPlan(f"Plan '{name}' is not found in the worker namespace")
    args, kwargs = item.get("args") or [], item.get("kwargs") or {}
    signature = catalog.signature(name, group)
    positional, named = signature.by_argument(args, kwargs)
    enums = header.enums_of(plan)
    bound = _Binder(group, catalog, namespace)

    def converted(parameter: Parameter, value: Any) -> Any:
        return bound.built(plan, parameter, bound.value(parameter, value, enums.get(parameter.name, {})))

    given = {parameter.name for parameter in (*positional, *named)}
    unset = {parameter.name: parameter for parameter in signature.parameters if parameter.name not in given}
    return BoundPlan(
        plan=plan,
        args=[converted(parameter, value) for parameter, value in zip(positional, args, strict=True)],
        kwargs={
            **{key: converted(parameter, kwargs[key]) for parameter, key in zip(named, kwargs, strict=True)},
            **bound.decorator_defaults(plan, unset),
        },
        metadata=merged(item.get("meta")),
    )


def bind_function(item: Mapping[str, Any], group: str, catalog: Catalog, namespace: Mapping[str, Any]) -> BoundFunction:
    """Return the call for a function item. Its arguments are passed unchanged.

    Raises
    ------
    InvalidPlan
        The item is not a valid function item.
    NotPermitted, NotFound
        The group may not call this function, or the function does not exist.
    """
    name, args, kwargs = item.get("name"), item.get("args"), item.get("kwargs")
    if not isinstance(name, str) or not name:
        raise InvalidPlan("Function name is not specified")
    if not catalog.function_allowed(name, group):
        raise NotPermitted(f"Function '{name}' is not allowed")
    function = namespace.get(name)
    if not callable(function):
        raise NotFound(f"Function '{name}' is not found in the worker namespace")
    if args is not None and not isinstance(args, list | tuple):
        raise InvalidPlan(f"'args' must be a list, not {args!r}")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise InvalidPlan(f"'kwargs' must be an object, not {kwargs!r}")
    return BoundFunction(function, list(args or ()), dict(kwargs or {}))


def merged(meta: Any) -> dict[str, Any]:
    """Return the run metadata of an item. In a list of objects, earlier ones take precedence."""
    parts = meta if isinstance(meta, list | tuple) else [meta or {}]
    result: dict[str, Any] = {}
    for each in reversed(parts):
        result.update(each)
    return result


class _Binder:
    """Turns the names in one item into objects."""

    def __init__(self, group: str, catalog: Catalog, namespace: Mapping[str, Any]) -> None:
        self._group = group
        self._catalog = catalog
        self._namespace = namespace
        self._names = catalog.reachable_names(group, lambda name: self._unlisted(name) is not None)

    def value(self, parameter: Parameter, given: Any, enums: _Enums) -> Any:
        """Return the value that the plan gets for this argument."""
        value = parameter.value(given)
        if parameter.type is None:
            device, plan = _anywhere(parameter, parameter.name)
        else:
            # Refused here, because the plan would fail later with a less clear error.
            for warning in parameter.warnings(given, self._names, parameter.name):
                raise InvalidPlan(f"Plan validation failed: {warning}")
            value = parameter.type.convert(value, self._find(parameter, parameter.name, enums))
            # The type itself shows where names belong. The flags are for types that do not show this.
            everywhere = not parameter.type.has_names
            device = everywhere and parameter.spec.convert_device_names is True
            plan = everywhere and parameter.spec.convert_plan_names is True
        if not (device or plan):
            return value
        return replaced(value, functools.partial(self._object, device=device, plan=plan))

    def built(self, plan: Any, parameter: Parameter, value: Any) -> Any:
        """Return the object that the type in the plan's header requires, built from the value."""
        hint = header.parameters_of(plan)[parameter.name].annotation
        # A type that could not be read is treated like a missing type.
        if hint is inspect.Parameter.empty or parameter.type is None:
            return value
        builder = Builder(functools.partial(self._field, parameter))
        try:
            return builder.build(hint, value, header.scope_of(plan))
        except InvalidPlan:
            raise
        except Exception as err:  # the constructor of the type is user code
            raise InvalidPlan(f"Plan validation failed: parameter '{parameter.name}': {text_of(err)}") from err

    def _field(self, parameter: Parameter, field: Field, value: Any) -> Any:
        """Return the value for a field of an object in an argument, treated like a parameter of the same type."""
        kind = header.type_in(field.hint, field.scope)
        if kind is None:
            return value
        mismatch = kind.check(value)
        if mismatch is not None and field.validates:
            return value
        for found in kind.warnings(value, self._names) if mismatch is None else [mismatch]:
            where = field.where + found.where
            problem = ItemProblem(parameter.name, found.value, found.reason, found.suggestions, where)
            raise InvalidPlan(f"Plan validation failed: {problem}")
        return kind.convert(value, self._find(parameter, field.name, header.enums_in(field.hint, field.scope)))

    def _find(self, parameter: Parameter, place: str, enums: _Enums) -> Find:
        """Return the function that finds the object for a name in a parameter, or in a field of one of its objects."""
        spec = parameter.spec

        def find(wanted: Wanted, label: str, name: str) -> Any:
            if wanted is Wanted.ENUM:
                return _member(enums, label, name)
            if wanted is Wanted.CALLABLE:
                return self._function(parameter, name)
            if not label:  # this type accepts anything
                device, plan = _anywhere(parameter, place)
                return self._object(name, device=device, plan=plan)
            return self._object(
                name,
                device=wanted is not Wanted.PLAN and spec.convert_device_names is not False,
                plan=wanted is not Wanted.DEVICE and spec.convert_plan_names is not False,
            )

        return find

    def decorator_defaults(self, plan: Any, missing: Mapping[str, Parameter]) -> dict[str, Any]:
        """Return the decorator's defaults that differ from the function's, with names replaced with objects.

        Permissions do not apply to them, because they were chosen by the plan's author, not by the user.
        """
        words = words_of(plan).parameters
        defaults: dict[str, Any] = {}
        for name in missing.keys() & words.keys():
            if words[name].default is UNSET:
                continue
            default = replaced(words[name].default, self._existing)
            in_header = header.parameters_of(plan)[name].default
            if not _same(default, in_header):
                defaults[name] = default
        return defaults

    def _object(self, name: str, *, device: bool, plan: bool) -> Any:
        if device and name in self._catalog.device_names(self._group):
            return self._reached(name, "Device")
        if plan and self._catalog.plan_allowed(name, self._group):
            return self._reached(name, "Plan")
        if device and "." in name and self._catalog.is_below_the_lists(name):
            found = self._unlisted(name)
            return name if found is None else found
        return name

    def _unlisted(self, name: str) -> Any:
        """Return the device with a name below the lists; None if it does not exist or the group may not use it."""
        root, *parts = name.split(".")
        if root not in self._namespace or not all(map(is_name_of_part, parts)):
            return None
        # Private attributes give access to all of Python.
        if any(each.startswith("_") for each in parts):
            return None
        try:
            found = self._at(name)
        except NotFound:
            return None
        allowed = is_device(found) and self._catalog.unlisted_device_allowed(name, facts(found), self._group)
        return found if allowed else None

    def _existing(self, name: str) -> Any:
        root = name.partition(".")[0]
        if root in self._catalog.existing_devices or name in self._catalog.existing_plans:
            return self._reached(name, "Device")
        return name

    def _reached(self, name: str, what: str) -> Any:
        try:
            return self._at(name)
        except NotFound as err:
            raise InvalidPlan(f"{what} '{name}' {err.message}") from err

    def _at(self, name: str) -> Any:
        """Return the object with this dotted name. The message of `NotFound` is a phrase to put after the name."""
        root, _, rest = name.partition(".")
        if root not in self._namespace:
            raise NotFound("is not found in the worker namespace")
        found = self._namespace[root]
        try:
            return functools.reduce(part, rest.split("."), found) if rest else found
        except AttributeError as err:
            raise NotFound(f"is not found in the worker namespace: {err}") from err

    def _function(self, parameter: Parameter, name: str) -> Any:
        parts = name.split(".")
        # Private attributes give access to all of Python.
        if not all(each.isidentifier() and not each.startswith("_") for each in parts):
            raise _no_such_name(parameter, "", name, "is not the name of a function", ())
        try:
            function = self._at(name)
        except NotFound as err:
            raise _no_such_name(parameter, "", name, err.message, self._functions()) from err
        if not callable(function):
            raise _no_such_name(parameter, "", name, "is not a function", self._functions())
        return function

    def _functions(self) -> Iterator[str]:
        named = list(self._namespace.items())
        return (name for name, value in named if inspect.isroutine(value) and not name.startswith("_"))


def _anywhere(parameter: Parameter, place: str) -> tuple[bool, bool]:
    """Return whether device names, and whether plan names, become objects if the type accepts anything."""
    devices, plans = parameter.spec.convert_device_names, parameter.spec.convert_plan_names
    if place == _METADATA:
        # Strings in metadata stay strings, even if one is a device name, unless the plan's author wants objects.
        return devices is True, plans is True
    return devices is not False, plans is not False


def _no_such_name(parameter: Parameter, where: str, text: str, reason: str, choices: Iterable[str]) -> InvalidPlan:
    return InvalidPlan(
        f"Plan validation failed: {ItemProblem(parameter.name, text, reason, nearest(text, choices), where)}"
    )


def _member(enums: _Enums, label: str, text: str) -> Any:
    # A list in the decorator has no Enum class, so its strings stay strings.
    return header.member(enums[label], text) if label in enums else text


def _same(default: Any, in_header: Any) -> bool:
    if isinstance(default, list | tuple) and type(default) is type(in_header) and len(default) == len(in_header):
        return all(map(_same, default, in_header))
    # Not ``==``, because comparing arrays returns an array.
    plain = isinstance(default, str | int | float | dict) and type(default) is type(in_header)
    return default is in_header or (plain and default == in_header)
