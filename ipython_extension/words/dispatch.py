"""From a line to what it does: a ``qserver`` line as ``qserver`` takes it, else a word of the prompt."""

import re
import shlex
from collections.abc import Mapping
from functools import partial
from getpass import getpass
from typing import Any

from IPython.core.error import UsageError

from bluesky_qs.api import METHODS
from bluesky_qs.nearest import did_you_mean
from bluesky_qs.words import files, grammar
from bluesky_qs.words.forms import MONITOR, QSERVER
from bluesky_qs.words.planexpr import end_of_brackets
from ipython_extension.session.answers import present
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import Progress, waiting
from ipython_extension.shown.display import View
from ipython_extension.shown.status_text import Bar, status_sentence
from ipython_extension.typed.line import Line, pointing
from ipython_extension.words import (
    console,
    environment,
    helptext,
    looking,
    plotting,
    profile,
    queue,
    running,
    service,
    tasks,
)
from ipython_extension.words.vocabulary import CELLS, WORDS

#: Importing these modules fills the table of words.
VOCABULARIES = (console, environment, looking, plotting, profile, queue, running, service, tasks)

#: Options of qserver that say something about one request, and the parameter that they stand for.
_REQUEST_OPTIONS = {"-k": "lock_key", "--lock-key": "lock_key", "--user-group": "user_group"}
#: Those that say how qserver prints; here the answer is an object.
_PRINT_OPTIONS = frozenset({"--json", "-v", "--verbose"})
#: A quoted string or an escaped character, as a shell reads them.
_STRING = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)


def carry_out(session: Session, rest: str, variables: Mapping[str, Any]) -> View:
    """Do what a line says; ``rest`` is what follows ``%qs``."""
    session.begin_line()
    line = _line(session, f"%qs {rest}", variables)
    if not line.more():
        return looking.overview(session)
    first = line.word("a word")
    if first.text == "help" or rest.rstrip().endswith("?"):
        return _help(rest)
    try:
        words, params = _qserver_words(rest)
    except (ValueError, UsageError) as error:  # a quote or a bracket that is never closed
        if first.text in WORDS and (first.text == "lock" or not QSERVER.beginning_with(rest.split()[:2])):
            return WORDS[first.text].action(session, line)  # which takes it for a note, or complains better
        is_begun = QSERVER.beginning_with([first.text])
        raise UsageError(str(error) if is_begun else helptext.unknown(first.text)) from None
    if QSERVER.find(words):
        return _request(session, words, params)
    if first.text not in WORDS:
        raise UsageError(_complaint(words) if QSERVER.beginning_with([first.text]) else helptext.unknown(first.text))
    try:
        return WORDS[first.text].action(session, line)
    except UsageError:
        if len(words) > 1 and QSERVER.beginning_with(words[:2]):
            raise UsageError(_complaint(words)) from None  # `queue item foo` is qserver's beyond doubt
        if QSERVER.beginning_with([first.text]) and not _is_option(words) and (meant := _near_line(words)):
            raise UsageError(meant) from None  # `queue gte` was meant for qserver's `queue get`
        raise


def carry_out_cell(session: Session, rest: str, cell: str, variables: Mapping[str, Any]) -> View:
    """Do what a cell says."""
    session.begin_line()
    line = _line(session, f"%%qs {rest}\n{cell}", variables)
    if not rest.strip():
        raise line.fault(f"%%qs is followed by {' or '.join(CELLS)}")
    first = line.word("a word")
    if first.text not in CELLS:
        raise line.fault(f"%%qs is followed by {' or '.join(CELLS)}, not {first.text!r}", first.start)
    return CELLS[first.text].action(session, line)


def _line(session: Session, text: str, variables: Mapping[str, Any]) -> Line:
    objection = partial(session.objection, variables=variables)
    return Line(text, text.index("qs") + 2, session=variables, objection=objection)


