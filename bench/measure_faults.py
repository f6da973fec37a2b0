"""Measure the effects of killed processes and failing storage."""

import contextlib
import itertools
import json
import os
import random
import signal
import tempfile
import threading
import time

from harness import USER, Client, Redis, Timeout, group, now, pct
from measure_requests import latencies
from measure_runs import subscribe, task
from service import add, batch, plan


# --------------------------------------------------------------------------- 12 recovery
def queue_uids(c):
    return [it["item_uid"] for it in c.ok("queue_get", timeout=30)["items"]]


@group("kill_manager", 3)
def g_kill_manager(b, im, rep):
    with b.service(im, "bench") as s:
        s.open_env()
        s.tree()  # records the processes, so that kill_all finds them
        s.c.ok("queue_item_add_batch", batch(200, "p_null"))
        uids = queue_uids(s.c)
        p = s.listener()
        if p is None or p.pid == s.proc.pid:
            b.note(im, "kill_manager", "the answering process is the top process: nothing inside restarts it")
            return
        p.kill()
        took = s.c.wait(
            lambda x: x["manager_state"] == "idle", 40, poll=0.01, what="status after kill -9 of the manager"
        )
        b.rec(im, "recover.manager_killed_to_status", took, "s")
        b.rec(im, "recover.manager_killed_queue_intact", int(queue_uids(s.c) == uids), "1=yes")
        st = s.c.status()
        b.rec(im, "recover.manager_killed_env_kept", int(bool(st["worker_environment_exists"])), "1=yes")
        # and while a plan runs: is the plan still reported properly?
        s.c.ok("queue_clear")
        s.c.ok("history_clear")
        add(s.c, plan("p_steps", kwargs={"n": 900, "delay": 0.01}))
        add(s.c, plan("p_null"))
        s.c.ok("queue_start")
        s.c.wait(lambda x: x["manager_state"] == "executing_queue" and x["re_state"] == "running", 20)
        time.sleep(1.0)
        p = s.listener()
        p.kill()
        try:
            s.c.wait(
                lambda x: x["items_in_history"] == 2 and x["manager_state"] == "idle", 60, poll=0.1, what="2 plans done"
            )
            h = s.c.ok("history_get")["items"]
            b.note(
                im, "kill_manager", f"exit statuses after the kill in a plan: {[x['result']['exit_status'] for x in h]}"
            )
            b.rec(
                im,
                "recover.manager_killed_in_plan_ok",
                int(all(x["result"]["exit_status"] == "completed" for x in h)),
                "1=yes",
            )
        except Timeout as ex:
            b.note(im, "kill_manager", f"plan after the kill: {ex}")
            b.rec(im, "recover.manager_killed_in_plan_ok", 0, "1=yes")


def worker_of(s, before):
    new = [p for p in s.tree() if p.pid not in before]
    return max(new, key=lambda p: p.memory_info().rss) if new else None


def notice_of_loss(b, im, s, tag):
    """Measure the time until the service reports that its worker is gone, and the speed of its replies after that."""
    try:
        took = s.c.wait(
            lambda x: not x["worker_environment_exists"] or x["worker_environment_state"] in ("closed", "failed"),
            15.0,
            poll=0.05,
            what="worker loss noticed",
        )
    except Timeout as ex:
        took = float("inf")
        b.note(im, "kill_worker", f"{tag}: {ex}")
    b.rec(im, f"recover.worker_killed_{tag}_noticed", took, "s (inf: not in 15 s)")
    b.rec(im, f"recover.worker_killed_{tag}_status_p99", pct(latencies(s.c, 200), 99), "ms")


def leave_lost_environment(b, im, s, tag):
    """Close the environment whose worker is gone; return the method that succeeded."""
    if not s.c.status()["worker_environment_exists"]:
        return "nothing"
    try:
        s.close_env("environment_close", 15)
    except (Timeout, RuntimeError):  # it does not close, or the request is refused
        try:
            s.close_env("environment_destroy", 30)
        except (Timeout, RuntimeError) as ex:
            b.note(im, "kill_worker", f"{tag}: environment_destroy: {ex}")
        return "environment_destroy"
    return "environment_close"


