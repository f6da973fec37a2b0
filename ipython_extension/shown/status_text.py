"""Sentences about the service's state, progress and results."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bluesky_qs.client.identity import shown_user
from bluesky_qs.error_text import safe
from ipython_extension.shown import times_text
from ipython_extension.shown.colors import colored
from ipython_extension.shown.tables import cells, length_of_time, moment, plural, ranges, shortened, wrapped

_EXIT_STATUSES = ("completed", "stopped", "failed", "aborted", "halted")
#: Maximum number of columns of the reason why a plan failed.
_LONGEST_REASON = 1000
#: Width of a progress bar, and minimum width of its title, in columns.
_BAR, _TITLE = 20, 16
#: Kinds of waits within the plan. Their texts change all the time.
_OWN_WAITS = ("motor", "trigger", "sleep", "user_code")
#: Seconds after which such a wait replaces the plan in the progress line.
_LASTS = 1.0
#: Remaining seconds (ten years) above which the metadata must be wrong.
_TOO_LONG = 3e8


def status_sentence(status: Mapping[str, Any], plan: str, width: int) -> str:
    """Describe the service's state in one sentence."""
    parts = [*_waiting(status), *_end_of_queue(status), *_flags(status)]
    tail = "".join(f"; {part}" for part in parts)
    lead = state = _lead(status)
    if status.get("manager_state") == _STARTING and status.get("running_item_uid"):
        # The progress in the store is older than the restart.
        return f"The service is restarting; before that, {shortened(plan, width) or 'a plan'} was running{tail}."
    progress = progress_text(status)
    if plan and status.get("running_item_uid"):
        fixed = len(lead) + len(progress) + len(tail) + 4
        # If the plan does not fit, it gets its own line, and the rest follows below.
        lead = f"{lead} {plan if len(plan) + fixed <= width else shortened(plan, max(width - len(lead) - 2, 32))}"
    else:
        lead = state = lead.removesuffix(" in")  # the plan is unknown, or has just ended
    sentence = f"{lead}{f', {progress}' if progress else ''}{tail}."
    return colored(state, _mark(status)) + sentence.removeprefix(state)


def _end_of_queue(status: Mapping[str, Any]) -> list[str]:
    """When the queue ends, if more than the running plan is left; empty while that plan is held."""
    has_more = status.get("items_in_queue") and status.get("running_item_uid")
    end = status.get("queue_end") if has_more and not is_held(status) else None
    return [f"queue {times_text.done_at(end, at_least=bool(status.get('queue_at_least')))}"] if end else []


def progress_text(status: Mapping[str, Any], *, short: bool = False) -> str:
    """Describe progress: ``4/10``, or ``4 of 10 points, about 9 s to go``; empty if it is unknown."""
    progress = PlanProgress.of(status)
    if progress is None:
        return ""
    if short:
        return f"{progress.events}/{progress.total}" if progress.total else str(progress.events or "")
    parts = [f"{progress.events} of {plural(progress.total, 'point')}"] if progress.total else []
    if not progress.total and progress.events:
        parts = [plural(progress.events, "point")]
    if is_held(status):
        return ", ".join(parts)  # it is unknown when the plan will resume
    if progress.left is not None:
        left = times_text.about(progress.left, length_of_time(progress.left))
        parts.append(f"{left} to go (until {moment(time.time() + progress.left)})")
    elif progress.elapsed is not None:
        parts.append(f"for {length_of_time(progress.elapsed)}")
    return ", ".join(parts)


