"""The arguments of the forms: positions, items, files, flags."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from bluesky_qs.words.grammar import Argument, UsageError

_BOOLEANS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}


#: Words that follow ``lock``, and a hint for users who type several of them.
LOCK_WORDS = ("environment", "queue", "all", "info")
_LOCK_BOTH = "To lock the environment and the queue: lock all"


#: Characters of the beginning of a uid.
SHORTEST_UID = 4


class ItemId(NamedTuple):
    """A parameter whose value is an item's uid, given in a short form; see `cli.item_ids`.

    ``back`` counts back from the item that ended last (1); 0 means that ``text`` is a uid or its beginning.
    """

    text: str
    back: int


class FileContents(NamedTuple):
    """A parameter whose value is in a file; `files.read` replaces it with the file's content."""

    path: str
    kind: str


class Text(Argument):
    """One word, unchanged."""

    def __init__(self, parameter: str, label: str, *, optional: bool = False) -> None:
        self.parameter = parameter
        self.label = label
        self.optional = optional

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = rest.pop(0)


class RestOfLine(Text):
    """All the remaining words, joined into one text."""

    is_free_text = True

    def fits(self, word: str) -> bool:  # noqa: ARG002 - even an empty word, in quotes
        return True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = " ".join(rest)
        rest.clear()


class SearchWords(Text):
    """``search WORD…``: all the remaining words. An argument with spaces was in quotes: exact words in this order."""

    words = ("search", "--search")

    def __init__(self) -> None:
        super().__init__("search", "search WORD…", optional=True)

    def fits(self, word: str) -> bool:
        return word in self.words

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        del rest[0]
        if not rest:
            raise UsageError("'search' must be followed by the words to look for")
        params[self.parameter] = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in rest)
        rest.clear()


class LineOptions(Argument):
    """``--grep TEXT`` and ``--level LEVEL``, which select lines of a log."""

    words = ("--grep", "--level")
    optional = True

    def fits(self, word: str) -> bool:
        return word.partition("=")[0] in self.words

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        while rest and self.fits(rest[0]):
            option, equals, value = rest.pop(0).partition("=")
            if not equals and not rest:
                raise UsageError(f"Option {option} needs a value")
            params[option.removeprefix("--")] = value if equals else rest.pop(0)

    @property
    def usage(self) -> str:
        return "[--grep TEXT] [--level LEVEL]"


class LockNote(Text):
    """The note of a lock, as one word, in quotes if it has spaces.

    More words, or a note that looks like part of the command, are errors: ``lock environment queue`` locks only the
    environment.
    """

    is_free_text = True

    def fits(self, word: str) -> bool:  # noqa: ARG002 - even an empty word, in quotes
        return True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        note = rest.pop(0)
        if fault := note_fault(note):
            raise UsageError(fault)
        if rest:
            raise UsageError(f"Unexpected argument {rest[0]!r}: put a note of several words in quotes. {_LOCK_BOTH}")
        params[self.parameter] = note


def note_fault(note: str) -> str:
    """Return the reason why this text cannot be the note of a lock; empty if it can."""
    return f"{note!r} cannot be the note of a lock. {_LOCK_BOTH}" if note in LOCK_WORDS else ""


class Uids(Text):
    """One uid, or several as a list; always a list with ``listed``."""

    def __init__(
        self, parameter: str, *, listed: bool = False, until: Argument | None = None, optional: bool = False
    ) -> None:
        super().__init__(parameter, "UID…", optional=optional)
        self.listed = listed
        self.until = until

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        uids: list[str] = []
        while rest and not (self.until and self.until.fits(rest[0])):
            uids.append(rest.pop(0))
        if not uids:
            raise UsageError("The UID is missing")
        params[self.parameter] = uids if self.listed or len(uids) > 1 else uids[0]


class Uid(Text):
    """The uid of an item. If it is ``optional``, a number may take its place."""

    def fits(self, word: str) -> bool:
        return super().fits(word) and integer(word) is None


class FinishedItem(Text):
    """A plan or task with a log: ``-1`` is the plan that ended last; otherwise its uid, or the beginning of the uid."""

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest[0]
        back = -(integer(word) or 0)
        if back <= 0 and len(word) < SHORTEST_UID:
            raise UsageError(
                f"{word!r} is not a plan or task. Use -1 for the plan that ended last, or at least {SHORTEST_UID} "
                "characters of a uid"
            )
        params[self.parameter] = ItemId(rest.pop(0), max(back, 0))


class Names(Text):
    """Any number of names, as a list."""

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = list(rest)
        rest.clear()


class WholeNumber(Text):
    """A whole number. If it is ``optional``, the argument ``before`` may take its place."""

    def __init__(self, parameter: str, label: str, *, optional: bool = False, before: Argument | None = None) -> None:
        super().__init__(parameter, label, optional=optional)
        self.before = before

    def fits(self, word: str) -> bool:
        return super().fits(word) and not (self.before and self.before.fits(word))

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if (number := integer(word)) is None:
            raise UsageError(f"{word!r} is not a whole number")
        params[self.parameter] = number


class Choice(Argument):
    """One of a few words, each with its value."""

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
            raise UsageError(f"{word!r} is not one of {self.label}")
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
            raise UsageError("'safe' must be followed by 'on' or 'off'", near=["safe on", "safe off"])
        params["option"] = option