@group("kill_worker", 2)
def g_kill_worker(b, im, rep):
    """Kill the worker: measure the time until the service reports it, and whether the service can continue."""
    for tag in ("idle", "in_plan"):
        with b.service(im, "bench") as s:
            before = {p.pid for p in s.tree()}
            s.open_env()
            w = worker_of(s, before)
            if w is None:
                b.note(im, "kill_worker", "no worker process")
                return
            s.c.ok("queue_item_add_batch", batch(5, "p_null"))
            uids = queue_uids(s.c)
            if tag == "in_plan":
                add(s.c, plan("p_steps", kwargs={"n": 100000, "delay": 0.01}), pos="front")
                s.c.ok("queue_start")
                s.c.wait(lambda x: x["manager_state"] == "executing_queue" and x["re_state"] == "running", 20)
            w.kill()
            notice_of_loss(b, im, s, tag)
            t = now()
            how = leave_lost_environment(b, im, s, tag)
            try:
                s.open_env(60)
            except (Timeout, RuntimeError) as ex:
                b.note(im, "kill_worker", f"{tag}: environment cannot be opened again: {ex}")
                continue
            b.rec(im, f"recover.worker_killed_{tag}_reopen", now() - t, "s")
            b.note(im, "kill_worker", f"{tag}: needed {how}")
            left = queue_uids(s.c)
            ok = left[-5:] == uids and len(left) == (6 if tag == "in_plan" else 5)
            b.rec(im, f"recover.worker_killed_{tag}_queue_intact", int(ok), "1=yes")


@contextlib.contextmanager
def load(port, send, threads=1):
    """Let threads send requests, one after the other, until the body of the ``with`` statement kills the service."""
    stop = threading.Event()

    def work():
        c = Client(port)
        try:
            while not stop.is_set():
                send(c)
        except Timeout:  # it was killed
            return
        finally:
            c.close()

    ths = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for th in ths:
        th.start()
    try:
        yield
    finally:
        stop.set()
        for th in ths:
            th.join()


def killed_while_adding(b, im):
    """Kill a service while items are added; return the next service, its items, and the acknowledged uids."""
    s = b.service(im, None)
    s.start()
    acked, sent = set(), itertools.count()

    def send(c):
        r = c.call("queue_item_add", {"item": plan(i=next(sent)), **USER}, timeout=1.0)
        if r["success"]:
            acked.add(r["item"]["item_uid"])

    with load(s.port, send):
        time.sleep(0.5 + random.random() * 0.5)
        s.kill_group()
    s2 = s.restart()
    s2.start()
    return s2, s2.c.ok("queue_get")["items"], acked


def killed_while_moving(s):
    """Kill a service while items are moved; return the uids of its items afterwards."""
    with load(
        s.port, lambda c: c.call("queue_item_move", {"pos": "front", "pos_dest": "back"}, timeout=1.0), threads=2
    ):
        time.sleep(0.3 + random.random() * 0.3)
        s.kill_group()
    s2 = s.restart()
    s2.start()
    uids = queue_uids(s2.c)
    s2.stop()
    return uids


@group("kill_service", 3)
def g_kill_service(b, im, rep):
    """Kill everything while items are added or moved; restart and count the items."""
    lost = dup = extra = acked_n = moved_lost = 0
    for _trial in range(3):
        s, items, acked = killed_while_adding(b, im)
        have = [it["item_uid"] for it in items]
        nums = [it["kwargs"]["num"] for it in items]
        acked_n += len(acked)
        lost += len(acked - set(have))
        dup += (len(have) - len(set(have))) + (len(nums) - len(set(nums)))
        extra += len(set(have) - acked)
        moved_lost += len(set(have) - set(killed_while_moving(s)))  # a move does not change the number of items
    b.rec(im, "recover.killed_acked_adds", acked_n, "items")
    b.rec(im, "recover.killed_lost_acked", lost, "items")
    b.rec(im, "recover.killed_duplicated", dup, "items")
    b.rec(im, "recover.killed_unacked_present", extra, "items (<=1 per kill is fine)")
    b.rec(im, "recover.killed_in_moves_lost", moved_lost, "items in 3 kills")


