"""Measure the start, requests and the queue."""

import contextlib
import json
import statistics
import subprocess
import threading
import time

import zmq
from harness import CTX, USER, Client, enc, group, now, pct
from service import add, batch, fill, plan, timed


# --------------------------------------------------------------------------- 1 start, memory
@group("start", 5)
def g_start(b, im, rep):
    s = b.service(im, publish=False)
    b.rec(im, "start.first_status", s.start(), "s")
    if rep < 3:
        time.sleep(0.5)
        rss, pss, n = s.mem()
        b.rec(im, "start.closed_rss", rss, "MiB")
        b.rec(im, "start.closed_pss", pss, "MiB")
        b.rec(im, "start.closed_processes", n, "")
        b.rec(im, "start.closed_threads", sum(p.num_threads() for p in s.tree()), "")
        b.rec(im, "start.closed_idle_cpu", s.idle_cpu(), "%")
    t = now()
    s.c.call("manager_stop", {"option": "safe_off"}, timeout=5.0)
    try:
        s.proc.wait(20)
        b.rec(im, "start.manager_stop", now() - t, "s")
    except subprocess.TimeoutExpired:
        b.note(im, "start.manager_stop", "service still alive 20 s after manager_stop")
    s.stop()


# --------------------------------------------------------------------------- 2 status
def latencies(c, n, stop=None):
    p, v = enc("status"), []
    while (len(v) < n) if stop is None else not stop():
        t = now()
        c.raw(p)
        v.append((now() - t) * 1e3)
    return v


def throughput(port, nsock, seconds):
    p, poller, socks = enc("status"), zmq.Poller(), []
    for _ in range(nsock):
        s = CTX.socket(zmq.REQ)
        s.setsockopt(zmq.LINGER, 0)
        s.connect(f"tcp://127.0.0.1:{port}")
        s.send(p)
        s.poll(5000)
        s.recv()
        poller.register(s, zmq.POLLIN)
        socks.append(s)
    n, t0 = 0, now()
    for s in socks:
        s.send(p)
    while now() - t0 < seconds:
        for s, _ in poller.poll(1000):
            s.recv()
            n += 1
            s.send(p)
    dt = now() - t0
    for s in socks:
        s.close(0)
    return n / dt


@group("status", 3)
def g_status(b, im, rep):
    with b.service(im, "bench") as s:
        latencies(s.c, 200)
        v = latencies(s.c, 1500)
        b.rec(im, "status.idle_p50", pct(v, 50), "ms")
        b.rec(im, "status.idle_p99", pct(v, 99), "ms")
        b.rec(im, "status.rate_1_client", throughput(s.port, 1, 2), "1/s")
        b.rec(im, "status.rate_8_clients", throughput(s.port, 8, 2), "1/s")
        s.open_env()
        # ---- a plan that prints without pausing; a SUB client drains the console as monitors do
        sub = CTX.socket(zmq.SUB)
        sub.connect(f"tcp://127.0.0.1:{s.iport}")
        sub.subscribe(b"")
        stop = threading.Event()

        def drain():
            while not stop.is_set():
                if sub.poll(50):
                    with contextlib.suppress(zmq.Again):
                        while True:
                            sub.recv(zmq.NOBLOCK)

        th = threading.Thread(target=drain, daemon=True)
        th.start()
        add(s.c, plan("p_print", kwargs={"seconds": 4.0}))
        s.c.ok("queue_start")
        time.sleep(1.0)
        t_end = now() + 2.5
        v = latencies(s.c, 0, lambda: now() > t_end)
        b.rec(im, "status.printing_plan_p50", pct(v, 50), "ms")
        b.rec(im, "status.printing_plan_p99", pct(v, 99), "ms")
        b.rec(im, "status.printing_plan_max", max(v), "ms")
        s.c.wait(lambda x: x["manager_state"] == "idle", 60, poll=0.1, what="end of the printing plan")
        stop.set()
        th.join()
        sub.close(0)
        # ---- a batch of 10 000 items goes in (and comes out) over another socket
        c2 = Client(s.port)
        for what, payload in (
            ("loading_10k", enc("queue_item_add_batch", batch(10_000, "p_null"))),
            ("reading_10k", enc("queue_get")),
        ):
            box = []
            th = threading.Thread(target=lambda: box.append(c2.raw(payload, 240)), daemon=True)
            th.start()
            cl, v, p = Client(s.port), [], enc("status")
            while th.is_alive():  # the service may be silent during the whole load, hence the long timeout
                t = now()
                cl.raw(p, 240)
                v.append((now() - t) * 1e3)
            th.join()
            cl.close()
            if not json.loads(box[0])["success"]:
                raise RuntimeError(str(box[0])[:200])
            b.rec(im, f"status.{what}_max", max(v), "ms")
            b.rec(im, f"status.{what}_answers", len(v), "answers meanwhile")


