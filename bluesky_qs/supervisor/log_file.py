"""A log file that is replaced when it is full."""

import contextlib
import fcntl
import logging
import os
import stat
from pathlib import Path

from bluesky_qs.errors import ConfigError

_log = logging.getLogger(__name__)


class LogFile:
    """The current file, and full files with the numbers 1 (the newest), 2, ….

    Parameters
    ----------
    limit
        Bytes in one file.
    count
        Number of full files to keep.

    Raises
    ------
    ConfigError
        The file cannot be opened, or another service writes to it.
    """

    def __init__(self, path: Path, limit: int, count: int) -> None:
        self.path = path
        self._limit = limit
        self._count = count
        self._lost = 0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = self._opened(0o600)
        except BlockingIOError:
            raise ConfigError(f"Another service writes to the log file {path}. Choose another --log-file") from None
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"The log file {path} cannot be written: {reason}. Choose another --log-file") from None

    def write(self, data: memoryview) -> int:
        """Write the data. Return the number of handled bytes, which is all of them even if the disk is full."""
        try:
            size = os.fstat(self._fd).st_size
            if size and size + len(data) > self._limit:
                self._replace()
            if self._lost:
                note = f"\n[{self._lost} bytes of the log are missing here, because the file could not be written]\n"
                os.write(self._fd, note.encode())
                self._lost = 0
            return os.write(self._fd, data)
        except OSError as error:
            if not self._lost:
                _log.warning("The log file %s cannot be written: %s", self.path, error.strerror or error)
            self._lost += len(data)
            return len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _opened(self, mode: int) -> int:
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise
        except OSError:  # a file system without locks
            return fd
        return fd

    def _replace(self) -> None:
        mode = stat.S_IMODE(os.fstat(self._fd).st_mode)
        for number in range(self._count, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._numbered(number - 1).replace(self._numbered(number))
        if self._count == 0:
            self.path.unlink(missing_ok=True)
        before, self._fd = self._fd, self._opened(mode)
        os.close(before)

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")
