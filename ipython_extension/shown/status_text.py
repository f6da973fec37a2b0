"""The state of the service, progress and results in words."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ipython_extension.shown.tables import length_of_time, moment, plural, ranges, shortened

#: Columns of a progress bar.
_BAR = 20


def status_sentence(status: Mapping[str, Any], plan: str, width: int) -> str:
    """The state of the service in one sentence."""
    parts = [*_waiting(status), *_flags(status)]
    tail = "".join(f"; {part}" for part in parts)
    progress = progress_text(status)
    lead = _lead(status)
    if plan and status.get("running_item_uid"):
        fixed = len(lead) + len(progress) + len(tail) + 4
        # What does not fit beside the rest gets a line with its lead; the rest goes below it.
        lead = f"{lead} {plan if len(plan) + fixed <= width else shortened(plan, max(width - len(lead) - 2, 32))}"
    return f"{lead}{f', {progress}' if progress else ''}{tail}."


def progress_text(status: Mapping[str, Any], *, short: bool = False) -> str:
    """How far the running plan is: ``4/10``, or ``point 4 of 10, about 9 s to go``; empty if it does not tell."""
    progress = PlanProgress.of(status)
    if progress is None:
        return ""
    if short:
        return f"{progress.events}/{progress.total}" if progress.total else str(progress.events or "")
    told = [f"point {progress.events} of {progress.total}"] if progress.total else []
    if not progress.total and progress.events:
        told = [plural(progress.events, "point")]
    if status.get("manager_state") == "paused":
        return ", ".join(told)  # how long the pause takes is not the plan's to tell
    if progress.left is not None:
        told.append(f"about {length_of_time(progress.left)} to go (until {moment(time.time() + progress.left)})")
    elif progress.elapsed is not None:
        told.append(f"for {length_of_time(progress.elapsed)}")
    return ", ".join(told)


class Bar(NamedTuple):
    """How far something is, for somebody who waits; ``done`` of 1 where that can be told."""

    what: str
    done: float | None
    told: str

    @classmethod
    def of(cls, status: Mapping[str, Any], plan: str) -> "Bar":
        """The running plan, by the status."""
        progress = PlanProgress.of(status)
        if progress is None:
            return cls(plan, None, "")
        told = [progress_text(status, short=True)]
        if progress.elapsed is not None:
            told.append(length_of_time(progress.elapsed))
        if progress.left is not None and status.get("manager_state") != "paused":
            told.append(f"about {length_of_time(progress.left)} to go")
        done = min(progress.events / progress.total, 1.0) if progress.total else None
        return cls(plan, done, "  ".join(part for part in told if part))

    def text(self, width: int) -> str:
        """One line with a bar."""
        full = round(_BAR * (self.done or 0.0))
        return self._line(width, "" if self.done is None else "█" * full + "░" * (_BAR - full))

    def words(self, width: int) -> str:
        """The same without the bar."""
        return self._line(width, "")

    def _line(self, width: int, bar: str) -> str:
        tail = "  ".join(part for part in (bar, self.told) if part)
        return f"{shortened(self.what, max(width - len(tail) - 2, 16))}  {tail}".rstrip()


class PlanProgress(NamedTuple):
    """How far the running plan is, in events; ``total`` where it announced how many there will be."""

    events: int
    total: int | None
    since: float | None
    paused: float = 0.0

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "PlanProgress | None":
        """What the status tells."""
        told = status.get("running_item_progress")
        if not told:
            return None
        paused = told.get("time_paused") or 0.0
        return cls(told.get("events") or 0, told.get("num_points"), told.get("time_start"), paused)

    @property
    def elapsed(self) -> float | None:
        """Seconds since the plan began."""
        return max(time.time() - self.since, 0.0) if self.since else None

    @property
    def left(self) -> float | None:
        """Seconds until the end of the plan at its pace so far; None if they cannot be estimated."""
        # One event does not show the pace, because its time includes the start of the plan and no delay after it.
        if self.elapsed is None or not self.total or not 1 < self.events < self.total:
            return None
        # Pauses are subtracted, because they say nothing about the pace of the rest.
        return max(self.elapsed - self.paused, 0.0) * (self.total - self.events) / self.events


def reason(result: Mapping[str, Any]) -> str:
    """Why a plan did not end well, in one line."""
    said = str(result.get("msg") or "").strip()
    if said:
        return said.splitlines()[0]
    lines = str(result.get("traceback") or "").strip().splitlines()
    return lines[-1] if lines else ""


def last_sentence(item: Mapping[str, Any], plan: str, width: int) -> str:
    """How the plan that ran last has ended."""
    result = item.get("result") or {}
    ended = f" {moment(result['time_stop'])}" if result.get("time_stop") else ""
    scans = f", scan {ranges(result['scan_ids'])}" if result.get("scan_ids") else ""
    why = f": {reason(result)}" if has_failed(item) and reason(result) else ""
    tail = f" {result.get('exit_status')}{ended}{scans}{why}"
    return shortened(f"Last: {shortened(plan, max(width - len(tail) - 6, 32))}{tail}", 2 * width)


def flags_text(status: Mapping[str, Any]) -> str:
    """What else holds of the service, each after a semicolon."""
    return "".join(f"; {flag}" for flag in _flags(status))


def has_failed(item: Mapping[str, Any]) -> bool:
    """Whether an item of the history ended otherwise than in order."""
    return (item.get("result") or {}).get("exit_status") not in ("completed", "stopped")


def pause_sentence(status: Mapping[str, Any]) -> str:
    """That a plan is paused, since when, and what goes on from there."""
    since = (status.get("running_item_progress") or {}).get("paused_since")
    return (
        f"The plan is paused{f' since {moment(since)}' if since else ''}: "
        "%qs resume goes on with it; %qs finish, %qs abort or %qs halt ends it."
    )


_STATES = {
    "initializing": "The service is starting",
    "creating_environment": "Opening the environment",
    "closing_environment": "Closing the environment",
    "destroying_environment": "Destroying the environment",
    "starting_queue": "Starting the queue",
    "executing_queue": "Running",
    "paused": "Paused in",
    "executing_task": "Running a task",
}


def _lead(status: Mapping[str, Any]) -> str:
    state = str(status.get("manager_state"))
    if state != "idle":
        return _STATES.get(state, f"State {state!r}")
    if status.get("re_state") == "panicked":
        return "The RunEngine has panicked: reopen the environment (%qs close, %qs open)"
    if status.get("worker_environment_exists"):
        return "Idle, the environment is open"
    return "Idle, the environment is closed (%qs open)"


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
    told = {
        f"running code asks {str(question.get('prompt')).strip()!r} (%qs answer)": question,
        "code of a console runs in the environment": status.get("worker_environment_state") == "reserved",
        "pausing at the next checkpoint": status.get("pause_pending"),
        "stops after this plan": status.get("queue_stop_pending"),
        "loop mode": mode.get("loop"),
        "failures are ignored": mode.get("ignore_failures"),
        "autostart is on": status.get("queue_autostart_enabled"),
        f"{plural(background, 'task')} in the background": background,
        f"{' and '.join(locked)} locked": locked,
    }
    return [words for words, holds in told.items() if holds]
