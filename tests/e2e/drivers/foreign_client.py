"""Drives a service with bluesky-queueserver-api, and asserts what the documentation of that package promises.

Run by an interpreter that has that package and not ours, or with our client in its place, by changing the import only::

    python foreign_client.py PACKAGE VARIANT CHAPTER CONTROL_ADDRESS INFO_ADDRESS [PUBLIC_KEY]

PACKAGE is ``bluesky_queueserver_api`` or ``bluesky_qs``; VARIANT is ``threads`` or ``async``; each chapter is written
once, for all of them.
"""

import asyncio
import contextlib
import importlib
import inspect
import sys
import threading

MODULES = {
    "bluesky_queueserver_api": {"threads": "bluesky_queueserver_api.zmq", "async": "bluesky_queueserver_api.zmq.aio"},
    "bluesky_qs": {"threads": "bluesky_qs", "async": "bluesky_qs.aio"},
}

_package = importlib.import_module(sys.argv[1])
BFunc, BInst, BItem, BPlan = _package.BFunc, _package.BInst, _package.BItem, _package.BPlan
WaitMonitor = _package.WaitMonitor

CHAPTERS = {}


def chapter(function):
    CHAPTERS[function.__name__] = function
    return function


async def done(value):
    """What a call of either variant returns."""
    return await value if inspect.isawaitable(value) else value


@contextlib.contextmanager
def raised(kind):
    """The block ends with this exception; ``caught[0]`` is it afterwards."""
    caught = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    assert caught, f"no {kind.__name__}"


@contextlib.contextmanager
def refused(RM, words):
    """The block ends with a refusal that has these words in its message."""
    with raised(RM.RequestFailedError) as caught:
        yield
    response = caught[0].response
    assert response["success"] is False
    assert words in response["msg"], response["msg"]
    assert words in str(caught[0])


async def names(RM):
    return [item["kwargs"].get("num", item["name"]) for item in await items(RM)]


async def items(RM):
    return [{"kwargs": {}, **item} for item in (await done(RM.queue_get()))["items"]]


def plan(num):
    return BPlan("count", ["det1", "det2"], num=num)


async def add(RM, *numbers, **place):
    return [(await done(RM.item_add(plan(num), **place)))["item"]["item_uid"] for num in numbers]


async def opened(RM):
    await done(RM.environment_open())
    await done(RM.wait_for_idle(timeout=60))
    assert (await done(RM.status()))["worker_environment_exists"]


# ------------------------------------------------------------------------------------------------------ the service
STATUS = {
    "msg", "time", "status_uid", "items_in_queue", "items_in_history", "running_item_uid", "manager_state",
    "queue_stop_pending", "queue_autostart_enabled", "worker_environment_exists", "worker_environment_state",
    "worker_background_tasks", "re_state", "ip_kernel_state", "ip_kernel_captured", "pause_pending", "run_list_uid",
    "plan_queue_uid", "plan_history_uid", "devices_existing_uid", "plans_existing_uid", "devices_allowed_uid",
    "plans_allowed_uid", "task_results_uid", "lock_info_uid", "plan_queue_mode", "lock",
}  # fmt: skip


@chapter
async def status_and_environment(RM):
    status = await done(RM.status())
    assert not STATUS - status.keys(), STATUS - status.keys()
    assert status["manager_state"] == "idle"
    assert status["worker_environment_exists"] is False
    assert (await done(RM.ping(reload=True))).keys() == status.keys()
    config = await done(RM.config_get())
    assert (config["success"], config["msg"], config["config"]["ip_connect_info"]) == (True, "", {})

    reply = await done(RM.environment_open())
    assert (reply["success"], reply["msg"]) == (True, "")
    assert (await done(RM.status()))["manager_state"] == "creating_environment"
    await done(RM.wait_for_idle(timeout=60))
    status = await done(RM.status())
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (True, "idle")
    assert (status["re_state"], status["ip_kernel_state"], status["ip_kernel_captured"]) == ("idle", "disabled", True)
    with refused(RM, "RE Worker environment already exists"):
        await done(RM.environment_open())

    reply = await done(RM.environment_update())
    assert (await done(RM.wait_for_completed_task(reply["task_uid"], timeout=30))) == {reply["task_uid"]: "completed"}
    assert (await done(RM.task_result(reply["task_uid"])))["result"]["success"] is True
    await done(RM.wait_for_idle(timeout=30))

    await done(RM.environment_close())
    assert (await done(RM.status()))["manager_state"] == "closing_environment"
    await done(RM.wait_for_idle(timeout=30))
    assert (await done(RM.status()))["worker_environment_exists"] is False
    with refused(RM, "RE Worker environment does not exist"):
        await done(RM.environment_close())

    await opened(RM)
    await done(RM.item_execute(BPlan("count", ["det1"], num=100, delay=1)))
    await done(RM.wait_for_condition(lambda status: status["re_state"] == "running", timeout=30))
    await done(RM.environment_destroy())
    await done(RM.wait_for_idle(timeout=30))
    status = await done(RM.status())
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (False, "closed")
    assert status["items_in_queue"] == 0
    assert (await done(RM.history_get()))["items"][-1]["result"]["exit_status"] == "failed"
    with refused(RM, "RE environment does not exist"):
        await done(RM.environment_destroy())


