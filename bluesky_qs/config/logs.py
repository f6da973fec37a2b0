"""The format of our log lines: ``[I 2022-02-17 16:59:59,198 bluesky_qs.worker.engine] Pausing Run Engine ...``."""

import logging
from collections.abc import Iterable

from bluesky_qs.config.schema import LogLevel

OURS = "bluesky_qs"
FORMAT = "[%(levelname).1s %(asctime)s %(name)s] %(message)s"

#: Levels of ``console_logging_level``. The reason why the service cannot start is always logged.
LEVELS: dict[LogLevel, int] = {
    "SILENT": logging.CRITICAL,
    "QUIET": logging.WARNING,
    "NORMAL": logging.INFO,
    "VERBOSE": logging.DEBUG,
}


def configure_logging(
    level: int | str = logging.INFO, handler: logging.Handler | None = None, *, parts: Iterable[str] = ()
) -> None:
    """Let our loggers write in the service's format: to ``handler`` or to standard error. May be called again.

    The root logger is not changed, because user code may configure it. ``parts`` are levels of parts of the service,
    such as ``manager=DEBUG``.
    """
    ours = logging.getLogger(OURS)
    if not ours.handlers:
        handler = handler or logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        ours.addHandler(handler)
    ours.setLevel(level)
    for part in parts:
        name, _, part_level = part.partition("=")
        logging.getLogger(f"{OURS}.{name}").setLevel(part_level)
    ours.propagate = False
    enable_logging()


def omit_origins() -> None:
    """Make log records cheaper by omitting the thread and the process, which our log lines do not show.

    Use it only in processes without user code, because user code may have a log format that shows them.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def enable_logging() -> None:
    """Enable our loggers again: ``logging.config.dictConfig`` in user code disables existing loggers by default."""
    for name in list(logging.root.manager.loggerDict):
        if name == OURS or name.startswith(f"{OURS}."):
            logging.getLogger(name).disabled = False
