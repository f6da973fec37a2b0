"""The supervisor starts the manager, the workers and the HTTP door, replaces those that die or freeze, and stops them
all.

One thread waits for a message from the manager, a signal (such as the death of a child) or the next deadline.
"""

import contextlib
import logging
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, assert_never

import msgspec
import zmq

from bluesky_qs.addresses import reaches_beyond
from bluesky_qs.config.load import unknown_variables
from bluesky_qs.config.logs import FORMAT, LEVELS, OURS, configure_logging
from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc import listening, open_files, supervision
from bluesky_qs.ipc.hangup import ControllingTerminal
from bluesky_qs.ipc.item_marks import VARIABLE
from bluesky_qs.ipc.runtime import RuntimeDir
from bluesky_qs.ipc.server import ServerEnd
from bluesky_qs.supervisor.child import DOOR_SECRETS, Child, Lifeline
from bluesky_qs.supervisor.commands import (
    Command,
    ListenerCommand,
    door_command,
    manager_command,
    metrics_command,
    worker_command,
)
from bluesky_qs.supervisor.console import Console
from bluesky_qs.supervisor.door import DoorCommand, Doorkeeper
from bluesky_qs.supervisor.item_logs import ItemLogs
from bluesky_qs.supervisor.log_file import LogFile
from bluesky_qs.supervisor.log_start import places
from bluesky_qs.supervisor.output_lines import as_it_is, as_json, for_journal, is_journal
from bluesky_qs.supervisor.policy import FROZEN_AFTER, Exit, GiveUp, Keep, Life, Restart, decide
from bluesky_qs.supervisor.rundir import OwnedDir
from bluesky_qs.supervisor.signals import STOPS, Signals
from bluesky_qs.supervisor.systemd import Systemd
from bluesky_qs.supervisor.terminal import FileWriter
from bluesky_qs.supervisor.workers import SPARE_DELAY, Workers

_log = logging.getLogger(__name__)

#: Seconds that the manager has for an orderly end when the service stops, in addition to the time for the plan's
#: cleanup.
STOP_TIMEOUT = 4.7
#: Seconds for the same after a second request to stop, when the manager no longer waits for the plan.
HURRY_TIMEOUT = 3.2
#: Longest time between two checks of the processes, and the longest delay of a check that is not excused, in seconds.
#: On a machine that is paused or busy, no process can run, not even the manager, so a longer delay does not count as
#: the manager's silence.
_LOOK = 1.0
_LATE = 0.1
_TRACEBACK_TIME = 0.2
#: Seconds to wait until the last output of an item is in its log, before the log is read.
_LOG_TIME = 0.5


def run(
    settings: Settings,
    *,
    notes: Sequence[str] = (),
    config: str | None = None,
    door_key: str | None = None,
    manager: Command = manager_command,
    worker: Command | None = None,
    door: ListenerCommand = door_command,
) -> int:
    """Run the service until it ends, and return its exit code. Call it from the main thread.

    Parameters
    ----------
    settings
        Settings from `config.load`.
    notes, config
        For the log: lines about the sources of the settings, and the path of the configuration file.
    door_key
        Key of the HTTP door, for a link in the terminal. The key appears neither in the log nor on the console.
    manager, worker, door
        Functions that return the children's command lines. The arguments are the runtime directory (manager), the
        address of the link (worker), or the runtime directory and file descriptors (door).

    Raises
    ------
    StartupError
        The runtime directory could not be made, or an address is in use.
    """
    worker = worker or partial(worker_command, settings, open_files=open_files.raise_limit())
    systemd, rundir = Systemd.of(os.environ), OwnedDir.make()
    terminal = sys.__stdout__.fileno() if settings.operation.print_console_output and sys.__stdout__ else None
    with contextlib.ExitStack() as stack:
        stack.callback(systemd.close)
        stack.callback(rundir.release)
        door_socket = _listen(settings, stack)
        stack.callback((context := zmq.Context[zmq.Socket[bytes]]()).term)
        console = _console(settings, terminal, stack)
        rundir.save_settings(settings)
        _log_beginning(notes, places(settings, config, rundir))
        info, feed = settings.network.zmq_info_addr, None if door_socket is None else rundir.feed
        console.start(context, info_address=info, publications=rundir.publications, feed=feed)
        supervisor = Supervisor(settings, rundir, console, context, systemd, manager=manager, worker=worker)
        if door_socket is not None:
            command = partial(door if settings.http.addr else metrics_command, str(rundir.path))
            supervisor.keep_door(door_socket, command, door_key)
        code = supervisor.run()
    if code and terminal is None:  # the reason has not been logged yet
        sys.stderr.write(console.record.text())
    return code