@group("kill_running", 2)
def g_kill_running(b, im, rep):
    """Kill everything while short plans run. Every item must still be in the queue or in the history."""
    n, lost, dup, st = 1200, 0, 0, {}  # long enough for a service that runs 1000 plans/s
    for _trial in range(2):
        s = b.service(im, "bench")
        s.start()
        s.open_env()
        for k in range(0, n, 300):
            items = [plan("p_null", meta={"mark": k + i}) for i in range(300)]
            s.c.ok("queue_item_add_batch", {"items": items, **USER}, 60)
        s.c.ok("queue_start")
        s.c.wait(lambda x: x["items_in_history"] >= 2, 30, poll=0.005, what="2 plans done")
        time.sleep(random.random() * 0.5)
        s.kill_group()
        s2 = s.restart()
        s2.start()
        q = s2.c.ok("queue_get")
        h = s2.c.ok("history_get")["items"]
        marks = [x["meta"]["mark"] for x in q["items"] + h]
        if q.get("running_item"):
            marks.append(q["running_item"]["meta"]["mark"])
        lost += n - len(set(marks))
        dup += len(marks) - len(set(marks))
        for x in h:
            e = x["result"]["exit_status"]
            st[e] = st.get(e, 0) + 1
        s2.stop()
    b.rec(im, "recover.killed_running_lost", lost, "items")
    b.rec(im, "recover.killed_running_duplicated", dup, "items")
    b.rec(
        im,
        "recover.killed_running_dropped_unfinished",
        st.get("unknown", 0),
        "interrupted plans neither done nor queued",
    )
    b.note(im, "kill_running", f"exit statuses in the history: {st}")


@group("kill_top", 1)
def g_kill_top(b, im, rep):
    """Kill only the top process: check for orphans, and whether a service can start on the same ports."""
    s = b.service(im, "bench")
    s.start()
    s.open_env()
    s.tree()
    os.kill(s.proc.pid, signal.SIGKILL)
    s.proc.wait(5)
    time.sleep(8)
    left = s.tree()
    b.rec(im, "recover.top_killed_orphans_after_8s", len(left), "processes")
    b.rec(im, "recover.top_killed_old_manager_answers", int(s.c.answers(2)), "1=yes")
    s2 = s.restart()
    s2.port, s2.iport = s.port, s.iport
    try:
        s2.start(timeout=15)
        owner = s2.listener()
        b.rec(im, "recover.top_killed_restart_same_port", int(owner is not None), "1=new service answers")
    except (Timeout, RuntimeError) as ex:
        b.note(im, "kill_top", f"restart on the same ports: {str(ex)[:200]}")
        b.rec(im, "recover.top_killed_restart_same_port", 0, "1=new service answers")
    s2.kill_all()
    s.kill_all()


@group("destroy_printing", 1)
def g_destroy_printing(b, im, rep):
    """Destroy the environment, or kill a worker that is printing; check whether the info stream survives."""
    trials, dead = (2 if b.o.quick else 6), 0
    s = b.service(im, "bench")
    s.start()
    for k in range(trials):
        s.tree()
        s.open_env()
        s.c.ok("function_execute", {"item": {"item_type": "function", "name": "f_print_for", "args": [60]}, **USER})
        time.sleep(1.0 + random.random() * 0.2)
        s.close_env("environment_destroy", 60)
        time.sleep(1.0)
        sub = subscribe(s.iport, topic=b"QS_Info")
        t, fresh = now(), False
        while now() - t < 12 and not fresh:  # old console output may still be draining
            if sub.poll(2000):
                m = json.loads(sub.recv_multipart()[1])
                fresh = abs(m["time"] - time.time()) < 2.0
        sub.close(0)
        if not fresh:
            dead += 1
            b.note(im, "destroy_printing", f"trial {k}: no fresh QS_Info message in 12 s after environment_destroy")
            s.kill_all()
            s = b.service(im, "bench")
            s.start()
    b.rec(im, "recover.info_stream_dead_after_destroy", dead, f"of {trials}")
    s.kill_all()


def store_dies_with_the_service(b, im, own):
    """Simulate a power cut after 300 acknowledged items; return the next service."""
    s = b.service(im, None, redis_addr=own.addr)
    s.start()
    for i in range(300):
        add(s.c, plan(i=i))
    time.sleep(1)
    s.kill_group()
    own.kill()
    own.start()
    s2 = s.restart()
    s2.redis_addr = own.addr
    s2.start()
    b.rec(im, "recover.powercut_lost_acked", 300 - len(queue_uids(s2.c)), "of 300")
    return s2


