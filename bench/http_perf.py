"""Measure the HTTP door of a service: kills, crowds, and the cost of readers.

    http_perf.py --bin DIR [--bin2 DIR2] [--args="..."] [--args2="..."] [--only NAME,NAME] [--out report.json]
                 [--repeats N] [--quick]

DIR holds the console scripts of an installation, as for perf.py. Each group starts its own services, with `--http` on a
free port and the embedded store in a temporary folder. The door is driven over HTTP; nothing of the implementation is
imported. The last column of the table has the limits. Ratios compare a service with itself a moment earlier.
"""

import argparse
import contextlib
import http.client
import json
import resource
import secrets
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

import psutil
from harness import USER, Timeout, free_port, group, now, pct
from measure_console import measure_console
from measure_runs import task
from perf import measure
from service import Impl, Service, plan, run_queue

LIMITS = {
    "http.door_killed_to_answer": 1.5,
    "http.manager_killed_to_503": 50,
    "http.status_p99_crowd_ratio": 2,
    "http.event_p50": 100,
    "http.event_p99": 300,
    "http.event_lost": 0,
    "http.console_lost": 0,
    "plan.real_gap_readers_ratio": 1.1,
}

IDLE, SLOW, READERS = 1000, 50, 50
_EVENTS = 50  # each second
_KEY_VARIABLE = "QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY"
_EVENT_STREAM, _CONSOLE_STREAM = "/events/stream", "/stream_console_output"
_SMALL_BUFFER = 4096
# The number of open files, here and in the service, which gets the same limit: one for each connection, and some more.
_FILES = 4096
_TALK = """
import threading as _threading, time as _time
def _talk():
    while True:
        print("console line ....................................................", flush=True)
        _time.sleep(0.01)
_threading.Thread(target=_talk, daemon=True).start()
"""
OURS = ("door_killed", "manager_killed", "crowd", "events", "console", "readers")


class DoorService(Service):
    """A service with a door on a free port, and a key that is known."""

    def __init__(self, bench, impl, startup=None):
        self.http_port, self.key = free_port(), secrets.token_hex(16)
        # a spare worker would start and need the processor while the figures without a crowd are measured
        options = ["--http", f"127.0.0.1:{self.http_port}", "--warm-worker", "OFF"]
        super().__init__(bench, impl, startup, extra=options)
        bench.live.append(self)

    def env(self):
        return super().env() | {_KEY_VARIABLE: self.key}

    def start(self, timeout=60.0):
        took = super().start(timeout)
        self.until(200, timeout)
        return took

    @property
    def headers(self):
        return {"Authorization": f"ApiKey {self.key}"}

    def door(self):
        """The door's process: the last process with the listening socket, which the supervisor has, too."""
        holders = []
        for process in self.tree():
            connections = getattr(process, "net_connections", None) or process.connections
            with contextlib.suppress(psutil.Error):
                if any(c.laddr.port == self.http_port and c.status == psutil.CONN_LISTEN for c in connections("tcp")):
                    holders.append(process)
        return holders[-1]

    def connection(self, timeout=30.0):
        return http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)

    def until(self, wanted, timeout, connection=None):
        """Request the status until the response has this HTTP status, over one connection or over a new one each
        time."""
        t = now()
        status = None
        while now() - t < timeout:
            used = connection or self.connection()
            try:
                status = ask(used, "/status", self.headers)
            except (OSError, http.client.HTTPException):
                used.close()  # the door is being replaced
            if connection is None:
                used.close()
            if status == wanted:
                return now() - t
        raise Timeout(f"no answer with status {wanted} in {timeout} s, the last one had {status}")

    def stream(self, path, buffer=None, headers=None, status=b" 200 "):
        """Return a socket on which a stream arrives."""
        reader = socket.socket()
        if buffer:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        reader.settimeout(30)
        reader.connect(("127.0.0.1", self.http_port))
        lines = [f"{name}: {value}\r\n" for name, value in {**self.headers, **(headers or {})}.items()]
        reader.sendall(f"GET /api{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{''.join(lines)}\r\n".encode())
        begin = reader.recv(64)
        if status not in begin:
            raise RuntimeError(f"{path}: {begin!r}")
        return reader


