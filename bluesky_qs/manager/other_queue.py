"""A hint for sites that switch to this service, because their queue may be in Redis."""

import logging

from bluesky_qs.config.schema import DEFAULT_REDIS_ADDR
from bluesky_qs.store.elsewhere import queue_in_redis

logger = logging.getLogger(__name__)

_OTHER_QUEUE = f"""
    **********************************************************************************************
    The queue in this file is new and empty, but Redis at {DEFAULT_REDIS_ADDR} holds a queue
    of the Queue Server (keys qs_default_*). To use that queue, stop this service and start it
    with the option:   --redis-addr {DEFAULT_REDIS_ADDR}
    or copy it here:   python -m bluesky_qs copy-store --from redis://{DEFAULT_REDIS_ADDR}
    **********************************************************************************************"""


async def mention_other_queue() -> None:
    """Log where the site's queue is, so that nobody thinks it is lost."""
    host, port = DEFAULT_REDIS_ADDR.split(":")
    if await queue_in_redis(host, int(port)):
        logger.warning("%s", _OTHER_QUEUE)
