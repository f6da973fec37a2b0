"""Keeps the learned times in a file.

No request waits for the file. If it is lost or cannot be written, the service learns the times again.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bluesky_qs.manager.loop.own_thread import own_thread
from bluesky_qs.store.derived_file import DerivedFile, is_damage

logger = logging.getLogger(__name__)

T = TypeVar("T")

NAME = "times.sqlite3"
#: Kind, key and text of each part. The part that was used last has the largest number.
_TABLES = ("CREATE TABLE learned (number INTEGER PRIMARY KEY, kind TEXT, key TEXT, text TEXT, UNIQUE (kind, key))",)
_LAYOUT = 1
#: Seconds that the service waits for the file when it starts.
_PATIENCE = 2.0

Row = tuple[str, str, str]


class LearnedTimes:
    """The file with the learned times.

    Parameters
    ----------
    folder
        The folder of the file; None to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder and DerivedFile(folder.absolute() / NAME, _TABLES, application=b"qstm", layout=_LAYOUT)
        self._thread = own_thread("times", niceness=5)
        self._failure = ""

    async def load(self) -> list[Row]:
        """Return the kept parts, sorted by their last use; an empty list if the file cannot be read."""
        if self._file is None:
            return []
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        except TimeoutError:
            logger.warning("Learned times could not be read within %g s; the service learns them again", _PATIENCE)
            return []

    def keep(self, changes: list[tuple[str, str, str | None]]) -> None:
        """Write these parts soon. Drop the parts whose text is None."""
        if self._file is not None and changes:
            self._thread.submit(self._keep, changes)

    async def live(self) -> None:
        """Do nothing until canceled; then write what is waiting, and close the file."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown()

    # --------------------------------------------------------------------------------------------- in the thread
    def _load(self) -> list[Row]:
        try:
            return self._use(lambda db: db.execute("SELECT kind, key, text FROM learned ORDER BY number").fetchall())
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return []

    def _keep(self, changes: list[tuple[str, str, str | None]]) -> None:
        try:
            self._use(lambda db: _write(db, changes))
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        else:
            self._failure = ""

    def _use(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Call the function with the open file. If the file is damaged, create a new one and call again."""
        file = self._file
        assert file is not None, "without a folder nothing is kept"
        try:
            if not file.is_open:
                file.open()
            return function(file.connection)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            logger.warning("The file with the learned times is damaged (%s); the service learns them again", error)
            file.start_anew()
            return function(file.connection)

    def _failed(self, error: Exception) -> None:
        if str(error) != self._failure:
            logger.warning(
                "Learned times are not being saved at present: %s. "
                "The estimates, the plans and the queue are not affected",
                error,
            )
        self._failure = str(error)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


def _write(db: sqlite3.Connection, changes: list[tuple[str, str, str | None]]) -> None:
    with db:
        db.execute("BEGIN")
        for kind, key, text in changes:
            if text is None:
                db.execute("DELETE FROM learned WHERE kind = ? AND key = ?", (kind, key))
            else:
                number = "(SELECT coalesce(max(number), 0) + 1 FROM learned)"
                db.execute(
                    f"INSERT OR REPLACE INTO learned VALUES ({number}, ?, ?, ?)",  # noqa: S608 - our own names
                    (kind, key, text),
                )
