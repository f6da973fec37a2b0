"""Methods on plans, devices and user group permissions."""

from typing import Annotated, Any, Unpack

from bluesky_qs.api.method import Lock, Messages, method
from bluesky_qs.api.types import (
    DevicesAllowed,
    DevicesExisting,
    FunctionsAllowed,
    Keyed,
    Permissions,
    PermissionsSet,
    PlansAllowed,
    PlansExisting,
    Reply,
    UserGroup,
)


@method(scope="read:resources", requires=("user_group",), on_failure={"plans_allowed": {}, "plans_allowed_uid": None})
def plans_allowed(user_group: UserGroup = "") -> PlansAllowed:
    """Plans that the group may queue: descriptions by name."""
    raise NotImplementedError


@method(
    scope="read:resources", requires=("user_group",), on_failure={"devices_allowed": {}, "devices_allowed_uid": None}
)
def devices_allowed(user_group: UserGroup = "") -> DevicesAllowed:
    """Devices that the group may use, with their subdevices: descriptions by name."""
    raise NotImplementedError


@method(
    scope="read:resources",
    requires=("user_group",),
    on_failure={"functions_allowed": {}, "functions_allowed_uid": None},
)
def functions_allowed(user_group: UserGroup = "") -> FunctionsAllowed:
    """Functions that the group may call: their signatures and the first lines of their docstrings, by name.

    The functions come from the environment that was opened last. Plans, and names that begin with an underscore, are
    left out.
    """
    raise NotImplementedError


@method(scope="read:resources", on_failure={"plans_existing": {}, "plans_existing_uid": None})
def plans_existing() -> PlansExisting:
    """All plans of the startup code, regardless of permissions."""
    raise NotImplementedError


@method(scope="read:resources", on_failure={"devices_existing": {}, "devices_existing_uid": None})
def devices_existing() -> DevicesExisting:
    """All devices of the startup code, regardless of permissions."""
    raise NotImplementedError


@method(scope="write:config", lock=Lock.QUEUE)
def permissions_reload(
    *,
    restore_plans_devices: bool = False,
    restore_permissions: bool = True,
    **key: Unpack[Keyed],
) -> Reply:
    """Read the permissions file again and update the lists of allowed plans and devices.

    With ``restore_plans_devices``, the lists of existing plans and devices are also read from disk again.
    """
    raise NotImplementedError


@method(scope="read:config", on_failure={"user_group_permissions": {}})
def permissions_get() -> Permissions:
    """The current user group permissions."""
    raise NotImplementedError


@method(scope="write:permissions", lock=Lock.QUEUE)
def permissions_set(
    user_group_permissions: Annotated[
        dict[str, Any],
        Messages(missing="Parameter 'user_group_permissions' is missing"),
    ],
    **key: Unpack[Keyed],
) -> PermissionsSet:
    """Replace the user group permissions.

    They are checked first; if anything is wrong, nothing changes. An identical object also changes nothing. Entries
    that are neither names nor patterns (``^_``) are read as regular expressions; ``warnings`` names them.
    """
    raise NotImplementedError
