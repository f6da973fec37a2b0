"""Handles requests to read devices: checks the names and waits for the worker's replies."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

from bluesky_qs.api.method import shortened
from bluesky_qs.errors import BadParams
from bluesky_qs.ipc.commands import ReadDevices
from bluesky_qs.ipc.reports import DevicesRead
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.late_replies import LateReplies
from bluesky_qs.manager.worker.subscriptions import WorkerGone
from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.wire.codec import Encoded, json_text

#: Seconds to wait for the worker, which replies for all devices within one second. Clients wait for two seconds.
_PATIENCE = 1.6
_EXCLUDED = {"error": "excluded from reading by the service's settings (device_read_exclude)", "last": None}
_MOST_NAMED = 5


class ReadingRequests:
    """Sends requests for readings to the worker and returns its replies.

    Parameters
    ----------
    excluded
        Names or patterns (``*``, ``?``) of devices that are never read, with all their subdevices.
    """

    def __init__(self, environment: Environment, excluded: tuple[str, ...]) -> None:
        self._excluded = excluded
        self._replies = LateReplies[bytes](environment)

    async def read(self, catalog: Catalog, group: str, names: list[str] | None, max_age: float) -> Encoded:
        """Read devices that the group may use; return results by name. Without ``names``, read all movable devices.

        Raises
        ------
        BadParams
            Some of the devices do not exist, or the group may not use them.
        WorkerError
            The worker did not reply in time, or has ended.
        """
        if names is None:
            names = [name for name in moving(catalog.devices_allowed(group)) if not self._is_excluded(name)]
        listed, unlisted = _checked(catalog, group, names)
        excluded = [name for name in (*listed, *unlisted) if self._is_excluded(name)]
        listed, unlisted = ([name for name in some if name not in excluded] for some in (listed, unlisted))
        found = {}
        if listed or unlisted:
            command = ReadDevices(str(uuid4()), listed, unlisted, group, max_age)
            found = Encoded(await self._replies.request(command.uid, command, _PATIENCE)).value()
        found |= dict.fromkeys(excluded, _EXCLUDED)
        return Encoded(json_text({name: found[name] for name in names}))

    def arrived(self, report: DevicesRead) -> None:
        """Handle the worker's reply."""
        self._replies.arrived(report.uid, report.devices)

    def lost(self, gone: WorkerGone) -> None:
        """Handle the end of the worker."""
        self._replies.lost(gone)

    def _is_excluded(self, name: str) -> bool:
        parts = name.split(".")
        above = [".".join(parts[: n + 1]) for n in range(len(parts))]
        return any(fnmatchcase(each, pattern) for pattern in self._excluded for each in above)


def moving(devices: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all movable devices. Their signals are omitted, because these are settings."""
    for name, description in devices.items():
        if description.get("is_movable") and description.get("is_readable"):
            yield name
        yield from _moving_parts(name, description)


def _moving_parts(above: str, description: Mapping[str, Any]) -> Iterator[str]:
    for name, part in (description.get("components") or {}).items():
        dotted = f"{above}.{name}"
        if part.get("is_movable") and part.get("is_readable") and "Signal" not in str(part.get("classname")):
            yield dotted
        yield from _moving_parts(dotted, part)


def _checked(catalog: Catalog, group: str, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the names that are in the lists and those that are below them, each once. Refuse all others."""
    allowed = catalog.device_names(group)
    listed: dict[str, None] = {}
    unlisted: dict[str, None] = {}
    wrong: dict[str, None] = {}
    for name in names:
        if name in allowed:
            listed[name] = None
        elif "." in name and catalog.is_below_the_lists(name) and not _is_private(name):
            unlisted[name] = None
        else:
            wrong[name] = None
    if wrong:
        some = [f"{shortened(name)}{did_you_mean(nearest(name, allowed))}" for name in list(wrong)[:_MOST_NAMED]]
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise BadParams(
            f"Parameter 'names': there is no such device, or you may not use it (your user group is {group!r}): "
            f"{', '.join(some)}{more}"
        )
    return list(listed), list(unlisted)


def _is_private(name: str) -> bool:
    # Private attributes give access to all of Python.
    return any(not part or part.startswith("_") for part in name.split("."))
