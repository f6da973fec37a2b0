"""What a worker notes while it runs startup code, for whoever finds it dead: the file, and where in it a crash was."""

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

#: Characters that are passed on: a crash in many threads has a long traceback.
_LONGEST = 50_000
_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)


class LastWords:
    """Written by the worker. It is there as long as startup code runs."""

    def __init__(self, link: str) -> None:
        self._path = RuntimeDir.last_words(link)
        self._over = False
        self._file: IO[bytes] = self._path.open("w+b", buffering=0)
        # Not on the standard error stream meanwhile: the manager passes it on, to the log too.
        faulthandler.enable(self._file)

    def begins(self, path: str, shown: str) -> None:
        """Note the startup file that is going to run, and how messages name it."""
        with contextlib.suppress(OSError):  # no space left: then nobody is told which file it was
            self._file.seek(0)
            self._file.truncate()
            self._file.write(f"{path}\0{shown}\0".encode(errors="surrogateescape"))

    def note_place(self) -> None:
        """Note where the main thread is, as the fault handler would; any thread may call this."""
        if self._over:
            return
        stack = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident or 0])  # noqa: SLF001 - the way to it
        frames = "".join(f'  File "{f.filename}", line {f.lineno} in {f.name}\n' for f in reversed(stack))
        with contextlib.suppress(OSError):
            self._file.write(f"Current thread (most recent call first):\n{frames}".encode(errors="replace"))

    def close(self) -> None:
        """The startup code has run: from now on a crash is told on the standard error stream, as ever."""
        self._over = True
        self._path.unlink(missing_ok=True)
        # The fault handler keeps the number of the descriptor, and has been given another one if user code wanted that.
        with contextlib.suppress(OSError):
            os.dup2(2, self._file.fileno(), inheritable=False)


class End(NamedTuple):
    """How startup code ended that took its process with it."""

    message: str
    file: str | None = None
    line: int | None = None
    traceback: str = ""


def read(link: str) -> str:
    """What the worker of this link has noted; empty if it ran no startup code."""
    with contextlib.suppress(OSError):
        return RuntimeDir.last_words(link).read_bytes()[:_LONGEST].decode(errors="replace")
    return ""


def understood(words: str, what: str) -> End:
    """What was noted, in a sentence: file, line, and ``what`` has happened to the process."""
    file, _, rest = words.partition("\0")
    shown, _, crash = rest.partition("\0")
    if not file:
        return End(what)
    # Threads are told one after the other, the one that crashed is "current"; its innermost frame comes first.
    folder = f"{Path(file).parent}{os.sep}"
    current = crash.partition("Current thread")[2].partition("\n\n")[0]
    own = [(place, int(line)) for place, line in _FRAME.findall(current) if place.startswith(folder)]
    if not own:
        return End(f"{shown}: {what}", file, None, crash)
    place, line = own[0]
    named = place.removeprefix(folder) if Path(file).name == shown else place
    return End(f"{named}, line {line}: {what}", place, line, crash)
