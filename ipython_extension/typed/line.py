"""Reads a line after ``%qs``: words, options, plans, values. Each error points to a column of the line."""

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

from IPython.core.error import UsageError

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words import scanner
from bluesky_qs.words.planexpr import Item, Objection, plan_at, value_at
from bluesky_qs.words.scanner import ExpressionError, TokenKind
from ipython_extension.typed import times


class LineWord(NamedTuple):
    """A word of the line, with its offset."""

    text: str
    start: int

    def parts(self) -> list["LineWord"]:
        """Split the token at commas: ``1,2`` and ``1,`` mean ``1 2``."""
        return [LineWord(found[0], self.start + found.start()) for found in re.finditer(r"[^,]+", self.text)]


#: A function that converts a token to an option's value; None for an option without a value.
Options = Mapping[str, Callable[[LineWord], Any] | None]


class Line:
    """A text that is read from left to right."""

    def __init__(
        self,
        text: str,
        at: int = 0,
        *,
        session: Mapping[str, Any] | None = None,
        objection: Objection | None = None,
    ) -> None:
        self.text = text
        self.at = self._start = at
        self.session = session or {}
        self.objection = objection

    @cached_property
    def scanned(self) -> scanner.Scan:
        """The tokens from the position where reading began."""
        return scanner.scan(self.text, self._start)

    def more(self) -> bool:
        """Whether any text is left; comments and separators between plans are skipped."""
        while (token := self._token()) and token.kind in (TokenKind.COMMENT, TokenKind.SEPARATOR):
            self.at = token.end
        return token is not None

    def word(self, expected: str) -> LineWord:
        """The next word, without quotes. If there is none, the error says that ``expected`` is missing."""
        token = self._token()
        if token is None:
            raise self.fault(f"Expected {expected}")
        if token.kind is not TokenKind.QUOTED:
            start, self.at = self.at, self._end_of_word(token)
            return LineWord(self.text[start : self.at], start)
        if not token.is_closed:
            raise self.fault("The string is never closed")
        self.at = token.end
        return LineWord(token.text[1:-1], token.start)

    def word_if(self, fits: Callable[[str], bool]) -> str:
        """The next word if it fits; otherwise empty, and nothing is read."""
        token = self._token()
        text = "" if token is None else self.text[token.start : self._end_of_word(token)]
        if not text or not fits(text):
            return ""
        self.at += len(text)
        return text

    def rest(self) -> str:
        """The rest of the text, unchanged."""
        text, self.at = self.text[self.at :].strip(), len(self.text)
        return text

    def words(self, options: Options | None = None, *, listed: bool = False) -> tuple[list[LineWord], dict[str, Any]]:
        """The remaining words, and the options by name without dashes. ``listed`` words may contain commas."""
        words: list[LineWord] = []
        given: dict[str, Any] = {}
        while self._token():
            if not self.option(options or {}, given):
                token = self.word("a word")
                words += token.parts() if listed else [token]
        return words, given

    def nothing_more(self) -> None:
        """Raise an error if anything is left."""
        if self._token():
            command = self.text[: self.at].split()
            is_bare = len(command) == _BARE_COMMAND
            raise self.fault(f"{' '.join(command)} takes no arguments" if is_bare else "Unexpected text")

    def plan(self) -> Item:
        """The plan that begins here."""
        with pointing():
            item, self.at = plan_at(self.text, self.at, session=self.session, objection=self.objection)
        return item

    def pointer(self, offset: int, length: int) -> str:
        """The line that contains ``offset``, with carets below the error."""
        return pointer(self.text, offset, length)

    def begins_call(self, otherwise: str) -> None:
        """Raise an error with the message ``otherwise`` if a name without a bracket begins here."""
        self._token()
        if (name := _BARE.match(self.text, self.at)) is not None:
            raise self.fault(f"{otherwise}: {name[0].strip()}(…)", name.end())

    def begins_option(self, name: str) -> bool:
        """Whether this option begins here."""
        token = self._token()
        return token is not None and token.kind is TokenKind.OPTION and token.text == name

    def begins_with(self, pattern: re.Pattern[str]) -> bool:
        """Whether the rest of the text begins with this pattern."""
        return self._token() is not None and pattern.match(self.text, self.at) is not None

    def begins_plan(self) -> bool:
        """Whether a call begins here, rather than ``name=value``."""
        return _CALL.match(self.text, self.at) is not None

    def positions(self, token: LineWord) -> list[LineWord]:
        """The positions in a range such as ``1-3``; any other token is returned unchanged.

        A uid may also begin with digits and a dash, but it has more digits.
        """
        found = _RANGE.fullmatch(token.text)
        if found is None:
            return [token]
        first, last = int(found[1]), int(found[2])
        if first > last:
            raise self.fault(f"Write the range as {last}-{first}", token.start)
        return [LineWord(str(position), token.start) for position in range(first, last + 1)]

    def pair(self, objection: Objection | None = None, *, is_metadata: bool = False) -> tuple[str, Any]:
        """Read ``name=value``. The value is written as in a plan. It ends at a space; commas before that are ignored.

        In metadata, arithmetic needs braces, because it may be meant as text: ``2026-114``. Metadata pairs can be
        separated by commas: ``a=1,b=2``.
        """
        token = self._token()
        name = _PAIR.match(self.text, self.at)
        if token is None or name is None:
            value = "".join(self.text[self.at :].split()[:1])
            raise self.fault(f"Which parameter? Write NAME={value}, or the whole plan.")
        end = self._end_of_word(token)
        if is_metadata:
            end = next((comma for comma in self._commas(name.end(), end) if _PAIR.match(self.text, comma)), end)
        last = name.end() + len(self.text[name.end() : end].rstrip(","))
        if last == name.end():
            raise self.fault("Expected a value", last)
        with pointing():
            if is_metadata:
                value = self._metadata(name[1], name.end(), last)
            else:
                value = value_at(self.text, name.end(), last, session=self.session, objection=objection)
        self.at = end
        return name[1], value

    def option(self, options: Options, given: dict[str, Any]) -> bool:
        """Read the option that begins here into ``given``; False if none does."""
        token = self._token()
        if token is None or token.kind is not TokenKind.OPTION:
            return False
        name = token.text
        if name not in options:
            raise self.fault(f"Unknown option {name}{hint(name, options)}")
        self.at = token.end
        key = name.lstrip("-")
        read = options[name]
        if name == "--md":
            while self.more() and _PAIR.match(self.text, self.at):
                metadata = given.setdefault(key, {})
                metadata.update([self.pair(is_metadata=True)])
            if key not in given:
                raise self.fault("Expected KEY=VALUE after --md")
        elif read is None:
            given[key] = True
        else:
            self.at += self.text.startswith("=", self.at)
            given[key] = read(self.word(f"a value for {name}"))
        return True

    def number(self, token: LineWord, expected: str = "a number") -> int:
        """The token as an integer."""
        try:
            return int(token.text)
        except ValueError:
            raise self.fault(f"Expected {expected}, not {token.text!r}", token.start) from None

    def count(self, token: LineWord) -> int:
        """The value of ``-n``, a number of lines or rows: 1 or more."""
        number = int(token.text) if re.fullmatch(r"-?\d{1,9}", token.text) else 0
        if number < 1:
            raise self.fault(f"-n takes a number of 1 or more, not {token.text}", token.start, len(token.text))
        return number

    def coming(self, token: LineWord) -> float:
        """The Unix time of the next moment with this time of day."""
        found = times.coming(token.text, time.time())
        if found is None:
            raise self.fault(f"{token.text} is not a time of day, such as 08:00", token.start, len(token.text))
        return found

    def one_of(self, token: LineWord, choices: Mapping[str, Any]) -> Any:
        """The value of the token in ``choices``."""
        if token.text not in choices:
            listed = " or ".join(choices)
            raise self.fault(f"Expected {listed}, not {token.text!r}", token.start)
        return choices[token.text]

    def seconds(self, token: LineWord) -> float:
        """The token as a duration in seconds: ``90``, ``1.5s``, ``10m``, ``1h30m``."""
        found = _DURATION.fullmatch(token.text)
        if not token.text or found is None:
            raise self.fault(f"Expected a duration, such as 90 or 10m, not {token.text!r}", token.start)
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    def fault(self, message: str, at: int | None = None, length: int = 1) -> UsageError:
        """An error that points to ``at``, or else to the current position."""
        return pointed(message, self.text, self.at if at is None else at, length)

    def _metadata(self, name: str, start: int, end: int) -> Any:
        """The value in ``--md name=value``. An error about plain text says how to write text."""
        typed = self.text[start:end]
        has_syntax = _HAS_SYNTAX.search(typed) is not None
        as_text = f"{name}={typed!r}"
        try:
            value = value_at(self.text, start, end, session=self.session, needs_braces=True)
        except ExpressionError:
            if has_syntax:
                raise
            problem = self._not_a_value(name, start, end, as_text)
        else:
            if not self._commas(start, end):
                return value
            listed = repr(value)
            as_list = f"{name}={listed if len(listed) <= _LONGEST else f'{listed[:_LONGEST]}…'}"
            problem = f"{name}={typed} could be a list or text. Write {as_list}{'' if has_syntax else f' or {as_text}'}"
        raise ExpressionError(problem, self.text, start, len(typed))

    def _not_a_value(self, name: str, start: int, end: int, as_text: str) -> str:
        typed = self.text[start:end]
        try:
            value_at(self.text, start, end)
        except ExpressionError:
            return f"{typed} is not a number or a name. For text, write {as_text}"
        return (
            f"{typed} could be text or arithmetic. For text, write {as_text}; to compute it, write {name}={{{typed}}}"
        )

    def _commas(self, start: int, end: int) -> list[int]:
        """The offsets just after the commas in a part of the text, outside brackets and quotes."""
        first, last = bisect_right(self._ends, start), bisect_right(self._ends, end)
        return [each.end for each in self._tokens[first:last] if each.text == ","]

    @cached_property
    def _tokens(self) -> tuple[scanner.Token, ...]:
        return self.scanned.tokens

    @cached_property
    def _ends(self) -> list[int]:
        return [token.end for token in self._tokens]

    def _token(self) -> scanner.Token | None:
        """The next token, after any spaces; if part of it has been read, the rest."""
        index = bisect_right(self._ends, self.at)
        if index == len(self._tokens):
            self.at = len(self.text)
            return None
        token = self._tokens[index]
        if token.start < self.at:
            return scanner.Token(TokenKind.WORD, self.text[self.at : token.end], self.at)
        self.at = token.start
        return token

    def _end_of_word(self, token: scanner.Token) -> int:
        """The end of the tokens that follow with no space between them."""
        end = token.end
        for each in self._tokens[bisect_right(self._ends, end) :]:
            if each.start != end or each.kind is TokenKind.COMMENT:
                break
            end = each.end
        return end


