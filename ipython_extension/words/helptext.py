"""Help: all lines that ``%qs`` understands, or one word."""

import textwrap
from collections.abc import Mapping, Sequence

from bluesky_qs.words.forms import QSERVER
from bluesky_qs.words.helptext import summary
from ipython_extension.shown.display import View
from ipython_extension.typed.line import hint
from ipython_extension.words.vocabulary import CELLS, WORDS, Word

_COLUMN = 30
_WIDEST = 110

#: Lines of qserver that there is no other word for.
ALSO = ("unlock", "call")

#: What others call a thing, and the word for it here.
_MEANT = {
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
_QUEUE, _CODE, _SERVICE = "Change the queue", "Run code in the worker", "The service"
#: Sections of the help, and the modules of actions whose words are in them.
_SECTIONS: Mapping[str, Sequence[str]] = {
    "The environment": ("environment", "profile"),
    _QUEUE: ("queue",),
    "Run plans": ("running", "plotting"),
    "Look": ("looking", "console"),
    _CODE: ("tasks",),
    _SERVICE: ("service",),
}

_PLAN = (
    "as typed into RE(…): count([det1, det2], num=10). Names are devices and plans; $name and {expression} are "
    "variables of this session. Nothing is evaluated."
)
_LEGEND = (
    ("PLAN", _PLAN),
    ("ID", "a position of the table last shown (-1 is the last), or the beginning of a uid."),
    ("WORD?", "or %qs help WORD: more of one word."),
    (";", "at the end of a line silences it. q = %qs queue keeps the result."),
    ("qserver", "Every line of qserver works too: %qs queue get, %qs re pause immediate, …"),
)


class Help(View):
    """Terms and what they mean, by section, in two columns as wide as there is room for."""

    def __init__(self, sections: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self.sections = sections

    def text(self, width: int) -> str:
        return "\n\n".join(
            "\n".join([*([title] if title else []), *(_entry(*each, min(width, _WIDEST)) for each in entries)])
            for title, entries in self.sections.items()
        )


class Told(View):
    """Text as it is written, each paragraph filled to the width."""

    def __init__(self, paragraphs: str) -> None:
        self.paragraphs = paragraphs

    def text(self, width: int) -> str:
        filled = [
            part if part.startswith("    ") else textwrap.fill(part, min(width, _WIDEST), break_on_hyphens=False)
            for part in self.paragraphs.split("\n\n")
        ]
        return "\n\n".join(filled)


def overview() -> Help:
    """All the words, one line each."""
    sections = {
        title: [(_usage(word), word.summary) for module in modules for word in WORDS.values() if word.module == module]
        for title, modules in _SECTIONS.items()
    }
    sections[_QUEUE] += [(f"%%qs {word.name}", word.summary) for word in CELLS.values() if word.module == "queue"]
    sections[_CODE] += [(f"%%qs {word.name}", word.summary) for word in CELLS.values() if word.module == "tasks"]
    sections[_SERVICE] += [
        (f"%qs {form.usage}", summary(form)) for name in ALSO for form in QSERVER.beginning_with([name])
    ]
    first = [("%qs", "What is going on: the state, the running plan, what comes next.")]
    return Help({"": first, **sections, "In these lines": _LEGEND})


def _usage(word: Word) -> str:
    return f"%qs {word.name} {word.usage}".partition(" [--")[0].strip()


def about(name: str) -> Told | None:
    """The help for one word of the prompt or of qserver; None if there is no such word."""
    if name in WORDS:
        return Told("\n\n".join([WORDS[name].help, *([f"%{CELLS[name].help}"] if name in CELLS else [])]))
    if name in CELLS:
        return Told(f"%{CELLS[name].help}")
    forms = QSERVER.beginning_with(name.split())
    return Told("\n\n".join(f"%qs {form.usage}\n\n    {summary(form)}" for form in forms)) if forms else None


def unknown(name: str) -> str:
    """What to say of a word that means nothing."""
    first_words = [*WORDS, *(form.words[0] for form in QSERVER.forms)]
    return f"{name!r} is no word of %qs{hint(name, first_words, meant=_MEANT) or '; %qs help shows all'}"


def _entry(term: str, meaning: str, width: int) -> str:
    indent = " " * _COLUMN
    filled = textwrap.fill(meaning, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return f"{term:<{_COLUMN}}{filled[_COLUMN:]}" if len(term) < _COLUMN else f"{term}\n{filled}"
