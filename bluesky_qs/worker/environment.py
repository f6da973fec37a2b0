"""The namespace in which user code runs, with its plans, its devices and the RunEngine."""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from bluesky_qs.config.logs import enable_logging
from bluesky_qs.errors import QSError
from bluesky_qs.ipc.commands import OpenEnvironment, StartupSpec
from bluesky_qs.ipc.reports import EnvironmentOpened, ListsReport
from bluesky_qs.ipc.states import EncodedLists, EnvironmentState
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup import loader
from bluesky_qs.startup.collect import Collected, collect, facts
from bluesky_qs.startup.failure import failed
from bluesky_qs.startup.find import local_folder
from bluesky_qs.startup.report import LoadProblem
from bluesky_qs.worker.bind import bind_function, bind_plan
from bluesky_qs.worker.engine import Engine
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.trace import sentence, traceback_text

if TYPE_CHECKING:
    from bluesky_qs.worker.kernel import Kernel

log = logging.getLogger(__name__)


NO_ENGINE = "The startup code does not create a RunEngine named 'RE'; plans cannot run until one exists"


class UserEnvironment:
    """The user's namespace. `open` fills it in the main thread; later, background tasks also use it."""

    def __init__(self, reports: Reports, engine: Engine) -> None:
        self.namespace: dict[str, Any] = {}
        self._reports = reports
        self._engine = engine
        self._permissions = PermissionRules({}, {})
        self._catalog = Catalog({}, {}, self._permissions)
        self._startup = StartupSpec()
        self._device_max_depth = 0
        self._ignore_invalid_plans = False
        self._looking = threading.Lock()

    def open(self, command: OpenEnvironment, kernel: "Kernel | None", begins: Callable[[str, str], object]) -> None:
        """Run the startup code (in the kernel, if there is one) and report the result.

        ``begins`` is called with each file (see `loader.load`). Exceptions raised by the code are not caught.
        """
        started = time.monotonic()
        self.set_permissions(command.permissions)
        self._startup = command.startup
        self._device_max_depth = command.device_max_depth
        self._ignore_invalid_plans = command.ignore_invalid_plans
        self.namespace = loader.main_namespace() if kernel is None else kernel.namespace
        loaded = loader.load(command.startup, self.namespace, shell_exists=kernel is not None, begins=begins)
        if kernel is not None:
            loaded.problems.extend(kernel.run_configured_code())
        enable_logging()
        self._engine.adopt(self.namespace.get("RE"))
        if self._engine.RE is None:
            loaded.problems.append(LoadProblem(NO_ENGINE))
            log.warning(NO_ENGINE)
        found = self._look(ignore_invalid_plans=command.ignore_invalid_plans)
        lists = _lists(found)
        report = msgspec.json.encode(
            {
                "success": True,
                "time": time.time(),
                **msgspec.structs.asdict(loaded),
                "left_out": [problem._asdict() for problem in found.problems],
                "plans": len(found.plans),
                "devices": len(found.devices),
            }
        )
        self._reports.opening = report
        self._reports.lists(lists)
        log.info("RE Environment is ready")
        seconds = time.monotonic() - started
        self._reports.finish(
            lambda state: EnvironmentOpened(lists, state, seconds, report, self._reports.connection),
            environment=EnvironmentState.IDLE,
        )

    def set_permissions(self, permissions: bytes) -> None:
        """Use these permissions from now on. They determine which strings in the next plan become objects."""
        self._permissions = PermissionRules.from_dict(json.loads(permissions))
        self._catalog = Catalog(self._catalog.existing_plans, self._catalog.existing_devices, self._permissions)

    def may_use_unlisted(self, name: str, description: dict[str, Any], group: str) -> bool:
        """Return whether a group may use a device that is below the lists and has this description."""
        return self._catalog.unlisted_device_allowed(name, description, group)

    def may_use(self, name: str, device: Any, group: str) -> bool:
        """Return whether a group may use the device with this name, in the lists or below them."""
        if name in self._catalog.device_names(group):
            return True
        return self._catalog.is_below_the_lists(name) and self.may_use_unlisted(name, facts(device), group)

    def plan(self, item: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Create an item's plan, and return it with the run metadata. This calls user code."""
        plan, args, kwargs, metadata = bind_plan(item, item["user_group"], self._catalog, self.namespace)
        whose = {
            "queue_item_uid": item["item_uid"],
            "queue_user": item.get("user"),
            "queue_user_group": item["user_group"],
        }
        return plan(*args, **kwargs), {**metadata, **whose}

    def function(self, item: dict[str, Any]) -> Any:
        """Call the function of an item and return its value."""
        function, args, kwargs = bind_function(item, item["user_group"], self._catalog, self.namespace)
        return function(*args, **kwargs)

    def script(self, source: str, *, update_lists: bool, update_re: bool) -> None:
        """Run a script in the namespace. If it fails, the changes that it made so far are kept."""
        failed = True
        first = self._engine.RE is None
        try:
            folder = local_folder(self._startup)
            loader.run_script(source, self.namespace, folder, update_re=update_re, may_make_re=first)
            failed = False
        finally:
            enable_logging()
            if update_re or first:
                self._engine.adopt(self.namespace.get("RE"))
            if update_lists:
                # An error in a plan that the script left incomplete must not hide the script's own error.
                self._refresh(ignore_invalid_plans=failed or self._ignore_invalid_plans)

    def update(self) -> None:
        """Search the namespace again for plans, devices and the RunEngine."""
        self._engine.adopt(self.namespace.get("RE"))
        self._refresh(ignore_invalid_plans=self._ignore_invalid_plans)

    def _refresh(self, *, ignore_invalid_plans: bool) -> None:
        with self._looking:
            lists = _lists(self._look(ignore_invalid_plans=ignore_invalid_plans))
            if self._reports.lists(lists):
                self._reports.push(ListsReport(lists))

    def _look(self, *, ignore_invalid_plans: bool) -> Collected:
        found = collect(
            self.namespace,
            device_max_depth=self._device_max_depth,
            ignore_invalid_plans=ignore_invalid_plans,
            permissions=self._permissions,
        )
        for problem in found.problems:
            log.warning("Left out: %s", problem)
        self._catalog = Catalog(found.plans, found.devices, self._permissions)
        return found


def _lists(found: Collected) -> EncodedLists:
    return EncodedLists(*map(msgspec.json.encode, (found.plans, found.devices, found.functions)))


def failure_report(error: BaseException) -> tuple[str, str, bytes]:
    """Return the message, the traceback and the report (JSON) for an environment that did not open."""
    if not isinstance(error, QSError):  # the code was interrupted: show where it was
        error = failed(error)
    message, trace = sentence(error), getattr(error, "traceback", "") or traceback_text(error)
    report = {
        "success": False,
        "time": time.time(),
        "message": message,
        "traceback": trace,
        "file": getattr(error, "file", None),
        "line": getattr(error, "line", None),
    }
    return message, trace, json.dumps(report).encode()
