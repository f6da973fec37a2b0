"""``qserver backup`` and ``qserver restore``: the content of a service's store in a file, and back.

They use the store itself, so a backup also works when the service hangs or is stopped.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bluesky_qs.addresses import client_address
from bluesky_qs.cli.clear_lock import LOCK, who_locked
from bluesky_qs.cli.parser import Parser, exit_code_of
from bluesky_qs.cli.store_options import add_store_options, settings_of
from bluesky_qs.config.schema import Settings
from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import Snapshot
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store
from bluesky_qs.store.copy import copy_store, has_plans
from bluesky_qs.store.place import sync_folder
from bluesky_qs.store.sqlite import SQLiteStore

_BACKUP = """Write the queue, the history, the lock, the modes and the permissions of a service to FILE.
The command reads the service's store itself. The service may be running, stopped or hanging.
The command looks for the store in the same places as the service. Give it the
same options, environment variables and configuration file.

FILE is a SQLite file, and only you can read it. If the service is locked, FILE contains the lock key."""

_RESTORE = """Replace the content of a service's store with FILE, which 'qserver backup' wrote.

Stop the service first. The command looks for the store in the same places as the service.
Give it the same options, environment variables and configuration file.

If the store is not empty, the command needs --replace. It then writes a backup of
the earlier content next to FILE."""


def backup(arguments: Sequence[str]) -> int:
    """Run ``qserver backup``. Return 0, or 1 if no backup was written."""
    return exit_code_of(lambda: _backup(arguments), failed=1)


def restore(arguments: Sequence[str]) -> int:
    """Run ``qserver restore``. Return 0, or 1 if nothing was restored."""
    return exit_code_of(lambda: _restore(arguments), failed=1)


def _parser(name: str, description: str) -> Parser:
    parser = Parser(f"qserver {name}", description, arguments=" FILE")
    parser.add_argument("file", metavar="FILE", help="The backup file.")
    add_store_options(parser)
    parser.add_argument("--replace", action="store_true", help="Overwrite a file or store that is already there.")
    parser.add_help_option()
    return parser


PARSERS = {"backup": partial(_parser, "backup", _BACKUP), "restore": partial(_parser, "restore", _RESTORE)}


def _backup(arguments: Sequence[str]) -> None:
    options = PARSERS["backup"]().parse_args(arguments)
    file = Path(options.file).expanduser()
    if file.exists() and not options.replace:
        raise StoreError(f"{file} exists. Choose another name, or add --replace to overwrite it")
    store = chosen_store(settings_of(options), beside_service=True)
    found = asyncio.run(_backed_up(store, file))
    print(f"Backed up the {store.description} to {file} ({_counts(found)}).{_warning(found)}")


def _restore(arguments: Sequence[str]) -> None:
    options = PARSERS["restore"]().parse_args(arguments)
    file = Path(options.file).expanduser()
    if not file.is_file():
        raise StoreError(f"There is no backup {file}")
    settings = settings_of(options)
    _refuse_beside_service(settings)
    store = chosen_store(settings)
    earlier, found = asyncio.run(_restored(file, store, replace=options.replace))
    if earlier:
        print(f"The earlier content of the {store.description} is in {earlier}.")
    print(f"Restored the {store.description} ({_counts(found)}). You can start the service now.")


async def _backed_up(store: Store, file: Path) -> Snapshot:
    await store.open()
    try:
        return await _written(store, file)
    finally:
        await store.close()


async def _restored(file: Path, store: Store, *, replace: bool) -> tuple[Path | None, Snapshot]:
    """Replace the content of a store. Return the file with its earlier content, and the content of the backup."""
    source = SQLiteStore(file, beside_service=True)
    try:
        await source.open()
    except StoreError as error:
        raise StoreError(f"{file} is not a backup of a queue, or it is damaged") from error
    try:
        await store.open()
        try:
            earlier = await _set_aside(store, file, replace=replace)
            return earlier, await copy_store(source, store)
        finally:
            await store.close()
    finally:
        await source.close()


async def _set_aside(store: Store, file: Path, *, replace: bool) -> Path | None:
    """Write the content of a store to a file next to the backup, and return the file; None if the store is empty."""
    held = await store.load()
    if not has_plans(held):
        return None
    if not replace:
        raise StoreError(
            f"The {store.description} is not empty ({_counts(held)}): nothing was restored. "
            "Use --replace to overwrite it"
        )
    earlier = file.with_name(f"{file.name}-replaced-{time.strftime('%Y%m%d-%H%M%S')}")
    await _written(store, earlier)
    return earlier


async def _written(store: Store, file: Path) -> Snapshot:
    """Write the content of an open store to a file: all of it, or nothing."""
    if not file.parent.is_dir():
        raise StoreError(f"There is no folder {file.parent}")
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    target = SQLiteStore(partial)
    try:
        await target.open()
        try:
            found = await copy_store(store, target)
        finally:
            await target.close()
        partial.replace(file)
        sync_folder(file.parent)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        for each in [each for each in file.parent.iterdir() if each.name.startswith(partial.name)]:
            each.unlink()
    return found


def _refuse_beside_service(settings: Settings) -> None:
    """Refuse to overwrite a store in Redis while a service runs.

    A file has a lock, but Redis does not show who uses it.
    """
    if settings.network.redis_addr is None:
        return
    address = urlsplit(client_address(settings.network.zmq_control_addr))
    place = (address.hostname or "", address.port or 0)
    with contextlib.suppress(OSError), socket.create_connection(place, timeout=1):
        raise StoreError(
            f"A service answers at {settings.network.zmq_control_addr}. Stop it first. "
            "If it does not use this Redis server, give the address of the service that does (--config, "
            "QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER)"
        )


def _counts(content: Snapshot) -> str:
    return f"items: {len(content.items)}, history: {len(content.history)}"


def _warning(content: Snapshot) -> str:
    lock = content.facts.get(LOCK)
    return " The file contains the lock key: keep it private." if lock is not None and who_locked(lock) else ""
