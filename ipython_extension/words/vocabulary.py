"""The table of ``%qs`` commands. Each command is a function and its usage."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from ipython_extension.session.session import Session
from ipython_extension.typed.line import Line

Action = Callable[[Session, Line], Any]


class PromptCommand(NamedTuple):
    """One command: its usage and its function."""

    name: str
    usage: str
    action: Action

    @property
    def help(self) -> str:
        """The whole help text."""
        return f"%qs {self.name} {self.usage}".rstrip() + f"\n\n{inspect.getdoc(self.action)}"

    @property
    def module(self) -> str:
        """The module that defines the command. Commands from one module belong together."""
        return self.action.__module__.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """The first line of the help text."""
        return (inspect.getdoc(self.action) or "").partition("\n")[0]


#: The prompt's commands by name.
WORDS: dict[str, PromptCommand] = {}
#: Commands that take a cell: ``%%qs add``.
CELLS: dict[str, PromptCommand] = {}


def word(name: str, usage: str = "") -> Callable[[Action], Action]:
    """Register a function as a command; its docstring is the help."""

    def enter(action: Action) -> Action:
        WORDS[name] = PromptCommand(name, usage, action)
        return action

    return enter


def cell(name: str, usage: str = "") -> Callable[[Action], Action]:
    """Register a function as a command that takes a cell; its docstring is the help."""

    def enter(action: Action) -> Action:
        CELLS[name] = PromptCommand(name, usage, action)
        return action

    return enter