def _listen(settings: Settings, stack: contextlib.ExitStack) -> socket.socket | None:
    """Listen for the HTTP door, or for the metrics server; None if there is neither."""
    address, option = (settings.http.addr, "--http") if settings.http.addr else (settings.http.metrics, "--metrics")
    return None if address is None else stack.enter_context(listening.listen(address, option))


def _log_beginning(notes: Sequence[str], places: Iterable[str]) -> None:
    """Log the sources of the settings, where everything is, and variables that look like settings but are none."""
    for note in notes:
        _log.debug("%s", note)
    for place in places:
        _log.info("%s", place)
    for sentence in unknown_variables(os.environ):
        _log.warning("%s", sentence)


def _console(settings: Settings, terminal: int | None, stack: contextlib.ExitStack) -> Console:
    """Make the console, and log into it from now on until the stack is left."""
    log, form = settings.log, None
    if log.format == "json":
        form = as_json
    elif terminal is not None and is_journal(terminal, os.environ.get("JOURNAL_STREAM")):
        form = for_journal
    file = None if log.file is None else LogFile(Path(log.file), log.file_size * 1_000_000, log.file_count)
    console = Console(
        form=form,
        file=None if file is None else FileWriter(file),
        file_form=as_json if log.format == "json" else as_it_is,
        publish=settings.network.zmq_publish_console,
        encoding=settings.network.zmq_encoding,
        terminal=terminal,
        logs=ItemLogs(settings.operation.item_logs_size * 1_000_000),
    )
    stack.callback(console.stop)
    stack.callback(_log_into(console.output, settings))
    return console


