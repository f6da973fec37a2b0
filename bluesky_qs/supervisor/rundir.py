"""Creates, owns and removes the runtime directory, and removes the directories of dead supervisors."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bluesky_qs.errors import StartupError
from bluesky_qs.ipc.runtime import NAME, SOCKET_PATH_LIMIT, RuntimeDir

_TMP = "/tmp"  # noqa: S108 - everything made there is private and has a new name


class OwnedDir(RuntimeDir):
    """A runtime directory that is locked for as long as its owner lives."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        path.mkdir(mode=0o700)
        # The lock keeps other supervisors, and programs that clean /tmp, from removing the directory.
        self._lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # the file system has no locks; then only the pid counts
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @classmethod
    def make(cls) -> "OwnedDir":
        """Create a directory, and remove stale ones next to it."""
        reasons: list[str] = []
        for base in (os.environ.get("TMPDIR", _TMP), _TMP):
            path = Path(base) / f"bluesky-qs-{os.getpid()}-{os.urandom(4).hex()}"
            if len(os.fsencode(path)) + len("/w-99999999") > SOCKET_PATH_LIMIT:
                reasons.append(f"{base} is too long for a socket path")
                continue
            remove_stale(Path(base))
            try:
                return cls(path)
            except OSError as error:
                reasons.append(f"{path}: {error.strerror}")
        raise StartupError(f"Cannot create a runtime directory: {'; '.join(reasons)}")

    def release(self) -> None:
        """Remove the directory and release the lock."""
        self.remove()
        os.close(self._lock)


def remove_stale(base: Path) -> None:
    """Remove runtime directories whose supervisors have ended."""
    for path in _ours(base):
        with contextlib.suppress(OSError):  # another supervisor may be removing it at this moment
            _remove_if_stale(path)


def _ours(base: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if (
                NAME.fullmatch(entry.name)
                and entry.is_dir(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_uid == os.getuid()
            ):
                yield Path(entry.path)


def _remove_if_stale(path: Path) -> None:
    match = NAME.fullmatch(path.name)
    if match is None or _exists(int(match[1])):
        return
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        RuntimeDir(path).remove()
    finally:
        os.close(lock)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
