"""The queue in Redis, in the layout of the community's service: an existing installation's queue is simply there.

The service's memory is the truth while it runs. What Redis should hold is mirrored here; whenever it may hold something
else (it was away, an operator cleared keys) all is written anew from the mirror, except the lock, which an operator may
have cleared on purpose.
"""

import asyncio
import logging
from collections.abc import Sequence

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import Change, SetFact, Snapshot
from bluesky_qs.store.memory import Contents
from bluesky_qs.store.redis_layout import LOCK, Layout, Step
from bluesky_qs.store.redis_link import Link
from bluesky_qs.store.refusals import RefusalLog

log = logging.getLogger(__name__)

#: Seconds between two looks whether Redis is still there, or there again.
_LOOK = 0.5
#: Clients wait two seconds for an answer: a Redis that hangs must be told within that.
_CONNECT, _ANSWER = 0.5, 1.0
_PATIENT = 10.0


class RedisStore:
    """A store in a Redis server.

    Parameters
    ----------
    address
        ``host``, ``host:port``, ``host:port/db``, or an URL: ``redis://…``, ``rediss://…``, ``unix://…``.
    prefix
        Of the names of all keys. Nothing else in the server is touched.
    beside_service
        For tools that look at a store or change a fact in it while a service may be using it: nothing is written anew.
    """

    def __init__(
        self,
        address: str = "localhost:6379",
        *,
        prefix: str = "qs_default",
        beside_service: bool = False,
    ) -> None:
        self._link = Link(address)
        self._layout = Layout(prefix)
        self._beside_service = beside_service
        self._contents = Contents()
        self._opened = False
        self._exact = False  # Redis is known to hold exactly `_contents`
        self._lock_exact = True
        self._busy = asyncio.Lock()
        self._refusals = RefusalLog(self._link.name)
        self._watching: asyncio.Task[None] | None = None

    @property
    def description(self) -> str:
        """Where things are kept, for the log."""
        return f"{self._link.name}, keys {self._layout.key('*')}"

    async def open(self) -> None:
        """Connect, and read everything.

        Raises
        ------
        StoreError
            Redis does not answer, or refuses us, or its keys hold something else.
        """
        try:
            await self._link.connect(_PATIENT)
            replies = await self._link.ask(self._layout.reading(), _PATIENT)
            self._contents = Contents(self._layout.read(replies))
            if not self._beside_service:
                await self._warn_of_power_cuts()
        except StoreError:
            await self._link.close()
            raise
        self._opened = self._exact = True
        if not self._beside_service:
            self._watching = asyncio.create_task(self._watch())

    async def load(self) -> Snapshot:
        """Everything that is stored; the ranks were made when it was read."""
        return self._contents.snapshot()

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes in one MULTI/EXEC."""
        # Shielded: what is half sent must be read to its end, or nobody knows what Redis holds.
        await asyncio.shield(self._write(changes))

    async def other_prefixes(self) -> list[str]:
        """The prefixes of the keys with which other services keep a queue or a history there.

        Raises
        ------
        StoreError
        """
        names: set[bytes] = set()
        cursor: bytes | None = None
        while cursor != b"0":
            scan = ("SCAN", cursor or b"0", "MATCH", "*plan_[qh]*", "COUNT", 1000)
            ((cursor, found),) = await self._link.ask([scan], _PATIENT)
            names.update(found)
        return self._layout.others(name.decode(errors="replace") for name in names)

    async def close(self) -> None:
        """Finish what is being written, then disconnect."""
        async with self._busy:
            self._opened = self._exact = False
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        await self._link.close()

    async def _write(self, changes: Sequence[Change]) -> None:
        async with self._busy:  # in the order of the calls, because the lock is fair
            if not self._opened:  # what Redis holds was not read, hence must not be written anew
                raise StoreError(f"{self._link.name} is not open.")
            try:
                await self._make_ready()
                await self._make(changes)
            except StoreError as error:
                await self._lost(error)
                if self._link.connected:
                    self._refusals.refused(error)
                raise StoreError(f"{error.message} The change was not made.") from error
        self._refusals.accepted()

    async def _make(self, changes: Sequence[Change]) -> None:
        """Make changes; raises `StoreError` when they were not made, or may not have been."""
        touches_lock = any(isinstance(change, SetFact) and change.name == LOCK for change in changes)
        steps = self._layout.steps(self._contents, changes)
        self._lock_exact = self._lock_exact and not touches_lock
        as_expected = await self._transaction(steps, _ANSWER)
        if as_expected:
            self._contents.apply(changes)
        else:
            log.warning("%s did not hold what the service had stored there; it is written anew", self._link.name)
            after = Contents(self._contents.snapshot())
            after.apply(changes)
            self._exact = False
            await self._write_anew(after)
            self._contents = after
        self._lock_exact = True

    async def _make_ready(self) -> None:
        """Be connected to a Redis that holds what it should."""
        if not self._link.connected:
            await self._link.connect(_CONNECT)
        if not self._exact:
            await self._write_anew(self._contents)
            log.info("%s is back: the queue was written there anew", self._link.name)

    async def _write_anew(self, contents: Contents) -> None:
        if self._beside_service:
            msg = f"{self._link.name} does not hold what was read from it a moment ago."
            raise StoreError(msg)
        if not await self._transaction(
            self._layout.anew(contents.snapshot(), with_lock=not self._lock_exact), _PATIENT
        ):
            msg = f"{self._link.name} did not take the queue."
            raise StoreError(msg)
        self._exact = self._lock_exact = True

    async def _transaction(self, steps: list[Step], within: float) -> bool:
        """Make steps in one MULTI/EXEC; tells whether each of them did what it should have done."""
        replies = await self._link.transact([step.command for step in steps], within)
        return all(step.fits(reply) for step, reply in zip(steps, replies, strict=True))

    async def _lost(self, error: StoreError) -> None:
        """After a failure: if the connection is gone, nobody knows what Redis holds."""
        if self._link.connected and self._exact:
            self._lock_exact = True  # refused as a whole by a server that is well
            return
        if self._exact:
            log.error("%s Changes are refused until it is back.", error.message)
        self._exact = False
        await self._link.close()

    async def _watch(self) -> None:
        """Notice that Redis is gone or back although nobody changes anything."""
        while True:
            await asyncio.sleep(_LOOK)
            async with self._busy:
                try:
                    await self._make_ready()
                    await self._link.ask([("PING",)], _ANSWER)
                except StoreError as error:
                    await self._lost(error)

    async def _warn_of_power_cuts(self) -> None:
        try:
            (reply,) = await self._link.ask([("CONFIG", "GET", "append*")], _ANSWER)
        except StoreError:  # not every server lets its settings be read; then there is nothing to say
            if not self._link.connected:
                raise
            return
        settings = dict(zip(reply[::2], reply[1::2], strict=True))
        if (settings.get(b"appendonly"), settings.get(b"appendfsync")) != (b"yes", b"always"):
            log.warning(
                "%s does not write each change to its disk: a power cut there may lose the latest changes of the "
                "queue. Its settings 'appendonly yes' and 'appendfsync always' keep them.",
                self._link.name,
            )
