"""JSON Schemas of parameters and replies, made from the types of the contract.

msgspec cannot write a schema for a union of TypedDicts, such as the events. This module can.
"""

import inspect
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, is_typeddict

from bluesky_qs.api.method import METHODS, Method

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: dict[Any, Schema] = {
    Any: {},
    type(None): {"type": "null"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
}


def contract() -> Schema:
    """All methods with the schemas of their parameters and replies; the shapes are under ``$defs``."""
    return {
        "$schema": _DIALECT,
        "title": "The 0MQ methods of bluesky_qs",
        "methods": {name: _method(method) for name, method in METHODS.items()},
        "$defs": {shape.__name__: shape_schema(shape) for shape in shapes()},
    }


def parameters_schema(method: Method[..., Any]) -> Schema:
    """The schema of the object ``params`` of a request."""
    properties: Schema = {}
    for name, parameter in method.signature.parameters.items():
        properties[name] = schema_of(parameter.annotation)
        if not method.is_required(name):
            properties[name] = {**properties[name], "default": parameter.default}
    required = [name for name in method.parameters if method.is_required(name)]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": method.lenient,
    }


def answer_schema(method: Method[..., Any]) -> Schema:
    """The schema of the reply to an accepted request."""
    return schema_of(method.reply)


def schema_of(hint: Any) -> Schema:
    """The schema of a type; shapes are referred to by name."""
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if is_typeddict(hint):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin not in _COMPOSED:
        raise TypeError(f"There is no JSON Schema for {hint!r}")
    return _COMPOSED[origin](*arguments)


def _annotated(hint: Any, *_metadata: object) -> Schema:
    return schema_of(hint)


def _one_of_values(*values: object) -> Schema:
    return {"enum": list(values)}


def _any_of(*choices: Any) -> Schema:
    return {"anyOf": [schema_of(each) for each in choices]}


def _list_of(element: Any) -> Schema:
    return {"type": "array", "items": schema_of(element)}


def _dict_of(_key: object, element: Any) -> Schema:
    return {"type": "object", "additionalProperties": schema_of(element)}


_COMPOSED: dict[Any, Callable[..., Schema]] = {
    Annotated: _annotated,
    Literal: _one_of_values,
    Union: _any_of,
    types.UnionType: _any_of,
    list: _list_of,
    dict: _dict_of,
}


def shape_schema(shape: type[Any]) -> Schema:
    """The schema of a TypedDict. Clients must ignore unknown keys, because later versions may add keys."""
    keys = typing.get_type_hints(shape)
    schema: Schema = {
        "type": "object",
        "properties": {key: schema_of(hint) for key, hint in keys.items()},
        "required": [key for key in keys if key in required_keys(shape)],
    }
    description = inspect.cleandoc(vars(shape).get("__doc__") or "")
    return {"description": description, **schema} if description else schema


def required_keys(shape: type[Any]) -> frozenset[str]:
    """The keys that an object of this shape always has."""
    return vars(shape)["__required_keys__"]


def shapes() -> list[type[Any]]:
    """The TypedDicts of all replies, sorted by name."""
    found: dict[str, type[Any]] = {}
    waiting: list[Any] = [method.reply for method in METHODS.values()]
    while waiting:
        hint = waiting.pop()
        if not is_typeddict(hint):
            waiting += typing.get_args(hint)
        elif hint.__name__ not in found:
            found[hint.__name__] = hint
            waiting += typing.get_type_hints(hint).values()
    return [found[name] for name in sorted(found)]


def _method(method: Method[..., Any]) -> Schema:
    return {
        "description": inspect.getdoc(method.stub) or "",
        "scope": method.scope,
        "lock": method.lock.value,
        "parameters": parameters_schema(method),
        "answer": answer_schema(method),
    }
