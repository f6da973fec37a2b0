"""The words of the prompt: each a function with its usage, in one table."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from ipython_extension.session.session import Session
from ipython_extension.typed.line import Line

Action = Callable[[Session, Line], Any]


class Word(NamedTuple):
    """One word: what follows it, and what it does."""

    name: str
    usage: str
    action: Action

    @property
    def help(self) -> str:
        """The whole help text."""
        return f"%qs {self.name} {self.usage}".rstrip() + f"\n\n{inspect.getdoc(self.action)}"

    @property
    def module(self) -> str:
        """The module of actions that it is in: words of one module belong together."""
        return self.action.__module__.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """The first line of the help text."""
        return (inspect.getdoc(self.action) or "").partition("\n")[0]


#: The words of the prompt by name.
WORDS: dict[str, Word] = {}
#: Words that take a cell: ``%%qs add``.
CELLS: dict[str, Word] = {}


def word(name: str, usage: str = "") -> Callable[[Action], Action]:
    """Enter a function into the table; its docstring is the help."""

    def enter(action: Action) -> Action:
        WORDS[name] = Word(name, usage, action)
        return action

    return enter


def cell(name: str, usage: str = "") -> Callable[[Action], Action]:
    """The same for a word that is followed by a cell."""

    def enter(action: Action) -> Action:
        CELLS[name] = Word(name, usage, action)
        return action

    return enter
