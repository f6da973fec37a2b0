"""What a `ScriptedWorker` can be told to do, step by step."""

from typing import Any, Literal

import msgspec


class End(msgspec.Struct, frozen=True):
    """The plan ends. Every script of a plan has this step at its end, unless it ends otherwise before."""

    exit_status: Literal["completed", "stopped", "aborted", "halted", "unknown"] = "completed"


class Fail(msgspec.Struct, frozen=True):
    """The plan, the task or the opening of the environment fails with this message.

    Examples
    --------
    >>> Fail("TimeoutError: the shutter does not open").message
    'TimeoutError: the shutter does not open'
    """

    message: str = "RuntimeError: the test wants it so"
    traceback: str = ""
    #: Of the startup file that failed, for an opening.
    file: str | None = None
    line: int | None = None


class Pause(msgspec.Struct, frozen=True):
    """The plan pauses by itself. When it is resumed the script goes on."""


class Wait(msgspec.Struct, frozen=True):
    """Go on until the test says `ScriptedWorker.proceed` or `ScriptedWorker.do`. A request to pause is heard."""


class Hang(msgspec.Struct, frozen=True):
    """Answer nothing any more, as code that holds the interpreter, until `ScriptedWorker.proceed` or the kill."""


class Die(msgspec.Struct, frozen=True):
    """The worker process ends at once."""

    how: str = "killed by SIGSEGV"
    exit_code: int = -11


class Measure(msgspec.Struct, frozen=True):
    """Open a run, take ``num`` readings and close the run, with the documents that tell of it.

    Attributes
    ----------
    data
        What each event holds, by name.
    num
        How many events there are. The start document announces them as ``num_points``.
    start
        Further keys of the start document.
    """

    data: dict[str, Any] = msgspec.field(default_factory=lambda: {"det": 1.0})
    num: int = 1
    start: dict[str, Any] = {}


class Open(msgspec.Struct, frozen=True):
    """Open a run and leave it open; the end of the plan closes it."""

    start: dict[str, Any] = {}


class Ask(msgspec.Struct, frozen=True):
    """Ask a question, as user code does with ``input``, and go on when a client has answered it."""

    prompt: str = "Continue?"
    secret: bool = False


class Print(msgspec.Struct, frozen=True):
    """Print to the console."""

    text: str


class Return(msgspec.Struct, frozen=True):
    """The function returns this value. Every script of a task has ``Return(None)`` at its end."""

    value: Any = None


class NewLists(msgspec.Struct, frozen=True):
    """The namespace has other plans and devices from now on (None: those that it has)."""

    plans: dict[str, Any] | None = None
    devices: dict[str, Any] | None = None


Step = End | Fail | Pause | Wait | Hang | Die | Measure | Open | Ask | Print | Return | NewLists
