"""Tutorial: Adding Items to Queue."""

import pytest

ADMIN = {"user": "qserver-cli", "user_group": "admin"}


@pytest.fixture
def uid(qserver):
    return qserver.UID


def plan(uid, name, args, **kwargs):
    item = {"args": args, "item_type": "plan", "item_uid": uid, "name": name, **ADMIN}
    return item | ({"kwargs": kwargs} if kwargs else {})


@pytest.mark.over_http_too
def test_allowed_plans_and_devices_are_listed_by_name(qserver, uid):
    plans = ["adaptive_scan", "count", "count_bundle_test", "relative_inner_product_scan", "scan", "x2x_scan"]
    expected = {"msg": "", "plans_allowed": dict.fromkeys(plans, "{...}"), "plans_allowed_uid": uid, "success": True}
    qserver.shows("allowed plans", expected)
    devices = ["ab_det", "det", "det1", "det2", "det3", "det4", "det5", "motor", "motor1", "motor2", "motor3"]
    devices += ["sim_bundle_A", "sim_bundle_B"]
    qserver.shows(
        "allowed devices",
        {"devices_allowed": dict.fromkeys(devices, "{...}"), "devices_allowed_uid": uid, "msg": "", "success": True},
    )


@pytest.mark.over_http_too
def test_items_are_added_at_the_back_in_front_and_at_a_position(qserver, uid):
    qserver.accepts("queue clear")
    qserver.shows("status", {"items_in_queue": 0})
    empty = {"items": [], "msg": "", "plan_queue_uid": uid, "running_item": {}, "success": True}
    queue_uids = [qserver.shows("queue get", empty)["plan_queue_uid"]]

    count = plan(uid, "count", [["det1", "det2"]], num=10, delay=1)
    line = """queue add plan '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 1}}'"""
    count = qserver.shows(line, {"item": count, "msg": "", "qsize": 1, "success": True})["item"]
    qserver.shows("status", {"items_in_queue": 1})
    queue_uids.append(qserver.shows("queue get", empty | {"items": [count]})["plan_queue_uid"])

    scan = plan(uid, "scan", [["det1", "det2"], "motor", -1, 1, 10])
    line = """queue add plan '{"name": "scan", "args": [["det1", "det2"], "motor", -1, 1, 10]}'"""
    scan = qserver.shows(line, {"item": scan, "msg": "", "qsize": 2, "success": True})["item"]
    assert "kwargs" not in scan
    queue_uids.append(qserver.shows("queue get", empty | {"items": [count, scan]})["plan_queue_uid"])

    first = plan(uid, "scan", [["det1"], "motor", -2, 2, 5])
    line = """queue add plan front '{"name": "scan", "args": [["det1"], "motor", -2, 2, 5]}'"""
    first = qserver.shows(line, {"item": first, "msg": "", "qsize": 3, "success": True})["item"]
    queue_uids.append(qserver.shows("queue get", empty | {"items": [first, count, scan]})["plan_queue_uid"])

    stop = {"item_type": "instruction", "item_uid": uid, "name": "queue_stop", **ADMIN}
    stop = qserver.shows("queue add instruction -2 queue-stop", {"item": stop, "msg": "", "qsize": 4, "success": True})[
        "item"
    ]
    queue_uids.append(qserver.shows("queue get", empty | {"items": [first, stop, count, scan]})["plan_queue_uid"])

    assert len(set(queue_uids)) == 5
    assert len({item["item_uid"] for item in (count, scan, first, stop)}) == 4


@pytest.mark.over_http_too
def test_a_plan_that_does_not_exist_is_refused(qserver):
    shown = qserver("""queue add plan '{"name": "no_such_plan"}'""", code=2)
    assert "Plan 'no_such_plan' is not in the list of allowed plans" in shown["msg"]
    qserver.shows("status", {"items_in_queue": 0})


def test_a_device_that_is_not_allowed_fails_the_plan_and_a_subdevice_can_be_used(qserver):
    service = qserver.service
    service.open()
    item = {"item_type": "plan", "name": "count", "args": [["det5"]]}
    service.do("queue_item_add", item=item, user="tester", user_group="test_user")
    qserver.accepts("queue start")
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "failed"
    qserver.accepts("queue clear")
    qserver("""queue add plan '{"name": "scan", "args": [["det1"], "sim_bundle_A.mtrs.x", -1, 1, 3]}'""")
    qserver.accepts("queue start")
    service.wait_idle()
    assert service.history()[1]["result"]["exit_status"] == "completed"
