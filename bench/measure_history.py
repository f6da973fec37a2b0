"""Measure a service with a long history: the start, items by uid, pages, searches. ``--history N`` is its length."""

import json
import os
import random
import sqlite3
import time
import uuid

from harness import Timeout, group, now, pct
from service import timed

WORDS = [f"w{number:x}" for number in range(5000)]


def item(i, rnd):
    """A plan with typical beamline metadata: 500 bytes."""
    return json.dumps({
        "item_type": "plan", "name": rnd.choice(["count", "scan", "grid_scan", "rel_scan"]),
        "args": [["det1", "det2"], "motor", round(rnd.uniform(-5, 5), 3), round(rnd.uniform(-5, 5), 3), i % 100],
        "kwargs": {"num": i % 97},
        "meta": {"sample": f"S{i % 3000:04d}", "proposal": i // 7, "comment": " ".join(rnd.choices(WORDS, k=6))},
        "user": "bench", "user_group": "primary", "item_uid": f"{uuid.UUID(int=rnd.getrandbits(128), version=4)}",
        "result": {"exit_status": "completed", "run_uids": [f"{uuid.UUID(int=rnd.getrandbits(128), version=4)}"],
                   "scan_ids": [i], "time_start": 1.7e9 + i, "time_stop": 1.7e9 + i + 0.5, "msg": "", "traceback": ""},
    })  # fmt: skip


def seed(b, im, s, n):
    """Put items into the store of a stopped service; return False if this script does not know the kind of store."""
    rnd = random.Random(1)
    if im.redis:
        for start in range(0, n, 10_000):
            b.redis.rpush(s.prefix + "_plan_history", [item(i, rnd) for i in range(start, min(n, start + 10_000))])
        return True
    file = os.path.join(s.home, ".local/share/bluesky_qs/queue.sqlite3")
    s.start()
    s.stop()
    if not os.path.exists(file):
        return False
    with sqlite3.connect(file) as db:
        db.executemany("INSERT INTO history (data) VALUES (?)", ((item(i, rnd).encode(),) for i in range(n)))
    db.close()
    return True


def asked(s, count, method, params):
    """Return the milliseconds for some requests; ``params`` returns the parameters for each one."""
    return [timed(s.c, method, params(k))[0] for k in range(count)]


@group("long_history", 1)
def g_long_history(b, im, rep):
    n = b.o.history if not b.o.quick else min(b.o.history, 5000)
    s = b.service(im, "empty")
    if not seed(b, im, s, n):
        b.note(im, "long_history", "its store is unknown here")
        return
    b.rec(im, f"long_history.start_{n}", s.start(timeout=120), "s")
    b.rec(im, f"long_history.pss_{n}", s.mem()[1], "MiB")
    try:
        page = s.c.ok("history_get", {"limit": 1000}, 60)["items"]
    except (RuntimeError, Timeout):
        b.note(im, "long_history", "it has no pages")
        s.stop()
        return
    slowest, began = [], now()
    while not s.c.ok("history_get", {"limit": 1})["index_complete"] and now() - began < 1800:
        slowest += asked(s, 20, "status", lambda k: {})
        time.sleep(0.2)
    b.rec(im, f"long_history.index_{n}", now() - began, "s")
    if slowest:
        b.rec(im, "long_history.status_p99_while_indexing", pct(slowest, 99), "ms")
    uids = [each["item_uid"] for each in page]
    oldest = s.c.ok("history_get", {"before": uids[0], "limit": 1000})["items"]
    uids += [each["item_uid"] for each in oldest]
    searches = ["count", "S0123", "grid_scan S01", "s", "w12 scan", '"det1 det2"', "motor 0.5", "nothing"]
    kinds = {
        "by_uid": ("item_status", lambda k: {"item_uid": uids[k * 37 % len(uids)]}),
        "page": ("history_get", lambda k: {"before": uids[k * 37 % len(uids)], "limit": 20}),
        "search": ("history_get", lambda k: {"search": searches[k % len(searches)], "limit": 20}),
    }
    for kind, (method, params) in kinds.items():
        times = asked(s, 80, method, params)
        b.rec(im, f"long_history.{kind}_{n}_p50", pct(times, 50), "ms")
        b.rec(im, f"long_history.{kind}_{n}_max", max(times), "ms")
    s.stop()
