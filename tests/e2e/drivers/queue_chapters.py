"""Chapters of the driver on the queue: editing it, running it, the RunEngine."""

from common import BInst, BItem, BPlan, add, done, items, locked_file, names, opened, plan, refused, says_who, uploaded


async def queue(RM):
    reply = await done(RM.item_add(plan(1)))
    item = reply["item"]
    assert (reply["success"], reply["msg"], reply["qsize"]) == (True, "", 1)
    assert {**item, "item_uid": ""} == {
        "item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 1},
        "user": RM.user, "user_group": RM.user_group, "item_uid": "",
    }  # fmt: skip
    first = BItem(item)
    assert (first.item_uid, first.name, first.kwargs) == (item["item_uid"], "count", {"num": 1})
    uids = {1: item["item_uid"]}
    (uids[2],) = await add(RM, 2, pos="back")
    (uids[3],) = await add(RM, 3, pos="front")
    (uids[4],) = await add(RM, 4, pos=1)
    (uids[5],) = await add(RM, 5, pos=-1)
    (uids[6],) = await add(RM, 6, before_uid=uids[1])
    (uids[7],) = await add(RM, 7, after_uid=uids[2])
    assert await names(RM) == [3, 4, 6, 1, 5, 2, 7]
    assert [item["item_uid"] for item in await items(RM)] == [uids[num] for num in (3, 4, 6, 1, 5, 2, 7)]
    await done(RM.item_add(plan(8).to_dict(), user="Somebody", user_group="test_user"))
    if says_who(RM):
        assert (await items(RM))[-1]["user"] == "Somebody"
        assert (await items(RM))[-1]["user_group"] == "test_user"
    with refused(RM, "Ambiguous parameters"):
        await add(RM, 9, pos=1, before_uid=uids[1])
    with refused(RM, "Plan 'no_such_plan' is not in the list of allowed plans"):
        await done(RM.item_add(BPlan("no_such_plan")))
    with refused(RM, "Plan validation failed"):
        await done(RM.item_add(BPlan("count", ["det1"], no_such=5)))
    if says_who(RM):
        with refused(RM, "Unknown user group: 'nobody'"):
            await done(RM.item_add(plan(9), user_group="nobody"))

    assert (await done(RM.item_get()))["item"]["kwargs"] == {"num": 8}
    assert (await done(RM.item_get(pos="front")))["item"]["item_uid"] == uids[3]
    assert (await done(RM.item_get(pos=-2)))["item"]["item_uid"] == uids[7]
    assert (await done(RM.item_get(uid=uids[6])))["item"]["kwargs"] == {"num": 6}
    with refused(RM, "not in the queue"):
        await done(RM.item_get(uid="no-such-uid"))

    changed = BItem((await done(RM.item_get(uid=uids[6])))["item"])
    changed.kwargs["num"] = 60
    reply = await done(RM.item_update(changed))
    assert (reply["qsize"], reply["item"]["item_uid"], reply["item"]["kwargs"]) == (8, uids[6], {"num": 60})
    changed.kwargs["num"] = 6
    reply = await done(RM.item_update(changed, replace=True))
    assert reply["item"]["item_uid"] != uids[6]
    uids[6] = reply["item"]["item_uid"]
    with refused(RM, "is not in the queue"):
        await done(RM.item_update(changed))

    reply = await done(RM.item_move(pos="front", pos_dest="back"))
    assert (reply["qsize"], reply["item"]["item_uid"]) == (8, uids[3])
    await done(RM.item_move(uid=uids[7], before_uid=uids[4]))
    await done(RM.item_move(pos=2, after_uid=uids[1]))
    await done(RM.item_move(uid=uids[2], pos_dest=0))
    assert await names(RM) == [2, 7, 4, 1, 6, 5, 8, 3]
    with refused(RM, "Source plan (position 50) was not found"):
        await done(RM.item_move(pos=50, pos_dest=0))
    reply = await done(RM.item_move_batch(uids=[uids[5], uids[7]], pos_dest="front"))
    assert ([item["item_uid"] for item in reply["items"]], reply["qsize"]) == ([uids[5], uids[7]], 8)
    assert await names(RM) == [5, 7, 2, 4, 1, 6, 8, 3]
    await done(RM.item_move_batch(uids=[uids[3], uids[5]], after_uid=uids[1], reorder=True))
    assert await names(RM) == [7, 2, 4, 1, 5, 3, 6, 8]
    assert (await done(RM.item_move_batch(uids=[], pos_dest="front")))["items"] == []
    with refused(RM, "is in the batch"):
        await done(RM.item_move_batch(uids=[uids[1], uids[2]], before_uid=uids[2]))

    reply = await done(RM.item_remove())
    assert (reply["item"]["kwargs"], reply["qsize"]) == ({"num": 8}, 7)
    await done(RM.item_remove(pos="front"))
    await done(RM.item_remove(pos=-1))
    assert (await done(RM.item_remove(uid=uids[1])))["item"]["item_uid"] == uids[1]
    assert await names(RM) == [2, 4, 5, 3]
    reply = await done(RM.item_remove_batch(uids=[uids[5], "no-such-uid", uids[2]]))
    assert ([item["item_uid"] for item in reply["items"]], reply["qsize"]) == ([uids[5], uids[2]], 2)
    with refused(RM, "no-such-uid"):
        await done(RM.item_remove_batch(uids=[uids[4], "no-such-uid"], ignore_missing=False))

    reply = await done(RM.item_add_batch([plan(10), BInst("queue_stop"), plan(11).to_dict()], before_uid=uids[3]))
    assert (reply["success"], reply["qsize"]) == (True, 5)
    assert [result["success"] for result in reply["results"]] == [True, True, True]
    assert [item["name"] for item in reply["items"]] == ["count", "queue_stop", "count"]
    assert await names(RM) == [4, 10, "queue_stop", 11, 3]
    with refused(RM, "validation of 1 out of 2 submitted items failed"):
        await done(RM.item_add_batch([plan(12), BPlan("no_such_plan")]))
    assert len(await items(RM)) == 5

    cached = await done(RM.queue_get())
    assert cached == await done(RM.queue_get(reload=True))
    assert cached["running_item"] == {}
    assert cached["plan_queue_uid"] == (await done(RM.status()))["plan_queue_uid"]
    await done(RM.queue_clear())
    assert (await done(RM.queue_get()))["items"] == []
    assert (await done(RM.queue_get()))["plan_queue_uid"] != cached["plan_queue_uid"]

    RM.request_fail_exceptions_enabled = False
    reply = await done(RM.item_add(BPlan("no_such_plan")))
    assert (reply["success"], reply["qsize"]) == (False, 0)
    assert reply["item"]["name"] == "no_such_plan"
    reply = await done(RM.item_get())
    assert (reply["success"], reply["item"]) == (False, {})


