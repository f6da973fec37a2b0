"""`RM.plans` and `RM.devices`: the allowed plans and devices, as objects with help and completion."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from bluesky_qs.client.items import BPlan
from bluesky_qs.nearest import did_you_mean, nearest

T = TypeVar("T")


class Catalogue(Mapping[str, T]):
    """The allowed plans or devices by name. Completion uses the downloaded list; everything else checks for changes."""

    def __init__(
        self,
        load: Callable[[], Mapping[str, Any]],
        at_hand: Callable[[], Mapping[str, Any]],
        make: Callable[[str, Mapping[str, Any]], T],
        noun: str,
    ) -> None:
        self._load = load
        self._at_hand = at_hand
        self._make = make
        self._noun = noun

    def __getitem__(self, name: str) -> T:
        return self._make(name, self._load()[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __getattr__(self, name: str) -> T:
        if name.startswith("_"):  # Python and IPython look for many names that no plan or device has
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            hint = did_you_mean(nearest(name, self))
            raise AttributeError(f"There is no allowed {self._noun} {name!r}{hint}") from None

    def __dir__(self) -> list[str]:
        return sorted(self._at_hand())

    def at_hand(self) -> Mapping[str, Any]:
        """Return the descriptions that were downloaded last, without a request: for completion."""
        return self._at_hand()

    def __repr__(self) -> str:
        return f"<{len(self)} {self._noun}s: {', '.join(sorted(self))}>"


class Device(str):
    """The name of a device, for use as a plan's argument. Its subdevices are attributes."""

    __slots__ = ("__dict__",)

    @classmethod
    def described(cls, name: str, description: Mapping[str, Any]) -> "Device":
        """Return the device with this full name."""
        device = cls(name)
        kinds = [kind for kind in ("readable", "movable", "flyable") if description.get(f"is_{kind}")]
        class_name = ".".join(str(description[key]) for key in ("module", "classname") if description.get(key))
        components: Mapping[str, Any] = description.get("components") or {}
        vars(device).update({key: cls.described(f"{name}.{key}", part) for key, part in components.items()})
        vars(device)["__doc__"] = f"{name}: {class_name or 'device'} ({', '.join(kinds) or 'device'})"
        return device

    def __dir__(self) -> list[str]:
        return [name for name in vars(self) if not name.startswith("__")]


def plan(name: str, description: Mapping[str, Any]) -> Callable[..., BPlan]:
    """Return a function with the plan's signature and documentation, which creates the item to queue."""

    def make(*args: Any, **kwargs: Any) -> BPlan:
        return BPlan({"item_type": "plan", "name": name, **_arguments(args, kwargs)})

    make.__name__ = make.__qualname__ = name
    make.__doc__ = documentation(description)
    vars(make)["__signature__"] = signature(description)
    return make


def signature(description: Mapping[str, Any]) -> inspect.Signature:
    """Return the signature of a plan, from its description."""
    described: list[Any] = description.get("parameters") or []
    parameters = [
        inspect.Parameter(
            parameter["name"],
            _KINDS.get(_kind(parameter), inspect.Parameter.POSITIONAL_OR_KEYWORD),
            default=_AsWritten(parameter["default"]) if "default" in parameter else inspect.Parameter.empty,
            annotation=(
                _AsWritten(parameter["annotation"]["type"]) if "annotation" in parameter else inspect.Parameter.empty
            ),
        )
        for parameter in described
    ]
    try:
        return inspect.Signature(parameters)
    except ValueError:  # a description written by hand, whose parameter order Python does not allow
        return inspect.Signature(
            [inspect.Parameter("args", _KINDS["VAR_POSITIONAL"]), inspect.Parameter("kwargs", _KINDS["VAR_KEYWORD"])]
        )


def _kind(parameter: Mapping[str, Any]) -> str:
    kind: Mapping[str, Any] = parameter.get("kind") or {}
    return str(kind.get("name"))


def documentation(description: Mapping[str, Any]) -> str:
    """Return the documentation of a plan: its purpose and its parameters."""
    lines = [str(description.get("description") or "").strip()]
    described = [p for p in description.get("parameters") or () if p.get("description") or _limits(p)]
    if described:
        lines += ["", "Parameters", "----------"]
    for parameter in described:
        text = " ".join(filter(None, (str(parameter.get("description") or "").strip(), _limits(parameter))))
        lines += [parameter["name"], *(f"    {line.strip()}" for line in text.splitlines())]
    return "\n".join(lines).strip()


_KINDS: dict[str, Any] = {
    kind.name: kind
    for kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    )
}


class _AsWritten(str):
    """Text that is shown without quotes, because the service describes defaults and types as text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _limits(parameter: Mapping[str, Any]) -> str:
    limits = [f"{key} {parameter[key]}" for key in ("min", "max", "step") if parameter.get(key) is not None]
    return f"({', '.join(limits)})" if limits else ""


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if args:
        given["args"] = list(args)
    if kwargs:
        given["kwargs"] = kwargs
    return given
