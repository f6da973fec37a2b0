"""The shadow: a copy of the worker in which plans are walked. It forks a child for each request.

The shadow itself runs no user code. `docs/decisions/0023` gives the reasons.
"""

import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from bluesky_qs.error_text import stored_traceback
from bluesky_qs.foresight import walk
from bluesky_qs.foresight.carried import Carried
from bluesky_qs.foresight.devices import UNSET, DeviceFacts, WalkDevice
from bluesky_qs.foresight.estimate import action_seconds
from bluesky_qs.foresight.learned import Learned
from bluesky_qs.foresight.walk import Walk
from bluesky_qs.startup.collect import is_device
from bluesky_qs.startup.parts import children
from bluesky_qs.worker import guard, guard_connections, isolation, no_sockets
from bluesky_qs.worker.channel import CHILD, SHADOW, Channel, Closed
from bluesky_qs.worker.environment import UserEnvironment
from bluesky_qs.worker.place import place_of
from bluesky_qs.worker.trace import OURS, sentence, traceback_text

#: Seconds after the limit of a dry run until a child that has not ended is killed.
GRACE = 0.5
#: Minimum number of seconds for a plan, even if the time limit for all plans has been reached.
_SHORTEST = 0.02
#: If a plan had at least this fraction of its time limit, the report names the full limit: preparations take some time.
_ALMOST = 0.8
_UNKNOWN = object()
#: Attributes of a positioner that hold signals with its position.
_READBACKS = ("readback", "user_readback", "setpoint", "user_setpoint")


class World:
    """The parts of the worker that the shadow uses: the environment and the RunEngine."""

    def __init__(self, environment: UserEnvironment, engine: Callable[[], Any]) -> None:
        self.environment = environment
        self.engine = engine


def live(descriptor: int, worker: int, world: World) -> NoReturn:
    """Run as the shadow of the worker with this process ID. Call it in a process that has just been forked."""
    try:
        isolation.ignore_signals()
        isolation.end_with(worker)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        isolation.replace_descriptors(descriptor)
        isolation.give_way()
        output = isolation.replace_output()
        isolation.keep_objects()
        channel = Channel(descriptor, SHADOW)
        while True:
            request = channel.receive()
            if "items" not in request:  # an answer that came too late for the child that requested it
                continue
            channel.request = request["of"]
            shadow, child = os.getpid(), os.fork()
            if not child:
                isolation.end_with(shadow)
                _walk(Channel(descriptor, CHILD, request=channel.request), request, world, output)
            channel.send({"ended": isolation.wait_for(child, request["timeout"] + GRACE)})
    except BaseException:  # noqa: BLE001 - this process must never continue with the worker's code
        os._exit(1)


def _walk(channel: Channel, request: dict[str, Any], world: World, output: isolation.Output) -> NoReturn:
    """Make the dry runs of a request, send the reports, and end this process."""
    try:
        channel.send({"child": os.getpid()})
        isolation.limit_memory()
        gc.enable()
        _DryRun(channel, request, world, output).run()
    except Closed:
        pass
    except BaseException as error:  # noqa: BLE001 - the end of the process
        with contextlib.suppress(BaseException):
            channel.send({"failed": f"{sentence(error)}\n{traceback.format_exc()}"})
    os._exit(0)


