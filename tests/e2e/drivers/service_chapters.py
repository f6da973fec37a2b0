"""Chapters of the driver on all but the queue: environment, permissions, tasks, lock, monitors, waits."""

import threading

from common import (
    STATUS,
    BFunc,
    BPlan,
    WaitMonitor,
    add,
    done,
    items,
    locked_file,
    opened,
    raised,
    refused,
    says_who,
    uploaded,
)

LASTING = """
import atexit
import fcntl

atexit.register(fcntl.flock, open({name!r}), fcntl.LOCK_EX)
"""


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
    assert (await done(RM.wait_for_completed_task(reply["task_uid"], timeout=60))) == {reply["task_uid"]: "completed"}
    assert (await done(RM.task_result(reply["task_uid"])))["result"]["success"] is True
    await done(RM.wait_for_idle(timeout=60))

    with locked_file() as name:
        await uploaded(RM, LASTING.format(name=name))
        await done(RM.environment_close())
        assert (await done(RM.status()))["manager_state"] == "closing_environment"
    await done(RM.wait_for_idle(timeout=60))
    assert (await done(RM.status()))["worker_environment_exists"] is False
    with refused(RM, "RE Worker environment does not exist"):
        await done(RM.environment_close())

    await opened(RM)
    await done(RM.item_execute(BPlan("count", ["det1"], num=100, delay=1)))
    await done(RM.wait_for_condition(lambda status: status["re_state"] == "running", timeout=60))
    await done(RM.environment_destroy())
    await done(RM.wait_for_idle(timeout=60))
    status = await done(RM.status())
    assert (status["worker_environment_exists"], status["worker_environment_state"]) == (False, "closed")
    assert status["items_in_queue"] == 0
    assert (await done(RM.history_get()))["items"][-1]["result"]["exit_status"] == "failed"
    with refused(RM, "RE environment does not exist"):
        await done(RM.environment_destroy())


# --------------------------------------------------------------------------------------- plans, devices, permissions
async def permissions(RM):
    plans = await done(RM.plans_allowed())
    assert plans["plans_allowed_uid"] == (await done(RM.status()))["plans_allowed_uid"]
    assert {"count", "scan", "adaptive_scan"} <= plans["plans_allowed"].keys()
    assert plans["plans_allowed"]["count"]["name"] == "count"
    assert [p["name"] for p in plans["plans_allowed"]["count"]["parameters"]][:2] == ["detectors", "num"]
    devices = await done(RM.devices_allowed())
    assert {"det1", "motor", "sim_bundle_A"} <= devices["devices_allowed"].keys()
    if says_who(RM):
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
released = threading.Event()

def wait_until_told():
    return released.wait(60)

def tell():
    released.set()
