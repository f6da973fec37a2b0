"""The clients against a real service: what scripts of beamline users do."""

import threading

import pytest

from bluesky_qs import BPlan, REManagerAPI, errors
from bluesky_qs.aio import REManagerAPI as AsyncREManagerAPI


@pytest.fixture
def RM(service, monkeypatch):
    for name in ("QSERVER_USER", "QSERVER_USER_GROUP", "QSERVER_ZMQ_ENCODING", "QSERVER_ZMQ_PUBLIC_KEY"):
        monkeypatch.delenv(name, raising=False)
    with REManagerAPI(service.control, zmq_info_addr=service.info, timeout_recv=10) as manager:
        yield manager


def test_a_script_opens_queues_runs_and_waits(RM):
    RM.environment_open()
    RM.wait_for_idle(timeout=60)
    uid = RM.item_add(RM.plans.count([RM.devices.det1], num=2))["item"]["item_uid"]
    RM.queue_start()
    end = RM.wait_for_item(uid, timeout=60)
    assert (end["state"], len(end["result"]["run_uids"])) == ("completed", 1)
    assert [item["item_uid"] for item in RM.history_get()["items"]] == [uid]

    RM.wait_for_idle(timeout=60)  # the plan has ended, and the queue stops a moment later
    task = RM.function_execute({"item_type": "function", "name": "function_sleep", "args": [0.01]})["task_uid"]
    RM.wait_for_completed_task(task, timeout=60)
    assert RM.task_result(task)["result"]["return_value"] == {"success": True, "time": 0.01}


def test_a_refusal_carries_the_class_and_the_answer(RM):
    with pytest.raises(errors.InvalidPlan, match="'nope' is not in the list of allowed plans") as caught:
        RM.item_add({"item_type": "plan", "name": "nope"})
    assert isinstance(caught.value, RM.RequestFailedError)
    assert caught.value.response["item"].items() >= {"item_type": "plan", "name": "nope"}.items()


def test_a_lock_of_mine_is_open_to_me_and_closed_to_others(RM, service):
    RM.lock_key = "mine"
    RM.lock_all(note="do not touch")
    with REManagerAPI(service.control, timeout_recv=10) as other:
        with pytest.raises(errors.Locked, match="do not touch"):
            other.queue_clear()
        assert other.lock_info()["lock_info"]["note"] == "do not touch"
    RM.queue_clear()
    RM.unlock()


def test_a_wait_survives_a_replacement_of_the_manager(RM, service):
    RM.environment_open()
    RM.wait_for_idle(timeout=60)
    RM.item_add(BPlan("count", ["det1"], num=8, delay=0.5))
    RM.queue_start()
    looked, ended = threading.Event(), []

    def recorded(status):
        looked.set()
        return status["items_in_history"] == 1

    waiting = threading.Thread(target=lambda: ended.append(RM.wait_for_condition(recorded, timeout=60)))
    waiting.start()
    assert looked.wait(60)
    service.find("bluesky_qs.manager").kill()
    waiting.join(60)
    assert ended == [None]
    assert RM.history_get()["items"][0]["result"]["exit_status"] == "completed"


async def test_the_asyncio_client_does_the_same(service):
    async with AsyncREManagerAPI(service.control, zmq_info_addr=service.info, timeout_recv=10) as RM:
        await RM.environment_open()
        await RM.wait_for_idle(timeout=60)
        uid = (await RM.item_add({"item_type": "plan", "name": "count", "args": [["det1"]]}))["item"]["item_uid"]
        await RM.queue_start()
        assert (await RM.wait_for_item(uid, timeout=60))["state"] == "completed"