class Bar(NamedTuple):
    """A progress bar with its text; ``done`` is a fraction from 0 to 1, or None if unknown."""

    title: str
    done: float | None
    details: str
    #: Whether the title is the reason for waiting, which is more important than the bar.
    is_wait: bool = False
    #: Seconds to go, if known.
    left: float | None = None

    @classmethod
    def of(cls, status: Mapping[str, Any], plan: str) -> "Bar":
        """Make the bar of the running plan from the status."""
        progress = PlanProgress.of(status)
        if progress is None:
            return cls(plan, None, "")
        details = [progress_text(status, short=True)]
        reason = own_wait(status)
        if progress.elapsed is not None and not reason:
            details.append(length_of_time(progress.elapsed))
        # A plan may still be running after all of its points, and another run may follow, so a full bar would be
        # misleading.
        done = progress.events / progress.total if progress.total and progress.events < progress.total else None
        left = None if is_held(status) else progress.left
        return cls(reason or plan, done, "  ".join(part for part in details if part), bool(reason), left)

    @property
    def constant_text(self) -> str:
        """One line without the remaining time, which would soon be wrong."""
        return f"{self.title}  {self.details}".rstrip()

    def text(self, width: int) -> str:
        """One line with a bar."""
        left = "" if self.left is None else times_text.about(self.left, length_of_time(self.left))
        details = self._with(f"{left} to go" if left else "")
        full = round(_BAR * (self.done or 0.0))
        bar = "" if self.done is None else "█" * full + "░" * (_BAR - full)
        # In a narrow terminal, the remaining time is more important than the bar.
        title = cells(self.title) if self.is_wait else _TITLE
        return self._line(width, bar if title + len(bar) + len(details) + 4 <= width else "", details)

    def words(self, width: int, now: float) -> tuple[str, str]:
        """The title, and the rest of the line without the bar.

        The line contains times of day, so it stays correct if it is read later.
        """
        end = f"end at about {moment(now + self.left, now)}" if self.left is not None else ""
        lead = f"At {moment(now, now)}: "
        rest = self._with(end)
        return f"{lead}{self._title(width - len(lead) - len(rest))}", rest

    def _with(self, more: str) -> str:
        return "  ".join(part for part in (self.details, more) if part)

    def _line(self, width: int, bar: str, details: str) -> str:
        tail = "  ".join(part for part in (bar, details) if part)
        return f"{self._title(width - len(tail))}  {tail}".rstrip()

    def _title(self, width: int) -> str:
        return shortened(self.title, max(width - 2, _TITLE))


class PlanProgress(NamedTuple):
    """Progress of the running plan in events; ``total`` is known if the plan announced it."""

    events: int
    total: int | None
    since: float | None
    paused: float = 0.0
    #: Start of the current pause or suspension.
    stands_since: float | None = None

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "PlanProgress | None":
        """Read the progress from the status."""
        fields = status.get("running_item_progress")
        if not fields:
            return None
        paused = fields.get("time_paused") or 0.0
        suspended_since = (status.get("waiting_for") or {}).get("since") if is_suspended(status) else None
        stands_since = fields.get("paused_since") or suspended_since
        return cls(fields.get("events") or 0, fields.get("num_points"), fields.get("time_start"), paused, stands_since)

    @property
    def elapsed(self) -> float | None:
        """Seconds since the plan began."""
        return max(time.time() - self.since, 0.0) if self.since else None

    @property
    def left(self) -> float | None:
        """Estimate the seconds until the end of the plan; None if that is not possible."""
        # One point is not enough: its time may include preparation, and the delay after it is not over yet.
        if self.elapsed is None or not self.total or not 1 < self.events < self.total:
            return None
        # Pauses and suspensions do not slow down the remaining points.
        standing = max(time.time() - self.stands_since, 0.0) if self.stands_since else 0.0
        left = max(self.elapsed - self.paused - standing, 0.0) * (self.total - self.events) / self.events
        return left if left < _TOO_LONG else None


def has_value(result: Mapping[str, Any]) -> bool:
    """Whether the plan returned a value that JSON supports, other than the uids of its runs (as most plans do)."""
    value = result.get("return_value")
    if value is None or result.get("return_value_is_text"):
        return False
    return any(
        uid not in result.get("run_uids", ()) for uid in (value if isinstance(value, list) and value else [value])
    )


def reason(result: Mapping[str, Any]) -> str:
    """The reason why a plan failed, in one line."""
    message = [line.strip() for line in safe(str(result.get("msg") or "")).split("\n") if line.strip()]
    if message:
        # Messages of some libraries begin with a line break: "ValueError:", and the reason below it.
        return shortened(" ".join(message[: 2 if message[0].endswith(":") else 1]), _LONGEST_REASON)
    lines = safe(str(result.get("traceback") or "")).strip().split("\n")
    return shortened(lines[-1], _LONGEST_REASON)


def by_whom(result: Mapping[str, Any], me: str) -> str:
    """The user who ended a plan: `` by grace`` or `` by you``; empty if nobody did. ``me`` is the user's name."""
    who = str(result.get("ended_by") or "")
    return f" by {'you' if who == me else shown_user(who)}" if who else ""


