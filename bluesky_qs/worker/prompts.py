"""Handles input requests from user code (``input``, ``getpass``, ``sys.stdin``), which has no terminal."""

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

#: Maximum length of the prompt text that clients get, because the status is sent often.
LONGEST = 1000
_STDIN = "Reading from sys.stdin"
#: Number of empty replies to the same prompt before an error, because code that checks its input may ask forever.
PATIENCE = 1000
#: Maximum number of seconds between two prompts from code that asks repeatedly.
AT_ONCE = 0.1


class InputRefused(EOFError):
    """Nobody can answer an input request from user code.

    This is an ``EOFError``, as from a closed terminal: code that can do without an answer already handles it.
    """


class _Waiting:
    """An input prompt and its future reply. ``blocks``: the thread does nothing else while it waits for the reply."""

    def __init__(self, question: PendingInput, *, blocks: bool) -> None:
        self.question = question
        self.blocks = blocks
        self.answer: Future[str] = Future()
        self.answer.set_running_or_notify_cancel()


class Prompts:
    """Replaces the terminal. Any thread may wait for input; the link thread delivers the reply."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._policy: InputPolicy = "error"
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._thread = threading.local()
        self._debuggers: list[tuple[Any, str, Any]] = []

    def install(self, policy: InputPolicy) -> None:
        """Replace `input`, `getpass` and `sys.stdin`."""
        self._policy = policy
        builtins.input = self._input
        getpass.getpass = self._getpass
        sys.stdin = _Stdin(self)
        if policy != "ask":  # without a terminal, a debugger would hang or quit silently
            self._refuse_debugger(sys, "breakpointhook", "breakpoint()")
            after_import("pdb", lambda pdb: self._refuse_debugger(pdb, "set_trace", "pdb.set_trace()"))
        after_import("bluesky.utils", self._replace_reader)

    @contextlib.contextmanager
    def at_console(self) -> Iterator[None]:
        """Restore debuggers while code from a console runs.

        The console's user answers prompts there, through Jupyter.
        """
        refusals = [(owner, name, getattr(owner, name)) for owner, name, _ in self._debuggers]
        for owner, name, debugger in self._debuggers:
            setattr(owner, name, debugger)
        try:
            yield
        finally:
            for owner, name, refusal in refusals:
                setattr(owner, name, refusal)

    def of_task(self, task_uid: str, work: Callable[[], R]) -> R:
        """Call ``work`` and return its value. Its input prompts contain the task's uid."""
        self._thread.task_uid = task_uid
        try:
            return work()
        finally:
            self._thread.task_uid = None

    # ----------------------------------------------------------------------------------------------- link thread
    def reply(self, input_uid: str, text: str) -> None:
        """Deliver the reply to an input prompt.

        Raises
        ------
        NotFound
            The prompt was already answered or canceled, or never existed.
        """
        with self._lock:
            waiting = self._waiting.pop(input_uid, None)
            self._report()
        if waiting is None:
            raise NotFound(f"No input prompt with the uid {input_uid!r} is waiting for a reply")
        waiting.answer.set_result(text)

    def cancel(self, reason: str, *, all_of_them: bool = True) -> None:
        """Raise `InputRefused` in all code that is waiting for a reply, or only in a plan that a prompt blocks."""
        with self._lock:
            refused = [w for w in self._waiting.values() if all_of_them or (w.blocks and w.question.item_uid)]
            for waiting in refused:
                del self._waiting[waiting.question.input_uid]
            self._report()
        for waiting in refused:
            message = f"The input prompt {waiting.question.prompt!r} was canceled: {reason}"
            waiting.answer.set_exception(InputRefused(message))

    # ---------------------------------------------------------------------------------------------- user's threads
    def line(self) -> str:
        """Return the next line of ``sys.stdin``, or the end of the file if the policy is ``default``."""
        text = self.ask(_STDIN, "")
        return text + "\n" if self._policy == "ask" else text

    def ask(self, call: str, prompt: str, *, secret: bool = False) -> str:
        """Get a reply according to the policy. ``call`` names the function; a ``secret`` reply is not shown.

        Raises
        ------
        InputRefused
            The policy is ``error``, or the prompt was canceled.
        """
        if self._policy != "ask" or os.getpid() != self._process:
            return self._answer_alone(call, prompt)
        waiting = self._begin(prompt, secret=secret, blocks=True)
        try:
            return self._echoed(waiting.question, waiting.answer.result())
        finally:
            self._withdraw(waiting)

    async def ask_in_loop(self, prompt: str) -> str:
        """Get a reply for a plan, but keep the RunEngine running, so that the plan can be paused before the reply
        arrives.
        """
        if self._policy != "ask":
            return self._answer_alone("The plan", prompt)
        waiting = self._begin(prompt, secret=False, blocks=False)
        try:
            return self._echoed(waiting.question, await asyncio.wrap_future(waiting.answer))
        finally:
            self._withdraw(waiting)

    def _answer_alone(self, call: str, prompt: str) -> str:
        about = f"{call} asks {prompt!r}" if prompt else f"{call} asks for input"
        if self._policy == "default":
            if self._keeps_asking(about):
                raise InputRefused(
                    f"{about} repeatedly, because it does not accept an empty reply (--worker-input default)"
                )
            log.warning("%s: answered with an empty string (--worker-input default)", about)
            return ""
        if self._policy == "ask":
            raise InputRefused(f"{about}, but a process forked by the worker cannot ask clients")
        # This is logged, because user code may catch the exception.
        log.warning("%s: refused (--worker-input error)", about)
        msg = (
            f"{about}, and nobody can answer, because the service runs with --worker-input error. With --worker-input "
            "ask, clients can answer (qserver input reply); with --worker-input default, the answer is an empty string"
        )
        raise InputRefused(msg)

    def _keeps_asking(self, about: str) -> bool:
        """Return whether the thread repeats the same prompt more than `PATIENCE` times in quick succession."""
        now = time.monotonic()
        last, when, times = getattr(self._thread, "last_question", ("", 0.0, 0))
        times = times + 1 if about == last and now - when < AT_ONCE else 1
        self._thread.last_question = about, now, times
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
        log.warning("User code is waiting for input. To answer: qserver input reply %s TEXT", question.input_uid)
        with self._lock:
            self._waiting[question.input_uid] = waiting
            self._report()
        return waiting

    def _withdraw(self, waiting: _Waiting) -> None:
        with self._lock:
            self._waiting.pop(waiting.question.input_uid, None)
            self._report()

    def _report(self) -> None:
        """Report the oldest open prompt. The status shows only one."""
        first = next(iter(self._waiting.values()), None)
        self._reports.update(input=first and first.question)

    def _echoed(self, question: PendingInput, answer: str) -> str:
        if not question.secret:
            print(answer, flush=True)  # a terminal also shows typed text
        return answer

    # ------------------------------------------------------------------------------------- called by user code
    def _input(self, prompt: object = "", /) -> str:
        return self.ask("input()", str(prompt))

    def _getpass(self, prompt: str = "Password: ", stream: Any = None, **_: Any) -> str:  # noqa: ARG002 - getpass's own
        return self.ask("getpass()", prompt, secret=True)

    def _refuse_debugger(self, owner: Any, name: str, call: str) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            self._answer_alone(call, "")

        self._debuggers.append((owner, name, getattr(owner, name)))
        setattr(owner, name, refuse)

    def _replace_reader(self, utils: ModuleType) -> None:
        """Replace bluesky's reader for the message ``input``, because ``sys.stdin`` never sees the plan's prompt."""
        prompts = self

        async def answer(_: Any, prompt: object, end: str = "\n", flush: bool = False) -> str:  # noqa: ARG001 - bluesky's
            return await prompts.ask_in_loop(str(prompt))

        utils.AsyncInput.__call__ = answer


class _Stdin(io.TextIOBase):
    """``sys.stdin`` of a process without a terminal. Its file descriptor belongs to ``/dev/null``."""

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
        """Read only one reply, because this stream never ends."""
        return self.readline(-1 if size is None else size)
