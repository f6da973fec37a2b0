"""The tokens of a typed line: words, quoted text, options, brackets, variables and comments, each with its location.

Text is scanned once, and any text can be scanned. If a quote or bracket is never closed, the scan records a fault, and
the caller decides what to do: a note may contain such a quote, and completion uses the text after it.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple


class ExpressionError(ValueError):
    """Text that is not a plan, or not a value that can be sent.

    Attributes
    ----------
    message
        The error message.
    text
        The whole text.
    offset, length
        The place of the error in ``text``.
    """

    def __init__(self, message: str, text: str, offset: int, length: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.offset = offset
        self.length = length

    @property
    def line(self) -> int:
        """The line of the error, counted from 0."""
        return self.text.count("\n", 0, self.offset)

    @property
    def column(self) -> int:
        """The column of the error in its line, counted from 0."""
        return self.offset - (self.text.rfind("\n", 0, self.offset) + 1)


class TokenKind(Enum):
    """The kind of a token."""

    WORD = "word"
    QUOTED = "quoted"
    OPTION = "option"
    BRACKETS = "brackets"
    VARIABLE = "variable"
    SEPARATOR = "separator"
    COMMENT = "comment"


class Token(NamedTuple):
    """A part of the text without spaces around it.

    Attributes
    ----------
    kind
        The kind of the token. Brackets are one token, from the opening to the closing bracket.
    text
        The characters as they were typed.
    start
        The offset of the first character.
    inner
        The tokens between brackets.
    is_closed
        False for quotes or brackets that are still open at the end of the text.
    """

    kind: TokenKind
    text: str
    start: int
    inner: tuple["Token", ...] = ()
    is_closed: bool = True

    @property
    def end(self) -> int:
        """The offset after the last character."""
        return self.start + len(self.text)

    @property
    def value(self) -> str:
        """The text as a shell would pass it to a program: without quotes and escaping backslashes."""
        match self.kind:
            case TokenKind.WORD:
                return _ESCAPED.sub(r"\1", self.text)
            case TokenKind.QUOTED if self.is_closed:
                inside = self.text[1:-1]
                return _ESCAPED_IN_QUOTES.sub(r"\1", inside) if self.text[0] == '"' else inside
            case _:
                return self.text


class Word(NamedTuple):
    """Tokens without a space between them, which a shell treats as one word."""

    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The word without quotes."""
        return "".join(token.value for token in self.tokens)

    @property
    def is_option(self) -> bool:
        """Whether the word begins with an option."""
        return self.tokens[0].kind is TokenKind.OPTION


class Scan(NamedTuple):
    """The tokens of a text, and the errors in its quotes and brackets, in the order in which they are found."""

    tokens: tuple[Token, ...]
    faults: tuple[ExpressionError, ...]

    def words(self) -> list[Word]:
        """The words as a shell would split them, except that ``#`` does not start a comment."""
        words: list[Word] = []
        end = -1
        for token in self.tokens:
            if token.kind is TokenKind.COMMENT:
                found = _NOT_BLANK.finditer(token.text)
                words += [Word((Token(TokenKind.WORD, each[0], token.start + each.start()),)) for each in found]
            elif words and token.start == end:
                words[-1] = Word((*words[-1].tokens, token))
            else:
                words.append(Word((token,)))
            end = token.end
        return words


def scan(text: str, start: int = 0) -> Scan:
    """Return the tokens of a text, from ``start`` on.

    >>> [token.text for token in scan("add count([det1], num=$n) --front # first").tokens]
    ['add', 'count', '([det1], num=$n)', '--front', '# first']
    >>> [word.text for word in scan("call lock note='not now' environment=true").words()]
    ['call', 'lock', 'note=not now', 'environment=true']
    """
    scanner = _Scanner(text, start)
    scanner.run()
    return Scan(tuple(scanner.tokens), tuple(scanner.faults))


def brackets(text: str, start: int) -> Token:
    """Return the bracket that opens at ``text[start]``, with its content.

    Raises
    ------
    ExpressionError
        The bracket, or a string in it, is never closed.
    """
    scanner = _Scanner(text, start)
    scanner.run(only_one=True)
    if scanner.faults:
        raise scanner.faults[0]
    return scanner.tokens[0]


