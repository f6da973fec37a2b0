"""The call of a queued plan, and changes to some of its parameters."""

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.typed.line import hint

#: The values per axis of a scan, as bluesky's docstrings describe ``*args``.
_AXES = "motor, start, stop"


class ItemCall(NamedTuple):
    """An item's call, the description of its plan, and the beginning of the line that edits the item.

    With ``is_new``, that line makes a new item, which needs this item's metadata.
    """

    item: Item
    description: Mapping[str, Any]
    known: Container[str]
    line: str
    is_new: bool = False

    def with_parameters(self, values: Mapping[str, Any]) -> Item:
        """The item's ``args`` and ``kwargs``, with new values for some parameters.

        Positional arguments stay positional. If they were also passed by name, they would be given twice.
        """
        args, kwargs = list(self.item.get("args") or ()), dict(self.item.get("kwargs") or {})
        places = self._places
        for name, value in values.items():
            if name in places[: len(args)]:
                args[places.index(name)] = value
            elif name not in kwargs and self._is_last(name):
                args[-1] = value
            else:
                kwargs[name] = value
        return {"args": args, "kwargs": kwargs}

    def objection(self, name: str, value: Any) -> str | None:
        """Why a parameter cannot be changed by name; None if it can.

        The values in ``*args`` have no names, so one of them may already be this parameter, such as the number of
        points at the end of a scan.
        """
        kinds = self._kinds
        kwargs = self.item.get("kwargs") or {}
        if "VAR_POSITIONAL" not in kinds.values() or name in kwargs or name in self._places:
            return None
        if kinds.get(name) == "VAR_POSITIONAL":
            return self.advice(f"*{name}")
        spread = self._spread
        if self._is_last(name) is not None:
            return None
        if name not in kinds and "VAR_KEYWORD" not in kinds.values():
            named = f"{self.item['name']} has no parameter {name!r}{hint(name, kinds)}. "
            return named + self.advice("a value in its *args") if spread else None
        if not spread or _kind(spread[-1]) != _kind(value):
            return None
        instead = {"args": [*(self.item.get("args") or ())[:-1], value], "kwargs": kwargs}
        beside = self.with_parameters({name: value})
        return (
            f"The last value in *args may already be {name!r}. Write the whole call: "
            f"{self._line(instead)} or {self._line(beside)}"
        )

    def advice(self, values: str) -> str:
        """Advice on how to change values without names."""
        return f"To change {values}, write the whole call: {self._line({})}"

    def _line(self, changed: Item) -> str:
        metadata = self.item.get("meta") if self.is_new else None
        pairs = [f"{key}={value!r}" for key, value in metadata.items()] if isinstance(metadata, Mapping) else []
        return " ".join(
            [self.line, plan_text({**self.item, **changed}, self.known), *(["--md", *pairs] if pairs else [])]
        )

    def _is_last(self, name: str) -> bool | None:
        """Whether the last value in ``*args`` is this parameter; None if the plan's description does not show it.

        In bluesky, a scan's ``*args`` are a motor, start and stop for each axis; one additional value is ``num``.
        """
        described = any(
            _AXES in (each.get("description") or "")
            for each in self.description.get("parameters") or ()
            if self._kinds[each["name"]] == "VAR_POSITIONAL"
        )
        over = len(self._spread) % len(_AXES.split())
        return bool(over) if described and name == "num" in self._kinds and over in (0, 1) else None

    @property
    def _spread(self) -> list[Any]:
        """The values in ``*args``."""
        return list(self.item.get("args") or ())[len(self._places) :]

    @property
    def _kinds(self) -> dict[str, str]:
        parameters = self.description.get("parameters") or ()
        return {each["name"]: (each.get("kind") or {}).get("name", "") for each in parameters}

    @property
    def _places(self) -> list[str]:
        """The names of the parameters that can be positional."""
        return [name for name, kind in self._kinds.items() if kind.startswith("POSITIONAL")]


def _kind(value: Any) -> str:
    """The type of a value; integers and floats both count as numbers."""
    return "number" if type(value) in (int, float) else type(value).__name__
