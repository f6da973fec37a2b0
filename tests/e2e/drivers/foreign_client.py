"""Drives a service with bluesky-queueserver-api, and asserts what the documentation of that package promises.

Run by an interpreter that has that package and not ours, or with our client in its place, by changing the import only::

    python foreign_client.py PACKAGE VARIANT CHAPTER CONTROL_ADDRESS INFO_ADDRESS [PUBLIC_KEY]

PACKAGE is ``bluesky_queueserver_api`` or ``bluesky_qs``; VARIANT is ``threads`` or ``async``; each chapter is written
once, for all of them.
"""

import asyncio
import importlib
import sys

import queue_chapters
import service_chapters
from common import done

MODULES = {
    "bluesky_queueserver_api": {"threads": "bluesky_queueserver_api.zmq", "async": "bluesky_queueserver_api.zmq.aio"},
    "bluesky_qs": {"threads": "bluesky_qs", "async": "bluesky_qs.aio"},
}
CHAPTERS = vars(queue_chapters) | vars(service_chapters)


async def main(package, variant, name, control, info, public_key=None):
    patience = {} if name == "nobody" else {"timeout_recv": 30}
    RM = importlib.import_module(MODULES[package][variant]).REManagerAPI(
        zmq_control_addr=control,
        zmq_info_addr=info,
        zmq_public_key=public_key,
        status_expiration_period=0.02,
        status_polling_period=0.05,
        console_monitor_poll_timeout=0.1,
        **patience,
    )
    try:
        await CHAPTERS[name](RM)
    finally:
        await done(RM.close())
    print("DONE")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
