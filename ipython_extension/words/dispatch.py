"""Runs a line: as a ``qserver`` command if it is one, otherwise as one of the prompt's own commands."""

from collections.abc import Callable, Mapping
from functools import partial
from getpass import getpass
from typing import Any, NamedTuple

from IPython.core.error import UsageError

from bluesky_qs.api import METHODS
from bluesky_qs.nearest import did_you_mean
from bluesky_qs.words import files, grammar
from bluesky_qs.words.forms import MONITOR, QSERVER, SPREADSHEET
from bluesky_qs.words.scanner import ExpressionError
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import PlanWatch, waiting
from ipython_extension.shown.display import View
from ipython_extension.shown.status_text import Bar, held_sentence, status_sentence
from ipython_extension.typed.line import Line, pointed
from ipython_extension.words import (
    console,
    environment,
    helptext,
    looking,
    plotting,
    profile,
    queue,
    reading,
    running,
    saved,
    service,
    tasks,
    undoing,
)
from ipython_extension.words.free_text import has_text
from ipython_extension.words.replies import present
from ipython_extension.words.vocabulary import CELLS, WORDS

#: Importing these modules fills the command table.
VOCABULARIES = (
    console,
    environment,
    looking,
    plotting,
    profile,
    queue,
    reading,
    running,
    saved,
    service,
    tasks,
    undoing,
)

#: qserver's options for a single request, and the parameters that they set.
_REQUEST_OPTIONS = {"-k": "lock_key", "--lock-key": "lock_key", "--user-group": "user_group"}
#: qserver's output options. They have no effect here, because the result is an object.
_PRINT_OPTIONS = frozenset({"--json", "-v", "--verbose"})


def carry_out(session: Session, rest: str, variables: Mapping[str, Any]) -> View:
    """Run a line; ``rest`` is the text after ``%qs``."""
    session.begin_line()
    line = _line(session, f"%qs {rest}", variables)
    if not line.more():
        return looking.overview(session)
    typed = _as_in_a_shell(line)
    first = line.word("a word").text
    if _asks_for_help(typed.words):
        return _help(rest)
    if _is_for_qserver(typed):
        return _request(session, _with_reply(typed, line) if first == "input" else typed)
    if first in WORDS:
        return WORDS[first].action(session, line)
    raise UsageError(helptext.unknown(first, session.at_hand().plans))


def carry_out_cell(session: Session, rest: str, cell: str, variables: Mapping[str, Any]) -> View:
    """Run a cell."""
    session.begin_line()
    line = _line(session, f"%%qs {rest}\n{cell}", variables)
    if not rest.strip():
        raise line.fault(f"Expected %%qs {' or %%qs '.join(CELLS)}")
    first = line.word("a word")
    if first.text not in CELLS:
        raise line.fault(f"Expected %%qs {' or %%qs '.join(CELLS)}, not {first.text!r}", first.start)
    return CELLS[first.text].action(session, line)


def _line(session: Session, text: str, variables: Mapping[str, Any]) -> Line:
    objection = partial(session.objection, variables=variables)
    return Line(text, text.index("qs") + 2, session=variables, objection=objection)


class _Typed(NamedTuple):
    """A line as ``qserver`` would read it: words without options, and parameters from the options."""

    words: list[str]
    params: dict[str, str]
    has_options: bool
    faults: tuple[ExpressionError, ...]


def _as_in_a_shell(line: Line) -> _Typed:
    scanned = line.scanned
    pending = scanned.words()
    words: list[str] = []
    params: dict[str, str] = {}
    while pending:
        word = pending.pop(0)
        name, equals, value = word.text.partition("=")
        if word.is_option and name in _REQUEST_OPTIONS and (equals or pending):
            params[_REQUEST_OPTIONS[name]] = value if equals else pending.pop(0).text
        elif word.text not in _PRINT_OPTIONS:
            words.append(word.text)
    return _Typed(words, params, len(words) < len(scanned.words()), scanned.faults)


def _with_reply(typed: _Typed, line: Line) -> _Typed:
    """The words of ``input reply UID TEXT``. The text stays as typed, with all spaces, quotes and dashes."""
    words = ["input", *(line.word("a word").text for _ in typed.words[1:3])]
    if len(words) < len(("input", "reply", "UID")) or words != typed.words[:3]:
        return typed
    text = filter(None, [line.rest()])
    return _Typed([*words, *map(service.unquoted, text)], {}, has_options=False, faults=())


