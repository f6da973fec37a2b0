"""The history index: a SQLite file that finds items by the words that they contain.

It is derived from the history. If it is missing, damaged or out of date, it is built again, and nothing is lost.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.plan_queue.search_text import SearchWords, searched_text
from bluesky_qs.store.derived_file import DerivedFile

#: Number of the table layout. A file with another number is replaced with a new one.
_LAYOUT = 1
#: The table is contentless, because the items themselves are in the store. Word beginnings with these numbers of
#: letters have their own index, which finds the newest items without reading all items with the word. Longer words
#: occur in fewer items.
_WORDS = "fts5 (text, content='', prefix='1 2 3 4 5 6 7 8', tokenize='unicode61 remove_diacritics 2')"
_TABLES = (
    "CREATE TABLE items (number INTEGER PRIMARY KEY, uid TEXT NOT NULL)",
    f"CREATE VIRTUAL TABLE words USING {_WORDS}",
    "CREATE TABLE covered (first INTEGER NOT NULL, stop INTEGER NOT NULL)",
    "INSERT INTO covered VALUES (0, 0)",
)


class IndexedItem(NamedTuple):
    """An item in the index: its number in the index, and its uid."""

    number: int
    uid: str


class HistoryIndex(DerivedFile):
    """The file. All calls must be made in the same thread.

    The items have numbers that increase by one from item to item. The index covers the items from ``first`` up to, but
    not including, ``stop``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _TABLES, application=b"BQSI", layout=_LAYOUT)
        self.first = self.stop = 0

    def read(self, db: sqlite3.Connection) -> None:
        """Read which range of items is in the index."""
        self.first, self.stop = db.execute("SELECT first, stop FROM covered").fetchone()

    def add(self, number: int, items: Sequence[bytes]) -> None:
        """Add items, oldest first; ``number`` is the first item's number.

        The range must adjoin the items in the index.
        """
        stop = number + len(items)
        first = min(number, self.first) if self.first < self.stop else number
        stop_of_all = max(stop, self.stop) if self.first < self.stop else stop
        db = self.connection
        with db:
            db.execute("BEGIN")
            db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", _texts(number, items))
            db.executemany("INSERT INTO items (number, uid) VALUES (?, ?)", _uids(number, items))
            db.execute("UPDATE covered SET first = ?, stop = ?", (first, stop_of_all))
        self.first, self.stop = first, stop_of_all

    def samples(self, first: int, count: int) -> list[IndexedItem]:
        """Return sample rows to compare with the history: the newest row, and evenly spaced rows from ``first`` on."""
        first = max(first, self.first)
        step = max(1, (self.stop - first) // count)
        numbers = range(self.stop - 1, first - 1, -step)
        query = "SELECT number, uid FROM items WHERE number = ?"
        rows = (self.connection.execute(query, (number,)).fetchone() for number in numbers)
        return [IndexedItem(*row) for row in rows if row]


class IndexReader:
    """Finds items in the file while another thread writes it. All calls must be made in the same thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def find(self, words: SearchWords, first: int, stop: int, limit: int) -> list[int]:
        """Return the numbers of the newest items with these words in ``range(first, stop)``, newest first.

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


def _expression(words: SearchWords) -> str:
    """Return the query in FTS5 syntax. Quoted text can contain anything; FTS5 divides it into words."""
    return " AND ".join(
        '"' + phrase.text.replace("\0", " ") + ('"' if phrase.whole else '" *') for phrase in words.phrases
    )


# These are generators, so that the interpreter lock is held for one item at a time and the event loop never waits for
# many.
def _texts(number: int, items: Sequence[bytes]) -> Iterator[tuple[int, str]]:
    for each, item in enumerate(items, number):
        yield each, searched_text(item)


def _uids(number: int, items: Sequence[bytes]) -> Iterator[IndexedItem]:
    for each, item in enumerate(items, number):
        yield IndexedItem(each, index_uid(uid_of(item)))


def index_uid(uid: str | None) -> str:
    """Return a uid in the form used in the index."""
    return (uid or "").encode(errors="replace").decode()
