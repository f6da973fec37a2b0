"""How our log lines look: ``[I 2022-02-17 16:59:59,198 bluesky_qs.worker.engine] Pausing Run Engine ...``."""

import logging

from bluesky_qs.config.schema import LogLevel

OURS = "bluesky_qs"
FORMAT = "[%(levelname).1s %(asctime)s %(name)s] %(message)s"

#: What ``console_logging_level`` means. Why the service cannot start is always said.
LEVELS: dict[LogLevel, int] = {
    "SILENT": logging.CRITICAL,
    "QUIET": logging.WARNING,
    "NORMAL": logging.INFO,
    "VERBOSE": logging.DEBUG,
}


def configure_logging(level: int | str = logging.INFO) -> None:
    """Let our loggers write to the standard error stream in the service's format. May be called again.

    Only our own: the root logger belongs to the user's code, which may configure it as it likes.
    """
    ours = logging.getLogger(OURS)
    if not ours.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        ours.addHandler(handler)
    ours.setLevel(level)
    ours.propagate = False
    enable_logging()


def enable_logging() -> None:
    """Undo what ``logging.config.dictConfig`` in user code does by default: disabling every logger that it finds."""
    for name in list(logging.root.manager.loggerDict):
        if name == OURS or name.startswith(f"{OURS}."):
            logging.getLogger(name).disabled = False
