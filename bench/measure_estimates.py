"""Measure the errors of estimates with simulated devices that take time."""

import json
import random
import statistics
import time

from harness import USER, group
from service import run_queue

#: Rounds of all kinds of plans: before the measurement, during it, and repeated with the same parameters.
_LEARNED, _MEASURED, _REPEATED = 2, 20, 3
_LONG_QUEUE = 50
_SEED = 15
_PATIENCE = 60.0
_NOT_YET = "The plan has not been estimated yet"


def _kinds(r):
    """One plan of each of 12 kinds, with new parameters."""

    def place():
        return round(r.uniform(-4, 4), 3)

    def item(name, *args, **kwargs):
        return {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}

    return {
        "count": item("count", ["camera"], num=r.randint(3, 10)),
        "count, delay": item("count", ["camera"], num=r.randint(3, 8), delay=round(r.uniform(0.1, 0.2), 3)),
        "scan": item("scan", ["camera"], "x", place(), place(), r.randint(3, 8)),
        "rel_scan": item("rel_scan", ["camera"], "x", -r.uniform(0.5, 2), r.uniform(0.5, 2), r.randint(3, 8)),
        "list_scan": item("list_scan", ["camera"], "y", [place() for _ in range(r.randint(3, 6))]),
        "grid_scan": item("grid_scan", ["camera"], "x", 0, place(), r.randint(2, 3), "y", 0, place(), r.randint(2, 3)),
        "scan of two": item("scan", ["camera"], "x", place(), place(), "y", place(), place(), r.randint(3, 6)),
        "exposure": item("exposed", round(r.uniform(0.02, 0.2), 3), r.randint(3, 8)),
        "velocity": item("with_velocity", round(r.uniform(5, 30), 2), place(), r.randint(3, 6)),
        "two cameras": item(
            "two_cameras", round(r.uniform(0.02, 0.2), 3), round(r.uniform(0.02, 0.2), 3), r.randint(3, 6)
        ),
        "several runs": item("night", place(), place(), r.randint(2, 4), round(r.uniform(0.05, 0.3), 3)),
        "own steps": item("repeated", place(), r.randint(2, 4), r.randint(1, 3)),
    }


class _Measured:
    """An estimate and the time that the plan took."""

    def __init__(self, kind, estimate, took):
        self.kind, self.took = kind, took
        self.seconds, self.low, self.high, self.source = (estimate[k] for k in ("seconds", "low", "high", "source"))

    @property
    def error(self):
        """The relative error; an unknown time counts as an error of 100 %."""
        return 1.0 if self.seconds is None else abs(self.seconds / self.took - 1)

    @property
    def width(self):
        return (self.high - self.low) / self.seconds

    @property
    def is_within(self):
        return self.low <= self.took <= self.high


def _estimates(service, before):
    """The estimates of all items; ``before`` is their uid before the items were added."""
    until = time.monotonic() + _PATIENCE
    while True:
        found = service.c.ok("estimates_get")
        is_new = found["estimates_uid"] != before
        if is_new and all(each["reason"] != _NOT_YET for each in found["estimates"].values()):
            return found
        if time.monotonic() > until:
            raise RuntimeError("the estimates are not made")
        time.sleep(0.05)


def _run(service, items):
    """Run these plans as one queue; return the estimated times, the measured times, and the queue's estimate."""
    names, before = list(items), service.c.status()["estimates_uid"]
    uids = [
        each["item_uid"]
        for each in service.c.ok("queue_item_add_batch", {"items": list(items.values()), **USER})["items"]
    ]
    found = _estimates(service, before)
    began = time.time()
    run_queue(service.c, 300)
    history = {each["item_uid"]: each["result"] for each in service.c.ok("history_get", {"limit": len(uids)})["items"]}
    took = time.time() - began
    ends = [history[uid]["time_stop"] - history[uid]["time_start"] for uid in uids]
    measured = [
        _Measured(name, found["estimates"][uid], seconds) for name, uid, seconds in zip(names, uids, ends, strict=True)
    ]
    whole = history[uids[-1]]["time_stop"] - history[uids[0]]["time_start"]
    return measured, _Measured("queue", {"source": "", **found["queue"]}, min(whole, took))


def _median(values):
    return statistics.median(values) if values else float("nan")


@group("estimates", 3)
def g_estimates(b, im, rep):
    rounds = 4 if b.o.quick else _MEASURED
    r = random.Random(_SEED)  # the same plans in each run
    with b.service(im, "timed") as service:
        if not _has_estimates(service):
            b.note(im, "estimates", "it makes no estimates")
            return
        service.open_env()
        cold = [each for _ in range(_LEARNED) for each in _run(service, _kinds(r))[0]]
        new = [each for _ in range(rounds) for each in _run(service, _kinds(r))[0]]
        repeated = _repeated(service, _kinds(r))
        queue = _run(service, {f"{n}": r.choice(list(_kinds(r).values())) for n in range(_LONG_QUEUE)})[1]
    known = [each for each in new if each.seconds is not None]
    off = [max(each.seconds / each.took, each.took / each.seconds) for each in cold if each.seconds]
    b.rec(im, "estimates.cold_worst_factor", max(off, default=1.0), "")
    b.rec(im, "estimates.new_median", 100 * _median([each.error for each in new]), "%")
    kinds = {kind: _median([each.error for each in new if each.kind == kind]) for kind in _kinds(r)}
    b.rec(im, "estimates.new_worst_kind", 100 * max(kinds.values()), "%")
    b.rec(im, "estimates.unknown", 100 * (1 - len(known) / len(new)), "%")
    b.rec(im, "estimates.within", 100 * sum(each.is_within for each in known) / max(len(known), 1), "%")
    b.rec(im, "estimates.width", 100 * _median([each.width for each in known]), "%")
    close = [min(each.error / 0.03, abs(each.seconds - each.took) / 0.03) for each in repeated if each.seconds]
    b.rec(im, "estimates.repeated_of_limit", _median(close), "")
    b.rec(im, "estimates.queue_of_50", 100 * queue.error, "%")
    b.note(im, "estimates", _table(new))


def _has_estimates(service):
    return "estimates_uid" in service.c.status()


def _repeated(service, items):
    """Run the same queue several times. All plans except the first start at the same positions again."""
    return [each for n in range(_REPEATED) for each in _run(service, items)[0][1:] if n]


def _table(measured):
    lines = ["median error of each kind, with its sources:"]
    for kind in dict.fromkeys(each.kind for each in measured):
        mine = [each for each in measured if each.kind == kind]
        sources = {source: sum(each.source == source for each in mine) for source in {each.source for each in mine}}
        took = _median([each.took for each in mine])
        error = 100 * _median([each.error for each in mine])
        lines.append(f"      {kind:<14} {error:6.1f} %   of {took:5.2f} s   {json.dumps(sources)}")
    return "\n".join(lines)
