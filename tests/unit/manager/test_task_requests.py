"""Scripts, functions and questions of user code, in a whole manager."""

import pytest

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import RunScript
from bluesky_qs.testing import Ask, Fail, NewLists, Return, Wait

TESTER = {"user": "tester", "user_group": "primary"}
SLEEP = {"name": "function_sleep", "item_type": "function", "args": [1]}


async def ended(manager, uid):
    """The result of a task, when it has ended."""
    await manager.until(lambda status: status["manager_state"] == "idle" and not status["worker_background_tasks"])
    answer = await manager.do("task_result", task_uid=uid)
    return answer["status"], answer["result"]


async def test_a_script_runs_and_its_result_is_kept(opened):
    uid = (await opened.do("script_upload", script="x = 1"))["task_uid"]
    status, result = await ended(opened, uid)
    assert (status, result["success"], result["return_value"]) == ("completed", True, None)
    assert opened.worker.commands[-1].script == "x = 1"


async def test_a_failed_script_has_its_error(opened):
    opened.worker.on_script(Fail("NameError: name 'y' is not defined", traceback="Traceback …"))
    uid = (await opened.do("script_upload", script="y"))["task_uid"]
    _, result = await ended(opened, uid)
    assert (result["success"], result["msg"]) == (False, "NameError: name 'y' is not defined")
    assert result["traceback"] == "Traceback …"


async def test_a_task_keeps_the_manager_busy_until_it_ends(opened, refused):
    opened.worker.on_script(Wait())
    uid = (await opened.do("script_upload", script="x"))["task_uid"]
    status = await opened.until(lambda _: opened.worker.is_waiting)
    assert (status["manager_state"], status["worker_environment_state"]) == ("executing_task", "executing_task")
    assert (await opened.do("task_status", task_uid=uid))["status"] == "running"
    assert "Foreground task execution is in progress" in await refused("script_upload", script="x")
    opened.worker.proceed()
    assert (await ended(opened, uid))[0] == "completed"


async def test_a_background_task_leaves_the_manager_idle(opened):
    opened.worker.on_function("function_sleep", Wait(), Return(3))
    answer = await opened.do("function_execute", item=SLEEP, run_in_background=True, **TESTER)
    status = await opened.until(lambda status: status["worker_background_tasks"] == 1)
    assert status["manager_state"] == "idle"
    opened.worker.proceed()
    _, result = await ended(opened, answer["task_uid"])
    assert result["return_value"] == 3


async def test_several_tasks_are_requested_at_once(opened):
    uid = (await opened.do("script_upload", script="x"))["task_uid"]
    await ended(opened, uid)
    answer = await opened.do("task_status", task_uid=[uid, "nobody"])
    assert answer["status"] == {uid: "completed", "nobody": "not_found"}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"item_type": "plan", "name": "count"}, "unsupported 'item_type' value: 'plan'"),
        ({"item_type": "function"}, "Function name is not specified"),
        ({"name": "function_sleep", "args": 1}, "'args' must be a list"),
        ({"name": "function_sleep", "args": 0}, "'args' must be a list: 0"),
        ({"name": "function_sleep", "args": ""}, "'args' must be a list: ''"),
        ({"name": "function_sleep", "kwargs": [1]}, "'kwargs' must be an object"),
        ({"name": "function_sleep", "kwargs": []}, "'kwargs' must be an object: []"),
        ({"name": "os_system"}, "is not allowed for the user group 'primary'"),
    ],
)
async def test_what_is_no_function_is_refused(opened, refused, item, words):
    assert words in await refused("function_execute", item=item, **TESTER)


async def test_a_task_needs_an_environment(refused):
    assert "environment is not open" in await refused("script_upload", script="x")


async def test_a_task_whose_worker_dies_has_failed(opened):
    opened.worker.on_script(Wait())
    uid = (await opened.do("script_upload", script="x"))["task_uid"]
    await opened.until(lambda _: opened.worker.is_waiting)
    opened.worker.die()
    _, result = await ended(opened, uid)
    assert not result["success"]
    assert "ended unexpectedly" in result["msg"]


async def test_a_result_expires(opened):
    uid = (await opened.do("script_upload", script="x"))["task_uid"]
    await ended(opened, uid)
    opened.clock.advance(opened.settings.operation.task_result_retention + 1)
    assert (await opened.do("task_result", task_uid=uid))["status"] == "not_found"


async def test_a_question_is_in_the_status_until_it_is_answered(opened):
    opened.worker.on_script(Ask("Ready?", secret=True))
    uid = (await opened.do("script_upload", script="x"))["task_uid"]
    question = (await opened.until(lambda status: status["input_pending"]))["input_pending"]
    assert (question["prompt"], question["task_uid"], question["secret"]) == ("Ready?", uid, True)
    await opened.do("input_reply", input_uid=question["input_uid"], text="yes")
    status = await opened.until_idle()
    assert status["input_pending"] is None
    assert opened.worker.replies == ["yes"]


async def test_a_reply_without_a_prompt_is_refused(opened, refused):
    assert "No input prompt" in await refused("input_reply", input_uid="nobody", text="yes")


async def test_without_a_worker_nobody_asks(refused):
    assert "does not exist" in await refused("input_reply", input_uid="nobody", text="yes")


async def test_an_update_of_the_environment_brings_new_lists(opened):
    before = await opened.do("status")
    opened.worker.on_update(NewLists(plans={"align": {"name": "align", "parameters": []}}))
    await opened.do("environment_update")
    status = await opened.until(lambda status: status["plans_existing_uid"] != before["plans_existing_uid"])
    assert status["devices_existing_uid"] == before["devices_existing_uid"]
    assert list((await opened.do("plans_allowed", user_group="primary"))["plans_allowed"]) == ["align"]


async def test_a_task_that_the_worker_refuses_late_is_forgotten(opened):
    opened.worker.hang()
    request = opened.loop.create_task(opened.ask("script_upload", script="x"))
    await opened.until(lambda _: opened.worker.unheard)
    opened.clock.advance(2)
    uid = (await request)["task_uid"]
    opened.worker.refuse(RunScript, WrongState("RE Worker is busy"))
    opened.worker.recover()
    await opened.until_idle()
    assert (await opened.do("task_status", task_uid=uid))["status"] == "not_found"


async def test_a_task_that_the_worker_refuses_leaves_the_manager_idle(opened, refused):
    opened.worker.refuse(RunScript, WrongState("RE Worker is busy"))
    assert "RE Worker is busy" in await refused("script_upload", script="x")
    assert (await opened.do("status"))["manager_state"] == "idle"
