"""A plan compiled for one user group: how arguments bind to its parameters, and whether their values fit."""

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from reprlib import Repr
from typing import Any

import msgspec
from msgspec import UNSET

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.plans import annotation
from bluesky_qs.plans.expressions import evaluated
from bluesky_qs.plans.model import KINDS, ParamSpec, PlanSpec
from bluesky_qs.plans.values import Judge, Mismatch, OneOf, Sequence, Tuple, Type

_POSITIONAL = (KINDS["POSITIONAL_ONLY"], KINDS["POSITIONAL_OR_KEYWORD"])
_BY_NAME = (KINDS["POSITIONAL_OR_KEYWORD"], KINDS["KEYWORD_ONLY"])
Arguments = list[Any] | tuple[Any, ...]
_repr = Repr()
_repr.maxstring = _repr.maxother = 100


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with an item.

    Attributes
    ----------
    parameter
        The parameter's name; None if the trouble is elsewhere.
    value
        The value to blame.
    reason
        A phrase that follows the value: ``is not an integer``; without a parameter, a sentence.
    suggestions
        Valid choices like the value, best first.
    where
        The value's place inside the parameter: ``[2]``.
    path
        The value's place inside the item: the argument, by its position in ``args`` or its name in ``kwargs``, then
        the indices and keys inside it. Empty if no argument is to blame.
    """

    parameter: str | None
    value: Any
    reason: str
    suggestions: list[str] = []
    where: str = ""
    path: tuple[int | str, ...] = ()

    def as_finding(self) -> dict[str, Any]:
        """The problem as replies carry it."""
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


class Doubt(Problem, frozen=True):
    """A value that is no reason to refuse an item, although a plan that gets it is likely to fail.

    Attributes
    ----------
    outlook
        What is to be expected: ``the plan will fail``.
    """

    outlook: str = ""

    @property
    def sentence(self) -> str:
        """The value, what there is to say of it, and what is to be expected."""
        text = str(self)
        return f"{text[0].upper()}{text[1:]}: {self.outlook}"


class Parameter:
    """One parameter: its type, range and conversions."""

    __slots__ = ("_bounded", "_eval", "_names_functions", "has_open_names", "kind", "name", "required", "spec", "type")

    def __init__(self, spec: ParamSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.kind = spec.kind.value
        self.required = spec.default is UNSET and self.kind not in (KINDS["VAR_POSITIONAL"], KINDS["VAR_KEYWORD"])
        #: None without an annotation: every value fits.
        self.type: Type | None = _type(spec)
        #: True if a text inside has to be the name of an object that no list was asked for, and becomes that object.
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
        """The value that is meant by what was given: expressions in strings evaluated, if the parameter says so."""
        # A type that asks for functions has this flag, too, and means their names: what fits as it is stays.
        if not self._eval or (self._names_functions and self.type and self.type.check(given) is None):
            return given
        return evaluated(given)

    def check(self, given: Any, into: list[Problem], argument: int | str, where: str = "") -> None:
        """Add to ``into`` what is wrong with the value of an argument for this parameter."""
        if self.type is None and not self._bounded:
            return
        value = self.value(given)
        found = None if self.type is None else self.type.check(value)
        if found is None and self._bounded:
            found = self._outside(value)
        if found is not None:
            reason = found.reason + found.hint
            path = (argument, *_steps(found.where))
            into.append(Problem(self.name, found.value, reason, found.suggestions, where + found.where, path))

    def doubts(self, given: Any, judge: Judge, argument: int | str, where: str = "") -> Iterable[Doubt]:
        """What ``judge`` says against the names in the value of an argument that passed `check`."""
        if self.type is None or not self.has_open_names:
            return ()
        found = self.type.doubts(self.value(given), judge)
        return (self._doubt(each, argument, where) for each in found) if found else ()

    def _doubt(self, found: Mismatch, argument: int | str, where: str) -> Doubt:
        path = (argument, *_steps(found.where))
        where += found.where
        return Doubt(self.name, found.value, found.reason, found.suggestions, where, path, outlook=found.outlook)

    def _outside(self, value: Any) -> Mismatch | None:
        low, high = self.spec.min, self.spec.max
        if _within(value, low, high):
            return None
        for where, number in _numbers(value, ""):
            # Written so that NaN, which compares with nothing, is outside.
            if low is not UNSET and not number >= low:
                return Mismatch(where, number, f"is less than the minimum {low}", [])
            if high is not UNSET and not number <= high:
                return Mismatch(where, number, f"is greater than the maximum {high}", [])
        return None


class Signature:
    """A plan as one user group may call it."""

    def __init__(self, spec: PlanSpec) -> None:
        self.name = spec.name
        self.parameters = tuple(map(Parameter, spec.parameters))
        self._positional = tuple(p for p in self.parameters if p.kind in _POSITIONAL)
        self._by_name = {p.name: p for p in self.parameters if p.kind in _BY_NAME}
        self._rest = self._only("VAR_POSITIONAL")
        self._named_rest = self._only("VAR_KEYWORD")
        self._required = tuple(p for p in self.parameters if p.required)
        # Those that `doubts` looks at, for it must cost next to nothing.
        self._open_positional = tuple((n, p) for n, p in enumerate(self._positional) if p.has_open_names)
        self._open_by_name = {name: p for name, p in self._by_name.items() if p.has_open_names}
        self._open_rest, self._open_named_rest = (
            p if p is not None and p.has_open_names else None for p in (self._rest, self._named_rest)
        )

    def check(self, args: Arguments, kwargs: Mapping[str, Any]) -> list[Problem]:
        """All that is wrong with these arguments."""
        problems: list[Problem] = []
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
                reason = f"parameter '{name}' is given twice, by place and by name"
                problems.append(Problem(None, value, reason, path=(name,)))
            else:
                given.add(name)
                parameter.check(value, problems, name)
        problems += [
            Problem(None, None, f"parameter '{parameter.name}' is required and missing")
            for parameter in self._required
            if parameter.name not in given
        ]
        return problems

    def doubts(self, args: Arguments, kwargs: Mapping[str, Any], judge: Judge) -> Iterable[Doubt]:
        """What ``judge`` says against names in arguments that passed `check`."""
        found: list[Iterable[Doubt]] = []
        for place, parameter in self._open_positional:
            if place < len(args) and (doubts := parameter.doubts(args[place], judge, place)):
                found.append(doubts)
        for name, parameter in self._open_by_name.items():
            if name in kwargs and (doubts := parameter.doubts(kwargs[name], judge, name)):
                found.append(doubts)
        if self._open_rest or self._open_named_rest:
            found += self._doubts_of_rest(args, kwargs, judge)
        return chain.from_iterable(found) if found else ()

    def _doubts_of_rest(self, args: Arguments, kwargs: Mapping[str, Any], judge: Judge) -> Iterator[Iterable[Doubt]]:
        if self._open_rest is not None:
            for place, value in enumerate(args[len(self._positional) :]):
                yield self._open_rest.doubts(value, judge, len(self._positional) + place, f"[{place}]")
        if self._open_named_rest is not None:
            for name in (name for name in kwargs if name not in self._by_name):
                yield self._open_named_rest.doubts(kwargs[name], judge, name, f"[{name!r}]")

    def bind(self, args: Arguments, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Values by parameter, as given or by default, of arguments that passed `check`."""
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
        """The parameter that each argument goes to, of arguments that passed `check`."""
        rest, named_rest = self._rest, self._named_rest
        positional = [*self._positional[: len(args)]]
        if rest is not None:
            positional += [rest] * (len(args) - len(positional))
        named = [self._by_name.get(name) or named_rest for name in kwargs]
        return positional, [parameter for parameter in named if parameter is not None]

    def _only(self, kind: str) -> Parameter | None:
        return next((p for p in self.parameters if p.kind == KINDS[kind]), None)

    def _check_rest(self, args: Arguments, problems: list[Problem]) -> None:
        count = len(self._positional)
        if self._rest is None:
            reason = f"plan '{self.name}' takes {count} positional arguments, {len(args)} are given"
            problems.append(Problem(None, args[count], reason, path=(count,)))
            return
        for place, value in enumerate(args[count:]):
            self._rest.check(value, problems, count + place, f"[{place}]")

    def _check_named_rest(self, name: str, value: Any, problems: list[Problem]) -> bool:
        """Check a name that no parameter takes; True if a parameter of that name takes its value by place."""
        if self._named_rest is not None:
            self._named_rest.check(value, problems, name, f"[{name!r}]")
            return False
        by_place = any(parameter.name == name for parameter in self._positional)
        if by_place:
            reason = f"parameter '{name}' takes its value by place (in 'args'), not by name"
            problems.append(Problem(None, value, reason, path=(name,)))
        else:
            reason = f"plan '{self.name}' has no parameter '{name}'"
            problems.append(Problem(None, value, reason, nearest(name, self._by_name), path=(name,)))
        return by_place


