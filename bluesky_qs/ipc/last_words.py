"""Notes of a worker that runs startup code: the current file, and where it crashed."""

import contextlib
import faulthandler
import os
import re
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, NamedTuple

from bluesky_qs.ipc.runtime import RuntimeDir

#: Maximum number of characters passed on: a crash with many threads has a long traceback.
_LONGEST = 50_000
_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)


class LastWords:
    """The notes file. The worker writes it, and it exists while startup code runs."""

    def __init__(self, link: str) -> None:
        self._path = RuntimeDir.last_words(link)
        self._over = False
        # The descriptor stays open until the process ends, because the fault handler continues to write to its number.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "w+b", buffering=0, closefd=False)
        # Until then, crashes do not go to standard error, because the manager logs them.
        faulthandler.enable(self._file)

    def begins(self, path: str, shown: str) -> None:
        """Record the startup file that runs next, and its name in messages."""
        with contextlib.suppress(OSError):  # no space left: the name of the file is lost
            self._file.seek(0)
            self._file.truncate()
            self._file.write(f"{path}\0{shown}\0".encode(errors="surrogateescape"))

    def note_place(self) -> None:
        """Record the main thread's position, as the fault handler does. Any thread may call this."""
        if self._over:
            return
        stack = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident or 0])  # noqa: SLF001 - no public way
        frames = "".join(f'  File "{f.filename}", line {f.lineno} in {f.name}\n' for f in reversed(stack))
        with contextlib.suppress(OSError):
            self._file.write(f"Current thread (most recent call first):\n{frames}".encode(errors="replace"))

    def close(self) -> None:
        """End the notes: the startup code has run, and crashes are reported on standard error again."""
        self._over = True
        self._path.unlink(missing_ok=True)
        # The fault handler keeps the descriptor's number; user code may have set another one.
        with contextlib.suppress(OSError):
            os.dup2(2, self._file.fileno(), inheritable=False)


class StartupCrash(NamedTuple):
    """How startup code ended its process."""

    message: str
    file: str | None = None
    line: int | None = None
    traceback: str = ""


def read(link: str) -> str:
    """Return the notes of this link's worker; empty if it ran no startup code."""
    with contextlib.suppress(OSError):
        return RuntimeDir.last_words(link).read_bytes()[:_LONGEST].decode(errors="replace")
    return ""


def understood(words: str, what: str) -> StartupCrash:
    """Describe the notes in a sentence: file, line, and ``what`` happened to the process."""
    file, _, rest = words.partition("\0")
    shown, _, crash = rest.partition("\0")
    if not file:
        return StartupCrash(what)
    # The threads are listed one after another; the crashed one is "current", with its innermost frame first.
    folder = f"{Path(file).parent}{os.sep}"
    current = crash.partition("Current thread")[2].partition("\n\n")[0]
    own = [(place, int(line)) for place, line in _FRAME.findall(current) if place.startswith(folder)]
    if not own:
        return StartupCrash(f"{shown}: {what}", file, None, crash)
    place, line = own[0]
    named = place.removeprefix(folder) if Path(file).name == shown else place
    return StartupCrash(f"{named}, line {line}: {what}", place, line, crash)
