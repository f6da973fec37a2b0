"""The queue in a SQLite file. It needs no server, and survives crashes and power outages."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import AddHistory, Change, NumberedItem, Snapshot, StoredItem
from bluesky_qs.private import make_folder
from bluesky_qs.store.base import Words
from bluesky_qs.store.place import LockFile, network_file_system, sync_folder
from bluesky_qs.store.refusals import RefusalLog
from bluesky_qs.store.sqlite_history import TABLES, HashTable, HistoryReader, numbers_of_history, reading_address
from bluesky_qs.store.sqlite_statements import statements_of

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Number of the table layout, kept in the file. A file with a higher number is not touched.
_LAYOUT = 1
_APPLICATION = int.from_bytes(b"BQS1")
#: Files from older versions do not have these tables. The tables are added without a new layout number, because older
#: versions ignore them. This lets a site go back to an older version.
_ADDED_TABLES = (
    "CREATE TABLE IF NOT EXISTS undo (number INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS answers (number INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    *TABLES,
)
_TABLES = (
    "CREATE TABLE queue (uid TEXT PRIMARY KEY, rank BLOB NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE history (number INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE events (number INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    *_ADDED_TABLES,
    "CREATE TABLE facts (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_LAYOUT}",
)
_MAKE = "Create it as the user who runs the service, or choose another file with --store PATH"


class SQLiteStore:
    """A store in one SQLite file, with its own threads for writing and for reading the history.

    Parameters
    ----------
    path
        Path of the file. The file and the folders above it are created if they do not exist.
    beside_service
        Whether this is a tool that reads a store, or changes a fact in it, while a service may be using it. If so, no
        lock is taken, and no file is created.
    """

    def __init__(self, path: Path, *, beside_service: bool = False) -> None:
        self._file = _File(path.resolve(), beside_service=beside_service)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._history = HistoryReader(self._file.path)
        self._refusals = RefusalLog(f"The queue store {self._file.path}")
        self._beside_service = beside_service
        self._hashing: asyncio.Task[None] | None = None

    @property
    def description(self) -> str:
        """The path of the file, as shown in the log."""
        return f"SQLite file {self._file.path}"

    @property
    def state_folder(self) -> Path:
        """``STORE.d`` beside the file."""
        return self._file.path.with_name(self._file.path.name + ".d")

    @property
    def learned_times(self) -> None:
        """None, because the times are kept in the state folder, so that the queue never waits for them."""

    @property
    def is_new(self) -> bool:
        """Whether `open` created the file, so that it is still empty."""
        return self._file.made

    async def open(self) -> None:
        """Open the file, or create it.

        Raises
        ------
        StoreError
            Another service uses the file, a newer version wrote it, it is not a store, or it is damaged or not
            writable. If only the disk is full, the file is opened for reading, and each change tries to write again.
        """
        await self._run(self._file.open)
        if self._file.only_reads is not None:
            self._refusals.refused(self._file.only_reads)
        await self._follow_file()

    async def load(self) -> Snapshot:
        """Return everything that is stored, except that the history is given only by the numbers of its items."""
        return await self._run(self._file.load)

    async def read_history(
        self, numbers: Sequence[int], *, words: Words = (), most_bytes: int | None = None
    ) -> list[NumberedItem]:
        """Return history items by number, without waiting for the thread that writes."""
        return await self._read(partial(self._history.read, numbers, words, most_bytes))

    async def find_history(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Return history items by uid, without waiting for the thread that writes."""
        return await self._read(partial(self._history.find, uids))

    async def history_size(self, numbers: range) -> int:
        """Return the total size of history items in bytes."""
        return await self._read(partial(self._history.size, numbers))

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes durable, all or none of them."""
        # Shielded, because a commit that waits for its turn would be skipped if its caller is canceled.
        await asyncio.shield(self._write(changes))

    async def close(self) -> None:
        """Finish what is being written, then close the file and let others use it."""
        if self._hashing is not None:
            self._hashing.cancel()
            await asyncio.wait([self._hashing])
            self._hashing = None
        await self._history.close()
        await self._run(self._file.close)  # the thread first finishes what is being written

    async def _write(self, changes: Sequence[Change]) -> None:
        try:
            await self._run(self._file.write, changes)
        except StoreError as error:
            if self._file.trouble:
                self._refusals.refused(error)
            raise
        finally:
            await self._follow_file()
        self._refusals.accepted()

    async def _follow_file(self) -> None:
        """Tell the history reader whether the file is open for reading only."""
        only_reads = self._file.only_reads is not None
        if only_reads != self._history.only_reads:
            await self._history.close()
            self._history.only_reads = only_reads
        if not (only_reads or self._beside_service or self._hashing):
            self._hashing = asyncio.create_task(self._hash_older_items())

    async def _read(self, reading: Callable[[], Awaitable[T]]) -> T:
        self._file.check_open()
        try:
            return await reading()
        except sqlite3.Error as error:
            raise self._file.explained(error) from error

    async def _hash_older_items(self) -> None:
        """Prepare lookups of items that an older version stored. Until then, these items are found by a scan."""
        try:
            while await self._run(self._file.hash_older_items):
                pass
        except StoreError as error:
            log.warning("Finding old items in the history takes longer until the next start. %s", error.message)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


class _File:
    """The SQLite file, used by one thread."""

    def __init__(self, path: Path, *, beside_service: bool) -> None:
        self.path = path
        self.made = False
        #: Whether the store itself (because of a full disk, for example), and not the change, caused the latest
        #: failure.
        self.trouble = False
        #: The error that explains why the file is open for reading only (the disk is full). None if changes can be
        #: written.
        self.only_reads: StoreError | None = None
        self._beside_service = beside_service
        self._lock = LockFile(path.with_name(path.name + ".lock"))
        self._open_connection: sqlite3.Connection | None = None
        #: The number of the next history item. Numbers are not reused when the history is cleared.
        self._next = 0

    def open(self) -> None:
        if not self._beside_service:
            self._make_folder()
            try:
                self._lock.take()
            except StoreError as error:
                msg = f"The queue store {self.path} cannot be used. {error}"
                raise StoreError(msg) from error
            self.made = self._make_file()
        elif not self.path.exists():
            msg = f"There is no queue store {self.path}"
            raise StoreError(msg)
        try:
            self._connect()
        except sqlite3.Error as error:
            if self._connect_for_reading(error):
                return
            self._abandon()
            raise self.explained(error) from error
        except StoreError:
            self._abandon()
            raise

    def load(self) -> Snapshot:
        db = self._connection
        try:
            return Snapshot(
                [StoredItem(*row) for row in db.execute("SELECT uid, rank, data FROM queue ORDER BY rank")],
                numbers_of_history(db, self._next),
                dict(db.execute("SELECT name, data FROM facts")),
                [data for (data,) in db.execute("SELECT data FROM events ORDER BY number")],
                _added_later(db, "undo"),
                _added_later(db, "answers"),
            )
        except sqlite3.Error as error:
            raise self.explained(error) from error

    def write(self, changes: Sequence[Change]) -> None:
        """Make the changes in one transaction."""
        if self.only_reads is not None:
            self._connect_again()
        with self._transaction():
            for statement, alike in groupby(statements_of(changes, self._next), key=itemgetter(0)):
                self._connection.executemany(statement, [values for _, values in alike])
        self._next += sum(isinstance(change, AddHistory) for change in changes)

    def hash_older_items(self) -> bool:
        """Prepare lookups of some items that an older version stored. Return False if there are none."""
        with self._transaction():
            return HashTable(self._connection).add_older()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Make all changes in the ``with`` block durable at its end, or none of them."""
        self.trouble = False
        db = self._connection
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self.trouble = isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
            raise self.explained(error) from error

    def close(self) -> None:
        if self._open_connection is not None:
            self._open_connection.close()
            self._open_connection = None
        self._lock.release()

    def check_open(self) -> None:
        """Raise `StoreError` if the file is not open."""
        _ = self._connection

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open_connection is None:
            msg = f"The queue store {self.path} is not open"
            raise StoreError(msg)
        return self._open_connection

    def _make_folder(self) -> None:
        try:
            make_folder(self.path.parent)
        except OSError as error:
            msg = f"The folder of the queue store {self.path} cannot be created: {error.strerror}. {_MAKE}"
            raise StoreError(msg) from error

    def _make_file(self) -> bool:
        """Create an empty file that only its owner can read, because it holds the lock key.

        Return whether it is new.
        """
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if self.path.is_dir():
                self._lock.release()
                msg = f"The queue store {self.path} is a folder. Give the path of a file (--store PATH)"
                raise StoreError(msg) from None
            return False
        except OSError as error:
            self._lock.release()
            msg = f"The queue store {self.path} cannot be created: {error.strerror}. {_MAKE}"
            raise StoreError(msg) from error
        return True

    def _connect(self) -> None:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=5)
        try:
            self._prepare(db)
            following = numbers_of_history(db, 1).stop
            if not self._beside_service:
                db.execute("BEGIN IMMEDIATE")
                HashTable(db).check()
                db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        self._open_connection, self._next = db, following

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the file ready for writing, with all tables."""
        network = network_file_system(self.path)
        if network:
            # Here, a write-ahead log that was started on a local disk can be read only with exclusive access.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            log.warning(
                "The queue store %s is on a network file system (%s). It is safe there but slow, and another service "
                "might open it at the same time. Choose a path on a local disk (--store PATH).",
                self.path,
                network,
            )
        layout = self._layout(db)
        self._choose_journal(db, network=network is not None)
        if layout == 0:
            db.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                db.execute(statement)
            db.execute("COMMIT")
            sync_folder(self.path.parent)
        else:
            for statement in _ADDED_TABLES:
                db.execute(statement)

    def _connect_for_reading(self, error: sqlite3.Error) -> bool:
        """Open a file for reading that cannot be written to at present. Return whether this is possible."""
        if self._beside_service or self.made or _code(error) not in _NOT_WRITTEN or self._has_log():
            return False
        db = sqlite3.connect(reading_address(self.path, alone=True), uri=True, isolation_level=None, timeout=5)
        try:
            is_empty = self._layout(db) == 0
            self._next = 1 if is_empty else numbers_of_history(db, 1).stop
        except sqlite3.Error:
            is_empty = True
        if is_empty:
            db.close()
            return False
        self._open_connection = db
        trouble = self.explained(error).message
        self.only_reads = StoreError(f"{trouble} It is open for reading only, and nothing is lost.")
        return True

    def _has_log(self) -> bool:
        """Return whether there are changes in a write-ahead log, which a read-only connection would miss."""
        log_file = self.path.with_name(self.path.name + "-wal")
        return log_file.exists() and log_file.stat().st_size > 0

    def _connect_again(self) -> None:
        """Reopen the file for writing if it was open for reading only."""
        only_reading = self._connection
        try:
            self._connect()
        except sqlite3.Error as error:
            self.trouble = True
            raise self.explained(error) from error
        only_reading.close()
        self.only_reads = None

    def _layout(self, db: sqlite3.Connection) -> int:
        """Return the file's layout number; 0 for an empty file. Refuse a file that belongs to another program."""
        layout: int = db.execute("PRAGMA user_version").fetchone()[0]
        application: int = db.execute("PRAGMA application_id").fetchone()[0]
        empty: bool = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if application != _APPLICATION and not (empty and layout == 0):
            msg = f"{self.path} belongs to another program and is not a queue store"
            raise StoreError(msg)
        if layout > _LAYOUT:
            msg = (
                f"The queue store {self.path} was written by a newer version of this software "
                f"(layout {layout}; this version knows {_LAYOUT})"
            )
            raise StoreError(msg)
        return layout

    def _choose_journal(self, db: sqlite3.Connection, *, network: bool) -> None:
        wanted = "delete" if network else "wal"
        (journal,) = db.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        if journal != wanted:
            log.warning(
                "The queue store %s uses the journal %r, because %r is not possible here", self.path, journal, wanted
            )
        db.execute("PRAGMA locking_mode = NORMAL")
        # Each commit reaches the disk before it is acknowledged. Without a write-ahead log, the commit takes place when
        # the journal is deleted, so the folder must reach the disk, too.
        db.execute(f"PRAGMA synchronous = {'FULL' if journal == 'wal' else 'EXTRA'}")
        db.execute("PRAGMA fullfsync = ON")  # macOS: through the disk's own cache
        db.execute("PRAGMA checkpoint_fullfsync = ON")

    def _abandon(self) -> None:
        """Clean up after a failed opening."""
        if self._open_connection is not None:
            self._open_connection.close()
            self._open_connection = None
        if self.made:
            for suffix in ("", "-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._lock.release()

    def explained(self, error: Exception) -> StoreError:
        code = _code(error)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            hint = " The file is damaged. Move it away to start with an empty queue, or replace it with a copy."
        elif code == sqlite3.SQLITE_FULL or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:
            hint = " There is no space left on the disk."
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            hint = " The file or its folder is not writable."
        else:
            hint = ""
        return StoreError(f"The queue store {self.path} failed: {error}.{hint}")


#: Write errors after which a file may still be readable.
_NOT_WRITTEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _added_later(db: sqlite3.Connection, table: str) -> list[bytes]:
    """Return the records in a table; none if a read-only file from an older version lacks the table."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
        return []
    return [data for (data,) in db.execute(f"SELECT data FROM {table} ORDER BY number")]  # noqa: S608 - our own names
