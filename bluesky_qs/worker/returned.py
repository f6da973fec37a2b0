"""Converts values that user code returns to JSON text, including NumPy's scalars and arrays, sets, tuples and dates."""

import datetime as dt
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from bluesky_qs.error_text import stored_message
from bluesky_qs.errors import WorkerError
from bluesky_qs.wire.codec import json_text

#: Maximum total number of bytes of the NumPy arrays in a value.
LARGEST_ARRAYS = 2**20
#: Maximum nesting of lists and dictionaries in a value. The history could store deeper values, but not always read
#: them.
DEEPEST = 90
#: Maximum number of bytes in a plan's value as JSON text. Arrays of `LARGEST_ARRAYS` are shorter than this. The limit
#: exists because the history keeps values forever.
LARGEST_OF_PLAN = 2**23

#: Size in bytes of the largest NumPy floating-point type that converts to a Python float.
_DOUBLE = 8
_ADVICE = "Return numbers, strings, lists, dictionaries, sets, dates or NumPy arrays"
_DATES = (dt.date, dt.time)  # a datetime is a date
_PYTHON_SCALARS = (str, int, float, type(None))  # a bool is an int


class Returned(NamedTuple):
    """The return value of a plan.

    ``json`` is the value as JSON text, or its ``str`` if JSON does not support the value.
    """

    json: bytes = b"null"
    is_text: bool = False


def value_of_task(value: Any) -> bytes:
    """Return a task's value as JSON text.

    Raises
    ------
    WorkerError
        JSON does not support the value or a part of it. The message says which part, and names its type.
    """
    try:
        return json_text(_Conversion().plain(value))
    except _NoForm as problem:
        raise WorkerError(f"The returned value cannot be sent: {problem}") from None
    except ValueError as error:  # an integer with too many digits
        raise WorkerError(f"The returned value cannot be sent as JSON: {error}") from None


def value_of_plan(value: Any) -> Returned:
    """Return a plan's value as JSON text.

    A value that JSON does not support never makes a plan fail; its text is kept.
    """
    try:
        converted = json_text(_Conversion().plain(value))
    except Exception:  # noqa: BLE001 - the value's methods are user code and may raise anything
        converted = None
    if converted is not None and len(converted) <= LARGEST_OF_PLAN:
        return Returned(converted)
    return Returned(json_text(_text(value)), is_text=True)


def plain_value(value: Any) -> Any:
    """Return the value in a form that ``json`` can write.

    Raises
    ------
    Exception
        JSON does not support the value, or the value's own methods raise an error.
    """
    return _Conversion().plain(value)


class _NoForm(Exception):
    """JSON does not support a value. ``path`` leads to the value and is extended from the inside out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""

    def inside(self, key: object) -> "_NoForm":
        self.path = f"[{key!r}]{self.path}"
        return self

    def __str__(self) -> str:
        return f"value{self.path} {self.reason}"


class _Conversion:
    """Converts one value, and counts the bytes in its arrays."""

    def __init__(self) -> None:
        self._arrays = 0
        # NumPy is not imported here: if the worker has not imported it, no value is from NumPy.
        self._numpy: Any = sys.modules.get("numpy")

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Return the value in a form that ``json`` can write."""
        if isinstance(value, _PYTHON_SCALARS):
            return value
        if isinstance(value, _DATES):
            return value.isoformat()
        if self._numpy is not None and isinstance(value, self._numpy.generic):
            return self._scalar(value, depth)
        if self._numpy is not None and isinstance(value, self._numpy.ndarray):
            return self._array(value, depth)
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if depth >= DEEPEST:
            raise _NoForm(f"is nested more than {DEEPEST} levels deep, or it contains itself")
        if isinstance(value, dict):
            return self._object(cast("dict[Any, Any]", value), depth)
        if isinstance(value, list | tuple):
            return self._list(cast("Iterable[Any]", value), depth)
        if isinstance(value, set | frozenset):
            return _in_order([self.plain(element, depth + 1) for element in cast("Iterable[Any]", value)])
        raise _without_form(value)

    def _list(self, elements: Iterable[Any], depth: int) -> list[Any]:
        converted: list[Any] = []
        try:
            for element in elements:
                converted.append(self.plain(element, depth + 1))  # noqa: PERF401 - the error names the element
        except _NoForm as problem:
            raise problem.inside(len(converted)) from None
        return converted

    def _object(self, members: dict[Any, Any], depth: int) -> dict[Any, Any]:
        converted: dict[Any, Any] = {}
        for key, member in members.items():
            plain_key = key if isinstance(key, _PYTHON_SCALARS) else self._key(key)
            try:
                converted[plain_key] = self.plain(member, depth + 1)
            except _NoForm as problem:
                raise problem.inside(plain_key) from None
        return converted

    def _key(self, key: Any) -> Any:
        is_scalar = isinstance(key, _DATES) or (self._numpy is not None and isinstance(key, self._numpy.generic))
        plain_key = self.plain(key) if is_scalar else key
        if not isinstance(plain_key, _PYTHON_SCALARS):
            raise _NoForm(f"has a key of type {_type_name(key)}, which JSON does not support")
        return plain_key

    def _scalar(self, value: Any, depth: int) -> Any:
        match value.dtype.kind:
            case "b" | "i" | "u":
                return value.item()
            case "f":  # `item` of a longdouble is a longdouble
                return float(value)
            case "M":
                return str(value)
            case "V" if value.dtype.names:
                return self._list(value.item(), depth)
            case _:
                raise _without_form(value)

    def _array(self, value: Any, depth: int) -> Any:
        self._arrays += value.nbytes
        if self._arrays > LARGEST_ARRAYS:
            mb = f"{self._arrays / 2**20:.1f}"
            raise _NoForm(f"is too large: NumPy arrays of at most 1 MB can be returned, and these have {mb} MB")
        match value.dtype.kind:
            case "b" | "i" | "u" | "U":
                return value.tolist()
            case "f" if value.itemsize <= _DOUBLE:
                return value.tolist()
            case "M":
                return self._numpy.datetime_as_string(value).tolist()
            case "c" | "m" | "S":
                raise _NoForm(f"is a NumPy array of type {value.dtype}, which JSON does not support. {_ADVICE}")
            case _:
                return self.plain(value.tolist(), depth)


def _in_order(elements: list[Any]) -> list[Any]:
    """Return the elements of a set, sorted if possible, because sets have no order."""
    try:
        return sorted(elements)
    except TypeError:
        return elements


def _without_form(value: Any) -> _NoForm:
    return _NoForm(f"is of type {_type_name(value)}, which JSON does not support. {_ADVICE}")


def _type_name(value: Any) -> str:
    kind = cast("type[Any]", type(value))
    named = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if named else f"{kind.__module__}.{kind.__qualname__}"


def _text(value: Any) -> str:
    """Return the text of a value, safe to show and short enough to store."""
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - user code; the plan has still completed
        return f"(str() of the returned {_type_name(value)} raised {type(error).__name__})"
    return stored_message(text)
