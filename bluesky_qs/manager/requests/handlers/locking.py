"""Handlers of methods that lock, unlock and describe the lock."""

from bluesky_qs import api
from bluesky_qs.api.types import Locking
from bluesky_qs.errors import Locked
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles


def _info(ctx: Context, *_: object) -> Locking:
    return {"lock_info": ctx.lock.info, "lock_info_uid": ctx.lock.uid}


@handles(api.locking.lock, stores_reply=True)
async def lock(
    ctx: Context,
    lock_key: str = "",
    *,
    environment: bool = False,
    queue: bool = False,
    user: str = "",
    note: str | None = None,
) -> Locking:
    edit = ctx.lock.apply(
        key=lock_key, environment=environment, queue=queue, user=user, note=note, now=ctx.clock.time()
    )
    reply = _info(ctx)
    await ctx.ledger.commit(edit, reply=reply)
    return reply


@handles(api.locking.lock_info, failed=_info)
def lock_info(ctx: Context, lock_key: str | None = None) -> Locking:
    if lock_key is not None:
        ctx.lock.check_key(lock_key)
    return _info(ctx)


@handles(api.locking.unlock, stores_reply=True)
async def unlock(ctx: Context, lock_key: str = "") -> Locking:
    try:
        edit = ctx.lock.release(lock_key)
    except Locked as error:
        raise Locked(error.message, **_info(ctx)) from None
    reply = _info(ctx)
    await ctx.ledger.commit(*([edit] if edit else []), reply=reply)
    return reply
