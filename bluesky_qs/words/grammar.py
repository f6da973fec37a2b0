"""Turns a line of words into a request: forms, their arguments, and errors for lines that match no form."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bluesky_qs.errors import QSError
from bluesky_qs.nearest import did_you_mean, nearest


class UsageError(QSError):
    """The words are not a valid command.

    Attributes
    ----------
    near
        Words, or whole lines, that the user may have meant.
    usage
        Forms that begin in the same way as the line.
    """

    def __init__(self, message: str | None = None, *, near: Sequence[str] = (), usage: Sequence[str] = ()) -> None:
        self.near = tuple(near)
        self.usage = tuple(usage)
        super().__init__(message)

    def text(self, program: str) -> str:
        """Return the message, the suggestions and the usage of ``program``."""
        lines = [f"{self.message}{did_you_mean(self.near)}"]
        lines += [f"{'Usage:' if n == 0 else '      '} {program} {line}" for n, line in enumerate(self.usage)]
        return "\n".join(lines)


class ParsedCommand(NamedTuple):
    """The command in a line: a 0MQ method or a command of the program itself, with its parameters."""

    method: str
    params: dict[str, Any]


class Argument:
    """An argument that follows the fixed words of a form."""

    #: The name in usage lines.
    label: str = ""
    #: Fixed words that the argument accepts, for completion and for “did you mean”.
    words: tuple[str, ...] = ()
    #: True if the argument may be left out.
    optional: bool = False
    #: True for text in which quotes and brackets need not be closed.
    is_free_text: bool = False

    def fits(self, word: str) -> bool:
        """Whether an optional argument begins with this word."""
        return bool(word)

    def read(self, rest: list[str], params: dict[str, Any]) -> None:
        """Take words from the front of ``rest`` and put their values into ``params``.

        Raises
        ------
        UsageError
            These words are not allowed here.
        """
        raise NotImplementedError

    @property
    def usage(self) -> str:
        """The label for usage lines, in brackets if it is optional."""
        return f"[{self.label}]" if self.optional else self.label


class Form:
    """A command: its fixed words, the method that it calls, and the arguments that may follow."""

    __slots__ = ("arguments", "method", "params", "summary", "words")

    def __init__(
        self,
        words: str,
        method: str,
        *arguments: Argument,
        summary: str | None = None,
        **params: Any,
    ) -> None:
        self.words = tuple(words.split())
        self.method = method
        self.arguments = arguments
        #: Parameters that the fixed words imply.
        self.params = params
        #: One line of help; None to use the method's own.
        self.summary = summary

    @property
    def takes_any_text(self) -> bool:
        """Whether the command takes text in which quotes and brackets do not have to be closed."""
        return any(argument.is_free_text for argument in self.arguments)

    @property
    def usage(self) -> str:
        """The usage line, such as ``queue add plan [POSITION] ITEM``."""
        return " ".join((*self.words, *(argument.usage for argument in self.arguments)))

    def read(self, rest: list[str]) -> ParsedCommand:
        """Read the words that follow the fixed ones and return the command.

        Words that do not match stay in ``rest``.
        """
        params = dict(self.params)
        for argument in self.arguments:
            if argument.optional and not (rest and argument.fits(rest[0])):
                continue
            if not rest:
                raise UsageError(f"{argument.label} is missing", usage=[self.usage])
            try:
                argument.read(rest, params)
            except UsageError as error:
                raise UsageError(error.message, near=error.near, usage=[self.usage]) from None
        return ParsedCommand(self.method, params)


class Grammar:
    """The commands that a program understands."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self.forms = tuple(forms)

    def parse(self, words: Sequence[str]) -> ParsedCommand:
        """Return the command in a line.

        Raises
        ------
        UsageError
            The line is not valid. The error has a message, the most similar valid words and the usage.
        """
        form = self.find(words)
        if form is None:
            raise self._unknown(words)
        rest = list(words[len(form.words) :])
        command = form.read(rest)
        if rest:
            raise self._too_many(form, words, rest)
        return command

    def find(self, words: Sequence[str]) -> Form | None:
        """Return the form whose fixed words begin the line; if there are several, the one with the most words."""
        fitting = [form for form in self.forms if tuple(words[: len(form.words)]) == form.words]
        return max(fitting, key=lambda form: len(form.words), default=None)

    def beginning_with(self, words: Sequence[str]) -> list[Form]:
        """Return the forms whose fixed words begin with these words."""
        return [form for form in self.forms if form.words[: len(words)] == tuple(words)]

    def next_words(self, words: Sequence[str]) -> list[str]:
        """Return the words that may follow these, for completion."""
        depth = len(words)
        following = [form.words[depth] for form in self.beginning_with(words) if len(form.words) > depth]
        if form := self.find(words):
            following += [word for argument in form.arguments for word in argument.words]
        return list(dict.fromkeys(following))

    def _unknown(self, words: Sequence[str]) -> UsageError:
        known = 0
        while known < len(words) and self.beginning_with(words[: known + 1]):
            known += 1
        usage = [form.usage for form in self.beginning_with(words[:known])]
        typed = " ".join(words[:known])
        if known == len(words):
            return (
                UsageError(f"Command {typed!r} is incomplete", usage=usage)
                if typed
                else UsageError("No command was given")
            )
        wrong = words[known]
        near = _close(wrong, self.next_words(words[:known])) or [
            " ".join(form.words) for form in self.forms if wrong in form.words
        ]
        message = f"Unexpected argument {wrong!r} after {typed!r}" if typed else f"Unknown command {wrong!r}"
        return UsageError(message, near=near[:3], usage=usage if known else ())

    def _too_many(self, form: Form, words: Sequence[str], rest: list[str]) -> UsageError:
        typed = " ".join(words[: len(words) - len(rest)])
        usage = [other.usage for other in self.beginning_with(form.words)]
        if len(form.arguments) > 1 and any(argument.optional and argument.fits(rest[0]) for argument in form.arguments):
            return UsageError(f"{rest[0]!r} is in the wrong place: it cannot follow {typed!r}", usage=usage)
        near = _close(rest[0], self.next_words(form.words))
        return UsageError(f"Unexpected argument {rest[0]!r} after {typed!r}", near=near, usage=usage)


def _close(word: str, possible: Sequence[str]) -> list[str]:
    """Return the words that are most similar to this unknown one."""
    return [near for near in nearest(word, possible) if near != word]
