"""The queue in Redis, in the layout of bluesky-queueserver, so that existing queues can be used.

While the service runs, its memory is authoritative, and a mirror in this module has the content that Redis should have.
If Redis may differ (because it was unreachable, or an operator deleted keys), everything is rewritten from the mirror,
except the lock, because an operator may have cleared the lock on purpose.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import Change, SetFact
from bluesky_qs.store.memory import Contents, ReadFromMemory
from bluesky_qs.store.place import redis_state_folder
from bluesky_qs.store.redis_layout import LEARNED_TIMES, LOCK, Layout, Step
from bluesky_qs.store.redis_link import Command, RedisLink
from bluesky_qs.store.redis_rows import RedisRows
from bluesky_qs.store.refusals import RefusalLog

log = logging.getLogger(__name__)

#: Seconds between checks of whether Redis is reachable.
_LOOK = 0.5
#: Clients wait two seconds for a reply, and must learn within that time that Redis does not respond.
_CONNECT, _ANSWER = 0.5, 1.0
_PATIENT = 10.0


class RedisStore(ReadFromMemory):
    """A store on a Redis server.

    Parameters
    ----------
    address
        ``host``, ``host:port``, ``host:port/db``, or a URL: ``redis://…``, ``rediss://…``, ``unix://…``.
    prefix
        The prefix of all keys. No other key on the server is touched.
    beside_service
        Whether this is a tool that reads a store, or changes a fact in it, while a service may be using it. If so,
        nothing is rewritten.
    """

    def __init__(
        self,
        address: str = "localhost:6379",
        *,
        prefix: str = "qs_default",
        beside_service: bool = False,
    ) -> None:
        self._link = RedisLink(address)
        self._layout = Layout(prefix)
        self._beside_service = beside_service
        self._contents = Contents()
        self._opened = False
        self._exact = False  # Redis is known to hold exactly `_contents`
        self._lock_exact = True
        self._busy = asyncio.Lock()
        self._refusals = RefusalLog(self._link.name)
        self._watching: asyncio.Task[None] | None = None
        self.learned_times = RedisRows(self._layout.key(LEARNED_TIMES), self._ask_aside)

    @property
    def description(self) -> str:
        """The server and its keys, as shown in the log."""
        return f"{self._link.name}, keys {self._layout.key('*')}"

    @property
    def state_folder(self) -> Path:
        """A folder in the user's data directory, named after the address and the prefix."""
        return redis_state_folder(self._link.place, self._layout.key(""))

    async def open(self) -> None:
        """Connect and read everything.

        Raises
        ------
        StoreError
            Redis is unreachable or refuses a command, or its keys have another type.
        """
        try:
            await self._link.connect(_PATIENT)
            replies = await self._link.ask(self._layout.reading(), _PATIENT)
            self._contents = self._layout.read(replies)
            if not self._beside_service:
                await self._warn_of_power_cuts()
        except StoreError:
            await self._link.close()
            raise
        self._opened = self._exact = True
        if not self._beside_service:
            self._watching = asyncio.create_task(self._watch())

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes in one MULTI/EXEC."""
        # Shielded, because a reply that is not read leaves the content of Redis uncertain.
        await asyncio.shield(self._write(changes))

    async def other_prefixes(self) -> list[str]:
        """Return the key prefixes of other services that keep a queue or a history on this Redis server.

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
        async with self._busy:  # in call order, because the lock is fair
            if not self._opened:  # the content was not read, so it must not be overwritten
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

    async def _ask_aside(self, commands: Sequence[Command], within: float) -> list[Any]:
        """Send commands that do not concern the queue between two commits, and return the replies."""
        async with self._busy:
            try:
                return await self._link.ask(commands, within)
            except StoreError as error:
                await self._lost(error)
                raise

    async def _make(self, changes: Sequence[Change]) -> None:
        """Make changes. Raise `StoreError` if they failed or may have failed."""
        touches_lock = any(isinstance(change, SetFact) and change.name == LOCK for change in changes)
        steps = self._layout.steps(self._contents, changes)
        self._lock_exact = self._lock_exact and not touches_lock
        as_expected = await self._transaction(steps, _ANSWER)
        if as_expected:
            self._contents.apply(changes)
        else:
            log.warning("%s does not match what was stored; rewriting it", self._link.name)
            after = self._contents.copy()
            after.apply(changes)
            self._exact = False
            await self._rewrite(after)
            self._contents = after
        self._lock_exact = True

    async def _make_ready(self) -> None:
        """Connect if necessary, and rewrite Redis if its content may be wrong."""
        if not self._link.connected:
            await self._link.connect(_CONNECT)
        if not self._exact:
            await self._rewrite(self._contents)
            log.info("%s is reachable again; the queue was rewritten there", self._link.name)

    async def _rewrite(self, contents: Contents) -> None:
        if self._beside_service:
            msg = f"{self._link.name} changed after it was read."
            raise StoreError(msg)
        if not await self._transaction(self._layout.rewriting(contents, with_lock=not self._lock_exact), _PATIENT):
            msg = f"{self._link.name} did not accept the queue."
            raise StoreError(msg)
        self._exact = self._lock_exact = True

    async def _transaction(self, steps: list[Step], within: float) -> bool:
        """Run steps in one MULTI/EXEC; return whether every step had the expected effect."""
        replies = await self._link.transact([step.command for step in steps], within)
        return all(step.fits(reply) for step, reply in zip(steps, replies, strict=True))

    async def _lost(self, error: StoreError) -> None:
        """Handle a failure. If the connection is lost, the content of Redis may be wrong."""
        if self._link.connected and self._exact:
            self._lock_exact = True  # the server works, and refused the whole transaction
            return
        if self._exact:
            log.error("%s Changes are refused until it is reachable again.", error.message)
        self._exact = False
        await self._link.close()

    async def _watch(self) -> None:
        """Detect when Redis becomes unreachable or reachable, even if nothing changes."""
        while True:
            await asyncio.sleep(_LOOK)
            async with self._busy:
                try:
                    await self._make_ready()
                    await self._link.ask([("PING",)], _ANSWER)
                except StoreError as error:
                    await self._lost(error)

    async def writes_each_change(self) -> bool:
        """Return whether Redis writes each change to disk immediately. True if the server does not report this.

        Raises
        ------
        StoreError
            Redis is unreachable.
        """
        try:
            (reply,) = await self._link.ask([("CONFIG", "GET", "append*")], _ANSWER)
        except StoreError:  # some servers do not allow reading their settings
            if not self._link.connected:
                raise
            return True
        settings = dict(zip(reply[::2], reply[1::2], strict=True))
        return (settings.get(b"appendonly"), settings.get(b"appendfsync")) == (b"yes", b"always")

    async def _warn_of_power_cuts(self) -> None:
        if not await self.writes_each_change():
            log.warning(
                "%s does not write each change to disk, so the latest changes to the queue may be missing after a "
                "power outage. To prevent this, set 'appendonly yes' and 'appendfsync always' in Redis.",
                self._link.name,
            )