def _qserver_words(rest: str) -> tuple[list[str], dict[str, str]]:
    """The words of a qserver line without its options, and the parameters that options give."""
    pending = shlex.split(_as_in_a_shell(rest))
    words: list[str] = []
    params: dict[str, str] = {}
    while pending:
        word = pending.pop(0)
        name, equals, value = word.partition("=")
        if name in _REQUEST_OPTIONS and (equals or pending):
            params[_REQUEST_OPTIONS[name]] = value if equals else pending.pop(0)
        elif word not in _PRINT_OPTIONS:
            words.append(word)
    return words, params


def _as_in_a_shell(rest: str) -> str:
    """The line with the quotes that a shell needs and the prompt does not: around brackets; none are apostrophes."""
    parts: list[str] = []
    at = 0
    while at < len(rest):
        char, before = rest[at], rest[at - 1 : at] or " "
        after = at + 1
        if char == "'" and before.isalnum():  # don't
            parts.append("\\'")
        elif char in "[{(" and (before.isspace() or before == "="):
            with pointing():
                after = end_of_brackets(rest, at)
            parts.append(shlex.quote(rest[at:after]))
        else:
            if found := _STRING.match(rest, at):
                after = found.end()
            parts.append(rest[at:after])
        at = after
    return "".join(parts)


def _request(session: Session, words: list[str], given: Mapping[str, str]) -> View:
    if words in (["task", "result"], ["task", "status"]) and session.tasks:
        words.append(session.tasks[-1])
    try:
        command = QSERVER.parse(words)
        params = files.read(command.params)
    except grammar.UsageError as error:
        raise UsageError(_told(error)) from None
    if command.method == MONITOR:
        return _monitor(session)
    method = METHODS.find(command.method)
    method.check_names(params)
    if isinstance(task := params.get("task_uid"), str):
        params["task_uid"] = session.task(task)
    before = session.status() if method.name == "queue_start" else None
    params.update((name, value) for name, value in given.items() if name in method.parameters)
    if method.name == "input_reply" and "text" not in params:
        params["text"] = getpass("Answer: ")  # a password as a word of the line stays in the session's history
    if method.name == "lock":
        return service.locked(session, params)
    if method.name == "unlock":
        params.setdefault("lock_key", session.lock_key())
    answer = session.rm.ask(method, params)
    if before:
        session.starts(before)
    return present(session, method.name, params, answer)


def _monitor(session: Session) -> View:
    """Say every change of the state until interrupted; the progress below it is written over."""
    said = ""
    with waiting(session, "the service goes on") as wait:
        progress = Progress(session, wait)
        for status in wait.statuses():
            shown = progress.of(status)
            sentence = status_sentence({**status, "running_item_progress": None}, progress.plan, 1000)
            if sentence != said:
                said = sentence
                wait.clear()
                print(sentence, flush=True)
            if isinstance(shown, Bar):
                wait.say(shown)
    raise AssertionError("statuses never end")


def _help(rest: str) -> View:
    asked = rest.strip().rstrip("?").removeprefix("help").strip()
    if not asked:
        return helptext.overview()
    told = helptext.about(asked) or helptext.about(asked.split()[0])
    if told is None:
        raise UsageError(helptext.unknown(asked.split()[0]))
    return told


def _complaint(words: list[str]) -> str:
    try:
        QSERVER.parse(words)
    except grammar.UsageError as error:
        return _told(error)
    raise AssertionError("a line that qserver understands is carried out as such")


def _near_line(words: list[str]) -> str | None:
    """What to say of a line that is nearly one of qserver; None if it is not."""
    try:
        QSERVER.parse(words)
    except grammar.UsageError as error:
        return _told(error) if error.near else None
    return None


def _told(error: grammar.UsageError) -> str:
    if error.near:  # then the usage of everything else is only in the way
        return f"{error.message}{did_you_mean(error.near)}"
    return error.text("%qs")


def _is_option(words: list[str]) -> bool:
    return len(words) > 1 and words[1].startswith("-")
