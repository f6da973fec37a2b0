"""Describes a plan's header: types and defaults as text."""

import contextlib
import dataclasses
import enum
import functools
import inspect
import logging
import math
import numbers
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from bluesky_qs.plans import annotation
from bluesky_qs.plans.annotation import PROTOCOLS, AnnotationError
from bluesky_qs.plans.model import Annotation
from bluesky_qs.plans.values import Type
from bluesky_qs.startup.failure import sentence
from bluesky_qs.startup.parts import name_type

log = logging.getLogger(__name__)

#: The text that stands for a default without a text form.
UNKNOWN_DEFAULT = "..."
#: Conversions for values whose repr differs from the Python type's repr, such as NumPy floats.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    **{kind: kind for kind in (bool, int, float, complex, str, bytes)},
    numbers.Integral: int,
    numbers.Real: float,
}
#: Return types of functions that create plans (that is, messages).
_PLAN_RETURNED = re.compile(r"([\w.]+\.)?(MsgGenerator\b|(Generator|Iterator|Iterable)\[['\"]?([\w.]+\.)?Msg\b)")
_warned: set[str] = set()

#: ``id()`` of an object → its name in the namespace.
ObjectNames = Mapping[int, str]


class Unknown(Exception):
    """A type that a description cannot express."""


def annotation_of(plan: Any, parameter: inspect.Parameter) -> Annotation | None:
    """Return a parameter's type from the header; None if there is none, or if a description cannot express it."""
    hint = parameter.annotation
    if hint is inspect.Parameter.empty:
        return None
    try:
        found = _described_type(hint, scope_of(plan))
        annotation.read(found)
    except (Unknown, AnnotationError) as err:
        # A type that many plans use is mentioned only once.
        _warn(plan, parameter, f"is unknown: {err}", key=str(err))
    except RecursionError:
        _warn(plan, parameter, "refers to itself")
    except Exception as err:  # noqa: BLE001 - a type is user code and may raise anything
        _warn(plan, parameter, f"cannot be read: {sentence(err)}")
    else:
        return found
    return None


def type_in(hint: Any, scope: dict[str, Any]) -> Type | None:
    """Return the type that a hint describes; None if a description cannot express it."""
    try:
        return annotation.read(_described_type(hint, scope))
    except Exception:  # noqa: BLE001 - a type is user code and may raise anything
        return None


def _described_type(hint: Any, scope: dict[str, Any]) -> Annotation:
    enums: dict[str, list[str]] = {}
    return Annotation(_text(hint, enums, scope), enums=enums)


def parameters_of(plan: Any) -> Mapping[str, inspect.Parameter]:
    """Return the parameters in a plan's header.

    Raises
    ------
    ValueError, TypeError
        The plan has no signature.
    """
    if sys.version_info < (3, 14):
        return inspect.signature(plan).parameters
    import annotationlib  # noqa: PLC0415 - new in Python 3.14, which evaluates types on demand

    return inspect.signature(plan, annotation_format=annotationlib.Format.FORWARDREF).parameters


def enums_of(plan: Any) -> dict[str, dict[str, type[enum.Enum]]]:
    """Return the Enum classes in a plan's header: {parameter: {class name: class}}."""
    scope = scope_of(plan)
    found = {name: enums_in(parameter.annotation, scope) for name, parameter in parameters_of(plan).items()}
    return {name: classes for name, classes in found.items() if classes}


def enums_in(hint: Any, scope: dict[str, Any]) -> dict[str, type[enum.Enum]]:
    """Return the Enum classes in a type, by their names."""
    classes: dict[str, type[enum.Enum]] = {}
    if hint is not inspect.Parameter.empty:
        # A type that cannot be read was reported when the plan was described.
        with contextlib.suppress(Exception):
            _enums_in(hint, classes, scope)
    return classes


def choices(cls: type[enum.Enum]) -> list[str]:
    """Return strings for the members of an Enum: their names, and their values if all are strings or all numbers."""
    values = [_value_text(member) for member in cls]
    if None in values:
        return list(cls.__members__)
    texts = [str(value) for value in values]
    # Forms in other programs show the first strings: words come before numbers.
    first, last = (texts, cls.__members__) if _has_strings(cls) else (cls.__members__, texts)
    return list(dict.fromkeys([*first, *last]))


