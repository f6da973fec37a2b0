"""Threads for blocking calls, such as those to PAM and LDAP. The threads do not delay the end of the process."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Maximum number of simultaneous calls. PAM takes about two seconds for a wrong password, and a minute if a server
#: hangs.
_AT_ONCE = 4


class BlockingCalls:
    """Runs a few calls at the same time, each in a thread. The others wait.

    An executor is not suitable, because Python waits for its threads when it exits.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def run(self, call: Callable[[], T]) -> T:
        """Return the result of the call, or raise its error. If the caller is canceled, the call continues."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def finish(result: T | None, error: BaseException | None) -> None:
            self._free.release()
            if outcome.cancelled():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # noqa: BLE001 - it is raised where it is awaited
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has been closed, and nobody waits
                loop.call_soon_threadsafe(finish, result, error)

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return await outcome