# ------------------------------------------------------------------------------------------------ running the queue
LASTING = """
import fcntl
import bluesky.plan_stubs as bps

locked = open({name!r})

def until_unlocked():
    fcntl.flock(locked, fcntl.LOCK_EX)
    yield from bps.null()
"""


async def running(RM):
    with refused(RM, "RE Worker environment does not exist"):
        await done(RM.queue_start())
    await opened(RM)
    added = await add(RM, 1, 2)
    reply = await done(RM.queue_start())
    assert (reply["success"], reply["msg"]) == (True, "")
    await done(RM.wait_for_idle(timeout=60))
    status = await done(RM.status())
    assert (status["items_in_queue"], status["items_in_history"]) == (0, 2)
    history = await done(RM.history_get())
    assert history["plan_history_uid"] == status["plan_history_uid"]
    assert [item["item_uid"] for item in history["items"]] == added
    for item in history["items"]:
        result = item["result"]
        assert (result["exit_status"], result["msg"], result["traceback"]) == ("completed", "", "")
        assert len(result["run_uids"]) == len(result["scan_ids"]) == 1
        assert result["time_start"] <= result["time_stop"]

    with locked_file() as name:
        await uploaded(RM, LASTING.format(name=name))
        await done(RM.item_add_batch([BPlan("until_unlocked"), plan(2), plan(3)]))
        await done(RM.queue_start())
        await done(RM.queue_stop())
        assert (await done(RM.status()))["queue_stop_pending"] is True
        await done(RM.queue_stop_cancel())
        assert (await done(RM.status()))["queue_stop_pending"] is False
        running = (await done(RM.queue_get()))["running_item"]
        uid = (await done(RM.status()))["running_item_uid"]
        assert (running["name"], running["item_uid"]) == ("until_unlocked", uid)
        assert running["properties"]["time_start"] > 0
        with refused(RM, "RE Manager must be in idle state"):
            await done(RM.environment_close())
        await done(RM.queue_stop())
    await done(RM.wait_for_idle(timeout=60))
    assert (await done(RM.status()))["items_in_queue"] == 2

    await done(RM.queue_mode_set(loop=True))
    assert (await done(RM.status()))["plan_queue_mode"] == {"loop": True, "ignore_failures": False}
    before = [item["item_uid"] for item in await items(RM)]
    await done(RM.item_add(BInst("queue_stop"), pos=1))
    await done(RM.queue_start())
    await done(RM.wait_for_idle(timeout=60))
    after = await items(RM)
    assert [item["name"] for item in after] == ["count", "count", "queue_stop"]
    assert after[0]["item_uid"] == before[1]
    assert after[1]["item_uid"] not in before
    assert after[1]["kwargs"] == {"num": 2}
    await done(RM.queue_mode_set(mode={"ignore_failures": True}))
    assert (await done(RM.status()))["plan_queue_mode"] == {"loop": True, "ignore_failures": True}
    await done(RM.queue_mode_set(mode="default"))
    assert (await done(RM.status()))["plan_queue_mode"] == {"loop": False, "ignore_failures": False}
    await done(RM.queue_clear())

    reply = await done(RM.item_execute(BPlan("count", ["det1"], num=2)))
    assert (reply["success"], reply["qsize"], reply["item"]["name"]) == (True, 0, "count")
    await done(RM.wait_for_idle(timeout=60))
    done_item = (await done(RM.history_get()))["items"][-1]
    assert done_item["item_uid"] == reply["item"]["item_uid"]
    again = await done(RM.item_add(BItem(done_item)))
    assert "result" not in again["item"]
    assert again["item"]["item_uid"] != done_item["item_uid"]

    await done(RM.queue_autostart(True))
    assert (await done(RM.status()))["queue_autostart_enabled"] is True
    await done(RM.wait_for_condition(lambda status: not status["items_in_queue"], timeout=60))
    await done(RM.item_add(BPlan("count", ["det1"], num=2, delay=0.2)))
    await done(RM.wait_for_idle_or_running(timeout=60))
    await done(RM.wait_for_condition(lambda s: (s["manager_state"], s["items_in_queue"]) == ("idle", 0), timeout=60))
    await done(RM.queue_autostart(False))

    history = (await done(RM.history_get(reload=True)))["items"]
    await done(RM.history_clear(size=3))
    assert (await done(RM.history_get()))["items"] == history[-3:]
    await done(RM.history_clear(item_uid=history[-2]["item_uid"]))
    assert (await done(RM.history_get()))["items"] == history[-1:]
    await done(RM.history_clear())
    assert (await done(RM.history_get()))["items"] == []


