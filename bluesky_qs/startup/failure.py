"""Reports a failure of user code: a sentence with the file, line and error, and a traceback of user code only."""

import linecache
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from bluesky_qs.error_text import safe, stored_traceback
from bluesky_qs.errors import StartupError

#: Maximum number of characters of an exception's text in the sentence. The traceback has more of them.
LONGEST = 2000

#: The service's code that calls user code, or that user code calls (input prompts, interrupts).
_OURS = tuple(f"{Path(__file__).resolve().parents[1]}{os.sep}{part}{os.sep}" for part in ("startup", "worker", "cli"))
_STANDARD = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - compared as text
_IMPORTLIB = f"{_STANDARD}importlib{os.sep}"
#: Code that calls user code: files that await at their top level run in asyncio, and cells and `%run` run in IPython.
_CALLERS = (f"{_STANDARD}asyncio{os.sep}", f"{os.sep}IPython{os.sep}core{os.sep}")
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", _STANDARD)


class StartupFailed(StartupError):
    """The startup code failed.

    Attributes
    ----------
    file, line
        Where the code failed: the innermost line of the user's own code, or None.
    traceback
        The traceback as Python would print it, without the service's frames.
    """

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, traceback: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.traceback = traceback


def failed(
    error: BaseException, roots: Sequence[Path] = (), running: str | None = None, what: str = ""
) -> StartupFailed:
    """Return the error to raise in place of an exception from user code.

    ``roots`` are the folders of the user's own code. For errors without a location, ``running`` is the file that was
    running, or ``what`` names the code.
    """
    file, line = place(error, roots, running)
    where = f"{shown(file, roots)}{f', line {line}' if line else ''}: " if file else what and f"{what}: "
    return StartupFailed(where + sentence(error), file=file, line=line, traceback=traceback_text(error))


def sentence(error: BaseException) -> str:
    """Return the error as a sentence: ``NameError: name 'x' is not defined``."""
    if isinstance(error, SystemExit):
        return f"The code called sys.exit({'' if error.code is None else repr(error.code)})"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = text_of(error).strip().partition("\n")[0]
    text = safe(text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text)} characters)")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """Return ``str(error)``, which is user code and may itself raise an error."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - user code, too; the first error must still be reported
        return f"(str() of the exception raised {type(second).__name__})"


def place(
    error: BaseException, roots: Sequence[Path] = (), running: str | None = None
) -> tuple[str | None, int | None]:
    """Return the file and line of the innermost frame in the user's own code or, failing that, outside of libraries.

    If there is no such frame, return the file that was running if it is known, otherwise the innermost frame. A syntax
    error in a readable file has its own location.
    """
    if isinstance(error, SyntaxError) and error.filename and (_can_be_read(error.filename)):
        return error.filename, error.lineno
    frames = [(f, n) for f, n in _frames(error.__traceback__) if not _is_machinery(f)]
    own = [(f, n) for f, n in frames if any(Path(f).is_relative_to(r) for r in roots)]
    written = [(f, n) for f, n in frames if not any(part in f for part in _LIBRARIES)]
    for candidates in (own, written, [] if running else frames):
        if candidates:
            return candidates[-1]
    return running, None


def caller() -> tuple[str | None, int | None]:
    """Return the file and line of the user code that called this service's code; None if only libraries did."""
    frames = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_stack(None))
    user = (each for each in frames if not (_is_machinery(each[0]) or any(part in each[0] for part in _LIBRARIES)))
    return next(user, (None, None))


def traceback_text(error: BaseException) -> str:
    """Return the traceback with the correct files and lines, without frames of the loader and the import system."""
    report = traceback.TracebackException.from_exception(error)
    _strip(report)
    return stored_traceback("".join(report.format()))


def _strip(report: traceback.TracebackException) -> None:
    pending: list[traceback.TracebackException | None] = [report]
    while pending:
        one = pending.pop()
        if one is not None:
            frames = [f for f in one.stack if not _is_machinery(f.filename)]
            first = next((n for n, frame in enumerate(frames) if not _is_caller(frame.filename)), 0)
            one.stack = traceback.StackSummary.from_list(frames[first:])
            pending += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or [])]


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    for frame, line in traceback.walk_tb(trace):
        yield frame.f_code.co_filename, line


def _is_caller(filename: str) -> bool:
    return any(part in filename for part in _CALLERS)


def _is_machinery(filename: str) -> bool:
    return filename.startswith((*_OURS, _IMPORTLIB, "<frozen importlib"))


def _can_be_read(filename: str) -> bool:
    return bool(linecache.getlines(filename)) or Path(filename).is_file()


def shown(file: str | None, roots: Sequence[Path]) -> str:
    """Return the name of a file for messages: relative to the root that contains it, otherwise in full."""
    path = Path(file or "")
    # If a module is a single file, its root is this file.
    return next(
        (str(path.relative_to(r if path != r else r.parent)) for r in roots if path.is_relative_to(r)), str(path)
    )
