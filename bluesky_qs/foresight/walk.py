"""The walk of a plan: answers its messages as the RunEngine would, and records what they would do."""

import inspect
import uuid
from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any

from bluesky_qs.foresight.carried import AFTER_CUT, ELSEWHERE, Carried
from bluesky_qs.foresight.devices import UNSET, DeviceFacts, WalkDevice, WalkDevices
from bluesky_qs.foresight.report import Findings, asks_for_input
from bluesky_qs.foresight.runs import Runs
from bluesky_qs.foresight.work import Follower, Member, Settings

#: Number of messages between two checks of the time limit.
_PER_LOOK = 64
#: Callbacks that only display documents, so plans do not depend on them.
_ONLY_SHOW = frozenset({"LiveTable", "LivePlot", "LiveGrid", "LiveScatter", "BestEffortCallback"})

Handler = Callable[[Any], Any]


_NO_SETTINGS: Mapping[str, Settings] = {}


class CutOff(BaseException):
    """The dry run ends here, because the rest of the plan is unpredictable. The text is the reason."""


class OutsideLimits(ValueError):
    """A position is outside the limits of the device."""


class InvalidCommand(KeyError):
    """The RunEngine does not know the command of a message."""


class DoneStatus:
    """The status of a move or another action, which is complete from the start."""

    done = True
    success = True

    def add_callback(self, callback: Callable[[Any], Any]) -> None:
        """Call this function immediately."""
        callback(self)

    def exception(self, timeout: float | None = None) -> None:
        """Return None, because the action has not failed."""

    def wait(self, timeout: float | None = None) -> None:
        """Return immediately."""

    def watch(self, function: Callable[..., Any]) -> None:
        """Do nothing, since there is no progress."""


_DONE = DoneStatus()


