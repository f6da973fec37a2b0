"""One Redis, two services in turn: what the community's service has written is there for ours, and the reverse."""

import json

import pytest

POLICY = ("--user-group-permissions-reload", "ON_REQUEST")  # stored permissions count


@pytest.fixture
def theirs(foreign, redis_server, new_service):
    """Makes the community's service, not started yet, on the Redis server."""

    def make(*args):
        command = (str(foreign.parent / "start-re-manager"),)
        args = ("--redis-addr", redis_server.address, *POLICY, *args)
        return new_service(*args, store=False, command=command)

    return make


@pytest.fixture
def ours(redis_server, new_service):
    """Makes our service, not started yet, on the Redis server."""

    def make(*args):
        return new_service("--redis-addr", redis_server.address, *POLICY, *args, store=False)

    return make


def count(num, **more):
    return {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": num}, **more}


def add(service, item, **params):
    return service.do("queue_item_add", item=item, user="tester", user_group="primary", **params)["item"]


def stop(service):
    service.do("manager_stop")
    assert service.process.wait(60) == 0


def run_all(service, timeout=60.0):
    service.do("queue_start")
    service.wait(lambda s: (s["manager_state"], s["items_in_queue"]) == ("idle", 0), "the queue is done", timeout)


def held(service):
    """Everything that a service keeps, as its clients see it."""
    lock = service.do("lock_info")["lock_info"]
    return {
        "queue": service.queue(),
        "running": service.do("queue_get")["running_item"],
        "history": service.history(),
        "mode": service.ask("status")["plan_queue_mode"],
        "lock": {key: lock[key] for key in ("environment", "queue", "user", "note", "time", "time_str")},
        "permissions": service.do("permissions_get")["user_group_permissions"],
    }


def filled(service):
    """Fill a service with everything that it can keep."""
    service.open()
    for num in (1, 2):
        add(service, count(num))
    run_all(service)
    add(service, {"item_type": "plan", "name": "count", "args": [["no_such_detector"]]})
    service.do("queue_start")
    service.wait_idle()
    service.do("queue_clear")
    assert [item["result"]["exit_status"] for item in service.history()] == ["completed", "completed", "failed"]
    middle = add(service, count(10))
    add(service, count(11, meta=[{"sample": "Ö — 試料", "nested": {"a": [1.5, None, True]}}, {"x": 1e-310}]))
    add(service, {"item_type": "instruction", "name": "queue_stop"}, pos="front")
    add(service, count(12, meta={"quote": 'a "b" \\ / \n'}), before_uid=middle["item_uid"])
    add(service, count(13), pos=-1)
    batch = [count(14), {"item_type": "instruction", "name": "queue_stop"}]
    service.do("queue_item_add_batch", items=batch, user="tester", user_group="primary", after_uid=middle["item_uid"])
    service.do("queue_mode_set", mode={"loop": True})
    service.do("queue_mode_set", mode={"ignore_failures": True})
    groups = service.do("permissions_get")["user_group_permissions"]
    groups["user_groups"]["visitors"] = {"allowed_plans": [":^count$"], "allowed_devices": [":^det:?.*"]}
    service.do("permissions_set", user_group_permissions=groups)
    service.do("lock", lock_key="the key", environment=True, queue=True, user="tester", note="until Monday ☕")
    return held(service)


def changed(service):
    """Change everything that is kept, with the operations that edit what is stored in place."""
    key = {"lock_key": "the key"}
    refusal = service.ask("queue_item_remove")
    assert refusal["success"] is False
    assert "Invalid lock key" in refusal["msg"]
    queue = service.queue()
    service.do("queue_item_remove", uid=queue[3]["item_uid"], **key)
    service.do("queue_item_move", pos="back", pos_dest=1, **key)
    service.do("queue_item_move_batch", uids=[queue[0]["item_uid"], queue[2]["item_uid"]], pos_dest="back", **key)
    service.do("unlock", **key)
    edited = {**queue[1], "kwargs": {"num": 5}}
    service.do("queue_item_update", item=edited, user="another", user_group="visitors")
    add(service, count(20), after_uid=queue[1]["item_uid"])
    service.do("queue_mode_set", mode="default")
    service.do("queue_mode_set", mode={"loop": True})
    service.do("history_clear", size=2)
    service.open()
    service.do("queue_item_add", item=count(3), user="tester", user_group="primary", pos="front")
    service.do("queue_item_add", item={"item_type": "instruction", "name": "queue_stop"}, user="tester",
               user_group="primary", pos=1)  # fmt: skip
    service.do("queue_start")
    service.wait_idle()
    service.do("lock", lock_key="another key", queue=True, user="another")
    return held(service)


@pytest.mark.parametrize("prefix", [(), ("--redis-name-prefix", "beamline_9")])
@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_each_service_has_item_by_item_what_the_other_one_left(ours, theirs, redis_server, first, prefix):
    one, other = (theirs(*prefix), ours(*prefix)) if first == "theirs" else (ours(*prefix), theirs(*prefix))
    one.start()
    left = filled(one)
    stop(one)
    other.start()
    assert held(other) == left
    left = changed(other)
    stop(other)
    one.start()
    assert held(one) == left
    one.do("unlock", lock_key="another key")
    one.open()
    one.do("queue_mode_set", mode="default")
    for item in one.queue():
        if item["item_type"] == "instruction":
            one.do("queue_item_remove", uid=item["item_uid"])
    expected = one.history() + one.queue()
    run_all(one)
    assert [item["item_uid"] for item in one.history()] == [item["item_uid"] for item in expected]
    keys = {key.decode() for key in redis_server.client.scan_iter()}
    assert all(key.startswith(f"{prefix[1] if prefix else 'qs_default'}_") for key in keys)


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_a_plan_that_ran_when_one_service_was_killed_is_not_lost_to_the_other(ours, theirs, redis_server, first):
    one, other = (theirs(), ours()) if first == "theirs" else (ours(), theirs())
    one.start()
    one.open()
    plan = add(one, {**count(1000), "kwargs": {"num": 1000, "delay": 1}})
    after = add(one, count(2))
    one.do("queue_start")
    one.wait(lambda s: s["re_state"] == "running", "the plan runs")
    assert json.loads(redis_server.client.get("qs_default_running_plan"))["item_uid"] == plan["item_uid"]
    one.kill_everything()
    other.start()
    (lost,) = other.history()
    assert {**lost, "result": ""} == {**plan, "result": ""}
    assert other.ask("status")["running_item_uid"] is None
    *again, last = other.queue()
    assert last == after
    if first == "ours":  # theirs does with it what it does with its own
        assert (again, lost["result"]["exit_status"]) == ([], "unknown")
    else:
        requeued = {**plan, "result": lost["result"]}
        assert [{**item, "item_uid": plan["item_uid"]} for item in again] == [requeued]
        assert again[0]["item_uid"] != plan["item_uid"]
        assert lost["result"]["exit_status"] == "failed"
