"""Types of plan parameters: what values fit them, and where in a value names stand for devices and plans.

Values come from JSON. They fit a type if the type's own reader would take them as they are: integers for ``float``,
lists for ``tuple``; never a string for a number, nor True for an integer. `Type.convert` is for the worker; it turns
lists into tuples and sets, and names into the objects that ``find`` knows.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple, Protocol

from bluesky_qs.nearest import nearest
from bluesky_qs.plans.names import is_name


class Wanted(Enum):
    """What a name stands for."""

    DEVICE = "device"
    PLAN = "plan"
    PLAN_OR_DEVICE = "plan or device"
    CALLABLE = "function"
    ENUM = "value"


#: (what is wanted, label of the list or the enum, name) → the object; the name itself if there is none.
Find = Callable[[Wanted, str, str], Any]


#: Characters of a value that is written out in a hint.
_LONGEST_HINT = 50


class Mismatch(NamedTuple):
    """Why a value does not fit. ``where`` is its place inside the parameter's value: ``[2]['x']``.

    ``hint`` follows the reason and says what to write instead; ``outlook`` is what a plan that gets the value has to
    expect.
    """

    where: str
    value: Any
    reason: str
    suggestions: list[str]
    hint: str = ""
    outlook: str = ""


class Judge(Protocol):
    """Knows names of objects."""

    def known(self, wanted: "Name") -> Container[str]:
        """The names of this type."""
        ...

    def against(self, text: str, wanted: "list[Name]") -> Mismatch | None:
        """What is to be said against a text that has to be a name of one of these types."""
        ...


class Type:
    """Any value fits."""

    #: How the type is called in “… is not PHRASE”.
    phrase = "a value"
    #: True if `convert` may change something.
    converts = False
    #: True if a name inside stands for an object.
    has_names = False
    #: True if a text inside has to be the name of an object that no list was asked for.
    has_open_names = False
    #: Classes all of whose values fit.
    classes: frozenset[type] = frozenset()

    def check(self, value: Any) -> Mismatch | None:  # noqa: ARG002 - all fit
        """Why ``value`` does not fit; None if it fits."""
        return None

    def convert(self, value: Any, find: Find) -> Any:  # noqa: ARG002 - nothing to find here
        """``value``, which fits, as the plan gets it; the same object if nothing changes."""
        return value

    def doubts(self, value: Any, judge: Judge) -> Iterable[Mismatch]:  # noqa: ARG002 - no names here
        """What ``judge`` says against the names in ``value``, which fits, that no list was asked for."""
        return ()

    def _mismatch(self, value: Any) -> Mismatch:
        return Mismatch("", value, f"is not {self.phrase}", [])


class Scalar(Type):
    """Values of certain classes, exactly."""

    def __init__(self, phrase: str, *classes: type) -> None:
        self.phrase = phrase
        self.classes = frozenset(classes)

    def check(self, value: Any) -> Mismatch | None:
        return None if type(value) in self.classes else self._mismatch(value)


class Integer(Scalar):
    """Whole numbers, also those that arithmetic left as ``5.0``."""

    converts = True

    def __init__(self) -> None:
        super().__init__("an integer", int)

    def check(self, value: Any) -> Mismatch | None:
        if type(value) is int or (type(value) is float and value.is_integer()):
            return None
        return self._mismatch(value)

    def convert(self, value: Any, find: Find) -> Any:  # noqa: ARG002
        return int(value) if type(value) is float else value


class Sequence(Type):
    """A list or tuple, handed over as ``make`` makes it; None leaves it as it is."""

    def __init__(self, phrase: str, item: Type, make: Callable[[Iterable[Any]], Any] | None = None) -> None:
        self.phrase = phrase
        self.item = item
        self.make = make
        self.has_names = item.has_names
        self.has_open_names = item.has_open_names
        self.converts = item.converts or make is not None

    def check(self, value: Any) -> Mismatch | None:
        if not isinstance(value, list | tuple | set | frozenset):
            return self._mismatch(value)._replace(hint=self._in_brackets(value))
        # A million numbers must not take a million calls.
        if not (type(self.item) is Type or self.item.classes.issuperset(map(type, value))):
            found = _first_mismatch((f"[{place}]", self.item, element) for place, element in enumerate(value))
            if found is not None:
                return found
        return self._unhashable(value) if self.make in (set, frozenset) else None

    def _in_brackets(self, value: Any) -> str:
        """What is meant by one element where a list of one is expected."""
        one = isinstance(value, str | int | float) and self.item.check(value) is None
        return f": write [{value!r}]" if one and len(repr(value)) <= _LONGEST_HINT else ""

    def _unhashable(self, value: Any) -> Mismatch | None:
        try:
            self.convert(value, lambda _wanted, _label, name: name)
        except TypeError:
            return Mismatch("", value, "has elements that a set cannot hold", [])
        return None

    def convert(self, value: Any, find: Find) -> Any:
        if self.item.converts:
            value = _changed(value, [self.item.convert(element, find) for element in value])
        return self.make(value) if self.make is not None else value

    def doubts(self, value: Any, judge: Judge) -> Iterable[Mismatch]:
        item = self.item
        if not self.has_open_names or (isinstance(item, Name) and all(map(judge.known(item).__contains__, value))):
            return ()
        return _doubts(judge, ((f"[{place}]", item, element) for place, element in enumerate(value)))


class Tuple(Type):
    """A tuple of so many elements, each of its own type."""

    def __init__(self, items: list[Type]) -> None:
        self.phrase = f"a list of {len(items)} elements"
        self.items = items
        self.has_names = any(item.has_names for item in items)
        self.has_open_names = any(item.has_open_names for item in items)
        self.converts = True

    def check(self, value: Any) -> Mismatch | None:
        if not isinstance(value, list | tuple) or len(value) != len(self.items):
            return self._mismatch(value)
        return _first_mismatch(
            (f"[{place}]", item, element) for place, (item, element) in enumerate(zip(self.items, value, strict=True))
        )

    def convert(self, value: Any, find: Find) -> Any:
        return tuple(item.convert(element, find) for item, element in zip(self.items, value, strict=True))

    def doubts(self, value: Any, judge: Judge) -> Iterable[Mismatch]:
        parts = enumerate(zip(self.items, value, strict=True))
        return _doubts(judge, ((f"[{place}]", item, element) for place, (item, element) in parts))


class Mapping(Type):
    """A dictionary. Its keys are never names of objects, but may be those of an enumeration's members.

    In JSON all keys are texts: where numbers are wanted, what reads as one is meant.
    """

    phrase = "a dictionary"

    def __init__(self, key: Type, value: Type) -> None:
        self.key = key
        self.value = value
        self.has_names = value.has_names
        self.has_open_names = value.has_open_names
        self._number = int if isinstance(key, Integer) else float if float in key.classes else None
        self._enum = isinstance(key, Name) and key.wanted is Wanted.ENUM
        self.converts = value.converts or self._enum or self._number is not None

    def check(self, value: Any) -> Mismatch | None:
        if not isinstance(value, dict):
            return self._mismatch(value)
        return _first_mismatch((f"[{key!r}] (key)", self.key, self._key(key)) for key in value) or _first_mismatch(
            (f"[{key!r}]", self.value, element) for key, element in value.items()
        )

    def convert(self, value: Any, find: Find) -> Any:
        keys = map(self._key, value)
        if self._enum or self._number:
            keys = [self.key.convert(key, find) for key in keys]
        return {key: self.value.convert(element, find) for key, element in zip(keys, value.values(), strict=True)}

    def doubts(self, value: Any, judge: Judge) -> Iterable[Mismatch]:
        return _doubts(judge, ((f"[{key!r}]", self.value, element) for key, element in value.items()))

    def _key(self, key: Any) -> Any:
        if self._number is None or type(key) is not str or str in self.key.classes:
            return key
        try:
            return self._number(key)
        except ValueError:
            return key


class Literal(Type):
    """One of these values, exactly."""

    def __init__(self, values: list[Any]) -> None:
        self.values = {(type(value), value) for value in values}
        self.phrase = "one of " + ", ".join(repr(value) for value in values)
        self.texts = [value for value in values if isinstance(value, str)]

    def check(self, value: Any) -> Mismatch | None:
        # Asked for scalars only: a tuple may hold a list, which cannot be looked up.
        if isinstance(value, str | int | float | bytes | None) and (type(value), value) in self.values:
            return None
        return Mismatch("", value, f"is not {self.phrase}", nearest(value, self.texts))


class Name(Type):
    """A string that stands for an object: any (``choices`` None), or one of a list."""

    converts = True

    def __init__(self, wanted: Wanted, label: str, choices: Iterable[str] | None = None) -> None:
        self.wanted = wanted
        self.label = label
        self.has_names = wanted is not Wanted.ENUM
        self.choices = None if choices is None else dict.fromkeys(choices)
        # Functions are looked for where the plan runs: there is no list of them.
        self.has_open_names = choices is None and wanted in (Wanted.DEVICE, Wanted.PLAN, Wanted.PLAN_OR_DEVICE)
        self.phrase = f"the name of a {wanted.value}" if wanted is not Wanted.ENUM else f"one of {self._listed()}"

    def check(self, value: Any) -> Mismatch | None:
        if not isinstance(value, str):
            return self._mismatch(value)
        if self.choices is None:
            # Which names there are is known when the plan runs; what can be none is known now.
            return None if is_name(value) else self._mismatch(value)
        if self._choice(value) in self.choices:
            return None
        return Mismatch("", value, f"is not one of {self._listed()}", nearest(value, self.choices))

    def convert(self, value: Any, find: Find) -> Any:
        return find(self.wanted, self.label, self._choice(value))

    def doubts(self, value: Any, judge: Judge) -> Iterable[Mismatch]:
        if not self.has_open_names or value in judge.known(self):
            return ()
        found = judge.against(value, [self])
        return () if found is None else (found,)

    def _choice(self, value: str) -> str:
        # ``Mode.FAST``, as it is typed in Python, means ``FAST``.
        return value.removeprefix(f"{self.label}.") if self.wanted is Wanted.ENUM else value

    def _listed(self) -> str:
        few = 8
        names = list(self.choices or ())
        if not names:
            return f"the {self.wanted.value}s that the user group may use here (there are none)"
        if len(names) <= few:
            return ", ".join(repr(name) for name in names)
        return f"the {len(names)} {self.wanted.value}s of {self.label!r}"


class OneOf(Type):
    """A value that fits any of these types."""

    def __init__(self, alternatives: list[Type]) -> None:
        # Names first, because a name that is known is meant, although it is a string as well.
        self.alternatives = sorted(alternatives, key=lambda each: not (each.has_names or isinstance(each, Name)))
        self.phrase = " or ".join(dict.fromkeys(alternative.phrase for alternative in alternatives))
        self.classes = frozenset().union(*(alternative.classes for alternative in alternatives))
        self.has_names = any(alternative.has_names for alternative in alternatives)
        # Where anything fits, no text has to be a name.
        self.has_open_names = any(each.has_open_names for each in alternatives) and Type not in map(type, alternatives)
        self.converts = any(alternative.converts for alternative in alternatives)

    def check(self, value: Any) -> Mismatch | None:
        mismatches = []
        for alternative in self.alternatives:
            mismatch = alternative.check(value)
            if mismatch is None:
                return None
            mismatches.append(mismatch)
        # The alternative that went deepest into the value, or that knows a name like it, is the one that was meant.
        best = max(mismatches, key=lambda each: (len(each.where), len(each.suggestions), len(each.hint)))
        return best if best.where or best.suggestions else self._mismatch(value)._replace(hint=best.hint)

    def convert(self, value: Any, find: Find) -> Any:
        fitting = [alternative for alternative in self.alternatives if alternative.check(value) is None]
        for alternative in fitting:
            converted = alternative.convert(value, find)
            if converted is not value:
                return converted
        return value

    def doubts(self, value: Any, judge: Judge) -> Iterable[Mismatch]:
        fitting = [alternative for alternative in self.alternatives if alternative.check(value) is None]
        if not all(alternative.has_open_names for alternative in fitting):
            return ()
        names = [alternative for alternative in fitting if isinstance(alternative, Name)]
        if not names or len(names) != len(fitting):
            return min((list(each.doubts(value, judge)) for each in fitting), key=len, default=())
        found = None if any(value in judge.known(name) for name in names) else judge.against(value, names)
        return () if found is None else (found,)


def _doubts(judge: Judge, parts: Iterable[tuple[str, Type, Any]]) -> Iterator[Mismatch]:
    for where, kind, value in parts:
        for found in kind.doubts(value, judge):
            yield found._replace(where=where + found.where)


def _first_mismatch(parts: Iterable[tuple[str, Type, Any]]) -> Mismatch | None:
    for where, kind, value in parts:
        mismatch = kind.check(value)
        if mismatch is not None:
            return mismatch._replace(where=where + mismatch.where)
    return None


def _changed(old: Any, new: list[Any]) -> Any:
    same = len(old) == len(new) and all(before is after for before, after in zip(old, new, strict=True))
    return old if same else new
