"""A whole manager in a thread, for tests of clients and of plans."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.config.schema import Settings
from bluesky_qs.store.base import Store
from bluesky_qs.testing.aio import AsyncManager, Condition
from bluesky_qs.testing.clock import Clock
from bluesky_qs.testing.worker import ScriptedWorker
from bluesky_qs.wire import info

R = TypeVar("R")

#: Seconds to wait for anything before a test fails.
PATIENCE = 30.0


class Manager:
    """A whole manager in its own thread: the real one, with a store in memory and a scripted worker.

    Clients reach it at `control` and `info`, which are real sockets on free ports of this computer.

    Parameters
    ----------
    worker, store, settings, clock
        As in `AsyncManager`.

    Examples
    --------
    >>> from bluesky_qs import REManagerAPI
    >>> from bluesky_qs.testing import Fail, Manager
    >>> with Manager() as manager, REManagerAPI(manager.control, zmq_info_addr=manager.info) as RM:
    ...     manager.worker.on_plan("count", Fail("no beam"))
    ...     manager.open()
    ...     _ = RM.item_add({"item_type": "plan", "name": "count", "args": [["det1"]]})
    ...     _ = RM.queue_start()
    ...     RM.wait_for_idle()
    ...     RM.history_get()["items"][0]["result"]["msg"]
    'no beam'
    """

    def __init__(
        self,
        worker: "ScriptedWorker | str | None" = None,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._inside = AsyncManager(worker, store=store, settings=settings, clock=clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------------------------------------------ life
    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the manager; after `stop`, start it again with the same addresses. Return when it answers requests.

        Raises
        ------
        AddressInUse
            Another program has taken one of the addresses since `stop`.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="manager", daemon=True)
            self._thread.start()
        try:
            self._run(self._inside.start())
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        """Let the manager die and start another one, as a service does. The worker is not affected."""
        self._run(self._inside.restart())

    def stop(self, reason: str = "the test stops the service") -> None:
        """Stop the service in an orderly way: the plan is aborted, the worker ends, the store is closed."""
        self._run(self._inside.stop(reason))

    def close(self) -> None:
        """End everything immediately.

        Raises
        ------
        BaseException
            The exception with which the manager failed.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        try:
            self._run(self._inside.close())
        finally:
            self._loop = self._thread = None
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()

    # ------------------------------------------------------------------------------------------------ its parts
    @property
    def worker(self) -> ScriptedWorker:
        """The scripted worker."""
        return self._inside.worker

    @property
    def clock(self) -> Clock:
        """The manager's clock."""
        return self._inside.clock

    @property
    def store(self) -> Any:
        """The store of the queue."""
        return self._inside.store

    @property
    def control(self) -> str:
        """Address of the control socket."""
        return self._inside.control

    @property
    def info(self) -> str:
        """Address of the info socket."""
        return self._inside.info

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Method and parameters of each client request, oldest first."""
        return self._inside.requests

    @property
    def methods(self) -> list[str]:
        """The method of each client request, oldest first."""
        return [method for method, _ in list(self.requests)]

    @property
    def answers(self) -> dict[str, Any]:
        """Replies to send instead of the manager's, as in `AsyncManager`."""
        return self._inside.answers

    @property
    def subscribed(self) -> set[bytes]:
        """Topics of the info socket that clients listen to."""
        return self._inside.subscribed

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that clients use to find the manager."""
        return {"QSERVER_ZMQ_CONTROL_ADDRESS": self.control, "QSERVER_ZMQ_INFO_ADDRESS": self.info}

    @property
    def output(self) -> str:
        """The console output."""
        return self._inside.output

    def client(self, **options: Any) -> REManagerAPI:
        """A client of this manager; the test closes it. ``options`` are those of `REManagerAPI`."""
        return REManagerAPI(self.control, zmq_info_addr=self.info, **options)

    # ------------------------------------------------------------------------------------------------- requests
    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The reply to a request, even if it is refused. `requests` does not contain the request."""
        return self._run(self._inside.ask(method, **params))

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """The reply to a request that must be accepted.

        Raises
        ------
        AssertionError
            The service refused it; the message gives the reason.
        """
        return self._run(self._inside.do(method, **params))

    def add(self, name: str, *args: Any, pos: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Add a plan to the queue; returns the item."""
        return self._run(self._inside.add(name, *args, pos=pos, **kwargs))

    def fill(self, queue: Iterable[Mapping[str, Any]] = (), history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Replace the queue and the history with these items, as if an earlier service had left them.

        This replaces the manager, as `restart` does. The items are not checked. Items without a uid, user or user group
        get one. History items without a result get the result of a completed plan.
        """
        self._run(self._inside.fill(queue, history))

    def open(self) -> None:
        """Open the environment and return when it is open.

        Raises
        ------
        AssertionError
            The environment does not open; the message says why.
        """
        self._run(self._inside.open())

    def wait_until(self, condition: Condition) -> dict[str, Any]:
        """The first status for which ``condition(status)`` is true.

        The condition is checked whenever the manager publishes its status, a request arrives or the scripted worker
        does something. It may also look at the manager and the worker: ``lambda _: manager.worker.is_waiting``.

        Raises
        ------
        TimeoutError
            The condition does not become true within `PATIENCE` seconds.
        """
        return self._run(self._inside.until(condition))

    def wait_idle(self) -> dict[str, Any]:
        """The first status in which the manager is idle."""
        return self._run(self._inside.until_idle())

    def wait_asked(self, method: str, times: int = 1) -> None:
        """Wait until clients have sent this request this many times."""
        self.wait_until(lambda _: self.methods.count(method) >= times)

    def wait_subscribed(self, topic: bytes | None = None) -> None:
        """Wait until a client has subscribed to this topic of the info socket, or to any topic."""
        self.wait_until(lambda _: self.subscribed if topic is None else topic in self.subscribed)

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all requests for this method, oldest first."""
        return [params for name, params in list(self.requests) if name == method]

    def published(self, topic: bytes) -> list[Any]:
        """Messages published under a topic of `bluesky_qs.wire.info`, oldest first. The status is not included."""
        return self._inside.published(topic)

    def publish(self, topic: bytes, payload: dict[str, Any]) -> None:
        """Publish a payload in the same way as the manager."""
        self._inside.publish(topic, payload)

    def say(self, text: str) -> None:
        """Print text to the console, and publish it as the service does with ``--zmq-publish-console ON``."""
        self._inside.say(text)

    def _run(self, request: Coroutine[Any, Any, R]) -> R:
        if self._loop is None:
            request.close()
            raise RuntimeError("The manager is not running. Use it in a with statement.")
        future: Future[R] = asyncio.run_coroutine_threadsafe(request, self._loop)
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            future.cancel()
            raise TimeoutError(f"Not done after {PATIENCE:g} s. Console output:\n{self.output}") from None


class Result(NamedTuple):
    """How a plan ended: its result in the history, and the documents of its runs as pairs (name, document)."""

    exit_status: str
    msg: str
    traceback: str
    run_uids: list[str]
    documents: list[tuple[str, dict[str, Any]]]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The data of the event documents, oldest first."""
        return [document["data"] for name, document in self.documents if name == "event"]


class Service(Manager):
    """A whole manager in a thread, and worker processes that run startup code and plans: for tests of plans.

    Parameters
    ----------
    startup_dir
        Folder with startup files. Default: the built-in ``sim`` profile.
    settings
        Other settings of the service.

    Examples
    --------
    >>> from bluesky_qs.testing import Service
    >>> with Service() as service:  # doctest: +SKIP
    ...     service.run("count", ["det1"], num=3).exit_status
    'completed'
    """

    def __init__(self, startup_dir: "str | Path | None" = None, *, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        if startup_dir is not None:
            startup = msgspec.structs.replace(settings.startup, startup_dir=str(startup_dir))
            settings = msgspec.structs.replace(settings, startup=startup)
        super().__init__("real", settings=settings)

    def run(self, plan: "str | BPlan", *args: Any, **kwargs: Any) -> Result:
        """Run a plan and return when it has ended, with any exit status. Open the environment if necessary.

        Raises
        ------
        AssertionError
            The service does not accept the plan, or the environment does not open; the message says why.
        """
        if not self.ask("status")["worker_environment_exists"]:
            self.open()
        item = BPlan(plan, *args, **kwargs) if isinstance(plan, str) else plan
        reply = self.do("queue_item_execute", item=item.to_dict(), user="tester", user_group="primary")
        uid = reply["item"]["item_uid"]
        self.wait_idle()
        (past,) = [item for item in self.do("history_get")["items"] if item["item_uid"] == uid]
        documents = [
            (document["name"], document["doc"])
            for document in self.published(info.DOCUMENT)
            if document["item_uid"] == uid
        ]
        result = past["result"]
        return Result(result["exit_status"], result["msg"], result["traceback"], result["run_uids"], documents)
