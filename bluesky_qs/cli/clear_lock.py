"""``qserver-clear-lock``: removes the lock of a service whose lock key is lost."""

import asyncio
import json
import sys
import time

from bluesky_qs.cli.parser import Parser, exit_code_of
from bluesky_qs.cli.store_options import add_store_options, settings_of
from bluesky_qs.plan_queue.changes import SetFact
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store

#: The key under which a store has the lock.
LOCK = "lock_info"


_HELP = """Clear the lock of RE Manager in its store. Restart the service afterwards: it reads the lock when it starts.

The command looks for the store in the same places as the service. Give it the
same options, environment variables and configuration file."""


def main() -> int:
    """Run the command. Return 0, or 1 if the store could not be reached."""
    return exit_code_of(_run, failed=1)


def _run() -> None:
    settings = settings_of(_parser().parse_args())
    # The service may be running, because it writes the lock only when somebody locks or unlocks.
    print(asyncio.run(_clear(chosen_store(settings, beside_service=True))))


def _parser() -> Parser:
    parser = Parser("qserver-clear-lock", _HELP)
    add_store_options(parser)
    parser.add_help_option()
    return parser


async def _clear(store: Store) -> str:
    """Clear the lock; return a sentence that reports the result."""
    await store.open()
    try:
        info = (await store.load()).facts.get(LOCK)
        if info is None or not (who := who_locked(info)):
            return f"RE Manager is not locked in the {store.description}."
        await store.commit([SetFact(LOCK, None)])
    finally:
        await store.close()
    return f"Cleared the lock in the {store.description} ({who}). Restart RE Manager to unlock it."


def who_locked(data: bytes) -> str:
    """Return what was locked, by whom and when; an empty string if nothing was locked."""
    try:
        info = json.loads(data)
    except ValueError:
        return "it could not be read"
    what = " and ".join(name for name in ("environment", "queue") if info.get(name))
    at = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(info.get("time") or 0))
    return what and f"{what}, locked by {info.get('user')} at {at}"


if __name__ == "__main__":
    sys.exit(main())