class Flags(Argument):
    """Words in any order. Each word sets a parameter."""

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
    """A position in the queue: ``front``, ``back``, a number, ``before UID`` or ``after UID``."""

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
                raise UsageError(f"{word!r} must be followed by the UID of an item")
            params[self._BESIDE[word]] = rest.pop(0)
        elif word in ("front", "back"):
            params[self.parameter] = word
        elif (number := integer(word)) is not None:
            params[self.parameter] = number
        else:
            raise UsageError(f"{word!r} is not a position. Use front, back, a number, before UID or after UID")


class Destination(Position):
    """A position for several items: an end of the queue, or next to an item."""

    def fits(self, word: str) -> bool:
        return word in self.words or word in self._BESIDE


class QueuedItem(Argument):
    """An item in the queue: ``front``, ``back``, its position or its uid."""

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
    """The part of the history to keep: the newest N items, or all items newer than the given one."""

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
    """Items as a JSON or Python list. An item without a type is a plan."""

    label = "ITEMS"

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        items = literal(rest.pop(0), "The list of items", list)
        params["items"] = [as_item(item, None) for item in items]


class Replacement(ItemArgument):
    """``[UID] ITEM``: the item that replaces the one with that uid. The uid may also be in the item itself."""

    label = "[UID] ITEM"

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        uid = rest.pop(0) if len(rest) > 1 else None
        super().read(rest, params)
        _give_uid(params, uid)


class Instruction(Argument):
    """An instruction for the queue."""

    label = "queue-stop"
    words = ("queue-stop",)

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        word = rest.pop(0)
        if word not in ("queue-stop", "queue_stop"):
            raise UsageError(f"{word!r} is not an instruction", near=["queue-stop"])
        params["item"] = {"item_type": "instruction", "name": "queue_stop"}


class InstructionFor(Instruction):
    """``UID queue-stop``: the instruction that replaces the item with that uid."""

    label = "UID queue-stop"

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        uid = rest.pop(0)
        if not rest:
            raise UsageError("Give the UID of the item to replace before the instruction")
        super().read(rest, params)
        _give_uid(params, uid)


class ModeArguments(Argument):
    """``loop True ignore_failures False``, or ``default``; without words, no mode changes."""

    label = "default|KEY True|False…"
    words = ("loop", "ignore_failures", "default")
    optional = True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        if rest == ["default"]:
            params["mode"] = rest.pop(0)
            return
        mode: dict[str, Any] = {}
        while rest:
            key = rest.pop(0)
            if not rest:
                raise UsageError(f"{key!r} must be followed by True or False")
            word = rest.pop(0)
            mode[key] = _BOOLEANS.get(word.lower(), word)  # the service refuses any other value
        params["mode"] = mode


class File(Argument):
    """A file that contains the value."""

    label = "FILE"

    def __init__(self, parameter: str, kind: str) -> None:
        self.parameter = parameter
        self.kind = kind

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        params[self.parameter] = FileContents(rest.pop(0), self.kind)


class NamedValues(Argument):
    """``NAME=VALUE``. A value is JSON, Python or plain text."""

    label = "NAME=VALUE…"
    optional = True

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        while rest:
            name, equals, text = rest.pop(0).partition("=")
            if not equals or not name.isidentifier():
                raise UsageError(f"{name!r} is not of the form NAME=VALUE")
            params[name] = value(text)


def integer(word: str) -> int | None:
    """Return the word as a whole number, or None."""
    try:
        return int(word)
    except ValueError:
        return None


def literal(text: str, what: str, kind: type) -> Any:
    """Read a value that is written in JSON or Python.

    Raises
    ------
    UsageError
        The text is neither, or the value has the wrong type.
    """
    try:
        found = json.loads(text)
    except ValueError as not_json:
        found = _python(text, f"{what} is not valid JSON ({not_json}) or Python")
    if not isinstance(found, kind):
        shape = {"dict": "an object: {…}", "list": "a list: […]"}[kind.__name__]
        raise UsageError(f"{what} is not {shape}")
    return found


def value(text: str) -> Any:
    """Read a value that is written in JSON or Python; return any other text unchanged."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return _python(text, "")
    except UsageError:
        return text


def as_item(item: Any, item_type: str | None) -> dict[str, Any]:
    """Return the item with its type.

    Raises
    ------
    UsageError
        The item already has another type.
    """
    if not isinstance(item, dict):
        raise UsageError(f"An item must be an object {{…}}, not {item!r}")
    if item_type and (given := item.get("item_type", item_type)) != item_type:
        raise UsageError(f"The item is of type {given!r}, not {item_type!r}")
    return {"item_type": item_type or "plan", **item}


def _python(text: str, problem: str) -> Any:
    import ast  # noqa: PLC0415 - not needed for JSON, the usual case

    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as not_python:
        reason = not_python.msg if isinstance(not_python, SyntaxError) else "it contains more than literals"
        raise UsageError(f"{problem} ({reason}). In a shell, put it in single quotes: {text}") from None


def _give_uid(params: Mapping[str, Any], uid: str | None) -> None:
    if uid is not None:
        params["item"]["item_uid"] = uid
