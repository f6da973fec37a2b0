"""Measure plans while a client watches devices (`device_read`), in turns with plans alone."""

import contextlib
import statistics
import threading

from harness import USER, Client, group
from measure_runs import task
from service import plan, run_queue


class Watcher(threading.Thread):
    """Reads all movable devices once a second, as ``%qs where --watch`` does."""

    def __init__(self, port):
        super().__init__()
        self._port = port
        self._end = threading.Event()
        self.readings = 0

    def run(self):
        client = Client(self._port)
        params = {"user_group": USER["user_group"], "max_age": 1}
        while not self._end.is_set():
            self.readings += any("value" in each for each in client.ok("device_read", params)["devices"].values())
            self._end.wait(1.0)
        client.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()


@group("reading", 3)
def g_reading(b, im, rep):
    n, points, turns = (20, 500, 2) if b.o.quick else (200, 3000, 3)
    gaps = {False: [], True: []}
    rates = {False: [], True: []}
    with b.service(im, "bench") as s:
        s.open_env()
        answer = s.c.call("device_read", {"user_group": USER["user_group"], "names": ["motor"]})
        if not answer.get("success"):
            b.note(im, "reading", "it has no device_read")
            return
        between_plans(s, n)  # the first plans are slower
        for _ in range(turns):
            for watched in (False, True):
                with Watcher(s.port) if watched else contextlib.nullcontext() as watcher:
                    gaps[watched] += between_plans(s, n)
                    rates[watched].append(point_rate(s, points))
                if watched and not watcher.readings:
                    raise RuntimeError("the watcher has read nothing")
    b.rec(im, "reading.gap_alone", statistics.median(gaps[False]), "ms")
    b.rec(im, "reading.gap_ratio", statistics.median(gaps[True]) / statistics.median(gaps[False]), "")
    b.rec(im, "reading.points_alone", statistics.median(rates[False]), "/s")
    b.rec(im, "reading.points_ratio", statistics.median(rates[True]) / statistics.median(rates[False]), "")


def between_plans(s, n):
    """Milliseconds between the end of a plan and the start of the next one."""
    s.c.ok("queue_item_add_batch", {"items": [plan("p_mark")] * n, **USER}, 120)
    run_queue(s.c, 120)
    marks = task(s.c, "function_execute", {"item": {"item_type": "function", "name": "f_marks"}, **USER})[2]
    return [(y - x) * 1e3 for x, y in zip(marks[1::2], marks[2::2], strict=False)]


def point_rate(s, points):
    """A plan's points per second, from the times in its result."""
    count = plan("count", args=[["det"]], kwargs={"num": points})
    s.c.ok("queue_item_add", {"item": count, **USER})
    run_queue(s.c, 240)
    result = s.c.ok("history_get")["items"][-1]["result"]
    if result["exit_status"] != "completed":
        raise RuntimeError(f"the plan has not completed: {result['msg']}")
    return points / (result["time_stop"] - result["time_start"])