def member(cls: type[enum.Enum], text: str) -> enum.Enum:
    """Return the member that has this string as its value or name.

    Raises
    ------
    KeyError
        There is no such member.
    """
    for candidate in cls:
        if _value_text(candidate) == text:
            return candidate
    return cls[text]


def _has_strings(cls: type[enum.Enum]) -> bool:
    return all(isinstance(member.value, str) for member in cls)


def _value_text(member: enum.Enum) -> str | None:
    """Return the text for a member's value; None if values in its class have no text."""
    value = member.value
    if isinstance(value, str):
        return str(value) if _has_strings(type(member)) else None
    if isinstance(value, bool) or not all(isinstance(each.value, numbers.Real) for each in type(member)):
        return None
    return repr(_PLAIN[numbers.Integral if isinstance(value, numbers.Integral) else numbers.Real](value))


def default_text(value: Any, names: ObjectNames) -> str:
    """Return the text of a default: the name of an object in the namespace, or ``...`` for any other object."""
    try:
        return repr(_described(value, names))
    except Exception:  # noqa: BLE001 - user objects may raise anything, but that must not make a plan unusable
        return UNKNOWN_DEFAULT


def _described(value: Any, names: ObjectNames) -> Any:
    if isinstance(value, enum.Enum):
        return value.value if _has_strings(type(value)) else _member_name(value)
    if value is None:
        return None
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            known = plain(value)
            # bluesky-queueserver reads defaults as Python literals, and nan and inf are not literals.
            return str(known) if isinstance(known, float) and not math.isfinite(known) else known
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_described(element, names) for element in value)
    if type(value) is dict:
        return {_described(key, names): _described(element, names) for key, element in value.items()}
    name = _object_name(value, names)
    if name is None:
        raise Unknown(type(value).__name__)
    return name


def _member_name(value: enum.Enum) -> str:
    if value.name not in type(value).__members__:  # a combination of flags
        raise Unknown(repr(value))
    return str(value.name)


def _object_name(value: Any, names: ObjectNames) -> str | None:
    if id(value) in names:
        return names[id(value)]
    # This may be a subdevice: ophyd objects know their root device and their dotted name.
    kind = type(value)
    if not (hasattr(kind, "root") and hasattr(kind, "dotted_name")):
        return None
    root = names.get(id(value.root))
    return f"{root}.{value.dotted_name}" if root and value.dotted_name else None


def _warn(plan: Any, parameter: inspect.Parameter, reason: str, *, key: str = "") -> None:
    function = function_of(plan)
    name = getattr(function, "__name__", type(function).__name__)
    key = key or f"{name}({parameter.name}): {reason}"
    if key in _warned:
        return
    _warned.add(key)
    # The user cannot change the types of bluesky's own plans.
    theirs = str(getattr(function, "__module__", None)).startswith("bluesky.")
    log.log(
        logging.DEBUG if theirs else logging.WARNING,
        "Parameter %r of plan %s is not checked, because its type %s",
        parameter.name,
        name,
        reason,
    )


def function_of(plan: Any) -> Any:
    """Return the function inside ``functools.partial``, and the method that a callable object calls."""
    while isinstance(plan, functools.partial):
        plan = plan.func
    if isinstance(plan, type) or inspect.isroutine(plan):
        return plan
    return plan.__call__ if inspect.isfunction(getattr(type(plan), "__call__", None)) else plan  # noqa: B004


def returns_plan(function: Any) -> bool:
    """Return whether a function's header says that it returns a plan."""
    hint = getattr(function, "__annotations__", {}).get("return")
    return _PLAN_RETURNED.match(hint if isinstance(hint, str) else repr(hint)) is not None


def scope_of(plan: Any) -> dict[str, Any]:
    return getattr(inspect.unwrap(function_of(plan)), "__globals__", {})


def resolved(hint: Any, scope: dict[str, Any]) -> Any:
    """Return the object for a hint that is text; the text itself if its type is known only to descriptions."""
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if not isinstance(hint, str):
        return hint
    try:
        # Like typing.get_type_hints, but for one parameter, so that an unknown name does not affect the others.
        return eval(hint, dict(scope))  # noqa: S307 - the plan's header, evaluated in the plan's own module
    except Exception:  # noqa: BLE001 - a header is user code and may raise anything
        return hint


