"""Requests on the queue, answered by a whole manager."""

import pytest

from bluesky_qs.config.schema import Settings, Startup
from bluesky_qs.testing import AsyncManager, Fail, ScriptedWorker

TESTER = {"user": "tester", "user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}
WRONG = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": "many"}}
STOP = {"item_type": "instruction", "name": "queue_stop"}


async def names(manager):
    return [item["kwargs"]["num"] for item in (await manager.do("queue_get"))["items"]]


@pytest.fixture
async def three(manager):
    """Three plans are in the queue; their uids."""
    return [(await manager.add("count", ["det1"], num=n))["item_uid"] for n in (1, 2, 3)]


async def test_an_item_that_is_added_has_a_uid_and_its_owner(manager):
    answer = await manager.do("queue_item_add", item=COUNT, **TESTER)
    assert answer["qsize"] == 1
    assert answer["item"]["user"] == "tester"
    assert (await manager.do("queue_get"))["items"] == [answer["item"]]


async def test_an_item_goes_to_the_front_on_request(manager, three):
    await manager.add("count", ["det1"], num=4, pos="front")
    assert await names(manager) == [4, 1, 2, 3]


async def test_an_item_goes_before_another_one(manager, three):
    item = {**COUNT, "kwargs": {"num": 4}}
    await manager.do("queue_item_add", item=item, before_uid=three[1], **TESTER)
    assert await names(manager) == [1, 4, 2, 3]


async def test_a_plan_that_is_wrong_is_refused_by_parameter_and_value(manager, refused):
    message = await refused("queue_item_add", item=WRONG, **TESTER)
    assert message.startswith("Failed to add an item: Plan validation failed: ")
    assert "'num'" in message
    assert await names(manager) == []


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"name": "count"}, "'item_type' key is not found"),
        ({"item_type": "recipe", "name": "count"}, "unsupported 'item_type' value: 'recipe'"),
        ({"item_type": "instruction", "name": "rest"}, "Unsupported instruction 'rest'"),
    ],
)
async def test_what_is_no_item_is_refused(refused, item, words):
    assert words in await refused("queue_item_add", item=item, **TESTER)


async def test_an_unknown_group_is_refused(refused):
    answer = await refused("queue_item_add", item=COUNT, user="tester", user_group="strangers")
    assert "Unknown user group: 'strangers'" in answer


async def test_a_batch_is_added_whole(manager):
    answer = await manager.do("queue_item_add_batch", items=[COUNT, STOP], **TESTER)
    assert answer["qsize"] == 2
    assert [result["success"] for result in answer["results"]] == [True, True]


async def test_a_batch_with_a_wrong_item_adds_nothing_and_names_the_item(manager):
    answer = await manager.ask("queue_item_add_batch", items=[COUNT, WRONG], **TESTER)
    assert not answer["success"]
    assert [result["success"] for result in answer["results"]] == [True, False]
    assert await names(manager) == []


async def test_a_long_batch_lets_other_requests_in(manager):
    assert (await manager.do("queue_item_add_batch", items=[COUNT] * 250, **TESTER))["qsize"] == 250


async def test_an_item_is_replaced_by_its_uid(manager, three):
    changed = {**COUNT, "item_uid": three[1], "kwargs": {"num": 9}}
    answer = await manager.do("queue_item_update", item=changed, **TESTER)
    assert answer["item"]["item_uid"] == three[1]
    assert await names(manager) == [1, 9, 3]


async def test_a_replacement_can_have_a_new_uid(manager, three):
    changed = {**COUNT, "item_uid": three[1]}
    answer = await manager.do("queue_item_update", item=changed, replace=True, **TESTER)
    assert answer["item"]["item_uid"] not in three


async def test_an_update_without_a_uid_is_refused(refused):
    assert "has no 'item_uid'" in await refused("queue_item_update", item=COUNT, **TESTER)


async def test_an_item_is_shown_by_position_or_uid(manager, three):
    assert (await manager.do("queue_item_get", pos=0))["item"]["item_uid"] == three[0]
    assert (await manager.do("queue_item_get", uid=three[1]))["item"]["item_uid"] == three[1]


async def test_an_item_is_removed(manager, three):
    assert (await manager.do("queue_item_remove", uid=three[0]))["qsize"] == 2
    assert (await manager.do("queue_item_remove"))["item"]["item_uid"] == three[2]
    assert await names(manager) == [2]


async def test_several_items_are_removed_and_unknown_ones_ignored(manager, three):
    answer = await manager.do("queue_item_remove_batch", uids=[three[0], "nobody"])
    assert [item["item_uid"] for item in answer["items"]] == [three[0]]


