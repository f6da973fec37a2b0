"""The RE Worker environment as the manager sees it: the process, the link to it, and its state."""

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
from bluesky_qs.ipc.last_words import End, understood
from bluesky_qs.ipc.link import Link
from bluesky_qs.ipc.reports import (
    EnvironmentFailed,
    EnvironmentOpened,
    PlanDone,
    Progress,
    RunsChanged,
    StateChanged,
    TaskDone,
)
from bluesky_qs.ipc.states import EnvironmentState, RunState, WorkerState
from bluesky_qs.ipc.supervision import KillWorker, StartWorker, WorkerEnded, WorkerProcess
from bluesky_qs.manager.clock import Clock
from bluesky_qs.manager.state import Event, Lifecycle, ManagerState
from bluesky_qs.manager.subscriptions import Acknowledge, Subscriptions, WorkerGone
from bluesky_qs.manager.worker_link import LinkEvent, LinkLifecycle, LinkState

logger = logging.getLogger(__name__)

R = TypeVar("R")

#: Seconds for which a worker is waited for that does not answer, because its code (a C library, say) holds the
#: interpreter. Clients wait two seconds for their answer.
_PATIENCE = 1.0
_CLOSED = WorkerState(EnvironmentState.CLOSED)
_NOTHING = b"{}"
#: Seconds in which a worker that is going to be killed may say where its startup code is.
_TELLING = 0.5