def _text(  # noqa: PLR0911 - a table of cases, in order
    hint: Any, enums: dict[str, list[str]], scope: dict[str, Any]
) -> str:
    hint = resolved(hint, scope)
    if isinstance(hint, str):
        return hint
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    named = _type_of_names(origin or hint) or _type_of_given(hint)
    if named is not None:
        return named
    if hint is None or hint is type(None):
        return "None" if hint is None else "NoneType"
    if hint is Any:
        return "typing.Any"
    if origin is typing.Annotated:
        return _text(arguments[0], enums, scope)
    if origin is typing.Union or isinstance(hint, types.UnionType):
        texts = [_text(argument, enums, scope) for argument in arguments]
        return _alternatives(texts) if isinstance(hint, types.UnionType) else _union(texts)
    if origin is typing.Literal:
        return f"typing.Literal[{', '.join(_literal(argument) for argument in arguments)}]"
    if hint is Callable or hint is typing.Callable or origin is Callable:
        return "__CALLABLE__"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        enums[hint.__name__] = choices(hint)
        return hint.__name__
    meant = stands_for(hint)
    if meant is not None:
        return _text(meant, enums, scope)
    head = _head(hint, origin)
    if not arguments:
        return f"{head}[()]" if repr(hint).endswith("[()]") else head
    return f"{head}[{', '.join('...' if argument is ... else _text(argument, enums, scope) for argument in arguments)}]"


def _type_of_names(cls: Any) -> str | None:
    if getattr(cls, "__module__", None) == "bluesky.protocols":
        return PROTOCOLS.get(getattr(cls, "__name__", ""))
    return name_type(cls) if isinstance(cls, type) and not issubclass(cls, enum.Enum) else None


def stands_for(hint: Any) -> Any:
    """Return the type behind a NewType, a Python 3.12 type alias or a type variable; otherwise None."""
    if isinstance(hint, typing.TypeVar):
        return typing.Union[hint.__constraints__] if hint.__constraints__ else hint.__bound__
    return getattr(hint, "__supertype__", None) or getattr(hint, "__value__", None)


def _type_of_given(cls: Any) -> str | None:
    """Return the type of the value from which an object of this class is built when the plan starts."""
    if not isinstance(cls, type):
        return None
    if issubclass(cls, PurePath):
        return "str"
    if is_struct(cls) and cls.__struct_config__.array_like:
        return "list"
    return "dict" if dataclasses.is_dataclass(cls) or is_model(cls) or is_struct(cls) else None


def is_model(cls: Any) -> bool:
    """Return whether this is a pydantic model."""
    return hasattr(cls, "model_validate")


def is_struct(cls: Any) -> bool:
    """Return whether this is a msgspec struct."""
    return hasattr(cls, "__struct_config__")


def _alternatives(texts: list[str]) -> str:
    """Return the text of ``X | Y``. Since Python 3.14, ``Optional`` and ``Union`` are the same type."""
    return " | ".join(dict.fromkeys("None" if text == "NoneType" else text for text in texts))


def _union(texts: list[str]) -> str:
    match list(dict.fromkeys(texts)):
        case [only]:
            return only
        case [only, "NoneType"] | ["NoneType", only]:
            return f"typing.Optional[{only}]"
        case parts:
            return f"typing.Union[{', '.join(parts)}]"


def _literal(value: Any) -> str:
    if not isinstance(value, enum.Enum):
        return repr(value)
    if isinstance(value.value, str):
        return repr(str(value.value))
    text = _value_text(value)
    return repr(value.name) if text is None else f"{value.name!r}, {text}"


def _head(hint: Any, origin: Any) -> str:
    if isinstance(hint, type) and origin is None:
        if hint.__module__ == "builtins":
            return hint.__qualname__
        if hint is Iterable:
            return "collections.abc.Iterable[typing.Any]"
        if hint.__module__ == "collections.abc":
            return f"collections.abc.{hint.__qualname__}"
        raise Unknown(f"{hint.__module__}.{hint.__qualname__}")
    text = repr(hint).partition("[")[0]
    if text.startswith(("typing.", "collections.abc.", "list", "tuple", "dict", "set", "frozenset")):
        return text
    raise Unknown(repr(hint))


def _enums_in(hint: Any, classes: dict[str, type[enum.Enum]], scope: dict[str, Any]) -> None:
    hint = resolved(hint, scope)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        classes[hint.__name__] = hint
    if (meant := stands_for(hint)) is not None:
        _enums_in(meant, classes, scope)
    for argument in () if typing.get_origin(hint) is typing.Literal else typing.get_args(hint):
        _enums_in(argument, classes, scope)
