"""Measure the environment, plans, tasks, pauses, the history, the console and the command line."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid

import zmq
from harness import CTX, GROUPS, USER, Client, Timeout, free_port, group, now, pct
from measure_requests import latencies, throughput
from service import add, plan, run_queue, timed
from startup_code import BARE, BIG_DIR


# --------------------------------------------------------------------------- 5 environment
@group("env", 3)
def g_env(b, im, rep):
    for which in (None, "empty", "bench", "big"):
        name = which or "builtin"
        with b.service(im, which) as s:
            b.rec(im, f"env.open_{name}_first", s.open_env(), "s")
            if which in (None, "big"):
                time.sleep(0.5)
                rss, pss, n = s.mem()
                b.rec(im, f"env.{name}_rss", rss, "MiB")
                b.rec(im, f"env.{name}_pss", pss, "MiB")
                b.rec(im, f"env.{name}_processes", n, "")
            if which is None:
                b.rec(im, "env.builtin_idle_cpu", s.idle_cpu(), "%")
            b.rec(im, f"env.close_{name}", s.close_env(), "s")
            b.rec(im, f"env.open_{name}_again", s.open_env(), "s")
            if which in (None, "big"):
                b.rec(im, f"env.destroy_{name}", s.close_env("environment_destroy"), "s")
            if which == "big":
                s.open_env()
                for m in ("plans_allowed", "devices_allowed", "plans_existing", "devices_existing"):
                    p = {"user_group": "primary"} if m.endswith("allowed") else {}
                    v = [timed(s.c, m, p)[0] for _ in range(5)]
                    b.rec(im, f"env.{m}_big", pct(v, 50), "ms")
                it = plan("plan001", kwargs={"detectors": ["dev000", "dev001"], "num": 3, "mode": "slow"})
                add(s.c, it)
                v = [timed(s.c, "queue_item_add", {"item": it, **USER})[0] for _ in range(50)]
                b.rec(im, "queue.add_annotated_big", pct(v, 50), "ms")
                # start of the service when the stored lists of plans and devices are large
                s.stop()
                s2 = s.restart()
                s2.publish = False
                b.rec(im, "start.first_status_big_lists", s2.start(), "s")
                s2.stop()
    d = tempfile.mkdtemp(dir=b.work)
    for which in ("big", "bench"):
        t = now()
        e = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        e["HOME"] = d
        cmd = [im.exe("qserver-list-plans-devices"), "--startup-dir", b.dirs[which], "--file-dir", d]
        r = subprocess.run(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=e, cwd=d, timeout=240)
        if r.returncode:
            raise RuntimeError(r.stderr.decode()[-300:])
        b.rec(im, f"env.list_plans_devices_{which}", now() - t, "s")


# --------------------------------------------------------------------------- 6 plans
@group("bare", 3)
def g_bare(b, im, rep):
    """The physical limit: the same plans in a RunEngine in a bare process."""
    f = os.path.join(b.work, "bare.py")
    open(f, "w").write(BARE)
    src = os.path.join(b.dirs["bench"], "00_startup.py")
    t = now()
    r = subprocess.run([im.exe("python"), f, src, "60"], capture_output=True, timeout=240)
    if r.returncode:
        raise RuntimeError(r.stderr.decode()[-300:])
    b.rec(im, "bare.process_total", now() - t, "s")
    for k, v in json.loads(r.stdout.decode().strip().splitlines()[-1]).items():
        b.rec(im, f"bare.{k}", v, "s" if k.endswith("_s") else "ms")
    # the limit of the transport: an echo server (plain blocking pyzmq) answering as many bytes as a status
    port = free_port()
    code = "import sys,zmq\ns=zmq.Context().socket(zmq.REP)\ns.bind('tcp://127.0.0.1:'+sys.argv[1])\nr=b'x'*1200\n"
    code += "while True:\n    s.recv()\n    s.send(r)\n"
    e = subprocess.Popen([sys.executable, "-c", code, str(port)])
    try:
        c = Client(port)
        latencies(c, 300)
        v = latencies(c, 1500)
        c.close()
        b.rec(im, "bare.zmq_echo_p50", pct(v, 50), "ms")
        b.rec(im, "bare.zmq_echo_p99", pct(v, 99), "ms")
        b.rec(im, "bare.zmq_echo_rate_1_client", throughput(port, 1, 1), "1/s")
        b.rec(im, "bare.zmq_echo_rate_8_clients", throughput(port, 8, 1), "1/s")
    finally:
        e.kill()
        e.wait()
    f = os.path.join(b.work, "bare_big.py")
    open(f, "w").write(BIG_DIR)
    t = now()
    subprocess.run([im.exe("python"), f], check=True, timeout=240)
    b.rec(im, "bare.big_startup_process", now() - t, "s")


def plan_overhead(b, im, s, tag, name, n, item=None):
    c = s.c
    c.ok("history_clear")
    for _ in range(2):
        add(c, item or plan(name))
    run_queue(c, 120)
    c.ok("history_clear")
    c.ok("queue_item_add_batch", {"items": [item or plan(name)] * n, **USER}, 120)
    cpu = s.cpu()
    wall = run_queue(c, 400)
    b.rec(im, f"plan.{tag}_wall", wall / n * 1e3, "ms")
    b.rec(im, f"plan.{tag}_cpu", (s.cpu() - cpu) / n * 1e3, "ms")
    h = c.ok("history_get")["items"]
    if len(h) != n or any(x["result"]["exit_status"] != "completed" for x in h):
        raise RuntimeError(f"{len(h)} plans in the history, {[x['result'] for x in h[-1:]]}")
    gap = [(y["result"]["time_start"] - x["result"]["time_stop"]) * 1e3 for x, y in itertools.pairwise(h)]
    dur = [(x["result"]["time_stop"] - x["result"]["time_start"]) * 1e3 for x in h]
    b.rec(im, f"plan.{tag}_gap_p50", pct(gap, 50), "ms")
    b.rec(im, f"plan.{tag}_gap_p99", pct(gap, 99), "ms")
    b.rec(im, f"plan.{tag}_recorded_duration", pct(dur, 50), "ms")


@group("plans", 3)
def g_plans(b, im, rep):
    n = 20 if b.o.quick else (200 if rep == 0 else 40)  # 200 the first time, 40 for the repeats
    with b.service(im, "bench") as s:
        s.open_env()
        plan_overhead(b, im, s, "nothing", "p_nothing", n // 2)
        plan_overhead(b, im, s, "null", "p_null", n)
        plan_overhead(b, im, s, "count", "count", n, plan("count", args=[["det"]], kwargs={}))
        # the real gap between two plans, by the clock of the plans themselves
        m = min(n, 40)
        s.c.ok("queue_item_add_batch", {"items": [plan("p_mark")] * m, **USER}, 120)
        run_queue(s.c, 120)
        r = task(s.c, "function_execute", {"item": {"item_type": "function", "name": "f_marks"}, **USER})[2]
        gap = [(y - x) * 1e3 for x, y in zip(r[1::2], r[2::2], strict=False)]
        b.rec(im, "plan.real_gap_p50", pct(gap, 50), "ms")
        b.rec(im, "plan.real_gap_p99", pct(gap, 99), "ms")
        # latency of one plan on an idle service: from queue_start until the plan is in the history
        v = []
        for _ in range(8):
            add(s.c, plan("p_null"))
            h = s.c.status()["items_in_history"]
            t = now()
            s.c.ok("queue_start")
            s.c.wait(lambda x: x["items_in_history"] > h and x["manager_state"] == "idle", 30, poll=0.005)
            v.append((now() - t) * 1e3)
        b.rec(im, "plan.single_start_to_idle", pct(v, 50), "ms")
        v = []
        for _ in range(8):
            h = s.c.status()["items_in_history"]
            t = now()
            s.c.ok("queue_item_execute", {"item": plan("p_null"), **USER})
            s.c.wait(lambda x: x["items_in_history"] > h and x["manager_state"] == "idle", 30, poll=0.005)
            v.append((now() - t) * 1e3)
        b.rec(im, "plan.item_execute_to_idle", pct(v, 50), "ms")


# --------------------------------------------------------------------------- 7 tasks
def task(c, method, params, timeout=60.0):
    t = now()
    r = c.ok(method, params)
    accepted = (now() - t) * 1e3
    uid = r["task_uid"]
    while True:
        r = c.call("task_result", {"task_uid": uid})
        if r.get("status") == "completed":
            break
        if now() - t > timeout:
            raise Timeout(f"{method}: {r}")
        time.sleep(0.004)
    if not r["result"]["success"]:
        raise RuntimeError(r["result"]["msg"])
    return (now() - t) * 1e3, accepted, r["result"]["return_value"]


def tasks(b, im, s, tag, n):
    f = {"item": {"item_type": "function", "name": "f_nop", "args": [1]}, **USER}

    def one(name, method, params, n):
        v = []
        for i in range(n + 1):
            s.c.wait(lambda x: x["manager_state"] == "idle", 30, poll=0.01)
            time.sleep(0.01 + (i * 0.618 % 1) * 0.5)  # spread evenly over the phase of a polling loop
            r = task(s.c, method, params(i) if callable(params) else params)
            if i:
                v.append(r)
        b.rec(im, f"task.{name}_{tag}_p50", pct([x[0] for x in v], 50), "ms")
        b.rec(im, f"task.{name}_{tag}_max", max(x[0] for x in v), "ms")

    one("function_fg", "function_execute", f, n)
    one("function_bg", "function_execute", {**f, "run_in_background": True}, n)
    one("script_nolists", "script_upload", {"script": "zz = 1\n", "update_lists": False}, n)
    one("script_lists", "script_upload", {"script": "zz = 2\n", "update_lists": True}, n)
    new = "def newplan{0}(a: int = {0}):\n    yield from ()\n"
    one("script_new_plan", "script_upload", lambda i: {"script": new.format(i), "update_lists": True}, max(3, n // 2))


@group("tasks", 3)
def g_tasks(b, im, rep):
    for tag, n in (("small", 12), ("big", 6)):
        with b.service(im, "bench" if tag == "small" else "big") as s:
            s.open_env()
            tasks(b, im, s, tag, n)


# --------------------------------------------------------------------------- 8 pause
@group("pause", 3)
def g_pause(b, im, rep):
    with b.service(im, "bench") as s:
        s.open_env()
        c, v = s.c, {"pause_accept": [], "pause": [], "resume": [], "abort": [], "start": []}

        def step(name, method, params, pred):
            t = now()
            c.ok(method, params)
            if name == "pause":
                v["pause_accept"].append((now() - t) * 1e3)
            c.wait(pred, 30, poll=0.005, what=name)
            v[name].append((now() - t) * 1e3)

        for i in range(6):
            add(c, plan("p_steps", kwargs={"n": 100000, "delay": 0.01}))
            running = lambda x: x["manager_state"] == "executing_queue" and x["re_state"] == "running"
            paused = lambda x: x["manager_state"] == "paused" and x["re_state"] == "paused"
            step("start", "queue_start", {}, running)
            time.sleep(0.05 + (i * 0.618 % 1) * 0.5)
            step("pause", "re_pause", {"option": "immediate"}, paused)
            step("resume", "re_resume", {}, running)
            time.sleep(0.05 + (i * 0.382 % 1) * 0.5)
            step("pause", "re_pause", {"option": "immediate"}, paused)
            step("abort", "re_abort", {}, lambda x: x["manager_state"] == "idle")
            c.ok("queue_clear")
        for k, x in v.items():
            b.rec(im, f"pause.{k}_p50", pct(x, 50), "ms")
            b.rec(im, f"pause.{k}_max", max(x), "ms")


# --------------------------------------------------------------------------- 9 history
def history_item(i):
    t = 1.7e9 + i
    return {
        "item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": i + 1, "delay": 0.1},
        "user": "bench", "user_group": "primary", "item_uid": str(uuid.uuid4()),
        "result": {"exit_status": "completed", "run_uids": [str(uuid.uuid4())], "scan_ids": [i], "time_start": t,
                   "time_stop": t + 0.5, "msg": "", "traceback": ""},
    }  # fmt: skip


@group("history", 3)
def g_history(b, im, rep):
    n = 5000
    s = b.service(im, "bench")
    seeded = False
    if im.redis and not b.o.no_seed:
        try:  # the layout of the reference service: a Redis list PREFIX_plan_history of JSON items
            b.redis.rpush(s.prefix + "_plan_history", [json.dumps(history_item(i)) for i in range(n)])
            seeded = True
        except (OSError, RuntimeError) as ex:  # no Redis there, or one that refuses
            b.note(im, "history", f"seeding failed: {ex}")
    s.start()
    s.open_env()
    have = s.c.status()["items_in_history"]
    if not seeded or have < n:  # not redis-compatible: make the history by running plans, bounded in time
        t0 = now()
        while have < n and now() - t0 < 150:
            s.c.ok("queue_item_add_batch", {"items": [plan("p_nothing")] * 250, **USER}, 60)
            run_queue(s.c, 200)
            have = s.c.status()["items_in_history"]
        b.note(im, "history", f"{have} history items generated by running plans in {now() - t0:.0f} s")
    v = [timed(s.c, "history_get") for _ in range(5)]
    size = len(v[0][1]["items"])
    b.rec(im, "history.get_5000", pct([x[0] for x in v], 50) * n / max(size, 1), "ms")
    m = 12
    for tag in ("large", "empty"):
        if tag == "empty":
            s.c.ok("history_clear")
        s.c.ok("queue_item_add_batch", {"items": [plan("p_null")] * m, **USER})
        b.rec(im, f"history.plan_wall_{tag}", run_queue(s.c, 120) / m * 1e3, "ms")
    s.stop()


# --------------------------------------------------------------------------- 10 console
def subscribe(port, hwm=None, topic=b"QS_Console"):
    sub = CTX.socket(zmq.SUB)
    sub.setsockopt(zmq.LINGER, 0)
    if hwm is not None:
        sub.setsockopt(zmq.RCVHWM, hwm)
    sub.connect(f"tcp://127.0.0.1:{port}")
    sub.subscribe(topic)
    time.sleep(0.5)
    return sub


@group("console", 3)
def g_console(b, im, rep):
    n = 10_000 if b.o.quick else 100_000
    with b.service(im, "bench") as s:
        s.open_env()
        sub = subscribe(s.iport)  # default high-water mark, as in real clients
        f = {"item": {"item_type": "function", "name": "f_print", "args": [n]}, **USER}
        t0 = now()
        uid = s.c.ok("function_execute", f)["task_uid"]
        lines = msgs = nbytes = 0
        first = last = None
        done_at = None
        while now() - t0 < 240:
            if sub.poll(1500):
                while True:
                    try:
                        fr = sub.recv_multipart(zmq.NOBLOCK)
                    except zmq.Again:
                        break
                    msgs += 1
                    nbytes += len(fr[1])
                    k = fr[1].count(b"console line ")
                    if k:
                        lines += k
                        last = now()
                        first = first or last
            else:
                r = s.c.call("task_result", {"task_uid": uid})
                if r.get("status") == "completed":
                    done_at = r["result"]["time_stop"] - r["result"]["time_start"]
                    break
        sub.close(0)
        b.rec(im, "console.delivered_rate", lines / max(last - first, 1e-6), "lines/s")
        b.rec(im, "console.lost_lines", n - lines, f"of {n}")
        b.rec(im, "console.messages_per_line", msgs / max(lines, 1), "")
        b.rec(im, "console.bytes_per_line", nbytes / max(lines, 1), "B")
        b.rec(im, "console.printer_time", done_at or float("nan"), "s")
        b.rec(im, "console.last_line_after_start", last - t0, "s")


# --------------------------------------------------------------------------- 11 CLI
@group("cli", 5)
def g_cli(b, im, rep):
    s = getattr(b, "_cli_" + im.label, None)
    if s is None:
        s = b.service(im)
        s.start()
        setattr(b, "_cli_" + im.label, s)
    for name, cmd in (
        ("cli.qserver_status", [im.exe("qserver"), "status"]),
        ("cli.qserver_help", [im.exe("qserver"), "--help"]),
        ("cli.start_re_manager_help", [im.exe("start-re-manager"), "--help"]),
        ("cli.bare_python", [im.exe("python"), "-c", "pass"]),
    ):
        if not os.path.exists(cmd[0]):
            continue
        t = now()
        r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=s.env(), timeout=60)
        b.rec(im, name, (now() - t) * 1e3, "ms")
        if r.returncode:
            raise RuntimeError(f"{cmd}: rc {r.returncode} {r.stdout[-200:]}")
    if rep == GROUPS["cli"][1] - 1 or rep == b.last_rep:
        s.stop()
