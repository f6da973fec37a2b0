"""How an exception of user code is told: one sentence, and a traceback that starts where the user's code does."""

import traceback
from pathlib import Path
from types import TracebackType

from bluesky_qs.errors import QSError
from bluesky_qs.startup.failure import text_of

_OURS = str(Path(__file__).resolve().parents[1])
#: Modules between us and the user's code; a traceback that has no other frames keeps theirs.
_BETWEEN = ("bluesky.run_engine", "bluesky.utils", "concurrent.futures", "asyncio", "threading")


def sentence(error: BaseException) -> str:
    """``NameError: name 'x' is not defined``; our own errors are sentences already."""
    if isinstance(error, QSError):
        return sendable(error.message)
    text = text_of(error)
    return sendable(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def traceback_text(error: BaseException) -> str:
    """The traceback as Python would print it, without the frames through which we got to the user's code.

    Empty for an error of ours that did not get there.
    """
    start = error.__traceback__
    while start is not None and _leads_in(start):
        start = start.tb_next
    if start is None and isinstance(error, QSError):
        return ""
    return sendable("".join(traceback.format_exception(type(error), error, start or error.__traceback__)))


def came_through(error: BaseException, module: str) -> bool:
    """Whether a function of the module was on the way of the exception."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == module for frame, _ in frames)


def sendable(text: str) -> str:
    """The text without lone surrogates, which come from file names and which UTF-8 does not know."""
    return text.encode(errors="backslashreplace").decode()


def _leads_in(frame: TracebackType) -> bool:
    code, module = frame.tb_frame.f_code, frame.tb_frame.f_globals.get("__name__", "")
    return code.co_filename.startswith(_OURS) or module.startswith(_BETWEEN)
