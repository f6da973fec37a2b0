"""A whole manager in the event loop of a test."""

import asyncio
import contextlib
import itertools
import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
import zmq
import zmq.asyncio

from bluesky_qs.config.schema import Settings
from bluesky_qs.manager.app import RunningManager as App
from bluesky_qs.manager.execution.results import unreported
from bluesky_qs.manager.outside import Outside
from bluesky_qs.plan_queue.changes import AddHistory, Change, ClearQueue, PutItem, TrimHistory
from bluesky_qs.plan_queue.position import spread
from bluesky_qs.store.base import Store
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.supervisor.item_logs import ItemLogs
from bluesky_qs.supervisor.record import Record
from bluesky_qs.testing.clock import Clock
from bluesky_qs.testing.sockets import OWN, ControlLease, ControlSocket, InfoLease, InfoSocket
from bluesky_qs.testing.supervisor import InProcessSupervisor, RealProcesses, ScriptedProcesses
from bluesky_qs.testing.worker import InLoop, ScriptedWorker, in_loop
from bluesky_qs.wire.codec import decode, encode
from bluesky_qs.wire.control import server_socket
from bluesky_qs.wire.info import CONSOLE, console_payload

_ANY_PORT = "tcp://127.0.0.1:*"
_LAST_ANSWER_MS = 500

Condition = Callable[[dict[str, Any]], Any]


class _Frozen(BaseException):
    """Stands for a manager whose event loop is frozen. A service's supervisor would replace it."""


