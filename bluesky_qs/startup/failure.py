"""How a failure of user code is told: a sentence that names file, line and error; a traceback without our frames."""

import linecache
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from bluesky_qs.errors import StartupError

#: Characters of the sentence that an exception has to say; a traceback has all of them.
LONGEST = 2000

#: Our own code through which the user's is reached, or which it calls (questions, interrupts).
_OURS = tuple(f"{Path(__file__).resolve().parents[1]}{os.sep}{part}{os.sep}" for part in ("startup", "worker", "cli"))
_STANDARD = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - compared as text
_IMPORTLIB = f"{_STANDARD}importlib{os.sep}"
_ASYNCIO = f"{_STANDARD}asyncio{os.sep}"
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", _STANDARD)


class StartupFailed(StartupError):
    """The startup code failed.

    Attributes
    ----------
    file, line
        The place to look at: the innermost line of the user's own code. None where there is none.
    traceback
        The traceback as Python would print it, our own frames left out.
    """

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, traceback: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.traceback = traceback


def failed(
    error: BaseException, roots: Sequence[Path] = (), running: str | None = None, what: str = ""
) -> StartupFailed:
    """What to raise in place of an exception of user code.

    ``roots`` are the folders of the user's own code; ``running`` is the file that ran, for errors without a place;
    without one, ``what`` says what was to run.
    """
    file, line = place(error, roots, running)
    where = f"{shown(file, roots)}{f', line {line}' if line else ''}: " if file else what and f"{what}: "
    return StartupFailed(where + sentence(error), file=file, line=line, traceback=traceback_text(error))


def sentence(error: BaseException) -> str:
    """``NameError: name 'x' is not defined``; for ``sys.exit`` what it means here."""
    if isinstance(error, SystemExit):
        return f"The code ends the process: sys.exit({'' if error.code is None else repr(error.code)})"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = text_of(error).strip().partition("\n")[0]
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text)} characters)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """``str(error)``, which is user code and may raise."""
    try:
        return str(error)
    except Exception as told:  # noqa: BLE001 - user code, too: what went wrong first is what has to be told
        return f"(its text cannot be had: {type(told).__name__})"


def place(
    error: BaseException, roots: Sequence[Path] = (), running: str | None = None
) -> tuple[str | None, int | None]:
    """File and line of the innermost frame in the user's own code, else outside of libraries.

    Without such a frame it is the file that ran, if that is known, else the innermost frame of all. For a syntax error
    of a file that can be looked at: its own place.
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
    """File and line of the user's code that has called ours; None where only libraries have."""
    frames = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_stack(None))
    user = (each for each in frames if not (_is_machinery(each[0]) or any(part in each[0] for part in _LIBRARIES)))
    return next(user, (None, None))


def traceback_text(error: BaseException) -> str:
    """The traceback with the true files and lines, without frames of the loader and of the import system."""
    told = traceback.TracebackException.from_exception(error)
    _strip(told)
    return "".join(told.format())


def _strip(told: traceback.TracebackException) -> None:
    pending: list[traceback.TracebackException | None] = [told]
    while pending:
        one = pending.pop()
        if one is not None:
            frames = [f for f in one.stack if not _is_machinery(f.filename)]
            # Through asyncio we got to a file that awaits at its top level.
            first = next((n for n, frame in enumerate(frames) if not frame.filename.startswith(_ASYNCIO)), 0)
            one.stack = traceback.StackSummary.from_list(frames[first:])
            pending += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or [])]


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    for frame, line in traceback.walk_tb(trace):
        yield frame.f_code.co_filename, line


def _is_machinery(filename: str) -> bool:
    return filename.startswith((*_OURS, _IMPORTLIB, "<frozen importlib"))


def _can_be_read(filename: str) -> bool:
    return bool(linecache.getlines(filename)) or Path(filename).is_file()


def shown(file: str | None, roots: Sequence[Path]) -> str:
    """How messages name a file: below one of the roots relative to it, any other in full."""
    path = Path(file or "")
    # The root of a module that is a single file is that file.
    return next(
        (str(path.relative_to(r if path != r else r.parent)) for r in roots if path.is_relative_to(r)), str(path)
    )