def last_sentence(item: Mapping[str, Any], plan: str, width: int, me: str) -> str:
    """Describe how the last plan ended. ``me`` is the user's name."""
    result = item.get("result") or {}
    ended = f" {moment(result['time_stop'])}" if result.get("time_stop") else ""
    scans = f", scan {ranges(result['scan_ids'])}" if result.get("scan_ids") else ""
    why = f": {reason(result)}" if has_failed(item) and reason(result) else ""
    tail = f" {result.get('exit_status')}{by_whom(result, me)}{ended}{scans}{why}"
    whole = f"Last: {shortened(plan, max(width - len(tail) - 6, 32))}{tail}"
    sentence = shortened(whole, 2 * width)
    if sentence.endswith("…") and not whole.endswith("…"):
        sentence = f"{sentence.rpartition(' ')[0]} …"  # cut between words
    return colored(wrapped(sentence, width), str(result.get("exit_status")))


def queue_stopped(status: Mapping[str, Any], last: Mapping[str, Any], me: str) -> str:
    """Report that the queue has stopped because the last plan did not complete; empty if that is not the reason.

    ``me`` is the user's name.
    """
    if not last or not has_failed(last) or not _has_stopped(status):
        return ""
    result = last.get("result") or {}
    ending = _ALL_ENDINGS.get(str(result.get("exit_status")), "did not complete")
    who = result.get("ended_by") if ending.startswith("was ") else None
    by = "you" if who == me else who
    why = f"{by} {ending.removeprefix('was ')} the last plan" if by else f"the last plan {ending}"
    return f"The queue has stopped, because {why}. {starts_again(status)}"


def stopped_by_itself(status: Mapping[str, Any]) -> str:
    """Report why the queue has stopped, as the service explains it; empty if it gives no reason."""
    why = status.get("queue_stopped_reason")
    return f"The queue has stopped: {why}. {starts_again(status)}" if why and _has_stopped(status) else ""


def _has_stopped(status: Mapping[str, Any]) -> bool:
    """Whether nothing runs, although the queue is not empty."""
    return bool(status.get("items_in_queue")) and status.get("manager_state") == "idle" and not status.get("stopping")


def starts_again(status: Mapping[str, Any]) -> str:
    """The commands that start the stopped queue."""
    if status.get("worker_environment_exists", True):
        return "%qs start starts it again."
    return "%qs open opens the environment, then %qs start starts the queue again."


def flags_text(status: Mapping[str, Any]) -> str:
    """List other conditions of the service, each after a semicolon."""
    return "".join(f"; {flag}" for flag in _flags(status))


def has_failed(item: Mapping[str, Any]) -> bool:
    """Whether a history item did not complete: it failed, was aborted or was halted."""
    return (item.get("result") or {}).get("exit_status") not in ("completed", "stopped")


