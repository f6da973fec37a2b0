"""What the chapters of the driver share: the package under test, calls of either variant, refusals."""

import contextlib
import fcntl
import importlib
import inspect
import sys
import tempfile

_package = importlib.import_module(sys.argv[1])
BFunc, BInst, BItem, BPlan = _package.BFunc, _package.BInst, _package.BItem, _package.BPlan
WaitMonitor = _package.WaitMonitor


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


def says_who(RM):
    """Whether requests name their user and group as the script says; an HTTP server names whoever has signed in."""
    return RM.protocol.name == "ZMQ"


async def names(RM):
    return [item["kwargs"].get("num", item["name"]) for item in await items(RM)]


async def items(RM):
    return [{"kwargs": {}, **item} for item in (await done(RM.queue_get()))["items"]]


def plan(num):
    return BPlan("count", ["det1", "det2"], num=num)


async def add(RM, *numbers, **place):
    return [(await done(RM.item_add(plan(num), **place)))["item"]["item_uid"] for num in numbers]


async def opened(RM):
    if (await done(RM.status()))["worker_environment_exists"]:
        return
    await done(RM.environment_open())
    await done(RM.wait_for_idle(timeout=60))
    assert (await done(RM.status()))["worker_environment_exists"]


async def uploaded(RM, script):
    """Run a script in the environment to its end."""
    uid = (await done(RM.script_upload(script)))["task_uid"]
    assert (await done(RM.wait_for_completed_task(uid, timeout=60))) == {uid: "completed"}
    await done(RM.wait_for_idle(timeout=60))


@contextlib.contextmanager
def locked_file():
    """The name of a file that is locked during the block: code in the worker that locks it too lasts until the end."""
    with tempfile.NamedTemporaryFile() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.name


STATUS = {
    "msg", "time", "status_uid", "items_in_queue", "items_in_history", "running_item_uid", "manager_state",
    "queue_stop_pending", "queue_autostart_enabled", "worker_environment_exists", "worker_environment_state",
    "worker_background_tasks", "re_state", "ip_kernel_state", "ip_kernel_captured", "pause_pending", "run_list_uid",
    "plan_queue_uid", "plan_history_uid", "devices_existing_uid", "plans_existing_uid", "devices_allowed_uid",
    "plans_allowed_uid", "task_results_uid", "lock_info_uid", "plan_queue_mode", "lock",
}  # fmt: skip