"""


async def tasks(RM):
    await opened(RM)
    groups = (await done(RM.permissions_get()))["user_group_permissions"]
    groups["user_groups"][RM.user_group]["allowed_functions"] = [":.*"]
    await done(RM.permissions_set(groups))
    await uploaded(RM, SCRIPT)
    reply = await done(RM.function_execute(BFunc("double", 5, times=2)))
    assert (reply["item"]["name"], reply["item"]["user"]) == ("double", RM.user)
    uid = reply["task_uid"]
    assert (await done(RM.wait_for_completed_task([uid], timeout=60))) == {uid: "completed"}
    reply = await done(RM.task_result(uid))
    assert (reply["success"], reply["task_uid"], reply["status"]) == (True, uid, "completed")
    result = reply["result"]
    assert (result["success"], result["msg"], result["return_value"]) == (True, "", [5, 5, 5, 5])
    assert result["time_start"] <= result["time_stop"]
    await done(RM.wait_for_idle(timeout=60))

    uid = (await done(RM.function_execute(BFunc("wait_until_told"), run_in_background=True)))["task_uid"]
    assert (await done(RM.status(reload=True)))["worker_background_tasks"] == 1
    reply = await done(RM.task_result(uid))
    assert (reply["status"], reply["result"]["run_in_background"]) == ("running", True)
    assert (await done(RM.task_status(uid)))["status"] == "running"
    both = await done(RM.task_status([uid, "no-such-task"]))
    assert both["status"] == {uid: "running", "no-such-task": "not_found"}
    assert await done(RM.wait_for_completed_task({uid, "no-such-task"}, timeout=60)) == {"no-such-task": "not_found"}
    await done(RM.function_execute(BFunc("tell"), run_in_background=True))
    assert await done(RM.wait_for_completed_task(uid, timeout=60)) == {uid: "completed"}
    assert (await done(RM.task_status(uid)))["status"] == "completed"
    assert (await done(RM.task_result("no-such-task")))["result"] == {}

    uid = (await done(RM.script_upload("raise RuntimeError('on purpose')", update_lists=False)))["task_uid"]
    await done(RM.wait_for_completed_task(uid, timeout=60))
    result = (await done(RM.task_result(uid)))["result"]
    assert result["success"] is False
    assert "on purpose" in result["msg"]
    assert "RuntimeError" in result["traceback"]
    await done(RM.wait_for_idle(timeout=60))
    with refused(RM, "Function name is not specified"):
        await done(RM.function_execute({"item_type": "function"}))
    await done(RM.function_execute(BFunc("no_such_function")))
    await done(RM.wait_for_idle(timeout=60))


# --------------------------------------------------------------------------------------------------------------- lock
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
async def monitors(RM):
    RM.console_monitor.enable()
    RM.system_info_monitor.enable()
    assert RM.console_monitor.enabled
    # A subscription takes a moment: both monitors must have heard something before anything is asked of them.
    message = await done(RM.system_info_monitor.next_msg(timeout=60))
    assert message["time"] > 0
    assert not STATUS - message["msg"]["status"].keys()
    await opened(RM)
    message = await done(RM.console_monitor.next_msg(timeout=60))
    assert message.keys() >= {"time", "msg"}
    groups = (await done(RM.permissions_get()))["user_group_permissions"]
    groups["user_groups"][RM.user_group]["allowed_functions"] = [":.*"]
    await done(RM.permissions_set(groups))
    await done(RM.script_upload("for n in range(300):\n    print('line', n, 'of many')\nprint('ö—\\x1b[1m!')\n"))
    text = []
    while "ö—\x1b[1m!\n" not in "".join(text):
        text.append((await done(RM.console_monitor.next_msg(timeout=60)))["msg"])
    printed = [line for line in "".join(text).splitlines() if line.endswith("of many")]
    assert printed == [f"line {n} of many" for n in range(300)]
    assert "line 299 of many" in await done(RM.console_monitor.text(20))
    assert RM.console_monitor.text_uid
    state = ""
    while state != "idle":
        message = await done(RM.system_info_monitor.next_msg(timeout=60))
        state = message["msg"]["status"]["manager_state"]
    await done(RM.console_monitor.disable_wait(timeout=60))
    await done(RM.system_info_monitor.disable_wait(timeout=60))
    assert not RM.console_monitor.enabled


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
    await done(RM.wait_for_idle_or_paused(timeout=60))
    await done(RM.re_stop())
    await done(RM.wait_for_idle(timeout=60))


async def ping(RM):
    assert (await done(RM.status()))["manager_state"] == "idle"


async def nobody(RM):
    with raised(RM.RequestTimeoutError) as caught:
        await done(RM.status())
    print(caught[0])


async def stop(RM):
    # Our HTTP door answers ill-typed parameters with status 400.
    with raised((RM.RequestFailedError, RM.HTTPClientError)) as caught:
        await done(RM.send_request(method="manager_stop", params={"option": "x"}))
    assert "'x'" in str(caught[0])
    assert (await done(RM.send_request(method="manager_stop")))["success"]
