"""The command that shows the service's console output."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bluesky_qs.api.values import LEVELS
from bluesky_qs.client.failures import RequestTimeoutError
from bluesky_qs.client.monitor import Screen
from bluesky_qs.wire.info import CONSOLE
from ipython_extension.live.console import ConsoleTail
from ipython_extension.session.session import Session
from ipython_extension.shown.console_text import ConsoleText, SelectedText
from ipython_extension.shown.headings import ended_heading
from ipython_extension.typed.line import Line, LineWord
from ipython_extension.words.vocabulary import word

#: Number of lines to show by default.
_LINES = 20
_MESSAGES = 1000
#: More lines than any log has.
_ALL = 100_000
_GAP = "[... lines are missing here: only the first and the last 500 kB of a log are kept ...]\n"
#: Length of a uid, and minimum length of its beginning.
_WHOLE_UID, _SHORTEST_UID = 36, 4
#: Seconds between requests if the service does not publish its console output (no --zmq-publish-console).
_LOOK = 0.5
#: Seconds for which the service may be unreachable, for example because it restarts.
_AWAY = 15.0


@word("log", "[ID] [--grep TEXT] [--level LEVEL] [-n N] [-f] [--full]")
def log(session: Session, line: Line) -> ConsoleText | None:
    """Show the last N lines of the console (default: 20); with -f, also show new output until you press Ctrl-C.

    The console contains the output of startup code, plans, scripts and the service itself.

    With ID, show only the output of one plan or task. ID is a number in the last history table, or the beginning of a
    uid; negative numbers count back from the plan that ended last (-1). --grep selects lines that contain a text; case
    is ignored. --level selects log records of this level or higher (DEBUG, INFO, WARNING, ERROR, CRITICAL); other lines
    count as INFO. Tracebacks do not show bluesky's own code unless you add --full.

    With -f and the ID of a plan or task that is running, new output is shown until it ends.

        %qs log -1
        %qs log 12 --grep motor
        %qs log -1 --level WARNING
        %qs log 3fa9 -f
    """
    words, options = line.words(
        {"-f": None, "--full": None, "-n": line.count, "--grep": _text, "--level": partial(_level, line)}
    )
    if len(words) > 1:
        raise line.fault("log takes only one plan or task", words[1].start)
    selected = {name: options[name] for name in ("grep", "level") if name in options}
    if words:
        selected["item_uid"] = _uid(session, line, words[0])
    if "f" in options:
        _check_following(session, line, words, selected)
    wanted = options.get("n", _ALL if selected else _LINES)
    tail = ConsoleTail(session.rm, **selected) if "f" in options else None
    shown = _last_lines(session, wanted, selected)
    if item := session.ended_item(selected["item_uid"]) if words else None:
        shown.heading = partial(ended_heading, item, session.known(), session.rm.user)
        shown.folds = "full" not in options and not {"grep", "level"} & selected.keys()
    if tail is None:
        return shown
    if shown:
        print(shown.rstrip("\n"))
    try:
        _follow(session, tail, selected.get("item_uid"))
    except KeyboardInterrupt:
        print(flush=True)  # start the prompt on a new line
    return None


def _text(token: LineWord) -> str:
    return token.text


def _level(line: Line, token: LineWord) -> str:
    if token.text.upper() not in LEVELS:
        listed = ", ".join(LEVELS)
        raise line.fault(f"--level takes {listed}, not {token.text!r}", token.start, len(token.text))
    return token.text.upper()


def _uid(session: Session, line: Line, token: LineWord) -> str:
    """The uid of the plan or task that a token refers to."""
    task = session.task(token.text) if len(token.text) >= _SHORTEST_UID else ""
    if task in session.tasks or len(token.text) == _WHOLE_UID:  # only the service knows tasks of other sessions
        return task
    running = session.line_queue()["running_item"].get("item_uid") or ""
    if len(token.text) >= _SHORTEST_UID and running.startswith(token.text):
        return running
    return session.finished(line, token)["item_uid"]


def _last_lines(session: Session, count: int, selected: Mapping[str, Any]) -> ConsoleText:
    screen = Screen(count)
    is_log = "item_uid" in selected
    before = 0
    for message in session.rm.console_get(limit=_ALL if selected else _MESSAGES, **selected)["messages"]:
        if is_log and len(selected) == 1 and message["seq"] > before + 1:
            screen.write(_GAP)
        before = message["seq"]
        screen.write(message["msg"])
    lines = screen.text(count)
    return SelectedText(lines) if {"grep", "level"} & selected.keys() else ConsoleText(lines)


def _check_following(session: Session, line: Line, words: Sequence[LineWord], selected: Mapping[str, Any]) -> None:
    """Refuse to follow a log that will get no new output."""
    if not words:
        if selected:
            raise line.fault("-f without a plan shows all output: leave out --grep and --level, or give a plan")
    elif not _is_running(session, selected["item_uid"]):
        raise line.fault("This plan or task is not running, so it has no new output: leave out -f", words[0].start)


def _is_running(session: Session, uid: str) -> bool:
    """Whether a plan or task is running, so that its log may grow."""
    if session.rm.status()["running_item_uid"] == uid:
        return True
    return session.rm.task_status(uid)["status"] == "running"


def _follow(session: Session, tail: ConsoleTail, uid: str | None) -> None:
    """Print new output whenever a message announces it, and from time to time even without a message.

    Return when the plan or task with this uid has ended.
    """
    answered = time.monotonic()
    with session.rm.subscribe(CONSOLE) as messages:
        while True:
            try:
                has_ended = uid is not None and not _is_running(session, uid)
                print(tail.new(), end="", flush=True)
                if has_ended:
                    return
                answered = time.monotonic()
            except RequestTimeoutError:
                if time.monotonic() - answered > _AWAY:
                    raise
            messages.next(_LOOK)
            while messages.next(0):  # the next reply covers all of them
                pass
