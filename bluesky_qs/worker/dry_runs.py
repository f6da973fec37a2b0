"""Dry runs in the worker: forks the shadow at a quiet moment, sends it requests, and answers its questions."""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple
from uuid import uuid4

from bluesky_qs.ipc.commands import DryRun, ReadDevices
from bluesky_qs.ipc.reports import DryRunEnded
from bluesky_qs.ipc.states import EnvironmentState
from bluesky_qs.wire.codec import json_text
from bluesky_qs.worker.channel import WORKER, Channel
from bluesky_qs.worker.conversation import Outcome, converse, cut_report
from bluesky_qs.worker.device_reader import DeviceReader
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.shadow import GRACE, World, live

log = logging.getLogger(__name__)

#: Time limit in seconds for the self-test of a new shadow, and maximum number of shadows to try.
_SELF_TEST, _TRIES = 2.0, 3
#: Seconds to wait for the main thread to fork, if it is free.
_FORK = 5.0
#: Minimum number of seconds between forks while the queue runs.
_SELDOM = 60.0
#: Maximum age of a reading in seconds: zero, because motors may have moved since the last reading.
_RECENT = 0.0
#: Seconds to wait for a reading. The reader itself gives up earlier.
_READING = 1.5
#: Seconds after the time limit of a dry run until the reply must be sent.
LATER = 1.5

_BUSY = "A dry run is not possible while {what}. Try again when nothing is running."
_NOT_REACHED = "the time limit of all dry runs was reached before this plan"


class NotPossible(Exception):
    """A dry run is not possible. The text is for the client."""


class _TooLate(NotPossible):
    """The time limit was reached before the walk could begin."""

    def __init__(self) -> None:
        super().__init__("Other dry runs took too long. Try again.")


class _Shadow(NamedTuple):
    process: int
    channel: Channel
    #: When the shadow was forked, in epoch seconds and on the monotonic clock.
    made: float
    made_monotonic: float


