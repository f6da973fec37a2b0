"""Questions of user code (``input``, ``getpass``, ``sys.stdin``): without a terminal, nothing may wait in vain."""

import asyncio
import builtins
import contextlib
import getpass
import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import ModuleType
from typing import Any, TypeVar
from uuid import uuid4

from bluesky_qs.config.schema import InputPolicy
from bluesky_qs.errors import NotFound
from bluesky_qs.ipc.states import PendingInput
from bluesky_qs.startup.imports import after_import
from bluesky_qs.worker.report import Reports
from bluesky_qs.worker.trace import sendable

log = logging.getLogger(__name__)

R = TypeVar("R")

#: Characters of a question that are shown to clients: the status is sent often.
LONGEST = 1000
_STDIN = "Reading from sys.stdin"
#: How often the same question is answered with an empty text before its answer is an error: code that checks what was
#: entered asks until it likes it.
PATIENCE = 1000
#: Seconds between two questions of such code, at the most.
AT_ONCE = 0.1


class InputRefused(EOFError):
    """User code asked a question that is not going to be answered.

    An ``EOFError``, as from a terminal that was closed: code that can do without an answer knows it.
    """


class _Waiting:
    """A question and its answer to come. ``blocks``: the thread that asked does nothing else until then."""

    def __init__(self, question: PendingInput, *, blocks: bool) -> None:
        self.question = question
        self.blocks = blocks
        self.answer: Future[str] = Future()
        self.answer.set_running_or_notify_cancel()


