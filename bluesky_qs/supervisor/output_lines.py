"""Turns the service's output into whole lines, in the forms that the journal, log files and programs expect."""

import os
import re
from collections.abc import Callable, Hashable
from datetime import UTC, datetime

import msgspec

#: A line in the service's log; see `config.logs`.
_LOGGED = re.compile(rb"\[([DIWEC]) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ([\w.]+)\] (.*)", re.DOTALL)
_LEVELS = {b"D": "DEBUG", b"I": "INFO", b"W": "WARNING", b"E": "ERROR", b"C": "CRITICAL"}
#: The journal's priorities, as in syslog.
_PRIORITIES = {b"D": b"<7>", b"I": b"<6>", b"W": b"<4>", b"E": b"<3>", b"C": b"<2>"}
_PRINTED = b"<6>"
#: The logger name in a JSON line for text that user code, a library or a traceback printed.
PRINTED = "output"
#: Maximum length of a line in bytes. A longer line is cut.
LONGEST = 64 * 1024

#: Returns a line in another form; neither has the newline.
Form = Callable[[bytes], bytes]


def as_it_is(line: bytes) -> bytes:
    """Return the line unchanged."""
    return line


def for_journal(line: bytes) -> bytes:
    """Return the line with its priority, which systemd removes again: errors are red, and ``journalctl -p`` finds
    them.
    """
    match = _LOGGED.match(line)
    return (_PRIORITIES[match[1]] if match else _PRINTED) + line


def as_json(line: bytes) -> bytes:
    """Return the line as a JSON object with ``time``, ``level``, ``logger`` and ``message``."""
    match = _LOGGED.fullmatch(line)
    if match is None:
        when, level, logger, message = datetime.now(UTC).astimezone(), "INFO", PRINTED, line
    else:
        when = datetime.strptime(match[2].decode(), "%Y-%m-%d %H:%M:%S,%f").astimezone()
        level, logger, message = _LEVELS[match[1]], match[3].decode(), match[4]
    entry = {"time": when.isoformat(timespec="milliseconds"), "level": level, "logger": logger}
    return msgspec.json.encode({**entry, "message": message.decode(errors="replace")})


def is_journal(fd: int, stream: str | None) -> bool:
    """Return whether the file descriptor writes to the journal. ``stream`` is the variable ``JOURNAL_STREAM``."""
    if not stream:
        return False
    status = os.fstat(fd)
    return stream == f"{status.st_dev}:{status.st_ino}"


class WholeLines:
    """Collects the output of several sources, and passes it on line by line.

    If a line was overwritten (as by a progress bar), its last state is passed on.
    """

    def __init__(self, form: Form, write: Callable[[bytes], object]) -> None:
        self._form = form
        self._write = write
        self._rests: dict[Hashable, bytes] = {}

    def add(self, source: Hashable, data: bytes) -> None:
        """Add output from a source."""
        *lines, rest = (self._rests.pop(source, b"") + data).split(b"\n")
        while len(rest) > LONGEST:
            lines.append(rest[:LONGEST])
            rest = rest[LONGEST:]
        if rest:
            self._rests[source] = rest
        if lines:
            self._write(b"".join(self._form(_last_state(line)) + b"\n" for line in lines))

    def end(self, source: Hashable) -> None:
        """Pass on the unfinished line of a source that has ended."""
        if rest := self._rests.pop(source, b""):
            self._write(self._form(_last_state(rest)) + b"\n")


def _last_state(line: bytes) -> bytes:
    return line.rstrip(b"\r").rpartition(b"\r")[2]
