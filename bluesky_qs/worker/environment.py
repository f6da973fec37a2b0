"""The namespace in which user code runs, and what is in it: plans, devices, the RunEngine."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from bluesky_qs.config.logs import enable_logging
from bluesky_qs.ipc.messages import (
    EnvironmentOpened,
    EnvironmentState,
    Lists,
    ListsChanged,
    OpenEnvironment,
    StartupSpec,
)
from bluesky_qs.startup import loader
from bluesky_qs.startup.find import StartupLocation
from bluesky_qs.worker.engine import Engine
from bluesky_qs.worker.report import Reports

log = logging.getLogger(__name__)


class Environment:
    """The user's namespace. Filled by `open` in the main thread; later also used by background tasks."""

    def __init__(self, reports: Reports, engine: Engine) -> None:
        self.namespace: dict[str, Any] = {}
        self._reports = reports
        self._engine = engine
        self._permissions = b"{}"
        self._looking = threading.Lock()

    def open(self, command: OpenEnvironment) -> None:
        """Run the startup code and report what it made; raises what it raises."""
        started = time.monotonic()
        self._permissions = command.permissions
        self.namespace = loader.main_namespace()
        loader.load(location(command.startup), self.namespace)
        enable_logging()
        self._engine.adopt(self.namespace.get("RE"))
        lists = self._look()
        self._reports.lists(lists)
        self._reports.finish(
            lambda state: EnvironmentOpened(lists, state, time.monotonic() - started),
            environment=EnvironmentState.IDLE,
        )

    def set_permissions(self, permissions: bytes) -> None:
        """Other permissions are in force: what strings stand for in the next plan depends on them."""
        self._permissions = permissions

    def plan(self, item: dict[str, Any]) -> Any:
        """The plan of an item, made: a generator."""
        return self.namespace[item["name"]](*item.get("args", []), **item.get("kwargs", {}))

    def metadata(self, item: dict[str, Any]) -> dict[str, Any]:
        """Metadata of every run of the item: the user's, and which item it is."""
        return run_metadata(item)

    def function(self, item: dict[str, Any]) -> Callable[[], Any]:
        """The call of a function item."""
        return lambda: self.namespace[item["name"]](*item.get("args", []), **item.get("kwargs", {}))

    def script(self, source: str, *, update_lists: bool, update_re: bool) -> None:
        """Run a script in the namespace; what it had done stays if it fails."""
        try:
            loader.run_script(source, self.namespace, update_re=update_re)
        finally:
            enable_logging()
            if update_re or self._engine.RE is None:
                self._engine.adopt(self.namespace.get("RE"))
            if update_lists:
                self._refresh()

    def update(self) -> None:
        """Look through the namespace again: plans, devices and the RunEngine."""
        self._engine.adopt(self.namespace.get("RE"))
        self._refresh()

    def _refresh(self) -> None:
        with self._looking:
            lists = self._look()
            if self._reports.lists(lists):
                self._reports.push(ListsChanged(lists))

    def _look(self) -> Lists:
        return Lists(b"{}", b"{}")


def location(startup: StartupSpec) -> StartupLocation:
    """The same place in the words of the loader, which needs no lists and permissions."""
    return StartupLocation(
        directory=startup.directory,
        script=startup.script,
        module=startup.module,
        profile_dir=startup.profile_dir,
        lists_path=None,
        permissions_path="",
        writable=False,
    )


def run_metadata(item: dict[str, Any]) -> dict[str, Any]:
    """Metadata for the runs of an item: its ``meta`` (of several objects the earlier win), then whose item it is."""
    meta = item.get("meta") or {}
    several: Iterable[dict[str, Any]] = [meta] if isinstance(meta, dict) else meta
    merged: dict[str, Any] = {}
    for one in several:
        merged = {**one, **merged}
    return {
        **merged,
        "queue_item_uid": item["item_uid"],
        "queue_user": item.get("user"),
        "queue_user_group": item.get("user_group"),
    }


def json_of(value: Any) -> bytes:
    return json.dumps(value).encode()
