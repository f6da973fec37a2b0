"""Messages for refused requests: the reason in the prompt's terms, and what to do.

The error keeps the service's own message, because programs match it.
"""

import inspect
import re
import time
from collections.abc import Container, Mapping
from typing import Any

from bluesky_qs.client.failures import NoLockKeyError, RequestFailedError, RequestTimeoutError
from bluesky_qs.client.identity import shown_user
from bluesky_qs.errors import ItemChanged, QSError
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session import functions
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import full_sentence, moment

_RUNNING = "A plan is running. Wait until it ends (%qs wait), or stop the queue after this plan (%qs stop)."
#: Messages for requests that need an idle service, by its state.
_BUSY = {
    "initializing": "The service is starting.",
    "creating_environment": "The environment is opening. Wait until it is open (%qs wait).",
    "closing_environment": "The environment is closing. Wait until it is closed (%qs wait).",
    "destroying_environment": "The environment is being destroyed. Wait until it is closed (%qs wait).",
    "starting_queue": _RUNNING,
    "executing_queue": _RUNNING,
    "paused": "A plan is paused. Resume it or end it first (%qs resume, %qs finish, %qs abort).",
    "executing_task": "A script or function is running in the worker. Wait until it ends (%qs wait).",
}
_STARTED = {
    "starting_queue": "The queue is already running.",
    "executing_queue": "The queue is already running.",
    "paused": "A plan is paused. To resume it: %qs resume.",
}
_NOT_PAUSED = {
    "idle": "Nothing is running, so there is nothing to {command}.",
    "executing_queue": "The plan is running. Pause it first: %qs pause, or %qs pause now if it has no checkpoints.",
}
_NOT_RUNNING = {
    "idle": "Nothing is running.",
    "paused": "The plan is paused. Resume it or end it (%qs resume, %qs finish, %qs abort).",
}
_NOT_OPEN = "The environment is not open (%qs open)."
#: Messages for service texts that name no state.
_ALWAYS = {
    "RE Worker environment already exists": (
        "The environment is already open. To run the startup code again: %qs close, then %qs open."
    ),
    "RE Worker environment does not exist": _NOT_OPEN,
    "RE Worker environment is not open": _NOT_OPEN,
    "RE environment does not exist": "The environment is not open.",
}
_STATE = re.compile(r"(?:current state:|in the state) '(?!paused', current)(\w+)'")
_LEAD = "Plan validation failed: "
#: The command for each method that needs a paused plan.
_COMMANDS = {"re_resume": "resume", "re_stop": "finish", "re_abort": "abort", "re_halt": "halt"}
#: The beginning of the message about a refused plan, by method.
_NOT_DONE = {
    "queue_item_add": "Not queued",
    "queue_item_update": "Not changed",
    "queue_item_execute": "Not run",
}
#: The beginning of a message about several plans. The commands replace it with one message for each plan.
_OF_BATCHES = {"queue_item_add_batch": "Not queued", "queue_item_update_batch": "Not changed"}
_BATCH = re.compile(r"^Failed to [^:]*: (?:validation of \d+ out of \d+ submitted items failed: )?")
_UNKNOWN_PLAN = re.compile(r"[Pp]lan '([\w.]+)' is not in the list of allowed plans")
#: The displayed form, with suggestions; known names have no quotes.
_SHOWN_UNKNOWN = re.compile(
    r"(?P<p>[Pp])lan '?(?P<name>[\w.]+)'? is not in the list of allowed plans(?: \(did you mean (?P<near>[^?]*)\?\))?"
)
#: The advice for programs in the error about a service that does not answer.
_SETS_ADDRESS = "(QSERVER_ZMQ_CONTROL_ADDRESS sets the address.)"
_NOTHING_KNOWN = "No plans are known yet"
_FUNCTION = re.compile(r"Function '(\w+)' is not (allowed|found in the worker namespace)")
#: A value in quotes. A parameter name keeps its quotes, because it need not be a device.
_QUOTED = re.compile(r"(?<!parameter )'([^\W\d][\w.]*)'")
_LOCKED = re.compile(r"is locked by (?P<user>.*) at (?P<time>\d\d/\d\d/\d{4} [\d:]{8})$", re.MULTILINE)
_UID = re.compile(r"Item with UID '([^']*)'")
#: The event number of a later change. The prompt does not show events.
_BY_EVENT = re.compile(r" \(event \d+\)")
_NOTE = re.compile(r"^\s*Note: (.*)", re.MULTILINE | re.DOTALL)


def explain(error: QSError, session: Session) -> str:
    """Return one line with the reason for a refusal and what to do."""
    text = str(error)
    method = str(error.request.get("method")) if isinstance(error, RequestFailedError) else ""
    line = " ".join(text.split())
    if isinstance(error, RequestTimeoutError):
        return line.replace(
            _SETS_ADDRESS,
            "(To use a service elsewhere: %qs connect HOST:PORT, or %qs connect https://… for an HTTP server.)",
        )
    if lead := _OF_BATCHES.get(method):
        line = f"{lead}: {_BATCH.sub('', line)}".replace(": Plan '", ": plan '")
    if message := _of_locks(error, text, session):
        return message
    if message := _of_a_state(line, method):
        return message
    if _LEAD in line or _UNKNOWN_PLAN.search(line):
        return _of_a_plan(line, method, session)
    if function := _FUNCTION.search(line):
        return f"{line}{_about_function(session, *function.groups())}"
    return _of_a_change(line, error, session)


