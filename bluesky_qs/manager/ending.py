"""An orderly end of the service: the plan cleans up, the worker ends and the result is stored."""

import asyncio
import logging

from bluesky_qs.errors import QSError
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.state import ManagerState

logger = logging.getLogger(__name__)

# The sum of the three is less than the time that the supervisor gives to the manager.
#: Seconds for the clean-up of the running plan.
_CLEANUP_SECONDS = 2.0
#: Seconds in which the worker can close before it is killed.
_CLOSING_SECONDS = 0.8
#: Seconds for attempts to store the end of the plan while the store fails.
_RECORDING_SECONDS = 1.0


class Stopping:
    """The request to stop the service: the first one counts."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()
        self.why = ""

    @property
    def is_requested(self) -> bool:
        return self._requested.is_set()

    def request(self, why: str) -> None:
        """Request a stop. The log and the result of a plan that is ended give ``why`` as the reason."""
        if not self._requested.is_set():
            self.why = why
            logger.info("RE Manager is stopping: %s", why)
            self._requested.set()

    async def wait(self) -> None:
        """Wait for the first request."""
        await self._requested.wait()


async def end(ctx: Context, why: str) -> None:
    """End the worker, then record its plan as failed."""
    reason = f"The service was stopped while the plan was running: {why}"
    if ctx.environment.is_open and ctx.queue.running_uid is not None and not await _clean_up(ctx, reason):
        reason += f". The plan did not end within {_CLEANUP_SECONDS:g} s and was killed without its clean-up"
    if ctx.environment.has_process:
        await _end_worker(ctx, reason)
    try:
        async with asyncio.timeout(_RECORDING_SECONDS):
            await ctx.runner.worker_lost(reason)
            await ctx.ledger.drain()
    except TimeoutError:
        logger.warning("The end of the plan could not be stored. The service will record it at its next start.")


async def _end_worker(ctx: Context, reason: str) -> None:
    try:
        async with asyncio.timeout(_CLOSING_SECONDS):
            if ctx.lifecycle.state is ManagerState.IDLE:
                await ctx.environment.close()
            else:
                await ctx.environment.kill(reason)
            await ctx.environment.wait_gone()
    except (TimeoutError, QSError) as error:
        logger.warning("Killing the worker, which did not close by itself (%s)", str(error) or "no reply")
        await ctx.environment.kill(reason)


async def _clean_up(ctx: Context, reason: str) -> bool:
    """Abort the running plan, so that it closes shutters and stops motors. Return True if it ended in time."""
    changed = asyncio.Event()
    ctx.changed.watch(changed.set)
    try:
        async with asyncio.timeout(_CLEANUP_SECONDS):
            failure = await ctx.runner.interrupt(reason, changed)
    except TimeoutError:
        logger.warning("The plan did not end within %g s. Killing it WITHOUT its clean-up.", _CLEANUP_SECONDS)
        return False
    except QSError as error:
        logger.warning("The plan cannot be aborted. Killing it WITHOUT its clean-up: %s", error)
        return False
    if failure:
        logger.error("The plan ended, but its clean-up may be incomplete: %s", failure)
    else:
        logger.info("The plan cleaned up and ended")
    return True