class Prompts:
    """Stands in the place of a terminal. Any thread may ask; the link thread answers."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._policy: InputPolicy = "error"
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._thread = threading.local()
        self._debuggers: list[tuple[Any, str, Any]] = []

    def install(self, policy: InputPolicy) -> None:
        """From now on `input` and the like come here."""
        self._policy = policy
        builtins.input = self._input
        getpass.getpass = self._getpass
        sys.stdin = _Stdin(self)
        if policy != "ask":  # a debugger without its terminal reads its commands for ever, or quits and says nothing
            self._refuse_debugger(sys, "breakpointhook", "breakpoint()")
            after_import("pdb", lambda pdb: self._refuse_debugger(pdb, "set_trace", "pdb.set_trace()"))
        after_import("bluesky.utils", self._teach)

    @contextlib.contextmanager
    def by_hand(self) -> Iterator[None]:
        """Somebody has typed what runs, and answers at the console: Jupyter sees to that, and debuggers work."""
        refusals = [(owner, name, getattr(owner, name)) for owner, name, _ in self._debuggers]
        for owner, name, debugger in self._debuggers:
            setattr(owner, name, debugger)
        try:
            yield
        finally:
            for owner, name, refusal in refusals:
                setattr(owner, name, refusal)

    def of_task(self, task_uid: str, work: Callable[[], R]) -> R:
        """What ``work`` returns; the questions that it asks are those of the task."""
        self._thread.task_uid = task_uid
        try:
            return work()
        finally:
            self._thread.task_uid = None

    # ----------------------------------------------------------------------------------------------- link thread
    def reply(self, input_uid: str, text: str) -> None:
        """Answer a question.

        Raises
        ------
        NotFound
            It is not waiting: it was answered or cancelled before.
        """
        with self._lock:
            waiting = self._waiting.pop(input_uid, None)
            self._tell()
        if waiting is None:
            raise NotFound(f"No question with the uid {input_uid!r} is waiting for an answer")
        waiting.answer.set_result(text)

    def cancel(self, reason: str, *, all_of_them: bool = True) -> None:
        """Raise `InputRefused` where an answer is waited for: everywhere, or where a plan can do nothing else."""
        with self._lock:
            refused = [w for w in self._waiting.values() if all_of_them or (w.blocks and w.question.item_uid)]
            for waiting in refused:
                del self._waiting[waiting.question.input_uid]
            self._tell()
        for waiting in refused:
            message = f"The question {waiting.question.prompt!r} was cancelled: {reason}"
            waiting.answer.set_exception(InputRefused(message))

    # ---------------------------------------------------------------------------------------------- user's threads
    def line(self) -> str:
        """The next line of ``sys.stdin``; the end of the file, where the policy leaves questions unanswered."""
        text = self.ask(_STDIN, "")
        return text + "\n" if self._policy == "ask" else text

    def ask(self, call: str, prompt: str, *, secret: bool = False) -> str:
        """The answer to a question, by the policy. ``call`` names what asks it, ``secret`` means: not to be shown.

        Raises
        ------
        InputRefused
            The policy is ``error``, or the question was cancelled.
        """
        if self._policy != "ask" or os.getpid() != self._process:
            return self._unasked(call, prompt)
        waiting = self._begin(prompt, secret=secret, blocks=True)
        try:
            return self._echoed(waiting.question, waiting.answer.result())
        finally:
            self._withdraw(waiting)

    async def ask_in_loop(self, prompt: str) -> str:
        """The same for a plan that lets its RunEngine go on meanwhile: it can be paused while the question is open."""
        if self._policy != "ask":
            return self._unasked("The plan", prompt)
        waiting = self._begin(prompt, secret=False, blocks=False)
        try:
            return self._echoed(waiting.question, await asyncio.wrap_future(waiting.answer))
        finally:
            self._withdraw(waiting)

    def _unasked(self, call: str, prompt: str) -> str:
        about = f"{call} asks {prompt!r}" if prompt else f"{call} asks for input"
        if self._policy == "default":
            if self._again(about):
                raise InputRefused(
                    f"{about} again and again; an empty text does not satisfy it (--worker-input default)"
                )
            log.warning("%s: answered with an empty text (--worker-input default)", about)
            return ""
        if self._policy == "ask":
            raise InputRefused(f"{about}, but a process forked by the worker cannot ask clients")
        # Who called it may make something else of the refusal, or nothing.
        log.warning("%s: refused (--worker-input error)", about)
        msg = (
            f"{about}, and nobody can answer: the service runs with --worker-input error. With --worker-input "
            "ask, clients can answer (qserver input reply); with --worker-input default, the answer is an empty text"
        )
        raise InputRefused(msg)

    def _again(self, about: str) -> bool:
        """Whether the thread asks the same all the time, `PATIENCE` times and more: it is not going to go on."""
        now = time.monotonic()
        last, when, times = getattr(self._thread, "asked", ("", 0.0, 0))
        times = times + 1 if about == last and now - when < AT_ONCE else 1
        self._thread.asked = about, now, times
        return times > PATIENCE

    def _begin(self, prompt: str, *, secret: bool, blocks: bool) -> _Waiting:
        task_uid = getattr(self._thread, "task_uid", None)
        question = PendingInput(
            input_uid=str(uuid4()),
            prompt=sendable(prompt)[:LONGEST],
            time=time.time(),
            item_uid=None if task_uid else self._reports.state.item_uid,
            task_uid=task_uid,
            secret=secret,
        )
        waiting = _Waiting(question, blocks=blocks)
        print(prompt, flush=True)
        log.warning("A question waits for its answer: qserver input reply %s TEXT", question.input_uid)
        with self._lock:
            self._waiting[question.input_uid] = waiting
            self._tell()
        return waiting

    def _withdraw(self, waiting: _Waiting) -> None:
        with self._lock:
            self._waiting.pop(waiting.question.input_uid, None)
            self._tell()

    def _tell(self) -> None:
        """The status shows one question after the other."""
        first = next(iter(self._waiting.values()), None)
        self._reports.update(input=first and first.question)

    def _echoed(self, question: PendingInput, answer: str) -> str:
        if not question.secret:
            print(answer, flush=True)  # as a terminal shows what is typed
        return answer

    # ------------------------------------------------------------------------------------- what user code calls
    def _input(self, prompt: object = "", /) -> str:
        return self.ask("input()", str(prompt))

    def _getpass(self, prompt: str = "Password: ", stream: Any = None, **_: Any) -> str:  # noqa: ARG002 - getpass's own
        return self.ask("getpass()", prompt, secret=True)

    def _refuse_debugger(self, owner: Any, name: str, call: str) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            self._unasked(call, "")

        self._debuggers.append((owner, name, getattr(owner, name)))
        setattr(owner, name, refuse)

    def _teach(self, utils: ModuleType) -> None:
        """The message ``input`` of plans has a question too, which the stream that it reads from does not know."""
        prompts = self

        async def answer(_: Any, prompt: object, end: str = "\n", flush: bool = False) -> str:  # noqa: ARG001 - bluesky's
            return await prompts.ask_in_loop(str(prompt))

        utils.AsyncInput.__call__ = answer


class _Stdin(io.TextIOBase):
    """``sys.stdin`` of a process without a terminal. Its file descriptor is that of the empty device."""

    encoding = "utf-8"
    errors = "strict"
    name = "<stdin>"
    mode = "r"

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._file = sys.stdin  # keep it open
        self.buffer = getattr(sys.stdin, "buffer", None)

    def fileno(self) -> int:
        return 0

    def readable(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - TextIOBase's stub
        line = self._prompts.line()
        return line if size < 0 else line[:size]

    def read(self, size: int | None = -1, /) -> str:
        """One answer: what it is read from has no end."""
        return self.readline(-1 if size is None else size)
