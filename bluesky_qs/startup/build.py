"""Builds the nameless objects that the types in a plan's header require.

These are paths, enumeration members in ``Literal``, and objects of classes with typed fields (dataclasses, pydantic
models and msgspec structs), which are built from dictionaries.
"""

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from bluesky_qs.startup.header import is_model, is_struct, resolved, stands_for

_Scope = dict[str, Any]


class Field(NamedTuple):
    """A field of an object that is built: its type, the scope of names in the type, and its location in the value.

    ``validates`` is true if the class checks its fields itself.
    """

    name: str
    hint: Any
    scope: _Scope
    where: str
    validates: bool


#: Returns the value for a field, with the names in it replaced with their objects.
Convert = Callable[[Field, Any], Any]


class Builder:
    """Builds the value of one parameter. ``convert`` is called for the value of each field of an object."""

    def __init__(self, convert: Convert) -> None:
        self._convert = convert

    def build(  # noqa: PLR0911 - a table of cases, in order
        self, hint: Any, value: Any, scope: _Scope, where: str = ""
    ) -> Any:
        """Return the object that a parameter of this type gets for a value, or the value if there is nothing to build.

        Raises
        ------
        Exception
            An object cannot be built from the value, for example because a field is missing.
        """
        hint = resolved(hint, scope)
        if (meant := stands_for(hint)) is not None:
            return self.build(meant, value, scope, where)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self.build(arguments[0], value, scope, where)
        if origin is typing.Union or isinstance(hint, types.UnionType):
            return self._alternative(arguments, value, scope, where)
        if origin is typing.Literal:
            members = (each for each in arguments if isinstance(each, enum.Enum))
            return next((each for each in members if value in (each.value, each.name)), value)
        if isinstance(hint, type) and issubclass(hint, PurePath):
            return hint(value) if isinstance(value, str) else value
        if _is_built(hint):
            return self._object(hint, value, where)
        if isinstance(value, list | tuple | set | frozenset) and arguments:
            each = arguments if origin is tuple and ... not in arguments else [arguments[0]] * len(value)
            if len(each) != len(value):
                return value  # list_scan, for example, annotates each of its arguments as a pair
            parts = enumerate(zip(each, value, strict=True))
            return _same_or_new(value, [self.build(kind, e, scope, f"{where}[{n}]") for n, (kind, e) in parts])
        if isinstance(value, dict) and len(arguments) == 2:  # noqa: PLR2004 - key and value
            new = {
                self.build(arguments[0], key, scope): self.build(arguments[1], each, scope, f"{where}[{key!r}]")
                for key, each in value.items()
            }
            same = all(any(key is old for old in value) and value[key] is each for key, each in new.items())
            return value if same else new
        return value

    def _alternative(self, hints: tuple[Any, ...], value: Any, scope: _Scope, where: str) -> Any:
        """Convert the value to the first alternative that accepts it. Where strings are accepted, a string is kept."""
        if isinstance(value, str) and str in hints:
            return value
        failure: Exception | None = None
        takes_dictionaries = False
        for hint in hints:
            try:
                built = self.build(hint, value, scope, where)
            except Exception as err:  # noqa: BLE001 - another alternative may fit; raised below if none does
                failure = failure or err
                continue
            if built is not value:
                return built
            takes_dictionaries |= typing.get_origin(hint) is dict or hint in (dict, Any)
        if failure is not None and not takes_dictionaries:
            raise failure
        return value

    def _object(self, kind: Any, value: Any, where: str) -> Any:
        if is_struct(kind):
            return self._struct(kind, value, where)
        if not isinstance(value, Mapping):
            return value
        if is_model(kind):
            hints = _of_model(kind)
            return kind.model_validate(self._fields(kind, hints, value, where, validates=True))
        hints = {field.name: field.type for field in dataclasses.fields(kind)}
        return kind(**self._fields(kind, hints, value, where, validates=False))

    def _struct(self, kind: Any, value: Any, where: str) -> Any:
        import msgspec  # noqa: PLC0415 - already loaded, because one of its classes is in use

        if isinstance(value, list | tuple):  # a struct with array_like
            scope = _scope_of(kind)
            fields = (Field(f.name, f.type, scope, f"{where}[{n}]", True) for n, f in enumerate(_of_struct(kind)))
            new = [self._field(field, each) for field, each in zip(fields, value, strict=False)]
            return msgspec.convert([*new, *value[len(new) :]], kind)
        if not isinstance(value, Mapping):
            return value
        hints = {field.encode_name: field.type for field in _of_struct(kind)}
        return msgspec.convert(self._fields(kind, hints, value, where, validates=True), kind)

    def _fields(
        self, kind: Any, hints: Mapping[str, Any], value: Mapping[str, Any], where: str, *, validates: bool
    ) -> dict[str, Any]:
        scope = _scope_of(kind)
        fields = {name: Field(name, hint, scope, f"{where}[{name!r}]", validates) for name, hint in hints.items()}
        # The class refuses or ignores names that it does not know.
        return {name: self._field(fields[name], each) if name in fields else each for name, each in value.items()}

    def _field(self, field: Field, value: Any) -> Any:
        return self.build(field.hint, self._convert(field, value), field.scope, field.where)


def _is_built(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or is_model(kind) or is_struct(kind))


def _of_model(kind: Any) -> dict[str, Any]:
    """Return the field types of a pydantic model, by the names that a value may use for the fields."""
    names = ((name, field, getattr(field, "alias", None)) for name, field in kind.model_fields.items())
    return {each: field.annotation for name, field, alias in names for each in (name, alias) if isinstance(each, str)}


def _of_struct(kind: Any) -> Iterable[Any]:
    import msgspec  # noqa: PLC0415 - as above

    return msgspec.structs.fields(kind)


def _scope_of(kind: Any) -> _Scope:
    return vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}


def _same_or_new(old: Any, new: list[Any]) -> Any:
    if len(old) == len(new) and all(before is after for before, after in zip(old, new, strict=True)):
        return old
    return type(old)(new)