class Clock:
    """A clock that is ahead of the real one by the total time of the plan's sleeps and waits.

    Attributes
    ----------
    ahead
        Seconds by which it is ahead.
    slept
        Seconds of the plan's sleeps.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept = 0.0

    def wait(self, seconds: float) -> None:
        """Let these seconds pass in a wait for devices."""
        self.ahead += seconds

    def sleep(self, seconds: float) -> None:
        """Let these seconds pass in a sleep."""
        if seconds > 0:
            self.ahead += seconds
            self.slept += seconds


class Walk:
    """One walk of one plan.

    Parameters
    ----------
    look
        Returns the facts about a device.
    clock
        Advances while the plan sleeps or waits.
    commands
        Additional RunEngine commands, whose effect is unknown.
    is_late
        Returns whether the time limit is exceeded; None without a limit.
    text_of
        Returns the message and the traceback of an exception that the plan raised.
    blocked_by
        Returns the blocked call if the plan has failed only because of the dry run; otherwise an empty string.
    carried
        State of the devices after the earlier plans of the queue.
    settings
        Known device settings, by device name.
    takes
        Returns how many seconds an action takes with these settings of its device; 0 if unknown.
    """

    def __init__(
        self,
        look: Callable[[Any], DeviceFacts],
        *,
        clock: Clock | None = None,
        commands: Collection[str] = (),
        is_late: Callable[[], bool] | None = None,
        text_of: Callable[[BaseException], tuple[str, str]] = lambda error: (repr(error), ""),
        blocked_by: Callable[[BaseException], str] = lambda _: "",
        carried: Carried = Carried(),  # noqa: B008 - it cannot be changed
        settings: Mapping[str, Settings] = _NO_SETTINGS,
        takes: Callable[[Member, Settings], float] = lambda _member, _settings: 0.0,
    ) -> None:
        self._settings: dict[str, Settings] = dict(settings)
        self._takes = takes
        self._blocked_by = blocked_by
        self.clock = clock or Clock()
        self.carried = carried
        self.positions = WalkDevices(look, self._assume, carried)
        self._is_late = is_late or (lambda: False)
        self._text_of = text_of
        self._begin()
        self._handlers: dict[str, Handler] = {
            name.removeprefix("_on_"): getattr(self, name) for name in dir(self) if name.startswith("_on_")
        }
        for command in _WITHOUT_EFFECT:
            self._handlers[command] = _nothing
        for command in commands:
            self._handlers.setdefault(command, self._unknown)

    def _begin(self) -> None:
        self.runs = Runs()
        self.findings = Findings(self.runs)
        self._began = self.clock.slept
        self._follower = Follower()
        self._times: dict[Member, float] = {}
        self._tokens: set[int] = set()
        self._flying: set[str] = set()

    def next(self, report: Mapping[str, Any] | None = None) -> None:
        """Prepare for the next plan of the queue, which begins with the devices as the previous plan left them.

        ``report`` is the previous plan's report, if it already exists.
        """
        self.carried = self.carried.after(report or self.report(), self.positions.walked())
        for device, settings in self._follower.work.ends.items():
            self._settings[device] = {**self._settings.get(device, {}), **settings}
        self._begin()

    def run(self, plan: Any) -> None:
        """Walk the plan to its end, or until it is cut off. Errors of the plan are findings; they are not raised."""
        # Keep a reference: garbage collection would start the cleanup of a plan that was cut off.
        self._messages = _messages_of(plan)
        try:
            self._follow(self._messages)
        except CutOff as cut:
            self.findings.cut(str(cut))
        except MemoryError:
            self.findings.cut("the plan needs more memory than a dry run may use")
        except BaseException as error:  # noqa: BLE001 - the plan may raise anything
            message, trace = self._text_of(error)
            if call := self._blocked_by(error):
                self.findings.block(call, trace)
            else:
                self.findings.failed(message, trace)

    def report(self) -> dict[str, Any]:
        """Return the report of the plan up to this point."""
        found = self.findings.report(slept=self.clock.slept - self._began)
        return {**found, "work": self._follower.work.to_json(), "announced": self.runs.announced}

    def _follow(self, messages: Generator[Any, Any, Any]) -> None:
        find, note = self._handlers.get, self._follower.message
        answer: Any = None
        error: Exception | None = None
        count = 0
        while True:
            try:
                message = messages.send(answer) if error is None else messages.throw(error)
            except StopIteration:
                return
            count += 1
            if not count % _PER_LOOK and self._is_late():
                raise CutOff("the time limit of the dry run was reached")
            handler = find(message.command)
            error = None
            if message.command != "set":
                note(message)
            try:
                answer = handler(message) if handler else _refuse_command(message)
            except Exception as raised:  # noqa: BLE001 - like the RunEngine, which passes it to the plan
                error = raised.with_traceback(None)

    def _assume(self, device: WalkDevice, key: str, value: Any) -> None:
        self.findings.assume(device.name, key, value)

    def _used(self, message: Any, method: str) -> WalkDevice:
        """Return the device of a message. Raise `TypeError` if it does not have this method."""
        obj = message.obj
        if not hasattr(obj, method):
            raise TypeError(f"{obj!r} does not support '{message.command}': it has no method '{method}'")
        return self._device(obj)

    def _device(self, obj: Any) -> WalkDevice:
        known = self.positions.known(obj)
        if known.name not in self.findings.devices:
            self.findings.use(known)
        return known

    # ------------------------------------------------------------------------------------------------------ runs
    def _on_open_run(self, message: Any) -> str:
        uid, points = str(uuid.uuid4()), message.kwargs.get("num_points")
        self.runs.open(message.run, uid, points if isinstance(points, int) and points > 0 else None)
        return uid

    def _on_close_run(self, message: Any) -> str:
        return self.runs.close(message.run)

    def _on_create(self, message: Any) -> None:
        stream = message.kwargs.get("name") or (message.args[0] if message.args else "primary")
        self.runs.create(message.run, str(stream))

    def _on_read(self, message: Any) -> dict[str, Any]:
        device = self._used(message, "read")
        self.runs.read(message.run, message.obj, device.shown.keys(), device.bytes)
        return self.positions.reading(device)

    def _on_save(self, message: Any) -> None:
        self.runs.save(message.run)

    def _on_drop(self, message: Any) -> None:
        self.runs.drop(message.run)

    def _on_declare_stream(self, message: Any) -> None:
        objs = [obj for obj in (message.obj, *message.args) if obj is not None]
        is_collected = message.kwargs.get("collect", False)
        self.runs.declare(message.run, str(message.kwargs.get("name", "primary")), () if is_collected else objs)
        for obj in objs:
            self._device(obj)

    def _on_monitor(self, message: Any) -> None:
        device = self._used(message, "subscribe")
        self.runs.monitor(message.run, message.obj, str(message.kwargs.get("name") or f"{message.obj.name}_monitor"))
        self.findings.inexact(f"The number of points in the monitor of {device.name} is not known beforehand")

    def _on_unmonitor(self, message: Any) -> None:
        self.runs.unmonitor(message.run, message.obj)

    def _on_checkpoint(self, _message: Any) -> None:
        self.runs.refuse_while_bundling("Cannot 'checkpoint' after 'create' and before 'save'. Aborting!")

    # --------------------------------------------------------------------------------------------------- devices
    def _on_set(self, message: Any) -> DoneStatus:
        device = self._used(message, "set")
        value = message.args[0] if message.args else next(iter(message.kwargs.values()), None)
        self._check(device, value)
        if self.carried.is_cut:
            self.findings.inexact(AFTER_CUT)
        elif device.name in self.carried.doubtful:
            self.findings.inexact(ELSEWHERE.format(name=device.name))
        self._follower.message(message, device.start if device.walked is UNSET else device.walked)
        self.findings.move(device, value)
        self.positions.move(device, value)
        if device.follows_others:
            self.findings.inexact(f"{device.name} moves other motors; their positions are not followed")
        return _DONE

    def _check(self, device: WalkDevice, value: Any) -> None:
        """Raise an exception if the device would reject this position."""
        obj = device.obj
        check = getattr(obj, "check_value", None)
        if check is not None and not inspect.iscoroutinefunction(check):
            check(value)
            return
        limits = device.facts.limits
        if limits is None or isinstance(value, bool) or not isinstance(value, int | float):
            return
        if limits[0] <= value <= limits[1]:
            return
        text = f"{device.name} cannot go to {value:g}: its limits are {limits[0]:g} and {limits[1]:g}"
        if check is not None or hasattr(obj, "low_limit_travel"):
            raise OutsideLimits(text)
        self.findings.warn(f"{text} (point {self.findings.step})")

    def _on_trigger(self, message: Any) -> DoneStatus:
        self.findings.trigger(self._used(message, "trigger").name)
        return _DONE

    def _on_locate(self, message: Any) -> Any:
        found = [self._location(obj) for obj in (message.obj, *message.args)]
        return found[0] if len(found) == 1 and message.kwargs.get("squeeze", True) else found

    def _location(self, obj: Any) -> dict[str, Any]:
        if not hasattr(obj, "locate"):
            raise TypeError(f"{obj!r} does not support 'locate'")
        position = self._device(obj).position
        return {"setpoint": position, "readback": position}

    def _on_stage(self, message: Any) -> list[Any]:
        if not hasattr(message.obj, "stage"):
            return []
        self._device(message.obj)
        return [message.obj]

    def _on_unstage(self, message: Any) -> list[Any]:
        return [message.obj] if hasattr(message.obj, "unstage") else []

    def _on_stop(self, message: Any) -> None:
        self._used(message, "stop")

    def _on_configure(self, message: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        self.runs.refuse_while_bundling("Cannot configure after 'create' but before 'save' Aborting!")
        self._used(message, "configure")
        return {}, {}

    def _on_prepare(self, message: Any) -> DoneStatus:
        self._used(message, "prepare")
        return _DONE

    def _on_kickoff(self, message: Any) -> DoneStatus:
        self.runs.require(message.run, "kickoff")
        device = self._used(message, "kickoff")
        self._flying.add(device.name)
        self.findings.inexact(f"{device.name} measures on its own; its points and moves are unpredictable")
        return _DONE

    def _on_complete(self, message: Any) -> DoneStatus:
        device = self._used(message, "complete")
        if device.name not in self._flying:
            self.findings.inexact(f"{device.name} completes a measurement that this plan did not start")
        return _DONE

    def _on_collect(self, message: Any) -> None:
        self.runs.require(message.run, "collect")
        if stream := message.kwargs.get("name"):
            self.runs.declare(message.run, str(stream))

    # ------------------------------------------------------------------------------------------------- the rest
    def _on_sleep(self, message: Any) -> None:
        self.clock.sleep(float(message.args[0]))

    def _on_wait(self, message: Any) -> bool:
        follower = self._follower
        if members := follower.wait_for(follower.awaited(message)):
            self.clock.wait(max(self._time_of(each) for each in members))
        return True

    def _time_of(self, member: Member) -> float:
        """Return how many seconds an action takes; 0 if unknown."""
        if member not in self._times:
            before, changed = self._settings.get(member.device, {}), self._follower.work.settings[member.settings]
            self._times[member] = self._takes(member, {**before, **changed})
        return self._times[member]

    def _on_wait_for(self, _message: Any) -> None:
        self.findings.inexact("The plan waits for something outside of the plan ('wait_for'), which a dry run skips")

    def _on_pause(self, _message: Any) -> None:
        self.findings.warn(f"The plan pauses (point {self.findings.step})")

    def _on_input(self, message: Any) -> None:
        prompt = message.kwargs.get("prompt") or (message.args[0] if message.args else "")
        raise CutOff(asks_for_input(prompt))

    def _on_subscribe(self, message: Any) -> int:
        callback = next(iter(message.args), message.kwargs.get("func"))
        name = getattr(callback, "__name__", type(callback).__name__)
        if type(callback).__name__ not in _ONLY_SHOW:
            self.findings.inexact(f"The plan subscribes {name} to its documents; a dry run produces no documents")
        token = len(self._tokens) + 1
        self._tokens.add(token)
        return token

    def _on_unsubscribe(self, message: Any) -> None:
        token = message.kwargs["token"] if "token" in message.kwargs else message.args[0]
        if token not in self._tokens:
            self.findings.inexact("The plan cancels a subscription that it did not make")

    def _unknown(self, message: Any) -> None:
        self.findings.inexact(f"A dry run does not know the effect of the message '{message.command}'")


def _refuse_command(message: Any) -> None:
    raise InvalidCommand(f"{message.command!r} is not a RunEngine command")


def _nothing(_message: Any) -> None:
    return None


#: Commands without any effect on the report.
_WITHOUT_EFFECT = (
    "null",
    "clear_checkpoint",
    "rewindable",
    "resume",
    "publish",
    "RE_class",
    "install_suspender",
    "remove_suspender",
    "_start_suspender",
    "_resume_from_suspender",
)


def _messages_of(plan: Any) -> Generator[Any, Any, Any]:
    """Yield the messages of a generator, a list or any other iterable. Only a generator receives the answers."""
    if hasattr(plan, "send"):
        return (yield from plan)
    for message in plan:  # noqa: UP028 - `yield from` would send the answers
        yield message
    return None
