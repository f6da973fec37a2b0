"""Measure dry runs: the cost of a walk compared with draining the same plan, and the time of a fork.

Run ``python bench/dry_runs.py [MESSAGES]``. All times are processor times, so a busy machine matters less.
"""

import os
import statistics
import sys
import time
import traceback

import bluesky.utils
from bluesky import plans
from ophyd.sim import hw

from bluesky_qs.foresight.devices import DeviceFacts
from bluesky_qs.foresight.walk import Walk
from bluesky_qs.worker import guard

TURNS = 3
LIMIT = 1.5
PER_POINT = 10


def look(device):
    """Facts about a simulated device."""
    return DeviceFacts(device.name, device.read(), device.describe(), device.name)


def drain(plan):
    """Consume all messages without sending results back; return their number."""
    return sum(1 for _ in plan)


def processor(work):
    """The processor time of a call, in seconds."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def processor_of_walk(make):
    """The processor time of a walk. Stacks are shortened as in the forked process."""
    guard.shorten_stacks()
    try:
        return processor(lambda: Walk(look).run(make()))
    finally:
        bluesky.utils.traceback = traceback


def walk_ratio(make):
    """Time a walk and a drain in turns; return the median ratio, and the walk's messages per second."""
    ratios, rates = [], []
    for _ in range(TURNS):
        number = drain(make())
        bare = processor(lambda: drain(make()))
        walked = processor_of_walk(make)
        ratios.append(walked / bare)
        rates.append(number / walked)
    return statistics.median(ratios), statistics.median(rates)


def fork_time(gigabytes):
    """Return how many milliseconds it takes to fork a process of this size."""
    held = bytearray(int(gigabytes * 2**30))
    for at in range(0, len(held), 4096):
        held[at] = 1
    times = []
    for _ in range(7):
        begin = time.thread_time()
        child = os.fork()
        if not child:
            os._exit(0)
        times.append((time.thread_time() - begin) * 1e3)
        os.waitpid(child, 0)
    return statistics.median(times)


def main():
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    sim = hw()
    points = messages // PER_POINT
    side = int(points**0.5)
    for name, make in {
        "scan": lambda: plans.scan([sim.det1], sim.motor, -1, 1, points),
        "grid_scan": lambda: plans.grid_scan([sim.det1, sim.det2], sim.motor1, 0, 1, side, sim.motor2, 0, 1, side),
        "count": lambda: plans.count([sim.det1], points),
    }.items():
        ratio, rate = walk_ratio(make)
        mark = "" if ratio <= LIMIT else f"  more than {LIMIT}"
        print(f"walk of {name}: {ratio:.2f} of a bare drain, {rate:.0f} messages/s{mark}")
    for size in (0.3, 2.0):
        print(f"fork at {size} GB: {fork_time(size):.1f} ms")


if __name__ == "__main__":
    main()