def can_add(c):
    """Whether the service accepts an item within a second."""
    try:
        return c.call("queue_item_add", {"item": plan(i=0), **USER}, timeout=1.0)["success"]
    except Timeout:
        return False


def store_restarts(b, im, own, s):
    """Make the store unreachable for a moment while the service runs."""
    for i in range(20):
        add(s.c, plan(i=i))
    own.kill(signal.SIGTERM)
    try:
        r = str(s.c.call("queue_item_add", {"item": plan(i=0), **USER}, timeout=5.0))
    except Timeout as ex:
        r = str(ex)
    b.note(im, "redis_faults", f"queue_item_add with the store unreachable: {r[:160]}")
    own.start()
    t = now()
    while now() - t < 30 and not can_add(s.c):
        time.sleep(0.05)
    b.rec(im, "recover.store_restarted_to_add", now() - t, "s")
    s.kill_all()


def store_absent_at_the_start(b, im, own):
    """Make the store unreachable when the service starts, and reachable again 15 s later."""
    own.kill(signal.SIGTERM)
    s = b.service(im, None, redis_addr=own.addr)
    s.spawn()
    c = Client(s.port)
    up = False
    t = now()
    while now() - t < 15 and s.proc.poll() is None and not up:
        up = c.answers(0.5)
    rc = s.proc.poll()
    own.start()
    recovered = up
    t = now()
    while rc is None and not recovered and now() - t < 15:
        recovered = c.answers(0.5)
    c.close()
    b.note(
        im,
        "redis_faults",
        f"store unreachable at the start: exit code {rc}, answers {up}, answers after the store is back {recovered}",
    )
    b.rec(im, "recover.store_absent_at_start_hangs", int(rc is None and not recovered), "1=hangs for ever")
    s.kill_all()


@group("redis_faults", 1)
def g_redis_faults(b, im, rep):
    """Measure the effects on the service and on acknowledged items when the store fails in several ways."""
    if not im.redis or b.o.redis != "auto":
        return
    own = Redis("auto", tempfile.mkdtemp(dir=b.work))
    try:
        s = store_dies_with_the_service(b, im, own)
        store_restarts(b, im, own, s)
        store_absent_at_the_start(b, im, own)
    finally:
        own.kill()


@group("gil_hog", 2)
def g_gil_hog(b, im, rep):
    """Hold the worker's interpreter lock for 0.9 s at a time in a background task; check that each plan runs once."""
    n, hog = 12, {"item": {"item_type": "function", "name": "f_hog", "args": [45, 0.9]}, **USER}
    with b.service(im, "bench") as s:
        c = s.c
        s.open_env()
        c.ok("queue_item_add_batch", {"items": [plan("p_mark", meta={"mark": i}) for i in range(n)], **USER})
        c.ok("function_execute", {**hog, "run_in_background": True})
        time.sleep(0.5)
        t0, starts = now(), 0
        while now() - t0 < 42 and c.status()["items_in_queue"]:
            starts += bool(c.call("queue_start", timeout=15).get("success"))
            try:
                c.wait(lambda x: x["manager_state"] == "idle", 40 - (now() - t0), poll=0.05)
            except Timeout:
                break
        c.wait(lambda x: not x["worker_background_tasks"], 40, poll=0.2)
        st = c.status()
        h = c.ok("history_get")["items"]
        bad = [x["result"] for x in h if x["result"]["exit_status"] != "completed"]
        ran = len(task(c, "function_execute", {"item": {"item_type": "function", "name": "f_marks"}, **USER})[2]) // 2
        done = len({x["meta"]["mark"] if isinstance(x["meta"], dict) else str(x["meta"]) for x in h})
        b.rec(im, "recover.gil_hog_wrong_reports", len(bad), "completed plans reported as not completed")
        b.rec(im, "recover.gil_hog_runs_too_many", ran - done, "plans run twice")
        b.rec(im, "recover.gil_hog_queue_starts", starts, "starts needed")
        b.note(
            im,
            "gil_hog",
            f"{ran} runs of {done} of {n} plans, left {st['items_in_queue']}; {[x['msg'][:90] for x in bad[:2]]}",
        )