class AsyncManager(InLoop):
    """A whole manager in the event loop of a test: the real one, with a store in memory and a scripted worker.

    Its sockets are real, on free ports of this computer.

    Parameters
    ----------
    worker
        A `ScriptedWorker`; ``"real"`` for worker processes that run the startup code of the settings. Default: a new
        `ScriptedWorker`.
    store
        Default: a new `MemoryStore`.
    settings
        Settings of the service. The addresses in them are ignored.
    clock
        Default: a new `Clock`. The event loop follows it from then on.

    Attributes
    ----------
    control, info
        Addresses of the sockets.
    requests
        Method and parameters of each client request, oldest first.
    answers
        Replies to send instead of the manager's, by method: a reply, a function of the parameters that returns one, or
        None for no reply.

    Examples
    --------
    >>> async def test_a_plan_that_fails_is_queued_again():
    ...     async with AsyncManager() as manager:
    ...         manager.worker.on_plan("count", Fail("no beam"))
    ...         await manager.open()
    ...         await manager.add("count", ["det1"])
    ...         await manager.do("queue_start")
    ...         status = await manager.until_idle()
    ...         assert status["items_in_queue"] == 1
    """

    def __init__(
        self,
        worker: "ScriptedWorker | str | None" = None,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.store: Store = store or MemoryStore()
        self.settings = settings or Settings()
        self.control = self.info = _ANY_PORT
        #: Number of managers that have replaced one that died or froze.
        self.replaced = 0
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self._real = worker == "real"
        self._worker = worker if isinstance(worker, ScriptedWorker) else ScriptedWorker(clock=self.clock)
        self._conditions: list[tuple[Condition, asyncio.Future[dict[str, Any]]]] = []
        self._looks = False
        self._console = Record()
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        #: Closes everything that the current run of the service has opened.
        self._outside = contextlib.ExitStack()

    # ------------------------------------------------------------------------------------------------------ life
    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the manager; after `stop`, start it again with the same addresses. Return when it answers requests.

        Raises
        ------
        AddressInUse
            Another program has taken one of the addresses since `stop`.
        """
        self.loop = self.worker.loop = asyncio.get_running_loop()
        self.clock.drive(self.loop)
        self._worker.clock, self._worker.changed, self._worker.say = self.clock, self._changed, self.say
        with contextlib.ExitStack() as opened:
            folder = self._new_folder(opened) if self._real else None
            self._context = zmq.asyncio.Context()
            opened.callback(self._context.destroy, linger=500)
            self._control = self._bind_control(opened)
            self._info = self._bind_info(opened)
            self._workers: RealProcesses | ScriptedProcesses = (
                ScriptedProcesses(self._worker)
                if folder is None
                else RealProcesses(self._context, folder, self.settings)
            )
            opened.callback(self._workers.close)
            logs = self._worker.logs = ItemLogs(self.settings.operation.item_logs_size * 1_000_000)
            opened.callback(logs.stop, timeout=10)
            self._outside = opened.pop_all()
        self._supervisor = InProcessSupervisor(self._workers, self._console, logs)
        await self._begin()

    async def restart(self) -> None:
        """Let the manager die and start another one, as a service does. The worker is not affected."""
        await self.die()
        await self.replace()

    async def die(self) -> None:
        """Let the manager die. The worker is not affected."""
        await self._cancel()

    async def replace(self) -> None:
        """Start another manager instead of one that died. Return when it answers requests."""
        self._supervisor.restarted = True
        self.replaced += 1
        await self._begin()

    async def stop(self, reason: str = "the test stops the service") -> None:
        """Stop the service in an orderly way: the plan is aborted, the worker ends, the store is closed."""
        if self._task is not None:
            self._supervisor.ask_stop(reason)
            await self.ended()
        self._outside.close()

    async def ended(self) -> None:
        """Wait until the service has stopped."""
        task, self._task = self._task, None
        if task is not None:
            await task

    async def close(self) -> None:
        """End everything immediately.

        Raises
        ------
        BaseException
            The exception with which the manager failed.
        """
        try:
            await self._cancel()
        finally:
            self._outside.close()

    # ------------------------------------------------------------------------------------------------- requests
    @property
    def worker(self) -> ScriptedWorker:
        """The scripted worker."""
        return self._worker

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The reply to a request, even if it is refused. `requests` does not contain the request."""
        encoding = self.settings.network.zmq_encoding
        return decode(await self.ask_raw(encode({"method": method, "params": params}, encoding)), encoding)

    async def ask_raw(self, frame: bytes) -> bytes:
        """The reply to a request. The request and the reply are bytes."""
        if self._task is None:
            raise RuntimeError("The manager is not running")
        with self._context.socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.setsockopt(zmq.IDENTITY, OWN + str(next(self._numbers)).encode())
            if self.settings.network.zmq_private_key is not None:
                socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
                socket.curve_serverkey = zmq.curve_public(self.settings.network.zmq_private_key.encode())
            socket.connect(self.control)
            await socket.send_multipart([b"", frame])
            reply = asyncio.ensure_future(socket.recv_multipart())
            await asyncio.wait([reply, self._task], return_when=asyncio.FIRST_COMPLETED)
            if reply.done():
                return reply.result()[-1]
            reply.cancel()
            # The reply to a request that ended the manager may still be on its way. The loop would not wake up for a
            # reply that arrives during the poll, so the reply is received here.
            late = zmq.Socket.shadow(socket.underlying)
            if late.poll(_LAST_ANSWER_MS):
                return late.recv_multipart()[-1]
            self._task.result()
            raise RuntimeError("The manager ended without a reply")

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """The reply to a request that must be accepted.

        Raises
        ------
        AssertionError
            The service refused it; the message gives the reason.
        """
        reply = await self.ask(method, **params)
        if not reply.get("success", True):  # a status has no such key
            raise AssertionError(f"{method}: {reply['msg']}")
        return reply

    async def add(self, name: str, *args: Any, pos: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Add a plan to the queue; returns the item."""
        item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
        place = {} if pos is None else {"pos": pos}
        return (await self.do("queue_item_add", item=item, user="tester", user_group="primary", **place))["item"]

    async def fill(self, queue: Iterable[Mapping[str, Any]] = (), history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Replace the queue and the history with these items, as if an earlier service had left them.

        This replaces the manager, as `restart` does. The items are not checked. Items without a uid, user or user group
        get one. History items without a result get the result of a completed plan.
        """
        queued = [self._stored(item) for item in queue]
        past = [self._stored(item) for item in history]
        changes: list[Change] = [ClearQueue(), TrimHistory(0)]
        for item, rank in zip(queued, spread(None, None, len(queued)), strict=True):
            changes.append(PutItem(item["item_uid"], rank, json.dumps(item).encode()))
        for item in past:
            result = unreported("completed", now=self.clock.time()) | item.get("result", {})
            changes.append(AddHistory(item["item_uid"], json.dumps({**item, "result": result}).encode()))
        await self.die()
        await self.store.commit(changes)
        await self.replace()

    def _stored(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "item_type": "plan",
            "args": [],
            "kwargs": {},
            "user": "tester",
            "user_group": "primary",
            "item_uid": str(uuid.uuid4()),
            **item,
        }

    async def open(self) -> None:
        """Open the environment and return when it is open.

        Raises
        ------
        AssertionError
            The environment does not open.
        """
        await self.do("environment_open")
        status = await self.until_idle()
        if not status["worker_environment_exists"]:
            report = (await self.do("environment_report"))["report"]
            raise AssertionError(f"The environment did not open: {report.get('message')}")

    async def until(self, condition: Condition) -> dict[str, Any]:
        """The first status for which ``condition(status)`` is true.

        The condition is checked whenever the manager publishes its status, a request arrives or the scripted worker
        does something. It may also look at the manager and the worker: ``lambda _: manager.worker.is_waiting``.

        Raises
        ------
        RuntimeError
            The manager ends before that.
        """
        if self._task is not None:
            published = self._info.status
            status = await self.ask("status")
            if self._info.status is published:  # otherwise a newer status was published while the reply was on its way
                self._info.status = status
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._conditions.append((condition, waiting))
        self._look()
        await asyncio.wait([waiting, *([self._task] if self._task else [])], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            assert self._task is not None
            self._task.result()
            raise RuntimeError(f"The manager ended in the meantime. Its last status: {self._info.status}")
        return waiting.result()

    async def until_idle(self) -> dict[str, Any]:
        """The first status in which the manager is idle."""
        return await self.until(lambda status: status["manager_state"] == "idle")

    def published(self, topic: bytes) -> list[Any]:
        """Messages published under a topic of `bluesky_qs.wire.info`, oldest first. The status is not included."""
        encoding = self.settings.network.zmq_encoding
        return [decode(payload, encoding) for name, payload in list(self._info.published) if name == topic]

    @in_loop
    def publish(self, topic: bytes, payload: dict[str, Any]) -> None:
        """Publish a payload in the same way as the manager."""
        self._info.send_multipart([topic, encode(payload, self.settings.network.zmq_encoding)])

    @property
    def subscribed(self) -> set[bytes]:
        """Topics of the info socket that clients listen to."""
        return {topic for topic, listeners in self._info.subscribed.items() if listeners > 0}

    @property
    def output(self) -> str:
        """The console output."""
        if isinstance(self._workers, RealProcesses):
            return self._workers.log.read_text(errors="replace")
        return self._console.text()

    @in_loop
    def say(self, text: str) -> None:
        """Print text to the console, and publish it as the service does with ``--zmq-publish-console ON``."""
        message = self._console.add(text, self.clock.time())
        self._info.send_multipart([CONSOLE, console_payload(message, self.settings.network.zmq_encoding)])

    # ------------------------------------------------------------------------------------------------ the inside
    async def _begin(self) -> None:
        app = self._new_app()
        self._task = asyncio.ensure_future(self._live(app))
        ready = asyncio.ensure_future(app.ready.wait())
        await asyncio.wait([ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            task, self._task = self._task, None
            self._outside.close()
            task.result()

    async def _live(self, app: App) -> None:
        """Run a manager until it stops. If it freezes, replace it."""
        while True:
            try:
                return await app.run()
            except BaseExceptionGroup as errors:
                if errors.subgroup(_Frozen) is None:
                    raise
            self._supervisor.restarted = True
            self.replaced += 1
            app = self._new_app()

    def _new_app(self) -> App:
        outside = Outside(
            store=self.store,
            supervisor=self._supervisor.connect(),
            connect_worker=self._workers.connect,
            control_socket=lambda: ControlLease(self._control),  # pyright: ignore[reportArgumentType] - as below
            publish_socket=InfoLease(self._info),  # pyright: ignore[reportArgumentType] - has all methods that are used
            clock=self.clock,
            pid=0,
            freeze=_freeze,
        )
        network = msgspec.structs.replace(self.settings.network, zmq_info_addr=self.info)
        return App(msgspec.structs.replace(self.settings, network=network), outside)

    def _new_folder(self, opened: contextlib.ExitStack) -> Path:
        folder = tempfile.mkdtemp(prefix="qs-")
        opened.callback(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def _bind_control(self, opened: contextlib.ExitStack) -> ControlSocket:
        network = self.settings.network
        bound: Any = server_socket(
            zmq.Context(self._context), self.control, private_key=network.zmq_private_key, setting="--zmq-control-addr"
        )
        socket = ControlSocket(bound, network.zmq_encoding, self.answers, self._requested)
        opened.callback(socket.close)
        self.control = _endpoint(bound)
        return socket

    def _bind_info(self, opened: contextlib.ExitStack) -> InfoSocket:
        bound: Any = server_socket(
            zmq.Context(self._context), self.info, kind=zmq.XPUB, setting="--zmq-info-addr", xpub_verboser=True
        )
        socket = InfoSocket(bound, self.settings.network.zmq_encoding, self._changed)
        opened.callback(socket.close)
        self.info = _endpoint(bound)
        return socket

    async def _cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _requested(self, method: str, params: dict[str, Any]) -> None:
        self.requests.append((method, params))
        self._changed()

    def _changed(self) -> None:
        """Check the conditions after this turn of the event loop."""
        if not self._looks and self.loop is not None:
            self._looks = True
            self.loop.call_soon(self._look)

    def _look(self) -> None:
        self._looks = False
        for condition, waiting in list(self._conditions):
            if waiting.done():
                self._conditions.remove((condition, waiting))
                continue
            if self._worker.error is not None:
                waiting.set_exception(self._worker.error)
                continue
            try:
                if condition(self._info.status):
                    waiting.set_result(self._info.status)
            except Exception as error:  # noqa: BLE001 - an error of the test, raised in the test
                waiting.set_exception(error)


def _freeze() -> None:
    raise _Frozen


def _endpoint(socket: Any) -> str:
    return socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