def ask(connection, path, headers):
    """The HTTP status of the response."""
    connection.request("GET", f"/api{path}", headers=headers)
    with connection.getresponse() as response:
        response.read()
        return response.status


def status_times(s, n):
    """Milliseconds for each of n requests, over one connection."""
    connection = s.connection()
    times = []
    for _ in range(n):
        t = now()
        if (status := ask(connection, "/status", s.headers)) != 200:
            raise RuntimeError(f"status: {status}")
        times.append((now() - t) * 1e3)
    connection.close()
    return times


# --------------------------------------------------------------------------- kills
@group("door_killed", 3)
def g_door_killed(b, im, rep):
    with DoorService(b, im) as s:
        s.door().kill()
        b.rec(im, "http.door_killed_to_answer", s.until(200, 30), "s")


@group("manager_killed", 3)
def g_manager_killed(b, im, rep):
    with DoorService(b, im) as s:
        connection = s.connection()
        s.until(200, 10, connection)
        s.listener().kill()
        b.rec(im, "http.manager_killed_to_503", s.until(503, 5, connection) * 1e3, "ms")
        b.rec(im, "http.manager_killed_to_200", s.until(200, 30, connection), "s")
        connection.close()


# --------------------------------------------------------------------------- crowds
@group("crowd", 3)
def g_crowd(b, im, rep):
    """Measure status requests beside idle connections and beside readers of the console that never read."""
    n, lines = (500, 20_000) if b.o.quick else (2000, 60_000)
    with DoorService(b, im, "bench") as s, contextlib.ExitStack() as crowd:
        s.open_env()
        task(s.c, "script_upload", {"script": _TALK, "update_lists": False})
        alone = status_times(s, n)
        for _ in range(IDLE):
            idle = s.connection()
            crowd.callback(idle.close)
            ask(idle, "/status", s.headers)
        for _ in range(SLOW):
            crowd.enter_context(s.stream(_CONSOLE_STREAM, _SMALL_BUFFER))
        # fills the buffers of the readers and of the system, so the door must keep or drop all further messages
        f = {"item_type": "function", "name": "f_print", "args": [lines]}
        task(s.c, "function_execute", {"item": f, **USER}, 120)
        time.sleep(2)
        crowded = status_times(s, n)
        b.rec(im, "http.door_pss_crowd", s.door().memory_full_info().pss / 2**20, "MiB")
        crowd.close()
        time.sleep(1)
        alone += status_times(s, n)
    b.rec(im, "http.status_p99_alone", pct(alone, 99), "ms")
    b.rec(im, "http.status_p99_crowd", pct(crowded, 99), "ms")
    b.rec(im, "http.status_p99_crowd_ratio", pct(crowded, 99) / pct(alone, 99), "")


# --------------------------------------------------------------------------- readers
@group("events", 3)
def g_events(b, im, rep):
    """Measure the time from a request to the arrival of its event, as a browser's `EventSource` reads it."""
    n = (2 if b.o.quick else 6) * _EVENTS
    with DoorService(b, im) as s:
        connection = s.connection()
        connection.request("GET", f"/api{_EVENT_STREAM}", headers=s.headers)
        response = connection.getresponse()
        arrived = []
        latest = now() + n / _EVENTS + 10  # events that have not arrived by then are lost

        def read():
            while (
                len(arrived) < n and now() < latest and (line := response.readline())
            ):  # a heartbeat arrives each second
                if line.startswith(b"data:") and json.loads(line[5:])["type"] == "mode_changed":
                    arrived.append(now())

        reader = threading.Thread(target=read)
        reader.start()
        sent = []
        begin = now()
        for i in range(n):
            time.sleep(max(0, begin + i / _EVENTS - now()))
            sent.append(now())
            s.c.ok("queue_mode_set", {"mode": {"loop": i % 2 == 0}})
        reader.join()
        connection.close()
    late = [(y - x) * 1e3 for x, y in zip(sent, arrived, strict=False)]
    b.rec(im, "http.event_p50", pct(late, 50), "ms")
    b.rec(im, "http.event_p99", pct(late, 99), "ms")
    b.rec(im, "http.event_lost", n - len(arrived), "events")