async def test_an_unknown_item_is_an_error_if_it_is_not_to_be_ignored(refused, three):
    assert "nobody" in await refused("queue_item_remove_batch", uids=["nobody"], ignore_missing=False)


async def test_an_item_moves(manager, three):
    await manager.do("queue_item_move", pos=0, pos_dest="back")
    assert await names(manager) == [2, 3, 1]


async def test_several_items_move_in_the_order_of_the_request(manager, three):
    await manager.do("queue_item_move_batch", uids=[three[2], three[0]], pos_dest="front")
    assert await names(manager) == [3, 1, 2]


async def test_the_queue_is_cleared(manager, three):
    await manager.do("queue_clear")
    assert (await manager.do("status"))["items_in_queue"] == 0


async def test_a_mode_is_seen_in_the_status(manager):
    await manager.do("queue_mode_set", mode={"loop": True})
    assert (await manager.do("status"))["plan_queue_mode"]["loop"]


async def test_a_plan_runs_when_the_queue_is_started(opened, results):
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.until(lambda status: status["items_in_history"] == 1)
    assert [result["exit_status"] for result in await results()] == ["completed"]
    assert [item["name"] for item in opened.worker.items] == ["count"]


async def test_an_empty_queue_that_is_started_stays_idle(opened):
    await opened.do("queue_start")
    assert (await opened.do("status"))["manager_state"] == "idle"


async def test_the_queue_does_not_start_without_an_environment(refused):
    assert "RE Worker environment does not exist" in await refused("queue_start")


async def test_the_queue_does_not_start_twice(refused, running):
    await running()
    assert "Queue execution is in progress" in await refused("queue_start")


async def test_a_queue_that_is_to_stop_runs_nothing_after_the_running_plan(opened, running):
    await running(plans=2)
    await opened.do("queue_stop")
    assert (await opened.do("status"))["queue_stop_pending"]
    opened.worker.proceed()
    status = await opened.until_idle()
    assert (status["items_in_queue"], status["queue_stop_pending"]) == (1, False)


async def test_a_stop_can_be_taken_back(opened, running):
    await running(plans=2)
    await opened.do("queue_stop")
    await opened.do("queue_stop_cancel")
    opened.worker.proceed()
    await opened.until(lambda status: status["items_in_history"] == 1 and opened.worker.is_waiting)


async def test_a_queue_that_does_not_run_cannot_be_stopped(refused):
    assert "Queue is not running" in await refused("queue_stop")


async def test_the_instruction_queue_stop_stops_the_queue(opened):
    await opened.add("count", ["det1"])
    await opened.do("queue_item_add", item=STOP, **TESTER)
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    status = await opened.until(lambda status: status["manager_state"] == "idle" and status["items_in_history"])
    assert status["items_in_queue"] == 1


async def test_autostart_starts_what_is_added(opened):
    await opened.do("queue_autostart", enable=True)
    await opened.add("count", ["det1"])
    await opened.until(lambda status: status["items_in_history"] == 1)


async def test_autostart_is_off_after_a_plan_that_failed(opened):
    opened.worker.on_plan("count", Fail("no beam"))
    await opened.do("queue_autostart", enable=True)
    await opened.add("count", ["det1"])
    status = await opened.until(
        lambda status: status["items_in_history"] == 1 and not status["queue_autostart_enabled"]
    )
    assert status["items_in_queue"] == 1


async def test_an_item_is_executed_without_the_queue(opened):
    await opened.add("scan", ["det1"], "motor", 0, 1, 2)
    answer = await opened.do("queue_item_execute", item=COUNT, **TESTER)
    status = await opened.until(lambda status: status["items_in_history"] == 1 and status["manager_state"] == "idle")
    assert (answer["qsize"], status["items_in_queue"]) == (1, 1)


async def test_an_instruction_that_is_executed_leaves_no_entry_in_the_history(opened, results):
    answer = await opened.do("queue_item_execute", item=STOP, **TESTER)
    assert answer["item"]["item_uid"]
    assert await results() == []
    assert (await opened.do("status"))["manager_state"] == "idle"


async def test_an_item_to_execute_is_checked_before_the_environment(manager, refused):
    assert "Plan 'nothing' is not in the list of allowed plans" in await refused(
        "queue_item_execute", item={**COUNT, "name": "nothing"}, **TESTER
    )
    assert "RE Worker environment does not exist" in await refused("queue_item_execute", item=COUNT, **TESTER)


