"""Help: all lines that ``%qs`` understands, or one word."""

from bluesky_qs.words.forms import QSERVER
from ipython_extension.display import Reply
from ipython_extension.line import nearest
from ipython_extension.vocabulary import CELLS, WORDS

_COLUMN = 30

_LEGEND = """\
PLAN   as typed into RE(…): count([det1, det2], num=10). Names are devices and plans; $name
       and {expression} are variables of this session. Nothing is evaluated.
ID     a position of the table last shown (-1 is the last), or the beginning of a uid.

Every qserver line works too: %qs queue get, %qs re pause immediate, …
%qs help WORD tells more of one word. A trailing ; silences. q = %qs queue keeps the result."""


def overview() -> Reply:
    """All the words, one line each."""
    entries = [("", "state, the running plan, what comes next")]
    entries += [(f"{word.name} {word.usage}".strip(), word.summary) for word in WORDS.values()]
    lines = [_entry(f"%qs {usage}".strip(), summary) for usage, summary in entries]
    lines += [_entry(f"%%qs {word.name}", word.summary) for word in CELLS.values()]
    return Reply({}, "\n".join([*lines, "", _LEGEND]))


def about(name: str) -> str | None:
    """The help for one word of the prompt or of qserver; None if there is no such word."""
    if name in WORDS:
        return WORDS[name].help
    forms = QSERVER.beginning_with(name.split())
    return "\n".join(f"%qs {form.usage}" for form in forms) or None


def unknown(name: str) -> str:
    """What to say of a word that means nothing."""
    first_words = [*WORDS, *(form.words[0] for form in QSERVER.forms)]
    return f"{name!r} is no word of %qs{nearest(name, dict.fromkeys(first_words)) or '; %qs help shows all'}"


def _entry(usage: str, summary: str) -> str:
    if len(usage) < _COLUMN:
        return f"{usage:<{_COLUMN}}{summary}"
    return f"{usage}\n{'':<{_COLUMN}}{summary}"