def leaves(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens in order, with the tokens inside brackets in place of the brackets."""
    pending = list(reversed(tokens))
    while pending:
        token = pending.pop()
        if token.kind is TokenKind.BRACKETS:
            pending += reversed(token.inner)
        else:
            yield token


_OPENING = {")": "(", "]": "[", "}": "{"}
_NOT_BLANK = re.compile(r"\S+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r'\\(["\\])')
_OPTION = re.compile(r"(--[a-z][a-z-]*|-[a-z])(?=\s|=|\d|$)")
_VARIABLE = re.compile(r"\$[^\W\d]\w*")
#: Outside of brackets, an apostrophe in a word (don't) is not a quote, unless it opens the value of ``name=r'…'``.
_WORD = re.compile(
    r"""(?: \\. | \\$ | [^\s"'\[({,;$\\] | \$(?![^\W\d]) | (?<=\w)(?<!=[rRbBfFuU])(?<!=[rRbBfF]{2})' )+""",
    re.DOTALL | re.VERBOSE,
)
_WORD_IN_BRACKETS = re.compile(r"""[^\s"'\[\](){},#$]+""")
_TO_END_OF_LINE = re.compile(r".*")


class _Scanner:
    """Scans a text in one pass."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.faults: list[ExpressionError] = []
        #: The tokens outside of brackets.
        self.tokens: list[Token] = []
        #: The open brackets, outermost first: the offset of each, and the tokens in it.
        self._open: list[tuple[int, list[Token]]] = []

    def run(self, *, only_one: bool = False) -> None:
        """Scan to the end, or to the end of the first brackets."""
        while self.at < len(self.text) and not (only_one and self.tokens):
            char = self.text[self.at]
            if char.isspace():
                self.at += 1
            elif char in "([{":
                self._open.append((self.at, []))
                self.at += 1
            elif char in ")]}" and self._open:
                self._close(char)
            else:
                self._take(char)
        while self._open:
            start = self._open[-1][0]
            self._fault(f"{self.text[start]!r} is never closed", start)
            self._end_brackets(is_closed=False)

    def _take(self, char: str) -> None:
        """Add the token that begins here, or open or close a bracket."""
        if char == "#":
            self._add(TokenKind.COMMENT, _end(_TO_END_OF_LINE, self.text, self.at))
        elif char == "," or (char == ";" and not self._open):
            self._add(TokenKind.SEPARATOR, self.at + 1)
        elif char in "'\"":
            self._string()
        elif variable := _VARIABLE.match(self.text, self.at):
            self._add(TokenKind.VARIABLE, variable.end())
        elif not self._open and (option := _OPTION.match(self.text, self.at)):
            self._add(TokenKind.OPTION, option.end())
        else:
            self._add(TokenKind.WORD, self._end_of_word())

    def _end_of_word(self) -> int:
        pattern = _WORD_IN_BRACKETS if self._open else _WORD
        return max(_end(pattern, self.text, self.at), self.at + 1)

    def _string(self) -> None:
        end = _end_of_string(self.text, self.at)
        if end is None and not self._open:
            end = _end_in_a_shell(self.text, self.at)
        if end is None:
            self._fault("The string is never closed", self.at)
        self._add(TokenKind.QUOTED, end or _end(_TO_END_OF_LINE, self.text, self.at), is_closed=end is not None)

    def _close(self, char: str) -> None:
        opening = self.text[self._open[-1][0]]
        if opening != _OPENING[char]:
            self._fault(f"{char!r} does not close {opening!r}", self.at)
        self.at += 1
        self._end_brackets(is_closed=True)

    def _end_brackets(self, *, is_closed: bool) -> None:
        start, inner = self._open.pop()
        token = Token(TokenKind.BRACKETS, self.text[start : self.at], start, tuple(inner), is_closed)
        (self._open[-1][1] if self._open else self.tokens).append(token)

    def _add(self, kind: TokenKind, end: int, *, is_closed: bool = True) -> None:
        token = Token(kind, self.text[self.at : end], self.at, (), is_closed)
        (self._open[-1][1] if self._open else self.tokens).append(token)
        self.at = end

    def _fault(self, message: str, at: int) -> None:
        self.faults.append(ExpressionError(message, self.text, at))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _end_of_string(text: str, start: int) -> int | None:
    """The offset after the Python string that opens at ``text[start]``; None if the string is never closed."""
    quote = text[start]
    quote = quote * 3 if text.startswith(quote * 3, start) else quote
    at = start + len(quote)
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(quote, at):
            return at + len(quote)
        elif text[at] == "\n" and len(quote) == 1:
            return None
        else:
            at += 1
    return None


def _end_in_a_shell(text: str, start: int) -> int | None:
    """The offset after a string as in a shell, where a backslash before a single quote is an ordinary character."""
    end = text.find("'", start + 1) if text[start] == "'" else -1
    return None if end < 0 else end + 1
