"""Measure dry runs in a service: a queue beside a running plan, the plan beside dry runs, and 1000 dry runs.

Run ``python bench/dry_run_service.py [--blocks N] [--seconds S] [--times N]``. It starts its own service.
"""

import argparse
import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import psutil
from bluesky.plans import scan
from harness import free_port
from ophyd.sim import hw

from bluesky_qs import BPlan, REManagerAPI
from bluesky_qs.client.failures import RequestTimeoutError

SCANS, POINTS, LIMIT = 100, 100, 10.0
SCAN = BPlan("scan", ["det1"], "motor", -1, 1, POINTS)
SHORT = BPlan("count", ["det1"], 3)
#: A plan with 20 ms exposures.
RUNNING = BPlan("count", ["det2"], 1_000_000, 0.02)
MEMORY_LIMIT = 5.0


def service(folder):
    """Start a service; return the process and a client."""
    control, info = free_port(), free_port()
    command = [
        os.path.join(os.path.dirname(sys.executable), "start-re-manager"),
        *("--zmq-control-addr", f"tcp://127.0.0.1:{control}", "--zmq-info-addr", f"tcp://127.0.0.1:{info}"),
        *("--store", os.path.join(folder, "queue.sqlite"), "--console-output", "OFF"),
    ]
    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    client = REManagerAPI(
        zmq_control_addr=f"tcp://127.0.0.1:{control}", zmq_info_addr=f"tcp://127.0.0.1:{info}", timeout_recv=20
    )
    while True:
        try:
            client.ping()
        except RequestTimeoutError:  # not ready yet
            time.sleep(0.1)
        else:
            break
    client.environment_open()
    client.wait_for_idle(timeout=60)
    return process, client


def worker_of(process):
    """The worker, which is the child that has children of its own."""
    return next(each for each in psutil.Process(process.pid).children() if each.children())


def processor_time(worker):
    """Processor seconds of the worker's children, which carry out the dry runs."""
    times = [each.cpu_times() for each in worker.children()]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)


def bare_drain():
    """Processor seconds for consuming the messages of the queue's plans, without a walk."""
    sim = hw()
    begin = time.process_time()
    for _ in range(SCANS):
        for _ in scan([sim.det1], sim.motor, -1, 1, POINTS):
            pass
    return time.process_time() - begin


def queue_beside_a_plan(client, worker):
    """Seconds for a dry run of the queue while a plan runs."""
    client.item_add_batch([SCAN] * SCANS)
    client.item_add(RUNNING, pos="front")
    client.queue_start()
    while not (client.status(reload=True)["running_item_progress"] or {}).get("events"):
        time.sleep(0.1)
    cpu, begin = processor_time(worker), time.monotonic()
    reply = client.queue_dry_run(timeout=300)
    took, cpu = time.monotonic() - begin, processor_time(worker) - cpu
    drain = bare_drain()
    mark = "" if took <= LIMIT else f"  more than {LIMIT:g} s"
    print(
        f"dry run of {SCANS} scans of {POINTS} points beside a running plan: {reply['total']['points']} points, "
        f"{took:.2f} s{mark}; processor {cpu:.2f} s (just iterating over the plans in a process of their own, with the "
        f"stacks that bluesky records for each message: {drain:.2f} s)",
        flush=True,
    )


def plan_beside_dry_runs(client, blocks, seconds):
    """Points per second of the running plan, and gaps between its points, without dry runs and with continuous ones."""
    rates, gaps = {False: [], True: []}, {False: [], True: []}
    for block in range(2 * blocks):
        busy = bool(block % 2)
        stop = threading.Event()
        helper = threading.Thread(target=dry_runs_until, args=(client, stop))
        if busy:
            helper.start()
        begin = time.time()
        time.sleep(seconds)
        end = time.time()
        stop.set()
        if busy:
            helper.join()
        documents = client.documents_get(limit=100_000)["documents"]
        events = [each["doc"]["time"] for each in documents if each["name"] == "event"]
        times = [each for each in events if begin <= each <= end]
        rates[busy].append(len(times) / (end - begin))
        gaps[busy] += [later - earlier for earlier, later in itertools.pairwise(times)]
    losses = [1 - with_ / without for without, with_ in zip(rates[False], rates[True], strict=True)]
    mean = statistics.mean(losses)
    error = 2.0 * statistics.stdev(losses) / len(losses) ** 0.5 if len(losses) > 1 else float("nan")
    without, with_ = statistics.median(rates[False]), statistics.median(rates[True])
    print(
        f"points/s without and with dry runs: {without:.2f}, {with_:.2f}; "
        f"loss {100 * mean:.2f} % ± {100 * error:.2f} % (95 %)"
    )
    for busy, name in ((False, "without"), (True, "with")):
        ordered = sorted(gaps[busy])
        middle, longest = ordered[len(ordered) // 2] * 1e3, ordered[-1] * 1e3
        print(f"gaps between points {name} dry runs: median {middle:.1f} ms, longest {longest:.1f} ms")


def dry_runs_until(client, stop):
    """Request dry runs, one after the other."""
    while not stop.is_set():
        client.item_dry_run(SCAN)


def state(worker):
    """The worker's descriptors, threads and children, and the memory of the worker and its children in MB."""
    shadows = worker.children(recursive=True)
    memory = sum(each.memory_full_info().uss for each in [worker, *shadows]) / 1e6
    return worker.num_fds(), worker.num_threads(), len(shadows), memory


def many(client, worker, times):
    """Compare the worker's state before and after many dry runs."""
    for _ in range(50):
        client.item_dry_run(SHORT)
    before = state(worker)
    begin = time.monotonic()
    for _ in range(times):
        client.item_dry_run(SHORT)
    took = time.monotonic() - begin
    after = state(worker)
    grown = after[3] - before[3]
    mark = "" if before[:3] == after[:3] and grown <= MEMORY_LIMIT else "  MORE"
    print(
        f"{times} dry runs ({1e3 * took / times:.0f} ms each): descriptors, threads, children "
        f"{before[:3]} → {after[:3]}; memory {grown:+.2f} MB{mark}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, client = service(folder)
        try:
            client.item_dry_run(SCAN)
            worker = worker_of(process)
            if options.times:
                many(client, worker, options.times)
            queue_beside_a_plan(client, worker)
            if options.blocks:
                plan_beside_dry_runs(client, options.blocks, options.seconds)
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait()
            client.close()


if __name__ == "__main__":
    main()