# --------------------------------------------------------------------------- 3, 4 queue
def add_together(port, clients, total):
    """Return how many items per second this number of clients can add. Each client waits for its replies."""
    request = json.dumps({"method": "queue_item_add", "params": {"item": plan(i=0), **USER}}).encode()
    context, poller, left, done = zmq.Context(), zmq.Poller(), total, 0
    sockets = [context.socket(zmq.REQ) for _ in range(clients)]
    for socket_ in sockets:
        socket_.linger = 0
        socket_.connect(f"tcp://127.0.0.1:{port}")
        poller.register(socket_, zmq.POLLIN)
    t0 = now()
    for socket_ in sockets:
        socket_.send(request)
        left -= 1
    while done < total:
        ready = poller.poll(30_000)
        if not ready:
            raise RuntimeError("no answer for 30 s")
        for socket_, _ in ready:
            answer = socket_.recv()
            if b'"success": true' not in answer and b'"success":true' not in answer:
                raise RuntimeError(answer[:300])
            done += 1
            if left > 0:
                socket_.send(request)
                left -= 1
    t = now() - t0
    context.destroy(linger=0)
    return total / t


@group("queue_add", 3)
def g_queue_add(b, im, rep):
    with b.service(im) as s:
        c = s.c
        for i in range(50):
            add(c, plan(i=i))
        c.ok("queue_clear")
        v, cpu0, t0 = [], s.cpu(), now()
        for i in range(1000):
            v.append(timed(c, "queue_item_add", {"item": plan(i=i), **USER})[0])
        b.rec(im, "queue.add_1000_rate", 1000 / (now() - t0), "1/s")
        b.rec(im, "queue.add_1000_cpu_per_item", (s.cpu() - cpu0), "ms")
        b.rec(im, "queue.add_p99", pct(v, 99), "ms")
        c.ok("queue_clear")

        for clients in (8, 64):
            b.rec(im, f"queue.add_rate_{clients}_clients", add_together(s.port, clients, 2048), "1/s")
            if c.status()["items_in_queue"] != 2048:
                raise RuntimeError(f"{clients} clients: items are missing")
            c.ok("queue_clear")
        c.ok("queue_clear")
        for size in (100, 1000, 10_000):
            fill(c, size)
            for where, kw in (("back", {}), ("front", {"pos": "front"}), ("middle", {"pos": size // 2})):
                v = [timed(c, "queue_item_add", {"item": plan(i=i), **USER, **kw})[0] for i in range(40)]
                b.rec(im, f"queue.add_{where}_at_{size}", pct(v, 50), "ms")


@group("queue_batch", 3)
def g_queue_batch(b, im, rep):
    with b.service(im) as s:
        c = s.c
        c.ok("queue_item_add_batch", batch(100))
        c.ok("queue_clear")
        b.rec(im, "queue.batch_1000", timed(c, "queue_item_add_batch", batch(1000))[0], "ms")
        v = [timed(c, "queue_get") for _ in range(7)]
        b.rec(im, "queue.get_1000", statistics.median(x[0] for x in v), "ms")
        c.ok("queue_clear")
        dt, _ = timed(c, "queue_item_add_batch", batch(10_000), timeout=300)
        b.rec(im, "queue.batch_10000", dt, "ms")
        v = [timed(c, "queue_get") for _ in range(5)]
        b.rec(im, "queue.get_10000", statistics.median(x[0] for x in v), "ms")
        items = v[-1][1]["items"]
        assert len(items) == 10_000, len(items)

        def med(name, calls, unit="ms"):
            b.rec(im, name, pct([timed(c, m, p)[0] for m, p in calls], 50), unit)

        mid = list(items[4990:5010])
        med("queue.item_get_uid_at_10000", [("queue_item_get", {"uid": it["item_uid"]}) for it in mid * 3])
        med("queue.item_get_pos_at_10000", [("queue_item_get", {"pos": 5000})] * 40)
        med("queue.move_front_back_at_10000", [("queue_item_move", {"pos": "front", "pos_dest": "back"})] * 20)
        med(
            "queue.move_uid_uid_at_10000",
            [("queue_item_move", {"uid": it["item_uid"], "after_uid": items[9000]["item_uid"]}) for it in mid[:10]],
        )
        up = [dict(it, kwargs={"num": 7, "delay": 0.5}) for it in items[6000:6020]]
        med("queue.update_at_10000", [("queue_item_update", {"item": it, **USER}) for it in up])
        med("queue.remove_uid_at_10000", [("queue_item_remove", {"uid": it["item_uid"]}) for it in items[7000:7020]])
        uids = [it["item_uid"] for it in items[3000:3100]]
        mv = timed(c, "queue_item_move_batch", {"uids": uids, "pos_dest": "back"}, 120)
        b.rec(im, "queue.move_batch_100_at_10000", mv[0], "ms")
        rm = timed(c, "queue_item_remove_batch", {"uids": uids}, 120)
        b.rec(im, "queue.remove_batch_100_at_10000", rm[0], "ms")
        _rss, pss, _ = s.mem()
        b.rec(im, "queue.pss_at_10000", pss, "MiB")
        # restart over a queue of 10 000 items
        s.stop()
        s2 = s.restart()
        b.rec(im, "queue.restart_at_10000", s2.start(), "s")
        have = s2.c.status()["items_in_queue"]
        if have != 9880:
            b.note(im, "queue.restart_at_10000", f"{have} items instead of 9880 after the restart")
        b.rec(im, "queue.clear_at_10000", timed(s2.c, "queue_clear")[0], "ms")
        s2.stop()
