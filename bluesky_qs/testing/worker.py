"""A worker that follows scripts. It does not run user code, but to the manager it looks like a real worker."""

import asyncio
import functools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from bluesky_qs.errors import QSError
from bluesky_qs.ipc import commands
from bluesky_qs.plans import lists
from bluesky_qs.startup.collect import collect
from bluesky_qs.startup.find import LISTS_FILE, shipped_profiles
from bluesky_qs.supervisor.item_logs import ItemLogs
from bluesky_qs.testing import steps
from bluesky_qs.testing.clock import Clock
from bluesky_qs.testing.life import ScriptedProcess
from bluesky_qs.testing.measurement import DryRunScript

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="InLoop")

#: Seconds to wait until a call from another thread has run in the manager's loop.
PATIENCE = 30.0


class InLoop:
    """Base class for methods that any thread can call and that run in the manager's loop."""

    loop: asyncio.AbstractEventLoop | None = None


def in_loop(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make a method callable from other threads: it runs in the manager's loop while they wait."""

    @functools.wraps(method)
    def call(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        loop = self.loop
        if loop is None or loop is asyncio._get_running_loop():  # noqa: SLF001 - documented, and None without one
            return method(self, *args, **kwargs)
        done: Future[R] = Future()

        def run() -> None:
            try:
                done.set_result(method(self, *args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised in the calling thread
                done.set_exception(error)

        loop.call_soon_threadsafe(run)
        return done.result(PATIENCE)

    return call


#: The functions of the built-in ``sim`` profile.
_FUNCTIONS = {"function_sleep": {"signature": "(time)", "description": "Sleep for a given number of seconds."}}


class ScriptedWorker(InLoop):
    """The worker of a `Manager` in a test.

    Scripts decide what happens when plans, functions and uploaded scripts run and when the environment opens.

    Without a script, opening the environment succeeds, a plan measures once and completes, and a task returns None.

    Attributes
    ----------
    plans, devices, functions
        Descriptions of the environment's plans, devices and functions, by name. Default: those of the built-in ``sim``
        profile.
    metadata
        ``RE.md``.
    readings
        The results of ``device_read``, by device name; other devices are at 0.0.
    dry_run
        Changes to the report of a dry run, compared to a plan that does nothing, or a function that returns them for an
        item.
    times
        The times that the worker has measured during each plan (`bluesky_qs.ipc.reports.PlanTimes`), or None.
    dry_run_refusal
        The reason why dry runs are refused; empty if they are possible.
    dry_run_carried
        A function that returns the device positions after a dry run of an item (`bluesky_qs.foresight.carried`, JSON).
    items
        The plans that were run, as items, oldest first.
    commands
        All commands that the manager has sent (`bluesky_qs.ipc.commands`), oldest first.
    replies
        Replies to input prompts (`Ask`), oldest first.

    Examples
    --------
    >>> from bluesky_qs.testing import Fail, Measure, Pause, ScriptedWorker
    >>> worker = ScriptedWorker()
    >>> worker.on_plan("count", Measure(num=5), Pause(), Fail("no beam"))
    >>> worker.on_open(Fail("ModuleNotFoundError: No module named 'beamline'"))
    """

    def __init__(
        self,
        namespace: Mapping[str, Any] | None = None,
        *,
        plans: dict[str, Any] | None = None,
        devices: dict[str, Any] | None = None,
        functions: dict[str, Any] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if namespace is not None:
            found = collect(namespace)
            plans, devices, functions = found.plans, found.devices, found.functions
        elif plans is None or devices is None:
            shipped = lists.read(shipped_profiles() / "profile_sim" / "startup" / LISTS_FILE)
            plans = shipped.existing_plans if plans is None else plans
            devices = shipped.existing_devices if devices is None else devices
        self.plans: dict[str, Any] = plans or {}
        self.devices: dict[str, Any] = devices or {}
        self.functions: dict[str, Any] = dict(_FUNCTIONS if functions is None else functions)
        self.metadata: dict[str, Any] = {}
        self.readings: dict[str, dict[str, Any]] = {}
        self.dry_run: DryRunScript = {}
        self.times: dict[str, Any] | None = None
        self.dry_run_refusal = ""
        self.dry_run_carried: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self.commands: list[Any] = []
        self.replies: list[str] = []
        self.refusals: dict[type[Any], QSError] = {}
        self.scan_id = 0
        self.clock = clock or Clock()
        #: Called when something has changed, and with each line that is printed.
        self.changed: Callable[[], None] = lambda: None
        self.say: Callable[[str], None] = lambda _: None
        self.logs = ItemLogs(0)
        #: The reason why the start of a worker process fails; None if it succeeds.
        self.cannot_start: str | None = None
        #: Whether the next process hangs from its start.
        self.begins_hung = False
        #: An error in a script. It is raised where a test waits for the manager.
        self.error: BaseException | None = None
        self.life: ScriptedProcess | None = None
        self._scripts: dict[tuple[str, str], list[steps.Step]] = {}

    # ------------------------------------------------------------------------------------------------- scripts
    def on_plan(self, name: str, *script: steps.Step) -> None:
        """Set the script for every plan with this name that starts from now on; ``*`` is for all other plans."""
        self._scripts["plan", name] = list(script)

    def on_open(self, *script: steps.Step) -> None:
        """Set the script for opening the environment: `Fail`, `Wait`, `Die`, …. Without steps the environment opens."""
        self._scripts["open", ""] = list(script)

    def on_function(self, name: str, *script: steps.Step) -> None:
        """Set the script for calls of this function: `Return`, `Fail`, `Wait`, …."""
        self._scripts["function", name] = list(script)

    def on_script(self, *script: steps.Step) -> None:
        """Set the script for uploaded Python scripts."""
        self._scripts["script", ""] = list(script)

    def on_update(self, *script: steps.Step) -> None:
        """Set the script for ``environment_update``."""
        self._scripts["update", ""] = list(script)

    # -------------------------------------------------------------------------------------- while something runs
    @in_loop
    def proceed(self) -> None:
        """Continue the script that is waiting at a `Wait` or `Hang`.

        Raises
        ------
        RuntimeError
            No script is waiting. `Manager.wait_until` can wait for `is_waiting`.
        """
        self._insert(None)

    @in_loop
    def do(self, step: steps.Step) -> None:
        """Perform this step now, in the script that is waiting at a `Wait` or `Hang`.

        Afterwards the script waits again, unless the step ends it.

        Raises
        ------
        RuntimeError
            No script is waiting.
        """
        self._insert(step)

    @in_loop
    def die(self, how: str = "killed by SIGSEGV", exit_code: int = -11) -> None:
        """End the worker process immediately."""
        self._living.end(exit_code, how)

    @in_loop
    def hang(self) -> None:
        """Stop answering, like a worker whose code holds the interpreter.

        `recover` makes it answer the waiting commands.
        """
        self._living.server.hang()

    @in_loop
    def recover(self) -> None:
        """Answer again after `hang`."""
        self._living.server.recover()

    @in_loop
    def hold_reports(self) -> None:
        """Send reports as late as a real worker might: just before the reply to the next command."""
        self._living.server.hold_reports()

    @in_loop
    def send_reports(self) -> None:
        """Go back to sending reports immediately, starting with those that were held."""
        self._living.server.send_reports()

    def refuse(self, command: type[Any], error: QSError) -> None:
        """Refuse the next command of this type (`bluesky_qs.ipc.commands`)."""
        self.refusals[command] = error

    @property
    def unheard(self) -> list[Any]:
        """Commands that are waiting because the worker hangs."""
        return [] if self.life is None else self.life.server.unheard

    @in_loop
    def reserve(self, *, reserved: bool) -> None:
        """Start or end code in the main thread that was typed in a console.

        The settings must enable the IPython kernel.
        """
        self._living.reserve(reserved=reserved)

    @property
    def is_waiting(self) -> bool:
        """Whether a script is waiting for `proceed` or `do`."""
        return self.life is not None and self.life.waiting is not None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The plans that were run, as items, oldest first."""
        return [json.loads(command.item) for command in self.commands if isinstance(command, commands.RunPlan)]

    # ------------------------------------------------------------------------------------- used by `ScriptedProcess`
    def steps_of(self, command: Any) -> list[steps.Step]:
        """The script for this command from the manager."""
        match command:
            case commands.RunPlan(item):
                name = json.loads(item)["name"]
                return self._script("plan", name, [steps.Measure()])
            case commands.RunFunction(_, item):
                return self._script("function", json.loads(item)["name"], [])
            case commands.OpenEnvironment():
                return self._script("open", "", [])
            case commands.RunScript():
                return self._script("script", "", [])
            case _:
                return self._script("update", "", [])

    def now(self) -> float:
        """Epoch seconds."""
        return self.clock.time()

    @property
    def _living(self) -> ScriptedProcess:
        if self.life is None or self.life.over:
            raise RuntimeError("No worker process is running: the environment is closed")
        return self.life

    def _script(self, kind: str, name: str, default: list[steps.Step]) -> list[steps.Step]:
        for key in ((kind, name), (kind, "*")):
            if key in self._scripts:
                return self._scripts[key]
        return default

    def _insert(self, step: steps.Step | None) -> None:
        job = self.life.waiting if self.life else None
        if job is None:
            raise RuntimeError("No script is waiting. Add Wait() to a script, and wait until `is_waiting` is true.")
        job.injected.put_nowait(step)
