"""Commands for the environment: open, close, destroy, update."""

from collections.abc import Callable, Mapping
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from ipython_extension.live.console import ConsoleTail
from ipython_extension.session import queue_check
from ipython_extension.session.session import Session
from ipython_extension.session.waiting import waiting
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.tables import full_sentence, length_of_time, plural
from ipython_extension.typed.line import Line
from ipython_extension.words.replies import present
from ipython_extension.words.vocabulary import word

#: Number of console lines to show if the service has no better report about a failure.
_LINES = 40
_ENDING = ("closing_environment", "destroying_environment")


@word("open")
def open_environment(session: Session, line: Line) -> ReplyView:
    """Open the environment: run the startup code in a worker process.

    Waits until it is open. If it cannot be opened, shows the worker's traceback. Ctrl-C stops the wait, but the
    environment keeps opening. If the environment is already open, nothing happens: the startup code does not run again.
    """
    line.nothing_more()
    console = ConsoleTail(session.rm)
    try:
        session.rm.environment_open()
    except RequestFailedError:
        status = session.status()
        if status["worker_environment_exists"] and status["manager_state"] not in _ENDING:
            again = "To run the startup code again: %qs close, then %qs open."
            return ReplyView(status, f"The environment is already open: {_contents(session, status)}. {again}")
        if status["manager_state"] != "creating_environment":  # another user is opening it
            raise
    status = {}
    with waiting(session, "the environment is still opening (%qs wait to watch again)") as wait:
        for status in wait.statuses():
            if status["manager_state"] != "creating_environment":
                break
            wait.say(
                f"Opening the environment  {length_of_time(wait.elapsed)}  {wait.patiently(console.last_line) or ''}"
            )
    if not status["worker_environment_exists"]:
        raise _failure(session, console)
    lines = [f"Environment open ({length_of_time(wait.elapsed)}): {_contents(session, status)}."]
    report = _report(session)
    lines += [f"  Left out: {each['name']}: {each['reason']}" for each in report.get("left_out") or ()]
    lines += [f"  Note: {each['message']}" for each in report.get("problems") or ()]
    lines += [f"  {line}" for line in queue_check.warnings(session, status)]
    return ReplyView(status, "\n".join(lines))


@word("close")
def close_environment(session: Session, line: Line) -> ReplyView:
    """Close the environment. This works only while nothing is running."""
    line.nothing_more()
    return _gone(session, session.rm.environment_close, "closed")


@word("destroy")
def destroy_environment(session: Session, line: Line) -> ReplyView:
    """Kill the worker process, even in the middle of a plan. Use this if the environment does not respond."""
    line.nothing_more()
    return _gone(session, session.rm.environment_destroy, "destroyed")


@word("update")
def update_environment(session: Session, line: Line) -> View:
    """Update the lists of plans and devices from the worker's namespace."""
    line.nothing_more()
    return present(session, "environment_update", {}, session.rm.environment_update())


def _contents(session: Session, status: Mapping[str, Any]) -> str:
    known = session.known(status)
    return f"{plural(len(known.plans), 'plan')}, {plural(len(known.devices), 'device')}"


def _gone(session: Session, end: Callable[[], object], ending: str) -> ReplyView:
    end()
    status: dict[str, Any] = {}
    with waiting(session, f"the environment is still being {ending}") as wait:
        for status in wait.statuses():
            if not status["worker_environment_exists"] and status["manager_state"] == "idle":
                break
            wait.say(f"The environment is being {ending}  {length_of_time(wait.elapsed)}")
    return ReplyView(status, f"The environment is {ending}.")


def _failure(session: Session, console: ConsoleTail) -> NotDone:
    """The reason why the environment did not open, from the service's report or the console."""
    report = _report(session)
    text = console.read()
    trace = str(report.get("traceback") or "") or _last_traceback(text)
    message = report.get("message") or (trace.splitlines()[-1] if trace else "")
    detail = trace or "\n".join(text.strip().splitlines()[-_LINES:])
    return NotDone(full_sentence(f"The environment could not be opened{f': {message}' if message else ''}"), detail)


def _report(session: Session) -> Mapping[str, Any]:
    """The service's report on the last time the environment was opened; empty if it has none."""
    try:
        return session.rm.environment_report()["report"]
    except RequestFailedError:
        return {}


def _last_traceback(text: str) -> str:
    """The last traceback in a text, from its heading to the line with the error; empty if there is none."""
    _, heading, rest = text.rpartition("Traceback (most recent call last):\n")
    lines = [heading.rstrip()] if heading else []
    for line in rest.splitlines() if heading else ():
        lines.append(line)
        if not line.startswith(" "):
            break
    return "\n".join(lines)
