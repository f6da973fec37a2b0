"""``python -m bluesky_qs copy-store``: takes queue, history, lock, modes and permissions over into another store."""

import asyncio
import os
import sys
from pathlib import Path

import click

from bluesky_qs.config.addresses import redis_meant
from bluesky_qs.config.load import load
from bluesky_qs.errors import QSError, StoreError
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store
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
@click.option("--config", "path", metavar="PATH", help="Configuration file of the service whose store is not named.")
@click.option("--replace", is_flag=True, help="Lose what the other store holds.")
def _command(
    source: str | None, target: str | None, from_prefix: str, to_prefix: str, path: str | None, *, replace: bool
) -> None:
    """Copy queue, history, lock, modes and permissions from one store to another.

    A STORE is the path of a file or the address of a Redis (redis://HOST:PORT). The one that is not given is that of a
    service with this configuration, or without one the file that a service uses without options. Stop the service
    whose store is written; the other one may go on, what it changes afterwards is not copied.

    \b
    Move from a Redis to the embedded store:   copy-store --from redis://localhost:6379
    and back:                                  copy-store --to redis://localhost:6379
    """  # noqa: D301 - the backslash is click's: it keeps the lines as they are
    if not (source or target):
        raise click.UsageError("Give --from or --to or both.")
    if path and source and target:
        raise click.UsageError("Give --config, or both --from and --to, but not all of them.")
    there = _store("--from", source, from_prefix, path, beside_service=True)
    here = _store("--to", target, to_prefix, path, beside_service=False)
    items, history = asyncio.run(_copy(there, here, replace=replace))
    click.echo(f"Copied from {there.description} to {here.description}: items: {items}, history: {history}")


def _store(option: str, named: str | None, prefix: str, config: str | None, *, beside_service: bool) -> Store:
    if named is None and config:
        return chosen_store(load({}, os.environ, config).settings, beside_service=beside_service)
    if named and "://" in named:
        from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - its client is slow to import

        return RedisStore(named, prefix=prefix, beside_service=beside_service)
    if named and (redis := redis_meant(named)):
        # Neither a file of that name nor a Redis that was not asked for: the next service would start on the old queue.
        raise click.UsageError(f"{option} {named}: did you mean {redis}? (A file of that name is ./{named})")
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
            raise StoreError(
                f"{source.description} holds nothing: is that where the queue is?{await _elsewhere(source)}"
            )
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


async def _elsewhere(source: Store) -> str:
    """Where in the same Redis other services keep theirs."""
    from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - only a source that is empty pays for it

    prefixes = await source.other_prefixes() if isinstance(source, RedisStore) else []
    return f" There is one with --from-prefix {' or '.join(map(repr, prefixes))}." if prefixes else ""


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
