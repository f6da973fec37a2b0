"""``python -m bluesky_qs copy-store``: copies the content of a store to another store."""

import asyncio
import os
import sys
from pathlib import Path

from bluesky_qs.addresses import redis_meant
from bluesky_qs.cli.parser import Parser, exit_code_of
from bluesky_qs.config.load import load
from bluesky_qs.errors import StoreError
from bluesky_qs.nearest import did_you_mean
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store
from bluesky_qs.store.copy import copy_store, has_plans
from bluesky_qs.store.place import default_store_path

_PREFIX = "qs_default"


_HELP = """Copy the queue, the history, the lock, the modes and the permissions from one
store to another.

A STORE is the path of a file or the address of a Redis server (redis://HOST:PORT).
If you name only one store, the other one is the store of the service with this
configuration (--config), or the default file if there is no --config. Stop the
service that uses the target store. The other service may keep running; its
later changes are not copied.

Move from Redis to the embedded store:     copy-store --from redis://localhost:6379
and back:                                  copy-store --to redis://localhost:6379"""


def main() -> int:
    """Run the command. Return 0, or 1 if nothing was copied."""
    return exit_code_of(_run, failed=1)


def _run() -> None:
    parser = _parser()
    options = parser.parse_args()
    if not (options.source or options.target):
        parser.error("Give --from or --to or both.")
    if options.config and options.source and options.target:
        parser.error("Give --config, or both --from and --to, but not all of them.")
    source = _store("--from", options.source, options.from_prefix, options.config, beside_service=True)
    target = _store("--to", options.target, options.to_prefix, options.config, beside_service=False)
    items, history = asyncio.run(_copy(source, target, replace=options.replace))
    print(f"Copied from {source.description} to {target.description}: items: {items}, history: {history}")


def _parser() -> Parser:
    parser = Parser("python -m bluesky_qs copy-store", _HELP)
    parser.add_argument("--from", dest="source", metavar="STORE", help="Source store.")
    parser.add_argument("--to", dest="target", metavar="STORE", help="Target store.")
    for option, which in (("--from-prefix", "source"), ("--to-prefix", "target")):
        parser.add_argument(
            option, metavar="TEXT", default=_PREFIX, help=f"Key prefix in the {which} Redis.  [default: {_PREFIX}]"
        )
    parser.add_argument("--config", metavar="PATH", help="Configuration file of the service whose store you leave out.")
    parser.add_argument("--replace", action="store_true", help="Overwrite the target store.")
    parser.add_help_option()
    return parser


def _store(option: str, named: str | None, prefix: str, config: str | None, *, beside_service: bool) -> Store:
    if named is None and config:
        return chosen_store(load({}, os.environ, config).settings, beside_service=beside_service)
    if named and "://" in named:
        from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - its client is slow to import

        return RedisStore(named, prefix=prefix, beside_service=beside_service)
    if named and (redis := redis_meant(named)):
        # Refused, because the name may mean a file or a Redis server. With the wrong one, the next service would have
        # the old queue.
        raise StoreError(
            f"{option} {named} is the address of a Redis server{did_you_mean([redis])}. "
            f"If you mean a file with this name, write ./{named}"
        )
    from bluesky_qs.store.sqlite import SQLiteStore  # noqa: PLC0415 - not needed between two of Redis

    path = Path(named).expanduser() if named else default_store_path()
    return SQLiteStore(path, beside_service=beside_service)


async def _copy(source: Store, target: Store, *, replace: bool) -> tuple[int, int]:
    """Copy everything; return the number of items in the queue and in the history."""
    await source.open()
    try:
        found = await source.load()
        if not (found.items or found.history or found.events or any(found.facts.values())):
            # With --replace, a mistyped prefix would erase the target.
            raise StoreError(f"{source.description} is empty. Is this the right store?{await _elsewhere(source)}")
        await target.open()
        try:
            held = await target.load()
            if not replace and has_plans(held):
                raise StoreError(
                    f"{target.description} is not empty (items: {len(held.items)}, history: {len(held.history)}): "
                    "nothing was copied. Use --replace to overwrite it"
                )
            copied = await copy_store(source, target)
        finally:
            await target.close()
    finally:
        await source.close()
    return len(copied.items), len(copied.history)


async def _elsewhere(source: Store) -> str:
    """Return a sentence about other queues in the same Redis, or an empty string."""
    from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - only needed for an empty source

    prefixes = await source.other_prefixes() if isinstance(source, RedisStore) else []
    return f" There is a queue with --from-prefix {' or '.join(map(repr, prefixes))}." if prefixes else ""


if __name__ == "__main__":
    sys.exit(main())
