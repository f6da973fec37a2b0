"""Logging for the door and for uvicorn, in the service's format and without secrets."""

import logging
import re
from collections.abc import Callable, Iterable

from bluesky_qs.config.logs import FORMAT, OURS, configure_logging, omit_origins

#: Loggers of uvicorn: warnings and a line for each websocket, and a line for each request.
_UVICORN, _ERROR, _ACCESS = "uvicorn", "uvicorn.error", "uvicorn.access"
#: At lower levels, their lines contain whole requests with headers, and therefore the clients' secrets.
_TELLTALE = (_UVICORN, _ERROR, _ACCESS, "websockets", "websockets.server")
_LOWEST = logging.INFO

_QUERY = re.compile(r"\?[^\s\"']*")
_SECRET = re.compile(
    r"(?i)\b((?:(?:api|lock)_?key|access_token|refresh_token|password|secret|client_secret)[\"']?\s*[=:]\s*)[^\s&;,]+"
)
#: Each match of the patterns has one of these words. Searching for them takes a tenth of the time.
_TELLING = (
    "api_key",
    "apikey",
    "lock_key",
    "lockkey",
    "_token",
    "password",
    "secret",
    "authorization",
    "cookie",
    "csrf",
)
_HEADER = re.compile(r"(?i)\b(authorization|cookie|set-cookie|x-csrf)([\"']?\s*[:=]\s*).*")


def configure_door_logging(level: int, parts: Iterable[str] = ()) -> None:
    """Let the door and uvicorn log to standard error. Requests are logged at the level DEBUG."""
    configure_logging(level, parts=parts)
    omit_origins()
    for handler in logging.getLogger(OURS).handlers:
        handler.addFilter(without_secrets)
    theirs = logging.getLogger(_UVICORN)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    theirs.handlers[:] = [handler]
    shown = _LOWEST if level <= logging.DEBUG else max(level, logging.WARNING)
    for name in (_UVICORN, _ERROR, _ACCESS):
        logger = logging.getLogger(name)
        logger.setLevel(shown)
        logger.propagate = logger is not theirs
    guard_loggers()


def guard_loggers() -> None:
    """Keep secrets out of uvicorn's logs, whatever handlers and levels are set."""
    for name in _TELLTALE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
        logger.setLevel(max(logger.level, _LOWEST))
        logger.addFilter(_without_query)
        logger.addFilter(without_secrets)


def without_secrets(record: logging.LogRecord) -> bool:
    """A filter that replaces keys, tokens and passwords in a message with asterisks."""
    _replace(record, _masked)
    return True


def _masked(text: str) -> str:
    folded = text.casefold()
    if not any(word in folded for word in _TELLING):
        return text
    return _HEADER.sub(r"\1\2***", _SECRET.sub(r"\1***", text))


def _without_query(record: logging.LogRecord) -> bool:
    """A filter that removes the query from a request's address, because it may contain a key."""
    _replace(record, lambda text: _QUERY.sub("", text))
    return True


def _replace(record: logging.LogRecord, change: Callable[[str], str]) -> None:
    text = record.getMessage()
    changed = change(text)
    if changed != text:
        record.msg, record.args = changed, ()