# -------------------------------------------------------------------------------------------------------- the queue
@chapter
async def queue(RM):
    reply = await done(RM.item_add(plan(1)))
    item = reply["item"]
    assert (reply["success"], reply["msg"], reply["qsize"]) == (True, "", 1)
    assert {**item, "item_uid": ""} == {
        "item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 1},
        "user": RM.user, "user_group": RM.user_group, "item_uid": "",
    }  # fmt: skip
    first = BItem(item)
    assert (first.item_uid, first.name, first.kwargs) == (item["item_uid"], "count", {"num": 1})
    uids = {1: item["item_uid"]}
    (uids[2],) = await add(RM, 2, pos="back")
    (uids[3],) = await add(RM, 3, pos="front")
    (uids[4],) = await add(RM, 4, pos=1)
    (uids[5],) = await add(RM, 5, pos=-1)
    (uids[6],) = await add(RM, 6, before_uid=uids[1])
    (uids[7],) = await add(RM, 7, after_uid=uids[2])
    assert await names(RM) == [3, 4, 6, 1, 5, 2, 7]
    assert [item["item_uid"] for item in await items(RM)] == [uids[num] for num in (3, 4, 6, 1, 5, 2, 7)]
    await done(RM.item_add(plan(8).to_dict(), user="Somebody", user_group="test_user"))
    assert (await items(RM))[-1]["user"] == "Somebody"
    assert (await items(RM))[-1]["user_group"] == "test_user"
    with refused(RM, "Ambiguous parameters"):
        await add(RM, 9, pos=1, before_uid=uids[1])
    with refused(RM, "Plan 'no_such_plan' is not in the list of allowed plans"):
        await done(RM.item_add(BPlan("no_such_plan")))
    with refused(RM, "Plan validation failed"):
        await done(RM.item_add(BPlan("count", ["det1"], no_such=5)))
    with refused(RM, "Unknown user group: 'nobody'"):
        await done(RM.item_add(plan(9), user_group="nobody"))

    assert (await done(RM.item_get()))["item"]["kwargs"] == {"num": 8}
    assert (await done(RM.item_get(pos="front")))["item"]["item_uid"] == uids[3]
    assert (await done(RM.item_get(pos=-2)))["item"]["item_uid"] == uids[7]
    assert (await done(RM.item_get(uid=uids[6])))["item"]["kwargs"] == {"num": 6}
    with refused(RM, "not in the queue"):
        await done(RM.item_get(uid="no-such-uid"))

    changed = BItem((await done(RM.item_get(uid=uids[6])))["item"])
    changed.kwargs["num"] = 60
    reply = await done(RM.item_update(changed))
    assert (reply["qsize"], reply["item"]["item_uid"], reply["item"]["kwargs"]) == (8, uids[6], {"num": 60})
    changed.kwargs["num"] = 6
    reply = await done(RM.item_update(changed, replace=True))
    assert reply["item"]["item_uid"] != uids[6]
    uids[6] = reply["item"]["item_uid"]
    with refused(RM, "is not in the queue"):
        await done(RM.item_update(changed))

    reply = await done(RM.item_move(pos="front", pos_dest="back"))
    assert (reply["qsize"], reply["item"]["item_uid"]) == (8, uids[3])
    await done(RM.item_move(uid=uids[7], before_uid=uids[4]))
    await done(RM.item_move(pos=2, after_uid=uids[1]))
    await done(RM.item_move(uid=uids[2], pos_dest=0))
    assert await names(RM) == [2, 7, 4, 1, 6, 5, 8, 3]
    with refused(RM, "Source plan (position 50) was not found"):
        await done(RM.item_move(pos=50, pos_dest=0))
    reply = await done(RM.item_move_batch(uids=[uids[5], uids[7]], pos_dest="front"))
    assert ([item["item_uid"] for item in reply["items"]], reply["qsize"]) == ([uids[5], uids[7]], 8)
    assert await names(RM) == [5, 7, 2, 4, 1, 6, 8, 3]
    await done(RM.item_move_batch(uids=[uids[3], uids[5]], after_uid=uids[1], reorder=True))
    assert await names(RM) == [7, 2, 4, 1, 5, 3, 6, 8]
    assert (await done(RM.item_move_batch(uids=[], pos_dest="front")))["items"] == []
    with refused(RM, "is in the batch"):
        await done(RM.item_move_batch(uids=[uids[1], uids[2]], before_uid=uids[2]))

    reply = await done(RM.item_remove())
    assert (reply["item"]["kwargs"], reply["qsize"]) == ({"num": 8}, 7)
    await done(RM.item_remove(pos="front"))
    await done(RM.item_remove(pos=-1))
    assert (await done(RM.item_remove(uid=uids[1])))["item"]["item_uid"] == uids[1]
    assert await names(RM) == [2, 4, 5, 3]
    reply = await done(RM.item_remove_batch(uids=[uids[5], "no-such-uid", uids[2]]))
    assert ([item["item_uid"] for item in reply["items"]], reply["qsize"]) == ([uids[5], uids[2]], 2)
    with refused(RM, "no-such-uid"):
        await done(RM.item_remove_batch(uids=[uids[4], "no-such-uid"], ignore_missing=False))

    reply = await done(RM.item_add_batch([plan(10), BInst("queue_stop"), plan(11).to_dict()], before_uid=uids[3]))
    assert (reply["success"], reply["qsize"]) == (True, 5)
    assert [result["success"] for result in reply["results"]] == [True, True, True]
    assert [item["name"] for item in reply["items"]] == ["count", "queue_stop", "count"]
    assert await names(RM) == [4, 10, "queue_stop", 11, 3]
    with refused(RM, "validation of 1 out of 2 submitted items failed"):
        await done(RM.item_add_batch([plan(12), BPlan("no_such_plan")]))
    assert len(await items(RM)) == 5

    cached = await done(RM.queue_get())
    assert cached == await done(RM.queue_get(reload=True))
    assert cached["running_item"] == {}
    assert cached["plan_queue_uid"] == (await done(RM.status()))["plan_queue_uid"]
    await done(RM.queue_clear())
    assert (await done(RM.queue_get()))["items"] == []
    assert (await done(RM.queue_get()))["plan_queue_uid"] != cached["plan_queue_uid"]

    RM.request_fail_exceptions_enabled = False
    reply = await done(RM.item_add(BPlan("no_such_plan")))
    assert (reply["success"], reply["qsize"]) == (False, None)
    assert reply["item"]["name"] == "no_such_plan"
    reply = await done(RM.item_get())
    assert (reply["success"], reply["item"]) == (False, {})


