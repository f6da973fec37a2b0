"""The console: a thread that publishes, keeps and prints the output of all processes.

Each worker has its own pipe, so the output of each plan and task can also be kept separately. The thread owns the info
socket, so it also publishes the manager's messages.
"""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

from bluesky_qs.private import close_socket
from bluesky_qs.supervisor.item_logs import ItemLogs
from bluesky_qs.supervisor.output_lines import Form, WholeLines, as_it_is
from bluesky_qs.supervisor.pace import Pace
from bluesky_qs.supervisor.pipes import ManagerPipe, Pipe, WorkerOutput
from bluesky_qs.supervisor.record import Batcher, Record
from bluesky_qs.supervisor.terminal import FileWriter, TerminalWriter
from bluesky_qs.wire import info
from bluesky_qs.wire.codec import Encoding
from bluesky_qs.wire.control import LARGEST_SUBSCRIPTION, server_socket
from bluesky_qs.wire.info import ConsoleMessage

#: Maximum number of messages kept for a slow subscriber, which then loses some. The longest message is 128 KiB, so the
#: maximum is 128 MiB.
SEND_LIMIT = 1000
#: Seconds that the last publications have to leave the process.
LINGER = 0.5

_READ_SIZE = 64 * 1024
_PIPE_SIZE = 1024 * 1024
#: Average number of seconds per read, and the number of reads without delay after a pause. Waking up for each of many
#: lines would cost more than reading the lines.
_READ_PERIOD, _READ_BURST = 0.005, 50
_FORWARD_AT_ONCE = 100
#: Seconds that console messages wait after the start: a subscriber that was waiting for the service reconnects every
#: 0.1 to 0.2 s and must not miss anything.
_WELCOME = 0.35
#: The manager's last messages may still be in the operating system when the manager has ended.
_LAST_PUSH_MS = 10
#: Seconds that the last output has to get into the item logs when the service ends.
_LAST_LOGS = 1.0
#: Number of reads from each pipe before the path of a log is returned. This is more than a full pipe.
_READS_AT_ONCE = 2 * _PIPE_SIZE // _READ_SIZE


