"""No reply arrives before the status shows the change that was requested, however late the worker reports."""

import pytest

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import PausePlan
from bluesky_qs.testing import Ask, AsyncManager, Clock, Measure, Wait

TESTER = {"user": "tester", "user_group": "primary"}
SLEEP = {"name": "function_sleep", "item_type": "function", "args": [1]}
IN_BACKGROUND = [
    ("function_execute", {"item": SLEEP, **TESTER}),
    ("script_upload", {"script": "x = 1"}),
    ("environment_update", {}),
]


@pytest.fixture
async def opened():
    """An open environment, a worker that reports as late as a real one may, and time that stands still."""
    async with AsyncManager(clock=Clock(still=True)) as manager:
        await manager.open()
        manager.worker.hold_reports()
        yield manager


async def change(manager, method, *keys, **params):
    """What the status shows for ``keys`` before a request and right after its reply."""
    before = await manager.do("status")
    await manager.do(method, **params)
    after = await manager.do("status")
    return [(before[key], after[key]) for key in keys]


@pytest.mark.parametrize(("method", "params"), IN_BACKGROUND)
async def test_background_tasks_are_counted_when_the_reply_arrives(opened, method, params):
    for script in (opened.worker.on_script, opened.worker.on_update):
        script(Wait())
    opened.worker.on_function("function_sleep", Wait())
    for n in range(3):
        changes = await change(opened, method, "worker_background_tasks", **params, run_in_background=True)
        assert changes == [(n, n + 1)]


@pytest.mark.parametrize(("method", "params"), IN_BACKGROUND)
async def test_the_manager_is_busy_when_the_reply_to_a_foreground_task_arrives(opened, method, params):
    for script in (opened.worker.on_script, opened.worker.on_update):
        script(Wait())
    opened.worker.on_function("function_sleep", Wait())
    keys = "manager_state", "worker_environment_state"
    assert await change(opened, method, *keys, **params) == [("idle", "executing_task")] * 2


async def test_a_background_task_that_ends_is_not_counted_when_its_result_is_there(opened):
    opened.worker.send_reports()
    uid = (await opened.do("script_upload", script="x = 1", run_in_background=True))["task_uid"]
    await opened.until(lambda status: not status["worker_background_tasks"])
    assert (await opened.do("task_status", task_uid=uid))["status"] == "completed"


async def test_a_task_that_a_hanging_worker_has_not_accepted_yet_is_counted(opened):
    opened.worker.hang()
    request = opened.loop.create_task(opened.do("script_upload", script="x", run_in_background=True))
    await opened.until(lambda _: opened.worker.unheard)
    opened.clock.advance(2)
    await request
    assert (await opened.do("status"))["worker_background_tasks"] == 1


async def test_a_background_task_that_is_refused_is_not_counted(opened):
    await opened.do("environment_close")
    await opened.until_idle()
    assert not (await opened.ask("script_upload", script="x", run_in_background=True))["success"]
    assert (await opened.do("status"))["worker_background_tasks"] == 0


@pytest.fixture
async def running(opened):
    """A plan that runs until the test says how it continues."""
    opened.worker.send_reports()
    opened.worker.on_plan("count", Wait(), Measure())
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.until(lambda _: opened.worker.is_waiting)
    opened.worker.hold_reports()
    return opened


async def test_a_deferred_pause_is_pending_when_the_reply_arrives(running):
    assert await change(running, "re_pause", "pause_pending", option="deferred") == [(False, True)]


async def test_a_deferred_pause_is_pending_while_the_worker_hangs_and_after_a_late_refusal(running):
    running.worker.hang()
    request = running.loop.create_task(running.do("re_pause", option="deferred"))
    await running.until(lambda _: running.worker.unheard)
    running.clock.advance(2)
    await request
    assert (await running.do("status"))["pause_pending"]
    running.worker.refuse(PausePlan, WrongState("No plan is running"))
    running.worker.recover()
    assert [(await running.do("status"))["pause_pending"] for _ in range(5)] == [True] * 5


async def test_a_plan_is_no_longer_paused_when_the_reply_arrives(running):
    running.worker.send_reports()
    await running.do("re_pause", option="immediate")
    await running.until(lambda status: status["manager_state"] == "paused")
    running.worker.hold_reports()
    assert await change(running, "re_resume", "manager_state") == [("paused", "executing_queue")]


async def test_a_question_is_not_pending_when_the_reply_to_its_answer_arrives(opened):
    opened.worker.send_reports()
    opened.worker.on_script(Ask("Ready?"))
    await opened.do("script_upload", script="x")
    uid = (await opened.until(lambda status: status["input_pending"]))["input_pending"]["input_uid"]
    opened.worker.hold_reports()
    await opened.do("input_reply", input_uid=uid, text="yes")
    assert (await opened.do("status"))["input_pending"] is None


@pytest.mark.parametrize(
    ("method", "params", "key"),
    [
        ("queue_autostart", {"enable": True}, "queue_autostart_enabled"),
        ("queue_mode_set", {"mode": {"loop": True}}, "plan_queue_mode"),
        ("lock", {"lock_key": "k", "queue": True, "user": "Ada"}, "lock"),
        ("permissions_set", {"user_group_permissions": {"user_groups": {"root": {}}}}, "plans_allowed_uid"),
        (
            "queue_item_execute",
            {"item": {"item_type": "plan", "name": "count", "args": [["det1"]]}, **TESTER},
            "running_item_uid",
        ),
    ],
)
async def test_the_status_has_changed_when_the_reply_arrives(opened, method, params, key):
    opened.worker.on_plan("*", Wait())
    ((before, after),) = await change(opened, method, key, **params)
    assert before != after
