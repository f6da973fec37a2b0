"""The types of plan parameters. They check values, and find the names of devices and plans in them.

Values come from JSON. ``float`` accepts integers and ``tuple`` accepts lists, but no type accepts a string as a number
or True as an integer. The worker calls `Type.convert`, which turns lists into tuples and sets, and names into the
objects that ``find`` returns.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from enum import Enum
from itertools import chain
from typing import Any, NamedTuple, Protocol

from bluesky_qs.nearest import nearest
from bluesky_qs.plans.names import is_name


class Wanted(Enum):
    """The kind of object that a name refers to."""

    DEVICE = "device"
    PLAN = "plan"
    PLAN_OR_DEVICE = "plan or device"
    CALLABLE = "function"
    ENUM = "value"


#: (kind of object, label of the list or the enum, name) → the object, or the name itself if there is no such object.
Find = Callable[[Wanted, str, str], Any]


#: The consequence of an unknown name or of invalid arguments.
FAILS = "the plan will fail unless this is fixed"
#: Maximum number of characters of a value shown in a hint.
_LONGEST_HINT = 50


class Mismatch(NamedTuple):
    """The reason why a value is not valid. ``where`` is its location inside the parameter's value: ``[2]['x']``.

    ``hint`` follows the reason and shows what to write instead. ``outlook`` is the consequence for a plan that gets the
    value.
    """

    where: str
    value: Any
    reason: str
    suggestions: list[str]
    hint: str = ""
    outlook: str = ""


class NameCheck(Protocol):
    """Checks object names, and warns about unknown names."""

    def known(self, wanted: "Name") -> Container[str]:
        """Return the names of this type."""
        ...

    def warning(self, text: str, wanted: "list[Name]") -> Mismatch | None:
        """Return the warning about a string that must be a name of one of these types, or None."""
        ...

    def possible_warning(self, text: str, wanted: "list[Name]") -> Mismatch | None:
        """Return the warning about a string that need not be a name; None unless it is probably meant as one."""
        ...


class Type:
    """Accepts any value."""

    #: The type's name, as used in “… is not PHRASE”.
    phrase = "a value"
    #: True if `convert` may change a value.
    converts = False
    #: True if values contain names that stand for objects.
    has_names = False
    #: True if values contain object names that `check` does not compare with a list.
    has_open_names = False
    #: Classes whose values are always valid.
    classes: frozenset[type] = frozenset()

    def check(self, value: Any) -> Mismatch | None:  # noqa: ARG002 - any value is valid
        """Return the reason why ``value`` is not valid; None if it is valid."""
        return None

    def convert(self, value: Any, find: Find) -> Any:  # noqa: ARG002 - nothing to find here
        """Return the object that the plan gets for ``value``, which passed `check`; ``value`` itself if unchanged."""
        return value

    def warnings(self, value: Any, names: NameCheck) -> Iterable[Mismatch]:  # noqa: ARG002 - no names here
        """Return warnings about the names in ``value`` that were not compared with a list. ``value`` passed `check`."""
        return ()

    def _mismatch(self, value: Any) -> Mismatch:
        return Mismatch("", value, f"is not {self.phrase}", [])


class Anything(Type):
    """Accepts any value. Names in it become objects, as in a parameter without a type."""

    converts = True

    def convert(self, value: Any, find: Find) -> Any:
        return replaced(value, lambda name: find(Wanted.PLAN_OR_DEVICE, "", name))


class Scalar(Type):
    """Accepts values of these classes, but not of their subclasses."""

    def __init__(self, phrase: str, *classes: type) -> None:
        self.phrase = phrase
        self.classes = frozenset(classes)

    def check(self, value: Any) -> Mismatch | None:
        return None if type(value) in self.classes else self._mismatch(value)


class Integer(Scalar):
    """Accepts integers, and floats without a fraction such as ``5.0``, which arithmetic may produce."""

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
    """Accepts a list or tuple and converts it with ``make``, unless ``make`` is None."""

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
        # Without this test, a million numbers would take a million calls.
        if not (type(self.item) in (Type, Anything) or self.item.classes.issuperset(map(type, value))):
            found = _first_mismatch((f"[{place}]", self.item, element) for place, element in enumerate(value))
            if found is not None:
                return found
        return self._unhashable(value) if self.make in (set, frozenset) else None

    def _in_brackets(self, value: Any) -> str:
        """Return a hint to put a single element in brackets where a list is expected."""
        one = isinstance(value, str | int | float) and self.item.check(value) is None
        return f": write [{value!r}]" if one and len(repr(value)) <= _LONGEST_HINT else ""

    def _unhashable(self, value: Any) -> Mismatch | None:
        try:
            self.convert(value, lambda _wanted, _label, name: name)
        except TypeError:
            return Mismatch("", value, "has unhashable elements", [])
        return None

    def convert(self, value: Any, find: Find) -> Any:
        if isinstance(self.item, Anything):
            value = self.item.convert(value, find)
        elif self.item.converts:
            value = _changed(value, [self.item.convert(element, find) for element in value])
        return self.make(value) if self.make is not None else value

    def warnings(self, value: Any, names: NameCheck) -> Iterable[Mismatch]:
        item = self.item
        if not self.has_open_names or (isinstance(item, Name) and all(map(names.known(item).__contains__, value))):
            return ()
        return _warnings(names, ((f"[{place}]", item, element) for place, element in enumerate(value)))


class Tuple(Type):
    """Accepts a fixed number of elements, each of its own type."""

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

    def warnings(self, value: Any, names: NameCheck) -> Iterable[Mismatch]:
        parts = enumerate(zip(self.items, value, strict=True))
        return _warnings(names, ((f"[{place}]", item, element) for place, (item, element) in parts))


class Mapping(Type):
    """Accepts a dictionary. If the keys' type requires it, the keys are names of objects or of enumeration members.

    In JSON, all keys are strings: if the type of the keys is a number, a string such as "5" is read as a number.
    """

    phrase = "a dictionary"

    def __init__(self, key: Type, value: Type) -> None:
        self.key = key
        self.value = value
        self.has_names = value.has_names or key.has_names
        self.has_open_names = value.has_open_names or key.has_open_names
        self._number = int if isinstance(key, Integer) else float if float in key.classes else None
        self._enum = isinstance(key, Name) and key.wanted is Wanted.ENUM
        self._converts_keys = self._enum or self._number is not None or key.has_names
        self.converts = value.converts or self._converts_keys

    def check(self, value: Any) -> Mismatch | None:
        if not isinstance(value, dict):
            return self._mismatch(value)
        return _first_mismatch((f"[{key!r}] (key)", self.key, self._key(key)) for key in value) or _first_mismatch(
            (f"[{key!r}]", self.value, element) for key, element in value.items()
        )

    def convert(self, value: Any, find: Find) -> Any:
        keys = map(self._key, value)
        if self._converts_keys:
            keys = [self.key.convert(key, find) for key in keys]
        return {key: self.value.convert(element, find) for key, element in zip(keys, value.values(), strict=True)}

    def warnings(self, value: Any, names: NameCheck) -> Iterable[Mismatch]:
        keys = ((f"[{key!r}] (key)", self.key, key) for key in value) if self.key.has_open_names else ()
        values = ((f"[{key!r}]", self.value, element) for key, element in value.items())
        return _warnings(names, chain(keys, values))

    def _key(self, key: Any) -> Any:
        if self._number is None or type(key) is not str or str in self.key.classes:
            return key
        try:
            return self._number(key)
        except ValueError:
            return key


class Literal(Type):
    """Accepts only these values."""

    def __init__(self, values: list[Any]) -> None:
        self.values = {(type(value), value) for value in values}
        self.phrase = "one of " + ", ".join(repr(value) for value in values)
        self.texts = [value for value in values if isinstance(value, str)]

    def check(self, value: Any) -> Mismatch | None:
        # Only scalars have this, because a tuple may contain a list, which is unhashable.
        if isinstance(value, str | int | float | bytes | None) and (type(value), value) in self.values:
            return None
        return Mismatch("", value, f"is not {self.phrase}", nearest(value, self.texts))


class Name(Type):
    """Accepts the name of an object: any name (if ``choices`` is None) or a name from a list."""

    converts = True

    def __init__(self, wanted: Wanted, label: str, choices: Iterable[str] | None = None) -> None:
        self.wanted = wanted
        self.label = label
        self.has_names = wanted is not Wanted.ENUM
        self.choices = None if choices is None else dict.fromkeys(choices)
        # There is no list of functions: the worker looks for them when the plan runs.
        self.has_open_names = choices is None and wanted in (Wanted.DEVICE, Wanted.PLAN, Wanted.PLAN_OR_DEVICE)
        self.phrase = f"the name of a {wanted.value}" if wanted is not Wanted.ENUM else f"one of {self._listed()}"

    def check(self, value: Any) -> Mismatch | None:
        if not (isinstance(value, str) or self.takes_number(value)):
            return self._mismatch(value)
        if self.choices is None:
            # The existing names are known when the plan runs. A string that cannot be a name is refused now.
            return None if is_name(value) else self._mismatch(value)
        if self._choice(value) in self.choices:
            return None
        if not isinstance(value, str):
            return self._mismatch(value)
        return Mismatch("", value, f"is not one of {self._listed()}", nearest(value, self.choices))

    def convert(self, value: Any, find: Find) -> Any:
        return find(self.wanted, self.label, self._choice(value))

    def warnings(self, value: Any, names: NameCheck) -> Iterable[Mismatch]:
        if not self.has_open_names or value in names.known(self):
            return ()
        found = names.warning(value, [self])
        return () if found is None else (found,)

    def takes_number(self, value: Any) -> bool:
        """Return whether this number may be the value of an enumeration member."""
        return self.wanted is Wanted.ENUM and type(value) in (int, float)

    def _choice(self, value: str | float) -> str:
        if isinstance(value, str):
            # ``Mode.FAST``, as in Python, means ``FAST``.
            return value.removeprefix(f"{self.label}.") if self.wanted is Wanted.ENUM else value
        # JSON does not distinguish 1 and 1.0.
        other = repr(int(value)) if isinstance(value, float) and value.is_integer() else f"{value}.0"
        return other if other in (self.choices or ()) else repr(value)

    def _listed(self) -> str:
        few = 8
        names = list(self.choices or ())
        if not names:
            return f"the {self.wanted.value}s that you may use here (there are none)"
        if len(names) <= few:
            return ", ".join(repr(name) for name in names)
        return f"the {len(names)} {self.wanted.value}s of {self.label!r}"


class OneOf(Type):
    """Accepts a value that is valid for any of these types."""

    def __init__(self, alternatives: list[Type]) -> None:
        # Names come first, because a known name stands for its object, although it is also a string.
        self.alternatives = sorted(
            alternatives, key=lambda each: (isinstance(each, Anything), not (each.has_names or isinstance(each, Name)))
        )
        self._definite = [each for each in self.alternatives if not isinstance(each, Anything)]
        self.phrase = " or ".join(dict.fromkeys(alternative.phrase for alternative in alternatives))
        self.classes = frozenset().union(*(alternative.classes for alternative in alternatives))
        self.has_names = any(alternative.has_names for alternative in alternatives)
        self.has_open_names = any(alternative.has_open_names for alternative in alternatives)
        self.converts = any(alternative.converts for alternative in alternatives)

    def check(self, value: Any) -> Mismatch | None:
        mismatches = []
        for alternative in self.alternatives:
            mismatch = alternative.check(value)
            if mismatch is None:
                return None
            mismatches.append(mismatch)
        # The user most likely meant the alternative that matches the value to the greatest depth, or that has a similar
        # name.
        best = max(mismatches, key=lambda each: (len(each.where), len(each.suggestions), len(each.hint)))
        return best if best.where or best.suggestions else self._mismatch(value)._replace(hint=best.hint)

    def convert(self, value: Any, find: Find) -> Any:
        fitting = [alternative for alternative in self.alternatives if alternative.check(value) is None]
        if type(value) in self.classes:  # a number stays a number where numbers are accepted
            fitting = [each for each in fitting if not (isinstance(each, Name) and each.takes_number(value))]
        for alternative in fitting:
            converted = alternative.convert(value, find)
            if converted is not value:
                return converted
        return value

    def warnings(self, value: Any, names: NameCheck) -> Iterable[Mismatch]:
        fitting = [alternative for alternative in self._definite if alternative.check(value) is None]
        if not all(alternative.has_open_names for alternative in fitting):
            return ()
        if len(self._definite) < len(self.alternatives):
            names = _NameCheckOfAnything(names)
        wanted = [alternative for alternative in fitting if isinstance(alternative, Name)]
        if not wanted or len(wanted) != len(fitting):
            return min((list(each.warnings(value, names)) for each in fitting), key=len, default=())
        found = None if any(value in names.known(each) for each in wanted) else names.warning(value, wanted)
        return () if found is None else (found,)


class _NameCheckOfAnything:
    """Checks strings that need not be names."""

    def __init__(self, names: NameCheck) -> None:
        self.known = names.known
        self.warning = self.possible_warning = names.possible_warning


def replaced(value: Any, find: Callable[[str], Any]) -> Any:
    """Return ``value`` with its strings replaced, except for dictionary keys; the same object if it has no strings."""
    # Exactly str, because a StrEnum member is already an object.
    if type(value) is str:
        return find(value)
    if isinstance(value, dict):
        new = {key: replaced(element, find) for key, element in value.items()}
        return new if any(new[key] is not element for key, element in value.items()) else value
    # A million numbers must not require a million calls.
    if isinstance(value, list | tuple | set | frozenset) and not {float, int, bool}.issuperset(map(type, value)):
        elements = [replaced(element, find) for element in value]
        if any(after is not before for after, before in zip(elements, value, strict=True)):
            return type(value)(elements)
    return value


def _warnings(names: NameCheck, parts: Iterable[tuple[str, Type, Any]]) -> Iterator[Mismatch]:
    for where, kind, value in parts:
        for found in kind.warnings(value, names):
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