class DryRuns:
    """Makes dry runs, one at a time, in a separate thread.

    Parameters
    ----------
    in_main_thread
        Passes a job to the main thread. Only the main thread forks.
    reader
        Reads the devices of a plan in a dry run.
    """

    def __init__(
        self, world: World, reports: Reports, reader: DeviceReader, in_main_thread: Callable[[Callable[[], None]], None]
    ) -> None:
        self._world = world
        self._reports = reports
        self._reader = reader
        self._in_main_thread = in_main_thread
        self._requests: SimpleQueue[tuple[DryRun, float]] = SimpleQueue()
        self._shadow: _Shadow | None = None
        self._is_tested = False
        #: Whether user code has run since the fork.
        self._is_outdated = False
        self._fork_pending = False
        #: Why the last fork failed; empty if it succeeded.
        self._fork_failure = ""
        self._forked = threading.Event()
        #: Held during a dry run in the shadow, and while the shadow is replaced.
        self._lock = threading.Lock()
        self._is_started = False
        self._reading: tuple[str, threading.Event] | None = None

    # ---------------------------------------------------------------------------------------------- main thread
    def fork(self) -> None:
        """Replace the shadow, unless a dry run uses it. The main thread calls this between two jobs."""
        if sys.platform == "linux" and self._lock.acquire(blocking=False):
            try:
                self._replace()
                self._fork_failure = ""
            except OSError as error:  # too little memory, or too many processes; the main thread must continue
                log.warning("The worker could not be copied for dry runs: %s", error)
                self._fork_failure = f"Dry runs are not possible at present: the worker cannot be copied ({error})"
            finally:
                self._lock.release()
        self._fork_pending = False
        self._forked.set()

    def begin(self) -> None:
        """Fork the first shadow, as soon as the main thread has finished its job."""
        self._ask_for_fork()

    def _replace(self) -> None:
        self._end()
        self._is_outdated = self._is_tested = False  # before the fork, because a background task may change something
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = _fork(theirs.fileno(), self._world)
            except OSError:
                ours.close()
                raise
        self._shadow = _Shadow(process, Channel(ours.detach(), WORKER), time.time(), time.monotonic())

    def close(self) -> None:
        """End the shadow, because the worker is ending."""
        if (shadow := self._shadow) is not None:
            _kill(shadow)  # nobody waits for it: at its low priority, it may take a while to end on a busy machine

    def outdate(self) -> None:
        """Record that user code has run, so that the next dry run needs a new shadow. Any thread may call this."""
        self._is_outdated = True

    # ---------------------------------------------------------------------------------------------- link thread
    def ask(self, command: DryRun) -> None:
        """Accept a dry run. `DryRunEnded` follows."""
        if command.is_task:
            self._reports.dry_run_started(command.uid)
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._serve, name="dry runs", daemon=True).start()
        self._requests.put((command, time.monotonic() + command.timeout + LATER))

    def takes(self, uid: str) -> bool:
        """Return whether this answer from the reader is for a dry run. If so, keep the answer for the dry run."""
        reading = self._reading
        if reading is None or reading[0] != uid:
            return False
        reading[1].set()
        return True

    # ----------------------------------------------------------------------------------------- thread of dry runs
    def _serve(self) -> None:
        while True:
            command, deadline = self._requests.get()
            reports: list[bytes] = []
            carried, refusal, reached = command.carried, "", 0
            try:
                walked, carried, reached = self._made(command, deadline)
                reports = [json_text(each) for each in walked]
            except NotPossible as reason:
                refusal = str(reason)
            except Exception as error:  # after any error, the next dry run may succeed
                log.exception("A dry run failed")
                refusal = f"The dry run failed: {error}"
            self._reports.push(DryRunEnded(command.uid, reports, carried, refusal, reached))

    def _made(self, command: DryRun, deadline: float) -> tuple[list[dict[str, Any]], bytes, int]:
        """Return a report for each item, the device state after the last one (JSON), and the number of walked items."""
        items, carried = json.loads(command.items), json.loads(command.carried)
        until = min(time.monotonic() + command.timeout, deadline - GRACE)
        reports: list[dict[str, Any]] = []
        reason, is_retry = "", False
        while len(reports) < len(items):
            try:
                shadow, walked = self._walked(command, items[len(reports) :], carried, until)
            except NotPossible as refusal:
                if not reports:
                    raise
                reason = _NOT_REACHED if isinstance(refusal, _TooLate) else str(refusal)
                break
            if not walked.is_begun and not is_retry:  # the shadow had already ended
                is_retry = True
                continue
            is_retry = False
            reports += [{**each, "as_of": shadow.made} for each in walked.reports]
            carried = walked.carried
        missing = [{**cut_report(reason), "as_of": time.time()}] * (len(items) - len(reports))
        reached = len(reports)
        if reached > 1 and not reports[-1]["complete"] and time.monotonic() >= until:
            reached -= 1  # the earlier plans have used up its time
        return [*reports, *missing], json_text(carried), reached

    def _walked(
        self, command: DryRun, items: list[Any], carried: dict[str, Any], until: float
    ) -> tuple[_Shadow, Outcome]:
        """Let one child walk as many of these items as it can."""
        shadow = self._ready()
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise _TooLate
        return shadow, self._exchange(shadow, _request(command, items, carried, seconds))

    def _exchange(self, shadow: _Shadow, request: dict[str, Any]) -> Outcome:
        """Send a request to the shadow, answer its questions, and return the reports."""
        with self._lock:
            if self._shadow is not shadow:  # the main thread has just replaced it
                return Outcome([], request.get("carried", {}), is_lost=True, is_begun=False)
            walked = converse(shadow.channel, request, self._found)
            if walked.is_lost or walked.is_silent:
                self._end()
        if walked.failure:
            raise NotPossible(walked.failure)
        return walked

    def _ready(self) -> _Shadow:
        """Return a shadow that has passed its self-test: a new one if the old one is outdated and nothing runs."""
        if sys.platform != "linux":
            raise NotPossible(f"Dry runs are not possible on this system ({sys.platform}): it cannot copy the worker")
        for _ in range(_TRIES):
            if self._shadow is None or self._is_outdated:
                self._renew()
            with self._lock:  # the main thread may be forking
                shadow = self._shadow
            if shadow is None:
                raise NotPossible(self._fork_failure or _BUSY.format(what="a plan or a task is running"))
            if self._is_tested or self._passes(shadow):
                return shadow
        raise NotPossible(f"Dry runs are not possible: the copy of the worker did not answer within {_SELF_TEST:g} s")

    def _renew(self) -> None:
        if self._is_free:
            self._forked.clear()  # before the request, so that no fork is missed
            self._ask_for_fork()
            self._forked.wait(_FORK)
        elif self._shadow is None or time.monotonic() - self._shadow.made_monotonic > _SELDOM:
            self._ask_for_fork()  # between two plans; until then, the present shadow (if any) is used

    @property
    def _is_free(self) -> bool:
        """Whether the main thread has nothing else to do."""
        state = self._reports.state
        return state.environment is EnvironmentState.IDLE and state.item_uid is None

    def _ask_for_fork(self) -> None:
        if not self._fork_pending:
            self._fork_pending = True
            self._in_main_thread(self.fork)

    def _passes(self, shadow: _Shadow) -> bool:
        """Test a new shadow.

        End a shadow that fails, unless it is only slow and the worker cannot create another one now.
        """
        with self._lock:
            if self._shadow is not shadow:
                return False
            walked = converse(shadow.channel, {"items": [], "timeout": _SELF_TEST}, self._found)
            self._is_tested = not (walked.is_lost or walked.is_silent or walked.failure)
            if walked.is_lost or walked.failure or (walked.is_silent and self._is_free):
                self._end()
            passed = self._is_tested
        if walked.failure:
            log.warning("The self-test of dry runs failed: %s", walked.failure)
        return passed

    def _found(self, name: str) -> str:
        """Return the reader's answer for a device as JSON text."""
        uid, answered = str(uuid4()), threading.Event()
        self._reading = (uid, answered)
        namespace = self._world.environment.namespace
        try:
            self._reader.ask(ReadDevices(uid, [name], [], "", _RECENT), namespace)
            self._reports.wake()  # the link thread stops waiting for devices that do not answer
            answered.wait(_READING)
        finally:
            self._reading = None
        return json_text(self._reader.details(name, namespace)).decode()

    def _end(self) -> None:
        """End the shadow and its dry run."""
        shadow, self._shadow = self._shadow, None
        if shadow is not None:
            _kill(shadow)
            shadow.channel.close()
            # Plans must not wait until the shadow is gone: at its low priority, it may take a while to end on a busy
            # machine.
            threading.Thread(target=_reap, args=(shadow.process,), daemon=True, name="qs-reap").start()


def _fork(descriptor: int, world: World) -> int:
    """Fork a shadow that uses this descriptor; return its process ID. Block signals until it has removed the
    handlers.
    """
    worker = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the process has threads; hence the self-test
            process = os.fork()
        if not process:
            live(descriptor, worker, world)
        return process
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _request(command: DryRun, items: list[Any], carried: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "items": items,
        "timeout": seconds,
        "for_each": command.for_each,
        "excluded": command.excluded,
        "permissions": command.permissions.decode(),
        "carried": carried,
        "times": command.times.decode(),
    }


def _kill(shadow: _Shadow) -> None:
    with contextlib.suppress(ProcessLookupError):  # user code may have waited for all children
        os.kill(shadow.process, signal.SIGKILL)


def _reap(process: int) -> None:
    with contextlib.suppress(ChildProcessError):  # as above
        os.waitpid(process, 0)
