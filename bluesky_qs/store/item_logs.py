"""The logs of items and tasks. Each item or task has its own files in the state folder.

A log has up to three files: ``logs/START-UID.log`` with its first half, and ``….log.1`` and ``….log.2`` (the newer one)
with its end. Each line in a file is a message in the same form as on the console: ``{"time", "msg", "seq"}`` as JSON.
Messages are numbered, so a gap in the numbers shows where messages are missing. Lines that cannot be read are skipped.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from bluesky_qs.private import make_folder
from bluesky_qs.wire.info import ConsoleMessage, console_payload

#: Number of bytes to keep from the beginning and from the end of a log.
HALF = 500_000
#: Number of bytes that an empty file counts for, because it needs an entry in the folder.
_LEAST = 4096
_NAME = re.compile(r"(\d{17})-([\w-]+)\.log(\.[12])?")
_PLAIN = re.compile(r"[A-Za-z0-9-]{1,64}")
_MICRO = 1_000_000

_message = msgspec.json.Decoder(ConsoleMessage)


class LogFile:
    """The log of one item, which is being written or was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Size on the disk, in bytes.
        self.size = 0
        self._file: BinaryIO | None = None
        self._room = HALF
        self._seq = 0
        self._is_torn = False

    @property
    def is_open(self) -> bool:
        """Whether the item is still printing."""
        return self._file is not None

    def begin(self) -> None:
        """Create the file, with the folder.

        Raises
        ------
        OSError
        """
        make_folder(self.path.parent)
        self._file = self._opened(self.path)

    def add(self, text: str, when: float) -> None:
        """Add a message. If it cannot be written, its number is missing in the log.

        Raises
        ------
        OSError
        """
        self._seq += 1
        line = console_payload(ConsoleMessage(when, text, self._seq)) + b"\n"
        if self._file is None:
            self.begin()
        if self._room < len(line):
            self._go_on_in_another_file()
        assert self._file is not None
        self._room -= len(line)
        if self._is_torn:
            line = b"\n" + line
        self._is_torn = True
        self._file.write(line)
        self._is_torn = False
        self.size += len(line)

    def miss(self) -> None:
        """Record that a message was not kept."""
        self._seq += 1

    def end(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Remove the files."""
        self.end()
        for path in _paths(self.path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _go_on_in_another_file(self) -> None:
        """Write the end of the log into a new file, and also keep the latest file."""
        _, older, newer = _paths(self.path)
        self.end()
        if newer.exists():
            with contextlib.suppress(OSError):
                self.size -= older.stat().st_size
            newer.replace(older)
        self._file, self._room = self._opened(newer), HALF

    @staticmethod
    def _opened(path: Path) -> BinaryIO:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # The file is not buffered, so that nothing is lost if this process is killed.
        return os.fdopen(descriptor, "wb", buffering=0)


class LogFolder:
    """The logs in a state folder, oldest first. The oldest are removed if all together they need more than ``limit``.

    Parameters
    ----------
    folder
        The state folder of the store. It need not exist.
    limit
        Maximum size of all logs, in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder / "logs"
        self._limit = limit
        self._logs: dict[str, LogFile] = {}
        self._size = 0
        self._find()

    def log(self, uid: str, start: float) -> LogFile:
        """Create the log for an item that starts now; ``start`` is in epoch seconds."""
        name = f"{int(start * _MICRO):017d}-{_plain(uid)}.log"
        log = self._logs[_plain(uid)] = LogFile(self._folder / name)
        self._size += _LEAST
        if self._size > self._limit:
            self._remove_oldest()
        return log

    def grown(self, log: LogFile, before: int) -> None:
        """Record that a log has grown from this size. Remove the oldest logs if all together they are too large."""
        self._size += max(log.size, _LEAST) - max(before, _LEAST)
        if self._size > self._limit:
            self._remove_oldest()

    def find(self, uid: str) -> Path | None:
        """Return the path of an item's log; None if there is none."""
        log = self._logs.get(_plain(uid))
        return None if log is None else log.path

    def drop(self, before: float) -> None:
        """Remove the logs of items that started before this time (epoch seconds), except those that are open."""
        for key, log in list(self._logs.items()):
            older = int(log.path.name[:17]) < int(before * _MICRO)
            if older and not log.is_open:
                self._remove(key)

    def _remove_oldest(self) -> None:
        for key, log in list(self._logs.items()):
            if self._size <= self._limit:
                return
            if not log.is_open:
                self._remove(key)

    def _remove(self, key: str) -> None:
        log = self._logs.pop(key)
        self._size -= max(log.size, _LEAST)
        log.remove()

    def _find(self) -> None:
        """Find the logs of earlier services."""
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if (found := _NAME.fullmatch(entry.name)) is None:
                    continue
                log = self._logs.setdefault(found[2], LogFile(self._folder / f"{found[1]}-{found[2]}.log"))
                with contextlib.suppress(OSError):
                    log.size += entry.stat().st_size
        self._size = sum(max(log.size, _LEAST) for log in self._logs.values())


def read_log(path: Path) -> list[ConsoleMessage]:
    """Return the messages in a log, oldest first: its first and last halves, without lines that cannot be read.

    Raises
    ------
    OSError
        The log does not exist or cannot be read.
    """
    first, older, newer = _paths(path)
    messages = {each.seq: each for each in _messages(first.read_bytes())}
    # Read the newer file first. If it becomes the older one at that moment, it is read twice, not skipped.
    ends = [_content(newer), _content(older)]
    kept, room = dict[int, ConsoleMessage](), HALF
    for content in ends:
        for message, length in reversed([(each, len(each.msg)) for each in _messages(content)]):
            if (room := room - length) < 0:
                break
            kept.setdefault(message.seq, message)
    messages.update(kept)
    return [messages[seq] for seq in sorted(messages)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _messages(content: bytes) -> Iterator[ConsoleMessage]:
    for line in content.splitlines():
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            yield _message.decode(line)


def _paths(path: Path) -> tuple[Path, Path, Path]:
    return path, path.with_name(path.name + ".1"), path.with_name(path.name + ".2")


def _plain(uid: str) -> str:
    """Return the uid in a form for file names. Uids from other services may contain any characters."""
    return uid if _PLAIN.fullmatch(uid) else hashlib.sha256(uid.encode(errors="replace")).hexdigest()[:32]
