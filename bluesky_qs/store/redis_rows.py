"""Derived data in a Redis hash.

Each field is the kind and the key of a row; each value is the row's number and text.
"""

import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bluesky_qs.store.base import Row
from bluesky_qs.store.redis_link import Command

#: Seconds to wait for a reply. When the service starts, it waits for the first reply.
_LOAD, _KEEP = 2.0, 1.0
#: Maximum number of rows in one command.
_CHUNK = 500


class RedisRows:
    """The rows in the hash with this name. ``ask`` sends commands and returns the replies; it raises `StoreError`."""

    def __init__(self, name: str, ask: Callable[[Sequence[Command], float], Awaitable[list[Any]]]) -> None:
        self._name = name
        self._ask = ask
        self._next = 0

    async def load(self) -> list[Row]:
        """Return the rows in the order in which they were last kept. Ignore rows that cannot be read."""
        (flat,) = await self._ask([("HGETALL", self._name)], _LOAD)
        found = sorted(filter(None, map(_row, flat[::2], flat[1::2])))
        self._next = found[-1][0] + 1 if found else 0
        return [row for _, row in found]

    async def keep(self, changes: Sequence[tuple[str, str, str | None]]) -> None:
        """Keep these rows. Drop the rows that have no text."""
        commands: list[Command] = []
        for begin in range(0, len(changes), _CHUNK):
            chunk = changes[begin : begin + _CHUNK]
            kept = [(kind, key, text) for kind, key, text in chunk if text is not None]
            dropped = [(kind, key) for kind, key, text in chunk if text is None]
            if kept:
                commands.append(("HSET", self._name, *itertools.chain.from_iterable(map(self._entry, kept))))
            if dropped:
                commands.append(("HDEL", self._name, *map(json.dumps, dropped)))
        if commands:
            await self._ask(commands, _KEEP)

    def _entry(self, row: Row) -> tuple[str, str]:
        kind, key, text = row
        self._next += 1
        return json.dumps([kind, key]), json.dumps([self._next, text])


def _row(field: bytes, value: bytes) -> tuple[int, Row] | None:
    """Return the number and the row of an entry; None if this service did not write the entry."""
    try:
        (kind, key), (number, text) = json.loads(field), json.loads(value)
    except (ValueError, TypeError):
        return None
    if not isinstance(number, int) or not all(isinstance(each, str) for each in (kind, key, text)):
        return None
    return number, (kind, key, text)
