"""Measure how well the service reports the reasons why a plan waits, and the cost of the reports.

    waiting.py [--bin DIR] [--rounds N] [--args="..."]

Right reasons: a plan waits in each way in turn and writes down the times, which are compared with the published status.
Cost: the point rate and the gap between plans, in turns with a worker that watches nothing (PASSIVE in its startup
code).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time

import zmq
from harness import CTX, now, spin
from service import Bench, Impl, add, plan, run_queue
from startup_code import PERMS

#: Seconds after which a reason must be right, and seconds after which user code must be reported.
RIGHT, CODE = 0.3, 2.0
POINTS, PLANS = 1500, 60
KINDS = {
    "motor": "motor", "motors": "motor", "trigger": "trigger", "sleep": "sleep", "suspender": "suspender",
    "input": "input", "code": "user_code", "interpreter": "user_code",
}  # fmt: skip

STARTUP = """
import ctypes, threading, time
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.plans import count
from bluesky.suspenders import SuspendBoolHigh
from ophyd import Device, Signal
from ophyd.sim import SynAxis, det, motor
from ophyd.status import DeviceStatus

RE = RunEngine({})
shutter = Signal(name="shutter", value=0)
RE.install_suspender(SuspendBoolHigh(shutter))
m1 = SynAxis(name="m1", delay=1.5, events_per_move=30)
m2 = SynAxis(name="m2", delay=1.5, events_per_move=30)
quick = SynAxis(name="quick")


class Detector(Device):
    def trigger(self):
        status = DeviceStatus(self)
        threading.Timer(1.5, status.set_finished).start()
        return status


slow = Detector(name="slow")


def phases(path: str, rounds: int = 3):
    def note(kind, edge):
        with open(path, "a") as file:
            print(kind, edge, time.time(), file=file)

    def during(kind, messages):
        note(kind, "begin")
        yield from messages
        note(kind, "end")
        yield from bps.sleep(0.05)
        for _ in range(20):  # so that the next wait begins after the end of this one has been reported
            yield from bps.sleep(0.02)

    def released():
        shutter.put(1)
        threading.Timer(1.5, shutter.put, (0,)).start()
        yield from bps.sleep(0.05)
        yield from bps.checkpoint()

    def hold(sleep):
        yield from bps.checkpoint()
        sleep()

    def rounds_of():
        for n in range(rounds):
            yield from bps.checkpoint()
            yield from during("motor", bps.mv(m1, n + 1))
            yield from during("motors", bps.mv(m1, -n, m2, n + 1))
            yield from during("trigger", bps.trigger(slow, wait=True))
            yield from during("sleep", bps.sleep(1.5))
            yield from bps.checkpoint()
            yield from during("suspender", released())
            yield from during("input", bps.input_plan("Sample in? "))
            yield from during("code", hold(lambda: time.sleep(4)))
            yield from during("interpreter", hold(lambda: ctypes.PyDLL(None).usleep(4_000_000)))

    yield from rounds_of()


def points(n: int = 1000):
    yield from bps.open_run()
    for k in range(n):
        yield from bps.checkpoint()
        yield from bps.mv(quick, k)
        yield from bps.trigger_and_read([det, quick])
    yield from bps.close_run()


def nothing():
    yield from bps.null()
