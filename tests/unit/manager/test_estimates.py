"""Estimates of the queue, in a whole manager: made in the background, and never in the way."""

import pytest

from bluesky_qs.api.estimates import NOT_YET
from bluesky_qs.foresight.sample import Sample
from bluesky_qs.foresight.work import Member, Work
from bluesky_qs.ipc.commands import DryRun
from bluesky_qs.testing import AsyncManager, Clock, Fail, Measure, Wait

GROUP = {"user_group": "primary"}


def work(exposures, device="det1"):
    """The work of a plan that triggers a detector so often."""
    made = Work()
    made.waits[Member("trigger", device, None, 0),] = exposures
    return made.to_json()


def walked(item):
    """What the worker reports about a plan: ``num`` triggers, and a move to 5 for a scan."""
    number = item.get("kwargs", {}).get("num", 1)
    report = {"work": work(number), "points": number, "runs": 1}
    if item["name"] == "scan":
        report["motors"] = {"motor": {"start": 0.0, "min": 0.0, "max": 5.0, "end": 5.0, "units": None}}
    return report


@pytest.fixture
async def taught():
    """A manager with an open environment that has learned that a trigger takes a second."""
    async with AsyncManager(clock=Clock(still=True)) as manager:
        manager.worker.dry_run = walked
        await manager.open()
        manager.worker.times = {
            "work": work(1),
            "actions": [["trigger", "det1", None, 0, *Sample(5, 1.0).to_json()]],
            "messages": [["begin", "", 1, 0.0, 0.0]],
            "events": 1,
        }
        manager.worker.on_plan("count", Measure())
        await manager.add("count", ["det1"], num=99)
        await manager.do("queue_start")
        await manager.until_idle()
        manager.worker.on_plan("count", Wait())
        yield manager


async def estimated(manager, known=lambda found: True):
    """The reply when all items have been looked at."""
    while True:
        found = await manager.do("estimates_get")
        waits = [each for each in found["estimates"].values() if each["reason"] == NOT_YET]
        if not waits and known(found):
            return found
        manager.clock.advance(0.5)
        await manager.do("ping")


def walks(manager):
    return [command for command in manager.worker.commands if isinstance(command, DryRun)]


async def test_queued_plans_have_times_and_starts_as_if_started_now(taught):
    first = await taught.add("count", ["det1"], num=10)
    second = await taught.add("count", ["det1"], num=20)
    found = await estimated(taught)
    one, other = (found["estimates"][item["item_uid"]] for item in (first, second))
    assert (one["seconds"], other["seconds"]) == (pytest.approx(10.0, rel=0.05), pytest.approx(20.0, rel=0.05))
    assert one["source"] == "walk"
    assert one["start"] == found["queue"]["start"]
    assert other["start"] == pytest.approx(one["start"] + 10, abs=1)
    assert found["queue"]["seconds"] == pytest.approx(30.0, rel=0.05)
    assert found["queue"]["end"] == pytest.approx(found["queue"]["start"] + found["queue"]["seconds"])
    assert (await taught.do("status"))["queue_end"] is None


async def test_items_are_not_changed_by_estimates(taught):
    await taught.add("count", ["det1"], num=10)
    before = (await taught.do("queue_get"))["items"]
    await estimated(taught)
    assert (await taught.do("queue_get"))["items"] == before


async def test_a_plan_with_an_unknown_detector_has_a_reason(taught):
    taught.worker.dry_run = lambda item: {**walked(item), "work": work(3, "det2")}
    item = await taught.add("count", ["det2"])
    found = await estimated(taught)
    one = found["estimates"][item["item_uid"]]
    assert (one["seconds"], one["reason"]) == (None, "det2 has not been triggered in a plan yet")
    assert found["queue"]["at_least"] is True


async def test_equal_plans_are_walked_once_and_a_reorder_walks_only_what_starts_elsewhere(taught):
    for _ in range(5):
        await taught.add("count", ["det1"], num=10)
    scan = await taught.add("scan", ["det1"], "motor", 0, 5, 3)
    rest = await taught.add("count", ["det1"], num=11)
    await estimated(taught)
    before = len(walks(taught))
    await taught.do("queue_item_move", uid=rest["item_uid"], pos_dest="front")
    await estimated(taught)
    assert len(walks(taught)) == before
    await taught.add("scan", ["det1"], "motor", 0, 5, 3)
    await estimated(taught)
    assert len(walks(taught)) == before + 1, "the second scan starts where the first one ends"
    assert scan["item_uid"] in (await taught.do("estimates_get"))["estimates"]