# ------------------------------------------------------------------------------------------------ running the queue
@chapter
async def running(RM):
    with refused(RM, "RE Worker environment does not exist"):
        await done(RM.queue_start())
    await opened(RM)
    added = await add(RM, 1, 2)
    reply = await done(RM.queue_start())
    assert (reply["success"], reply["msg"]) == (True, "")
    await done(RM.wait_for_idle(timeout=60))
    status = await done(RM.status())
    assert (status["items_in_queue"], status["items_in_history"]) == (0, 2)
    history = await done(RM.history_get())
    assert history["plan_history_uid"] == status["plan_history_uid"]
    assert [item["item_uid"] for item in history["items"]] == added
    for item in history["items"]:
        result = item["result"]
        assert (result["exit_status"], result["msg"], result["traceback"]) == ("completed", "", "")
        assert len(result["run_uids"]) == len(result["scan_ids"]) == 1
        assert result["time_start"] <= result["time_stop"]

    long = BPlan("count", ["det1"], num=5, delay=0.2)
    await done(RM.item_add_batch([long, long, plan(3)]))
    await done(RM.queue_start())
    await done(RM.queue_stop())
    assert (await done(RM.status()))["queue_stop_pending"] is True
    await done(RM.queue_stop_cancel())
    assert (await done(RM.status()))["queue_stop_pending"] is False
    running = (await done(RM.queue_get()))["running_item"]
    assert (running["name"], running["item_uid"]) == ("count", (await done(RM.status()))["running_item_uid"])
    assert running["properties"]["time_start"] > 0
    with refused(RM, "RE Manager must be in idle state"):
        await done(RM.environment_close())
    await done(RM.queue_stop())
    await done(RM.wait_for_idle(timeout=60))
    assert (await done(RM.status()))["items_in_queue"] == 2

    await done(RM.queue_mode_set(loop=True))
    assert (await done(RM.status()))["plan_queue_mode"] == {"loop": True, "ignore_failures": False}
    before = [item["item_uid"] for item in await items(RM)]
    await done(RM.item_add(BInst("queue_stop"), pos=1))
    await done(RM.queue_start())
    await done(RM.wait_for_idle(timeout=60))
    after = await items(RM)
    assert [item["name"] for item in after] == ["count", "count", "queue_stop"]
    assert after[0]["item_uid"] == before[1]
    assert after[1]["item_uid"] not in before
    assert after[1]["kwargs"] == long.kwargs
    await done(RM.queue_mode_set(mode={"ignore_failures": True}))
    assert (await done(RM.status()))["plan_queue_mode"] == {"loop": True, "ignore_failures": True}
    await done(RM.queue_mode_set(mode="default"))
    assert (await done(RM.status()))["plan_queue_mode"] == {"loop": False, "ignore_failures": False}
    await done(RM.queue_clear())

    reply = await done(RM.item_execute(BPlan("count", ["det1"], num=2)))
    assert (reply["success"], reply["qsize"], reply["item"]["name"]) == (True, 0, "count")
    await done(RM.wait_for_idle(timeout=60))
    done_item = (await done(RM.history_get()))["items"][-1]
    assert done_item["item_uid"] == reply["item"]["item_uid"]
    again = await done(RM.item_add(BItem(done_item)))
    assert "result" not in again["item"]
    assert again["item"]["item_uid"] != done_item["item_uid"]

    await done(RM.queue_autostart(True))
    assert (await done(RM.status()))["queue_autostart_enabled"] is True
    await done(RM.wait_for_condition(lambda status: not status["items_in_queue"], timeout=60))
    await done(RM.item_add(BPlan("count", ["det1"], num=2, delay=0.2)))
    await done(RM.wait_for_idle_or_running(timeout=60))
    await done(RM.wait_for_condition(lambda s: (s["manager_state"], s["items_in_queue"]) == ("idle", 0), timeout=60))
    await done(RM.queue_autostart(False))

    history = (await done(RM.history_get(reload=True)))["items"]
    await done(RM.history_clear(size=3))
    assert (await done(RM.history_get()))["items"] == history[-3:]
    await done(RM.history_clear(item_uid=history[-2]["item_uid"]))
    assert (await done(RM.history_get()))["items"] == history[-1:]
    await done(RM.history_clear())
    assert (await done(RM.history_get()))["items"] == []


