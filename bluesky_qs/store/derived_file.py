"""A SQLite file of derived data in the state folder, which can be lost or created again."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from bluesky_qs.private import make_folder
from bluesky_qs.store.place import network_file_system

_FILES = ("", "-wal", "-shm", "-journal")
#: Errors that a new file would not fix.
_SURROUNDINGS = frozenset((
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM,
))  # fmt: skip


class DerivedFile:
    """The file. All calls must be made in the same thread.

    Parameters
    ----------
    path
        Path of the file. The file and the folders above it are created if they do not exist.
    tables
        Statements that create its tables.
    application
        Four letters that distinguish the file from other files.
    layout
        Number of the table layout. A file with another number is replaced with a new one.
    """

    #: When the file is made smaller; ``INCREMENTAL`` means on request.
    vacuum = "NONE"

    def __init__(self, path: Path, tables: Sequence[str], *, application: bytes, layout: int) -> None:
        self._path = path
        self._tables = tables
        self._mark = layout, int.from_bytes(application)
        self._db: sqlite3.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self._db is not None

    def open(self) -> None:
        """Open the file. Create a new one if it is missing, damaged, or of another version.

        Raises
        ------
        sqlite3.Error, OSError
            This is not possible, for example because the disk is full.
        """
        try:
            self._connect()
        except sqlite3.Error as error:
            self.close()
            if not is_damage(error):
                raise
            self.start_anew()

    def start_anew(self) -> None:
        """Replace the file with an empty one."""
        self.remove()
        self._connect()

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        for suffix in _FILES:
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def read(self, db: sqlite3.Connection) -> None:
        """Read the state of a file that has just been opened."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file."""
        assert self._db is not None, "the file is not open"
        return self._db

    def _connect(self) -> None:
        make_folder(self._path.parent)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        db = self._db = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        db.execute(f"PRAGMA auto_vacuum = {self.vacuum}")  # has an effect only in a file without tables
        # After a power outage, the newest rows may be missing.
        db.execute(f"PRAGMA journal_mode = {'delete' if network_file_system(self._path) else 'wal'}")
        db.execute("PRAGMA synchronous = NORMAL")
        (layout,), (application,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")
        )
        if layout == application == 0:
            with db:
                db.execute("BEGIN")
                for statement in self._tables:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {self._mark[0]}")
                db.execute(f"PRAGMA application_id = {self._mark[1]}")
        elif (layout, application) != self._mark:
            raise sqlite3.DatabaseError("another layout")
        self.read(db)


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether a new file would fix the error."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _SURROUNDINGS