def _steps(where: str) -> list[int | str]:
    """The indices and keys in a place inside a value: ``[2]['x']``; of a key itself, those of its value."""
    steps: list[int | str] = []
    node: ast.expr = ast.parse("value" + where.removesuffix(" (key)"), mode="eval").body
    while isinstance(node, ast.Subscript):
        try:
            step = ast.literal_eval(node.slice)
        except ValueError:  # a key that no JSON has, such as nan
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
        # Another program found words that we have not: as if there were none.
        return None
    if spec.kind.value == KINDS["VAR_POSITIONAL"]:
        return _of_each(found)
    return found


def _of_each(found: Type) -> Type:
    """The type of each of ``*args``, where ``*args: tuple[A, B]`` was written and ``A, B, A, B, …`` is meant."""
    if isinstance(found, Tuple):
        return OneOf([*found.items, found])
    if isinstance(found, Sequence) and found.make is tuple:
        return OneOf([found.item, found])
    return found


def _within(value: Any, low: Any, high: Any) -> bool:
    """True if all is well with a plain list of numbers: a million of them must not take a million calls."""
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
    # What has no JSON form, ``...`` for an object among it, stays the text that it is.
    return value if _is_plain(value) else spec.default


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(element) for key, element in value.items())
    return value is None or isinstance(value, bool | int | float | str)
