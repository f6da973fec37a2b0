"""Runs a door: one process, one event loop."""

import logging
import resource
import socket
from collections.abc import Iterable
from typing import Any

import uvicorn
from starlette.routing import BaseRoute

from bluesky_qs.door.app import make_app
from bluesky_qs.door.door import Door
from bluesky_qs.door.protocol import limited_protocol
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.streams.protocol import SharedFrames

#: The largest message of a client on a websocket; the only one is that with its credentials.
_LARGEST_MESSAGE = 64 * 1024
#: Their lines at lower levels have headers and queries, and so the secrets of clients.
_TELLTALE_LOGGERS = ("uvicorn", "uvicorn.error", "websockets", "websockets.server")
#: Seconds that open requests and streams have to end when the door is stopped.
_LAST_SECONDS = 3


class DoorServer(uvicorn.Server):
    """Serves a door; tells its streams to end before it closes the connections."""

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self._door.closing.set()
        await self._door.streams.end()
        await super().shutdown(sockets)


def server_of(door: Door, more: Iterable[BaseRoute] = (), **options: Any) -> DoorServer:
    """A server for a door. ``more`` are routes of Starlette; ``options`` are those of ``uvicorn.Config``."""
    settings = door.settings
    for name in _TELLTALE_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # whoever adds a handler to it gets no queries either
    config = uvicorn.Config(
        make_app(door, more),
        **{
            "host": settings.host,
            "port": settings.port,
            "http": limited_protocol(settings.head_limit),
            "ws": SharedFrames,
            "ws_max_size": _LARGEST_MESSAGE,
            "ws_per_message_deflate": False,  # costs more CPU time than everything else in a stream
            "loop": "uvloop",
            "lifespan": "on",
            "log_config": None,
            "access_log": False,  # its lines have the query, which may have a key
            "server_header": False,
            "proxy_headers": settings.behind_proxy,
            "forwarded_allow_ips": list(settings.proxies),
            "root_path": settings.root_path,
            "ssl_certfile": settings.certificate,
            "ssl_keyfile": settings.private_key,
            "timeout_graceful_shutdown": _LAST_SECONDS,
            **options,
        },
    )
    return DoorServer(config, door)


def serve(settings: DoorSettings, sockets: list[socket.socket] | None = None) -> None:
    """Run a door until it is told to stop (SIGTERM, SIGINT). ``sockets`` may be listening already."""
    raise_file_limit()
    server_of(Door(settings, Accounts)).run(sockets)


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; each connection is one. Return the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
