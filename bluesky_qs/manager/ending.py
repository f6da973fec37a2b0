"""The orderly end of the service: the plan cleans up, the worker ends and the result is stored."""

import asyncio
import contextlib
import logging

from bluesky_qs.errors import QSError
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.worker.state import ManagerState

logger = logging.getLogger(__name__)

# The supervisor gives the manager more time than the sum of `plan_cleanup_timeout` and these times, counting the last
# one twice.
#: Seconds for the worker to close before it is killed. With pyepics, ophyd's exit handler waits for a thread that
#: checks the time only once a second.
_CLOSING_SECONDS = 2.0
#: Seconds to keep trying to store the end of the plan if the store fails.
_RECORDING_SECONDS = 1.0


class Stopping:
    """The request to stop the service. Only the first one counts."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()
        self._hurried = asyncio.Event()
        self.why = ""

    @property
    def is_requested(self) -> bool:
        return self._requested.is_set()

    def request(self, why: str) -> None:
        """Request a stop. ``why`` is the reason in the log and in the result of the interrupted plan."""
        if not self._requested.is_set():
            self.why = why
            logger.info("RE Manager is stopping: %s", why)
            self._requested.set()

    async def wait(self) -> None:
        """Wait for the first request."""
        await self._requested.wait()

    def hurry(self) -> None:
        """Stop waiting for the plan's cleanup, because of a second request."""
        self._hurried.set()

    async def wait_hurried(self) -> None:
        """Wait for the second request."""
        await self._hurried.wait()


async def end(ctx: Context, stopping: Stopping) -> None:
    """End the worker, then record its plan as failed."""
    ctx.lifecycle.end()
    reason = f"The service was stopped while the plan was running: {stopping.why}"
    is_running = ctx.environment.is_open and ctx.queue.running_uid is not None
    if is_running and (problem := await _clean_up(ctx, reason, stopping)):
        logger.warning("The plan %s. Killing it WITHOUT its cleanup.", problem)
        reason += f". The plan {problem} and was killed without its cleanup"
    if ctx.environment.has_process:
        await _end_worker(ctx, reason)
    try:
        async with asyncio.timeout(_RECORDING_SECONDS):
            await ctx.ledger.drain()  # the end of the plan may be among the waiting edits
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
        logger.warning("Killing the worker, because it did not close (%s)", str(error) or "no reply")
        await ctx.environment.kill(reason)


async def _wait_until_stored(ctx: Context, changed: asyncio.Event) -> None:
    """Wait until the end of the plan is stored and the worker can be closed, as long as the store works."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_RECORDING_SECONDS):
            while ctx.queue.running_uid is not None or ctx.lifecycle.state is not ManagerState.IDLE:
                changed.clear()
                await changed.wait()


async def _clean_up(ctx: Context, reason: str, stopping: Stopping) -> str:
    """Abort the running plan, so that it closes shutters and stops motors.

    Return the problem as a phrase to put after “the plan”; empty if the plan ended.
    """
    changed = asyncio.Event()
    ctx.changed.watch(changed.set)
    seconds = ctx.settings.operation.plan_cleanup_timeout
    aborting = asyncio.ensure_future(ctx.runner.interrupt(reason, changed))
    hurried = asyncio.ensure_future(stopping.wait_hurried())
    limit = f"Waiting up to {seconds} s" if seconds else "Waiting"
    logger.warning("%s for the plan's cleanup. Press Ctrl-C again to stop waiting.", limit)
    try:
        await asyncio.wait([aborting, hurried], timeout=seconds or None, return_when=asyncio.FIRST_COMPLETED)
        if not aborting.done():
            return (
                "did not end before the second request to stop" if hurried.done() else f"did not end within {seconds} s"
            )
        failure = aborting.result()
        await _wait_until_stored(ctx, changed)
    except QSError as error:
        return f"could not be aborted ({error})"
    finally:
        aborting.cancel()
        hurried.cancel()
    if failure:
        logger.error("The plan ended, but its cleanup may be incomplete: %s", failure)
    else:
        logger.info("The plan ended after its cleanup")
    return ""