async def test_a_task_empties_the_cache(taught):
    await taught.add("count", ["det1"], num=10)
    await estimated(taught)
    before = len(walks(taught))
    await taught.do("script_upload", script="x = 1")
    await taught.until_idle()
    await taught.add("count", ["det1"], num=10)
    await estimated(taught)
    assert len(walks(taught)) > before


async def test_a_plan_that_is_cut_off_is_estimated_by_the_points_that_it_has_announced(taught):
    taught.worker.dry_run = lambda item: {
        **walked(item),
        "points": 40,
        "complete": False,
        "reason": "it was not complete after 10 s",
        "announced": item["kwargs"].get("num"),
    }
    known = await taught.add("count", ["det1"], num=1000)
    unknown = await taught.add("count", ["det2"])
    found = (await estimated(taught))["estimates"]
    assert (found[known["item_uid"]]["source"], found[unknown["item_uid"]]["seconds"]) == ("points", None)


async def test_with_a_closed_environment_only_the_history_counts(taught):
    await taught.do("environment_close")
    await taught.until(lambda status: not status["worker_environment_exists"])
    same = await taught.add("count", ["det1"], num=99)
    other = await taught.add("count", ["det1"], num=98)
    found = (await estimated(taught))["estimates"]
    assert found[same["item_uid"]]["source"] == "history"
    assert found[other["item_uid"]]["reason"].startswith("The environment is closed")


async def test_a_running_queue_has_an_end_and_its_plan_corrects_itself(taught):
    first = await taught.add("count", ["det1"], num=100)
    await taught.add("count", ["det1"], num=50)
    await estimated(taught)
    await taught.do("queue_start")
    status = await taught.until(lambda status: status["queue_end"] is not None)
    now = taught.clock.time()
    assert status["queue_end"] == pytest.approx(now + 150, rel=0.05)
    taught.worker.do(Measure(num=50))
    taught.clock.advance(100)
    later = await taught.until(lambda status: (status["queue_end"] or 0) > now + 200)
    assert later["estimates_uid"] != status["estimates_uid"]
    found = await taught.do("estimates_get", uids=[first["item_uid"]])
    assert found["estimates"][first["item_uid"]]["seconds"] == pytest.approx(175, rel=0.05)
    await taught.do("queue_stop")
    stopping = await taught.until(lambda status: (status["queue_end"] or 1e12) < later["queue_end"] - 40)
    assert stopping["queue_stop_pending"] is True
    taught.worker.proceed()
    await taught.until_idle()
    (ended,) = (await taught.do("history_get", limit=1))["items"]
    assert ended["result"]["time_estimated"] == pytest.approx(100, rel=0.05)


async def test_a_loop_has_no_end(taught):
    await taught.do("queue_mode_set", mode={"loop": True})
    await taught.add("count", ["det1"], num=10)
    found = await estimated(taught)
    assert (found["queue"]["end"], found["queue"]["seconds"]) == (None, pytest.approx(10, rel=0.1))


async def test_the_sum_ends_at_a_stop_in_the_queue(taught):
    await taught.add("count", ["det1"], num=10)
    await taught.do("queue_item_add", item={"item_type": "instruction", "name": "queue_stop"}, user="Ann", **GROUP)
    behind = await taught.add("count", ["det1"], num=10)
    found = await estimated(taught)
    assert found["queue"]["seconds"] == pytest.approx(10, rel=0.05)
    assert found["estimates"][behind["item_uid"]]["start"] is None


async def test_a_worker_that_makes_no_dry_runs_leaves_the_history_and_its_reason(taught):
    taught.worker.dry_run_refusal = "This system cannot copy the worker"
    item = await taught.add("count", ["det1"], num=10)
    found = await estimated(taught)
    assert found["estimates"][item["item_uid"]]["reason"] == "This system cannot copy the worker"


async def test_an_unknown_uid_is_refused(taught):
    answer = await taught.ask("estimates_get", uids=["nothing"])
    assert (answer["success"], answer["estimates"]) == (False, {})
    assert "'nothing'" in answer["msg"]


async def test_a_failed_plan_makes_positions_unknown(taught):
    await taught.add("scan", ["det1"], "motor", 0, 5, 3)
    await estimated(taught)
    before = len(walks(taught))
    taught.worker.on_plan("scan", Fail("no beam"))
    await taught.do("queue_start")
    await taught.until_idle()
    await estimated(taught)
    assert len(walks(taught)) > before


async def test_dry_runs_have_an_estimate(taught):
    item = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 7}}
    report = (await taught.do("item_dry_run", item=item, **GROUP))["report"]
    assert report["estimate"]["seconds"] == pytest.approx(7, rel=0.05)
    assert "work" not in report
    assert report["estimate"]["parts"]["trigger"] == pytest.approx(7, rel=0.05)
