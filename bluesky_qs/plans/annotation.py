"""Reads the text of a type annotation with a closed grammar: nothing is evaluated or imported.

The grammar consists of built-in types, the generics in `typing` and `collections.abc`, unions, ``Literal``, the
built-in types for names (``__READABLE__``, …) and the lists of names that come with the annotation.
"""

import ast
from collections.abc import Mapping as AnyMapping
from functools import lru_cache
from typing import Any

from bluesky_qs.plans.model import Annotation
from bluesky_qs.plans.values import (
    Anything,
    Integer,
    Literal,
    Mapping,
    Name,
    OneOf,
    Scalar,
    Sequence,
    Tuple,
    Type,
    Wanted,
)

#: Types whose values are the names of any objects of that kind.
NAME_TYPES = {
    "__DEVICE__": Wanted.DEVICE,
    "__READABLE__": Wanted.DEVICE,
    "__MOVABLE__": Wanted.DEVICE,
    "__FLYABLE__": Wanted.DEVICE,
    "__PLAN__": Wanted.PLAN,
    "__PLAN_OR_DEVICE__": Wanted.PLAN_OR_DEVICE,
    "__CALLABLE__": Wanted.CALLABLE,
}
#: Bluesky protocols for devices that have no built-in type of their own.
_OTHER_PROTOCOLS = (
    *("Configurable", "Triggerable", "Locatable", "Stageable", "Pausable", "Stoppable", "Subscribable", "Checkable"),
    *("Preparable", "Collectable", "EventCollectable", "EventPageCollectable", "HasName", "HasParent", "HasHints"),
    *("WritesExternalAssets", "WritesStreamAssets"),
)
#: Bluesky protocols, each with the built-in type that means the same.
PROTOCOLS = {
    "Readable": "__READABLE__",
    "Movable": "__MOVABLE__",
    "NamedMovable": "__MOVABLE__",
    "Flyable": "__FLYABLE__",
    **dict.fromkeys(_OTHER_PROTOCOLS, "__DEVICE__"),
}
_PROTOCOL_MODULE = "bluesky.protocols."
_MODULES = ("typing.", "collections.abc.", "typing_extensions.", "builtins.", "types.", "collections.")
_NONE = Scalar("None", type(None))
_STRING = Scalar("a string", str)
_SIMPLE: dict[str, Type] = {
    "int": Integer(),
    "float": Scalar("a number", int, float),
    "complex": Scalar("a number", int, float, complex),
    "bool": Scalar("True or False", bool),
    "str": _STRING,
    "Text": _STRING,
    "bytes": Scalar("bytes", bytes),
    "None": _NONE,
    "NoneType": _NONE,
    "Any": Anything(),
    "object": Anything(),
    "Hashable": OneOf([Scalar("a string, a number, True, False or None", str, int, float, bool, type(None))]),
}
_LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Container", "Reversible"}
_SETS = {"set": set, "Set": set, "AbstractSet": set, "MutableSet": set, "frozenset": frozenset, "FrozenSet": frozenset}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "DefaultDict"}
_LONGEST = 20_000
_DEEPEST = 40


class AnnotationError(ValueError):
    """The grammar does not know the annotation. The message names the part and the reason."""


def read(annotation: Annotation) -> Type:
    """Return the type that an annotation describes.

    Raises
    ------
    AnnotationError
        The grammar does not know the annotation.
    """
    if not (annotation.devices or annotation.plans or annotation.enums):
        return _read_plain(annotation.type)
    names: dict[str, Type] = {}
    for wanted, lists in (
        (Wanted.DEVICE, annotation.devices),
        (Wanted.PLAN, annotation.plans),
        (Wanted.ENUM, annotation.enums),
    ):
        for label, elements in lists.items():
            choices = [element for element in elements if element is not None]
            if not label.isidentifier():
                raise AnnotationError(f"the list name {label!r} is not an identifier")
            if label in names:
                names[label] = OneOf([names[label], Name(wanted, label, choices)])
            else:
                names[label] = Name(wanted, label, choices)
    return _read(annotation.type, names)


@lru_cache(2048)
def _read_plain(text: str) -> Type:
    return _read(text, {})


