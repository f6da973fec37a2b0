"""A supervisor that is not a separate process. It starts workers and reports how they ended."""

import asyncio
import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import zmq.asyncio

from bluesky_qs.config.schema import Settings
from bluesky_qs.errors import WorkerError, WrongState
from bluesky_qs.ipc import supervision
from bluesky_qs.ipc.link import ClientEnd, Link
from bluesky_qs.ipc.reports import WorkerReport
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.supervision import WorkerEnded, WorkerProcess
from bluesky_qs.supervisor.child import Child, Lifeline
from bluesky_qs.supervisor.commands import worker_command
from bluesky_qs.supervisor.item_logs import ItemLogs
from bluesky_qs.supervisor.record import Record
from bluesky_qs.supervisor.workers import Workers
from bluesky_qs.testing.life import ScriptedProcess
from bluesky_qs.testing.link import InProcessLink, InProcessServer
from bluesky_qs.testing.worker import ScriptedWorker

#: First pid of scripted processes, larger than any real pid.
_FIRST_PID = 10_000_000
#: Seconds to wait for the end of a killed process.
_GRACE = 10.0


class WorkerSource(Protocol):
    """Starts and kills workers. The `InProcessSupervisor` sets ``ended``, which is called when a worker has ended."""

    ended: Callable[[WorkerEnded], None]

    @property
    def current(self) -> WorkerProcess | None: ...
    def start(self) -> WorkerProcess: ...
    def kill(self) -> None: ...
    def connect(self, address: str) -> Link: ...
    def close(self) -> None: ...


class ScriptedProcesses:
    """Processes of a scripted worker, one after the other."""

    def __init__(self, worker: ScriptedWorker) -> None:
        self.ended: Callable[[WorkerEnded], None] = _unheard
        self._worker = worker
        self._pids = itertools.count(_FIRST_PID)
        self._lives: dict[str, ScriptedProcess] = {}

    @property
    def current(self) -> WorkerProcess | None:
        """The living process."""
        life = self._worker.life
        return None if life is None or life.over else WorkerProcess(life.pid, _address(life.pid))

    def start(self) -> WorkerProcess:
        """Start a process."""
        if self.current is not None:
            raise WrongState(f"A worker process is already running (pid {self.current.pid})")
        if self._worker.cannot_start is not None:
            raise WorkerError(self._worker.cannot_start)
        pid = next(self._pids)
        self._worker.life = self._lives[_address(pid)] = ScriptedProcess(
            self._worker, pid, lambda exit_code, how: self.ended(WorkerEnded(pid, exit_code, how))
        )
        if self._worker.begins_hung:
            self._worker.life.server.hang()
        return WorkerProcess(pid, _address(pid))

    def kill(self) -> None:
        """End the process."""
        if self._worker.life is None or self._worker.life.over:
            raise WorkerError("No worker process is running")
        self._worker.life.end(-9, "killed by SIGKILL")

    def connect(self, address: str) -> InProcessLink:
        """A link to the process with this address."""
        return self._lives[address].server.connect(WorkerReport)

    def close(self) -> None:
        """End the process, if there is one."""
        if self.current is not None:
            self.kill()


class RealProcesses:
    """Worker processes that run startup code and plans. Their output goes into a file.

    Parameters
    ----------
    context
        ZeroMQ context of the links.
    folder
        Folder of the sockets and the file. Its path must be short.
    """

    def __init__(self, context: zmq.asyncio.Context, folder: Path, settings: Settings) -> None:
        self.ended: Callable[[WorkerEnded], None] = _unheard
        self.log = folder / "console.log"
        self._context = context
        self._output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lifeline = Lifeline()
        self._loop = asyncio.get_running_loop()
        self._child: Child | None = None
        self._workers = Workers(
            RuntimeDir(folder), self._spawn, lambda address: worker_command(settings, address), keep_spare=False
        )

    @property
    def current(self) -> WorkerProcess | None:
        """The living process."""
        return self._workers.current

    def start(self) -> WorkerProcess:
        """Start a process."""
        return self._workers.start(time.monotonic())

    def kill(self) -> None:
        """Kill the process."""
        self._workers.kill()

    def connect(self, address: str) -> ClientEnd:
        """A link to the worker with this address."""
        return ClientEnd(self._context, address, WorkerReport)

    def close(self) -> None:
        """Kill the process, if there is one, and return when it has ended."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(_GRACE)
        self._reap()
        os.close(self._output)
        self._lifeline.close()

    def _spawn(self, command: Any) -> Child:
        child = self._child = Child(command, output=self._output, lifeline=self._lifeline)
        threading.Thread(target=self._await_end, args=(child,), name="worker-watch", daemon=True).start()
        return child

    def _await_end(self, child: Child) -> None:
        while child.wait(3600) is None:
            pass
        with contextlib.suppress(RuntimeError):  # the loop ended before the process
            self._loop.call_soon_threadsafe(self._reap)

    def _reap(self) -> None:
        if (ended := self._workers.reap(time.monotonic())) is not None:
            self.ended(ended)


class InProcessSupervisor:
    """The supervisor's end of the link between the manager and the supervisor.

    Attributes
    ----------
    restarted
        Whether the next manager replaces one that died.
    console
        The console messages, for ``console_get``.
    logs
        The output of plans and tasks; kept if the manager's store has a state folder.
    """

    def __init__(self, workers: WorkerSource, console: Record, logs: ItemLogs) -> None:
        self.restarted = False
        self.console = console
        self.logs = logs
        self._workers = workers
        self._workers.ended = self._worker_ended
        self._stopping = False
        self._ended: WorkerEnded | None = None
        self._server = InProcessServer(supervision.SupervisorCommand, self._answer)

    def connect(self) -> InProcessLink:
        """A link for a manager."""
        return self._server.connect(supervision.SupervisorReport)

    def ask_stop(self, reason: str, *, hurry: bool = False) -> None:
        """Tell the manager to stop the service, as a signal would. A second signal sets ``hurry``."""
        self._stopping = True
        self._server.push(supervision.StopRequested(reason, hurry))

    def _worker_ended(self, ended: WorkerEnded) -> None:
        self._ended = ended
        self._server.push(ended, keep=False)

    def _path_of_log(self, uid: str) -> str | None:
        found: list[str | None] = []
        ready = threading.Event()

        def reply(path: str | None) -> None:
            found.append(path)
            ready.set()

        self.logs.find(uid, reply)
        ready.wait(_GRACE)
        return next(iter(found), None)

    def _answer(self, command: Any) -> Any:
        match command:
            case supervision.Hello():
                self._server.adopt()
                if command.state_folder is not None:
                    self.logs.use(Path(command.state_folder))
                return supervision.Inventory(self.restarted, self._workers.current, self._stopping, self._ended)
            case supervision.StartWorker():
                process = self._workers.start()
                self._ended = None
                return process
            case supervision.KillWorker():
                self._workers.kill()
            case supervision.ReadConsole(since, limit):
                return self.console.page(since, limit)
            case supervision.FindItemLog(uid):
                return supervision.ItemLog(self._path_of_log(uid))
            case supervision.DropItemLogs(before):
                self.logs.drop(before)
            case supervision.Beat():
                pass
        return None


def _unheard(_: WorkerEnded) -> None:
    pass


def _address(pid: int) -> str:
    return f"inprocess://{pid}"
