import asyncio
import inspect
import pickle
import threading

import pytest

from bluesky_qs import BPlan, errors
from bluesky_qs.aio import REManagerAPI
from bluesky_qs.api import METHODS
from bluesky_qs.client.failures import ClientClosedError
from bluesky_qs.client.sync import REManagerAPI as Blocking
from bluesky_qs.client.wait import WaitMonitor
from bluesky_qs.testing import Wait

COUNT = BPlan("count", ["det1"])


@pytest.fixture
async def RM(qs_manager, clean_environment):
    async with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info, timeout_recv=5) as manager:
        yield manager


def test_both_clients_have_the_same_methods():
    def public(cls):
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(Blocking) - public(REManagerAPI) == {"plans", "devices"}  # they would have to be awaited
    assert set(METHODS) <= public(REManagerAPI)
    assert inspect.signature(REManagerAPI.queue_item_add) == inspect.signature(Blocking.queue_item_add)


async def test_an_item_goes_out_with_user_and_group(accepting, RM):
    RM.user = "ana"
    assert (await RM.queue_item_add(COUNT))["success"]
    assert accepting.asked("queue_item_add")[-1] == {"item": COUNT, "user": "ana", "user_group": "admin"}


async def test_a_refusal_raises_the_class_that_the_answer_names(accepting, RM):
    accepting.answers["queue_item_add"] = {"success": False, "msg": "no", "error": "InvalidPlan"}
    with pytest.raises(errors.InvalidPlan):
        await RM.queue_item_add(COUNT)


async def test_a_group_that_nobody_chose_becomes_primary_where_admin_is_unknown(accepting, RM):
    accepting.answers["queue_item_add"] = lambda params: {
        "success": params["user_group"] == "primary",
        "msg": "Unknown user group: 'admin'" if params["user_group"] == "admin" else "",
    }
    assert (await RM.queue_item_add(COUNT))["success"]
    assert RM.user_group == "primary"


async def test_a_waiting_call_fails_when_the_client_is_closed(qs_manager, RM):
    qs_manager.answers["queue_start"] = None
    request = asyncio.create_task(RM.queue_start())
    await asyncio.to_thread(qs_manager.wait_asked, "queue_start")
    await RM.close()
    with pytest.raises(ClientClosedError):
        await request
    assert (await RM.status())["manager_state"] == "idle"


async def test_silence_is_an_error_and_does_not_hold_up_the_next_request(qs_manager, clean_environment):
    qs_manager.answers["queue_start"] = None
    async with REManagerAPI(qs_manager.control, timeout_recv=0.1) as manager:
        with pytest.raises(manager.RequestTimeoutError, match="start-re-manager"):
            await manager.queue_start()
        await manager.status()


async def test_a_cancelled_request_does_not_hold_up_the_next_one(qs_manager, RM):
    qs_manager.answers["queue_start"] = None
    task = asyncio.create_task(RM.queue_start())
    await asyncio.to_thread(qs_manager.wait_asked, "queue_start")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await RM.status())["manager_state"] == "idle"


async def test_tasks_ask_at_the_same_time(qs_manager, RM):
    answers = await asyncio.gather(*(RM.status() for _ in range(20)))
    assert [answer["manager_state"] for answer in answers] == ["idle"] * 20


def test_a_client_serves_one_loop_after_another(qs_manager, clean_environment):
    manager = REManagerAPI(qs_manager.control)

    async def ask():
        return (await manager.status())["manager_state"]

    assert asyncio.run(ask()) == "idle"
    assert asyncio.run(ask()) == "idle"
    asyncio.run(manager.close())


async def test_a_list_is_downloaded_again_only_when_its_uid_changed(qs_manager, RM):
    await RM.queue_get()
    await RM.queue_get()
    assert qs_manager.methods.count("queue_get") == 1
    await RM.queue_get(reload=True)
    assert qs_manager.methods.count("queue_get") == 2


async def test_a_published_status_ends_the_wait(running, RM):
    wait = asyncio.create_task(RM.wait_for_idle(timeout=10))
    await asyncio.to_thread(running.wait_subscribed, b"QS_Info")
    await asyncio.to_thread(running.wait_asked, "status")
    running.worker.proceed()
    await wait
    assert running.methods == ["status"]


async def test_waits_end_in_their_states(paused, RM):
    await RM.wait_for_idle_or_paused(timeout=10)
    await RM.re_resume()
    await RM.wait_for_idle_or_running(timeout=10)
    await RM.wait_for_condition(lambda status: status["manager_state"] == "executing_queue", timeout=10)


