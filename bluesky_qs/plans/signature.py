"""A plan compiled for one user group: it binds arguments to parameters and checks their values."""

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from reprlib import Repr
from typing import Any

import msgspec
from msgspec import UNSET

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.plans import annotation, scan_arguments
from bluesky_qs.plans.expressions import evaluated
from bluesky_qs.plans.model import KINDS, ParamSpec, PlanSpec
from bluesky_qs.plans.values import Mismatch, NameCheck, OneOf, Sequence, Tuple, Type

_POSITIONAL = (KINDS["POSITIONAL_ONLY"], KINDS["POSITIONAL_OR_KEYWORD"])
_BY_NAME = (KINDS["POSITIONAL_OR_KEYWORD"], KINDS["KEYWORD_ONLY"])
Arguments = list[Any] | tuple[Any, ...]
_repr = Repr()
_repr.maxstring = _repr.maxother = 100


class ItemProblem(msgspec.Struct, frozen=True):
    """A problem with an item.

    Attributes
    ----------
    parameter
        The parameter's name; None if the problem is elsewhere.
    value
        The value that causes the problem.
    reason
        A phrase that follows the value, such as ``is not an integer``. If ``parameter`` is None, a full sentence.
    suggestions
        Similar valid choices, best first.
    where
        The location of the value inside the parameter: ``[2]``.
    path
        The location of the value inside the item: the argument (its position in ``args`` or its name in ``kwargs``),
        then the indices and keys inside it. Empty if no argument causes the problem.
    """

    parameter: str | None
    value: Any
    reason: str
    suggestions: list[str] = []
    where: str = ""
    path: tuple[int | str, ...] = ()

    def as_finding(self) -> dict[str, Any]:
        """Return the problem as an object for replies."""
        return {
            "parameter": self.parameter,
            "value": self.value,
            "reason": self.reason,
            "suggestions": self.suggestions,
            "path": list(self.path),
        }

    def __str__(self) -> str:
        hint = did_you_mean(self.suggestions)
        if self.parameter is None:
            return self.reason + hint
        return f"parameter '{self.parameter}'{self.where}: {_repr.repr(self.value)} {self.reason}{hint}"


class NameWarning(ItemProblem, frozen=True):
    """A warning about an accepted item, usually about a name. A plan that gets this value is likely to fail.

    Attributes
    ----------
    outlook
        The consequence: ``the plan will fail``.
    """

    outlook: str = ""

    @property
    def sentence(self) -> str:
        """The warning as one sentence with the value, the reason and the consequence."""
        text = str(self)
        return f"{text[0].upper()}{text[1:]}: {self.outlook}"


