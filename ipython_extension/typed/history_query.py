"""The query of ``%qs history``: the conditions, and the number of plans."""

import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ipython_extension.typed import times
from ipython_extension.typed.line import Line, LineWord

#: Exit statuses other than ``completed`` and ``stopped``.
FAILED = ("failed", "aborted", "halted", "unknown")


class HistoryQuery(NamedTuple):
    """The plans that a line requests.

    Attributes
    ----------
    filters
        Parameters of `history_get`, besides those for failed plans.
    text
        The conditions as they were typed.
    rows
        The number of plans to show; None for the usual number.
    """

    filters: Mapping[str, Any] = {}
    only_failed: bool = False
    text: str = ""
    rows: int | None = None
    all_metadata: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of `history_get`."""
        return {**self.filters, **({"exit_status": list(FAILED)} if self.only_failed else {})}


def read(line: Line) -> HistoryQuery:
    """The query in the rest of a line."""
    typed: dict[str, str] = {}
    metadata: dict[str, str] = {}

    def noted(option: str, value: Callable[[LineWord], Any]) -> Callable[[LineWord], Any]:
        def note(token: LineWord) -> Any:
            found = value(token)
            typed[option] = f"{option} {line.text[token.start : line.at].strip()}"
            return found

        return note

    options = {
        "-n": line.count,
        "--plan": noted("--plan", _text),
        "--user": noted("--user", _text),
        "--since": noted("--since", lambda token: _epoch(line, token, "--since")),
        "--until": noted("--until", lambda token: _epoch(line, token, "--until")),
        "--search": noted("--search", lambda token: _search(line, token)),
        "--failed": None,
        "--md": None,
    }
    given: dict[str, Any] = {}
    while line.more():
        if line.word_if("--md".__eq__):  # `option` would read metadata after it
            given["md"] = True
        elif not line.option(options, given):
            key, metadata[key] = _metadata(line)
            typed[key] = f"{key}={metadata[key]}"
    filters: dict[str, Any] = {_PARAMETERS[key]: value for key, value in given.items() if key in _PARAMETERS}
    if filters.get("since", 0) >= filters.get("until", math.inf):
        raise line.fault(
            f"{typed['--since']} is not before {typed['--until']}", line.text.index("--since"), len("--since")
        )
    if _SCAN_ID in metadata:
        filters[_SCAN_ID] = _number(line, metadata.pop(_SCAN_ID))
    if metadata:
        filters["metadata"] = metadata
    if "failed" in given:
        typed["--failed"] = "--failed"
    return HistoryQuery(filters, "failed" in given, ", ".join(typed.values()), given.get("n"), "md" in given)


def _search(line: Line, token: LineWord) -> str:
    """The search words after ``--search``, up to the next condition. Quoted words stay together."""
    words = [token]
    while line.more() and not line.begins_with(_CONDITION):
        words.append(line.word("a search word"))
    is_option = line.text[token.start] == "-"
    if is_option or not any(map(str.isalnum, "".join(word.text for word in words))):
        raise line.fault("Expected a search word, with letters or digits", token.start, max(len(token.text), 1))
    return " ".join(f'"{word.text}"' if line.text[word.start] in "'\"" else word.text for word in words)


def _text(token: LineWord) -> str:
    return token.text


def _metadata(line: Line) -> tuple[str, str]:
    """``KEY=PATTERN``; a pattern with spaces is in quotes."""
    token = line.word("KEY=PATTERN")
    key, equals, pattern = token.text.partition("=")
    if not key or not equals:
        raise line.fault(
            f"Expected KEY=VALUE, to select plans by metadata, or an option such as --search {token.text or 'WORD'}",
            token.start,
            max(len(token.text), 1),
        )
    if not pattern:
        raise line.fault(f"Expected a value after {key}=", line.at)
    return key, _unquoted(pattern)


def _number(line: Line, text: str) -> int:
    """The value of ``scan_id=``."""
    if not text.isdecimal():
        start = line.text.index(f"{_SCAN_ID}={text}")
        raise line.fault(f"A scan id must be a number, not {text!r}", start, len(_SCAN_ID) + 1 + len(text))
    return int(text)


def _epoch(line: Line, token: LineWord, option: str) -> float:
    """The time after an option: one word, or a day and a time of day."""
    text = token.text
    if times.is_day(text) and (clock := line.word_if(times.is_clock)):
        text = f"{text} {clock}"
    found = times.epoch(text, time.time(), end=option == "--until")
    if found is None:
        raise line.fault(f"{option} {text} is not a time. Examples: {times.FORMS}", token.start, len(token.text))
    return found


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


#: A key that selects plans by their runs instead of by their metadata.
_SCAN_ID = "scan_id"
#: The parameters of `history_get` by option.
_PARAMETERS = {"plan": "name", "user": "user", "since": "since", "until": "until", "search": "search"}
#: What ends the search words: another option, or KEY=PATTERN.
_CONDITION = re.compile(r"-|[^\s\"'=]+=")
