"""The worker's side of a request to the shadow: answers the child's questions and collects the reports."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bluesky_qs.foresight.carried import Carried
from bluesky_qs.foresight.report import Findings
from bluesky_qs.foresight.runs import Runs
from bluesky_qs.worker.channel import Channel, Closed
from bluesky_qs.worker.shadow import GRACE


class Outcome(NamedTuple):
    """The result of a request.

    Attributes
    ----------
    reports
        The reports of the first items. The child ends after a plan whose walk was cut off.
    carried
        State of the devices after the last report.
    is_lost
        Whether the shadow has ended.
    is_silent
        Whether the shadow did not answer in time.
    is_begun
        Whether a child was started. If so, a plan may have caused the failure.
    failure
        Why there are no reports; empty if there are reports.
    """

    reports: list[dict[str, Any]]
    carried: dict[str, Any]
    is_lost: bool = False
    is_silent: bool = False
    is_begun: bool = True
    failure: str = ""


def converse(channel: Channel, request: dict[str, Any], found: Callable[[str], str]) -> Outcome:
    """Send a request and return its result. ``found`` returns the facts about a device (JSON text)."""
    talk = _Talk(channel, request, found)
    channel.request += 1
    try:
        channel.send(request)
        while True:
            if (walked := talk.heard(talk.next())) is not None:
                return walked
    except TimeoutError:
        return talk.ended(None)._replace(is_silent=True, is_begun=talk.is_begun)
    except Closed:
        return talk.ended(None)._replace(is_lost=True, is_begun=talk.is_begun)


def cut_report(reason: str) -> dict[str, Any]:
    """Return the report of a plan that was not walked, or whose walk ended without a report."""
    findings = Findings(Runs())
    findings.cut(reason)
    return {**findings.report(slept=0.0), "output": ""}


class _Talk:
    """One request, until the child has ended."""

    def __init__(self, channel: Channel, request: dict[str, Any], found: Callable[[str], str]) -> None:
        self._channel = channel
        self._found = found
        self._number = len(request["items"])
        self._seconds: float = min(request.get("for_each", request["timeout"]), request["timeout"])
        self._reports: list[dict[str, Any]] = []
        self._carried: dict[str, Any] = request.get("carried", {})
        self._child: int | None = None
        self._failure = ""
        self.is_begun = False
        self._begin()

    def _begin(self) -> None:
        """Record that a plan begins."""
        self._until = time.monotonic() + self._seconds + 2 * GRACE

    def next(self) -> dict[str, Any]:
        """Return the next message. Kill a child that does not send its report in time."""
        try:
            return self._receive(self._until)
        except TimeoutError:
            if self._child is None:
                raise
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self._child = None
            return self._receive(time.monotonic() + GRACE)

    def _receive(self, until: float) -> dict[str, Any]:
        """Return the next message of this request. Drop late messages of earlier requests."""
        while True:
            message = self._channel.receive(max(until - time.monotonic(), 0.0))
            if message.pop("of") == self._channel.request:
                return message

    def heard(self, message: dict[str, Any]) -> Outcome | None:
        """Handle a message; return the result if it was the last one."""
        match message:
            case {"child": int(process)}:
                self._child = process
                self.is_begun = True
            case {"look": str(name)}:
                self._channel.send({"found": self._found(name)})
            case {"report": dict(report), "carried": dict(carried)}:
                self._reports.append(report)
                self._carried = carried
                self._begin()
            case {"failed": str(reason)}:
                self._failure = f"The dry run failed: {reason}"
            case {"ended": int(status)}:
                return self.ended(status)
            case _:
                raise Closed(f"unexpected message {message}")
        return None

    def ended(self, status: int | None) -> Outcome:
        """Return the result after the child has ended with this status, or the shadow has ended (None)."""
        if status and not self._number:  # the self-test
            self._failure = self._failure or _why(status, self._seconds)
        if self._failure and not self._reports:
            return Outcome([], self._carried, failure=self._failure)
        is_cut = bool(self._reports) and not self._reports[-1]["complete"]
        if len(self._reports) < self._number and not is_cut:
            report = cut_report(self._failure or _why(status, self._seconds))
            self._reports.append(report)
            self._carried = Carried.of(self._carried).after(report, {}).as_json()
        return Outcome(self._reports, self._carried)


def _why(status: int | None, seconds: float) -> str:
    killed = status is None or status == -signal.SIGKILL
    return f"it did not end after {seconds:.1f} s, or was killed" if killed else f"its process ended ({status})"