@group("console", 3)
def g_console(b, im, rep):
    """Measure each step of a console line on its way to 50 websockets, at 100 lines per second."""
    with DoorService(b, im, "bench") as s:
        s.open_env()
        measure_console(b, im, s, 3 if b.o.quick else 8)


class Drain(threading.Thread):
    """Readers that read everything as fast as it arrives."""

    def __init__(self, streams):
        super().__init__()
        self.received, self._stop_asked = 0, threading.Event()
        self._selector = selectors.DefaultSelector()
        for stream in streams:
            self._selector.register(stream, selectors.EVENT_READ)

    def run(self):
        while not self._stop_asked.is_set():
            for key, _ in self._selector.select(0.2):
                if not (data := key.fileobj.recv(65536)):
                    self._selector.unregister(key.fileobj)  # the door has ended the stream
                self.received += len(data)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stop_asked.set()
        self.join()
        self._selector.close()


@group("readers", 3)
def g_readers(b, im, rep):
    """Measure the gap between two plans by the plans' own clock, with and without readers, in turns."""
    n, turns = (20, 1) if b.o.quick else (40, 3)
    alone, read = [], []
    with DoorService(b, im, "bench") as s:
        s.open_env()
        gaps(s, n)  # the first plans are slower
        for _ in range(turns):
            alone += gaps(s, n)
            with contextlib.ExitStack() as open_streams:
                streams = [s.stream(path) for path in (_EVENT_STREAM, _CONSOLE_STREAM) for _ in range(READERS)]
                for stream in streams:
                    open_streams.enter_context(stream)
                with Drain(streams) as drain:
                    read += gaps(s, n)
                if len(streams) * n > drain.received:
                    raise RuntimeError(f"the readers have received only {drain.received} bytes")
    b.rec(im, "plan.real_gap_alone", statistics.median(alone), "ms")
    b.rec(im, "plan.real_gap_readers", statistics.median(read), "ms")
    b.rec(im, "plan.real_gap_readers_ratio", statistics.median(read) / statistics.median(alone), "")


def gaps(s, n):
    """Milliseconds between the end of a plan and the start of the next one."""
    s.c.ok("queue_item_add_batch", {"items": [plan("p_mark")] * n, **USER}, 120)
    run_queue(s.c, 120)
    marks = task(s.c, "function_execute", {"item": {"item_type": "function", "name": "f_marks"}, **USER})[2]
    return [(y - x) * 1e3 for x, y in zip(marks[1::2], marks[2::2], strict=False)]


# --------------------------------------------------------------------------- main
def main():
    o, impls, names = options(__doc__, OURS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES if most == resource.RLIM_INFINITY else min(_FILES, most), most))
    return measure(o, impls, names, LIMITS)


def options(description, groups):
    """The options, the services and the names of the groups to measure."""
    ap = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", required=True)
    ap.add_argument("--bin2")
    ap.add_argument("--args", default="")
    ap.add_argument("--args2", default="")
    ap.add_argument("--only", default=",".join(groups), help="comma-separated groups: " + ",".join(groups))
    ap.add_argument("--out")
    ap.add_argument("--repeats", type=int, help="override the repeats of every group")
    ap.add_argument("--quick", action="store_true", help="one repeat, smaller sizes")
    ap.add_argument("--tmp", default=tempfile.gettempdir())
    ap.add_argument("--keep", action="store_true", help="keep the work directory (service logs)")
    ap.set_defaults(redis="none")
    o = ap.parse_args()
    impls = [Impl("A", o.bin, o.args, redis=False)]
    if o.bin2:
        impls.append(Impl("B", o.bin2, o.args2, redis=False))
    names = o.only.split(",")
    for name in names:
        if name not in groups:
            ap.error(f"unknown group {name}: {','.join(groups)}")
    return o, impls, names


if __name__ == "__main__":
    sys.exit(main())
