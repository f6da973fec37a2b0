"""One measured service, with methods to start, drive, observe and kill it."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

import psutil
from harness import USER, Client, Redis, Timeout, enc, free_port, now
from startup_code import BENCH_DIR, BIG_DIR, EMPTY_DIR, PERMS
from timed_devices import TIMED_DIR


class Impl:
    def __init__(self, label, bindir, args, redis=True):
        self.label, self.bin, self.args = label, os.path.abspath(bindir), shlex.split(args or "")
        self.redis = redis  # False: the service uses its built-in store

    def exe(self, name):
        return os.path.join(self.bin, name)


class Bench:
    def __init__(self, opts):
        self.o = opts
        self.work = tempfile.mkdtemp(prefix="qsperf-", dir=opts.tmp)
        self.redis = Redis(opts.redis, self.work)
        self.results, self.errors, self.notes = {}, [], {}
        self.live = []
        self.dirs = {}
        for name, text in (("empty", EMPTY_DIR), ("bench", BENCH_DIR), ("big", BIG_DIR), ("timed", TIMED_DIR)):
            d = os.path.join(self.work, "startup_" + name)
            os.makedirs(d)
            open(os.path.join(d, "00_startup.py"), "w").write(text)
            open(os.path.join(d, "user_group_permissions.yaml"), "w").write(PERMS)
            self.dirs[name] = d
        self.noise = []

    def rec(self, impl, name, value, unit):
        self.results.setdefault(name, {"unit": unit}).setdefault(impl.label, []).append(value)
        v = f"{value:.4g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
        print(f"    {impl.label}  {name:<48} {v} {unit}", flush=True)

    def note(self, impl, name, text):
        self.notes.setdefault(impl.label, {}).setdefault(name, []).append(text)
        print(f"    {impl.label}  note {name}: {text}", flush=True)

    def service(self, impl, startup=None, **kw):
        s = Service(self, impl, startup, **kw)
        self.live.append(s)
        return s

    def cleanup(self):
        for s in self.live:
            s.kill_all()
        self.redis.kill(signal.SIGTERM)
        if not self.o.keep:
            shutil.rmtree(self.work, ignore_errors=True)


class Service:
    def __init__(self, bench, impl, startup=None, prefix=None, publish=True, redis_addr=None, extra=(), home=None):
        self.b, self.impl = bench, impl
        self.port, self.iport = free_port(), free_port()
        self.prefix = prefix or "qsperf_" + uuid.uuid4().hex[:10]
        self.home = home or tempfile.mkdtemp(prefix=f"home-{impl.label}-", dir=bench.work)
        self.startup = None
        if startup:  # a private copy: the service writes its list of plans and devices there
            self.startup = os.path.join(self.home, "startup")
            if not os.path.exists(self.startup):
                shutil.copytree(bench.dirs[startup], self.startup)
        self.publish, self.extra = publish, list(extra)
        self.redis_addr = redis_addr or bench.redis.addr
        self.proc, self.procs, self.c = None, {}, None

    def env(self):
        e = {k: v for k, v in os.environ.items() if not k.startswith(("QSERVER", "PYTHON", "VIRTUAL_ENV", "XDG_"))}
        e["HOME"] = self.home
        e["PATH"] = self.impl.bin + os.pathsep + e.get("PATH", "")
        e["QSERVER_ZMQ_CONTROL_ADDRESS"] = f"tcp://127.0.0.1:{self.port}"
        e["QSERVER_ZMQ_INFO_ADDRESS"] = f"tcp://127.0.0.1:{self.iport}"
        return e

    def spawn(self):
        a = [self.impl.exe("start-re-manager"), "--zmq-control-addr", f"tcp://*:{self.port}"]
        a += ["--zmq-info-addr", f"tcp://*:{self.iport}", "--zmq-publish-console", "ON" if self.publish else "OFF"]
        if self.impl.redis:
            a += ["--redis-addr", self.redis_addr, "--redis-name-prefix", self.prefix]
        if self.startup:
            a += ["--startup-dir", self.startup]
        a += self.impl.args + self.extra
        log = open(os.path.join(self.home, "service.log"), "ab")
        self.proc = subprocess.Popen(
            a, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, env=self.env(), start_new_session=True
        )
        log.close()
        return self

    def start(self, timeout=60.0):
        """Start the service; return the seconds until it first answers a status request."""
        t0 = now()
        self.spawn()
        self.c = Client(self.port)
        while True:
            try:
                self.c.status(timeout=1.0)
                dt = now() - t0
                break
            except Timeout:
                if self.proc.poll() is not None:
                    raise RuntimeError(f"start-re-manager exited with {self.proc.returncode}: {self.tail()}") from None
                if now() - t0 > timeout:
                    raise
        self.c.wait(lambda s: s["manager_state"] == "idle", timeout, what="idle after the start")
        self.tree()
        return dt

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *a):
        self.stop()

    def tail(self, n=600):
        try:
            return open(os.path.join(self.home, "service.log"), errors="replace").read()[-n:]
        except OSError:
            return ""

    def tree(self):
        """Processes of the service (remembered, so that orphans can be cleaned up)."""
        found = []
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(self.proc.pid)
            found = [top, *top.children(recursive=True)]
        for p in found:
            self.procs.setdefault((p.pid, p.create_time()), p)
        return [p for p in self.procs.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def listener(self):
        """The process that answers requests, which holds the listening control socket."""
        for p in self.tree():
            get = getattr(p, "net_connections", None) or p.connections
            with contextlib.suppress(psutil.Error):
                for c in get(kind="tcp"):
                    if c.status == psutil.CONN_LISTEN and c.laddr.port == self.port:
                        return p  # parents come first: a forked child may share the socket
        return None

    def mem(self):
        rss = pss = 0
        ps = self.tree()
        for p in ps:
            m = p.memory_full_info()
            rss, pss = rss + m.rss, pss + m.pss
        return rss / 2**20, pss / 2**20, len(ps)

    def cpu(self):
        t = 0.0
        for p in self.tree():
            c = p.cpu_times()
            t += c.user + c.system
        return t

    def idle_cpu(self, seconds=4.0):
        time.sleep(1.0)
        t, c = now(), self.cpu()
        time.sleep(seconds)
        return (self.cpu() - c) / (now() - t) * 100

    def open_env(self, timeout=90.0):
        t0 = now()
        self.c.ok("environment_open")
        self.c.wait(
            lambda s: (
                s["worker_environment_exists"]
                and s["worker_environment_state"] == "idle"
                and s["manager_state"] == "idle"
            ),
            timeout,
            poll=0.02,
            what="environment open",
        )
        self.tree()
        return now() - t0

    def close_env(self, method="environment_close", timeout=60.0):
        t0 = now()
        self.c.ok(method)
        self.c.wait(
            lambda s: not s["worker_environment_exists"] and s["manager_state"] == "idle",
            timeout,
            poll=0.02,
            what="environment closed",
        )
        return now() - t0

    def kill_group(self):
        """Kill all processes at the same time, as in a power cut."""
        self.tree()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.proc.pid, signal.SIGKILL)
        self.kill_all()

    def kill_all(self):
        if self.proc is None:
            return
        for p in self.tree():
            with contextlib.suppress(psutil.Error):
                p.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.proc.wait(10)
        t = now()
        while now() - t < 5 and self.tree():
            time.sleep(0.01)

    def stop(self):
        if self.proc is None:
            return
        self.tree()
        if self.proc.poll() is None:
            with contextlib.suppress(Timeout, subprocess.TimeoutExpired):  # the service is then killed below
                self.c.call("manager_stop", {"option": "safe_off"}, timeout=2.0)
                self.proc.wait(8)
        self.kill_all()
        if self.c:
            self.c.close()

    def restart(self):
        """Return a new service with the same store (same prefix, same HOME) on new ports."""
        s = Service(self.b, self.impl, None, prefix=self.prefix, publish=self.publish, extra=self.extra, home=self.home)
        s.startup = self.startup
        self.b.live.append(s)
        return s


def plan(name="count", i=0, **kw):
    d = {"item_type": "plan", "name": name}
    if name == "count":
        d["args"], d["kwargs"] = [["det1", "det2"]], {"num": i + 1, "delay": 0.1}
    d.update(kw)
    return d


def batch(n, name="count"):
    return {"items": [plan(name, i) for i in range(n)], **USER}


def add(c, item, timeout=10.0, **kw):
    return c.ok("queue_item_add", {"item": item, **USER, **kw}, timeout)


def timed(c, method, params=None, timeout=60.0):
    p = enc(method, params)
    t = now()
    r = c.raw(p, timeout)
    dt = now() - t
    r = json.loads(r)
    if not r.get("success", True):
        raise RuntimeError(f"{method}: {str(r.get('msg'))[:300]}")
    return dt * 1e3, r


def fill(c, n, chunk=500):
    while True:
        have = c.status()["items_in_queue"]
        if have >= n:
            return
        c.ok("queue_item_add_batch", batch(min(chunk, n - have)), timeout=120)


def run_queue(c, timeout, poll=0.05):
    t0 = now()
    c.ok("queue_start")
    c.wait(lambda s: s["items_in_queue"] == 0 and s["manager_state"] == "idle", timeout, poll=poll, what="queue done")
    return now() - t0
