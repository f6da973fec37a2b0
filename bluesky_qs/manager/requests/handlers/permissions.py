"""Handlers of methods for lists of plans and devices and for permissions."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from bluesky_qs import api
from bluesky_qs.api.types import (
    DevicesAllowed,
    DevicesExisting,
    FunctionsAllowed,
    Permissions,
    PermissionsSet,
    PlansAllowed,
    PlansExisting,
    Reply,
)
from bluesky_qs.errors import Refused
from bluesky_qs.ipc.commands import SetPermissions
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.requests.dispatch import handles
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.wire.codec import Encoded, json_text

logger = logging.getLogger(__name__)


@handles(api.permissions.plans_allowed)
def plans_allowed(ctx: Context, user_group: str = "") -> PlansAllowed:
    ctx.lists.check_group(user_group)
    allowed: Any = ctx.lists.allowed("plans", user_group)
    return {"plans_allowed": allowed, "plans_allowed_uid": ctx.lists.plans_allowed_uid}


@handles(api.permissions.devices_allowed)
def devices_allowed(ctx: Context, user_group: str = "") -> DevicesAllowed:
    ctx.lists.check_group(user_group)
    allowed: Any = ctx.lists.allowed("devices", user_group)
    return {"devices_allowed": allowed, "devices_allowed_uid": ctx.lists.devices_allowed_uid}


@handles(api.permissions.functions_allowed)
def functions_allowed(ctx: Context, user_group: str = "") -> FunctionsAllowed:
    ctx.lists.check_group(user_group)
    allowed: Any = Encoded(json_text(ctx.lists.functions_allowed(user_group)))
    return {"functions_allowed": allowed, "functions_allowed_uid": ctx.lists.functions_allowed_uid}


@handles(api.permissions.plans_existing)
def plans_existing(ctx: Context) -> PlansExisting:
    existing: Any = ctx.lists.existing("plans")
    return {"plans_existing": existing, "plans_existing_uid": ctx.lists.plans_existing_uid}


@handles(api.permissions.devices_existing)
def devices_existing(ctx: Context) -> DevicesExisting:
    existing: Any = ctx.lists.existing("devices")
    return {"devices_existing": existing, "devices_existing_uid": ctx.lists.devices_existing_uid}


@handles(api.permissions.permissions_get)
def permissions_get(ctx: Context) -> Permissions:
    permissions: Any = ctx.lists.permissions
    return {"user_group_permissions": permissions}


@handles(api.permissions.permissions_set, stores_reply=True)
async def permissions_set(
    ctx: Context,
    user_group_permissions: dict[str, Any],
    *,
    user: str | None = None,
) -> PermissionsSet:
    permissions = PermissionRules.from_dict(user_group_permissions)
    warnings = list(permissions.warnings())
    reply: PermissionsSet = {"warnings": warnings} if warnings else {}
    await _put_in_force(ctx, permissions, user, reply)
    for warning in warnings:
        logger.warning("User group permissions from permissions_set: %s", warning)
    return reply


@handles(api.permissions.permissions_reload)
async def permissions_reload(
    ctx: Context,
    *,
    restore_plans_devices: bool = False,
    restore_permissions: bool = True,
    user: str | None = None,
) -> Reply:
    if restore_permissions:
        if ctx.settings.operation.user_group_permissions_reload == "NEVER":
            msg = (
                "The service was started with --user-group-permissions-reload NEVER and does not reload permissions. "
                "To update only the lists, call permissions_reload with restore_permissions=False."
            )
            raise Refused(msg)
        await _put_in_force(ctx, await asyncio.to_thread(ctx.lists.permissions_from_file), user)
    if restore_plans_devices:
        await ctx.lists.reload_lists()
    return {}


async def _put_in_force(
    ctx: Context, permissions: PermissionRules, user: str | None, reply: Mapping[str, Any] | None = None
) -> None:
    edit = ctx.lists.set_permissions(permissions)
    await ctx.ledger.commit(*([edit.by(user)] if edit else []), reply=reply)
    if edit and ctx.environment.is_open:
        await ctx.environment.send(SetPermissions(ctx.lists.permissions_json))
