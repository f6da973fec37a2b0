"""Collects the schemas for a document about the door. Each shape appears once and is referred to by name."""

import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from bluesky_qs.api.schema import Schema, schema_of, shape_schema

_PLACE = "#/components/schemas/"


class Components:
    """The shapes referred to so far.

    Attributes
    ----------
    schemas
        Their schemas by name.
    shared
        Parameters, bodies and responses that several operations refer to: by kind, then by name.
    """

    def __init__(self) -> None:
        self.schemas: Schema = {}
        self.shared: dict[str, Schema] = {"parameters": {}, "requestBodies": {}, "responses": {}}

    def share(self, kind: str, part: Schema, *names: str) -> Schema:
        """A reference to a part of an operation. The part gets the first of the names that is not yet used."""
        for name in names:
            if self.shared[kind].setdefault(name, part) == part:
                return {"$ref": f"#/components/{kind}/{name}"}
        raise TypeError(f"Other {kind} have the names {names}")

    def schema(self, hint: Any) -> Schema:
        """The schema of a type of the contract. The shapes that it refers to are added."""
        waiting = [hint]
        while waiting:
            each = waiting.pop()
            if typing.is_typeddict(each):
                if each.__name__ not in self.schemas:
                    self.schemas[each.__name__] = _moved(shape_schema(each))
                    waiting += typing.get_type_hints(each).values()
            else:
                waiting += typing.get_args(each)
        return _moved(schema_of(hint))

    def struct_schemas(self, kinds: Iterable[Any]) -> list[Schema]:
        """The schemas of types that msgspec describes. The structs that they refer to are added."""
        schemas, found = msgspec.json.schema_components(kinds, ref_template=_PLACE + "{name}")
        for name, schema in found.items():
            if self.schemas.setdefault(name, schema) != schema:
                raise TypeError(f"Two shapes have the name {name!r}")
        return list(schemas)


def _moved(schema: Any) -> Any:
    """The schema, with references that point to the place of the shapes in a document."""
    if isinstance(schema, list):
        return [_moved(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: value.replace("#/$defs/", _PLACE) if key == "$ref" else _moved(value) for key, value in schema.items()}
