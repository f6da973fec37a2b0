"""The life of a manager: it assembles its parts, continues the work of the last manager and serves until stopped."""

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bluesky_qs.config.logs import LEVELS, configure_logging, omit_origins
from bluesky_qs.config.schema import Settings
from bluesky_qs.errors import ConfigError, QSError, StoreError
from bluesky_qs.ipc.item_marks import Marks
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.supervision import BEAT_PERIOD, ERROR_LOGGED, Beat, Hello, Inventory, StopRequested, WorkerEnded
from bluesky_qs.manager.announcement import summary
from bluesky_qs.manager.assembly import assemble
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.edits.events import EventEdit
from bluesky_qs.manager.ending import Stopping, end
from bluesky_qs.manager.loop.disk_watch import watch_disk
from bluesky_qs.manager.loop.log_lines import TurnHandler
from bluesky_qs.manager.outside import Outside, outside_of_service
from bluesky_qs.manager.published.publisher import Publisher
from bluesky_qs.manager.published.status import StatusBoard
from bluesky_qs.manager.requests.dispatch import Dispatcher
from bluesky_qs.manager.requests.server import ControlServer
from bluesky_qs.manager.take_up import take_up
from bluesky_qs.manager.worker.opening import location_of
from bluesky_qs.plan_queue.changes import Snapshot
from bluesky_qs.startup.find import StartupLocation
from bluesky_qs.wire.info import INFO_PERIOD

logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """Ends the manager's task group: the service has stopped."""


def run(directory: RuntimeDir) -> int:
    """Run the manager of the service with this runtime directory; return the exit code."""
    settings = directory.load_settings()
    handler = TurnHandler(sys.stderr, Marks.of_process())
    configure_logging(LEVELS[settings.operation.console_logging_level], handler, parts=settings.log.levels)
    omit_origins()
    if settings.operation.otel:
        from bluesky_qs.ipc import otel  # noqa: PLC0415 - only with traces

        otel.start("manager")
    try:
        asyncio.run(_run(directory, settings))
    except QSError as error:
        logger.critical("RE Manager cannot start: %s", error.message)
        return ConfigError.exit_code if error.exit_code == ConfigError.exit_code else ERROR_LOGGED
    return 0


async def _run(directory: RuntimeDir, settings: Settings) -> None:
    await RunningManager(settings, outside_of_service(directory, settings)).run()


