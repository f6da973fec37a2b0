"""Makes text for exceptions from user code: one sentence, and a traceback that starts in the user's code."""

import traceback
from pathlib import Path
from types import TracebackType

from bluesky_qs.error_text import stored_message, stored_traceback
from bluesky_qs.errors import QSError
from bluesky_qs.startup.failure import text_of

#: The folder of this package.
OURS = str(Path(__file__).resolve().parents[1])
#: Modules between this package's code and the user's. A traceback without other frames keeps theirs.
_BETWEEN = ("bluesky.run_engine", "bluesky.utils", "concurrent.futures", "asyncio", "threading")


def sentence(error: BaseException) -> str:
    """Return the exception as ``NameError: name 'x' is not defined``; only the message for the service's errors."""
    if isinstance(error, QSError):
        return stored_message(error.message)
    text = text_of(error).strip()
    return stored_message(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def traceback_text(error: BaseException) -> str:
    """Return the traceback as Python prints it, without this package's frames above the user's code.

    Empty for one of the service's own errors outside user code.
    """
    start = error.__traceback__
    while start is not None and _leads_in(start):
        start = start.tb_next
    if start is None and isinstance(error, QSError):
        return ""
    return stored_traceback("".join(traceback.format_exception(type(error), error, start or error.__traceback__)))


def came_through(error: BaseException, module: str) -> bool:
    """Return whether the exception passed through a function in the module."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == module for frame, _ in frames)


def sendable(text: str) -> str:
    """Return the text without lone surrogates, which come from file names and cannot be encoded in UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _leads_in(frame: TracebackType) -> bool:
    code, module = frame.tb_frame.f_code, frame.tb_frame.f_globals.get("__name__", "")
    return code.co_filename.startswith(OURS) or module.startswith(_BETWEEN)
