"""Drives a service with bluesky-queueserver-api, and asserts what the documentation of that package promises.

Run by an interpreter that has that package and not ours, or with our client in its place, by changing the import only::

    python foreign_client.py PACKAGE VARIANT CHAPTER[,CHAPTER…] CONTROL_ADDRESS INFO_ADDRESS [PUBLIC_KEY]
    python foreign_client.py PACKAGE VARIANT CHAPTER[,CHAPTER…] URI

PACKAGE is ``bluesky_queueserver_api`` or ``bluesky_qs``; VARIANT is ``threads`` or ``async``, over HTTP ``http`` or
``http.aio``, where alice signs in; each chapter is written once, for all of them. A chapter has a client of its own and
finds the service idle and empty, and the environment closed unless it only needs an open one.
"""

import asyncio
import importlib
import sys

import http_chapters
import queue_chapters
import service_chapters
from common import done

MODULES = {
    "bluesky_queueserver_api": {"threads": "bluesky_queueserver_api.zmq", "async": "bluesky_queueserver_api.zmq.aio"},
    "bluesky_qs": {"threads": "bluesky_qs", "async": "bluesky_qs.aio"},
}
CHAPTERS = vars(queue_chapters) | vars(service_chapters) | vars(http_chapters)


async def over_http(package, variant, uri):
    """A client over HTTP; the modules of both packages have the same names."""
    RM = importlib.import_module(f"{package}.{variant}").REManagerAPI(
        http_server_uri=uri,
        http_auth_provider="/site/token",
        timeout=30,
        status_expiration_period=0.02,
        status_polling_period=0.05,
        console_monitor_poll_period=0.1,
    )
    await done(RM.login("alice", password="of-alice"))
    RM.user, RM.user_group = "alice", "primary"  # whom the server names, whatever a client says
    return RM


def over_zmq(package, variant, name, control, info, public_key=None):
    patience = {} if name == "nobody" else {"timeout_recv": 30}
    return importlib.import_module(MODULES[package][variant]).REManagerAPI(
        zmq_control_addr=control,
        zmq_info_addr=info,
        zmq_public_key=public_key,
        status_expiration_period=0.02,
        status_polling_period=0.05,
        console_monitor_poll_timeout=0.1,
        **patience,
    )


#: They use the environment of the chapter before, because each opening takes a second.
IN_OPEN_ENVIRONMENT = {"run_engine", "tasks", "waits"}


async def fresh(RM, name):
    """The service as it was when it started, apart from its environment."""
    await done(RM.wait_for_idle(timeout=60))
    if name not in IN_OPEN_ENVIRONMENT and (await done(RM.status()))["worker_environment_exists"]:
        await done(RM.environment_close())
        await done(RM.wait_for_idle(timeout=60))
    await done(RM.queue_clear())
    await done(RM.history_clear())
    await done(RM.permissions_reload(restore_plans_devices=True, restore_permissions=True))


async def chapter(package, variant, name, *addresses, first):
    if variant.startswith("http"):
        RM = await over_http(package, variant, *addresses)
    else:
        RM = over_zmq(package, variant, name, *addresses)
    try:
        if not first:
            await fresh(RM, name)
        await CHAPTERS[name](RM)
    finally:
        await done(RM.close())


async def main(package, variant, names, *addresses):
    for number, name in enumerate(names.split(",")):
        print("CHAPTER", name, flush=True)
        await chapter(package, variant, name, *addresses, first=not number)
    print("DONE")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
