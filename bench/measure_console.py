"""Measure the delay of a console line from `print` to the supervisor, a 0MQ subscriber and 50 websockets."""

import base64
import contextlib
import json
import re
import secrets
import selectors
import threading
import time

import psutil
import zmq
from harness import CTX, pct

LINES = 100  # each second
WEBSOCKETS = 50
_STAMP = re.compile(rb"STAMP (\d+\.\d+);")
_SPEAK = """
import time as _time
def _speak(n, period):
    begin = _time.time()
    for i in range(n):
        _time.sleep(max(0, begin + i * period - _time.time()))
        print(f"STAMP {{_time.time():.6f}};", flush=True)
_speak({n}, {period})
"""


class Published(threading.Thread):
    """Subscribes to the console, and records for each line the time at the supervisor and the time here."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._socket = CTX.socket(zmq.SUB)
        self._socket.connect(f"tcp://127.0.0.1:{port}")
        self._socket.subscribe(b"QS_Console")
        self.sent, self.arrived = [], []
        self._stop_asked = threading.Event()

    def run(self):
        while not self._stop_asked.is_set():
            if self._socket.poll(100):
                payload = self._socket.recv_multipart()[-1]
                arrived, sent = time.time(), json.loads(payload)["time"]
                for stamp in _STAMP.findall(payload):
                    self.sent.append(sent - float(stamp))
                    self.arrived.append(arrived - float(stamp))
        self._socket.close(0)

    def stop(self):
        self._stop_asked.set()
        self.join()


def websocket(s, path):
    """A socket on which the messages of a websocket arrive, unmasked."""
    stream = s.stream(
        path,
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        },
        status=b" 101 ",
    )
    stream.setblocking(False)
    return stream


def late_lines(streams, n, seconds):
    """Return the delay of each line at each websocket. Stop when all have arrived, or after this time."""
    late, rests = [], dict.fromkeys(streams, b"")
    until = time.time() + seconds
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while len(late) < n * len(streams) and time.time() < until:
            for key, _ in selector.select(0.1):
                stream = key.fileobj
                data = rests[stream] + stream.recv(65536)
                arrived, end = time.time(), 0
                for found in _STAMP.finditer(data):
                    late.append(arrived - float(found[1]))
                    end = found.end()
                rests[stream] = data[end:]
    return late


def measure_console(b, im, s, seconds):
    """Measure a service that has an open environment."""
    n = LINES * seconds
    supervisor, door = psutil.Process(s.proc.pid), s.door()
    published = Published(s.iport)
    published.start()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(websocket(s, "/console_output/ws")) for _ in range(WEBSOCKETS)]
        time.sleep(1)  # a subscription is not acknowledged
        before = [sum(process.cpu_times()[:2]) for process in (supervisor, door)]
        script = _SPEAK.format(n=n, period=1 / LINES)
        s.c.ok("script_upload", {"script": script, "update_lists": False, "run_in_background": True})
        late = late_lines(streams, n, seconds + 5)
        used = [sum(process.cpu_times()[:2]) - t for process, t in zip((supervisor, door), before, strict=True)]
    published.stop()
    for stage, times in (("read", published.sent), ("0mq", published.arrived), ("websocket", late)):
        b.rec(im, f"http.console_{stage}_p50", pct(times, 50) * 1e3, "ms")
        b.rec(im, f"http.console_{stage}_p99", pct(times, 99) * 1e3, "ms")
    b.rec(im, "http.console_lost", n * WEBSOCKETS - len(late), "lines")
    b.rec(im, "http.console_supervisor_cpu", used[0] / seconds * 100, "%")
    b.rec(im, "http.console_door_cpu", used[1] / seconds * 100, "%")
