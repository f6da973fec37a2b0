"""Runs a door, either as a child of a service's supervisor or alone."""

import logging
import os
import socket

from bluesky_qs.config.logs import LEVELS
from bluesky_qs.config.schema import LogLevel
from bluesky_qs.door.door import Door
from bluesky_qs.door.logs import configure_door_logging
from bluesky_qs.door.opening import Opening, prepare
from bluesky_qs.door.reloading import Read
from bluesky_qs.door.serve import serve
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.errors import ConfigError, QSError
from bluesky_qs.ipc.listening import url
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.supervision import ERROR_LOGGED
from bluesky_qs.wire.control import public_key

_log = logging.getLogger(__name__)


def run_child(rundir: RuntimeDir, listening: socket.socket, beat: int) -> int:
    """Run the door of the service with this runtime directory; return the exit code.

    The supervisor passes the listening socket and the file descriptor for signs of life.
    """
    settings = rundir.load_settings()
    configure_door_logging(LEVELS[settings.operation.console_logging_level], settings.log.levels)
    private_key = settings.network.zmq_private_key
    service = ServiceSettings(
        control_addr=rundir.control,
        info_addr=rundir.feed,
        encoding=settings.network.zmq_encoding,
        public_key=None if private_key is None else public_key(private_key),
        is_beside=True,
        others_addr=settings.network.zmq_control_addr,
        others_info_addr=settings.network.zmq_info_addr,
    )

    def opening() -> Opening:
        return prepare(settings.http, os.environ, service=service)

    try:
        run(opening(), listening, read=lambda: opening().settings, beat=beat)
    except QSError as error:
        _log.critical("The HTTP door cannot be opened: %s", error.message)
        return ConfigError.exit_code if isinstance(error, ConfigError) else ERROR_LOGGED
    return 0


def run_alone(opening: Opening, listening: socket.socket, read: Read, level: LogLevel = "NORMAL") -> None:
    """Run a door without a supervisor. ``read`` reads its settings again.

    Raises
    ------
    QSError
        The door cannot be opened.
    """
    configure_door_logging(LEVELS[level])
    _log.info("HTTP server at '%s'", url(listening, tls=opening.http.ssl_certfile is not None))
    run(opening, listening, read=read)


def run(opening: Opening, listening: socket.socket, *, read: Read, beat: int | None = None) -> None:
    """Run a door until it receives a signal to stop.

    Raises
    ------
    QSError
        The door cannot be opened.
    """
    _log.info("Process %d answers HTTP requests", os.getpid())
    for sentence in opening.warnings:
        _log.warning("%s", sentence)
    if opening.key_file is not None:
        _log.info("The key for the HTTP door is in %s", opening.key_file)
    serve(Door(opening.settings, Accounts), listening, read=read, beat=beat)
