"""Opening and closing the environment, and the end of its worker, in a whole manager."""

import asyncio

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import CloseEnvironment, NotePlace, OpenEnvironment
from bluesky_qs.testing import AsyncManager, Die, End, Fail, Hang, Measure, ScriptedWorker, Wait


async def test_an_environment_opens_and_closes(manager):
    await manager.do("environment_open")
    status = await manager.until(lambda status: status["worker_environment_exists"])
    assert (status["manager_state"], status["worker_environment_state"], status["re_state"]) == ("idle", "idle", "idle")
    await manager.do("environment_close")
    status = await manager.until(lambda status: not status["worker_environment_exists"])
    assert status["worker_environment_state"] == "closed"


async def test_opening_is_seen_while_it_lasts(manager, refused):
    manager.worker.on_open(Wait())
    await manager.do("environment_open")
    status = await manager.until(lambda _: manager.worker.is_waiting)
    assert (status["manager_state"], status["worker_environment_state"]) == ("creating_environment", "initializing")
    assert "already in the process of creating" in await refused("environment_open")
    assert "Try again when it is open" in await refused("queue_start")


async def test_an_open_environment_is_not_opened_again(opened, refused):
    assert "already exists" in await refused("environment_open")


async def test_a_startup_file_that_fails_is_in_the_report(manager):
    manager.worker.on_open(Fail("00-base.py, line 3: ZeroDivisionError: division by zero", file="00-base.py", line=3))
    await manager.do("environment_open")
    status = await manager.until_idle()
    report = (await manager.do("environment_report"))["report"]
    assert not status["worker_environment_exists"]
    assert (report["success"], report["line"]) == (False, 3)
    assert "division by zero" in report["message"]


async def test_an_environment_opens_after_one_that_failed(manager):
    manager.worker.on_open(Fail("no"))
    await manager.do("environment_open")
    await manager.until_idle()
    manager.worker.on_open()
    await manager.open()
    assert (await manager.do("environment_report"))["report"]["success"]


async def test_startup_code_that_kills_its_process_is_reported(manager):
    manager.worker.on_open(Die("killed by SIGSEGV"))
    await manager.do("environment_open")
    await manager.until_idle()
    report = (await manager.do("environment_report"))["report"]
    assert "killed by SIGSEGV" in report["message"]


async def test_a_worker_that_cannot_be_started_is_reported(manager):
    manager.worker.cannot_start = "Cannot allocate memory"
    await manager.do("environment_open")
    await manager.until_idle()
    assert "Cannot allocate memory" in (await manager.do("environment_report"))["report"]["message"]


async def test_an_environment_is_destroyed_while_it_opens(manager):
    manager.worker.on_open(Wait())
    await manager.do("environment_open")
    await manager.until(lambda _: manager.worker.is_waiting)
    await manager.do("environment_destroy")
    status = await manager.until_idle()
    assert not status["worker_environment_exists"]
    assert any(isinstance(command, NotePlace) for command in manager.worker.commands)


async def test_an_environment_that_is_destroyed_before_there_is_a_process_ends_with_it(manager):
    answers = await asyncio.gather(manager.ask("environment_open"), manager.ask("environment_destroy"))
    assert answers[0]["success"]
    await manager.until_idle()
    assert answers[1]["success"] == (not (await manager.do("status"))["worker_environment_exists"])


async def test_a_destroyed_environment_fails_its_plan_which_is_queued_again(opened, running, results):
    await running()
    await opened.do("environment_destroy", user="ada")
    status = await opened.until_idle()
    (result,) = await results()
    assert result["exit_status"] == "failed"
    assert "was destroyed by ada" in result["msg"]
    assert status["items_in_queue"] == 1


async def test_without_an_environment_there_is_nothing_to_close_or_destroy(refused):
    assert await refused("environment_close") == "RE Worker environment does not exist."
    assert await refused("environment_destroy") == "RE environment does not exist."


async def test_an_environment_that_runs_a_plan_is_not_closed(running, refused):
    await running()
    assert "Queue execution is in progress" in await refused("environment_close")


async def test_a_worker_that_dies_fails_the_running_plan_with_its_runs(opened, running, results):
    await running(Measure(), Wait())
    opened.worker.die("killed by SIGKILL", -9)
    status = await opened.until_idle()
    (result,) = await results()
    assert "ended unexpectedly: killed by SIGKILL" in result["msg"]
    assert result["scan_ids"] == [1]
    assert (status["items_in_queue"], status["worker_environment_exists"]) == (1, False)


