"""The location of the queue file: its default path, network file systems, and the lock on the file."""

import contextlib
import fcntl
import hashlib
import os
import re
import sys
from pathlib import Path

import platformdirs

from bluesky_qs.errors import StoreError

#: File systems on which a write-ahead log is not safe, because its index is memory shared by processes on one machine.
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "daos", "davfs", "davfs2", "gfs", "gfs2", "glusterfs", "gpfs", "juicefs",
    "lustre", "moosefs", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "quobyte", "s3fs", "smb2",
    "smb3", "smbfs", "sshfs", "virtiofs", "wekafs",
})  # fmt: skip
_MOUNTS = Path("/proc/mounts")


def default_store_path() -> Path:
    """Return the default path of the queue file, in the user's data directory."""
    return Path(platformdirs.user_data_dir("bluesky_qs", appauthor=False)) / "queue.sqlite3"


def redis_state_folder(place: str, prefix: str) -> Path:
    """Return the folder for files that are derived from the keys with this prefix in the Redis server at this place.

    The folder's name is readable, and different for each place and prefix.
    """
    name = f"{place}-{prefix}"
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:60]
    return default_store_path().with_name(f"redis-{readable}-{digest}.d")


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """Return the type of the network file system of a path; None if the file system is local or unknown.

    ``mounts`` is the text of ``/proc/mounts``, read by default.
    """
    if mounts is None:
        if not sys.platform.startswith("linux"):
            return None
        try:
            mounts = _MOUNTS.read_text(errors="surrogateescape")
        except OSError:
            return None
    real = os.path.realpath(path)
    found, found_type = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        point = _unescaped(fields[1])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found):  # a later mount at the same point hides an earlier one
            found, found_type = point, fields[2]
    found_type = found_type.removeprefix("fuse.")
    return found_type if found_type in _NETWORK else None


def sync_folder(folder: Path) -> None:
    """Write the folder's list of files to the disk, so that a new file is not lost in a power outage."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LockFile:
    """Keeps a second service from using the same file. The lock ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Lock the file.

        Raises
        ------
        StoreError
            Another process holds the lock (the message names it), or the file cannot be created.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            msg = f"The lock file {self._path} cannot be opened: {error.strerror}"
            raise StoreError(msg) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            msg = f"Another service is using the store: {holder or 'a process that is starting'} holds {self._path}"
            raise StoreError(msg) from None
        except OSError as error:
            os.close(descriptor)
            msg = f"{self._path} cannot be locked: {error.strerror}. Try a path on a local disk (--store PATH)"
            raise StoreError(msg) from error
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # the disk is full: the file is locked, but the holder's name is missing
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)

    def release(self) -> None:
        """Unlock the file.

        The file stays: if it were deleted, two processes could lock two files with the same name.
        """
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _unescaped(field: str) -> str:
    """Decode a path from ``/proc/mounts``, where spaces are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
