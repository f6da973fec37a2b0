"""The existing plans and devices, the user group permissions, and the plans and devices that the permissions allow."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from bluesky_qs.config.schema import UpdateLists
from bluesky_qs.errors import BadParams, UnknownUserGroup
from bluesky_qs.ipc.states import EncodedLists
from bluesky_qs.manager.edits.events import PermissionsChanged
from bluesky_qs.manager.edits.ledger import FactEdit
from bluesky_qs.plans import lists as lists_file
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup.find import StartupLocation
from bluesky_qs.wire.codec import Encoded, json_text

logger = logging.getLogger(__name__)


class ListBook:
    """The current lists, with uids that change when clients need to download them again.

    Parameters
    ----------
    location
        The location of the startup code and the files next to it.
    update
        When to write the worker's lists to their file.
    """

    def __init__(
        self, location: StartupLocation, changed: Callable[[], None], *, update: UpdateLists = "ENVIRONMENT_OPEN"
    ) -> None:
        self._update = update
        self._location = location
        self._lists_path = Path(location.lists_path) if location.lists_path else None
        self._changed = changed
        self._plans: dict[str, Any] = {}
        self._devices: dict[str, Any] = {}
        self._functions: dict[str, Any] = {}
        self._permissions = PermissionRules.from_dict({"user_groups": {"root": {}}})
        self._encoded: dict[tuple[str, str], Encoded] = {}
        self._was_opened = False
        self.catalog = Catalog({}, {}, self._permissions)
        self.plans_existing_uid, self.devices_existing_uid = str(uuid4()), str(uuid4())
        self.plans_allowed_uid, self.devices_allowed_uid = str(uuid4()), str(uuid4())
        self.functions_allowed_uid = str(uuid4())

    async def load_permissions(self, stored: bytes | None) -> None:
        """Use the stored permissions if there are any and they are valid. Otherwise read the file.

        Raises
        ------
        ConfigError
            The permissions are missing or not valid.
        """
        if stored is not None:
            try:
                self._permissions = PermissionRules.from_dict(json.loads(stored))
            except BadParams as error:
                logger.warning(
                    "Ignoring invalid stored user group permissions; reading the file instead: %s", error.message
                )
            else:
                for warning in self._permissions.warnings():
                    logger.warning("Stored user group permissions: %s", warning)
                return
        self._permissions = await asyncio.to_thread(self.permissions_from_file)
        groups = self._permissions.groups
        if not {"admin", "primary"} & set(groups):
            # Clients use these groups by default. Without them the service would refuse nearly every request.
            logger.warning(
                "The user group permissions contain neither 'primary' nor 'admin', the default groups of clients. "
                "Add one of them, or set the group in each client. Existing groups: %s",
                ", ".join(map(repr, groups)),
            )

    def to_store(self, stored: bytes | None) -> list[FactEdit]:
        """Return the edit that stores the current permissions; an empty list if they are already stored."""
        if stored is not None and json.loads(stored) == self._permissions.as_dict():
            return []
        return [FactEdit("user_group_permissions", self.permissions_json, lambda: None, PermissionsChanged())]

    def permissions_from_file(self) -> PermissionRules:
        """Return the permissions in the file.

        Raises
        ------
        ConfigError
            The file is missing or not valid.
        """
        return PermissionRules.load(self._location.permissions_path)

    async def reload_lists(self) -> None:
        """Read the lists of existing plans and devices from disk. If there is no file, keep the lists."""
        devices_differ = False
        if self._lists_path is None:
            logger.warning(
                "The lists of plans and devices are empty until the RE Worker environment is opened. A startup module "
                "has no folder for their file; set one with --existing-plans-devices."
            )
        elif not self._lists_path.exists():
            logger.warning(
                "The file with the lists of existing plans and devices (%s) does not exist. The lists are empty until "
                "the RE Worker environment is opened for the first time.",
                self._lists_path,
            )
        else:
            try:
                lists = await asyncio.to_thread(lists_file.read, self._lists_path)
            except (OSError, ValueError) as error:
                logger.error("Could not read the lists of plans and devices: %s", error)  # noqa: TRY400 - message is enough
            else:
                _, devices_differ = self._replace(lists.existing_plans, lists.existing_devices)
                for entry in lists.ignored:
                    logger.warning("Ignored an entry of the lists in %s: %s", self._lists_path, entry)
        self.renew(devices=devices_differ)

    async def found_by_worker(self, lists: EncodedLists, *, opening: bool) -> None:
        """Use the lists that the worker reports. Write them to their file if the settings require it."""
        self.replace(lists)
        if self._update == "ALWAYS" or (opening and self._update == "ENVIRONMENT_OPEN"):
            await self.write()

    def replace(self, lists: EncodedLists) -> bool:
        """Use the lists that the worker reports; return True if they differ from the current ones."""
        self._replace_functions(json.loads(lists.functions))
        plans_differ, devices_differ = self._replace(json.loads(lists.plans), json.loads(lists.devices))
        if plans_differ or devices_differ or not self._was_opened:
            self._was_opened = True
            self.renew(devices=devices_differ)
        return plans_differ or devices_differ

    def _replace(self, plans: dict[str, Any], devices: dict[str, Any]) -> tuple[bool, bool]:
        """Replace the existing plans and devices. Return whether the plans differ, and whether the devices differ."""
        plans_differ, devices_differ = plans != self._plans, devices != self._devices
        if plans_differ:
            self._plans, self.plans_existing_uid = plans, str(uuid4())
        if devices_differ:
            self._devices, self.devices_existing_uid = devices, str(uuid4())
        return plans_differ, devices_differ

    def _replace_functions(self, functions: dict[str, Any]) -> None:
        """Replace the functions. They are not in the file, because only an open environment can call them."""
        before = self._functions_by_group()
        self._functions = functions
        if self._functions_by_group() != before:
            self.functions_allowed_uid = str(uuid4())
            self._changed()

    async def write(self) -> None:
        """Write the lists to their file if its content differs."""
        if self._lists_path is None or not self._location.writable:
            return
        try:
            written = await asyncio.to_thread(
                lists_file.write,
                self._lists_path,
                lists_file.ListsFile(self._plans, self._devices),
            )
        except OSError as error:
            logger.error(  # noqa: TRY400 - the message is enough
                "Could not save the lists of plans and devices: %s. Choose another file with "
                "--existing-plans-devices PATH, or turn saving off with --update-existing-plans-devices NEVER.",
                error.strerror or error,
            )
            return
        if written:
            logger.info("Saved the lists of plans and devices to %s", self._lists_path)

    def set_permissions(self, permissions: PermissionRules) -> FactEdit | None:
        """Replace the permissions; return None if the new ones are the same."""
        if permissions.as_dict() == self._permissions.as_dict():
            return None
        before, uid, functions = self._permissions, self.functions_allowed_uid, self._functions_by_group()
        data = json_text(permissions.as_dict())  # first, because this fails if they cannot be encoded
        devices_differ = _on_devices(permissions) != _on_devices(before)

        def undo() -> None:
            self._permissions = before
            self.functions_allowed_uid = uid
            self.renew(devices=devices_differ)

        self._permissions = permissions
        self.renew(devices=devices_differ)
        if self._functions_by_group() != functions:
            self.functions_allowed_uid = str(uuid4())
        return FactEdit("user_group_permissions", data, undo, PermissionsChanged())

    @property
    def permissions(self) -> dict[str, Any]:
        """The current permissions."""
        return self._permissions.as_dict()

    @property
    def permissions_json(self) -> bytes:
        """The current permissions as JSON text."""
        return json_text(self._permissions.as_dict())

    def existing(self, kind: str) -> Encoded:
        """Existing ``plans`` or ``devices``, encoded for a reply."""
        return self._encode(kind, "", lambda: self._plans if kind == "plans" else self._devices)

    def allowed(self, kind: str, group: str) -> Encoded:
        """Allowed ``plans`` or ``devices`` of a group, encoded for a reply.

        Raises
        ------
        UnknownUserGroup
            There is no such group.
        """
        make = self.catalog.plans_allowed if kind == "plans" else self.catalog.devices_allowed
        return self._encode(kind, group, lambda: make(group))

    def functions_allowed(self, group: str) -> dict[str, Any]:
        """The functions that a group may call, with their descriptions."""
        allowed = self.catalog.function_allowed
        return {name: described for name, described in self._functions.items() if allowed(name, group)}

    def check_group(self, group: str) -> None:
        """Raise `UnknownUserGroup` unless the permissions contain the group."""
        if group not in self._permissions.groups:
            raise UnknownUserGroup(f"Unknown user group: {group!r}")

    def renew(self, *, devices: bool) -> None:
        """Recompute the lists of allowed plans and devices. Lists that are the same as before keep their uid.

        Without ``devices``, the allowed devices cannot have changed and are not compared.
        """
        plans, allowed_devices = self._by_group(Catalog.plans_allowed), None
        if devices:
            allowed_devices = self._by_group(Catalog.devices_allowed)
        self.catalog = Catalog(self._plans, self._devices, self._permissions, was_opened=self._was_opened)
        self._encoded.clear()
        # Plan descriptions contain the names of devices and other plans, so they change with those, too.
        if self._by_group(Catalog.plans_allowed) != plans:
            self.plans_allowed_uid = str(uuid4())
        if devices and self._by_group(Catalog.devices_allowed) != allowed_devices:
            self.devices_allowed_uid = str(uuid4())
        self._changed()

    def _functions_by_group(self) -> dict[str, dict[str, Any]]:
        return {group: self.functions_allowed(group) for group in self.catalog.permissions.groups}

    def _by_group(self, allowed: Callable[[Catalog, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {group: allowed(self.catalog, group) for group in self.catalog.permissions.groups}

    def _encode(self, kind: str, group: str, make: Callable[[], dict[str, Any]]) -> Encoded:
        key = (kind, group)
        if key not in self._encoded:
            self._encoded[key] = Encoded(json_text(make()))
        return self._encoded[key]


def _on_devices(permissions: PermissionRules) -> dict[str, Any]:
    """Return the part of the permissions that concerns devices, by group."""
    return {
        group: {key: names for key, names in (lists or {}).items() if key.endswith("_devices")}
        for group, lists in permissions.as_dict()["user_groups"].items()
    }
