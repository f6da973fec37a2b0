"""Warns in the log when disk space for the queue is running out, before changes must be refused."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from bluesky_qs.store.disk import Space, space_of

logger = logging.getLogger(__name__)

#: Seconds between two checks.
_PERIOD = 30.0


async def watch_disk(folder: Path, look: Callable[[Path], Space] = space_of, period: float = _PERIOD) -> None:
    """Check the disk repeatedly, and log each change between enough space and too little."""
    was_low = False
    while True:
        try:
            space = await asyncio.to_thread(look, folder)
        except OSError as error:
            logger.debug("The free space on the disk of %s cannot be determined: %s", folder, error)
        else:
            if space.is_low and not was_low:
                logger.warning(
                    "Only %d MB are free on the disk that holds the queue (%s). Delete files there, or move the store: "
                    "when the disk is full, changes to the queue are refused.",
                    space.free // 1_000_000,
                    folder,
                )
            elif was_low and not space.is_low:
                logger.info("The disk that holds the queue has enough free space again")
            was_low = space.is_low
        await asyncio.sleep(period)
