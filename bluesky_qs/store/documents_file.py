"""The file with the documents of the most recent items.

It is derived: the measured data are elsewhere.

If it is missing or damaged, a new one is created.
"""

import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bluesky_qs.store.derived_file import DerivedFile

#: Number of the table layout. A file with another number is replaced with a new one.
_LAYOUT = 1
#: A document's number is its item's number times this factor, plus its place in the item. Therefore, the documents of
#: an item are adjacent in the file, and are found and dropped as one range.
_PER_ITEM = 2**32
#: Events have their own table, apart from the few documents that explain them.
_TABLES = (
    "CREATE TABLE items (number INTEGER PRIMARY KEY, uid TEXT UNIQUE, bytes INTEGER, missing INTEGER)",
    "CREATE TABLE events (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)",
    "CREATE TABLE others (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, run TEXT NOT NULL, payload BLOB NOT NULL)",
)
#: Bytes that a document needs in the file in addition to its text.
_OVERHEAD = 20
#: Maximum number of events, of other documents, and of bytes in one page.
MOST_EVENTS, MOST_OTHERS, MOST_BYTES = 50_000, 1000, 32_000_000
#: The fraction of an item's documents to keep if they alone exceed the limit.
_KEPT = 0.9


class KeptDocument(NamedTuple):
    """A document of an item: its place in the item (from 1), its kind, and the message in which it was published."""

    place: int
    kind: str
    payload: bytes


class DocumentPage(NamedTuple):
    """Some documents of an item, oldest first.

    Attributes
    ----------
    before
        Place of the oldest event on the page, if the item has older documents; otherwise None.
    missing
        The number of the item's events that were not kept.
    """

    item_uid: str
    documents: Sequence[KeptDocument]
    before: int | None = None
    missing: int = 0


#: Number, kind and message of a document.
_Row = tuple[int, str, bytes]


class _Item(msgspec.Struct):
    number: int
    bytes: int
    missing: int


class _Names(msgspec.Struct):
    """The fields that relate a document to its run."""

    uid: str = ""
    run_start: str = ""


class _Message(msgspec.Struct):
    doc: _Names


_names = msgspec.json.Decoder(_Message)


