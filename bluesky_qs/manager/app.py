"""The manager's life: put together, taken up where the last one left off, and ended so that nothing is lost."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import zmq
import zmq.asyncio

from bluesky_qs.config.logs import LEVELS, configure_logging
from bluesky_qs.config.schema import DEFAULT_REDIS_ADDR, Settings
from bluesky_qs.errors import ConfigError, QSError, StoreError, WorkerLost
from bluesky_qs.ipc.commands import KernelSpec, OpenEnvironment, SetPermissions, StartupSpec, WorkerSnapshot
from bluesky_qs.ipc.link import ClientEnd
from bluesky_qs.ipc.reports import Document, PlanDone, TaskDone
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.states import EnvironmentState, Lists, WorkerState
from bluesky_qs.ipc.supervision import (
    BEAT_PERIOD,
    TOLD,
    Beat,
    Hello,
    Inventory,
    StopAsked,
    SupervisorReport,
    WorkerEnded,
)
from bluesky_qs.manager import handlers
from bluesky_qs.manager.announcement import in_words
from bluesky_qs.manager.context import Changes, Context
from bluesky_qs.manager.dispatch import Dispatcher
from bluesky_qs.manager.documents import DocumentBook
from bluesky_qs.manager.environment import Environment
from bluesky_qs.manager.events import EventBook, EventEdit
from bluesky_qs.manager.ledger import Ledger
from bluesky_qs.manager.lists import ListBook
from bluesky_qs.manager.locking import LockBook
from bluesky_qs.manager.publisher import Publisher
from bluesky_qs.manager.runner import Runner
from bluesky_qs.manager.server import ControlServer
from bluesky_qs.manager.state import Event, Lifecycle, ManagerState
from bluesky_qs.manager.status import StatusBoard
from bluesky_qs.manager.tasks import Tasks
from bluesky_qs.plan_queue.changes import Snapshot
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.startup.find import StartupLocation, find
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store
from bluesky_qs.store.elsewhere import queue_in_redis
from bluesky_qs.wire.control import server_socket
from bluesky_qs.wire.info import INFO_PERIOD

__all__ = ["handlers", "run"]  # importing the handlers is what enters them into the dispatcher's table

logger = logging.getLogger(__name__)

#: Seconds for which a worker that is asked to end when the service stops is waited for before it is killed.
_CLOSING = 0.8
#: Seconds for which the running plan may clean up when the service stops. All three together are less than the
#: supervisor waits.
_CLEANING = 2.0
#: Seconds for which a store that refuses what was running then is asked again and again.
_RECORDING = 1.0
_OTHER_QUEUE = f"""
    **********************************************************************************************
    The queue kept in this file is new and empty, but the Redis at {DEFAULT_REDIS_ADDR} holds a queue
    of the Queue Server (keys qs_default_*). To go on with that one, stop this service and start it
    with the option:   --redis-addr {DEFAULT_REDIS_ADDR}
    or copy it here:   python -m bluesky_qs copy-store --from redis://{DEFAULT_REDIS_ADDR}
    **********************************************************************************************"""


class _Stop(Exception):
    """The service is to end; the argument says why."""


def run(directory: RuntimeDir) -> int:
    """Run the manager of the service with this runtime directory; the exit code comes back."""
    settings = directory.load_settings()
    configure_logging(LEVELS[settings.operation.console_logging_level])
    try:
        asyncio.run(_Manager(directory, settings).run())
    except QSError as error:
        logger.critical("RE Manager cannot start: %s", error.message)
        return ConfigError.exit_code if error.exit_code == ConfigError.exit_code else TOLD
    return 0


class _Manager:
    """Wiring. Each part is made once, in the order in which it is needed."""

    def __init__(self, directory: RuntimeDir, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._ctx = Context()
        self._stopping = asyncio.Event()
        self._why = ""
        self._served = False

    async def run(self) -> None:
        """Serve until told to stop.

        Raises
        ------
        QSError
            The service cannot start: the store, the startup code's location, the permissions or the control socket.
        """
        settings = self._settings
        location = _location(settings)
        store = chosen_store(settings)
        await store.open()
        try:
            snapshot = await store.load()
            logger.info("The queue is kept in %s", store.description)
            if settings.network.redis_addr is None and not (snapshot.items or snapshot.history):
                await _mention_other_queue()
            async with asyncio.TaskGroup() as tasks:
                await self._serve(tasks, store, snapshot, location)
        except* _Stop:
            pass
        except* QSError as errors:
            if self._served:
                raise  # an error of ours: with its traceback
            raise _first(errors) from None
        finally:
            await store.close()

    async def _serve(
        self, tasks: asyncio.TaskGroup, store: Store, snapshot: Snapshot, location: StartupLocation
    ) -> None:
        settings, ctx = self._settings, self._ctx
        context = zmq.asyncio.Context()
        ctx.supervisor = ClientEnd(context, self._directory.supervisor_link, SupervisorReport)
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        tasks.create_task(self._listen(inbox))
        inventory = await ctx.supervisor.request(Hello(os.getpid()))
        publisher = Publisher(context, self._directory.publications, settings.network.zmq_encoding)
        self._assemble(
            tasks=tasks,
            context=context,
            store=store,
            snapshot=snapshot,
            inventory=inventory,
            location=location,
            publisher=publisher,
        )
        # Before the first beat: a start with bad permissions is given up, not tried again and again.
        await ctx.lists.load_permissions(self._stored_permissions(snapshot, restarted=inventory.restarted))
        tasks.create_task(ctx.ledger.write())
        tasks.create_task(self._beat())
        # Whatever their file says by then, a manager that replaces this one goes on with the permissions in force.
        ctx.ledger.submit(*ctx.lists.to_store(snapshot.facts.get("user_group_permissions")))
        board = StatusBoard(ctx)
        ctx.status_json = lambda: board.json
        dispatcher = Dispatcher(ctx, settings.network.zmq_encoding)
        server = ControlServer(self._control_socket(context), dispatcher, tasks.create_task)
        self._announce(location)
        board.watch(publisher.status)
        tasks.create_task(_tick(lambda: publisher.status(board.json)))
        tasks.create_task(self._hear(inbox))
        await ctx.lists.reload_lists()
        await ctx.ledger.drain()
        await self._take_up(inventory)
        ctx.changed.watch(self._autostart)
        board.watch_parts(lambda event: ctx.ledger.submit(EventEdit(event)))
        dispatcher.ready.set()
        self._served = True
        if inventory.stopping:
            self._stop("the service was stopping when this manager started")
        await self._until_stopped(server)
        publisher.close()
        ctx.supervisor.close()
        raise _Stop(self._why)

    def _assemble(
        self,
        *,
        tasks: asyncio.TaskGroup,
        context: zmq.asyncio.Context,
        store: Store,
        snapshot: Snapshot,
        inventory: Inventory,
        location: StartupLocation,
        publisher: Publisher,
    ) -> None:
        settings, ctx = self._settings, self._ctx
        ctx.settings = settings
        ctx.spawn = tasks.create_task
        ctx.stop = self._stop
        ctx.changed = Changes()
        ctx.lifecycle = Lifecycle(ctx.changed)
        ctx.queue = PlanQueue.restore(snapshot)
        ctx.events = EventBook(snapshot.events, publisher.event)
        ctx.documents = DocumentBook(publisher.document, enabled=settings.network.zmq_publish_documents)
        ctx.ledger = Ledger(store, ctx.events, ctx.changed)
        ctx.lock = LockBook(snapshot.facts.get("lock_info"), emergency_key=settings.operation.emergency_lock_key)
        ctx.lists = ListBook(location, ctx.changed)
        ctx.tasks = Tasks(settings.operation.task_result_retention, time.monotonic, ctx.changed)
        ctx.order = asyncio.Lock()
        ctx.environment = Environment(
            context=context,
            supervisor=ctx.supervisor,
            lifecycle=ctx.lifecycle,
            opening=lambda: self._opening(location),
            spawn=tasks.create_task,
            changed=ctx.changed,
        )
        ctx.environment.follower = self
        # At a start of the service nothing begins unasked; a manager that replaces another changes nothing.
        facts = snapshot.facts if inventory.restarted else {}
        ctx.runner = Runner(
            queue=ctx.queue,
            ledger=ctx.ledger,
            lists=ctx.lists,
            environment=ctx.environment,
            lifecycle=ctx.lifecycle,
            autostart=_enabled(facts.get("autostart_mode_info")),
            stop_pending=_enabled(facts.get("stop_pending_info")),
            changed=ctx.changed,
            spawn=tasks.create_task,
        )

    async def _until_stopped(self, server: ControlServer) -> None:
        """Answer until told to stop, and while the worker ends."""
        try:
            await self._stopping.wait()
            await self._end()
        finally:
            server.close()

    def _control_socket(self, context: zmq.asyncio.Context) -> Any:
        network = self._settings.network
        return server_socket(
            zmq.Context(context),
            network.zmq_control_addr,
            private_key=network.zmq_private_key,
            setting="--zmq-control-addr",
        )

    def _opening(self, location: StartupLocation) -> OpenEnvironment:
        startup = self._settings.startup
        return OpenEnvironment(
            StartupSpec(location.directory, location.script, location.module, location.profile_dir),
            self._ctx.lists.permissions_json,
            startup.device_max_depth,
            startup.ignore_invalid_plans,
            _kernel(self._settings),
            input_policy=self._settings.worker.input_policy,
        )

    def _stored_permissions(self, snapshot: Snapshot, *, restarted: bool) -> bytes | None:
        """Stored permissions count where the file is not read at each start of the service, which this may not be."""
        if self._settings.operation.user_group_permissions_reload == "ON_STARTUP" and not restarted:
            return None
        return snapshot.facts.get("user_group_permissions")

    def _announce(self, location: StartupLocation) -> None:
        network = self._settings.network
        for note in location.notes:
            logger.warning("%s", note)
        logger.info("%s", in_words(self._ctx.queue, self._ctx.lock))
        logger.info("Startup code: %s", location)
        logger.info("ZeroMQ server is waiting on %s", network.zmq_control_addr)

    # ------------------------------------------------------------------------------------------ supervisor and time
    async def _listen(self, inbox: asyncio.Queue[Any]) -> None:
        async for seq, report in self._ctx.supervisor.reports():
            self._ctx.supervisor.acknowledge(seq)
            inbox.put_nowait(report)

    async def _hear(self, inbox: asyncio.Queue[Any]) -> None:
        """Deal with what the supervisor tells, in its order."""
        while True:
            match await inbox.get():
                case WorkerEnded() as report:
                    await self._ctx.environment.ended(report)
                case StopAsked(reason):
                    self._stop(reason)

    async def _beat(self) -> None:
        while True:
            await self._ctx.supervisor.request(Beat())
            await asyncio.sleep(BEAT_PERIOD)

    def _autostart(self) -> None:
        if self._ctx.runner.consider_autostart() and not self._stopping.is_set():
            self._ctx.spawn(self._start_by_itself())

    async def _start_by_itself(self) -> None:
        if not self._ctx.runner.consider_autostart():
            return
        logger.info("Autostart: starting the queue")
        try:
            await self._ctx.runner.start()
        except StoreError as error:
            logger.error("Autostart: the queue was not started: %s", error.message)  # noqa: TRY400 - said by the error

    # ----------------------------------------------------------------------------------- what a manager takes up
    async def _take_up(self, inventory: Inventory) -> None:
        """Go on where the manager before this one left off."""
        ctx = self._ctx
        snapshot: WorkerSnapshot | None = None
        ended = inventory.ended.how if inventory.ended else ""
        if inventory.worker:
            logger.info("Following the worker that is there already (pid %d)", inventory.worker.pid)
            try:
                snapshot = await ctx.environment.attach(inventory.worker)
                await self._tell_worker(snapshot)
            except WorkerLost as error:
                ended = error.message
        event = _found(snapshot.state if snapshot else None)
        if await ctx.runner.adopt(snapshot, ended) and event is Event.FOUND_NOTHING_RUNNING:
            event = Event.FOUND_PLAN_RUNNING
        ctx.lifecycle.fire(event)
        ctx.environment.take_up()

    async def _tell_worker(self, snapshot: WorkerSnapshot) -> None:
        """Take over what the worker knows, and tell it what the last manager may not have come to tell."""
        ctx = self._ctx
        for report in snapshot.finished_tasks:
            ctx.tasks.found(report, age=time.time() - report.time_stop)
        for uid, (started, background) in snapshot.running_tasks.items():
            ctx.tasks.started(uid, started, background=background)
            if not background:
                ctx.foreground_task = uid
        if snapshot.lists is None:
            await ctx.environment.ask_to_open()
        else:
            ctx.lists.replace(snapshot.lists)
            await ctx.environment.link.request(SetPermissions(ctx.lists.permissions_json))

    # ----------------------------------------------------------------- follower of the environment (see there)
    async def plan_done(self, report: PlanDone, acknowledge: Callable[[], None]) -> None:
        await self._ctx.runner.plan_done(report, acknowledge)

    async def task_done(self, report: TaskDone) -> None:
        self._ctx.tasks.done(report)
        if self._ctx.foreground_task == report.task_uid:
            self._ctx.foreground_task = None
            if self._ctx.lifecycle.state is ManagerState.EXECUTING_TASK:
                self._ctx.lifecycle.fire(Event.TASK_ENDED)

    async def lists_changed(self, lists: Lists, *, opening: bool) -> None:
        policy = self._settings.operation.update_existing_plans_and_devices
        self._ctx.lists.replace(lists)
        if policy == "ALWAYS" or (opening and policy == "ENVIRONMENT_OPEN"):
            await self._ctx.lists.write()

    async def worker_lost(self, reason: str) -> None:
        self._ctx.tasks.lost(reason, time.time())
        self._ctx.foreground_task = None
        await self._ctx.runner.worker_lost(reason)

    def engine_changed(self, state: WorkerState) -> None:
        self._ctx.runner.engine_changed(state)

    def document(self, report: Document) -> None:
        self._ctx.documents.take(report)

    # ------------------------------------------------------------------------------------------------------- the end
    def _stop(self, why: str) -> None:
        if not self._stopping.is_set():
            self._why = why
            logger.info("RE Manager is stopping: %s", why)
            self._stopping.set()

    async def _end(self) -> None:
        """End the worker, then record what it was running: it cannot complete any more."""
        ctx = self._ctx
        reason = f"The service was stopped while the plan was running: {self._why}"
        if ctx.environment.is_open and ctx.queue.running_uid is not None and not await self._let_clean_up(reason):
            reason += f". It did not end in {_CLEANING:g} s and was killed without its clean-up"
        if ctx.environment.has_process:
            try:
                async with asyncio.timeout(_CLOSING):
                    if ctx.lifecycle.state is ManagerState.IDLE:
                        await ctx.environment.close()
                    else:
                        await ctx.environment.kill(reason)
                    await ctx.environment.wait_gone()
            except (TimeoutError, QSError) as error:
                logger.warning("The worker does not end by itself (%s): it is killed", str(error) or "no answer")
                await ctx.environment.kill(reason)
        try:
            async with asyncio.timeout(_RECORDING):
                await ctx.runner.worker_lost(reason)
                await ctx.ledger.drain()
        except TimeoutError:
            logger.warning(
                "The end of the plan could not be stored: the next start will find it running, and record it"
            )

    async def _let_clean_up(self, reason: str) -> bool:
        """Abort the running plan, whose clean-up closes shutters and stops motors; whether it ended in time."""
        changed = asyncio.Event()
        self._ctx.changed.watch(changed.set)
        try:
            async with asyncio.timeout(_CLEANING):
                failure = await self._ctx.runner.interrupt(reason, changed)
        except TimeoutError:
            logger.warning("The plan did not end in %g s: it is killed WITHOUT its clean-up", _CLEANING)
            return False
        except QSError as error:
            logger.warning("The plan cannot be aborted and is killed WITHOUT its clean-up: %s", error)
            return False
        if failure:
            logger.error("The plan has ended, but its clean-up may not be complete: %s", failure)
        else:
            logger.info("The plan has cleaned up and ended")
        return True


async def _mention_other_queue() -> None:
    """Tell a site that moves to this service where its queue is, before somebody believes it lost."""
    host, port = DEFAULT_REDIS_ADDR.split(":")
    if await queue_in_redis(host, int(port)):
        logger.warning("%s", _OTHER_QUEUE)


def _first(errors: ExceptionGroup[QSError]) -> QSError:
    """The error to tell of: what ended the others is the first of them."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, QSError)
    return error


