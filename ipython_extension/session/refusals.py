"""What to say of a refusal: the service's reason in the words of the prompt, and what to do about it.

The service's texts are those that clients match; whoever catches the error has them as they are.
"""

import inspect
import re
import time
from collections.abc import Container
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import QSError
from ipython_extension.session import functions
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import moment

_RUNNING = "A plan is running: wait for its end (%qs wait), or stop the queue after it (%qs stop)."
#: What to do where the service has to be idle, by what it does instead.
_BUSY = {
    "initializing": "The service is starting.",
    "creating_environment": "The environment is being opened: wait until it is (%qs wait).",
    "closing_environment": "The environment is being closed: wait until it is (%qs wait).",
    "destroying_environment": "The environment is being destroyed: wait until it is (%qs wait).",
    "starting_queue": _RUNNING,
    "executing_queue": _RUNNING,
    "paused": "A plan is paused: go on with it first, or end it (%qs resume, %qs finish, %qs abort).",
    "executing_task": "A script or function is running in the worker: wait for its end (%qs wait).",
}
_STARTED = {
    "starting_queue": "The queue is running already.",
    "executing_queue": "The queue is running already.",
    "paused": "A plan is paused: %qs resume goes on with it.",
}
_NOT_PAUSED = {
    "idle": "No plan is paused: nothing is running.",
    "executing_queue": "No plan is paused, one is running: %qs pause, or %qs pause now if it has no checkpoints.",
}
_NOT_RUNNING = {
    "idle": "Nothing is running (%qs start).",
    "paused": "The plan is paused: go on with it, or end it (%qs resume, %qs finish, %qs abort).",
}
_NOT_OPEN = "The environment is not open (%qs open)."
#: The same without a state in the text.
_ALWAYS = {
    "RE Worker environment already exists": (
        "The environment is open already; to run the startup code again: %qs close, then %qs open."
    ),
    "RE Worker environment does not exist": _NOT_OPEN,
    "RE Worker environment is not open": _NOT_OPEN,
    "RE environment does not exist": "The environment is not open.",
}
_STATE = re.compile(r"(?:current state:|in the state) '(?!paused', current)(\w+)'")
_LEAD = "Plan validation failed: "
#: What a refused plan was not, by method.
_NOT_DONE = {
    "queue_item_add": "Not queued",
    "queue_item_update": "Not changed",
    "queue_item_execute": "Not run",
}
_UNKNOWN_PLAN = re.compile(r"Plan '([\w.]+)' is not in the list of allowed plans")
_FUNCTION = re.compile(r"Function '(\w+)' is not (allowed|found in the worker namespace)")
#: A value in quotes; of a parameter's name the quotes stay, since it need not be a device's.
_QUOTED = re.compile(r"(?<!parameter )'([^\W\d][\w.]*)'")
_LOCKED = re.compile(r"is locked by (?P<user>.*) at (?P<time>\d\d/\d\d/\d{4} [\d:]{8})$", re.MULTILINE)
_NOTE = re.compile(r"^\s*Note: (.*)", re.MULTILINE | re.DOTALL)


def told(error: QSError, session: Session) -> str:
    """One line: why, and what to do."""
    text = str(error)
    method = str(error.request.get("method")) if isinstance(error, RequestFailedError) else ""
    line = " ".join(text.split())
    if locked := _LOCKED.search(text):
        return _of_a_lock(text, locked)
    if said := _of_a_state(line, method):
        return said
    if _LEAD in line or _UNKNOWN_PLAN.search(line):
        return _of_a_plan(line, method, session)
    if function := _FUNCTION.search(line):
        return f"{line}{_about_function(session, *function.groups())}"
    return line


def _of_a_lock(text: str, locked: re.Match[str]) -> str:
    """Who has locked it, since when and why; the service's lines on it are for programs."""
    since = moment(time.mktime(time.strptime(locked["time"], "%m/%d/%Y %H:%M:%S")))
    parts = [part for part in ("Environment", "Queue") if re.search(rf"{part} is locked: +True", text)]
    what = " and ".join(f"the {part.lower()}" for part in parts) or "the service"
    verb = "are" if len(parts) > 1 else "is"
    note = _NOTE.search(text)
    why = f": {' '.join(note[1].split())}" if note else ""
    user = locked["user"]
    end = "" if why.endswith((".", "!", "?", "…")) else "."
    return (
        f"T{what[1:]} {verb} locked by {user} since {since}{why}{end} Ask {user}; whoever has the key sets RM.lock_key."
    )


def _of_a_state(line: str, method: str) -> str | None:
    for begun, said in _ALWAYS.items():
        if begun in line:
            return said
    found = _STATE.search(line)
    if found is None:
        return None
    state = found[1]
    if "must be in idle state" in line:
        return (_STARTED if method == "queue_start" else {}).get(state) or _BUSY.get(state)
    if "No plan is paused" in line:
        return _NOT_PAUSED.get(state) or _BUSY.get(state)
    return (_NOT_RUNNING.get(state) or _BUSY.get(state)) if "Queue is not running" in line else None


def _of_a_plan(line: str, method: str, session: Session) -> str:
    """Names as one types them; of a plan that only this session has, how to send it."""
    known = session.at_hand()
    _, lead, reason = line.rpartition(_LEAD)
    shown = f"{_NOT_DONE.get(method, 'This plan cannot be queued')}: {as_typed(reason, known)}" if lead else line
    unknown = _UNKNOWN_PLAN.search(line)
    if unknown is None:
        return shown
    name = unknown[1]
    module, dot, last = name.rpartition(".")
    if dot and last in known.plans:
        return f"{shown}. The service knows this plan as {last}: write it without {module}."
    if _is_own_plan(session.settings.variables().get(name)):
        return f"{shown}. This session has it: send it to the worker first, with %qs push {name}"
    return shown if known.plans else f"{shown}. No plans are known yet: open the environment first (%qs open)."


def as_typed(text: str, known: Container[str]) -> str:
    """A text of the service with the names of devices and plans as at the prompt: without quotes."""
    return _QUOTED.sub(lambda found: found[1] if found[1] in known else found[0], text)


def _is_own_plan(value: Any) -> bool:
    return getattr(value, "__module__", None) == "__main__" and inspect.isgeneratorfunction(value)


def _about_function(session: Session, name: str, lack: str) -> str:
    """What more this session knows of a function that cannot be called."""
    own = callable(session.settings.variables().get(name))
    if lack != "allowed":
        return f". This session has it: %qs push {name}" if own else ""
    if name in session.functions:
        return f". The worker has it: a cell of %%qs script can call it, print({name}(…)) shows its value"
    if own:
        return ". It is this session's, and has not been pushed to the worker"
    names = functions.named(session)
    return f". What may be called: {', '.join(names)}" if names else ""