class Environment:
    """Opens, follows and closes the worker.

    Parameters
    ----------
    connect
        Makes the link to the worker with that address.
    opening
        Makes the command that opens the environment.

    Attributes
    ----------
    reports
        The worker's reports, for the parts that deal with them.
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
        self._gone = asyncio.Event()
        self._taken_up = asyncio.Event()
        self.reports = Subscriptions()
        self.state = _CLOSED
        self._link_state = LinkLifecycle()
        self.runs: list[RunState] = []
        self.runs_uid = str(uuid4())
        self.progress: Progress | None = None
        #: What the last opening found (JSON): files with their times, problems, plans and devices left out and why.
        self.report = _NOTHING
        #: How Jupyter's clients connect to the environment's kernel (JSON); empty without one.
        self.connection = b"{}"

    @property
    def exists(self) -> bool:
        """Whether there is a worker, or one is being started."""
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
        """The link to the open environment.

        Raises
        ------
        WrongState
            The environment is not open.
        """
        if self._link is None or not self.is_open:
            raise WrongState("RE Worker environment is not open.")
        return self._link

    async def ask(self, command: Command[R]) -> R:
        """The worker's answer.

        Raises
        ------
        WorkerError
            It does not answer in time.
        QSError
            What it refuses with.
        """
        link = self.link
        try:
            async with asyncio.timeout(_PATIENCE):
                return await link.request(command)
        except TimeoutError:
            msg = "The RE Worker is busy with user code and does not answer. Try again later."
            raise WorkerError(msg) from None

    async def tell(self, command: Command[None], refused: Callable[[], object] = lambda: None) -> None:
        """Pass a command on and wait until the worker has taken it, or for a while: it takes it as soon as it can.

        Parameters
        ----------
        command
            What it is to do.
        refused
            Called if the worker refuses the command after that while.

        Raises
        ------
        QSError
            What it refuses with.
        """
        asking = asyncio.get_running_loop().create_task(self.link.request(command))
        if (await asyncio.wait([asking], timeout=_PATIENCE))[0]:
            return asking.result()
        request = _in_words(command)
        logger.warning("The worker is busy with user code; the request %r is pending", request)
        self._spawn(_taken_late(asking, request, refused))
        return None

    @property
    def _connected(self) -> Link:
        if self._link is None:
            raise WorkerLost("There is no RE Worker process")
        return self._link

    def open(self) -> None:
        """Start opening the environment; the worker's reports tell how that goes.

        Raises
        ------
        WrongState
            The last worker has just ended, and its last reports are still being dealt with.
        """
        if self.exists:
            raise WrongState("The last RE Worker process is still ending. Try again in a moment.")
        self._lifecycle.fire(Event.OPEN_ASKED)
        self._link_state.fire(LinkEvent.PROCESS_REQUESTED)
        self._failure = None
        self._killed_because = None
        self.report = _NOTHING
        self._spawn(self._open())

    async def close(self) -> None:
        """Ask the worker to end orderly; `ended` tells the rest."""
        self.link  # noqa: B018 - refused without one, before the state changes
        self._lifecycle.fire(Event.CLOSE_ASKED)
        try:
            await self.tell(CloseEnvironment(), self._close_refused)
        except WorkerLost:
            logger.warning("The worker ended before it was asked to close")
        except QSError:
            self._close_refused()
            raise

    def _close_refused(self) -> None:
        if self._lifecycle.state is ManagerState.CLOSING_ENVIRONMENT:
            self._lifecycle.fire(Event.CLOSE_REFUSED)

    async def reply(self, input_uid: str, text: str) -> None:
        """Answer a question of user code, of startup code too."""
        if self._link is None:
            raise WrongState("RE Worker environment does not exist.")
        await self._link.request(ReplyInput(input_uid, text))
        if self.state.input and self.state.input.input_uid == input_uid:
            self._set_state(msgspec.structs.replace(self.state, input=None))

    async def destroy(self) -> None:
        """Kill the worker process."""
        opening = self._lifecycle.state is ManagerState.CREATING_ENVIRONMENT
        self._lifecycle.fire(Event.DESTROY_ASKED)
        logger.warning("Destroying the RE Worker environment: killing the worker process ...")
        if self._process is None:  # it is being started: `_open` kills it as soon as it is there
            return
        if opening and self._link is not None:
            # Whoever destroys what does not come to an end wants to know where it was; it may not be able to tell.
            with contextlib.suppress(TimeoutError, QSError):
                async with asyncio.timeout(_TELLING):
                    await self._link.request(NotePlace())
        await self._kill()

    async def kill(self, reason: str) -> None:
        """Kill the worker process for a reason that is recorded with what it was running."""
        self._killed_because = reason
        await self._kill()

    async def _kill(self) -> None:
        with contextlib.suppress(WorkerError):  # it has ended by itself meanwhile; `ended` hears of it
            await self._supervisor.request(KillWorker())

    async def wait_gone(self) -> None:
        """Return when there is no worker process."""
        if self._process is not None:
            await self._gone.wait()

    async def attach(self, process: WorkerProcess) -> WorkerSnapshot:
        """Connect to a worker and mirror its state; its reports are dealt with from `take_up` on.

        Raises
        ------
        WorkerLost
            It has ended; `ended` deals with the rest, after `take_up`.
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
        snapshot = await link.request(Attach())
        self.state = snapshot.state
        if snapshot.lists is not None:
            self._link_state.fire(LinkEvent.OPENED)
        self.connection = snapshot.connection
        self.report = snapshot.report
        self.runs = snapshot.runs
        self._changed()
        return snapshot

    def take_up(self) -> None:
        """Begin to deal with the worker's reports: the manager's own state fits the worker's by now."""
        self._taken_up.set()

    async def ask_to_open(self) -> None:
        """Ask the worker to run the startup code; one that was asked before refuses, and that is well."""
        try:
            await self._connected.request(self._opening())
        except WrongState as refusal:
            logger.debug("The worker is opening already: %s", refusal.message)

    async def ended(self, report: WorkerEnded) -> None:
        """Deal with the end of the worker process, asked for or not."""
        if self._process is None or report.pid != self._process.pid:
            return
        if self._link and not self._taken_up.is_set():
            self._link.fail(WorkerLost(f"The RE Worker process ended: {report.how}"))
            await self._taken_up.wait()
        was_open = self.is_open
        self._link_state.fire(LinkEvent.PROCESS_ENDED)  # first of all: no plan may be started any more
        await self._take_last_reports()
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
        await self.reports.deal_with(WorkerGone(reason))
        self._link_state.fire(LinkEvent.REPORTS_DONE)
        self._set_runs([])  # not before: the runs of the plan that was lost are recorded with it
        self._lifecycle.fire(
            {
                ManagerState.CREATING_ENVIRONMENT: Event.OPEN_FAILED,
                ManagerState.CLOSING_ENVIRONMENT: Event.CLOSED,
            }.get(self._lifecycle.state, Event.WORKER_GONE),
        )
        self._gone.set()
        if was_open or self._failure:
            self._changed()

    def _why_ended(self, report: WorkerEnded) -> str:
        """Say in the log why there is no worker any more, and in the report on the opening if that was under way."""
        end = None
        match self._lifecycle.state:
            case ManagerState.DESTROYING_ENVIRONMENT:
                reason = "The RE Worker environment was destroyed"
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
        if self.report == _NOTHING:
            self.report = self._not_opened(end or End(reason))
        return reason

    async def _open(self) -> None:
        logger.info("Starting the RE Worker environment ...")
        try:
            process = await self._supervisor.request(StartWorker())
            await self.attach(process)
            self.take_up()
            await self.ask_to_open()
            if self._lifecycle.state is ManagerState.DESTROYING_ENVIRONMENT:  # asked before there was a process
                await self._kill()
        except WorkerError as error:
            self.take_up()
            # A worker that died is dealt with in `ended`; what remains is a worker that could not be started or asked.
            logger.error("The RE Worker environment could not be opened: %s", error.message)  # noqa: TRY400 - no news in a traceback
            if self._link_state.state is LinkState.STARTING:
                self._not_started(error.message)
            elif self._process is not None:
                await self._kill()

    def _not_started(self, message: str) -> None:
        """Deal with a worker process that could not be started."""
        self._link_state.fire(LinkEvent.START_FAILED)
        self.report = self._not_opened(End(message))
        destroying = self._lifecycle.state is ManagerState.DESTROYING_ENVIRONMENT
        self._lifecycle.fire(Event.WORKER_GONE if destroying else Event.OPEN_FAILED)

    async def _read(self, link: Link) -> None:
        """Take reports from the link: the mirrored state follows at once, the rest in its turn."""
        async for seq, report in link.reports():
            self._observe(report)
            self._inbox.put_nowait((seq, report))

    def _observe(self, report: Any) -> None:
        """Mirror what the report says of the worker, so that an answer never outruns the state that it rests on."""
        match report:
            case StateChanged(state):
                self._set_state(state)
            case PlanDone():
                self._set_state(report.state)
                self.progress = None
            case TaskDone():
                self._set_state(report.state)
            case EnvironmentOpened():
                self.report, self.connection = report.report, report.connection
                self._set_state(report.state)
            case EnvironmentFailed():
                self.report = report.report
            case RunsChanged(runs):
                self._set_runs(runs)
            case Progress():
                self.progress = report
                self._changed()
            case _:
                pass
        self.reports.arrived(report)

    async def _follow(self, link: Link) -> None:
        """Deal with reports one after the other; each is acknowledged when what it says is durable."""
        await self._taken_up.wait()
        while True:
            seq, report = await self._inbox.get()
            try:
                await self._deal_with(report, lambda seq=seq: link.acknowledge(seq))
                link.acknowledge(seq)
                if self._inbox.empty():
                    await link.flush()
            finally:
                self._inbox.task_done()

    async def _deal_with(self, report: Any, acknowledge: Acknowledge) -> None:
        await self.reports.deal_with(report, acknowledge)
        match report:
            case EnvironmentOpened():
                self._opened(report)
            case EnvironmentFailed():
                self._failure = report  # logged when the worker has ended, in one line with that
            case _:
                pass

    def _opened(self, report: EnvironmentOpened) -> None:
        self._link_state.fire(LinkEvent.OPENED)
        if self._lifecycle.state is ManagerState.CREATING_ENVIRONMENT:
            self._lifecycle.fire(Event.OPENED)
        self._changed()
        logger.info("The RE Worker environment is open: the startup code took %.2f s", report.seconds)

    async def _take_last_reports(self) -> None:
        """Wait until nothing more comes from the dead worker's socket: its last words may include a plan's result."""
        if self._link is None:
            return
        await self._link.hear_out()
        self._link.fail(WorkerLost("The RE Worker process ended"))
        await self._inbox.join()

    def _not_opened(self, end: End) -> bytes:
        """The report on an opening if the worker could not send one itself."""
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


def _in_words(command: Command[Any]) -> str:
    """``run script`` for `RunScript`: the log is read by people who do not know our classes."""
    return re.sub(r"\B(?=[A-Z])", " ", type(command).__name__).lower()


async def _taken_late(asking: asyncio.Task[None], request: str, refused: Callable[[], object]) -> None:
    try:
        await asking
    except WorkerLost:
        return  # `Environment.ended` says it
    except QSError as error:
        logger.error("The worker has refused the request %r in the end: %s", request, error.message)  # noqa: TRY400 - said by the error
        refused()
    else:
        logger.info("The worker has taken the request %r in the end", request)


async def _outcome(task: asyncio.Task[None]) -> None:
    """Hand an error of the task on to who awaits this; being cancelled is the normal end."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:  # the manager ends: nobody deals with reports any more
        task.cancel()
        raise
    if not task.cancelled() and (error := task.exception()):
        raise error
