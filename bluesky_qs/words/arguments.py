"""The arguments of the forms: positions, items, files, flags."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from bluesky_qs.words.grammar import Argument, UsageError

_BOOLEANS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


class FileContents(NamedTuple):
    """A parameter whose value is in a file; `files.read` puts it in place."""

    path: str
    kind: str


class Text(Argument):
    """One word, as it is."""

    def __init__(self, parameter: str, label: str, *, optional: bool = False) -> None:
        self.parameter = parameter
        self.label = label
        self.optional = optional

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = rest.pop(0)


class Note(Text):
    """All the words that are left, as one text."""

    def fits(self, word: str) -> bool:  # noqa: ARG002 - also an empty one, in quotes
        return True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = " ".join(rest)
        rest.clear()


class Uids(Text):
    """One uid, or several as a list; always a list with ``listed``."""

    def __init__(self, parameter: str, *, listed: bool = False, until: Argument | None = None) -> None:
        super().__init__(parameter, "UID…")
        self.listed = listed
        self.until = until

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        uids: list[str] = []
        while rest and not (self.until and self.until.fits(rest[0])):
            uids.append(rest.pop(0))
        if not uids:
            raise UsageError("UID is missing")
        params[self.parameter] = uids if self.listed or len(uids) > 1 else uids[0]


class Integer(Text):
    """A whole number."""

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if (number := integer(word)) is None:
            raise UsageError(f"{word!r} is not a whole number")
        params[self.parameter] = number


class Choice(Argument):
    """One of some words, each with its value."""

    def __init__(self, parameter: str, values: Mapping[str, Any], *, optional: bool = False) -> None:
        self.parameter = parameter
        self.values = values
        self.words = tuple(values)
        self.label = "|".join(values)
        self.optional = optional

    def fits(self, word: str) -> bool:
        return word in self.values

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if word not in self.values:
            raise UsageError(f"{word!r} is none of {self.label}")
        params[self.parameter] = self.values[word]


class Safe(Argument):
    """``safe on`` or ``safe off``."""

    label = "safe on|off"
    words = ("safe",)
    optional = True

    def fits(self, word: str) -> bool:
        return word in ("safe", "safe_on", "safe_off")

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        option = f"safe_{rest.pop(0)}" if word == "safe" and rest else word
        if option not in ("safe_on", "safe_off"):
            raise UsageError("After 'safe' comes 'on' or 'off'", near=["safe on", "safe off"])
        params["option"] = option


class Flags(Argument):
    """Words in any order, each of which sets a parameter."""

    optional = True

    def __init__(self, **flags: tuple[str, bool]) -> None:
        self.flags = {word.replace("_", "-"): setting for word, setting in flags.items()}
        self.words = tuple(self.flags)

    def fits(self, word: str) -> bool:
        return word in self.flags

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        while rest and rest[0] in self.flags:
            parameter, value = self.flags[rest.pop(0)]
            params[parameter] = value

    @property
    def usage(self) -> str:
        return " ".join(f"[{word}]" for word in self.flags)


class Position(Argument):
    """Where something goes: ``front``, ``back``, a position, ``before UID``, ``after UID``."""

    words = ("front", "back", "before", "after")
    _BESIDE: Mapping[str, str] = {
        "before": "before_uid",
        "before_uid": "before_uid",
        "after": "after_uid",
        "after_uid": "after_uid",
    }

    def __init__(self, parameter: str = "pos", label: str = "POSITION", *, optional: bool = False) -> None:
        self.parameter = parameter
        self.label = label
        self.optional = optional

    def fits(self, word: str) -> bool:
        return word in ("front", "back") or word in self._BESIDE or integer(word) is not None

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if word in self._BESIDE:
            if not rest or rest[0].lstrip().startswith("{"):
                raise UsageError(f"After {word!r} comes the UID of an item")
            params[self._BESIDE[word]] = rest.pop(0)
        elif word in ("front", "back"):
            params[self.parameter] = word
        elif (number := integer(word)) is not None:
            params[self.parameter] = number
        else:
            raise UsageError(f"{word!r} is not a position: front, back, a number, before UID or after UID")


class Destination(Position):
    """Where several items go: an end of the queue, or beside an item."""

    def fits(self, word: str) -> bool:
        return word in self.words or word in self._BESIDE


class Place(Argument):
    """Which item: ``front``, ``back``, its position or its uid."""

    words = ("front", "back")

    def __init__(self, label: str = "N|front|back|UID", *, optional: bool = False) -> None:
        self.label = label
        self.optional = optional

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if word == "uid" and rest:
            params["uid"] = rest.pop(0)
        elif word in ("front", "back"):
            params["pos"] = word
        elif (number := integer(word)) is not None:
            params["pos"] = number
        else:
            params["uid"] = word


class SizeOrUid(Argument):
    """How much of the history stays: the newest N, or what is newer than an item."""

    label = "N|UID"
    optional = True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        number = integer(word)
        params["item_uid" if number is None else "size"] = word if number is None else number


class ItemArgument(Argument):
    """An item as a JSON object or a Python dictionary."""

    label = "ITEM"

    def __init__(self, item_type: str, parameter: str = "item") -> None:
        self.item_type = item_type
        self.parameter = parameter

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = as_item(literal(rest.pop(0), "The item", dict), self.item_type)


class ItemsArgument(Argument):
    """Items as a JSON or Python list; plans, where they do not say."""

    label = "ITEMS"

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        items = literal(rest.pop(0), "The list of items", list)
        params["items"] = [as_item(item, None) for item in items]


class Replacement(ItemArgument):
    """``[UID] ITEM``: the new item in place of the one with that uid, which the item itself may name."""

    label = "[UID] ITEM"

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        uid = rest.pop(0) if len(rest) > 1 else None
        super().read(rest, params)
        _give_uid(params, uid)


class Instruction(Argument):
    """An instruction to the queue."""

    label = "queue-stop"
    words = ("queue-stop",)

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if word not in ("queue-stop", "queue_stop"):
            raise UsageError(f"{word!r} is not an instruction", near=["queue-stop"])
        params["item"] = {"item_type": "instruction", "name": "queue_stop"}


class InstructionFor(Instruction):
    """``UID queue-stop``: the instruction in place of the item with that uid."""

    label = "UID queue-stop"

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        uid = rest.pop(0)
        if not rest:
            raise UsageError("Before the instruction comes the UID of the item to replace")
        super().read(rest, params)
        _give_uid(params, uid)


class Modes(Argument):
    """``loop True ignore_failures False``, or ``default``."""

    label = "default|KEY True|False…"
    words = ("loop", "ignore_failures", "default")

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        if rest == ["default"]:
            params["mode"] = rest.pop(0)
            return
        mode: dict[str, Any] = {}
        while rest:
            key = rest.pop(0)
            if not rest:
                raise UsageError(f"After {key!r} comes True or False")
            mode[key] = boolean(rest.pop(0))
        params["mode"] = mode


class File(Argument):
    """A file whose contents are the value."""

    label = "FILE"

    def __init__(self, parameter: str, kind: str) -> None:
        self.parameter = parameter
        self.kind = kind

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = FileContents(rest.pop(0), self.kind)


class NamedValues(Argument):
    """``NAME=VALUE``; a value is JSON, Python, or else text."""

    label = "NAME=VALUE…"
    optional = True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        while rest:
            name, equals, text = rest.pop(0).partition("=")
            if not equals or not name.isidentifier():
                raise UsageError(f"{name!r} is not of the form NAME=VALUE")
            params[name] = value(text)


def integer(word: str) -> int | None:
    """The whole number that a word is, or None."""
    try:
        return int(word)
    except ValueError:
        return None


def boolean(word: str) -> bool:
    """``True`` or ``False``, also as ``on``, ``off``, ``1``, ``0``.

    Raises
    ------
    UsageError
        It is none of them.
    """
    try:
        return _BOOLEANS[word.lower()]
    except KeyError:
        raise UsageError(f"{word!r} is neither True nor False") from None


def literal(text: str, what: str, kind: type) -> Any:
    """The value that a text is in JSON, or else in Python.

    Raises
    ------
    UsageError
        It is neither, or not of that kind.
    """
    try:
        found = json.loads(text)
    except ValueError as not_json:
        found = _python(text, f"{what} is neither JSON ({not_json}) nor Python")
    if not isinstance(found, kind):
        shape = {"dict": "an object: {…}", "list": "a list: […]"}[kind.__name__]
        raise UsageError(f"{what} is not {shape}")
    return found


def value(text: str) -> Any:
    """The value that a text is in JSON or in Python, or else the text."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return _python(text, "")
    except UsageError:
        return text


def as_item(item: Any, item_type: str | None) -> dict[str, Any]:
    """The item with its type.

    Raises
    ------
    UsageError
        It is of another type already.
    """
    if not isinstance(item, dict):
        raise UsageError(f"An item is an object: {{…}}, not {item!r}")
    if item_type and (said := item.get("item_type", item_type)) != item_type:
        raise UsageError(f"The item is of type {said!r}, not {item_type!r}")
    return {"item_type": item_type or "plan", **item}


def _python(text: str, problem: str) -> Any:
    import ast  # noqa: PLC0415 - JSON, which is usual, does not pay for it

    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as not_python:
        reason = not_python.msg if isinstance(not_python, SyntaxError) else "something in it is not a literal"
        raise UsageError(f"{problem} ({reason}). In a shell, put it in single quotes: {text}") from None


def _give_uid(params: Mapping[str, Any], uid: str | None) -> None:
    if uid is not None:
        params["item"]["item_uid"] = uid