def _read(text: str, names: AnyMapping[str, Type]) -> Type:
    if len(text) > _LONGEST:
        raise AnnotationError(f"the annotation is longer than {_LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    # The parser raises RecursionError or MemoryError for thousands of brackets.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        reason = err.msg if isinstance(err, SyntaxError) else str(err) or type(err).__name__
        raise AnnotationError(f"annotation {_short(text)} is not a type: {reason}") from None
    return _Reader(text, names).type(tree, 0)


def _short(text: str) -> str:
    longest = 200
    return repr(text if len(text) <= longest else text[:longest] + "…")


class _Reader:
    """Reads one annotation and keeps its text for messages."""

    def __init__(self, text: str, names: AnyMapping[str, Type]) -> None:
        self._text = text
        self._names = names

    def type(self, node: ast.expr, depth: int) -> Type:
        if depth > _DEEPEST:
            raise self._error("it is nested too deeply")
        match node:
            case ast.Name() | ast.Attribute():
                return self._plain(self._dotted(node))
            case ast.Subscript(value=head, slice=ast.Tuple(elts=arguments)):
                return self._generic(self._dotted(head), arguments, depth)
            case ast.Subscript(value=head, slice=argument):
                return self._generic(self._dotted(head), [argument], depth)
            case ast.BinOp(op=ast.BitOr()):
                return self._union(_alternatives(node), depth)
            case ast.Constant(value=None):
                return _NONE
            case ast.Constant(value=str(text)):
                return self._quoted(text, depth)
            case _:
                raise self._error(f"{type(node).__name__} is not allowed in a type")

    def _quoted(self, text: str, depth: int) -> Type:
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._error(f"{_short(text)} is not a type") from None
        return self.type(tree, depth + 1)

    def _dotted(self, node: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise self._error(f"{type(node).__name__} is not allowed in the name of a type")
        return ".".join([node.id, *reversed(parts)])

    def _plain(self, name: str) -> Type:  # noqa: PLR0911 - one return for each kind of type
        if name in self._names:
            return self._names[name]
        if name.startswith(_PROTOCOL_MODULE):
            name = PROTOCOLS.get(name.removeprefix(_PROTOCOL_MODULE), name)
        if name in NAME_TYPES:
            return Name(NAME_TYPES[name], name)
        short = _without_module(name)
        if short in _SIMPLE:
            return _SIMPLE[short]
        if short in _LISTS or short in _SETS:
            return Sequence("a list", Anything(), _SETS.get(short))
        if short in {"tuple", "Tuple"}:
            return Sequence("a list", Anything(), tuple)
        if short in _MAPPINGS:
            # The values in any dictionary are usually metadata or settings, so they are not changed.
            return Mapping(Type(), Type())
        if short == "Callable":
            return Name(Wanted.CALLABLE, "__CALLABLE__")
        raise self._error(f"unknown type {name!r}")

    def _generic(  # noqa: PLR0911 - one return for each kind of type
        self, name: str, arguments: list[ast.expr], depth: int
    ) -> Type:
        short = _without_module(name)
        if name in self._names or name in NAME_TYPES:
            raise self._error(f"{name!r} takes no type arguments")
        if not arguments and short not in {"tuple", "Tuple", "Callable"}:
            raise self._error(f"{name!r} needs type arguments")
        if short == "Literal":
            return Literal([self._constant(argument) for argument in arguments])
        if short == "Callable":
            return Name(Wanted.CALLABLE, "__CALLABLE__")
        if short == "Annotated":
            return self.type(arguments[0], depth + 1)
        if short in {"Union", "Optional"}:
            if short == "Optional":
                self._expect(name, arguments, 1)
            return self._union([*arguments, *([ast.Constant(None)] if short == "Optional" else [])], depth)
        if short in _LISTS or short in _SETS:
            self._expect(name, arguments, 1)
            return Sequence("a list", self.type(arguments[0], depth + 1), _SETS.get(short))
        if short in {"tuple", "Tuple"}:
            return self._tuple(arguments, depth)
        if short in _MAPPINGS:
            self._expect(name, arguments, 2)
            return Mapping(self.type(arguments[0], depth + 1), self.type(arguments[1], depth + 1))
        raise self._error(f"unknown generic type {name!r}")

    def _union(self, parts: list[ast.expr], depth: int) -> Type:
        alternatives = [self.type(part, depth + 1) for part in parts]
        return alternatives[0] if len(alternatives) == 1 else OneOf(alternatives)

    def _tuple(self, arguments: list[ast.expr], depth: int) -> Type:
        match arguments:
            case [item, ast.Constant(value=last)] if last is ...:
                return Sequence("a list", self.type(item, depth + 1), tuple)
            case _:
                return Tuple([self.type(argument, depth + 1) for argument in arguments])

    def _constant(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str() | int() | float() | bytes() | None as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case _:
                raise self._error("Literal takes strings, numbers, True, False and None")

    def _expect(self, name: str, arguments: list[ast.expr], count: int) -> None:
        if len(arguments) != count:
            raise self._error(f"{name!r} needs {count} type argument{'s'[: count > 1]}, not {len(arguments)}")

    def _error(self, reason: str) -> AnnotationError:
        return AnnotationError(f"annotation {_short(self._text)}: {reason}")


def _without_module(name: str) -> str:
    for module in _MODULES:
        if name.startswith(module):
            return name.removeprefix(module)
    return name


def _alternatives(node: ast.expr) -> list[ast.expr]:
    # A loop instead of recursion, because a long chain of | is a deep tree.
    right: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        right.append(node.right)
        node = node.left
    return [node, *reversed(right)]
