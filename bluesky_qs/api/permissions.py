"""Methods on plans, devices and who may use them."""

from typing import Annotated, Any, Unpack

from bluesky_qs.api.method import Lock, Says, method
from bluesky_qs.api.types import (
    DevicesAllowed,
    DevicesExisting,
    Keyed,
    Permissions,
    PlansAllowed,
    PlansExisting,
    Reply,
    UserGroup,
)


@method(requires=("user_group",), on_failure={"plans_allowed": {}, "plans_allowed_uid": None})
def plans_allowed(user_group: UserGroup = "") -> PlansAllowed:
    """Plans that the group may queue, each with its description, by name."""
    raise NotImplementedError


@method(requires=("user_group",), on_failure={"devices_allowed": {}, "devices_allowed_uid": None})
def devices_allowed(user_group: UserGroup = "") -> DevicesAllowed:
    """Devices that the group may use, each with its subdevices, by name."""
    raise NotImplementedError


@method(on_failure={"plans_existing": {}, "plans_existing_uid": None})
def plans_existing() -> PlansExisting:
    """All plans that the startup code defines, whoever may use them."""
    raise NotImplementedError


@method(on_failure={"devices_existing": {}, "devices_existing_uid": None})
def devices_existing() -> DevicesExisting:
    """All devices that the startup code defines, whoever may use them."""
    raise NotImplementedError


@method(lock=Lock.QUEUE)
def permissions_reload(
    *,
    restore_plans_devices: bool = False,
    restore_permissions: bool = True,
    **key: Unpack[Keyed],
) -> Reply:
    """Read the permissions file again and make new lists of what is allowed.

    ``restore_plans_devices``: read the lists of existing plans and devices from disk too.
    """
    raise NotImplementedError


@method(on_failure={"user_group_permissions": {}})
def permissions_get() -> Permissions:
    """The user group permissions in force."""
    raise NotImplementedError


@method(lock=Lock.QUEUE)
def permissions_set(
    user_group_permissions: Annotated[
        dict[str, Any],
        Says(missing="Parameter 'user_group_permissions' is missing"),
    ],
    **key: Unpack[Keyed],
) -> Reply:
    """Put other user group permissions in force, checked as a whole; an identical dictionary changes nothing."""
    raise NotImplementedError
