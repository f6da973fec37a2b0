"""The history in the SQLite file: the table that finds items by uid, and a second connection for reading.

The table contains hashes of the uids, because hashes are shorter and uids may be any text. The uid of an item that is
found by its hash is then compared. Older versions do not know the table and do not keep it up to date. They only add
items at the new end and drop items at the old end, so the table is still correct if its newest item is still in its
place.
"""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from bluesky_qs.plan_queue.changes import NumberedItem
from bluesky_qs.plan_queue.items import uid_of
from bluesky_qs.store.base import Words, first_within

T = TypeVar("T")

TABLES = (
    "CREATE TABLE IF NOT EXISTS history_uids (number INTEGER PRIMARY KEY, hash INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS history_uids_by_hash ON history_uids (hash)",
)
ADD_ITEM = "INSERT INTO history (number, data) VALUES (?, ?)"
ADD_HASH = "INSERT INTO history_uids (number, hash) VALUES (?, ?)"
_FIRST, _LAST = "SELECT min(number) FROM history", "SELECT max(number) FROM history"
_FIRST_HASHED, _LAST_HASHED = "SELECT min(number) FROM history_uids", "SELECT max(number) FROM history_uids"
#: Number of items to hash in one transaction. This takes some hundredths of a second, during which other changes wait.
_HASHED = 2000
_ALL = -(1 << 63)
#: Number of items that are searched for a uid at a time, while some items have no hashes.
_SEARCHED = 10_000
#: Maximum number of uids for which the text of items is searched. For more uids, decoding is faster.
_MAX_TEXT_SEARCHES = 5


def hash_of(item: bytes) -> int:
    """Return the hash of an item's uid as a signed 64-bit integer.

    An item without a uid gets the hash of an empty string.
    """
    return _hash(uid_of(item) or "")


def _hash(uid: str) -> int:
    digest = hashlib.blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


