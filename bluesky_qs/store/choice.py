"""Selects the store from the settings."""

from pathlib import Path

from bluesky_qs.config.schema import Settings
from bluesky_qs.store.base import Store
from bluesky_qs.store.place import default_store_path


def chosen_store(settings: Settings, *, beside_service: bool = False) -> Store:
    """Return the store that the settings select. It is not open yet.

    Use ``beside_service`` for tools that read a store while a service may be using it.

    Raises
    ------
    StoreError
        The Redis address is not valid.
    """
    network = settings.network
    if network.redis_addr is not None:
        from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - the Redis client is slow to import

        return RedisStore(network.redis_addr, prefix=network.redis_name_prefix, beside_service=beside_service)
    from bluesky_qs.store.sqlite import SQLiteStore  # noqa: PLC0415 - not needed with Redis

    path = settings.operation.store
    return SQLiteStore(Path(path) if path else default_store_path(), beside_service=beside_service)