def pointed(message: str, text: str, offset: int, length: int = 1) -> UsageError:
    """A UsageError that shows the line of ``text`` that contains ``offset``, with carets below the error."""
    return UsageError(f"{message}\n{pointer(text, offset, length)}")


def pointer(text: str, offset: int, length: int = 1) -> str:
    """The line of ``text`` that contains ``offset``, with carets below it."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].partition("\n")[0]
    column = offset - start
    if len(line) > _SHOWN:  # in a wrapped line, the caret would point to the wrong place
        first = max(0, column - _SHOWN // 2)
        line, column = line[first : first + _SHOWN], column - first
    carets = "^" * max(min(length, len(line) - column), 1)
    return f"    {line}\n    {' ' * column}{carets}"


@contextmanager
def pointing() -> Iterator[None]:
    """Turn an error in a plan or a value into a UsageError that points to it."""
    try:
        yield
    except ExpressionError as error:
        raise pointed(error.message, error.text, error.offset, error.length) from None


def hint(word: str, words: Iterable[str], *, meant: Mapping[str, str] | None = None) -> str:
    """`` (did you mean …?)`` with the word that is ``meant``, or else with similar words; empty if there are none."""
    return did_you_mean([meant[word]] if meant and word in meant else nearest(word, words))


#: Maximum number of columns of a list in an error.
_LONGEST = 40
#: Number of words in a bare command such as ``%qs queue``.
_BARE_COMMAND = 2
#: Maximum number of characters of a line to show: with the indent, 80 columns.
_SHOWN = 76
_BARE = re.compile(r"[^\W\d][\w.]*(?![\w.]|\s*\()")
_CALL = re.compile(r"[^\W\d][\w.]*\s*\(")
_RANGE = re.compile(r"(\d{1,6})-(\d{1,6})")
_PAIR = re.compile(r"([^\W\d]\w*)=(?!=)")
#: Quotes, brackets and ``$``. Text that contains one of them was not meant as plain text.
_HAS_SYNTAX = re.compile(r"[\[\](){}'\"$]")
_DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m(?:in)?)?(?:(\d+(?:\.\d*)?)s?)?")
