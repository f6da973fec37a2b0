"""What a store is: where the queue is kept."""

from collections.abc import Sequence
from typing import Protocol

from bluesky_qs.plan_queue.changes import Change, Snapshot


class Store(Protocol):
    """Keeps queue, history and facts through crashes and power cuts."""

    @property
    def description(self) -> str:
        """Where things are kept, for the log: ``SQLite file /…``, ``Redis at …``."""
        ...

    async def open(self) -> None:
        """Open the store; before anything else.

        Raises
        ------
        StoreError
            It cannot be used: in use by another service, of a newer version, unreachable, not writable.
        """
        ...

    async def load(self) -> Snapshot:
        """Everything that is stored."""
        ...

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes durable, all of them or none, in their order.

        Commits are made in the order of the calls, one after the other; the caller puts into one commit what it can.
        After the return a power cut loses nothing. A caller that is cancelled does not stop its commit.

        Raises
        ------
        StoreError
            None of these changes was made.
        """
        ...

    async def close(self) -> None:
        """Close the store, with everything that was committed in it."""
        ...
