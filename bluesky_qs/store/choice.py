"""Which store the settings mean, and whether there is another one that the user may have meant."""

from pathlib import Path

from bluesky_qs.config.schema import DEFAULT_REDIS_ADDR, Settings
from bluesky_qs.errors import StoreError
from bluesky_qs.store.base import Store
from bluesky_qs.store.place import default_store_path
from bluesky_qs.store.sqlite import SQLiteStore


def chosen_store(settings: Settings, *, beside_service: bool = False) -> Store:
    """The store that the settings choose, not opened yet.

    Raises
    ------
    StoreError
        The address of Redis is not valid.
    """
    network = settings.network
    if network.redis_addr is not None:
        from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - only who uses Redis pays for its client

        return RedisStore(network.redis_addr, prefix=network.redis_name_prefix, beside_service=beside_service)
    path = settings.operation.store
    return SQLiteStore(Path(path) if path else default_store_path(), beside_service=beside_service)


async def overlooked_queue(store: Store, address: str = DEFAULT_REDIS_ADDR) -> str | None:
    """A sentence about the queue of the community's service, where an empty new store was chosen beside it.

    Parameters
    ----------
    store
        The store in use, opened.
    address
        Where the community's service keeps its queue unless it is told otherwise.
    """
    if not (isinstance(store, SQLiteStore) and store.is_new):
        return None
    from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - once in the life of a store

    redis = RedisStore(address, beside_service=True)
    try:
        if not await redis.holds_something():
            return None
    except StoreError:  # nothing listens there, or nothing that is for us
        return None
    finally:
        await redis.close()
    return (
        f"A new and empty queue was begun in the {store.description}, but there is a queue already: {redis.description}. "
        f"To go on with that one, start with the option --redis-addr={address}"
    )