async def run_engine(RM):
    await opened(RM)
    long = BPlan("count", ["det1"], num=500, delay=0.1)
    assert await run_list(RM) == []
    with refused(RM, "paused"):
        await done(RM.re_resume())
    for end, exit_status, stays in (
        ("re_stop", "stopped", False),
        ("re_abort", "aborted", True),
        ("re_halt", "halted", True),
    ):
        await done(RM.queue_clear())
        uid = (await done(RM.item_add(long)))["item"]["item_uid"]
        await done(RM.queue_start())
        await done(RM.wait_for_condition(lambda status: status["re_state"] == "running", timeout=60))
        runs = await begun(RM)
        assert [(run["is_open"], run["exit_status"]) for run in runs] == [(True, None)], runs
        await done(RM.re_pause("immediate" if end == "re_halt" else "deferred"))
        await done(RM.wait_for_idle_or_paused(timeout=60))
        assert (await done(RM.status()))["manager_state"] == "paused"
        with refused(RM, ""):
            await done(RM.queue_start())
        await done(RM.re_resume())
        await done(RM.wait_for_condition(lambda status: status["manager_state"] == "executing_queue", timeout=60))
        await done(RM.re_pause())
        await done(RM.wait_for_idle_or_paused(timeout=60))
        assert (await done(RM.re_runs("open")))["run_list"] == await run_list(RM)
        assert (await done(RM.re_runs("closed")))["run_list"] == []
        await done(getattr(RM, end)())
        await done(RM.wait_for_idle(timeout=60))
        last = (await done(RM.history_get()))["items"][-1]
        assert (last["item_uid"], last["result"]["exit_status"]) == (uid, exit_status)
        assert (await run_list(RM)) == []
        queued = await items(RM)
        assert bool(queued) is stays
        assert all(item["item_uid"] != uid for item in queued)


async def begun(RM):
    """The runs of the plan that has begun, as soon as there are any: a running plan need not have opened one."""
    while not (runs := await done(RM.re_runs(reload=True)))["run_list"]:
        uid = runs["run_list_uid"]
        await done(RM.wait_for_condition(lambda status, uid=uid: status["run_list_uid"] != uid, timeout=60))
    return await run_list(RM)


async def run_list(RM):
    reply = await done(RM.re_runs(reload=True))
    assert reply["run_list_uid"] == (await done(RM.status()))["run_list_uid"]
    return reply["run_list"]