class HashTable:
    """The hashes of the newest items, or of all items when `add_older` has nothing left to do.

    For the writing thread.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.create_function("hash_of", 1, hash_of, deterministic=True)

    def check(self) -> None:
        """Add the hashes that an older version did not write. Clear the table if it does not match this history."""
        hashed, newest = _number(self._db, _LAST_HASHED), _number(self._db, _LAST)
        if hashed is not None and (newest is None or newest - hashed > _HASHED or not self._is_of_this_history(hashed)):
            self._db.execute("DELETE FROM history_uids")
            hashed = None
        if newest is not None:
            self._add(_ALL if hashed is None else hashed, newest + 1)

    def add_older(self) -> bool:
        """Add the hashes of some older items. Return False if there are none."""
        hashed, first = _number(self._db, _FIRST_HASHED), _number(self._db, _FIRST)
        if hashed is None or first is None or hashed <= first:
            return False
        self._add(_ALL, hashed)
        return True

    def _is_of_this_history(self, number: int) -> bool:
        query = "SELECT 1 FROM history_uids JOIN history USING (number) WHERE number = ? AND hash = hash_of(data)"
        return self._db.execute(query, (number,)).fetchone() is not None

    def _add(self, above: int, below: int) -> None:
        """Add the newest items with numbers between these two, so that the table has no gap."""
        self._db.execute(
            "INSERT INTO history_uids SELECT number, hash_of(data) FROM history"
            " WHERE number > ? AND number < ? ORDER BY number DESC LIMIT ?",
            (above, below, _HASHED),
        )


class HistoryReader:
    """Reads the history with its own connection and thread, while the file is written to.

    Parameters
    ----------
    path
        Path of the file, which the first call opens.

    Attributes
    ----------
    only_reads
        Whether nobody can write to the file at present. Its table of uids may then be wrong or missing.

    Raises
    ------
    sqlite3.Error
        From all methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.only_reads = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-history")
        self._db: sqlite3.Connection | None = None

    async def read(self, numbers: Sequence[int], words: Words, most_bytes: int | None) -> list[NumberedItem]:
        """Do the same as `Store.read_history`."""
        return await self._run(self._read, numbers, words, most_bytes)

    async def find(self, uids: Collection[str]) -> dict[str, NumberedItem]:
        """Do the same as `Store.find_history`."""
        found, without = await self._run(self._find, uids)
        missing = {uid for uid in uids if uid not in found}
        while missing and without:
            older = await self._run(self._search, missing, without[-_SEARCHED:])
            found |= older
            missing -= older.keys()
            without = without[:-_SEARCHED]
        return found

    async def size(self, numbers: range) -> int:
        """Do the same as `Store.history_size`."""
        return await self._run(self._size, numbers)

    async def close(self) -> None:
        """Close the connection when the current read is done. The next call opens it again."""
        await self._run(self._close)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # ------------------------------------------------------------------------------------------------ in the thread
    def _read(self, numbers: Sequence[int], words: Words, most_bytes: int | None) -> list[NumberedItem]:
        rows = self._rows(numbers, words)
        return list(rows) if most_bytes is None else first_within(rows, most_bytes)

    def _rows(self, numbers: Sequence[int], words: Words) -> Iterator[NumberedItem]:
        query = "SELECT number, data FROM history WHERE number BETWEEN ? AND ?"
        query += "".join(f" AND ({' OR '.join(['instr(data, ?)'] * len(group))})" for group in words)
        texts = [word for group in words for word in group]
        if not isinstance(numbers, range):
            for number in numbers:
                yield from self._connection.execute(query, (number, number, *texts))
        elif numbers:
            first, last = sorted((numbers[0], numbers[-1]))
            order = " ORDER BY number" + (" DESC" if numbers.step < 0 else "")
            yield from self._connection.execute(query + order, (first, last, *texts))

    def _find(self, uids: Collection[str]) -> tuple[dict[str, NumberedItem], range]:
        """Return the items with these uids that have hashes, and the numbers of the items that have no hash yet."""
        db = self._connection
        if self.only_reads:
            return {}, numbers_of_history(db, 1)
        query = "SELECT number, data FROM history_uids JOIN history USING (number) WHERE hash = ? ORDER BY number DESC"
        found: dict[str, NumberedItem] = {}
        db.execute("BEGIN")  # so that everything is read from one state of the file
        try:
            for uid in uids:
                rows = db.execute(query, (_hash(uid),)).fetchall()
                if row := next((row for row in rows if uid_of(row[1]) == uid), None):
                    found[uid] = row
            hashed, first = _number(db, _FIRST_HASHED), _number(db, _FIRST)
        finally:
            db.execute("ROLLBACK")
        return found, range(0) if hashed is None or first is None else range(first, hashed)

    def _search(self, uids: set[str], numbers: range) -> dict[str, NumberedItem]:
        words = [[json.dumps(uid).encode() for uid in uids]] if len(uids) <= _MAX_TEXT_SEARCHES else []
        found: dict[str, NumberedItem] = {}
        for number, data in self._rows(numbers[::-1], words):
            uid = uid_of(data)
            if uid in uids and uid not in found:
                found[uid] = (number, data)
        return found

    def _size(self, numbers: range) -> int:
        query = "SELECT coalesce(sum(length(data)), 0) FROM history WHERE number >= ? AND number < ?"
        return self._connection.execute(query, (numbers.start, numbers.stop)).fetchone()[0]

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            address = reading_address(self._path, alone=self.only_reads)
            self._db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def reading_address(path: Path, *, alone: bool) -> str:
    """Return the file's address for a read-only connection. ``alone`` means that no process can write to the file.

    Without ``alone``, SQLite needs a shared-memory file, for which a full disk has no space.
    """
    return f"{path.as_uri()}?mode=ro{'&immutable=1' if alone else ''}"


def numbers_of_history(db: sqlite3.Connection, number: int) -> range:
    """Return the numbers of the items in the history. If there are none, ``number`` is the number of the next item."""
    first, last = _number(db, _FIRST), _number(db, _LAST)
    return range(number, number) if first is None or last is None else range(first, last + 1)


def _number(db: sqlite3.Connection, query: str) -> int | None:
    return db.execute(query).fetchone()[0]
