"""Help on all ``%qs`` commands, or on one command."""

import re
import textwrap
from collections.abc import Container, Mapping, Sequence

from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words.forms import QSERVER
from bluesky_qs.words.helptext import summary
from ipython_extension.shown.display import View
from ipython_extension.words.vocabulary import CELLS, WORDS, PromptCommand

_COLUMN = 30
_NAME = re.compile(r"[^\W\d]\w*")
_WIDEST = 110

#: qserver commands without a shorter name.
ALSO = ("unlock", "call")

#: Other names for a command.
_MEANT = {
    "last": "history",
    "runs": "history",
    "results": "history",
    "export": "history",
    "data": "plot",
    "state": "status",
    "watch": "read",
    "values": "read",
    "positions": "where",
    "wa": "where",
    "wm": "where",
    "skip": "rm",
    "drop": "rm",
    "unqueue": "rm",
    "exit": "close",
    "quit": "close",
    "kill": "destroy",
    "remove": "rm",
    "delete": "rm",
    "del": "rm",
    "insert": "add",
    "submit": "add",
    "show": "queue",
    "list": "queue",
    "ls": "queue",
    "execute": "run",
    "exec": "run",
    "repeat": "redo",
    "change": "edit",
    "set": "mode",
    "cancel": "stop",
    "interrupt": "pause",
    "continue": "resume",
    "console": "log",
    "output": "log",
    "upload": "push",
}
#: Commands that end a plan or an environment, or remove items.
_LOSES = ("destroy", "clear", "kill", "abort", "halt", "rm", "close")
_QUEUE, _CODE, _SERVICE = "Change the queue", "Run code in the worker", "The service"
#: The help sections, and the modules whose commands they list.
_SECTIONS: Mapping[str, Sequence[str]] = {
    "The environment": ("environment", "profile"),
    _QUEUE: ("queue", "undoing", "saved"),
    "Run plans": ("running", "plotting"),
    "Show": ("looking", "reading", "console"),
    _CODE: ("tasks",),
    _SERVICE: ("service",),
}

_PLAN = (
    "a call as in RE(…): count([det1, det2], num=10). Names are devices and plans; $name and {expression} use "
    "this session's variables. Nothing else is evaluated."
)
_LEGEND = (
    ("PLAN", _PLAN),
    ("ID", "a position in the last table (-1 is the last), or the first characters of a uid."),
    ("COMMAND?", "or %qs help COMMAND shows the help for one command."),
    (";", "at the end of a line hides its result. q = %qs queue keeps the result."),
    ("# COMMENT", "can end any line."),
    ("qserver", "All qserver commands work too: %qs queue get, %qs re pause immediate, …"),
)


class Help(View):
    """Terms and their meanings in two columns, by section."""

    #: A terminal shows the text in a pager.
    is_long = True

    def __init__(self, sections: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self.sections = sections

    def text(self, width: int) -> str:
        return "\n\n".join(
            "\n".join([*([title] if title else []), *(_entry(*each, min(width, _WIDEST)) for each in entries)])
            for title, entries in self.sections.items()
        )


class HelpText(View):
    """The help for one command, with paragraphs wrapped to the width."""

    def __init__(self, paragraphs: str) -> None:
        self.paragraphs = paragraphs

    def text(self, width: int) -> str:
        filled = [
            part if part.startswith("    ") else textwrap.fill(part, min(width, _WIDEST), break_on_hyphens=False)
            for part in self.paragraphs.split("\n\n")
        ]
        return "\n\n".join(filled)


def overview() -> Help:
    """All commands, one line each."""
    sections = {
        title: [(_usage(word), word.summary) for module in modules for word in WORDS.values() if word.module == module]
        for title, modules in _SECTIONS.items()
    }
    sections[_QUEUE] += [(f"%%qs {word.name}", word.summary) for word in CELLS.values() if word.module == "queue"]
    sections[_CODE] += [(f"%%qs {word.name}", word.summary) for word in CELLS.values() if word.module == "tasks"]
    sections[_SERVICE] += [
        (f"%qs {form.usage}", summary(form)) for name in ALSO for form in QSERVER.beginning_with([name])
    ]
    first = [("%qs", "Show the state, the running plan and the next items.")]
    return Help({"": first, **sections, "Terms": _LEGEND})


def _usage(word: PromptCommand) -> str:
    return f"%qs {word.name} {word.usage}".partition(" [--")[0].strip()


def about(name: str) -> HelpText | None:
    """The help for one prompt or qserver command; None if there is no such command."""
    if name in WORDS:
        return HelpText("\n\n".join([WORDS[name].help, *([f"%{CELLS[name].help}"] if name in CELLS else [])]))
    if name in CELLS:
        return HelpText(f"%{CELLS[name].help}")
    forms = QSERVER.beginning_with(name.split())
    return HelpText("\n\n".join(f"%qs {form.usage}\n\n    {summary(form)}" for form in forms)) if forms else None


def unknown(name: str, plans: Container[str] = ()) -> str:
    """The message about an unknown command, which may be one of the ``plans``."""
    plan = _NAME.match(name)
    if plan and plan[0] in plans:
        return f"Unknown %qs command {plan[0]!r}; it is a plan: %qs add {plan[0]}(…) queues it"
    first_words = [*WORDS, *(form.words[0] for form in QSERVER.forms)]
    if name in _MEANT:
        near = [_MEANT[name]]
    else:
        # Suggest a command that can destroy work only if it is the closest match.
        first, *others = nearest(name, first_words) or [""]
        near = [each for each in (first, *(other for other in others if other not in _LOSES)) if each]
    return f"Unknown %qs command {name!r}{did_you_mean(near) or '; %qs help lists all commands'}"


def _entry(term: str, meaning: str, width: int) -> str:
    indent = " " * _COLUMN
    filled = textwrap.fill(meaning, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return f"{term:<{_COLUMN}}{filled[_COLUMN:]}" if len(term) < _COLUMN else f"{term}\n{filled}"
