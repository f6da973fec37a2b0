"""``python -m bluesky_qs copy-store``: takes queue, history, lock, modes and permissions over into another store."""

import asyncio
import sys
from pathlib import Path

import click

from bluesky_qs.errors import QSError, StoreError
from bluesky_qs.store.base import Store
from bluesky_qs.store.copy import copy_store
from bluesky_qs.store.place import default_store_path

_PREFIX = "qs_default"


@click.command(
    "copy-store",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--from", "source", metavar="STORE", help="Where the queue is now.")
@click.option("--to", "target", metavar="STORE", help="Where it is to be.")
@click.option("--from-prefix", metavar="TEXT", default=_PREFIX, show_default=True, help="Of the Redis keys there.")
@click.option("--to-prefix", metavar="TEXT", default=_PREFIX, show_default=True, help="Of the Redis keys to be.")
@click.option("--replace", is_flag=True, help="Lose what the other store holds.")
def _command(source: str | None, target: str | None, from_prefix: str, to_prefix: str, *, replace: bool) -> None:
    """Copy queue, history, lock, modes and permissions from one store to another.

    A STORE is the path of a file or the address of a Redis (redis://HOST:PORT). The one that is not given is the file
    that a service uses without options. Stop the services that use them before: what they change meanwhile is lost.

    \b
    Move from a Redis to the embedded store:   copy-store --from redis://localhost:6379
    and back:                                  copy-store --to redis://localhost:6379
    """  # noqa: D301 - the backslash is click's: it keeps the lines as they are
    if not (source or target):
        raise click.UsageError("Give --from or --to or both.")
    there, here = _store(source, from_prefix, beside_service=True), _store(target, to_prefix, beside_service=False)
    items, history = asyncio.run(_copy(there, here, replace=replace))
    click.echo(f"Copied from {there.description} to {here.description}: items: {items}, history: {history}")


def _store(named: str | None, prefix: str, *, beside_service: bool) -> Store:
    if named and "://" in named:
        from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - its client is slow to import

        return RedisStore(named, prefix=prefix, beside_service=beside_service)
    from bluesky_qs.store.sqlite import SQLiteStore  # noqa: PLC0415 - not needed between two of Redis

    path = Path(named).expanduser() if named else default_store_path()
    return SQLiteStore(path, beside_service=beside_service)


async def _copy(source: Store, target: Store, *, replace: bool) -> tuple[int, int]:
    """Copy everything; how many items the queue and the history have."""
    await source.open()
    try:
        found = await source.load()
        if not (found.items or found.history or found.events or any(found.facts.values())):
            # With --replace a mistyped prefix would lose what the target holds.
            raise StoreError(f"{source.description} holds nothing: is that where the queue is?")
        await target.open()
        try:
            held = await target.load()
            if not replace and (held.items or held.history or held.facts.get("running_plan", b"{}") != b"{}"):
                raise StoreError(
                    f"{target.description} is not empty (items: {len(held.items)}, history: {len(held.history)}): "
                    "nothing was copied. The option --replace overwrites it"
                )
            copied = await copy_store(source, target)
        finally:
            await target.close()
    finally:
        await source.close()
    return len(copied.items), len(copied.history)


def main() -> int:
    """Run the command: 0, or 1 if nothing was copied."""
    try:
        return _command.main(prog_name="python -m bluesky_qs copy-store", standalone_mode=False) or 0
    except click.Abort:
        click.echo("Interrupted", err=True)
    except click.ClickException as error:
        error.show()
    except QSError as error:
        click.echo(f"Error: {error.message}", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
