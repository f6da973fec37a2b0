"""Whether a queue lies elsewhere than in the store that is used: in the Redis of a site that moves to ours."""

import asyncio
from contextlib import suppress

#: Seconds: only a Redis on this machine is looked at, which answers at once.
_ANSWER = 0.3
_KEYS = ("plan_queue", "plan_history", "running_plan")


async def queue_in_redis(host: str = "localhost", port: int = 6379, *, prefix: str = "qs_default") -> bool:
    """Whether a Redis there holds the queue or the history of a service.

    Asked with a few bytes, because to import a Redis client costs more than all else that a start loads.
    """
    names = " ".join(f"{prefix}_{key}" for key in _KEYS)
    with suppress(OSError):  # TimeoutError is one of them: nobody there, which is an answer
        async with asyncio.timeout(_ANSWER):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"EXISTS {names}\r\n".encode())
                reply = await reader.readline()
            finally:
                writer.close()
        return reply.startswith(b":") and reply.strip() != b":0"
    return False