async def test_an_unknown_key_of_an_item_gets_a_warning(manager):
    item = {**COUNT, "num": 3}
    warning = "Unknown item key 'num', a parameter of 'count': it is ignored; put it in 'kwargs'"
    added = await manager.do("queue_item_add", item=item, **TESTER)
    assert added["warnings"] == [warning]
    assert "num" not in added["item"]
    batch = await manager.do("queue_item_add_batch", items=[COUNT, {**STOP, "nme": ""}], **TESTER)
    assert [result.get("warnings") for result in batch["results"]] == [
        None,
        ["Unknown item key 'nme' (did you mean 'name'?): it is ignored"],
    ]
    (check,) = (await manager.do("item_check", item=item, **TESTER))["results"]
    assert [found["reason"] for found in check["warnings"]] == ["Unknown item key 'num', a parameter of 'count'"]


async def test_before_the_first_opening_a_refusal_explains_that_no_plans_are_known(tmp_path):
    (tmp_path / "00.py").write_text("")
    async with AsyncManager(settings=Settings(startup=Startup(startup_dir=str(tmp_path)))) as manager:
        answer = await manager.ask("queue_item_add", item=COUNT, **TESTER)
    assert answer["msg"].endswith(
        "Plan 'count' is not in the list of allowed plans. No plans are known yet: "
        "open the environment first (%qs open)."
    )


async def test_after_an_opening_without_plans_a_refusal_names_the_report():
    async with AsyncManager(ScriptedWorker(plans={}, devices={})) as manager:
        await manager.open()
        answer = await manager.ask("queue_item_add", item=COUNT, **TESTER)
    assert answer["msg"].endswith(
        "Plan 'count' is not in the list of allowed plans. The environment has no plans. "
        "The report on its opening lists what was left out (%qs environment report)."
    )


@pytest.mark.parametrize("method", ["queue_item_add", "queue_item_update"])
async def test_a_refusal_shows_the_item_and_the_size_of_the_queue(manager, three, method):
    answer = await manager.ask(method, item=WRONG, **TESTER)
    assert (answer["success"], answer["qsize"]) == (False, 3)
    assert {key: answer["item"][key] for key in WRONG} == WRONG


async def test_a_refused_addition_shows_the_item_with_a_uid_and_its_owner(manager):
    item = (await manager.ask("queue_item_add", item=WRONG, **TESTER))["item"]
    assert (item["user"], item["user_group"]) == ("tester", "primary")
    assert item["item_uid"]
    assert (await manager.ask("queue_item_add", **TESTER))["item"] is None


@pytest.mark.parametrize("where", [{"pos": 1.5}, {"before_uid": "nobody"}, {"pos": 0, "after_uid": "nobody"}])
async def test_a_refused_batch_has_a_result_for_each_item(manager, three, where):
    answer = await manager.ask("queue_item_add_batch", items=[COUNT, COUNT], **where, **TESTER)
    assert (answer["success"], answer["qsize"], answer["items"]) == (False, 3, [COUNT, COUNT])
    assert [result["success"] for result in answer["results"]] == [False, False]
    assert all(result["msg"] for result in answer["results"])


async def test_a_batch_for_a_wrong_position_is_refused_as_one_with_wrong_items(manager, three):
    answer = await manager.ask("queue_item_add_batch", items=[COUNT, COUNT], before_uid="nobody", **TESTER)
    reason = "Plan with UID 'nobody' is not in the queue"
    assert answer["error"] == "NotFound"
    assert answer["msg"] == (f"Failed to add all items: validation of 2 out of 2 submitted items failed: {reason}")
    assert answer["results"] == [{"success": False, "msg": reason}] * 2


@pytest.mark.parametrize(
    ("method", "params"), [("queue_clear", {"no": 1}), ("history_clear", {"size": "x"}), ("queue_mode_set", {})]
)
async def test_three_refusals_have_exactly_two_keys(manager, method, params):
    assert list(await manager.ask(method, **params)) == ["success", "msg"]


async def test_the_running_item_has_its_start_time(opened, running):
    (item,) = await running()
    answer = await opened.do("queue_get")
    assert answer["items"] == []
    assert answer["running_item"]["item_uid"] == item["item_uid"]


async def test_a_store_error_is_reported_and_the_queue_is_unchanged(manager, refused):
    manager.store.refuse = "disk full"
    assert "disk full" in await refused("queue_item_add", item=COUNT, **TESTER)
    manager.store.refuse = None
    assert await names(manager) == []


