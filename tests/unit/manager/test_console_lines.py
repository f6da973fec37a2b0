"""The lines on the console for accepted changes, in words that programs of the community look for."""

import pytest

from bluesky_qs.testing import Wait

WHO = {"user": "ada", "user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}
STOP = {"item_type": "instruction", "name": "queue_stop"}


@pytest.fixture
def lines(caplog):
    """The lines since the last call."""
    caplog.set_level("INFO")

    def lines():
        found = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
        caplog.clear()
        return found

    return lines


async def test_an_added_item_makes_two_lines_with_its_position(manager, lines):
    await manager.add("count", ["det1"])
    lines()
    item = (await manager.do("queue_item_add", item=COUNT, pos="front", **WHO))["item"]
    assert lines() == [
        "Adding new item to the queue ...",
        f"Item added: success=True item_type='plan' name='count' item_uid='{item['item_uid']}' qsize=2 pos=0",
    ]


async def test_a_batch_makes_one_line(manager, lines):
    await manager.add("count", ["det1"])
    lines()
    await manager.do("queue_item_add_batch", items=[COUNT, STOP, COUNT], **WHO)
    assert lines() == ["Batch of items added: success=True items=3 qsize=4 pos=1"]
    await manager.do("queue_item_add_batch", items=[], **WHO)
    assert lines() == ["Batch of items added: success=True items=0 qsize=4"]


async def test_each_other_change_of_the_queue_makes_one_line(manager, lines):
    items = [await manager.add("count", ["det1"]) for _ in range(4)]
    first, second, third, fourth = (item["item_uid"] for item in items)
    lines()
    changes = {
        f"Item updated: success=True item_type='plan' name='count' item_uid='{first}' qsize=4": (
            "queue_item_update",
            {"item": {**items[0], "kwargs": {"num": 2}}, **WHO},
        ),
        f"Moving a queue item ... item_uid='{first}' qsize=4": ("queue_item_move", {"uid": first, "pos_dest": "back"}),
        "Moving a batch of queue items ... items=2 qsize=4": (
            "queue_item_move_batch",
            {"uids": [third, second], "pos_dest": "back"},
        ),
        f"Removing item from the queue ... item_uid='{fourth}' qsize=3": ("queue_item_remove", {"pos": 0}),
        "Removing a batch of items from the queue ... items=1 qsize=2": (
            "queue_item_remove_batch",
            {"uids": [first, "gone"]},
        ),
        "Clearing the queue ...": ("queue_clear", {}),
    }
    for line, (method, parameters) in changes.items():
        await manager.do(method, **parameters)
        assert lines() == [line]


@pytest.mark.parametrize(
    ("method", "parameters", "line"),
    [
        ("history_clear", {"size": 3}, "Clearing the plan execution history ... size=3"),
        ("queue_mode_set", {"mode": {"loop": True}}, "Setting queue mode ... mode={'loop': True}"),
        ("queue_mode_set", {"mode": "default"}, "Setting queue mode ... mode='default'"),
        ("queue_autostart", {"enable": True}, "Enabling/disabling autostart mode ... enable=True"),
        ("queue_stop_cancel", {}, "Deactivating 'stop queue' sequence ..."),
        (
            "lock",
            {"lock_key": "secret", "queue": True, "user": "ada", "note": "lunch\n"},
            "RE Manager was locked by the user: user='ada' queue=True note='lunch\\n'",
        ),
        ("permissions_reload", {}, "Reloading lists of allowed plans and devices ..."),
        (
            "permissions_set",
            {"user_group_permissions": {"user_groups": {"root": {}, "primary": {}}}},
            "Setting user group permissions ...",
        ),
    ],
)
async def test_each_change_of_the_service_makes_one_line_without_keys(manager, lines, method, parameters, line):
    lines()
    await manager.do(method, **parameters)
    assert lines() == [line]


async def test_unlocking_makes_a_line(manager, lines):
    await manager.do("lock", lock_key="secret", queue=True, user="ada")
    lines()
    await manager.do("unlock", lock_key="secret")
    assert lines() == ["RE Manager is successfully unlocked."]


async def test_reading_makes_no_line(manager, lines):
    await manager.add("count", ["det1"])
    lines()
    for method in (
        "queue_get",
        "queue_item_get",
        "history_get",
        "status",
        "lock_info",
        "permissions_get",
        "config_get",
    ):
        await manager.ask(method)
    await manager.do("plans_allowed", user_group="primary")
    await manager.do("item_check", item=COUNT, **WHO)
    assert lines() == []


async def test_a_refused_change_makes_no_line(manager, refused, lines):
    lines()
    await refused("queue_item_add", item={"item_type": "plan", "name": "nothing"}, **WHO)
    await refused("queue_item_add_batch", items=[COUNT, {}], **WHO)
    await refused("queue_item_remove")
    await refused("queue_mode_set", mode={"speed": 1})
    await refused("queue_stop")
    assert lines() == []


async def test_the_queue_says_which_item_is_next_and_when_it_is_empty(opened, lines):
    for _ in range(2):
        await opened.add("count", ["det1"])
    lines()
    await opened.do("queue_start")
    await opened.until(lambda status: status["items_in_history"] == 2 and status["manager_state"] == "idle")
    said = lines()
    assert [line for line in said if "next queue item" in line] == [
        "Processing the next queue item: 2 plans are left in the queue.",
        "Processing the next queue item: 1 plans are left in the queue.",
    ]
    assert said[-1] == "Queue is empty."


async def test_an_instruction_is_the_next_item_too(opened, lines):
    await opened.do("queue_item_add", item=STOP, **WHO)
    lines()
    await opened.do("queue_start")
    await opened.until_idle()
    assert lines()[:2] == [
        "Starting queue processing ...",
        "Processing the next queue item: 1 plans are left in the queue.",
    ]


async def test_starting_an_empty_queue_says_that_it_is_empty(opened, lines):
    lines()
    await opened.do("queue_start")
    assert lines() == ["Starting queue processing ...", "Queue is empty."]


@pytest.mark.parametrize("item", [COUNT, STOP])
async def test_an_executed_item_makes_a_line(opened, lines, item):
    opened.worker.on_plan("count", Wait())
    lines()
    uid = (await opened.do("queue_item_execute", item=item, **WHO))["item"]["item_uid"]
    line = f"Item execution started: success=True item_type='{item['item_type']}' name='{item['name']}'"
    assert f"{line} item_uid='{uid}' qsize=0" in lines()


async def test_a_requested_stop_of_the_queue_makes_a_line(opened, running, lines):
    await running()
    lines()
    await opened.do("queue_stop")
    assert lines() == ["Activating 'stop queue' sequence ..."]