@chapter
async def run_engine(RM):
    await opened(RM)
    long = BPlan("count", ["det1"], num=500, delay=0.1)
    assert await run_list(RM) == []
    with refused(RM, "paused"):
        await done(RM.re_resume())
    for end, exit_status, stays in (
        ("re_stop", "stopped", False),
        ("re_abort", "aborted", True),
        ("re_halt", "halted", True),
    ):
        await done(RM.queue_clear())
        uid = (await done(RM.item_add(long)))["item"]["item_uid"]
        await done(RM.queue_start())
        await done(RM.wait_for_condition(lambda status: status["re_state"] == "running", timeout=30))
        runs = await begun(RM)
        assert [(run["is_open"], run["exit_status"]) for run in runs] == [(True, None)], runs
        await done(RM.re_pause("immediate" if end == "re_halt" else "deferred"))
        await done(RM.wait_for_idle_or_paused(timeout=30))
        assert (await done(RM.status()))["manager_state"] == "paused"
        with refused(RM, ""):
            await done(RM.queue_start())
        await done(RM.re_resume())
        await done(RM.wait_for_condition(lambda status: status["manager_state"] == "executing_queue", timeout=30))
        await done(RM.re_pause())
        await done(RM.wait_for_idle_or_paused(timeout=30))
        assert (await done(RM.re_runs("open")))["run_list"] == await run_list(RM)
        assert (await done(RM.re_runs("closed")))["run_list"] == []
        await done(getattr(RM, end)())
        await done(RM.wait_for_idle(timeout=30))
        last = (await done(RM.history_get()))["items"][-1]
        assert (last["item_uid"], last["result"]["exit_status"]) == (uid, exit_status)
        assert (await run_list(RM)) == []
        queued = await items(RM)
        assert bool(queued) is stays
        assert all(item["item_uid"] != uid for item in queued)