def _of_a_change(line: str, error: QSError, session: Session) -> str:
    """Name the plan that somebody else has changed."""
    if not isinstance(error, RequestFailedError):
        return line
    if isinstance(error, ItemChanged):
        now = plan_text(error.response["item"], session.at_hand())
        return f"Not changed: somebody else has changed this plan. It is now {now}. Enter the line again to edit it."
    if error.request["method"] == "queue_undo":
        line = _BY_EVENT.sub("", line.replace("Failed to undo", "Not undone"))
        return _UID.sub(lambda found: _plan_named(found[1], session), line)
    return line


def _plan_named(uid: str, session: Session) -> str:
    """The plan with this uid if the user has seen it; otherwise the beginning of its uid."""
    item = session.seen_item(uid)
    return plan_text(item, session.at_hand()) if item else f"The item {uid[:8]}"


def _of_locks(error: QSError, text: str, session: Session) -> str | None:
    if isinstance(error, NoLockKeyError):
        return _without_a_key(session.rm.lock_info()["lock_info"])
    locked = _LOCKED.search(text)
    return locked and _of_a_lock(text, locked)


def _without_a_key(lock: Mapping[str, Any]) -> str:
    if not (lock.get("environment") or lock.get("queue")):
        return "Nothing is locked, and this session has no lock key."
    return f"This session has no key for the lock. {_whom_to_ask(shown_user(str(lock.get('user') or '')))}"


def _of_a_lock(text: str, locked: re.Match[str]) -> str:
    """Describe the lock for users: who locked it, when and why. The service's message is for programs."""
    since = moment(time.mktime(time.strptime(locked["time"], "%m/%d/%Y %H:%M:%S")))
    parts = [part for part in ("Environment", "Queue") if re.search(rf"{part} is locked: +True", text)]
    locked_parts = " and ".join(f"the {part.lower()}" for part in parts) or "the service"
    verb = "have been" if len(parts) > 1 else "has been"
    note = _NOTE.search(text)
    why = f": {' '.join(note[1].split())}" if note else ""
    user = shown_user(locked["user"])
    end = "" if why.endswith((".", "!", "?", "…")) else "."
    return f"T{locked_parts[1:]} {verb} locked by {user} since {since}{why}{end} {_whom_to_ask(user)}"


def _whom_to_ask(user: str) -> str:
    return f'Ask {user} to unlock. If you have the key: RM.lock_key = "…"'


def _of_a_state(line: str, method: str) -> str | None:
    for text, message in _ALWAYS.items():
        if text in line:
            return message
    found = _STATE.search(line)
    if found is None:
        return None
    state = found[1]
    if "must be in idle state" in line:
        return (_STARTED if method == "queue_start" else {}).get(state) or _BUSY.get(state)
    if "No plan is paused" in line:
        message = _NOT_PAUSED.get(state) or _BUSY.get(state)
        return message and message.format(command=_COMMANDS.get(method, "resume"))
    return (_NOT_RUNNING.get(state) or _BUSY.get(state)) if "Queue is not running" in line else None


def _of_a_plan(line: str, method: str, session: Session) -> str:
    """Write names as users type them. If the plan exists only in this session, explain how to send it to the worker."""
    known = session.at_hand()
    _, lead, reason = line.rpartition(_LEAD)
    reason = f"p{reason[1:]}" if reason.startswith("Plan ") else reason
    shown = f"{_NOT_DONE.get(method, 'This plan cannot be queued')}: {as_typed(reason, known)}" if lead else line
    unknown = _UNKNOWN_PLAN.search(line)
    if unknown is None:
        return shown
    shown = _SHOWN_UNKNOWN.sub(_no_such_plan, shown)
    begun = full_sentence(shown)
    name = unknown[1]
    module, dot, last = name.rpartition(".")
    if dot and last in known.plans:
        return f"{begun} The service knows this plan as {last}; leave out {module}."
    if _is_own_plan(session.settings.variables().get(name)):
        return f"{begun} It is defined in this session. Send it to the worker first: %qs push {name}"
    if known.plans or _NOTHING_KNOWN in shown or session.line_status()["worker_environment_exists"]:
        return shown
    return f"{begun} {_NOTHING_KNOWN}: open the environment first (%qs open)."  # bluesky-queueserver


def _no_such_plan(found: re.Match[str]) -> str:
    there = "There" if found["p"] == "P" else "there"
    near = f". Did you mean {found['near']}?" if found["near"] else ""
    return f"{there} is no plan {found['name']} that you may use{near}"


def as_typed(text: str, known: Container[str]) -> str:
    """Remove the quotes around device and plan names in a message from the service."""
    return _QUOTED.sub(lambda found: found[1] if found[1] in known else found[0], text)


def _is_own_plan(value: Any) -> bool:
    return getattr(value, "__module__", None) == "__main__" and inspect.isgeneratorfunction(value)


def _about_function(session: Session, name: str, lack: str) -> str:
    """Explain why a function cannot be called, using what this session knows."""
    own = callable(session.settings.variables().get(name))
    if lack != "allowed":
        return f". It is defined in this session. Send it to the worker first: %qs push {name}" if own else ""
    if name in session.functions:
        return f". The worker has this function. Call it in a %%qs script cell: print({name}(…))"
    if own:
        return ". It is defined in this session only, and has not been pushed to the worker."
    names = functions.named(session)
    return f". Allowed functions: {', '.join(names)}" if names else ""
