"""The steps of a script for a `ScriptedWorker`."""

from typing import Any, Literal

import msgspec

from bluesky_qs.ipc.states import PlanWait
from bluesky_qs.wire.codec import json_text


class End(msgspec.Struct, frozen=True):
    """The plan ends. This is the implicit last step of a script that does not end the plan itself."""

    exit_status: Literal["completed", "stopped", "aborted", "halted", "unknown"] = "completed"
    message: str = ""
    traceback: str = ""


class Fail(msgspec.Struct, frozen=True):
    """The plan or task fails with this message, or the environment does not open.

    Examples
    --------
    >>> Fail("TimeoutError: the shutter does not open").message
    'TimeoutError: the shutter does not open'
    """

    message: str = "RuntimeError: failed by the test"
    traceback: str = ""
    #: The place in the startup code at which the environment fails to open.
    file: str | None = None
    line: int | None = None


class Pause(msgspec.Struct, frozen=True):
    """The plan pauses by itself. The script continues when it is resumed."""


class Wait(msgspec.Struct, frozen=True):
    """Keep running until the test calls `ScriptedWorker.proceed` or `ScriptedWorker.do`.

    Until then, the plan can be paused.
    """


class Hang(msgspec.Struct, frozen=True):
    """Stop answering until `ScriptedWorker.proceed` or a kill, like a worker whose code holds the interpreter."""


class Die(msgspec.Struct, frozen=True):
    """The worker process ends immediately."""

    how: str = "killed by SIGSEGV"
    exit_code: int = -11


class Measure(msgspec.Struct, frozen=True):
    """Open a run, take ``num`` readings and close the run, with all documents.

    Attributes
    ----------
    data
        Data of each event, by name.
    num
        Number of events, which is ``num_points`` in the start document.
    start
        Additional keys of the start document.
    """

    data: dict[str, Any] = msgspec.field(default_factory=lambda: {"det": 1.0})
    num: int = 1
    start: dict[str, Any] = {}


class Open(msgspec.Struct, frozen=True):
    """Open a run and leave it open; the end of the plan closes it."""

    start: dict[str, Any] = {}


class Ask(msgspec.Struct, frozen=True):
    """Wait for input, as user code does with ``input``, and continue when a client has answered the prompt."""

    prompt: str = "Continue?"
    secret: bool = False


class Suspend(msgspec.Struct, frozen=True):
    """A suspender holds the plan, for this reason.

    A `Wait` after this step keeps the plan there; `Release` ends the hold.
    """

    reason: str = "Signal shutter is high"
    signals: list[str] = []


class Release(msgspec.Struct, frozen=True):
    """The suspender releases the plan."""


class WaitFor(msgspec.Struct, frozen=True):
    """The plan waits for devices, sleeps or is busy, as in ``waiting_for``. A `Wait` after this step keeps the plan
    there.

    Attributes
    ----------
    kind
        ``motor``, ``trigger``, ``sleep`` or ``user_code``; None ends the wait.
    devices
        Device names.
    start, target
        Positions; for a sleep, 0 and the length of the sleep in seconds.
    place
        File and line of user code.
    """

    kind: Literal["motor", "trigger", "sleep", "user_code"] | None
    devices: list[str] = []
    start: Any = None
    target: Any = None
    place: str = ""

    def seen_at(self, now: float) -> PlanWait | None:
        """The state of a worker whose plan has been waiting since ``now`` (epoch seconds)."""
        if self.kind is None:
            return None
        start, target = json_text(self.start), json_text(self.target)
        return PlanWait(self.kind, now, self.devices, start, target, place=self.place)


class Print(msgspec.Struct, frozen=True):
    """Print to the console."""

    text: str


class Return(msgspec.Struct, frozen=True):
    """The function or plan returns this value. Without this step it returns None."""

    value: Any = None


class NewLists(msgspec.Struct, frozen=True):
    """Replace the plans, devices or functions in the namespace; None keeps them."""

    plans: dict[str, Any] | None = None
    devices: dict[str, Any] | None = None
    functions: dict[str, Any] | None = None


class RunEngine(msgspec.Struct, frozen=True):
    """Add the RunEngine to the namespace, or remove it. Without this step, the namespace has a RunEngine."""

    exists: bool = True


Step = (
    End
    | Fail
    | Pause
    | Wait
    | Hang
    | Die
    | Measure
    | Open
    | Ask
    | Suspend
    | Release
    | WaitFor
    | Print
    | Return
    | NewLists
    | RunEngine
)
