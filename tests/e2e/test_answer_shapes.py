"""What a real service answers is what the contract says: each answer against its JSON Schema, unknown keys refused."""

import copy
import json

import jsonschema
import pytest

from bluesky_qs.api import METHODS, schema

OWNER = {"user": "tester", "user_group": "primary"}


@pytest.fixture(scope="module")
def definitions():
    """The shapes, closed: a key that the contract does not name is an error here."""
    closed = copy.deepcopy(schema.contract()["$defs"])
    for shape in closed.values():
        shape["additionalProperties"] = False
    return closed


@pytest.fixture
def fits(definitions):
    def check(method, answer):
        # `validate` would check the schema too each time, which takes most of a second.
        shape = {**schema.answer_schema(METHODS[method]), "$defs": definitions}
        jsonschema.Draft202012Validator(shape).validate(answer)
        return answer

    return check


def test_answers_have_the_keys_and_types_that_the_contract_names(new_service, startup_dir, fits):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()

    def ask(method, **params):
        return fits(method, service.do(method, **params))

    ask("environment_report")
    service.open()
    count = {"item_type": "plan", "name": "quick", "meta": {"sample": "a"}}
    first = ask("queue_item_add", item=count, **OWNER)["item"]
    ask("queue_item_add_batch", items=[count, count], pos="front", **OWNER)
    ask("queue_item_update", item={**first, "meta": [{"sample": "b"}]}, **OWNER)
    ask("queue_item_move", pos=0, pos_dest="back")
    ask("queue_item_get", pos=0)
    ask("item_check", items=[count, {**count, "name": "quikc"}, {**count, "kwargs": {"x": 1}}], **OWNER)
    ask("item_dry_run", item=count, **OWNER)
    ask("queue_dry_run", **OWNER)
    ask("lock", lock_key="k", environment=True, user="tester", note="n")
    ask("unlock", lock_key="k")
    ask("queue_mode_set", mode={"loop": True})
    ask("queue_mode_set", mode="default")
    ask("queue_item_remove", pos=0)
    ask("queue_start")
    service.wait_idle()
    task = ask("script_upload", script="x = input_of_nobody = 1")["task_uid"]
    service.wait_idle()
    ask("task_status", task_uid=task)
    ask("task_status", task_uid=[task, "unknown"])
    ask("task_result", task_uid=task)
    ask("task_result", task_uid="unknown")
    ask("item_status", item_uid=first["item_uid"])
    ask("item_status", item_uid=[first["item_uid"], "unknown"])
    ask("history_clear", size=1)
    ask("queue_item_add", item={"item_type": "plan", "name": "steps", "args": [400, 0.05]}, **OWNER)
    ask("queue_start")
    service.wait(lambda status: status["running_item_uid"], "a plan is running")
    fits("status", service.ask("status"))
    ask("queue_get")
    ask("re_runs")
    ask("re_pause", option="immediate")
    service.wait(lambda status: status["manager_state"] == "paused", "the plan is paused")
    ask("re_abort")
    service.wait_idle()
    for method in METHODS.values():
        if method.scope.startswith("read:") and method.name not in (
            "ping",
            "status",
            "item_check",
            "item_dry_run",
            "queue_dry_run",
            "item_status",
        ):
            given = {"user_group": "primary", "since": 0, "task_uid": task}
            ask(method.name, **{name: value for name, value in given.items() if name in method.parameters})
    types = {event["type"] for event in service.do("events_get", since=0)["events"]}
    assert {"queue_changed", "item_ended", "lists_changed", "tasks_changed", "lock_changed"} <= types


def test_an_item_keeps_the_order_of_its_keys_and_loses_only_unknown_ones(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    item = {"kwargs": {}, "name": "quick", "meta": {"b": 1, "a": {"d": 2, "c": 3}}, "item_type": "plan"}
    service.open()
    answer = service.do("queue_item_add", item={**item, "unknown": 1}, **OWNER)
    kept = ["kwargs", "name", "meta", "item_type", "user", "user_group", "item_uid"]
    assert list(answer["item"]) == kept
    assert [list(each) for each in service.do("queue_get")["items"]] == [kept]
    assert json.dumps(answer["item"]["meta"]) == json.dumps(item["meta"])
