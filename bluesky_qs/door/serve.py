"""Runs a door: one process, one event loop."""

import resource
import socket
from typing import Any

import uvicorn

from bluesky_qs.door.app import make_app
from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.signin.single_user import SingleUserSignIn

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


def server_of(settings: DoorSettings, **options: Any) -> DoorServer:
    """A server for these settings. ``options`` are those of ``uvicorn.Config``."""
    door = Door(settings, SingleUserSignIn)
    config = uvicorn.Config(
        make_app(door),
        **{
            "host": settings.host,
            "port": settings.port,
            "http": "httptools",
            "ws": "websockets-sansio",
            "loop": "uvloop",
            "lifespan": "on",
            "log_config": None,
            "access_log": False,  # its lines have the query, which may have a key
            "server_header": False,
            "proxy_headers": settings.behind_proxy,
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
    server_of(settings).run(sockets)


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; each connection is one. Return the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