async def test_the_last_reports_of_a_dead_worker_count(opened, running, results):
    await running()
    opened.worker.do(End())
    await opened.until(lambda _: opened.worker.life.main is None)
    opened.worker.die()
    await opened.until(lambda status: not status["worker_environment_exists"] and status["items_in_history"])
    assert [result["exit_status"] for result in await results()] == ["completed"]


async def test_a_worker_that_dies_idle_closes_the_environment(opened):
    opened.worker.die()
    status = await opened.until(lambda status: not status["worker_environment_exists"])
    assert status["manager_state"] == "idle"


async def test_a_worker_that_hangs_closes_when_it_recovers(opened, refused):
    opened.worker.hang()
    request = opened.loop.create_task(opened.ask("environment_close"))
    await opened.until(lambda _: opened.worker.unheard)
    opened.clock.advance(2)
    assert (await request)["success"]
    assert (await opened.do("status"))["manager_state"] == "closing_environment"
    opened.worker.recover()
    await opened.until(lambda status: not status["worker_environment_exists"])


async def test_a_closing_that_the_worker_refuses_has_no_effect(opened, refused):
    opened.worker.refuse(CloseEnvironment, WrongState("RE Worker is busy"))
    assert "busy" in await refused("environment_close")
    assert (await opened.do("status"))["manager_state"] == "idle"


async def test_the_lists_are_those_of_the_worker():
    async with AsyncManager(
        ScriptedWorker(plans={"align": {"name": "align", "parameters": []}}, devices={})
    ) as manager:
        await manager.open()
        answer = await manager.do("plans_existing")
        assert list(answer["plans_existing"]) == ["align"]
        assert (await manager.do("devices_existing"))["devices_existing"] == {}


async def test_kernel_mode_is_requested_with_its_settings():
    settings = Settings(worker=Worker(use_ipython_kernel=True, ipython_shell_port=60001))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        (opening,) = [command for command in manager.worker.commands if isinstance(command, OpenEnvironment)]
        assert opening.kernel.ports == {"shell": 60001}
        status = await manager.do("status")
        assert (status["ip_kernel_state"], status["ip_kernel_captured"]) == ("idle", False)
        assert (await manager.do("config_get"))["config"]["ip_connect_info"]["key"] == "scripted"


async def test_a_console_that_runs_code_keeps_the_main_thread():
    settings = Settings(worker=Worker(use_ipython_kernel=True))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        await manager.add("count", ["det1"])
        manager.worker.reserve(reserved=True)
        await manager.until(lambda status: status["worker_environment_state"] == "reserved")
        for method in ("queue_start", "environment_close"):
            assert "IPython kernel (RE Worker) is busy" in (await manager.ask(method))["msg"]
        manager.worker.reserve(reserved=False)
        await manager.do("queue_start")
        await manager.until(lambda status: status["items_in_history"] == 1)


@pytest.mark.parametrize(
    ("script", "method", "key", "allowed"),
    [
        ([Wait()], "script_upload", "interrupt_task", False),
        ([Wait()], "script_upload", "interrupt_task", True),
    ],
)
async def test_a_task_is_interrupted_only_on_request(script, method, key, allowed):
    settings = Settings(worker=Worker(use_ipython_kernel=True))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        manager.worker.on_script(*script)
        await manager.do(method, script="pass")
        answer = await manager.ask("kernel_interrupt", **{key: allowed})
        assert answer["success"] is allowed


async def test_a_plan_is_not_interrupted_unasked():
    settings = Settings(worker=Worker(use_ipython_kernel=True))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        manager.worker.on_plan("count", Wait())
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        answer = await manager.ask("kernel_interrupt")
        assert "interrupt_plan=False" in answer["msg"]
        await manager.do("kernel_interrupt", interrupt_plan=True)


async def test_without_a_kernel_there_is_nothing_to_interrupt(opened, refused):
    assert "not in IPython mode" in await refused("kernel_interrupt")


async def test_a_hung_worker_can_be_destroyed(opened, running):
    await running(Hang())
    await opened.do("environment_destroy")
    await opened.until(lambda status: not status["worker_environment_exists"] and status["manager_state"] == "idle")