async def test_while_the_info_channel_is_silent_the_status_is_requested(qs_manager, clean_environment):
    states = iter(["executing_queue", "executing_queue", "idle"])
    qs_manager.answers["status"] = lambda _: {"manager_state": next(states)}
    async with REManagerAPI(qs_manager.control, zmq_info_addr="tcp://127.0.0.1:1") as manager:
        await manager.wait_for_idle(timeout=10)


async def test_a_wait_has_its_limit_and_can_be_cancelled(paused, RM):
    with pytest.raises(RM.WaitTimeoutError):
        await RM.wait_for_idle(timeout=0.05)
    monitor = WaitMonitor()
    wait = asyncio.create_task(RM.wait_for_idle(timeout=None, monitor=monitor))
    await asyncio.to_thread(paused.wait_asked, "status", 2)
    monitor.cancel()
    with pytest.raises(RM.WaitCancelError):
        await wait


async def test_a_task_is_waited_for(qs_manager, RM):
    qs_manager.worker.on_script(Wait())
    await asyncio.to_thread(qs_manager.open)
    uid = (await RM.script_upload("x", run_in_background=True))["task_uid"]
    wait = asyncio.create_task(RM.wait_for_completed_task(uid, timeout=10))
    await asyncio.to_thread(qs_manager.wait_subscribed, b"QS_Info")
    await asyncio.to_thread(qs_manager.wait_asked, "task_status")
    qs_manager.worker.proceed()
    assert await wait == {uid: "completed"}


async def test_an_item_is_waited_for_until_it_has_run(running, RM):
    uid = (await RM.status())["running_item_uid"]
    wait = asyncio.create_task(RM.wait_for_item(uid, timeout=10))
    await asyncio.to_thread(running.wait_subscribed, b"QS_Info")
    await asyncio.to_thread(running.wait_asked, "item_status")
    running.worker.proceed()
    assert (await wait)["state"] == "completed"


async def test_a_request_that_was_lost_in_a_restart_is_repeated(qs_manager, clean_environment):
    answers = iter([None, {"success": True, "status": {"state": "completed"}}])
    qs_manager.answers["item_status"] = lambda _: next(answers)
    async with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info, timeout_recv=0.2) as manager:
        assert await manager.wait_for_item("a", timeout=10) == {"state": "completed"}


async def test_an_item_is_found_or_not_where_the_service_has_no_item_status(qs_manager, RM):
    qs_manager.answers["item_status"] = {"success": False, "msg": "Unknown method 'item_status'"}
    qs_manager.answers["queue_get"] = {"success": True, "items": [], "running_item": {}, "plan_queue_uid": "1"}
    qs_manager.answers["history_get"] = {
        "success": True,
        "items": [{"item_uid": "a", "result": {"exit_status": "failed"}}],
        "plan_history_uid": "1",
    }
    assert (await RM.wait_for_item("a", timeout=10))["state"] == "failed"
    with pytest.raises(errors.NotFound):
        await RM.wait_for_item("b", timeout=10)


async def test_monitors_collect_from_enable_on(qs_manager, RM):
    RM.console_monitor.enable()
    await asyncio.to_thread(qs_manager.wait_subscribed)
    qs_manager.say("one\n")
    assert (await RM.console_monitor.next_msg(timeout=10))["msg"] == "one\n"
    assert await RM.console_monitor.text() == "one\n"
    await RM.console_monitor.disable_wait()
    assert not RM.console_monitor.enabled
    with pytest.raises(RM.RequestTimeoutError):
        await RM.console_monitor.next_msg(timeout=0)
    RM.system_info_monitor.enable()
    await asyncio.to_thread(qs_manager.wait_subscribed, b"QS_Info")
    qs_manager.add("count", ["det1"])
    assert (await RM.system_info_monitor.next_msg(timeout=10))["msg"]["status"]["items_in_queue"] == 1


async def test_settings_survive_pickling(qs_manager, RM):
    RM.lock_key = "k"
    async with pickle.loads(pickle.dumps(RM)) as copy:
        assert (copy.settings, copy.lock_key) == (RM.settings, "k")


async def test_no_thread_is_left_behind(qs_manager, clean_environment):
    before = set(threading.enumerate())
    async with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info) as manager:
        await manager.status()
        manager.console_monitor.enable()
        await asyncio.to_thread(qs_manager.wait_subscribed)
    assert {thread for thread in set(threading.enumerate()) - before if "asyncio" not in thread.name} == set()
