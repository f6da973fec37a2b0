"""The interface of all stores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bluesky_qs.plan_queue.changes import Change, Snapshot


class Store(Protocol):
    """Keeps queue, history and facts, even through crashes and power cuts."""

    @property
    def description(self) -> str:
        """What the log calls the store: ``SQLite file /…``, ``Redis at …``."""
        ...

    @property
    def state_folder(self) -> Path | None:
        """The folder for files that are derived from the store; None if there is none. It need not exist."""
        ...

    async def open(self) -> None:
        """Open the store. Call this first.

        Raises
        ------
        StoreError
            Another service uses it, a newer version wrote it, it is unreachable, or it is not writable.
        """
        ...

    async def load(self) -> Snapshot:
        """Return everything that is stored."""
        ...

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes durable, all of them or none, in order.

        Commits are made one after the other, in the order of the calls. The caller combines edits into one commit. Once
        it returns, nothing can be lost in a power cut. Canceling the caller does not stop its commit.

        Raises
        ------
        StoreError
            None of these changes was made.
        """
        ...

    async def close(self) -> None:
        """Finish what is being written, then close the store."""
        ...