class Console:
    """Reads the children's output.

    Attributes
    ----------
    output
        File descriptor for the supervisor's log and for the output of children that are not workers.
    """

    def __init__(
        self,
        *,
        publish: bool,
        encoding: Encoding,
        terminal: int | None,
        logs: ItemLogs | None = None,
        form: Form | None = None,
        file: FileWriter | None = None,
        file_form: Form = as_it_is,
    ) -> None:
        reader, self.output = os.pipe()
        self.logs = ItemLogs(0) if logs is None else logs
        self._own = ManagerPipe(reader)
        # The workers' pipes come first: the manager's line about the end of a plan follows the plan's own output.
        self._pipes: list[Pipe] = [self._own]
        self._polled: list[int] = []
        self._reads = Pace(_READ_PERIOD if _enlarged(self.output) else 0.0, _READ_BURST)
        self._stop_reader, self._stop_writer = os.pipe()
        self._wake_reader, self._wake_writer = os.pipe()
        #: Calls that other threads have queued for the console's thread.
        self._jobs: deque[Callable[[], None]] = deque()
        self._publish = publish
        self._encoding: Encoding = encoding
        self._terminal = None if terminal is None else TerminalWriter(terminal)
        self._file = file
        #: A terminal without a form gets the output unchanged and at once, for progress bars.
        self._as_it_is = self._terminal if form is None else None
        self._lines: list[WholeLines] = []
        if self._terminal is not None and form is not None:
            self._lines.append(WholeLines(form, self._terminal.write))
        if file is not None:
            self._lines.append(WholeLines(file_form, file.write))
        self.record = Record()
        self._batcher = Batcher()
        self._waiting: list[ConsoleMessage] = []
        self._welcome_ends = 0.0
        self._thread = threading.Thread(target=self._run, name="console")
        self._pub: Any = None
        self._feed: Any = None
        self._pull: Any = None

    def start(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        *,
        info_address: str,
        publications: str,
        feed: str | None = None,
    ) -> None:
        """Bind the sockets and start reading.

        ``feed`` is the address for a subscriber that always receives the console output.

        Raises
        ------
        ConfigError
            The address of the info socket is in use or cannot be bound.
        """
        self._pub = server_socket(
            context,
            info_address,
            kind=zmq.PUB,
            setting="--zmq-info-addr",
            sndhwm=SEND_LIMIT,
            maxmsgsize=LARGEST_SUBSCRIPTION,
        )
        self._pull = server_socket(context, publications, kind=zmq.PULL, rcvhwm=0)
        close_socket(publications)
        if feed is not None:
            self._feed = server_socket(context, feed, kind=zmq.PUB, sndhwm=SEND_LIMIT)
            close_socket(feed)
        self._welcome_ends = time.monotonic() + _WELCOME
        self._thread.start()

    def show(self, text: str) -> None:
        """Write text to the terminal only, if there is one. The text is neither kept nor published."""
        if self._terminal is not None and self._terminal.is_terminal:
            self._terminal.write(text.encode())

    @property
    def manager_token(self) -> str:
        """The token for the marks in the manager's output, which show the items that it sends to the worker."""
        return self._own.token

    def worker_output(self) -> WorkerOutput:
        """Create a pipe for the output of a new worker. Any thread may call this."""
        output = WorkerOutput(self.logs, _enlarged, before_item=self._show_start)
        self._do(lambda: self._pipes.insert(0, output.pipe))
        return output

    def log_of(self, uid: str, timeout: float) -> str | None:
        """Return the path of an item's log after all its output has been written; None if there is no log.

        None is also returned after ``timeout`` seconds.
        """
        found: list[str | None] = []
        ready = threading.Event()

        def reply(path: str | None) -> None:
            found.append(path)
            ready.set()

        self._do(lambda: self._read_for_log(uid, reply))
        ready.wait(timeout)
        return next(iter(found), None)

    def stop(self) -> None:
        """Publish everything printed so far, and close the sockets and the pipes."""
        os.close(self._stop_writer)
        if self._thread.is_alive():
            self._thread.join()
        else:
            self._drain()
        self.logs.stop(_LAST_LOGS)
        for socket in (self._pub, self._feed, self._pull):
            if socket is not None:
                socket.close(linger=int(1000 * LINGER))
        for writer in (self._terminal, self._file):
            if writer is not None:
                writer.close(timeout=1.0)
        for pipe in self._pipes:
            pipe.close()
        for fd in (self.output, self._stop_reader, self._wake_reader, self._wake_writer):
            os.close(fd)

    def _do(self, job: Callable[[], None]) -> None:
        """Run this in the console's thread."""
        self._jobs.append(job)
        os.write(self._wake_writer, b"\0")

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._stop_reader, zmq.POLLIN)
        poller.register(self._wake_reader, zmq.POLLIN)
        poller.register(self._pull, zmq.POLLIN)
        next_read = 0.0
        while True:
            now = time.monotonic()
            wakes = [] if self._batcher.due is None else [self._batcher.due]
            if self._waiting:
                wakes.append(self._welcome_ends)
            if now < next_read:
                wakes.append(next_read)
            self._poll_pipes(poller, wanted=now >= next_read)
            events = dict(poller.poll(_milliseconds(min(wakes) - now) if wakes else None))
            if self._pull in events:
                self._forward(_FORWARD_AT_ONCE)
            if any(fd in events for fd in self._polled):
                full = self._read() >= _READ_SIZE
                self._reads.count(time.monotonic())
                next_read = 0.0 if full else self._reads.next
            if self._wake_reader in events:
                self._work()
            self._emit(time.monotonic())
            if self._stop_reader in events:
                break
        self._drain()

    def _poll_pipes(self, poller: zmq.Poller, *, wanted: bool) -> None:
        polled = [pipe.reader for pipe in self._pipes] if wanted else []
        if polled != self._polled:
            for fd in self._polled:
                poller.register(fd, 0)  # this unregisters it
            for fd in polled:
                poller.register(fd, zmq.POLLIN)
            self._polled = polled

    def _work(self) -> None:
        """Run the calls from other threads."""
        os.read(self._wake_reader, _READ_SIZE)
        while self._jobs:
            self._jobs.popleft()()

    def _read_for_log(self, uid: str, reply: Callable[[str | None], None]) -> None:
        """Read the pipes, and call ``reply`` when their content is in the log."""
        for _ in range(_READS_AT_ONCE):
            if not self._read():
                break
        self.logs.find(uid, reply)

    def _drain(self) -> None:
        while self._jobs:
            self._jobs.popleft()()
        until = time.monotonic() + LINGER  # a process left behind by a plan may print forever
        while self._read() and time.monotonic() < until:
            self._emit(time.monotonic())
        for pipe in self._pipes:
            self._show_end(pipe)
        self._emit(time.monotonic(), everything=True)
        if self._pull is not None:
            while self._pull.poll(_LAST_PUSH_MS):
                self._forward(_FORWARD_AT_ONCE)

    def _read(self) -> int:
        """Read a piece of output from each pipe. Return the number of bytes in the longest piece."""
        longest = 0
        for pipe in list(self._pipes):
            if data := pipe.read(_READ_SIZE):
                self._understand(pipe, data)
                longest = max(longest, len(data))
            elif not pipe.is_open:
                self._show_end(pipe)
                self._pipes.remove(pipe)
                pipe.close()
        return longest

    def _show_start(self, uid: str) -> None:
        """Show the manager's line about the start of an item, which comes before the item's output."""
        if data := self._own.read_until_sent(uid, _PIPE_SIZE):
            self._understand(self._own, data)

    def _understand(self, pipe: Pipe, data: bytes) -> None:
        for shown, text in pipe.understood(data, time.time()):
            self._show(pipe, shown, text)

    def _show_end(self, pipe: Pipe) -> None:
        self._show(pipe, *pipe.end())
        for lines in self._lines:
            lines.end(pipe)

    def _show(self, pipe: Pipe, data: bytes, text: str) -> None:
        if self._as_it_is is not None and data:
            self._as_it_is.write(data)
        for lines in self._lines:
            lines.add(pipe, data)
        if text:
            self._batcher.add(text, time.monotonic())

    def _emit(self, now: float, *, everything: bool = False) -> None:
        if self._batcher.due is not None and now >= self._batcher.due:
            self._read()  # the rest of an unfinished line may have arrived
        if text := self._batcher.take(now, everything=everything):
            message = self.record.add(text, time.time())
            if self._feed is not None:
                self._feed.send_multipart([info.CONSOLE, info.console_payload(message, self._encoding)])
            if self._publish:
                self._waiting.append(message)
        if self._waiting and self._pub is not None and (everything or now >= self._welcome_ends):
            for message in self._waiting:
                self._pub.send_multipart([info.CONSOLE, info.console_payload(message, self._encoding)])
            self._waiting.clear()

    def _forward(self, limit: int) -> None:
        """Publish the manager's messages."""
        for _ in range(limit):
            try:
                frames = self._pull.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._pub.send_multipart(frames)
            if self._feed is not None:
                self._feed.send_multipart(frames)


def _enlarged(pipe: int) -> bool:
    """Enlarge the pipe, so that fewer reads are needed. Return whether this worked."""
    if not hasattr(fcntl, "F_SETPIPE_SZ"):
        return False
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE) >= _PIPE_SIZE
    except OSError:  # above this user's limit
        return False


def _milliseconds(seconds: float) -> int:
    return max(0, int(seconds * 1000 + 0.999))