async def begun(RM):
    """The runs of the plan that has begun, as soon as there are any: a running plan need not have opened one."""
    while not (runs := await done(RM.re_runs(reload=True)))["run_list"]:
        uid = runs["run_list_uid"]
        await done(RM.wait_for_condition(lambda status, uid=uid: status["run_list_uid"] != uid, timeout=30))
    return await run_list(RM)


async def run_list(RM):
    reply = await done(RM.re_runs(reload=True))
    assert reply["run_list_uid"] == (await done(RM.status()))["run_list_uid"]
    return reply["run_list"]


# --------------------------------------------------------------------------------------- plans, devices, permissions
@chapter
async def permissions(RM):
    plans = await done(RM.plans_allowed())
    assert plans["plans_allowed_uid"] == (await done(RM.status()))["plans_allowed_uid"]
    assert {"count", "scan", "adaptive_scan"} <= plans["plans_allowed"].keys()
    assert plans["plans_allowed"]["count"]["name"] == "count"
    assert [p["name"] for p in plans["plans_allowed"]["count"]["parameters"]][:2] == ["detectors", "num"]
    devices = await done(RM.devices_allowed())
    assert {"det1", "motor", "sim_bundle_A"} <= devices["devices_allowed"].keys()
    few = await done(RM.plans_allowed(user_group="test_user"))
    assert "count" in few["plans_allowed"]
    assert "adaptive_scan" not in few["plans_allowed"]
    assert "det3" not in (await done(RM.devices_allowed(user_group="test_user")))["devices_allowed"]
    assert "count" in (await done(RM.plans_existing()))["plans_existing"]
    motor = (await done(RM.devices_existing()))["devices_existing"]["motor"]
    assert (motor["is_readable"], motor["is_movable"], motor["is_flyable"]) == (True, True, False)

    groups = (await done(RM.permissions_get()))["user_group_permissions"]
    assert {"root", "primary"} <= groups["user_groups"].keys()
    uid = (await done(RM.status()))["plans_allowed_uid"]
    await done(RM.permissions_set(groups))
    assert (await done(RM.status()))["plans_allowed_uid"] == uid
    groups["user_groups"][RM.user_group]["allowed_plans"] = ["scan"]
    await done(RM.permissions_set(groups))
    assert list((await done(RM.plans_allowed()))["plans_allowed"]) == ["scan"]
    assert (await done(RM.plans_allowed()))["plans_allowed_uid"] != uid
    with refused(RM, "Plan 'count' is not in the list of allowed plans"):
        await add(RM, 1)
    del groups["user_groups"]["root"]
    with refused(RM, "Missing required user group: 'root'"):
        await done(RM.permissions_set(groups))
    reply = await done(RM.permissions_reload(restore_plans_devices=True, restore_permissions=True))
    assert (reply["success"], reply["msg"]) == (True, "")
    assert (await done(RM.plans_allowed(reload=True)))["plans_allowed"].keys() == plans["plans_allowed"].keys()


