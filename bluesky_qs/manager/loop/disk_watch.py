"""Warns in the log while there is still space for the queue, before changes must be refused."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from bluesky_qs.store.disk import Space, space_of

logger = logging.getLogger(__name__)

#: Seconds between two looks.
_PERIOD = 30.0


async def watch_disk(folder: Path, look: Callable[[Path], Space] = space_of, period: float = _PERIOD) -> None:
    """Look at the disk again and again, and log each change between enough and little space."""
    was_low = False
    while True:
        try:
            space = await asyncio.to_thread(look, folder)
        except OSError as error:
            logger.debug("The disk of %s cannot be read: %s", folder, error)
        else:
            if space.is_low and not was_low:
                logger.warning(
                    "Only %d MB are free on the disk of the queue (%s). Delete files there, or move the store: when "
                    "the disk is full, changes of the queue are refused.",
                    space.free // 1_000_000,
                    folder,
                )
            elif was_low and not space.is_low:
                logger.info("The disk of the queue has enough free space again")
            was_low = space.is_low
        await asyncio.sleep(period)