def outcomes(items: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """The number of history items with each exit status, in the order of the glossary."""
    counts = Counter(str((item.get("result") or {}).get("exit_status") or "unknown") for item in items)
    return Counter({status: counts[status] for status in [*_EXIT_STATUSES, *counts] if counts[status]})


def is_suspended(status: Mapping[str, Any]) -> bool:
    """Whether a suspender holds the running plan."""
    return (status.get("waiting_for") or {}).get("kind") == "suspender"


def is_held(status: Mapping[str, Any]) -> bool:
    """Whether the running plan is paused or suspended, so that nobody knows when it will go on."""
    return status.get("manager_state") == "paused" or is_suspended(status)


def waiting_sentence(status: Mapping[str, Any], me: str) -> str:
    """Report why the plan waits; empty if it does not wait, or if `status_sentence` reports it.

    ``me`` is the user's name.
    """
    waiting = status.get("waiting_for") or {}
    is_reported = waiting.get("kind") == "input" or (waiting.get("kind") == "pause" and status.get("pause_pending"))
    text = "" if is_reported else str(waiting.get("text") or "")
    if waiting.get("kind") == "pause":
        pause, comma, why = text.partition(_WHILE)
        lead, by, who = pause.rpartition(" by ")
        text = f"{lead} by {'you' if who == me else shown_user(who)}{comma}{why}" if by else text
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def held_sentence(status: Mapping[str, Any], me: str) -> str:
    """Report a pause or suspension and when it began; empty if there is none."""
    return "" if (status.get("waiting_for") or {}).get("kind") in _OWN_WAITS else waiting_sentence(status, me)


def own_wait(status: Mapping[str, Any]) -> str:
    """The plan's own wait, if it has lasted for a second or longer; empty if there is none."""
    waiting = status.get("waiting_for") or {}
    if waiting.get("kind") not in _OWN_WAITS or time.time() - (waiting.get("since") or 0.0) < _LASTS:
        return ""
    return str(waiting.get("text") or "")


def pause_sentence(status: Mapping[str, Any], me: str) -> str:
    """Report a plan's pause, with time and user, and the commands that resume or end the plan."""
    since = (status.get("running_item_progress") or {}).get("paused_since")
    has_reason = (status.get("waiting_for") or {}).get("kind") == "pause"
    lead = waiting_sentence(status, me) if has_reason else f"Paused{f' at {moment(since)}' if since else ''}."
    if lead.endswith(f" by {_BY_PLAN}."):
        lead += " %qs log shows what it printed."
    if suspension_of_pause(status):
        lead += " If you resume the plan, it does not wait for that."
    return f"{lead} %qs resume resumes the plan; %qs finish, %qs abort or %qs halt ends it."


def suspension_of_pause(status: Mapping[str, Any]) -> str:
    """The tripped suspenders that a paused plan will no longer wait for; empty if there are none."""
    waiting = status.get("waiting_for") or {}
    is_pause = waiting.get("kind") == "pause" and not status.get("pause_pending")
    return str(waiting.get("text")).partition(_WHILE_SUSPENDED)[2] if is_pause else ""


#: In the service's texts, separates a pause from what holds the plan besides: a suspension, or, for a plan that has not
#: begun, "waiting to start".
_WHILE = ", while "
#: In the service's texts, the words between a pause and the reason for a suspension.
_WHILE_SUSPENDED = ", while suspended: "
#: In the service's texts, who paused a plan that paused by itself.
_BY_PLAN = "the plan"
_ALL_ENDINGS = {"failed": "failed", "aborted": "was aborted", "halted": "was halted"}
_STARTING = "initializing"
_STATES = {
    _STARTING: "The service is starting",
    "creating_environment": "Opening the environment",
    "closing_environment": "Closing the environment",
    "destroying_environment": "Destroying the environment",
    "starting_queue": "Starting the queue",
    "executing_queue": "Running",
    "paused": "Paused in",
    "executing_task": "Running a script or function",
}


def _lead(status: Mapping[str, Any]) -> str:
    state = str(status.get("manager_state"))
    if is_suspended(status):
        return "Suspended in"
    if state != "idle":
        return _STATES.get(state, f"State {state!r}")
    if status.get("stopping"):
        return "The service is stopping"
    if status.get("re_state") == "panicked":
        return "The RunEngine has panicked: reopen the environment (%qs close, %qs open)"
    if status.get("worker_environment_exists"):
        return "Idle, the environment is open"
    return "Idle, the environment is closed (%qs open)"


def _mark(status: Mapping[str, Any]) -> str:
    """The kind of state, which determines its color."""
    if status.get("re_state") == "panicked":
        return "failed"
    if is_suspended(status):
        return "paused"
    return {"executing_queue": "running", "paused": "paused"}.get(str(status.get("manager_state")), "")


def _waiting(status: Mapping[str, Any]) -> list[str]:
    queued = status.get("items_in_queue", 0)
    if status.get("running_item_uid"):
        return [f"{queued} more in the queue"] if queued else ["nothing more in the queue"]
    return [f"{plural(queued, 'item')} in the queue"] if queued else ["the queue is empty"]


def _flags(status: Mapping[str, Any]) -> list[str]:
    lock = status.get("lock") or {}
    mode = status.get("plan_queue_mode") or {}
    locked = [name for name in ("environment", "queue") if lock.get(name)]
    background = status.get("worker_background_tasks") or 0
    question = status.get("input_pending") or {}
    prompt = str(question.get("prompt") or "").strip()
    asked = f": {prompt!r}" if prompt else ""
    flags = {
        f"user code is waiting for input{asked} (%qs answer)": question,
        "a console is running code in the environment": status.get("worker_environment_state") == "reserved",
        "the service is stopping": status.get("stopping") and status.get("manager_state") != "idle",
        "pausing at the next checkpoint": status.get("pause_pending"),
        "the queue stops after this plan": status.get("queue_stop_pending"),
        "loop mode": mode.get("loop"),
        "failures are ignored": mode.get("ignore_failures"),
        "autostart is on": status.get("queue_autostart_enabled"),
        f"{plural(background, 'task')} in the background": background,
        f"{' and '.join(locked)} locked": locked,
    }
    return [words for words, holds in flags.items() if holds]