async def test_a_queue_whose_start_cannot_be_stored_stays_idle(opened, refused):
    await opened.add("count", ["det1"])
    opened.store.refuse = "disk full"
    assert "disk full" in await refused("queue_start")
    assert "disk full" in await refused("queue_item_execute", item=COUNT, **TESTER)
    assert (await opened.do("status"))["manager_state"] == "idle"


async def test_the_end_of_a_plan_is_stored_as_soon_as_the_store_takes_it(opened, running, results):
    await running()
    opened.store.refuse = "disk full"
    opened.worker.proceed()
    await opened.until(lambda _: not opened.worker.items[-1:] or opened.worker.life.main is None)
    assert (await opened.do("status"))["manager_state"] == "executing_queue"
    opened.store.refuse = None
    opened.clock.advance(2)
    await opened.until_idle()
    assert [result["exit_status"] for result in await results()] == ["completed"]


async def test_a_plan_that_is_not_allowed_any_more_fails_when_its_turn_comes(opened, results):
    await opened.add("count", ["det1"])
    permissions = (await opened.do("permissions_get"))["user_group_permissions"]
    permissions["user_groups"]["primary"]["forbidden_plans"] = ["count"]
    await opened.do("permissions_set", user_group_permissions=permissions)
    await opened.do("queue_start")
    await opened.until(lambda status: status["items_in_history"] == 1 and status["manager_state"] == "idle")
    (result,) = await results()
    assert result["exit_status"] == "failed"
    assert opened.worker.items == []


async def test_where_an_item_is_follows_its_life(opened, running):
    first, second = await running(plans=2)

    async def state(uid):
        return (await opened.do("item_status", item_uid=uid))["status"]["state"]

    uids = [first["item_uid"], second["item_uid"]]
    assert [await state(uid) for uid in uids] == ["running", "queued"]
    opened.worker.proceed()
    await opened.until(lambda status: status["items_in_history"] == 1)
    assert await state(uids[0]) == "completed"
    await opened.do("history_clear")
    answer = await opened.do("item_status", item_uid=[uids[0], "nobody"])
    assert [answer["status"][uid]["state"] for uid in (uids[0], "nobody")] == ["completed", "not_found"]


async def test_a_removed_item_is_reported(manager, three):
    await manager.do("queue_item_remove", uid=three[0])
    assert (await manager.do("item_status", item_uid=three[0]))["status"]["state"] == "removed"


async def test_a_failed_item_names_the_item_that_takes_its_place(opened):
    opened.worker.on_plan("count", Fail("no beam"))
    item = await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.until(lambda status: status["items_in_history"] == 1)
    status = (await opened.do("item_status", item_uid=item["item_uid"]))["status"]
    (again,) = (await opened.do("queue_get"))["items"]
    assert (status["state"], status["requeued_as"]) == ("failed", again["item_uid"])


async def test_a_check_lists_errors_and_changes_nothing(manager):
    answer = await manager.do("item_check", items=[COUNT, WRONG, STOP], user_group="primary")
    assert [result["success"] for result in answer["results"]] == [True, False, True]
    assert [error["parameter"] for error in answer["results"][1]["errors"]] == ["num"]
    assert await names(manager) == []


async def test_a_check_takes_one_item_or_several(refused):
    assert "Exactly one" in await refused("item_check", user_group="primary")


async def test_the_history_is_read_by_page_and_cleared(opened):
    for n in (1, 2, 3):
        await opened.add("count", ["det1"], num=n)
    await opened.do("queue_start")
    await opened.until(lambda status: status["items_in_history"] == 3 and status["manager_state"] == "idle")
    page = (await opened.do("history_get", limit=2))["items"]
    assert [item["kwargs"]["num"] for item in page] == [2, 3]
    await opened.do("history_clear", size=1)
    assert (await opened.do("status"))["items_in_history"] == 1


@pytest.mark.parametrize("method", ["queue_item_add", "queue_item_execute"])
async def test_a_refused_plan_names_the_wrong_argument(opened, method):
    answer = await opened.ask(method, item=WRONG, **TESTER)
    assert not answer["success"]
    assert [(error["parameter"], error["path"]) for error in answer["errors"]] == [("num", ["num"])]


async def test_a_refused_batch_names_the_wrong_argument_of_each_plan(manager):
    answer = await manager.ask("queue_item_add_batch", items=[COUNT, WRONG], **TESTER)
    assert ["errors" in result for result in answer["results"]] == [False, True]
    assert answer["results"][1]["errors"][0]["path"] == ["num"]
