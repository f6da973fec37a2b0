"""Descriptions of plans and devices, with the keys that other programs use."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

#: The ``value`` of a parameter's kind by its ``name``. The numbers are the same as in `inspect.Parameter`.
KINDS = {
    "POSITIONAL_ONLY": 0,
    "POSITIONAL_OR_KEYWORD": 1,
    "VAR_POSITIONAL": 2,
    "KEYWORD_ONLY": 3,
    "VAR_KEYWORD": 4,
}

#: By type name, the key that must be true in a device's description.
ABILITIES = {"__READABLE__": "is_readable", "__MOVABLE__": "is_movable", "__FLYABLE__": "is_flyable"}


class ParamKind(msgspec.Struct, frozen=True):
    """The way in which arguments bind to a parameter."""

    name: str
    value: int


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The type of a parameter as text, and the lists of names that the text refers to."""

    type: str
    # None as the first element means all names.
    devices: dict[str, list[str | None]] = {}
    plans: dict[str, list[str | None]] = {}
    enums: dict[str, list[str]] = {}


class ParamSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter of a plan. ``default`` is the repr of the value."""

    name: str
    # Files written by other programs omit the usual kind.
    kind: ParamKind = ParamKind("POSITIONAL_OR_KEYWORD", 1)
    default: Any | UnsetType = UNSET
    description: str = ""
    annotation: Annotation | None = None
    min: float | int | UnsetType = UNSET
    max: float | int | UnsetType = UNSET
    step: float | int | UnsetType = UNSET
    convert_device_names: bool | UnsetType = UNSET
    convert_plan_names: bool | UnsetType = UNSET
    eval_expressions: bool | UnsetType = UNSET

    def as_dict(self) -> dict[str, Any]:
        """Return the keys that are set, and the kind.

        Numbers are written as text, because other programs expect text.
        """
        given = msgspec.to_builtins(self)
        limits = {key: repr(given[key]) for key in ("min", "max", "step") if key in given}
        return {"name": given.pop("name"), "kind": msgspec.to_builtins(self.kind), **given, **limits}


class Properties(msgspec.Struct, frozen=True):
    """``is_generator`` is True for a generator function, and False for a function that returns a plan."""

    is_generator: bool = True


class PlanSpec(msgspec.Struct, frozen=True):
    """The description of a plan."""

    name: str
    module: str = ""
    description: str = ""
    parameters: list[ParamSpec] = []
    properties: Properties = Properties()

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> "PlanSpec":
        """Read a description from any program. Numbers may be text, and unknown keys are ignored.

        Raises
        ------
        ValueError
            The description is invalid.
        """
        return msgspec.convert(description, cls, strict=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the keys that are set."""
        texts = {"module": self.module, "description": self.description}
        return {
            "name": self.name,
            **{key: text for key, text in texts.items() if text},
            "parameters": [parameter.as_dict() for parameter in self.parameters],
            "properties": {"is_generator": self.properties.is_generator},
        }


class DeviceSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """The description of a device with its subdevices."""

    classname: str
    module: str
    is_readable: bool
    is_movable: bool
    is_flyable: bool
    components: dict[str, "DeviceSpec"] = {}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> "DeviceSpec":
        """Read a description from any program. Unknown keys are ignored.

        Raises
        ------
        ValueError
            The description is invalid.
        """
        return msgspec.convert(description, cls)

    def as_dict(self) -> dict[str, Any]:
        """Return the keys that are set."""
        return msgspec.to_builtins(self)