class Parameter:
    """The type, range and conversions of one parameter."""

    __slots__ = ("_bounded", "_eval", "_names_functions", "has_open_names", "kind", "name", "required", "spec", "type")

    def __init__(self, spec: ParamSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.kind = spec.kind.value
        self.required = spec.default is UNSET and self.kind not in (KINDS["VAR_POSITIONAL"], KINDS["VAR_KEYWORD"])
        #: None if there is no annotation: every value is valid.
        self.type: Type | None = _type(spec)
        #: True if values contain names that `check` does not compare with a list and that are replaced with objects.
        self.has_open_names = (
            self.type is not None
            and self.type.has_open_names
            and spec.convert_device_names is not False
            and spec.convert_plan_names is not False
        )
        self._bounded = spec.min is not UNSET or spec.max is not UNSET
        self._eval = spec.eval_expressions is True
        self._names_functions = spec.annotation is not None and "callable" in spec.annotation.type.lower()

    def value(self, given: Any) -> Any:
        """Return the value of an argument.

        Expressions in strings are evaluated if the parameter has ``eval_expressions``.
        """
        # A type for functions has this flag, too, and accepts their names: a valid name is not evaluated.
        if not self._eval or (self._names_functions and self.type and self.type.check(given) is None):
            return given
        return evaluated(given)

    def check(self, given: Any, into: list[ItemProblem], argument: int | str, where: str = "") -> None:
        """Append the problems with an argument for this parameter to ``into``."""
        if self.type is None and not self._bounded:
            return
        value = self.value(given)
        found = None if self.type is None else self.type.check(value)
        if found is None and self._bounded:
            found = self._outside(value)
        if found is not None:
            reason = found.reason + found.hint
            path = (argument, *_steps(found.where))
            into.append(ItemProblem(self.name, found.value, reason, found.suggestions, where + found.where, path))

    def warnings(self, given: Any, names: NameCheck, argument: int | str, where: str = "") -> Iterable[NameWarning]:
        """Return warnings about names in an argument that passed `check`."""
        if self.type is None or not self.has_open_names:
            return ()
        found = self.type.warnings(self.value(given), names)
        return (self._warning(each, argument, where) for each in found) if found else ()

    def _warning(self, found: Mismatch, argument: int | str, where: str) -> NameWarning:
        path = (argument, *_steps(found.where))
        where += found.where
        return NameWarning(self.name, found.value, found.reason, found.suggestions, where, path, outlook=found.outlook)

    def _outside(self, value: Any) -> Mismatch | None:
        low, high = self.spec.min, self.spec.max
        if _within(value, low, high):
            return None
        for where, number in _numbers(value, ""):
            # ``not >=`` instead of ``<``, because NaN must be outside every range.
            if low is not UNSET and not number >= low:
                return Mismatch(where, number, f"is less than the minimum {low}", [])
            if high is not UNSET and not number <= high:
                return Mismatch(where, number, f"is greater than the maximum {high}", [])
        return None


class Signature:
    """The parameters of a plan, as available to one user group."""

    def __init__(self, spec: PlanSpec) -> None:
        self.name = spec.name
        self.parameters = tuple(map(Parameter, spec.parameters))
        self._positional = tuple(p for p in self.parameters if p.kind in _POSITIONAL)
        self._by_name = {p.name: p for p in self.parameters if p.kind in _BY_NAME}
        self._rest = self._only("VAR_POSITIONAL")
        self._named_rest = self._only("VAR_KEYWORD")
        self._required = tuple(p for p in self.parameters if p.required)
        # Selected here, because `warnings` must be fast.
        self._open_positional = tuple((n, p) for n, p in enumerate(self._positional) if p.has_open_names)
        self._open_by_name = {name: p for name, p in self._by_name.items() if p.has_open_names}
        self._rule = scan_arguments.rule_of(spec)
        self._open_rest, self._open_named_rest = (
            p if p is not None and p.has_open_names else None for p in (self._rest, self._named_rest)
        )

    def check(self, args: Arguments, kwargs: Mapping[str, Any]) -> list[ItemProblem]:
        """Return all problems with these arguments."""
        problems: list[ItemProblem] = []
        given: set[str] = set()
        for place, (parameter, value) in enumerate(zip(self._positional, args, strict=False)):
            given.add(parameter.name)
            parameter.check(value, problems, place)
        if len(args) > len(self._positional):
            self._check_rest(args, problems)
        for name, value in kwargs.items():
            parameter = self._by_name.get(name)
            if parameter is None:
                if self._check_named_rest(name, value, problems):
                    given.add(name)
            elif name in given:
                reason = f"parameter '{name}' is given twice, by position and by name"
                problems.append(ItemProblem(None, value, reason, path=(name,)))
            else:
                given.add(name)
                parameter.check(value, problems, name)
        problems += [
            ItemProblem(None, None, f"parameter '{parameter.name}' is required but missing")
            for parameter in self._required
            if parameter.name not in given
        ]
        return problems

    def warnings(self, args: Arguments, kwargs: Mapping[str, Any], names: NameCheck) -> Iterable[NameWarning]:
        """Return warnings about names in arguments that passed `check`, and values that bluesky's plans cannot use."""
        found: list[Iterable[NameWarning]] = []
        if self._rule and (misfit := self._misfit(self._rule, args, kwargs)):
            found.append([misfit])
        for place, parameter in self._open_positional:
            if place < len(args) and (warnings := parameter.warnings(args[place], names, place)):
                found.append(warnings)
        for name, parameter in self._open_by_name.items():
            if name in kwargs and (warnings := parameter.warnings(kwargs[name], names, name)):
                found.append(warnings)
        if self._open_rest or self._open_named_rest:
            found += self._warnings_of_rest(args, kwargs, names)
        return chain.from_iterable(found) if found else ()

    def _misfit(self, rule: scan_arguments.Rule, args: Arguments, kwargs: Mapping[str, Any]) -> NameWarning | None:
        """Return the warning about an argument that one of bluesky's plans cannot use."""
        count = len(self._positional)
        places = {parameter.name: place for place, parameter in enumerate(self._positional[: len(args)])}
        found = rule(self.name, args[count:], {**{name: args[place] for name, place in places.items()}, **kwargs})
        if found is None or found.argument is None:
            return None if found is None else NameWarning(None, None, found.reason, outlook=found.outlook)
        if isinstance(found.argument, int):
            name, where = self._rest.name if self._rest else "args", f"[{found.argument}]"
            path = (count + found.argument,)
        else:
            name, where = found.argument, ""
            path = (places.get(name, name),)
        return NameWarning(name, found.value, found.reason, where=where, path=path, outlook=found.outlook)

    def _warnings_of_rest(
        self, args: Arguments, kwargs: Mapping[str, Any], names: NameCheck
    ) -> Iterator[Iterable[NameWarning]]:
        if self._open_rest is not None:
            for place, value in enumerate(args[len(self._positional) :]):
                yield self._open_rest.warnings(value, names, len(self._positional) + place, f"[{place}]")
        if self._open_named_rest is not None:
            for name in (name for name in kwargs if name not in self._by_name):
                yield self._open_named_rest.warnings(kwargs[name], names, name, f"[{name!r}]")

    def bind(self, args: Arguments, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each parameter (given or default) for arguments that passed `check`."""
        bound: dict[str, Any] = {}
        named_rest = {name: value for name, value in kwargs.items() if name not in self._by_name}
        for place, parameter in enumerate(self.parameters):
            if parameter is self._rest:
                bound[parameter.name] = list(args[len(self._positional) :])
            elif parameter is self._named_rest:
                bound[parameter.name] = named_rest
            elif parameter.kind in _POSITIONAL and place < len(args):
                bound[parameter.name] = args[place]
            elif parameter.name in kwargs and parameter.kind in _BY_NAME:
                bound[parameter.name] = kwargs[parameter.name]
            else:
                bound[parameter.name] = _default(parameter.spec)
        return bound

    def by_argument(self, args: Arguments, kwargs: Mapping[str, Any]) -> "tuple[list[Parameter], list[Parameter]]":
        """Return the parameter for each of these arguments, which passed `check`."""
        rest, named_rest = self._rest, self._named_rest
        positional = [*self._positional[: len(args)]]
        if rest is not None:
            positional += [rest] * (len(args) - len(positional))
        named = [self._by_name.get(name) or named_rest for name in kwargs]
        return positional, [parameter for parameter in named if parameter is not None]

    def _only(self, kind: str) -> Parameter | None:
        return next((p for p in self.parameters if p.kind == KINDS[kind]), None)

    def _check_rest(self, args: Arguments, problems: list[ItemProblem]) -> None:
        count = len(self._positional)
        if self._rest is None:
            reason = f"plan '{self.name}' takes {count} positional arguments but {len(args)} were given"
            problems.append(ItemProblem(None, args[count], reason, path=(count,)))
            return
        for place, value in enumerate(args[count:]):
            self._rest.check(value, problems, count + place, f"[{place}]")

    def _check_named_rest(self, name: str, value: Any, problems: list[ItemProblem]) -> bool:
        """Check a keyword argument without its own parameter.

        Return True if a positional-only parameter has its name.
        """
        if self._named_rest is not None:
            self._named_rest.check(value, problems, name, f"[{name!r}]")
            return False
        positional_only = any(parameter.name == name for parameter in self._positional)
        if positional_only:
            reason = f"parameter '{name}' is positional-only: pass it in 'args'"
            problems.append(ItemProblem(None, value, reason, path=(name,)))
        else:
            reason = f"plan '{self.name}' has no parameter '{name}'"
            problems.append(ItemProblem(None, value, reason, nearest(name, self._by_name), path=(name,)))
        return positional_only


def _steps(where: str) -> list[int | str]:
    """Return the indices and keys in a location such as ``[2]['x']``.

    For the location of a key, the steps lead to its value.
    """
    steps: list[int | str] = []
    node: ast.expr = ast.parse("value" + where.removesuffix(" (key)"), mode="eval").body
    while isinstance(node, ast.Subscript):
        try:
            step = ast.literal_eval(node.slice)
        except ValueError:  # a key that JSON cannot have, such as nan
            return []
        steps.insert(0, step if isinstance(step, int) else str(step))
        node = node.value
    return steps


def _type(spec: ParamSpec) -> Type | None:
    if spec.annotation is None:
        return None
    try:
        found = annotation.read(spec.annotation)
    except annotation.AnnotationError as err:
        if spec.annotation.devices or spec.annotation.plans or spec.annotation.enums:
            raise annotation.AnnotationError(f"parameter '{spec.name}': {err}") from None
        # Another program wrote an annotation that cannot be read here: treat it as missing.
        return None
    if spec.kind.value == KINDS["VAR_POSITIONAL"]:
        return _of_each(found)
    return found


def _of_each(found: Type) -> Type:
    """Return the type of one of ``*args``. Some plans write ``*args: tuple[A, B]`` and mean ``A, B, A, B, …``."""
    if isinstance(found, Tuple):
        return OneOf([*found.items, found])
    if isinstance(found, Sequence) and found.make is tuple:
        return OneOf([found.item, found])
    return found


def _within(value: Any, low: Any, high: Any) -> bool:
    """Check a plain list of numbers, which may be long, quickly. Return True if all are in range."""
    if not isinstance(value, list) or not value or not {int, float}.issuperset(map(type, value)):
        return False
    try:
        comparable = not math.isnan(sum(value))
    except OverflowError:
        return False
    return comparable and (low is UNSET or min(value) >= low) and (high is UNSET or max(value) <= high)


def _numbers(value: Any, where: str) -> Iterable[tuple[str, float]]:
    if isinstance(value, int | float):
        if not isinstance(value, bool):
            yield where, value
    elif isinstance(value, list | tuple):
        for place, element in enumerate(value):
            yield from _numbers(element, f"{where}[{place}]")
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _numbers(element, f"{where}[{key!r}]")


def _default(spec: ParamSpec) -> Any:
    if not isinstance(spec.default, str):
        return None if spec.default is UNSET else spec.default
    try:
        value = ast.literal_eval(spec.default)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return spec.default
    # A value without a JSON form, such as ``...``, stays text.
    return value if _is_plain(value) else spec.default


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(element) for key, element in value.items())
    return value is None or isinstance(value, bool | int | float | str)
