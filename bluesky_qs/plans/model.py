"""Descriptions of plans and devices, key for key as they are exchanged with other programs."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

#: ``value`` of a parameter's kind, by its ``name``; the numbers are those of `inspect.Parameter`.
KINDS = {
    "POSITIONAL_ONLY": 0,
    "POSITIONAL_OR_KEYWORD": 1,
    "VAR_POSITIONAL": 2,
    "KEYWORD_ONLY": 3,
    "VAR_KEYWORD": 4,
}

#: What a device has to be able to do where a type of this name stands: the key of its description.
ABILITIES = {"__READABLE__": "is_readable", "__MOVABLE__": "is_movable", "__FLYABLE__": "is_flyable"}


class Kind(msgspec.Struct, frozen=True):
    """How a parameter takes its arguments."""

    name: str
    value: int


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The type of a parameter as text, and the lists of names that the text mentions."""

    type: str
    # None, as the first element, means all.
    devices: dict[str, list[str | None]] = {}
    plans: dict[str, list[str | None]] = {}
    enums: dict[str, list[str]] = {}


class ParamSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter of a plan. ``default`` is the repr of the value."""

    name: str
    # Files of other programs leave the kind out for the usual one.
    kind: Kind = Kind("POSITIONAL_OR_KEYWORD", 1)
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
        """The keys that carry something, and the kind; numbers as text, which is how other programs read them."""
        given = msgspec.to_builtins(self)
        limits = {key: repr(given[key]) for key in ("min", "max", "step") if key in given}
        return {"name": given.pop("name"), "kind": msgspec.to_builtins(self.kind), **given, **limits}


class Properties(msgspec.Struct, frozen=True):
    """``is_generator``: a generator function; else a function that returns a plan."""

    is_generator: bool = True


class PlanSpec(msgspec.Struct, frozen=True):
    """A plan."""

    name: str
    module: str = ""
    description: str = ""
    parameters: list[ParamSpec] = []
    properties: Properties = Properties()

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> "PlanSpec":
        """A description as other programs write it: numbers as text or not; keys that we do not know are passed over.

        Raises
        ------
        ValueError
            It is not the description of a plan.
        """
        return msgspec.convert(description, cls, strict=False)

    def as_dict(self) -> dict[str, Any]:
        """The keys that carry something."""
        texts = {"module": self.module, "description": self.description}
        return {
            "name": self.name,
            **{key: text for key, text in texts.items() if text},
            "parameters": [parameter.as_dict() for parameter in self.parameters],
            "properties": {"is_generator": self.properties.is_generator},
        }


class DeviceSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device with its subdevices."""

    classname: str
    module: str
    is_readable: bool
    is_movable: bool
    is_flyable: bool
    components: dict[str, "DeviceSpec"] = {}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> "DeviceSpec":
        """A description as other programs write it; keys that we do not know are passed over.

        Raises
        ------
        ValueError
            It is not the description of a device.
        """
        return msgspec.convert(description, cls)

    def as_dict(self) -> dict[str, Any]:
        """The keys that carry something."""
        return msgspec.to_builtins(self)
