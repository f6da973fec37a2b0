"""How the service stops so that nothing is lost: the plan cleans up, the worker ends, the result is stored."""

import asyncio
import logging

from bluesky_qs.errors import QSError
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.state import ManagerState

logger = logging.getLogger(__name__)

# All three together are shorter than the supervisor waits for the manager.
#: Seconds that the running plan gets for its clean-up.
_CLEANING = 2.0
#: Seconds that the worker gets to close by itself before it is killed.
_CLOSING = 0.8
#: Seconds during which the end of the plan is stored again and again if the store refuses it.
_RECORDING = 1.0


class Stopping:
    """The request to stop the service: the first one counts."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.why = ""

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def ask(self, why: str) -> None:
        """Ask the service to stop; ``why`` is for the log and for the result of a plan that this ends."""
        if not self._asked.is_set():
            self.why = why
            logger.info("RE Manager is stopping: %s", why)
            self._asked.set()

    async def wait(self) -> None:
        """Return when somebody has asked."""
        await self._asked.wait()


async def end(ctx: Context, why: str) -> None:
    """End the worker, then record what it was running: it cannot complete any more."""
    reason = f"The service was stopped while the plan was running: {why}"
    if ctx.environment.is_open and ctx.queue.running_uid is not None and not await _clean_up(ctx, reason):
        reason += f". It did not end in {_CLEANING:g} s and was killed without its clean-up"
    if ctx.environment.has_process:
        await _end_worker(ctx, reason)
    try:
        async with asyncio.timeout(_RECORDING):
            await ctx.runner.worker_lost(reason)
            await ctx.ledger.drain()
    except TimeoutError:
        logger.warning("The end of the plan could not be stored: the next start will find it running, and record it")


async def _end_worker(ctx: Context, reason: str) -> None:
    try:
        async with asyncio.timeout(_CLOSING):
            if ctx.lifecycle.state is ManagerState.IDLE:
                await ctx.environment.close()
            else:
                await ctx.environment.kill(reason)
            await ctx.environment.wait_gone()
    except (TimeoutError, QSError) as error:
        logger.warning("The worker does not end by itself (%s): it is killed", str(error) or "no answer")
        await ctx.environment.kill(reason)


async def _clean_up(ctx: Context, reason: str) -> bool:
    """Abort the running plan, so that it closes shutters and stops motors; True if it ended in time."""
    changed = asyncio.Event()
    ctx.changed.watch(changed.set)
    try:
        async with asyncio.timeout(_CLEANING):
            failure = await ctx.runner.interrupt(reason, changed)
    except TimeoutError:
        logger.warning("The plan did not end in %g s: it is killed WITHOUT its clean-up", _CLEANING)
        return False
    except QSError as error:
        logger.warning("The plan cannot be aborted and is killed WITHOUT its clean-up: %s", error)
        return False
    if failure:
        logger.error("The plan has ended, but its clean-up may not be complete: %s", failure)
    else:
        logger.info("The plan has cleaned up and ended")
    return True