"""

PASSIVE = """
from bluesky_qs.worker import watcher, waits
waits.PlanWaits.message = waits.PlanWaits.waiting = lambda self, *_: None
watcher.PlanWatcher.begins = watcher.PlanWatcher.watch = lambda self, *_: None
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.dirname(sys.executable))
    parser.add_argument("--args", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the work directory (service logs)")
    options = parser.parse_args()
    options.tmp, options.redis = tempfile.gettempdir(), "none"
    bench, impl = Bench(options), Impl("A", options.bin, options.args, redis=False)
    for name, code in (("active", STARTUP), ("passive", STARTUP + PASSIVE)):
        bench.dirs[name] = folder = os.path.join(bench.work, name)
        os.makedirs(folder)
        for file, text in (("00_startup.py", code), ("user_group_permissions.yaml", PERMS)):
            with open(os.path.join(folder, file), "w") as opened:
                opened.write(text)
    try:
        base = min(spin() for _ in range(20))
        reasons(bench, impl, options.rounds)
        cost(bench, impl, options.rounds)
        print(f"cpu noise x{statistics.median(spin() for _ in range(9)) / base:.2f}, load {os.getloadavg()[0]:.1f}")
    finally:
        bench.cleanup()


# ------------------------------------------------------------------------------------------------- right reasons
def reasons(bench, impl, rounds):
    path = os.path.join(bench.work, "phases.txt")
    with bench.service(impl, "active", extra=["--worker-input", "ask"]) as service:
        service.open_env()
        seen, over = [], threading.Event()
        listener = threading.Thread(target=listen, args=(service, seen, over))
        listener.start()
        add(service.c, plan("phases", kwargs={"path": path, "rounds": rounds}))
        service.c.ok("queue_start")
        while (status := service.c.status())["manager_state"] != "idle":
            if prompt := status["input_pending"]:
                time.sleep(1.5)
                service.c.ok("input_reply", {"input_uid": prompt["input_uid"], "text": "y"})
            time.sleep(0.05)
        over.set()
        listener.join()
    with open(path) as file:
        show_reasons([line.split() for line in file], seen)


def listen(service, seen, over):
    """Record the changes of the published reason as (time, kind)."""
    with CTX.socket(zmq.SUB) as socket:
        socket.connect(f"tcp://127.0.0.1:{service.iport}")
        socket.subscribe(b"QS_Info")
        while not over.is_set():
            if socket.poll(100):
                wait = json.loads(socket.recv_multipart()[1])["msg"].get("status", {}).get("waiting_for")
                kind = wait and wait["kind"]
                if not seen or seen[-1][1] != kind:
                    seen.append((time.time(), kind))


def show_reasons(lines, seen):
    print(f"{'wait':<12} {'in time':>8} {'delay p50':>10} {'max':>7} {'right after that':>17} {'end after':>10}")
    for name, kind in KINDS.items():
        delays, parts, ends, in_time = [], [], [], 0
        phases = zip(edges(lines, name, "begin"), edges(lines, name, "end"), strict=True)
        total = 0
        for begin, end in phases:
            total += 1
            first = next((when for when, what in seen if what == kind and begin <= when <= end + RIGHT), None)
            if first is None:
                continue
            delays.append(first - begin)
            in_time += delays[-1] <= (CODE if kind == "user_code" else RIGHT)
            parts.append(share(seen, kind, max(first, begin + RIGHT), end))
            # A suspended plan resumes a moment before it repeats its messages and records the end.
            ends.append(max(next((when - end for when, what in seen if when >= end - 0.1 and what != kind), 0.0), 0.0))
        if not delays:
            print(f"{name:<12} {0:>4}/{total}")
            continue
        print(
            f"{name:<12} {in_time:>5}/{total:<2} {statistics.median(delays):>8.2f} s {max(delays):>5.2f} s "
            f"{100 * statistics.mean(parts):>15.1f} % {statistics.median(ends):>8.2f} s"
        )


def edges(lines, name, edge):
    return [float(when) for what, which, when in lines if (what, which) == (name, edge)]


def share(seen, kind, begin, end):
    """Return the fraction of this time in which the published reason was of this kind."""
    if end <= begin:
        return 1.0
    right = 0.0
    for (when, what), (until, _) in zip(seen, [*seen[1:], (end, None)], strict=True):
        if what == kind:
            right += max(min(until, end) - max(when, begin), 0.0)
    return right / (end - begin)


# ---------------------------------------------------------------------------------------------------------- cost
def cost(bench, impl, rounds):
    """Measure the point rate and the gap between plans, with and without watching, in turns."""
    rates, gaps = {"active": [], "passive": []}, {"active": [], "passive": []}
    for _ in range(rounds):
        for which in ("active", "passive"):
            with bench.service(impl, which) as service:
                service.open_env()
                for _ in range(2):
                    add(service.c, plan("points", kwargs={"n": POINTS}))
                for _ in range(PLANS):
                    add(service.c, plan("nothing"))
                run_queue(service.c, 120)
                results = [item["result"] for item in service.c.ok("history_get")["items"]]
                rates[which].append(POINTS / (results[1]["time_stop"] - results[1]["time_start"]))
                starts, stops = [r["time_start"] for r in results[3:]], [r["time_stop"] for r in results[2:]]
                gaps[which].append(statistics.median(b - a for a, b in zip(stops, starts, strict=False)) * 1000)
    for name, unit, values in (("points", "/s", rates), ("gap between plans", "ms", gaps)):
        active, passive = statistics.median(values["active"]), statistics.median(values["passive"])
        print(
            f"{name:<18} watched {active:8.2f} {unit}  not watched {passive:8.2f} {unit}  ratio {active / passive:.3f}"
        )


if __name__ == "__main__":
    began = now()
    main()
    print(f"{now() - began:.0f} s")