class _DryRun:
    """Walks plans one after the other in a separate process, which ends after a plan that was cut off."""

    def __init__(self, channel: Channel, request: dict[str, Any], world: World, output: isolation.Output) -> None:
        self._channel = channel
        self._items: list[dict[str, Any]] = request["items"]
        self._timeout: float = request["timeout"]
        self._for_each: float = request.get("for_each", self._timeout)
        self._excluded: list[str] = request.get("excluded", [])
        self._permissions: str = request.get("permissions", "")
        self._environment = world.environment
        self._engine = world.engine()
        self._output = output
        self._monotonic = time.monotonic
        self._roots = {
            id(value): name
            for name, value in reversed(list(self._environment.namespace.items()))
            if not name.startswith("_") and is_device(value)
        }
        self._group = ""
        self._seconds = self._timeout
        self._plan: Any = None
        self._until = time.monotonic() + self._timeout
        self._deadline = self._until
        learned = Learned.of_walk(request.get("times", "{}"))
        self._walk = Walk(
            self._look,
            commands=list(getattr(self._engine, "commands", ())),
            is_late=lambda: self._monotonic() > self._deadline,
            text_of=lambda error: (sentence(error), traceback_text(error)),
            blocked_by=guard_connections.open_before,
            carried=Carried.of(request.get("carried", {})),
            settings=learned.settings,
            takes=partial(action_seconds, learned),
        )

    def run(self) -> None:
        """Walk the plans and send their reports."""
        signal.signal(signal.SIGALRM, self._time_is_up)
        self._guard()
        if self._items:
            self._environment.set_permissions(self._permissions.encode())
        for item in self._items:
            self._run_one(item)

    def _run_one(self, item: dict[str, Any]) -> None:
        if item["user_group"] != self._group:
            self._group = item["user_group"]
            self._walk.positions.look_again(self._facts_for_group)
        self._seconds = max(min(self._for_each, self._until - self._monotonic()), _SHORTEST)
        self._deadline = self._monotonic() + self._seconds
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        self._walk.run(self._messages(item))
        signal.setitimer(signal.ITIMER_REAL, 0)
        report = self._send_report()
        if not report["complete"]:
            os._exit(0)
        self._walk.next(report)

    def _guard(self) -> None:
        clock = self._walk.clock
        classes = guard.device_classes(self._environment.namespace[name] for name in self._roots.values())
        guard.use_clock(lambda: clock.ahead, clock.sleep)
        guard.shorten_stacks()
        guard.refuse_input(self._cut)
        guard.block_devices(self._blocked, classes)
        guard.follow_positions(classes, self._position, self._value, _UNKNOWN)
        guard_connections.refuse_connections(self._blocked)
        no_sockets.refuse_sockets()
        guard.refuse_calls(self._blocked)

    def _messages(self, item: dict[str, Any]) -> Any:
        """Create the plan as the worker and the RunEngine do, and yield its messages. This calls user code."""
        plan, _ = self._environment.plan(item)
        for wrap in self._engine.preprocessors:
            plan = wrap(plan)
        self._plan = plan
        yield from plan

    # ---------------------------------------------------------------------------------------- ends of the dry run
    def _send_report(self) -> dict[str, Any]:
        """Send the report of this plan, and return it."""
        report = self._walk.report()
        carried = self._walk.carried.after(report, self._walk.positions.walked())
        self._channel.send({"report": {**report, "output": self._output.take()}, "carried": carried.as_json()})
        return report

    def _cut(self, reason: str) -> NoReturn:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._walk.findings.cut(reason)
        self._send_report()
        os._exit(0)

    def _time_is_up(self, _number: int, _frame: FrameType | None) -> None:
        place = place_of(threading.main_thread().ident, self._plan)
        is_whole = self._seconds > _ALMOST * self._for_each
        limit = f"{self._for_each:g}" if is_whole else f"{self._seconds:.1f}"
        self._cut(f"it was not complete after {limit} s{place and f' (at {place})'}")

    def _blocked(self, call: str) -> None:
        main = threading.main_thread()
        is_main = threading.current_thread() is main
        frame = None if is_main else sys._current_frames().get(main.ident or 0)  # noqa: SLF001 - the way to it
        stack = traceback.extract_stack(frame)
        ours = [at for at, each in enumerate(stack) if each.filename == walk.__file__]
        frames = [each for each in stack[max(ours, default=-1) + 1 :] if not each.filename.startswith(OURS)]
        self._walk.findings.block(call, stored_traceback("".join(traceback.format_list(frames))))

    # --------------------------------------------------------------------------------------------------- devices
    def _look(self, obj: Any) -> DeviceFacts:
        """Return the facts about a device.

        The worker reads the device, because the device's connections do not work here.
        """
        name = self._name(obj)
        if name is None:
            return DeviceFacts(str(getattr(obj, "name", "") or type(obj).__name__))
        permitted = self._environment.may_use(name, obj, self._group)
        if self._is_excluded(name):
            return DeviceFacts(name, is_permitted=permitted)
        self._channel.send({"look": name})
        found = json.loads(self._channel.receive()["found"])
        limits = found.get("limits")
        return DeviceFacts(
            name,
            found.get("reading", {}),
            found.get("description", {}),
            found.get("main", ""),
            (limits[0], limits[1]) if limits else None,
            permitted,
        )

    def _facts_for_group(self, known: WalkDevice) -> DeviceFacts:
        name = self._name(known.obj)
        permitted = name is None or self._environment.may_use(name, known.obj, self._group)
        return known.facts._replace(is_permitted=permitted)

    def _is_excluded(self, name: str) -> bool:
        parts = name.split(".")
        above = [".".join(parts[: n + 1]) for n in range(len(parts))]
        return any(fnmatchcase(each, pattern) for pattern in self._excluded for each in above)

    def _name(self, obj: Any) -> str | None:
        """Return the dotted name of a device in the namespace; None if the namespace does not contain it."""
        parts: list[str] = []
        while id(obj) not in self._roots:
            parent = getattr(obj, "parent", None)
            if parent is None or parent is obj:
                return None
            name = getattr(obj, "attr_name", "") or next((n for n, each in children(parent) if each is obj), "")
            if not name:
                return None
            parts.append(str(name))
            obj = parent
        return ".".join([self._roots[id(obj)], *reversed(parts)])

    def _position(self, obj: Any) -> Any:
        """Return a device's ``position`` for the plan's code."""
        known = self._walk.positions.known(obj)
        if known.walked is not UNSET:
            return known.walked
        return _UNKNOWN if known.follows_others or known.start is None else known.start

    def _value(self, signal_: Any) -> Any:
        """Return the result of a signal's ``get()`` for the plan's code."""
        positions = self._walk.positions
        parent = getattr(signal_, "parent", None)
        known = positions.known(signal_)
        above = positions.known(parent) if parent is not None and _is_readback(parent, signal_) else None
        for seen in (known, above):
            if seen is not None and seen.walked is not UNSET:
                return seen.walked
        if known.start is None:
            return _UNKNOWN
        self._walk.findings.assume(known.name, known.main, known.start)
        numpy = sys.modules.get("numpy")
        return numpy.asarray(known.start) if numpy and isinstance(known.start, list) else known.start


def _is_readback(parent: Any, part: Any) -> bool:
    own = getattr(parent, "__dict__", None) or {}
    signals = own.get("_signals", {})
    return any(part is own.get(name, signals.get(name)) for name in _READBACKS)