class RunningManager:
    """A manager, from its start to its end.

    Attributes
    ----------
    ready
        Set when the manager answers requests. Requests that arrive earlier wait for it.
    """

    def __init__(self, settings: Settings, outside: Outside) -> None:
        self._settings = settings
        self._outside = outside
        self._stopping = Stopping()
        self._server: ControlServer | None = None
        self.ready = asyncio.Event()

    def stop(self, why: str) -> None:
        """Stop the service: abort the running plan and end the worker. Then `run` returns."""
        self._stopping.request(why)

    async def run(self) -> None:
        """Serve until the service is stopped.

        Raises
        ------
        QSError
            The service cannot start because of the store, the startup code's location, the permissions or the control
            socket.
        """
        try:
            location = location_of(self._settings)
            await self._outside.store.open()
            try:
                await self._run(location)
            finally:
                await self._outside.store.close()
        finally:
            self._outside.publish_socket.close()
            self._outside.supervisor.close()
            if self._server is not None:
                self._server.close()

    async def _run(self, location: StartupLocation) -> None:
        store = self._outside.store
        try:
            snapshot = await store.load()
            logger.info("The queue is kept in %s", store.description)
            if not (snapshot.items or snapshot.history):
                await self._outside.found_empty()
            async with asyncio.TaskGroup() as tasks:
                await self._serve(tasks, snapshot, location)
        except* _Stopped:
            pass
        except* QSError as errors:
            if self.ready.is_set():
                raise  # a bug in the manager: log the traceback
            raise _first(errors) from None

    async def _serve(self, tasks: asyncio.TaskGroup, snapshot: Snapshot, location: StartupLocation) -> None:
        supervisor = self._outside.supervisor
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        tasks.create_task(self._receive(inbox))
        folder = self._outside.store.state_folder
        inventory = await supervisor.request(Hello(self._outside.pid, str(folder.absolute()) if folder else None))
        encoding = self._settings.network.zmq_encoding
        publisher = Publisher(self._outside.publish_socket, encoding)
        ctx = assemble(
            self._settings,
            self._outside,
            snapshot=snapshot,
            inventory=inventory,
            location=location,
            publisher=publisher,
            spawn=tasks.create_task,
            stop=self.stop,
        )
        # Before the first beat, because the supervisor would retry a manager that fails later.
        await ctx.lists.load_permissions(_stored_permissions(ctx, snapshot, restarted=inventory.restarted))
        tasks.create_task(ctx.ledger.write())
        tasks.create_task(ctx.search.follow())
        tasks.create_task(ctx.documents.live())
        for part in (ctx.times, ctx.foresight, ctx.end_of_queue):
            tasks.create_task(part.live())
        tasks.create_task(self._beat())
        if folder is not None:
            tasks.create_task(watch_disk(folder.parent))
        # A manager that replaces this one uses the stored permissions, even if their file has changed.
        ctx.ledger.submit(*ctx.lists.to_store(snapshot.facts.get("user_group_permissions")))
        ctx.ledger.submit(*ctx.runner.switches.to_store(snapshot.facts))
        board = StatusBoard(ctx)
        dispatcher = Dispatcher(ctx, lambda: board.json, encoding)
        server = self._server = ControlServer(self._outside.control_socket(), dispatcher, tasks.create_task)
        try:
            _announce(ctx, location, folder)
            board.watch(publisher.status)
            tasks.create_task(_tick(lambda: publisher.status(board.json)))
            tasks.create_task(self._handle_reports(ctx, inbox))
            await self._begin(ctx, board, inventory)
            dispatcher.ready.set()
            self.ready.set()
            if inventory.stopping:
                self.stop("the service was stopping when this manager started")
            await self._stopping.wait()
            await end(ctx, self._stopping)
        finally:
            server.stop_listening()
        raise _Stopped

    async def _begin(self, ctx: Context, board: StatusBoard, inventory: Inventory) -> None:
        """Continue the last manager's work, then start to react to changes."""
        await ctx.lists.reload_lists()
        await ctx.documents.recall()  # before the worker sends more of them
        await ctx.times.recall()
        await ctx.ledger.drain()
        await take_up(ctx, inventory)
        ctx.changed.watch(lambda: self._autostart(ctx))
        ctx.changed.watch(ctx.foresight.look)
        ctx.changed.watch(ctx.end_of_queue.look)
        ctx.foresight.look()
        board.watch_parts(lambda event: ctx.ledger.submit(EventEdit(event)))

    # ------------------------------------------------------------------------------------------ supervisor and time
    async def _receive(self, inbox: asyncio.Queue[Any]) -> None:
        supervisor = self._outside.supervisor
        async for seq, report in supervisor.reports():
            supervisor.acknowledge(seq)
            inbox.put_nowait(report)

    async def _handle_reports(self, ctx: Context, inbox: asyncio.Queue[Any]) -> None:
        """Handle the supervisor's reports in order."""
        while True:
            match await inbox.get():
                case WorkerEnded() as report:
                    await ctx.environment.ended(report)
                case StopRequested(reason, hurry):
                    self.stop(reason)
                    if hurry:
                        self._stopping.hurry()

    async def _beat(self) -> None:
        while True:
            await self._outside.supervisor.request(Beat())
            await asyncio.sleep(BEAT_PERIOD)

    # ---------------------------------------------------------------------------------------------------- autostart
    def _autostart(self, ctx: Context) -> None:
        if ctx.runner.consider_autostart() and not self._stopping.is_requested:
            ctx.spawn(_start_automatically(ctx))


async def _start_automatically(ctx: Context) -> None:
    if not ctx.runner.consider_autostart():
        return
    logger.info("Autostart: starting the queue")
    try:
        await ctx.runner.start()
    except StoreError as error:
        logger.error("Autostart: the queue was not started: %s", error.message)  # noqa: TRY400 - the message is enough


def _stored_permissions(ctx: Context, snapshot: Snapshot, *, restarted: bool) -> bytes | None:
    """The stored permissions; None if the settings require reading the file at every start of the service."""
    if ctx.settings.operation.user_group_permissions_reload == "ON_STARTUP" and not restarted:
        return None
    return snapshot.facts.get("user_group_permissions")


def _announce(ctx: Context, location: StartupLocation, folder: Path | None) -> None:
    for note in location.notes:
        logger.warning("%s", note)
    logger.info("%s", summary(ctx.queue, ctx.lock))
    logger.info("Startup code: %s", location)
    logger.info("Permissions: %s", location.permissions_path)
    if folder is not None:
        logger.info("Index, documents and logs of plans: %s", folder)
    logger.info("ZeroMQ server is waiting on %s", ctx.settings.network.zmq_control_addr)


def _first(errors: ExceptionGroup[QSError]) -> QSError:
    """The first error, which ended the other tasks."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, QSError)
    return error


async def _tick(publish: Callable[[], None]) -> None:
    """Publish the status once a second, to show listeners that the service is alive."""
    while True:
        await asyncio.sleep(INFO_PERIOD)
        publish()