class DocumentsFile(DerivedFile):
    """The file. All calls must be made in the same thread.

    Parameters
    ----------
    items, size
        The maximum number of items and bytes.
    """

    vacuum = "INCREMENTAL"

    def __init__(self, path: Path, *, items: int, size: int) -> None:
        super().__init__(path, _TABLES, application=b"BQSD", layout=_LAYOUT)
        self._most_items = items
        self._most_bytes = size
        self._items: dict[str, _Item] = {}

    @property
    def missing(self) -> dict[str, int]:
        """Return the items with documents in the file, oldest first, with the number of events that were not kept."""
        return {uid: item.missing for uid, item in self._items.items()}

    def read(self, db: sqlite3.Connection) -> None:
        """Read the list of items."""
        rows = db.execute("SELECT uid, number, bytes, missing FROM items ORDER BY number")
        self._items = {uid: _Item(number, size, missing) for uid, number, size, missing in rows}
        db.execute("PRAGMA journal_size_limit = 4000000")

    def add(self, documents: Mapping[str, Sequence[KeptDocument]], missing: Mapping[str, int]) -> None:
        """Add the items' documents, and the numbers of events that were not kept. Drop documents beyond the limits.

        Raises
        ------
        sqlite3.Error
            Nothing was changed.
        """
        with self._transaction() as db:
            for uid in {**documents, **{uid: () for uid in missing if uid in self._items}}:
                item = self._item(db, uid)
                item.missing += missing.get(uid, 0)
                self._insert(db, item, documents.get(uid, ()))
                self._note(db, item)
            self._drop_beyond_limits(db)

    def drop(self, uids: Iterable[str]) -> None:
        """Drop the documents of these items, and make the file smaller."""
        with self._transaction() as db:
            for uid in uids:
                if uid in self._items:
                    self._drop(db, uid)
        self.connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page only

    def page(self, item_uid: str, limit: int, before: int | None = None) -> DocumentPage | None:
        """Return the newest ``limit`` events before the place ``before``, with the other documents that they need.

        These are the documents between the events, and the start and descriptor documents of the runs that were open at
        the first event. Fewer events are returned if the page would be too large. None if the item is not in the file.
        """
        if (item := self._items.get(item_uid)) is None:
            return None
        begin = item.number * _PER_ITEM
        end = begin + min(before or _PER_ITEM, _PER_ITEM)
        events, first = self._events(begin, end, min(limit, MOST_EVENTS))
        query = "SELECT number, kind, payload FROM others WHERE number >= ? AND number < ? ORDER BY number DESC LIMIT ?"
        others = self.connection.execute(query, (first, end, MOST_OTHERS + 1)).fetchall()
        if len(others) > MOST_OTHERS:
            first = others[MOST_OTHERS - 1][0]
        needed = self._needed(begin, first)
        rows = sorted([*needed, *(row for row in (*events, *others) if row[0] >= first)])
        older = self._count("events", begin, first) + self._count("others", begin, first)
        return DocumentPage(
            item_uid,
            [KeptDocument(number - begin, kind, payload) for number, kind, payload in rows],
            first - begin if older > len(needed) else None,
            item.missing,
        )

    # ------------------------------------------------------------------------------------------------------ writing
    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """Make all changes in the ``with`` block, or none."""
        db = self.connection
        try:
            with db:
                db.execute("BEGIN")
                yield db
        except BaseException:  # after any error, make the memory match the file again
            self.read(db)
            raise

    def _item(self, db: sqlite3.Connection, uid: str) -> _Item:
        if (item := self._items.get(uid)) is None:
            number = 1 + max((each.number for each in self._items.values()), default=0)
            item = self._items[uid] = _Item(number, 0, 0)
            db.execute("INSERT INTO items VALUES (?, ?, 0, 0)", (number, uid))
        return item

    def _note(self, db: sqlite3.Connection, item: _Item) -> None:
        values = item.bytes, item.missing, item.number
        db.execute("UPDATE items SET bytes = ?, missing = ? WHERE number = ?", values)

    def _insert(self, db: sqlite3.Connection, item: _Item, documents: Iterable[KeptDocument]) -> None:
        events: list[tuple[int, bytes]] = []
        others: list[tuple[int, str, str, bytes]] = []
        for document in documents:
            item.bytes += len(document.payload) + _OVERHEAD
            number = item.number * _PER_ITEM + document.place
            if document.kind == "event":
                events.append((number, document.payload))
            else:
                others.append((number, document.kind, _run(document), document.payload))
        # A number may already exist if the places were counted again because the file could not be read.
        db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?)", events)
        db.executemany("INSERT OR IGNORE INTO others VALUES (?, ?, ?, ?)", others)

    def _drop_beyond_limits(self, db: sqlite3.Connection) -> None:
        while len(self._items) > self._most_items:
            self._drop(db, next(iter(self._items)))
        size = sum(item.bytes for item in self._items.values())
        while size > self._most_bytes and len(self._items) > 1:
            size -= self._drop(db, next(iter(self._items)))
        if size > self._most_bytes:
            self._shorten(db, *self._items.values())

    def _drop(self, db: sqlite3.Connection, uid: str) -> int:
        """Drop an item; return its size in bytes."""
        item = self._items.pop(uid)
        span = item.number * _PER_ITEM, (item.number + 1) * _PER_ITEM
        for table in ("events", "others"):
            db.execute(f"DELETE FROM {table} WHERE number >= ? AND number < ?", span)  # noqa: S608 - our own names
        db.execute("DELETE FROM items WHERE number = ?", (item.number,))
        return item.bytes

    def _shorten(self, db: sqlite3.Connection, item: _Item) -> None:
        """Drop the oldest events of the only item, because its documents are too large."""
        excess = item.bytes - int(self._most_bytes * _KEPT)
        last = None
        count = 0
        for number, size in db.execute("SELECT number, length(payload) FROM events ORDER BY number"):
            if excess <= 0:
                break
            excess -= size + _OVERHEAD
            item.bytes -= size + _OVERHEAD
            count, last = count + 1, number
        if last is not None:
            item.missing += count
            db.execute("DELETE FROM events WHERE number <= ?", (last,))
            self._note(db, item)

    # ------------------------------------------------------------------------------------------------------ reading
    def _events(self, begin: int, end: int, limit: int) -> tuple[list[_Row], int]:
        """Return the newest events in a range of numbers, and the first number of the documents that belong to them."""
        rows: list[_Row] = []
        size = 0
        query = "SELECT number, payload FROM events WHERE number >= ? AND number < ? ORDER BY number DESC LIMIT ?"
        for number, payload in self.connection.execute(query, (begin, end, limit + 1)):
            size += len(payload)
            if len(rows) == limit or (rows and size > MOST_BYTES):
                return rows, (rows[-1][0] if rows else begin)
            rows.append((number, "event", payload))
        return rows, begin

    def _needed(self, begin: int, first: int) -> list[_Row]:
        """Return the documents before ``first`` that describe the runs that were open at that point."""
        query = (
            "SELECT number, kind, payload FROM others WHERE number >= ?1 AND number < ?2 AND kind <> 'stop' AND run "
            "NOT IN (SELECT run FROM others WHERE number >= ?1 AND number < ?2 AND kind = 'stop') "
            "ORDER BY number DESC LIMIT ?3"
        )
        return self.connection.execute(query, (begin, first, MOST_OTHERS)).fetchall()

    def _count(self, table: str, begin: int, end: int) -> int:
        query = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE number >= ? AND number < ? LIMIT ?)"  # noqa: S608
        return self.connection.execute(query, (begin, end, MOST_OTHERS + 1)).fetchone()[0]


def _run(document: KeptDocument) -> str:
    """Return the uid of the run that a document starts, describes or stops; empty if it has an unexpected shape."""
    try:
        names = _names.decode(document.payload).doc
    except msgspec.DecodeError:
        return ""
    return names.uid if document.kind == "start" else names.run_start
