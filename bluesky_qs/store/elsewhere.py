"""Detects a queue in a Redis server on this machine, to help sites that move to this service."""

import asyncio
from contextlib import suppress

#: Timeout in seconds. A Redis server on this machine answers immediately.
_ANSWER = 0.3
_KEYS = ("plan_queue", "plan_history", "running_plan")


async def queue_in_redis(host: str = "localhost", port: int = 6379, *, prefix: str = "qs_default") -> bool:
    """Return whether a Redis server at this address contains the queue or the history of a service.

    This function sends a few bytes itself, because importing a Redis client takes longer than the rest of the startup.
    """
    names = " ".join(f"{prefix}_{key}" for key in _KEYS)
    with suppress(OSError):  # includes TimeoutError: no Redis there
        async with asyncio.timeout(_ANSWER):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"EXISTS {names}\r\n".encode())
                reply = await reader.readline()
            finally:
                writer.close()
        return reply.startswith(b":") and reply.strip() != b":0"
    return False
