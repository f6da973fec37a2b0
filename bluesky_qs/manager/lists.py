"""Existing and allowed plans and devices, and the permissions that lead from the one to the other."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from bluesky_qs.config.schema import UpdateLists
from bluesky_qs.errors import BadParams, UnknownUserGroup
from bluesky_qs.ipc.states import Lists
from bluesky_qs.manager.events import PermissionsChanged
from bluesky_qs.manager.ledger import FactEdit
from bluesky_qs.plans import lists as lists_file
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import Permissions
from bluesky_qs.startup.find import StartupLocation
from bluesky_qs.wire.codec import Encoded, json_text

logger = logging.getLogger(__name__)


class ListBook:
    """The lists in force, with the uids that tell clients when to download them again.

    Parameters
    ----------
    location
        Where the startup code and the files beside it are.
    update
        When the lists of the worker are written to their file.
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
        self._permissions = Permissions.from_dict({"user_groups": {"root": {}}})
        self._encoded: dict[tuple[str, str], Encoded] = {}
        self.catalog = Catalog({}, {}, self._permissions)
        self.plans_existing_uid, self.devices_existing_uid = str(uuid4()), str(uuid4())
        self.plans_allowed_uid, self.devices_allowed_uid = str(uuid4()), str(uuid4())

    async def load_permissions(self, stored: bytes | None) -> None:
        """Take the permissions that are stored, if they are given and valid, else those of the file.

        Raises
        ------
        ConfigError
            The permissions are missing or not valid.
        """
        if stored is not None:
            try:
                self._permissions = Permissions.from_dict(json.loads(stored))
            except BadParams as error:
                logger.warning("The stored user group permissions are not valid, the file is read: %s", error.message)
            else:
                return
        self._permissions = await asyncio.to_thread(self.permissions_from_file)
        groups = self._permissions.groups
        if not {"admin", "primary"} & set(groups):
            # Clients that are told no group ask for these: nearly everything would be refused, one request at a time.
            logger.warning(
                "The user group permissions name neither 'primary' nor 'admin', the groups of clients that are told "
                "no other one; there are: %s",
                ", ".join(map(repr, groups)),
            )

    def to_store(self, stored: bytes | None) -> list[FactEdit]:
        """The edit that makes the permissions in force durable; none if they are what is stored."""
        if stored is not None and json.loads(stored) == self._permissions.as_dict():
            return []
        return [FactEdit("user_group_permissions", self.permissions_json, lambda: None, PermissionsChanged())]

    def permissions_from_file(self) -> Permissions:
        """The permissions as the file has them now.

        Raises
        ------
        ConfigError
            There is no such file, or it is not valid.
        """
        return Permissions.load(self._location.permissions_path)

    async def reload_lists(self) -> None:
        """Read the lists of existing plans and devices from the disk; none there: they stay as they are."""
        if self._lists_path is None:
            logger.warning(
                "The lists of plans and devices are empty until the RE Worker environment is opened: a startup module "
                "has no folder for them, and --existing-plans-devices names none"
            )
        elif not self._lists_path.exists():
            logger.warning(
                "The file with the lists of existing plans and devices (%s) does not exist: the lists are empty until "
                "the RE Worker environment is opened for the first time.",
                self._lists_path,
            )
        else:
            try:
                lists = await asyncio.to_thread(lists_file.read, self._lists_path)
            except (OSError, ValueError) as error:
                logger.error("The lists of existing plans and devices are not read: %s", error)  # noqa: TRY400 - said by the error
            else:
                self._take(lists.existing_plans, lists.existing_devices)
                for each in lists.ignored:
                    logger.warning("Ignored in the lists in %s: %s", self._lists_path, each)
        self.renew()

    async def found_by_worker(self, lists: Lists, *, opening: bool) -> None:
        """Put the lists that the worker reports in force, and write them to their file if the settings say so."""
        self.replace(lists)
        if self._update == "ALWAYS" or (opening and self._update == "ENVIRONMENT_OPEN"):
            await self.write()

    def replace(self, lists: Lists) -> bool:
        """Take the lists that the worker reports; True if they differ from those in force."""
        plans_differ, devices_differ = self._take(json.loads(lists.plans), json.loads(lists.devices))
        if plans_differ or devices_differ:
            self.renew(devices=devices_differ)
        return plans_differ or devices_differ

    def _take(self, plans: dict[str, Any], devices: dict[str, Any]) -> tuple[bool, bool]:
        """Put other existing plans and devices in force; whether the plans, and whether the devices, differ."""
        plans_differ, devices_differ = plans != self._plans, devices != self._devices
        if plans_differ:
            self._plans, self.plans_existing_uid = plans, str(uuid4())
        if devices_differ:
            self._devices, self.devices_existing_uid = devices, str(uuid4())
        return plans_differ, devices_differ

    async def write(self) -> None:
        """Write the lists to their file, if their content differs from what it has."""
        if self._lists_path is None or not self._location.writable:
            return
        try:
            written = await asyncio.to_thread(
                lists_file.write,
                self._lists_path,
                lists_file.Lists(self._plans, self._devices),
            )
        except OSError as error:
            logger.error(  # noqa: TRY400 - said by the error
                "The lists of existing plans and devices were not saved: %s. --existing-plans-devices PATH puts them "
                "elsewhere, --update-existing-plans-devices NEVER leaves them alone",
                error.strerror or error,
            )
            return
        if written:
            logger.info("The lists of existing plans and devices are saved to %s", self._lists_path)

    def set_permissions(self, permissions: Permissions) -> FactEdit | None:
        """Put other permissions in force; None if they are the same."""
        if permissions.as_dict() == self._permissions.as_dict():
            return None
        before = self._permissions
        data = json_text(permissions.as_dict())  # before memory takes what may have no JSON form

        def undo() -> None:
            self._permissions = before
            self.renew()

        self._permissions = permissions
        self.renew(devices=_on_devices(permissions) != _on_devices(before))
        return FactEdit("user_group_permissions", data, undo, PermissionsChanged())

    @property
    def permissions(self) -> dict[str, Any]:
        """The permissions in force."""
        return self._permissions.as_dict()

    @property
    def permissions_json(self) -> bytes:
        """The same as JSON text."""
        return json_text(self._permissions.as_dict())

    def existing(self, kind: str) -> Encoded:
        """Existing ``plans`` or ``devices`` as an answer holds them."""
        return self._encode(kind, "", lambda: self._plans if kind == "plans" else self._devices)

    def allowed(self, kind: str, group: str) -> Encoded:
        """Allowed ``plans`` or ``devices`` of a group as an answer holds them.

        Raises
        ------
        UnknownUserGroup
            There is no such group.
        """
        make = self.catalog.plans_allowed if kind == "plans" else self.catalog.devices_allowed
        return self._encode(kind, group, lambda: make(group))

    def check_group(self, group: str) -> None:
        """Refuse a group that the permissions do not name."""
        if group not in self._permissions.groups:
            raise UnknownUserGroup(f"Unknown user group: {group!r}")

    def renew(self, *, devices: bool = True) -> None:
        """Make new lists of what is allowed; without ``devices``, those of the devices are what they were."""
        self.catalog = Catalog(self._plans, self._devices, self._permissions)
        self._encoded.clear()
        # A description of a plan holds names of devices and plans, so that it changes with any of them.
        self.plans_allowed_uid = str(uuid4())
        if devices:
            self.devices_allowed_uid = str(uuid4())
        self._changed()

    def _encode(self, kind: str, group: str, make: Callable[[], dict[str, Any]]) -> Encoded:
        key = (kind, group)
        if key not in self._encoded:
            self._encoded[key] = Encoded(json_text(make()))
        return self._encoded[key]


def _on_devices(permissions: Permissions) -> dict[str, Any]:
    """What the permissions say on devices, by group."""
    return {
        group: {what: names for what, names in (lists or {}).items() if what.endswith("_devices")}
        for group, lists in permissions.as_dict()["user_groups"].items()
    }