# -------------------------------------------------------------------------------------------------------------- tasks
SCRIPT = """
def double(number, *, times=1):
    return [number] * 2 * times

import threading
told = threading.Event()

def wait_until_told():
    return told.wait(60)

def tell():
    told.set()
"""


@chapter
async def tasks(RM):
    await opened(RM)
    groups = (await done(RM.permissions_get()))["user_group_permissions"]
    groups["user_groups"][RM.user_group]["allowed_functions"] = [":.*"]
    await done(RM.permissions_set(groups))
    uid = (await done(RM.script_upload(SCRIPT)))["task_uid"]
    assert (await done(RM.wait_for_completed_task(uid, timeout=30))) == {uid: "completed"}
    await done(RM.wait_for_idle(timeout=30))
    reply = await done(RM.function_execute(BFunc("double", 5, times=2)))
    assert (reply["item"]["name"], reply["item"]["user"]) == ("double", RM.user)
    uid = reply["task_uid"]
    assert (await done(RM.wait_for_completed_task([uid], timeout=30))) == {uid: "completed"}
    reply = await done(RM.task_result(uid))
    assert (reply["success"], reply["task_uid"], reply["status"]) == (True, uid, "completed")
    result = reply["result"]
    assert (result["success"], result["msg"], result["return_value"]) == (True, "", [5, 5, 5, 5])
    assert result["time_start"] <= result["time_stop"]
    await done(RM.wait_for_idle(timeout=30))

    uid = (await done(RM.function_execute(BFunc("wait_until_told"), run_in_background=True)))["task_uid"]
    assert (await done(RM.status()))["worker_background_tasks"] == 1
    reply = await done(RM.task_result(uid))
    assert (reply["status"], reply["result"]["run_in_background"]) == ("running", True)
    assert (await done(RM.task_status(uid)))["status"] == "running"
    both = await done(RM.task_status([uid, "no-such-task"]))
    assert both["status"] == {uid: "running", "no-such-task": "not_found"}
    assert await done(RM.wait_for_completed_task({uid, "no-such-task"}, timeout=30)) == {"no-such-task": "not_found"}
    await done(RM.function_execute(BFunc("tell"), run_in_background=True))
    assert await done(RM.wait_for_completed_task(uid, timeout=30)) == {uid: "completed"}
    assert (await done(RM.task_status(uid)))["status"] == "completed"
    assert (await done(RM.task_result("no-such-task")))["result"] == {}

    uid = (await done(RM.script_upload("raise RuntimeError('on purpose')", update_lists=False)))["task_uid"]
    await done(RM.wait_for_completed_task(uid, timeout=30))
    result = (await done(RM.task_result(uid)))["result"]
    assert result["success"] is False
    assert "on purpose" in result["msg"]
    assert "RuntimeError" in result["traceback"]
    await done(RM.wait_for_idle(timeout=30))
    with refused(RM, "Function name is not specified"):
        await done(RM.function_execute({"item_type": "function"}))
    await done(RM.function_execute(BFunc("no_such_function")))
    await done(RM.wait_for_idle(timeout=30))


# --------------------------------------------------------------------------------------------------------------- lock
@chapter
async def lock(RM):
    info = (await done(RM.lock_info()))["lock_info"]
    assert (info["environment"], info["queue"], info["user"]) == (False, False, None)
    assert (info["time"], info["time_str"]) == (None, "")
    with raised(RuntimeError):  # no key is set
        await done(RM.lock_all())
    RM.lock_key = "one-key"
    RM.enable_locked_api = False
    reply = await done(RM.lock_queue(note="measuring"))
    info = reply["lock_info"]
    assert (info["environment"], info["queue"], info["note"], info["user"]) == (False, True, "measuring", RM.user)
    assert info["time"] > 0
    assert info["time_str"]
    assert "one-key" not in str(reply)
    status = await done(RM.status())
    assert status["lock"] == {"environment": False, "queue": True}
    assert reply["lock_info_uid"] == status["lock_info_uid"]
    with refused(RM, "Invalid lock key"):
        await add(RM, 1)
    await add(RM, 1, lock_key="one-key")
    RM.enable_locked_api = True
    await add(RM, 2)
    RM.enable_locked_api = False
    with refused(RM, "Invalid lock key"):
        await done(RM.queue_clear())
    await done(RM.lock_all())
    assert (await done(RM.status()))["lock"] == {"environment": True, "queue": True}
    with refused(RM, "Invalid lock key"):
        await done(RM.environment_open())
    with refused(RM, "RE Manager was locked with a different key"):
        await done(RM.lock_environment("another-key"))
    with refused(RM, ""):
        await done(RM.lock_info(lock_key="another-key"))
    assert (await done(RM.lock_info(lock_key="one-key")))["success"]
    with refused(RM, "Invalid lock key"):
        await done(RM.unlock("another-key"))
    assert (await done(RM.unlock()))["lock_info"]["environment"] is False
    await add(RM, 3)
    assert len(await items(RM)) == 3
    await done(RM.lock("one-key", environment=True))
    assert (await done(RM.lock_info(reload=True)))["lock_info"]["environment"] is True
    await done(RM.unlock(lock_key="the-emergency-key"))
    assert (await done(RM.status()))["lock"] == {"environment": False, "queue": False}


