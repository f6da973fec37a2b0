"""The manager's side of the RE Worker environment: the process, the link to it, and its state."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from bluesky_qs.errors import QSError, WorkerError, WorkerLost, WrongState
from bluesky_qs.ipc.commands import Attach, CloseEnvironment, NotePlace, OpenEnvironment, ReplyInput, WorkerSnapshot
from bluesky_qs.ipc.frames import Command
from bluesky_qs.ipc.last_words import StartupCrash, understood
from bluesky_qs.ipc.link import Link
from bluesky_qs.ipc.reports import (
    EnvironmentFailed,
    EnvironmentOpened,
    PlanEnded,
    ProgressReport,
    RunsChanged,
    StateChanged,
    TaskEnded,
)
from bluesky_qs.ipc.states import EnvironmentState, RunState, WorkerState
from bluesky_qs.ipc.supervision import KillWorker, StartWorker, WorkerEnded, WorkerProcess
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.manager.worker.state import Lifecycle, ManagerEvent, ManagerState
from bluesky_qs.manager.worker.subscriptions import Acknowledge, Subscriptions, WorkerGone
from bluesky_qs.manager.worker.worker_link import LinkEvent, LinkLifecycle, LinkState

logger = logging.getLogger(__name__)

R = TypeVar("R")

#: Seconds to wait for a worker that does not reply because its code (in a C library, for example) holds the
#: interpreter. This is less than the two seconds for which clients wait.
_REPLY_TIMEOUT = 1.0
_CLOSED = WorkerState(EnvironmentState.CLOSED)
_NO_REPORT = b"{}"
#: Seconds given to a worker to report the current line of startup code before it is killed.
_LOCATION_TIMEOUT = 0.5


class Environment:
    """Opens, follows and closes the worker.

    Parameters
    ----------
    connect
        Creates the link to the worker with this address.
    opening
        Creates the command that opens the environment.

    Attributes
    ----------
    reports
        The worker's reports, for the parts that handle them.
    pending
        Commands that the worker has not answered yet.
    """

    def __init__(
        self,
        *,
        connect: Callable[[str], Link],
        supervisor: Link,
        lifecycle: Lifecycle,
        opening: Callable[[], OpenEnvironment],
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        changed: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._supervisor = supervisor
        self._lifecycle = lifecycle
        self._opening = opening
        self._clock = clock
        self._spawn = spawn
        self._changed = changed
        self._process: WorkerProcess | None = None
        self._link: Link | None = None
        self._followers: list[asyncio.Task[None]] = []
        self._inbox: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self._failure: EnvironmentFailed | None = None
        self._killed_because: str | None = None
        self._destroyed_by: str | None = None
        self._gone = asyncio.Event()
        self._taken_up = asyncio.Event()
        self.reports = Subscriptions()
        self.pending: list[Command[None]] = []
        self.state = _CLOSED
        self._link_state = LinkLifecycle()
        self.runs: list[RunState] = []
        self.runs_uid = str(uuid4())
        self.progress: ProgressReport | None = None
        #: Report on the last opening (JSON): the files with their times, the problems, and the omitted plans and
        #: devices with reasons.
        self.report = _NO_REPORT
        #: Connection data for Jupyter clients of the environment's kernel (JSON); empty without a kernel.
        self.connection = b"{}"

    @property
    def exists(self) -> bool:
        """Whether there is a worker process or one is being started."""
        return self._link_state.state is not LinkState.ABSENT

    @property
    def is_open(self) -> bool:
        """Whether the environment is open."""
        return self._link_state.state is LinkState.OPEN

    @property
    def has_process(self) -> bool:
        """Whether there is a worker process."""
        return self._process is not None

    @property
    def link(self) -> Link:
        """The link to the worker of the open environment.

        Raises
        ------
        WrongState
            The environment is not open.
        """
        if self._link is None or not self.is_open:
            raise WrongState("RE Worker environment is not open.")
        return self._link

    async def query(self, command: Command[R]) -> R:
        """Send a command and return the worker's reply.

        Raises
        ------
        WorkerError
            The worker did not reply in time.
        QSError
            The worker refused the command.
        """
        link = self.link
        try:
            async with asyncio.timeout(_REPLY_TIMEOUT):
                return await link.request(command)
        except TimeoutError:
            msg = "The RE Worker is busy with user code and does not answer. Try again later."
            raise WorkerError(msg) from None

    async def send(self, command: Command[None], refused: Callable[[], object] = lambda: None) -> None:
        """Send a command and wait until the worker accepts it.

        If the worker is busy, return; the command stays pending.

        Parameters
        ----------
        command
            The command.
        refused
            Called if the worker refuses the command after this method has returned.

        Raises
        ------
        QSError
            The worker refused the command.
        """
        sending = asyncio.get_running_loop().create_task(self.link.request(command))
        self.pending.append(command)
        self._changed()
        if (await asyncio.wait([sending], timeout=_REPLY_TIMEOUT))[0]:
            self._answered(command)
            return sending.result()
        logger.warning("The worker is busy with user code; the request %r is pending", _request_name(command))
        self._spawn(self._await_late_reply(sending, command, refused))
        return None

    async def _await_late_reply(
        self, sending: asyncio.Task[None], command: Command[None], refused: Callable[[], object]
    ) -> None:
        request = _request_name(command)
        try:
            await sending
        except WorkerLost:
            pass  # `ended` logs it
        except QSError as error:
            logger.error("The worker refused the pending request %r: %s", request, error.message)  # noqa: TRY400 - the message is enough
            refused()
        else:
            logger.info("The worker accepted the pending request %r", request)
        self._answered(command)

    def _answered(self, command: Command[None]) -> None:
        self.pending.remove(command)
        self._changed()

    @property
    def _connected(self) -> Link:
        if self._link is None:
            raise WorkerLost("There is no RE Worker process")
        return self._link

    def open(self, user: str | None = None) -> None:
        """Start to open the environment for this user; the worker reports when it is open.

        Raises
        ------
        WrongState
            The previous worker has just ended, and its last reports are still being handled.
        """
        if self.exists:
            raise WrongState("The previous RE Worker process is still ending. Try again in a moment.")
        self._lifecycle.fire(ManagerEvent.OPEN_REQUESTED, user)
        self._link_state.fire(LinkEvent.PROCESS_REQUESTED)
        self._failure = None
        self._killed_because = None
        self.report = _NO_REPORT
        self._spawn(self._open())

    async def close(self, user: str | None = None) -> None:
        """Request the orderly end of the worker for this user; `ended` does the rest."""
        self.link  # noqa: B018 - raises an error without an open environment, before the state changes
        self._lifecycle.fire(ManagerEvent.CLOSE_REQUESTED, user)
        try:
            await self.send(CloseEnvironment(), self._close_refused)
        except WorkerLost:
            logger.warning("The worker ended before it received the request to close")
        except QSError:
            self._close_refused()
            raise

    def _close_refused(self) -> None:
        if self._lifecycle.state is ManagerState.CLOSING_ENVIRONMENT:
            self._lifecycle.fire(ManagerEvent.CLOSE_REFUSED)

    async def reply(self, input_uid: str, text: str) -> None:
        """Answer an input prompt from user code, including startup code."""
        if self._link is None:
            raise WrongState("RE Worker environment does not exist.")
        await self._link.request(ReplyInput(input_uid, text))

    async def destroy(self, user: str | None = None) -> None:
        """Kill the worker process. The results of its plan and tasks name the user who requested it."""
        self._destroyed_by = user
        opening = self._lifecycle.state is ManagerState.CREATING_ENVIRONMENT
        self._lifecycle.fire(ManagerEvent.DESTROY_REQUESTED, user)
        logger.warning("Destroying the RE Worker environment: killing the worker process ...")
        if self._process is None:  # it is still starting: `_open` kills it when it has started
            return
        if opening and self._link is not None:
            # If an opening hangs, users need to see the line. A busy worker does not reply.
            with contextlib.suppress(TimeoutError, QSError):
                async with asyncio.timeout(_LOCATION_TIMEOUT):
                    await self._link.request(NotePlace())
        await self._kill()

    async def kill(self, reason: str) -> None:
        """Kill the worker process. The results of its plan and tasks give the reason."""
        self._killed_because = reason
        await self._kill()

    async def _kill(self) -> None:
        with contextlib.suppress(WorkerError):  # it has already ended, and `ended` handles that
            await self._supervisor.request(KillWorker())

    async def wait_gone(self) -> None:
        """Wait until there is no worker process."""
        if self._process is not None:
            await self._gone.wait()

    async def attach(self, process: WorkerProcess, last_document: tuple[str, int] = ("", 0)) -> WorkerSnapshot:
        """Connect to a worker and mirror its state. Its reports wait for `take_up`, but documents do not.

        ``last_document`` identifies the last stored document by its item and its number.

        Raises
        ------
        WorkerLost
            The worker has ended; after `take_up`, `ended` does the rest.
        """
        self._process = process
        self._link_state.fire(LinkEvent.CONNECTED)
        self._gone.clear()
        self._taken_up.clear()
        self._inbox = asyncio.Queue()
        link = self._connect(process.address)
        self._link = link
        loop = asyncio.get_running_loop()
        self._followers = [loop.create_task(self._read(link)), loop.create_task(self._follow(link))]
        for follower in self._followers:
            self._spawn(_outcome(follower))
        snapshot = await link.request(Attach(*last_document))
        self.state = snapshot.state
        if snapshot.lists is not None:
            self._link_state.fire(LinkEvent.OPENED)
        self.connection = snapshot.connection
        self.report = snapshot.report
        self.runs = snapshot.runs
        self._changed()
        return snapshot

    def take_up(self) -> None:
        """Start handling the worker's reports. Call it when the manager's state matches the worker's."""
        self._taken_up.set()

    async def request_opening(self) -> None:
        """Send the worker the command to run the startup code. Do nothing if it has already started."""
        try:
            await self._connected.request(self._opening())
        except WrongState as refusal:
            logger.debug("The worker is already opening the environment: %s", refusal.message)

    async def ended(self, report: WorkerEnded) -> None:
        """Handle the end of the worker process, whether requested or not."""
        if self._process is None or report.pid != self._process.pid:
            return
        if self._link and not self._taken_up.is_set():
            self._link.fail(WorkerLost(f"The RE Worker process ended: {report.how}"))
            await self._taken_up.wait()
        was_open = self.is_open
        self._link_state.fire(LinkEvent.PROCESS_ENDED)  # first, so that no more plans are started
        await self._handle_last_reports()
        link, self._link, self._process = self._link, None, None
        for follower in self._followers:
            follower.cancel()
        if link:
            link.fail(WorkerLost(f"The RE Worker process ended: {report.how}"))
            link.close()
        self.state = _CLOSED
        self.connection = b"{}"
        self.progress = None
        reason = self._why_ended(report)
        await self.reports.handle(WorkerGone(reason))
        self._link_state.fire(LinkEvent.REPORTS_DONE)
        self._set_runs([])  # not earlier, because the result of the lost plan includes the runs
        self._lifecycle.fire(
            {
                ManagerState.CREATING_ENVIRONMENT: ManagerEvent.OPEN_FAILED,
                ManagerState.CLOSING_ENVIRONMENT: ManagerEvent.CLOSED,
            }.get(self._lifecycle.state, ManagerEvent.WORKER_GONE),
        )
        self._gone.set()
        if was_open or self._failure:
            self._changed()

    def _why_ended(self, report: WorkerEnded) -> str:
        """Return and log the reason why the worker ended.

        If the environment was opening, add the reason to its report.
        """
        end = None
        match self._lifecycle.state:
            case ManagerState.DESTROYING_ENVIRONMENT:
                by = f" by {self._destroyed_by}" if self._destroyed_by else ""
                reason = f"The RE Worker environment was destroyed{by}"
                end = understood(report.last_words, reason)
                logger.info("The RE Worker environment is destroyed")
            case ManagerState.CLOSING_ENVIRONMENT:
                reason = "The RE Worker environment was closed"
                logger.info("The RE Worker environment is closed")
            case ManagerState.CREATING_ENVIRONMENT:
                end = understood(report.last_words, f"The worker ended: {report.how}")
                reason = self._failure.message if self._failure else end.message
                trace = self._failure.traceback if self._failure else end.traceback
                logger.error("Failed to open the RE Worker environment: %s", f"{reason}\n{trace}" if trace else reason)
            case _ if self._killed_because:
                reason = self._killed_because
            case state:
                reason = f"The RE Worker process ended unexpectedly: {report.how}"
                logger.error("%s (pid %d, while the manager was in the state %r)", reason, report.pid, state.value)
        if self.report == _NO_REPORT:
            self.report = self._not_opened(end or StartupCrash(reason))
        return reason

    async def _open(self) -> None:
        logger.info("Starting the RE Worker environment ...")
        try:
            process = await self._supervisor.request(StartWorker())
            await self.attach(process)
            self.take_up()
            await self.request_opening()
            if self._lifecycle.state is ManagerState.DESTROYING_ENVIRONMENT:  # requested before the process existed
                await self._kill()
        except WorkerError as error:
            self.take_up()
            # This handles a worker that could not be started or did not accept the command; `ended` handles a worker
            # that died.
            logger.error("The RE Worker environment could not be opened: %s", error.message)  # noqa: TRY400 - the message is enough
            if self._link_state.state is LinkState.STARTING:
                self._not_started(error.message)
            elif self._process is not None:
                await self._kill()

    def _not_started(self, message: str) -> None:
        """Handle a worker process that could not be started."""
        self._link_state.fire(LinkEvent.START_FAILED)
        self.report = self._not_opened(StartupCrash(message))
        destroying = self._lifecycle.state is ManagerState.DESTROYING_ENVIRONMENT
        self._lifecycle.fire(ManagerEvent.WORKER_GONE if destroying else ManagerEvent.OPEN_FAILED)

    async def _read(self, link: Link) -> None:
        """Receive reports: mirror the state immediately and queue the report for the other parts."""
        async for seq, report in link.reports():
            self._observe(report)
            self._inbox.put_nowait((seq, report))

    def _observe(self, report: Any) -> None:
        """Mirror the worker's state from the report, so that no reply is based on an older state."""
        match report:
            case StateChanged(state):
                self._set_state(state)
            case PlanEnded():
                self._set_state(report.state)
                self.progress = None
            case TaskEnded():
                self._set_state(report.state)
            case EnvironmentOpened():
                self.report, self.connection = report.report, report.connection
                self._set_state(report.state)
            case EnvironmentFailed():
                self.report = report.report
            case RunsChanged(runs):
                self._set_runs(runs)
            case ProgressReport():
                self.progress = report
                self._changed()
            case _:
                pass
        self.reports.arrived(report)

    async def _follow(self, link: Link) -> None:
        """Handle reports one after the other. Acknowledge each one when its content is durable."""
        await self._taken_up.wait()
        while True:
            seq, report = await self._inbox.get()
            try:
                await self._handle(report, lambda seq=seq: link.acknowledge(seq))
                link.acknowledge(seq)
                if self._inbox.empty():
                    await link.flush()
            finally:
                self._inbox.task_done()

    async def _handle(self, report: Any, acknowledge: Acknowledge) -> None:
        await self.reports.handle(report, acknowledge)
        match report:
            case EnvironmentOpened():
                self._opened(report)
            case EnvironmentFailed():
                self._failure = report  # logged together with the end of the worker
            case _:
                pass

    def _opened(self, report: EnvironmentOpened) -> None:
        self._link_state.fire(LinkEvent.OPENED)
        if self._lifecycle.state is ManagerState.CREATING_ENVIRONMENT:
            self._lifecycle.fire(ManagerEvent.OPENED)
        self._changed()
        logger.info("The RE Worker environment is open: the startup code took %.2f s", report.seconds)

    async def _handle_last_reports(self) -> None:
        """Wait for the last reports of the dead worker, which may include the result of a plan."""
        if self._link is None:
            return
        await self._link.drain()
        self._link.fail(WorkerLost("The RE Worker process ended"))
        await self._inbox.join()

    def _not_opened(self, end: StartupCrash) -> bytes:
        """Return the report on an opening if the worker could not send one itself."""
        return msgspec.json.encode({"success": False, "time": self._clock.time(), **end._asdict()})

    def _set_state(self, state: WorkerState) -> None:
        if state != self.state:
            self.state = state
            self._changed()

    def _set_runs(self, runs: list[RunState]) -> None:
        if runs != self.runs:
            self.runs = runs
            self.runs_uid = str(uuid4())
            self._changed()


def _request_name(command: Command[Any]) -> str:
    """Return ``run script`` for `RunScript`, because users who read the log do not know the class names."""
    return re.sub(r"\B(?=[A-Z])", " ", type(command).__name__).lower()


async def _outcome(task: asyncio.Task[None]) -> None:
    """Wait for the task and raise its error. A task that was canceled has ended normally."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:  # the manager is ending and handles no more reports
        task.cancel()
        raise
    if not task.cancelled() and (error := task.exception()):
        raise error
