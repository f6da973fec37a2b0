"""The external objects that the manager uses: the store, the links, the sockets and the clock. Tests pass their own."""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import zmq
import zmq.asyncio

from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc.link import ClientEnd, Link
from bluesky_qs.ipc.reports import WorkerReport
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.supervision import SupervisorReport
from bluesky_qs.manager.loop.clock import Clock, SystemClock
from bluesky_qs.manager.other_queue import mention_other_queue
from bluesky_qs.private import close_socket
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store
from bluesky_qs.wire.control import LARGEST_MESSAGE, server_socket


async def _nothing() -> None:
    pass


def _freeze() -> None:
    while True:
        time.sleep(3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The external objects of a manager.

    Attributes
    ----------
    store
        Not open yet. The manager opens it before anything else and closes it last.
    supervisor
        The link to the supervisor; the manager closes it.
    connect_worker
        Creates a link to the worker at the given address. The environment closes it when the worker has ended.
    control_socket
        Creates the ROUTER socket for requests. It is called last during the start, because clients must not connect to
        a service that fails to start. The manager closes the socket.
    publish_socket
        Receives publications as two frames, topic and payload: a PUSH socket to the supervisor, or a PUB socket. The
        manager closes it.
    clock
        The source of all times that the manager stores or measures.
    pid
        The process ID by which the supervisor recognizes this manager.
    found_empty
        Called if the store contains neither a queue nor a history.
    freeze
        Blocks the event loop forever; called by ``manager_kill``.
    """

    store: Store
    supervisor: Link
    connect_worker: Callable[[str], Link]
    control_socket: Callable[[], "zmq.Socket[bytes]"]
    publish_socket: "zmq.Socket[bytes]"
    clock: Clock
    pid: int
    found_empty: Callable[[], Awaitable[None]] = _nothing
    freeze: Callable[[], object] = _freeze


def outside_of_service(directory: RuntimeDir, settings: Settings) -> Outside:
    """Create the objects that the manager of a service uses. Call it in the event loop.

    Raises
    ------
    ConfigError
        The store settings are not valid.
    """
    network = settings.network
    store = chosen_store(settings)
    context = zmq.asyncio.Context()
    publish_socket: zmq.Socket[bytes] = zmq.Context(context).socket(zmq.PUSH)
    publish_socket.linger = 500
    publish_socket.connect(directory.publications)

    def control_socket() -> Any:
        socket = server_socket(
            zmq.Context(context),
            network.zmq_control_addr,
            private_key=network.zmq_private_key,
            setting="--zmq-control-addr",
            maxmsgsize=LARGEST_MESSAGE,
        )
        if settings.http.addr or settings.http.metrics:
            socket.bind(directory.control)
            close_socket(directory.control)
        return socket

    return Outside(
        store=store,
        supervisor=ClientEnd(context, directory.supervisor_link, SupervisorReport),
        connect_worker=lambda address: ClientEnd(context, address, WorkerReport),
        control_socket=control_socket,
        publish_socket=publish_socket,
        clock=SystemClock(),
        pid=os.getpid(),
        found_empty=mention_other_queue if network.redis_addr is None else _nothing,
    )