def _location(settings: Settings) -> StartupLocation:
    startup = settings.startup
    return find(
        startup_dir=startup.startup_dir,
        startup_profile=startup.startup_profile,
        startup_module=startup.startup_module,
        startup_script=startup.startup_script,
        ipython_dir=startup.ipython_dir,
        existing_plans_devices=startup.existing_plans_and_devices_path,
        user_group_permissions=startup.user_group_permissions_path,
    )


def _kernel(settings: Settings) -> KernelSpec | None:
    worker = settings.worker
    if not worker.use_ipython_kernel:
        return None
    ports = {
        "shell": worker.ipython_shell_port,
        "iopub": worker.ipython_iopub_port,
        "stdin": worker.ipython_stdin_port,
        "hb": worker.ipython_hb_port,
        "control": worker.ipython_control_port,
    }
    return KernelSpec(
        ip=worker.ipython_kernel_ip,
        matplotlib=worker.ipython_matplotlib,
        connection_file=worker.ipython_connection_file,
        connection_dir=worker.ipython_connection_dir,
        ipython_dir=settings.startup.ipython_dir,
        ports={channel: port for channel, port in ports.items() if port is not None},
    )


_FOUND = {
    EnvironmentState.INITIALIZING: Event.FOUND_OPENING,
    EnvironmentState.EXECUTING_PLAN: Event.FOUND_PLAN_RUNNING,
    EnvironmentState.EXECUTING_TASK: Event.FOUND_TASK_RUNNING,
    EnvironmentState.CLOSING: Event.FOUND_CLOSING,
}


def _found(worker: WorkerState | None) -> Event:
    """What a worker that is found at the start of a manager is doing."""
    if worker is not None and worker.item_uid and worker.engine == "paused":
        return Event.FOUND_PLAN_PAUSED
    return _FOUND.get(worker.environment, Event.FOUND_NOTHING_RUNNING) if worker else Event.FOUND_NOTHING_RUNNING


def _enabled(fact: bytes | None) -> bool:
    return bool(fact and json.loads(fact).get("enabled"))


async def _tick(publish: Callable[[], None]) -> None:
    """Publish at least once a second: who listens knows that the service is there."""
    while True:
        await asyncio.sleep(INFO_PERIOD)
        publish()