def _is_for_qserver(typed: _Typed) -> bool:
    """Whether a line is a ``qserver`` command.

    The first word decides; if both kinds of commands begin with it, the second word.
    """
    first, following = (*typed.words[:2], "", "")[:2]
    match first:
        case "start":
            return bool(following) or typed.has_options
        case "queue" | "history":
            return following.replace("_", "").isalpha()
        case "lock":
            return following == "info" or typed.has_options
        case "log":  # the prompt's own command accepts the same words and more
            return False
        case _:
            return bool(QSERVER.beginning_with([first]))


def _request(session: Session, typed: _Typed) -> View:
    words, given = typed.words, typed.params
    if words in (["task", "result"], ["task", "status"]) and session.tasks:
        words.append(session.tasks[-1])
    if words[0] == "lock" and words[1:2] != ["info"]:
        words = _lock_words(words)
    form = QSERVER.find(words)
    if typed.faults and not (form and form.takes_any_text):
        fault = typed.faults[0]
        raise pointed(fault.message, fault.text, fault.offset)
    try:
        command = QSERVER.parse(words)
        params = files.read(command.params)
    except grammar.UsageError as error:
        raise UsageError(_message(error)) from None
    if command.method in _OWN:
        return _OWN[command.method](session, **params)
    method = METHODS.find(command.method)
    method.check_names(params)
    if isinstance(task := params.get("task_uid"), str):
        params["task_uid"] = session.task(task)
    params.update((name, value) for name, value in given.items() if name in method.parameters)
    if method.name == "input_reply" and "text" not in params:
        params["text"] = getpass("Answer: ")  # a password in the line would stay in the session's history
    if method.name == "lock":
        return service.locked(session, params)
    if method.name == "unlock" and "lock_key" not in params and (key := session.lock_key()):
        params["lock_key"] = key
    if method.name == "history_clear" and "item_uid" in params:
        # The reply to history_clear does not say whether the item exists; this request fails if it does not.
        session.rm.history_get(limit=1, before=params["item_uid"])
    if method.name == "queue_start":
        return running.started(session, params)
    with saved.naming_sheet_rows(params.get("items")):
        reply = session.rm.ask(method, params)
    return present(session, method.name, params, reply)


def _lock_words(words: list[str]) -> list[str]:
    """A lock command in ``qserver``'s words. Here, ``env`` is allowed, ``all`` is the default, notes need no quotes."""
    part, *note = words[1:] or ["all"]
    return ["lock", "environment" if part == "env" else part, *filter(None, [" ".join(note)])]


def _monitor(session: Session) -> View:
    """Print every state change until Ctrl-C, with the progress below."""
    printed = ""
    with waiting(session, "the service is still running") as wait:
        progress = PlanWatch(session, wait)
        for status in wait.statuses():
            shown = progress.of(status)
            lines = [status_sentence({**status, "running_item_progress": None}, progress.plan, 1000)]
            sentence = "\n".join([*lines, *filter(None, [held_sentence(status, session.rm.user)])])
            if sentence != printed:
                printed = sentence
                if wait.shows:
                    wait.put(sentence)
                else:
                    print(sentence, flush=True)
            if isinstance(shown, Bar):
                wait.say(shown)
    raise AssertionError("statuses never end")


def _asks_for_help(words: list[str]) -> bool:
    """Whether a line begins with ``help`` or ends with ``?``. A ``?`` at the end of free text does not count."""
    return bool(words) and (words[0] == "help" or (words[-1].endswith("?") and not has_text(words)))


def _help(rest: str) -> View:
    topic = rest.strip().rstrip("?").removeprefix("help").strip()
    if not topic:
        return helptext.overview()
    text = helptext.about(topic) or helptext.about(topic.split()[0])
    if text is None:
        raise UsageError(helptext.unknown(topic.split()[0]))
    return text


def _message(error: grammar.UsageError) -> str:
    if error.near:  # the usage of other forms would be distracting
        return f"{error.message}{did_you_mean(error.near)}"
    return error.text("%qs")


#: Commands of ``qserver`` that are not requests.
_OWN: Mapping[str, Callable[..., View]] = {
    MONITOR: _monitor,
    SPREADSHEET: saved.write_spreadsheet,
}
