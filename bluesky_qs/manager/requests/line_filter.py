"""Selects lines of console output by their text and by the level of the logging records in them."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from bluesky_qs.api.values import LEVELS
from bluesky_qs.errors import BadParams
from bluesky_qs.wire.info import ConsoleMessage

_NUMBERS = {name: number for number, name in enumerate(LEVELS)} | {"WARN": LEVELS.index("WARNING"), "FATAL": 4}
_INITIALS = {name[0]: number for number, name in enumerate(LEVELS)}
_INFO = LEVELS.index("INFO")
_WORDS = "|".join(_NUMBERS)
#: The beginnings of logging records: in the format of this service or of bluesky, in the format of
#: `logging.basicConfig`, or with the time first.
_RECORD = re.compile(
    rf"\[(?P<initial>[DIWEC]) [\d:., -]+|\[?(?P<first>{_WORDS})\b[\]: ]"
    rf"|\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.{{0,100}}?\b(?P<word>{_WORDS})\b"
)
_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TRACEBACK = "Traceback (most recent call last)"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")


class LineFilter:
    """Accepts lines that contain a text and have at least a certain level. Case is ignored.

    Parameters
    ----------
    grep
        The text; None accepts any.
    level
        The lowest level, in letters of any case; None accepts any. Lines that are not logging records count as INFO,
        but a traceback and indented lines below a record belong to the record.

    Raises
    ------
    BadParams
        There is no such level.
    """

    def __init__(self, grep: str | None, level: str | None) -> None:
        if level is not None and level.upper() not in LEVELS:
            raise BadParams(f"Parameter 'level' must be one of {', '.join(LEVELS)}: level={level!r}")
        self._text = None if grep is None else grep.casefold()
        self._lowest = 0 if level is None else _NUMBERS[level.upper()]

    @property
    def accepts_all(self) -> bool:
        """Whether all lines are accepted."""
        return not self._text and not self._lowest

    def applied(self, messages: Sequence[ConsoleMessage]) -> list[ConsoleMessage]:
        """Return the messages with only their accepted lines. Messages without accepted lines are left out.

        A line that begins in one message and ends in another belongs to the first message.
        """
        found: list[ConsoleMessage] = []
        levels = _Levels()
        for message, line in _lines(messages):
            level = levels.of(line)
            if level < self._lowest or (self._text and self._text not in line.casefold()):
                continue
            if found and found[-1].seq == message.seq:
                found[-1].msg += line
            else:
                found.append(ConsoleMessage(message.time, line, message.seq))
        return found


def _lines(messages: Sequence[ConsoleMessage]) -> Iterator[tuple[ConsoleMessage, str]]:
    """Yield the lines with their line ends, each with the message in which it begins."""
    begun, rest = None, ""
    for message in messages:
        *lines, last = re.split(r"(?<=\n)", message.msg)
        for line in lines:
            yield begun or message, rest + line
            begun, rest = None, ""
        if last:
            begun, rest = begun or message, rest + last
    if begun is not None:
        yield begun, rest


class _After(Enum):
    """The kind of the previous line."""

    ANYTHING = auto()
    RECORD = auto()
    TRACEBACK = auto()
    EXCEPTION = auto()


class _Levels:
    """Determines the level of each line in turn."""

    def __init__(self) -> None:
        self._level = _INFO
        self._after = _After.ANYTHING

    def of(self, line: str) -> int:
        """The level of the next line."""
        plain = _COLORS.sub("", line)
        if record := _RECORD.match(plain):
            initial, word = record["initial"], record["first"] or record["word"]
            self._level = _INITIALS[initial] if initial else _NUMBERS[word]
            self._after = _After.RECORD
        else:
            self._after = self._following(plain)
            if self._after is _After.ANYTHING:
                self._level = _INFO
        return self._level

    def _following(self, line: str) -> _After:
        """Return the kind of a line that is not a record: part of the last record, or another line."""
        is_indented = line[:1] in (" ", "\t") and bool(line.strip())
        match self._after:
            case _After.RECORD | _After.EXCEPTION | _After.TRACEBACK if line.startswith(_TRACEBACK):
                return _After.TRACEBACK
            case _After.RECORD if is_indented:
                return _After.RECORD
            case _After.TRACEBACK:
                return _After.TRACEBACK if is_indented else _After.EXCEPTION
            case _After.EXCEPTION if not line.strip() or line.startswith(_CHAINED):
                return _After.EXCEPTION
            case _:
                return _After.ANYTHING
