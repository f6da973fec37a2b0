"""One connection to a Redis server. It never reconnects by itself, because all keys must be rewritten afterward."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from bluesky_qs.addresses import redis_url
from bluesky_qs.errors import StoreError

Command = Sequence[Any]

#: Number of bytes that extends the time limit of a command by one second.
_BYTES_A_SECOND = 5_000_000


class RedisLink:
    """Sends commands and transactions over one connection, with a time limit for each (``within``, in seconds).

    Every failure is a `StoreError`. Afterward, `connected` is true if the server refused the commands. If it is false,
    the connection is closed and the commands may have been carried out.
    """

    def __init__(self, address: str) -> None:
        url = redis_url(address)
        parts = urlsplit(url)
        #: Host, port and database, without user and password.
        self.place = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
        self.name = f"Redis at {self.place}"
        try:
            self._pool = ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] - keyword arguments without types
                url,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=None,
            )
        except ValueError as error:
            msg = f"The Redis address is not valid: {address!r} ({error})"
            raise StoreError(msg) from error
        self._connection: AbstractConnection | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection seems open."""
        return self._connection is not None

    async def connect(self, within: float) -> None:
        """Connect again.

        Raises
        ------
        StoreError
        """
        await self.close()
        connection = self._pool.make_connection()
        try:
            async with asyncio.timeout(within):
                await connection.connect()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            await connection.disconnect(nowait=True)
            hint = "" if isinstance(error, ResponseError) else " Check that it is running and that this is its address."
            raise StoreError(f"{self._explained('is unreachable', error).message}{hint}") from error
        self._connection = connection

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def ask(self, commands: Sequence[Command], within: float) -> list[Any]:
        """Send commands and return the replies.

        Raises
        ------
        StoreError
        """
        replies = await self._exchange(commands, within)
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ResponseError):
                raise self._explained(f"refuses {' '.join(map(str, command[:2]))}", reply)
        return replies

    async def transact(self, commands: Sequence[Command], within: float) -> list[Any]:
        """Send commands as one transaction and return the replies.

        If a command in the transaction fails, its reply is the error.

        Raises
        ------
        StoreError
            No command was run. However, if `connected` is false afterward, all commands may have been run.
        """
        replies = await self._exchange([("MULTI",), *commands, ("EXEC",)], within)
        made = replies[-1]
        if isinstance(made, ResponseError):
            refusal = next(reply for reply in replies if isinstance(reply, ResponseError))
            raise self._explained("refuses", refusal)
        return made

    async def _exchange(self, commands: Sequence[Command], within: float) -> list[Any]:
        connection = self._connection
        if connection is None:
            msg = f"{self.name} is not connected."
            raise StoreError(msg)
        packed = connection.pack_commands(commands)
        within += sum(map(len, packed)) / _BYTES_A_SECOND
        replies: list[Any] = []
        try:
            async with asyncio.timeout(within):
                await connection.send_packed_command(packed, check_health=False)
                while len(replies) < len(commands):
                    try:
                        replies.append(await connection.read_response())
                    except ResponseError as error:
                        replies.append(error)
        except (RedisError, OSError) as error:
            raise self._explained("is unreachable", error) from error
        finally:
            if len(replies) < len(commands):  # late replies would be mistaken for replies to later commands
                await self.close()
        return replies

    def _explained(self, what: str, error: Exception) -> StoreError:
        reason = str(error).rstrip(".") or ("no answer" if isinstance(error, TimeoutError) else type(error).__name__)
        return StoreError(f"{self.name} {what}: {reason}.")