# ------------------------------------------------------------------------------------------------- monitors and waits
@chapter
async def monitors(RM):
    RM.console_monitor.enable()
    RM.system_info_monitor.enable()
    assert RM.console_monitor.enabled
    # A subscription takes a moment: both monitors must have heard something before anything is asked of them.
    message = await done(RM.system_info_monitor.next_msg(timeout=30))
    assert message["time"] > 0
    assert not STATUS - message["msg"]["status"].keys()
    await opened(RM)
    message = await done(RM.console_monitor.next_msg(timeout=30))
    assert message.keys() >= {"time", "msg"}
    groups = (await done(RM.permissions_get()))["user_group_permissions"]
    groups["user_groups"][RM.user_group]["allowed_functions"] = [":.*"]
    await done(RM.permissions_set(groups))
    await done(RM.script_upload("for n in range(300):\n    print('line', n, 'of many')\nprint('ö—\\x1b[1m!')\n"))
    text = []
    while "ö—\x1b[1m!\n" not in "".join(text):
        text.append((await done(RM.console_monitor.next_msg(timeout=30)))["msg"])
    printed = [line for line in "".join(text).splitlines() if line.endswith("of many")]
    assert printed == [f"line {n} of many" for n in range(300)]
    assert "line 299 of many" in await done(RM.console_monitor.text(20))
    assert RM.console_monitor.text_uid
    state = ""
    while state != "idle":
        message = await done(RM.system_info_monitor.next_msg(timeout=30))
        state = message["msg"]["status"]["manager_state"]
    await done(RM.console_monitor.disable_wait(timeout=30))
    await done(RM.system_info_monitor.disable_wait(timeout=30))
    assert not RM.console_monitor.enabled


@chapter
async def waits(RM):
    await opened(RM)
    await done(RM.item_execute(BPlan("count", ["det1"], num=100, delay=1)))
    with raised(RM.WaitTimeoutError):
        await done(RM.wait_for_idle(timeout=0.3))
    monitor = WaitMonitor()
    threading.Timer(0.3, monitor.cancel).start()
    with raised(RM.WaitCancelError):
        await done(RM.wait_for_idle(timeout=30, monitor=monitor))
    await done(RM.re_pause())
    await done(RM.wait_for_idle_or_paused(timeout=30))
    await done(RM.re_stop())
    await done(RM.wait_for_idle(timeout=30))


@chapter
async def ping(RM):
    assert (await done(RM.status()))["manager_state"] == "idle"


@chapter
async def nobody(RM):
    with raised(RM.RequestTimeoutError) as caught:
        await done(RM.status())
    print(caught[0])


@chapter
async def stop(RM):
    with refused(RM, "'x'"):
        await done(RM.send_request(method="manager_stop", params={"option": "x"}))
    assert (await done(RM.send_request(method="manager_stop")))["success"]


async def main(package, variant, name, control, info, public_key=None):
    RM = importlib.import_module(MODULES[package][variant]).REManagerAPI(
        zmq_control_addr=control,
        zmq_info_addr=info,
        zmq_public_key=public_key,
        status_expiration_period=0.02,
        status_polling_period=0.05,
        console_monitor_poll_timeout=0.1,
    )
    try:
        await CHAPTERS[name](RM)
    finally:
        await done(RM.close())
    print("DONE")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
