"""``qserver-clear-lock``: forgets the lock of a service whose lock key is lost."""

import asyncio
import json
import os
import sys
import time

import click

from bluesky_qs.config import load as config
from bluesky_qs.errors import QSError
from bluesky_qs.plan_queue.changes import SetFact
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store

_LOCK = "lock_info"
_OPTIONS = {"store": "operation.store", "redis_addr": "network.redis_addr", "prefix": "network.redis_name_prefix"}


@click.command(
    "qserver-clear-lock",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--store", metavar="PATH", help="File in which the service keeps its queue.  [QSERVER_STORE]")
@click.option("--redis-addr", metavar="ADDRESS", help="Redis in which it keeps its queue.  [QSERVER_REDIS_ADDR]")
@click.option("--redis-name-prefix", "prefix", metavar="TEXT", help="Beginning of the names of its Redis keys.")
@click.option("--config", "path", metavar="PATH", help="Configuration file of the service.  [QSERVER_CONFIG]")
def _command(path: str | None, **options: str | None) -> None:
    """Clear the lock of RE Manager in its store. The service takes note of it when it is started again.

    The store is found as the service finds it: give the options, variables and configuration that it is given.
    """
    given = {_OPTIONS[name]: value for name, value in options.items()}
    settings = config.load(given, os.environ, path).settings
    # The service may be running: the lock is a fact that it writes only when somebody locks or unlocks.
    click.echo(asyncio.run(_clear(chosen_store(settings, beside_service=True))))


async def _clear(store: Store) -> str:
    """Clear the lock; what was done, in a sentence."""
    await store.open()
    try:
        info = (await store.load()).facts.get(_LOCK)
        if info is None or not (who := _locked(info)):
            return f"RE Manager is not locked in the {store.description}."
        await store.commit([SetFact(_LOCK, None)])
    finally:
        await store.close()
    return f"The lock in the {store.description} is cleared ({who}). Restart RE Manager to unlock it."


def _locked(data: bytes) -> str:
    """What was locked, by whom and when; nothing if it was not."""
    try:
        info = json.loads(data)
    except ValueError:
        return "it could not be read"
    what = " and ".join(name for name in ("environment", "queue") if info.get(name))
    at = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(info.get("time") or 0))
    return what and f"{what}, locked by {info.get('user')} at {at}"


def main() -> int:
    """Run the command: 0, or 1 if the store could not be reached."""
    try:
        return _command.main(prog_name=_command.name, standalone_mode=False) or 0
    except click.Abort:
        click.echo("Interrupted", err=True)
    except click.ClickException as error:
        error.show()
    except QSError as error:
        click.echo(f"Error: {error.message}", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
