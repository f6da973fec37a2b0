"""The index of the history: a SQLite file that finds items by their words.

It is derived from the history. Whoever finds it missing, damaged or out of date starts it anew, and nothing is lost.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.plan_queue.search_text import SearchWords, searched_text
from bluesky_qs.store.place import network_file_system

#: Number of the tables' layout. A file of another number is started anew.
_LAYOUT = 1
_APPLICATION = int.from_bytes(b"BQSI")
#: Contentless: the items themselves are in the store. Beginnings of so many letters have an index of their own, where
#: the newest items are found without a look at all that have the word. Longer words are in fewer items.
_WORDS = "fts5 (text, content='', prefix='1 2 3 4 5 6 7 8', tokenize='unicode61 remove_diacritics 2')"
_TABLES = (
    "CREATE TABLE items (number INTEGER PRIMARY KEY, uid TEXT NOT NULL)",
    f"CREATE VIRTUAL TABLE words USING {_WORDS}",
    "CREATE TABLE covered (first INTEGER NOT NULL, stop INTEGER NOT NULL)",
    "INSERT INTO covered VALUES (0, 0)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_LAYOUT}",
)
_FILES = ("", "-wal", "-shm", "-journal")
#: Errors that are not the file's fault: a new file would have them, too.
_SURROUNDINGS = frozenset((
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM,
))  # fmt: skip


class Row(NamedTuple):
    """An item in the index: its number there, and its uid."""

    number: int
    uid: str


class HistoryIndex:
    """The file, for one thread: all calls must be made in the same one.

    The items have numbers that grow by one from item to item. The index covers those from ``first`` to before ``stop``.

    Parameters
    ----------
    path
        The file. It is created if it does not exist, with the folders above it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self.first = self.stop = 0

    def open(self) -> None:
        """Open the file. Start it anew if it is missing, damaged, or of another version.

        Raises
        ------
        sqlite3.Error, OSError
            This is not possible, because the disk is full, for example.
        """
        try:
            self._connect()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self.start_anew()

    def start_anew(self) -> None:
        """Replace the file by an empty one."""
        self.close()
        for suffix in _FILES:
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._connect()

    def add(self, number: int, items: Sequence[bytes]) -> None:
        """Add items, oldest first; ``number`` is that of the first one. They must adjoin those that are covered."""
        stop = number + len(items)
        first = min(number, self.first) if self.first < self.stop else number
        stop_of_all = max(stop, self.stop) if self.first < self.stop else stop
        db = self._connection
        with db:
            db.execute("BEGIN")
            db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", _texts(number, items))
            db.executemany("INSERT INTO items (number, uid) VALUES (?, ?)", _uids(number, items))
            db.execute("UPDATE covered SET first = ?, stop = ?", (first, stop_of_all))
        self.first, self.stop = first, stop_of_all

    def samples(self, first: int, count: int) -> list[Row]:
        """Some rows, to compare them with the history: the newest one, and others from ``first`` on, evenly spaced."""
        first = max(first, self.first)
        step = max(1, (self.stop - first) // count)
        numbers = range(self.stop - 1, first - 1, -step)
        query = "SELECT number, uid FROM items WHERE number = ?"
        rows = (self._connection.execute(query, (number,)).fetchone() for number in numbers)
        return [Row(*row) for row in rows if row]

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._db is not None, "the index is not open"
        return self._db

    def _connect(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        db = self._db = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        # After a power cut the newest rows may be missing: they are added again from the history.
        db.execute(f"PRAGMA journal_mode = {'delete' if network_file_system(self._path) else 'wal'}")
        db.execute("PRAGMA synchronous = NORMAL")
        (layout,), (application,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")
        )
        if layout == application == 0:
            with db:
                db.execute("BEGIN")
                for statement in _TABLES:
                    db.execute(statement)
        elif (layout, application) != (_LAYOUT, _APPLICATION):
            raise sqlite3.DatabaseError("another layout")
        self.first, self.stop = db.execute("SELECT first, stop FROM covered").fetchone()


class IndexReader:
    """Finds items in the file, beside the thread that writes it; all calls must be made in the same thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def find(self, words: SearchWords, first: int, stop: int, limit: int) -> list[int]:
        """The numbers of the newest items with these words, newest first; only those from ``first`` to before ``stop``.

        Raises
        ------
        sqlite3.Error
        """
        if self._db is None:
            self._db = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
        return [number for (number,) in self._db.execute(query, (_expression(words), first, stop, limit))]

    def close(self) -> None:
        """Close the file. The next search opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error means that the file must be started anew; otherwise that would not help."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _SURROUNDINGS


def _expression(words: SearchWords) -> str:
    """The query as FTS5 writes it. Quoted text can be anything; FTS5 divides it into words."""
    return " AND ".join(
        '"' + phrase.text.replace("\0", " ") + ('"' if phrase.whole else '" *') for phrase in words.phrases
    )


# Generators, so that Python's interpreter lock is held for one item at a time, and the event loop never waits for many.
def _texts(number: int, items: Sequence[bytes]) -> Iterator[tuple[int, str]]:
    for each, item in enumerate(items, number):
        yield each, searched_text(item)


def _uids(number: int, items: Sequence[bytes]) -> Iterator[Row]:
    for each, item in enumerate(items, number):
        yield Row(each, index_uid(uid_of(item)))


def index_uid(uid: str | None) -> str:
    """A uid as the index keeps it."""
    return (uid or "").encode(errors="replace").decode()
