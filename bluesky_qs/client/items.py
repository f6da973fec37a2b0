"""Queue items as values: `BPlan`, `BFunc`, `BInst`, and `BItem` for any of them."""

# Callers without a type checker may pass anything.
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Mapping
from typing import Any, ClassVar

_TYPES = ("plan", "instruction", "function")


class BItem(dict[str, Any]):
    """A queue item: the dictionary that goes to the service, with names for its parts.

    Examples
    --------
    >>> BItem("plan", "count", ["det1"], num=5)
    count(['det1'], num=5)
    >>> BItem({"item_type": "instruction", "name": "queue_stop"})
    queue_stop
    """

    #: The ``item_type`` of a subclass.
    kind: ClassVar[str | None] = None

    def __init__(self, item_type: str | Mapping[str, Any], name: str = "", /, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        if isinstance(item_type, str):
            self.update(item_type=item_type, name=name)
            if args:
                self["args"] = list(args)
            if kwargs:
                self["kwargs"] = kwargs
        elif isinstance(item_type, Mapping):
            self.update(item_type)
        else:
            raise TypeError(f"{type(self).__name__} needs a name and arguments, or a dictionary, not {item_type!r}")
        self._check()

    def from_dict(self, item_dict: Mapping[str, Any]) -> None:
        """Replace this item with the one in a dictionary, for example from `queue_get`."""
        new = type(self)(item_dict)
        self.clear()
        self.update(new)

    def to_dict(self) -> dict[str, Any]:
        """The item as a plain dictionary."""
        return dict(self)

    @property
    def dict_ref(self) -> dict[str, Any]:
        """The item itself, because it is a dictionary."""
        return self

    @property
    def recognized_item_types(self) -> list[str]:
        """The values that ``item_type`` may have."""
        return list(_TYPES)

    @property
    def item_type(self) -> str:
        """``plan``, ``instruction`` or ``function``."""
        return self["item_type"]

    @item_type.setter
    def item_type(self, item_type: str) -> None:
        self.from_dict({**self, "item_type": item_type})

    @property
    def name(self) -> str:
        """The name of the plan, function or instruction."""
        return self["name"]

    @name.setter
    def name(self, name: str) -> None:
        self.from_dict({**self, "name": name})

    @property
    def args(self) -> list[Any]:
        """Positional arguments."""
        return self.get("args", [])

    @args.setter
    def args(self, args: list[Any]) -> None:
        if isinstance(args, (str, Mapping)):
            raise TypeError(f"The args of an item must be a list, not {args!r}")
        self["args"] = list(args)

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments."""
        return self.get("kwargs", {})

    @kwargs.setter
    def kwargs(self, kwargs: Mapping[str, Any]) -> None:
        if not isinstance(kwargs, Mapping):
            raise TypeError(f"The kwargs of an item must be a dictionary, not {kwargs!r}")
        self["kwargs"] = dict(kwargs)

    @property
    def meta(self) -> dict[str, Any] | list[dict[str, Any]]:
        """Metadata for the plan's runs: a dictionary, or a list of dictionaries.

        In a list, earlier dictionaries take precedence.
        """
        return self.get("meta", {})

    @meta.setter
    def meta(self, meta: dict[str, Any] | list[dict[str, Any]]) -> None:
        if not isinstance(meta, Mapping) and not (isinstance(meta, list) and all(isinstance(m, Mapping) for m in meta)):
            raise TypeError(f"The meta of an item must be a dictionary or a list of dictionaries, not {meta!r}")
        self["meta"] = meta

    @property
    def item_uid(self) -> str | None:
        """The uid; None until the service has assigned one."""
        return self.get("item_uid")

    @item_uid.setter
    def item_uid(self, uid: str | None) -> None:
        if uid is None:
            self.pop("item_uid", None)
        else:
            self["item_uid"] = uid

    def __repr__(self) -> str:
        return call_text(self)

    __hash__ = None  # type: ignore[assignment] - mutable, like any dictionary

    def _check(self) -> None:
        wanted = (self.kind,) if self.kind else _TYPES
        if self.get("item_type") not in wanted:
            choices = " or ".join(repr(kind) for kind in wanted)
            raise ValueError(
                f"The item_type of a {type(self).__name__} must be {choices}, not {self.get('item_type')!r}"
            )
        if not isinstance(name := self.get("name"), str) or not name:
            raise ValueError(f"The name of an item must be a non-empty string, not {name!r}")


class _Named(BItem):
    """An item whose class fixes its type."""

    def __init__(self, name: str | Mapping[str, Any], /, *args: Any, **kwargs: Any) -> None:
        if isinstance(name, str):
            super().__init__(str(self.kind), name, *args, **kwargs)
        else:
            super().__init__(name)


class BPlan(_Named):
    """A plan with its arguments: ``BPlan("count", ["det1"], num=5)``. Devices and plans are given by name."""

    kind = "plan"


class BFunc(_Named):
    """A function with its arguments, for `REManagerAPI.function_execute`: ``BFunc("function_sleep", 5)``."""

    kind = "function"


class BInst(_Named):
    """An instruction for the queue: ``BInst("queue_stop")``."""

    kind = "instruction"


def call_text(item: Mapping[str, Any]) -> str:
    """Return an item as Python text: ``count(['det1'], num=5)``; for an instruction its name."""
    name = str(item.get("name", ""))
    if item.get("item_type") == "instruction":
        return name
    parts = [repr(value) for value in item.get("args") or ()]
    kwargs: Mapping[str, Any] = item.get("kwargs") or {}
    parts += [f"{key}={value!r}" for key, value in kwargs.items()]
    return f"{name}({', '.join(parts)})"