class Supervisor:
    """The main thread's loop."""

    def __init__(
        self,
        settings: Settings,
        rundir: RuntimeDir,
        console: Console,
        context: "zmq.Context[zmq.Socket[bytes]]",
        systemd: Systemd,
        *,
        manager: Command,
        worker: Command,
    ) -> None:
        self._settings = settings
        self._console = console
        self._rundir = rundir
        self._systemd = systemd
        self._manager_command = manager
        self._lifeline = Lifeline()
        self._signals = Signals()
        self._terminal = ControllingTerminal()
        self._link = ServerEnd(context, rundir.supervisor_link, supervision.SupervisorCommand, self._handle)
        self._workers = Workers(rundir, self._spawn_worker, worker, keep_spare=settings.worker.warm_worker)
        self._door: Doorkeeper | None = None
        self._manager: Child | None = None
        self._greeted = False
        self._life = Life(time.monotonic())
        self._start_due: float | None = None
        self._stop_reason: str | None = None
        self._stop_due: float | None = None
        self._hurried = False
        self._exit_code: int | None = None

    def keep_door(self, door_socket: socket.socket, command: DoorCommand, key: str | None) -> None:
        """Keep an HTTP door (or, without a door, a metrics server) running on this socket.

        The link with the key is shown in the terminal once the door is open.
        """
        http = self._settings.http
        url = listening.url(door_socket, tls=http.ssl_certfile is not None)
        if http.addr is None:
            _log.info("Metrics at '%s/metrics'", listening.url(door_socket, tls=False))
        else:
            _log.info("HTTP server at '%s'", url)

        def ready() -> None:
            if key is not None:
                self._console.show(f"\n    {url}/#api_key={key}\n\n")

        name = "The metrics server" if http.addr is None else "The HTTP door"
        self._door = Doorkeeper(door_socket, self._spawn_door, command, ready, name=name, reloads=http.addr is not None)

    def run(self) -> int:
        """Run until the service ends, and return its exit code."""
        network = self._settings.network
        _log.info("Starting ZMQ server at '%s'", network.zmq_control_addr)
        _log.info("ZMQ control channels: encryption %s", "enabled" if network.zmq_private_key else "disabled")
        if not network.zmq_private_key and reaches_beyond(network.zmq_control_addr):
            _log.warning(
                "Anyone who can reach %s can run plans, because there is no encryption. Make keys with "
                "qserver-zmq-keys. If all clients are on this computer, use --zmq-control-addr tcp://localhost:60615.",
                network.zmq_control_addr,
            )
        try:
            self._start_manager(time.monotonic())
            self._loop()
        finally:
            self._end()
        return 1 if self._exit_code is None else self._exit_code

    # ------------------------------------------------------------------------------------------------- waiting
    def _loop(self) -> None:
        poller = zmq.Poller()
        poller.register(self._link.socket, zmq.POLLIN)
        poller.register(self._signals.fd, zmq.POLLIN)
        if self._door is not None:
            poller.register(self._door.beats, zmq.POLLIN)
        now = time.monotonic()
        wake = min(self._act(now), now + _LOOK)
        while self._exit_code is None:
            events = dict(poller.poll(max(0, int(1000 * (wake - time.monotonic())) + 1)))
            now = time.monotonic()
            if now > wake + _LATE:
                self._excuse(now - wake)
            if self._link.socket in events:
                self._receive()
            if self._door is not None and self._door.beats in events:
                self._door.heard(now)
            for number in self._signals.arrived():
                self._stop_asked(number, now)
            if (ended := self._workers.reap(now)) is not None:
                _log.debug("Worker process %d ended: %s", ended.pid, ended.how)
                # Not kept, because a manager that starts later learns about the end from the reply to its Hello.
                self._link.push(ended, keep=False)
            wake = min(self._act(now), now + _LOOK)

    def _excuse(self, seconds: float) -> None:
        """Do not count time in which not even the supervisor could run."""
        self._life = self._life.excused(seconds)
        if self._door is not None:
            self._door.excuse(seconds)

    def _act(self, now: float) -> float:
        """Perform the actions that are due, and return the time of the next deadline."""
        self._workers.tick(now)
        times = [] if self._workers.spare_due is None else [self._workers.spare_due]
        if (due := self._systemd.act(now, answers=self._manager_answers(now))) is not None:
            times.append(due)
        if self._door is not None:
            times += self._watch_door(self._door, now)
        if self._exit_code is not None:  # the service was stopped before the manager served
            return now
        if self._manager is not None:
            times.append(self._watch(self._manager, now))
        elif self._stop_due is not None:
            self._exit_code = 0
        elif self._start_due is not None and now >= self._start_due:
            self._start_manager(now)
            times.append(now)
        elif self._start_due is not None:
            times.append(self._start_due)
        return min(times, default=now)

    def _watch_door(self, door: Doorkeeper, now: float) -> list[float]:
        """Keep the door running. When the service stops, stop the manager after the door."""
        if self._stop_reason is not None and self._stop_due is None and door.stopped(now):
            self._stop_manager(self._stop_reason, now)
        deadline = door.act(now)
        return [] if deadline is None else [deadline]

    def _watch(self, manager: Child, now: float) -> float:
        """Keep or replace the manager, or give up. Return the time of the next decision."""
        ending = manager.poll()
        if self._stop_due is not None:
            return self._watch_stop(ending, now)
        match decide(now, self._life, ending):
            case Keep(until):
                return until
            case Restart(delay, reason):
                _log.error("%s. Restarting ...", reason)
                self._systemd.status(f"{reason}. Restarting")
                self._end_manager(traceback=True)
                self._life = self._life.ended(now)
                self._start_due = now + delay
                return self._start_due
            case GiveUp(code, reason):
                if reason:
                    _log.error("%s", reason)
                self._exit_code = code
                return now
            case never:
                assert_never(never)

    def _manager_answers(self, now: float) -> bool:
        last = self._life.last_beat
        return self._manager is not None and last is not None and now - last < FROZEN_AFTER

    def _watch_stop(self, ending: Exit | None, now: float) -> float:
        assert self._stop_due is not None
        if ending is not None:
            self._exit_code = 0 if ending.code == 0 else 1
            return now
        decision = decide(now, self._life, None)
        until = decision.until if isinstance(decision, Keep) else now  # a frozen manager does not clean up
        if now < min(until, self._stop_due):
            return min(until, self._stop_due)
        _log.error("RE Manager did not stop in time; killing it")
        self._exit_code = 1
        return now

    def _stop_asked(self, number: signal.Signals, now: float) -> None:
        if number == signal.SIGHUP and self._door is not None and self._door.reloads and not self._terminal.was_closed:
            self._door.reload()
            return
        reason = STOPS[number]
        if self._stop_reason is None:
            _log.info("Stopping (%s) ...", reason)
            self._systemd.stopping(f"Stopping ({reason}); a running plan cleans up")
            self._stop_reason = reason
            self._workers.spare_due = None
            if self._door is None:
                self._stop_manager(reason, now)
            else:  # the door ends first, because its last requests need the manager
                self._door.stop(now)
        elif self._stop_due is None:
            assert self._door is not None
            self._door.stop(now)
        else:
            self._stop_again(reason, now)

    def _stop_manager(self, reason: str, now: float) -> None:
        # A manager that has not served yet has nothing to clean up, and reads no messages until it has started.
        patience = (self._settings.operation.plan_cleanup_timeout or math.inf) + STOP_TIMEOUT
        self._stop_due = now + patience if self._life.served else now
        self._link.push(
            supervision.StopRequested(reason), keep=False
        )  # a manager that starts now learns about the stop from the reply to its Hello
        if not self._life.served:
            self._exit_code = 0

    def _stop_again(self, reason: str, now: float) -> None:
        """Stop waiting for the plan's cleanup. After the next request, end everything immediately."""
        assert self._stop_due is not None
        if self._hurried:
            _log.warning("Another request to stop (%s): stopping immediately", reason)
            self._stop_due = now
            return
        _log.warning("Second request to stop (%s): no longer waiting for the running plan", reason)
        self._hurried = True
        self._stop_due = min(self._stop_due, now + HURRY_TIMEOUT)
        self._link.push(supervision.StopRequested(reason, hurry=True), keep=False)

    # ------------------------------------------------------------------------------------- messages of the manager
    def _receive(self) -> None:
        try:
            self._link.receive()
        except msgspec.MsgspecError as error:
            _log.error("Ignored a message that the supervisor cannot read: %s", error)

    def _handle(self, command: Any) -> Any:
        now = time.monotonic()
        match command:
            case supervision.Beat():
                if self._greeted:  # otherwise, the message comes from the previous manager
                    self._beat(now)
            case supervision.Hello(_, state_folder):
                self._greeted = True
                self._link.adopt()
                if state_folder is not None:
                    self._console.logs.use(Path(state_folder))
                return supervision.Inventory(
                    restarted=self._life.number > 1,
                    worker=self._workers.current,
                    stopping=self._stop_reason is not None,
                    ended=self._workers.ended,
                )
            case supervision.StartWorker():
                return self._workers.start(now)
            case supervision.KillWorker():
                self._workers.kill()
            case supervision.ReadConsole(since, limit):
                return self._console.record.page(since, limit)
            case supervision.FindItemLog(uid):
                return supervision.ItemLog(self._console.log_of(uid, _LOG_TIME), self._console.logs.failure)
            case supervision.DropItemLogs(before):
                self._console.logs.drop(before)
            case _:
                raise TypeError(command)
        return None

    def _beat(self, now: float) -> None:
        if not self._life.served:
            self._workers.plan_spare(now + SPARE_DELAY)
        if self._life.last_beat is None and self._stop_reason is None:
            self._systemd.ready(f"Ready for requests at {self._settings.network.zmq_control_addr}")
        self._life = self._life.beats(now)

    # ----------------------------------------------------------------------------------------------- processes
    def _spawn_manager(self, command: Sequence[str]) -> Child:
        variables = {VARIABLE: self._console.manager_token}
        return Child(command, output=self._console.output, lifeline=self._lifeline, variables=variables)

    def _spawn_worker(self, command: Sequence[str]) -> Child:
        output = self._console.worker_output()
        try:
            variables = {VARIABLE: output.token}
            return Child(command, output=output.writer, lifeline=self._lifeline, variables=variables)
        finally:
            os.close(output.writer)

    def _spawn_door(self, command: Sequence[str], files: Sequence[int]) -> Child:
        return Child(
            command,
            output=self._console.output,
            lifeline=self._lifeline,
            files=files,
            secrets=DOOR_SECRETS if self._settings.http.addr else (),
            held_signals=[signal.SIGHUP] if self._settings.http.addr else (),
        )

    def _start_manager(self, now: float) -> None:
        _log.info("Starting RE Manager process")
        self._start_due = None
        self._greeted = False
        self._life = msgspec.structs.replace(self._life, started=now)
        self._manager = self._spawn_manager(self._manager_command(str(self._rundir.path)))

    def _end_manager(self, *, traceback: bool) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            if traceback and manager.poll() is None and not manager.is_stopped:
                manager.send_signal(signal.SIGUSR1)  # the manager prints its traceback, or dies
                manager.wait(_TRACEBACK_TIME)
            manager.kill()
            manager.wait(1.0)

    def _end(self) -> None:
        self._systemd.stopping("Stopping")
        if self._door is not None:
            self._door.end()
        self._end_manager(traceback=False)
        self._workers.end()
        self._link.close()
        self._signals.close()
        self._lifeline.close()


def _log_into(fd: int, settings: Settings) -> Callable[[], None]:
    """Send this log to the console, in order with the children's output. Return a function that undoes this."""
    stream = os.fdopen(fd, "w", encoding="utf-8", closefd=False)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT))
    logging.getLogger(OURS).handlers[:] = [handler]
    configure_logging(LEVELS[settings.operation.console_logging_level], parts=settings.log.levels)

    def undo() -> None:
        logging.getLogger(OURS).removeHandler(handler)
        stream.close()

    return undo
