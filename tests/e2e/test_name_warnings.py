"""The service warns about unknown names, and devices of the wrong kind, when a plan is queued."""

import pytest

WHO = {"user": "tester", "user_group": "primary"}
UNKNOWN = (
    "Parameter 'detectors'[1]: 'dett2' is not the name of a device that you may use "
    "(did you mean 'det2' or 'det'?): the plan will fail unless this is fixed"
)
NOT_MOVABLE = "Parameter 'motor': 'det1' is a device that cannot be moved"


def count(*detectors):
    return {"item_type": "plan", "name": "count", "args": [list(detectors)]}


def adaptive(motor):
    args = [["det1"], "det1", motor, 0, 1, 0.1, 0.2, 0.3, True]
    return {"item_type": "plan", "name": "adaptive_scan", "args": args}


GOOD, BAD, UNSUITABLE = count("det1", "sim_bundle_A.mtrs.x"), count("det1", "dett2"), adaptive("det1")


@pytest.fixture
def sim(new_service):
    return new_service("--warm-worker", "OFF").start()


def logged(service, uid):
    """The line of the log about this item, when it has arrived there."""
    found = []

    def arrived(_status):
        whole, _, _ = service.output().rpartition("\n")
        found[:] = [line for line in whole.splitlines() if f"Item {uid}" in line and "Parameter" in line]
        return bool(found)

    service.wait(arrived, "a line in the log")
    (line,) = found
    return line


def test_an_item_is_added_with_a_warning(sim):
    assert "warnings" not in sim.do("queue_item_add", item=GOOD, **WHO)
    answer = sim.do("queue_item_add", item=BAD, **WHO)
    assert answer["warnings"] == [UNKNOWN]
    assert (answer["qsize"], answer["msg"]) == (2, "")
    assert "warnings" not in answer["item"]
    assert sim.queue()[1] == answer["item"]
    line = logged(sim, answer["item"]["item_uid"])
    assert line.endswith(f"plan 'count': {UNKNOWN}")
    assert line.startswith("[W ")


def test_a_device_of_the_wrong_kind_is_warned_about(sim):
    assert "warnings" not in sim.do("queue_item_add", item=adaptive("motor"), **WHO)
    (warning,) = sim.do("queue_item_add", item=UNSUITABLE, **WHO)["warnings"]
    assert warning.startswith(NOT_MOVABLE)
    assert warning.endswith("the plan is likely to fail")


def test_an_item_is_replaced_with_a_warning(sim):
    queued = sim.do("queue_item_add", item=GOOD, **WHO)["item"]
    answer = sim.do("queue_item_update", item={**queued, "args": BAD["args"]}, **WHO)
    assert answer["warnings"] == [UNKNOWN]
    assert logged(sim, queued["item_uid"]).endswith(UNKNOWN)
    fixed = sim.do("queue_item_update", item={**queued, "args": GOOD["args"]}, **WHO)
    assert "warnings" not in fixed


def test_each_item_of_a_batch_has_its_own_warnings(sim):
    stop = {"item_type": "instruction", "name": "queue_stop"}
    answer = sim.do("queue_item_add_batch", items=[GOOD, BAD, stop, UNSUITABLE], **WHO)
    assert answer["qsize"] == 4
    results = answer["results"]
    assert results[0] == results[2] == {"success": True, "msg": ""}
    assert results[1] == {"success": True, "msg": "", "warnings": [UNKNOWN]}
    assert results[3]["warnings"][0].startswith(NOT_MOVABLE)
    uids = [item["item_uid"] for item in answer["items"]]
    assert NOT_MOVABLE in logged(sim, uids[3])
    assert logged(sim, uids[1]).endswith(UNKNOWN)
    assert not any(f"Item {uid}" in sim.output() for uid in (uids[0], uids[2]))


def test_a_refused_batch_lists_warnings_beside_errors(sim):
    answer = sim.ask("queue_item_add_batch", items=[BAD, {"item_type": "plan", "name": "cuont"}], **WHO)
    assert not answer["success"]
    assert answer["results"][0]["warnings"] == [UNKNOWN]
    assert "warnings" not in answer["results"][1]
    assert sim.queue() == []
    logged(sim, sim.do("queue_item_add", item=BAD, **WHO)["item"]["item_uid"])
    assert sim.output().count(UNKNOWN) == 1


def test_a_check_reports_warnings_like_errors(sim):
    good, bad, wrong = sim.do("item_check", items=[GOOD, BAD, count(5)], **WHO)["results"]
    assert "warnings" not in good
    assert (bad["success"], bad["msg"], bad["errors"]) == (True, "", [])
    (warning,) = bad["warnings"]
    assert list(warning) == list(wrong["errors"][0]) == ["parameter", "value", "reason", "suggestions", "path"]
    assert warning["parameter"] == "detectors"
    assert warning["value"] == "dett2"
    assert warning["reason"] == "is not the name of a device that you may use"
    assert warning["suggestions"] == ["det2", "det"]
    assert "warnings" not in wrong
    assert sim.queue() == []


def test_a_plan_that_is_executed_immediately_fails_with_its_warning(sim):
    sim.open()
    answer = sim.do("queue_item_execute", item=BAD, **WHO)
    assert answer["warnings"] == [UNKNOWN]
    sim.wait_idle()
    (ended,) = sim.history()
    assert ended["result"]["exit_status"] == "failed"
    reason, _, _ = UNKNOWN.removeprefix("P").partition(": the plan will fail")
    assert reason in ended["result"]["msg"]
    assert logged(sim, answer["item"]["item_uid"]).endswith(UNKNOWN)


def test_the_command_line_prints_the_warning(sim):
    done = sim.qserver("queue", "add", "plan", '{"name": "count", "args": [["det1", "dett2"]]}')
    assert done.returncode == 0
    assert "'warnings'" in done.stdout
    assert "dett2" in done.stdout


def test_the_log_has_the_first_of_many_warnings_and_their_number(sim):
    answer = sim.do("queue_item_add_batch", items=[BAD] * 22, **WHO)
    assert all(result["warnings"] == [UNKNOWN] for result in answer["results"])
    logged(sim, answer["items"][19]["item_uid"])
    sim.wait(lambda _status: "... and 2 more items with warnings" in sim.output(), "the number of the others")
    assert answer["items"][20]["item_uid"] not in sim.output()
