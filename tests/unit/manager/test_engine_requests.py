"""Pausing, resuming and ending a plan, and its runs, in a whole manager."""

import datetime as dt

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import PausePlan
from bluesky_qs.testing import AsyncManager, Clock, Fail, Hang, Measure, Open, Pause, Release, Suspend, Wait


async def paused(manager):
    return await manager.until(lambda status: status["manager_state"] == "paused")


async def test_an_immediate_pause_pauses_the_running_plan(opened, running):
    await running()
    await opened.do("re_pause", option="immediate")
    status = await paused(opened)
    assert (status["re_state"], status["pause_pending"]) == ("paused", False)


async def test_a_deferred_pause_is_pending_until_the_next_checkpoint(opened, running):
    await running(Wait(), Measure())
    await opened.do("re_pause", option="deferred")
    assert (await opened.until(lambda status: status["pause_pending"]))["manager_state"] == "executing_queue"
    opened.worker.proceed()
    assert not (await paused(opened))["pause_pending"]


async def test_a_plan_that_ends_before_its_pause_stops_the_queue(opened, running):
    await running(plans=2)
    await opened.do("re_pause", option="deferred")
    opened.worker.proceed()
    status = await opened.until_idle()
    why = "a pause was requested after the plan's last checkpoint, so the plan ran to its end"
    assert (status["items_in_queue"], status["queue_stopped_reason"]) == (1, why)
    await opened.do("queue_start")
    running_again = await opened.until(lambda status: status["running_item_uid"])
    assert running_again["queue_stopped_reason"] is None
    opened.worker.proceed()
    assert (await opened.until_idle())["queue_stopped_reason"] is None


async def test_a_paused_plan_is_resumed_and_completes(opened, running, results):
    await running()
    await opened.do("re_pause", option="immediate")
    await paused(opened)
    await opened.do("re_resume")
    await opened.until(lambda _: opened.worker.is_waiting)
    opened.worker.proceed()
    await opened.until_idle()
    assert [result["exit_status"] for result in await results()] == ["completed"]


@pytest.mark.parametrize(
    ("method", "exit_status"), [("re_stop", "stopped"), ("re_abort", "aborted"), ("re_halt", "halted")]
)
async def test_a_paused_plan_is_ended_and_the_queue_stops(opened, running, results, method, exit_status):
    await running(plans=2)
    await opened.do("re_pause", option="immediate")
    await paused(opened)
    await opened.do(method)
    await opened.until_idle()
    assert [result["exit_status"] for result in await results()] == [exit_status]


async def test_the_result_and_the_event_name_the_user_who_aborted_the_plan(opened, running, results):
    await running()
    await opened.do("re_pause", option="immediate", user="grace")
    await paused(opened)
    await opened.do("re_abort", user="ada")
    await opened.until_idle()
    assert [result["ended_by"] for result in await results()] == ["ada"]
    events = (await opened.do("events_get"))["events"]
    assert [event["user"] for event in events if event["type"] == "item_ended"] == ["ada"]


async def test_events_name_the_user_who_opened_started_paused_resumed_and_closed(manager):
    await manager.do("environment_open", user="ada")
    await manager.until(lambda status: status["worker_environment_exists"])
    manager.worker.on_plan("count", Wait())
    await manager.add("count", ["det1"])
    await manager.do("queue_start", user="grace")
    await manager.until(lambda _: manager.worker.is_waiting)
    await manager.do("re_pause", option="immediate", user="ada")
    await paused(manager)
    await manager.do("re_resume", user="grace")
    await manager.until(lambda _: manager.worker.is_waiting)
    manager.worker.proceed()
    await manager.until_idle()
    await manager.do("environment_close", user="ada")
    await manager.until(lambda status: not status["worker_environment_exists"])
    events = (await manager.do("events_get"))["events"]
    named = [(each["manager_state"], each.get("user")) for each in events if each["type"] == "environment_changed"]
    by_users = [each for each in named if each[1]]
    assert by_users == [
        ("creating_environment", "ada"),
        ("starting_queue", "grace"),
        ("paused", "ada"),
        ("executing_queue", "grace"),
        ("closing_environment", "ada"),
    ]
    # What nobody requested names nobody.
    assert {("idle", None), ("executing_queue", None)} <= set(named)


async def test_a_plan_that_was_resumed_and_completes_was_ended_by_nobody(opened, running, results):
    await running()
    await opened.do("re_pause", option="immediate", user="grace")
    await paused(opened)
    await opened.do("re_resume", user="ada")
    await opened.until(lambda _: opened.worker.is_waiting)
    opened.worker.proceed()
    await opened.until_idle()
    assert [result.get("ended_by") for result in await results()] == [None]


async def test_a_plan_that_pauses_by_itself_is_seen_to_be_paused(opened, running):
    await running(Wait(), Pause())
    opened.worker.proceed()
    (await paused(opened))["running_item_uid"]


async def test_a_plan_that_is_not_paused_is_not_resumed(refused, running):
    await running()
    assert "Pause the plan first" in await refused("re_resume")


async def test_without_a_plan_nothing_is_paused(opened, refused):
    assert "Queue is not running" in await refused("re_pause")


async def test_a_paused_plan_is_not_paused_again(opened, running, refused):
    await running()
    await opened.do("re_pause", option="immediate")
    await paused(opened)
    assert "The current plan is paused" in await refused("re_pause")


async def test_the_time_of_a_pause_is_measured():
    async with AsyncManager(clock=Clock(still=True)) as manager:
        manager.worker.on_plan("count", Wait())
        await manager.open()
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await manager.until(lambda _: manager.worker.is_waiting)
        await manager.do("re_pause", option="immediate")
        status = await paused(manager)
        assert status["running_item_progress"]["paused_since"] == manager.clock.time()
        manager.clock.advance(30)
        await manager.do("re_resume")
        status = await manager.until(lambda status: status["manager_state"] == "executing_queue")
        assert status["running_item_progress"]["time_paused"] == pytest.approx(30)
        assert status["running_item_progress"]["paused_since"] is None


async def test_a_pause_reaches_a_worker_that_hangs_when_it_recovers(opened, running):
    await running(Wait(), Hang(), Measure())
    opened.worker.proceed()
    await opened.until(lambda _: opened.worker.life.server.hangs)
    request = opened.loop.create_task(opened.ask("re_pause", option="immediate"))
    await opened.until(lambda _: any(isinstance(c, PausePlan) for c in opened.worker.unheard))
    opened.clock.advance(2)
    assert (await request)["success"]
    opened.worker.proceed()
    await paused(opened)


async def test_the_runs_of_the_plan_are_listed(opened, running):
    await running(Measure(), Open(), Wait())
    answer = await opened.do("re_runs")
    assert [run["is_open"] for run in answer["run_list"]] == [False, True]
    assert [run["exit_status"] for run in answer["run_list"]] == ["success", None]
    open_runs = (await opened.do("re_runs", option="open"))["run_list"]
    assert [run["scan_id"] for run in open_runs] == [2]
    closed = (await opened.do("re_runs", option="closed"))["run_list"]
    assert [run["scan_id"] for run in closed] == [1]
    assert answer["run_list_uid"] == (await opened.do("status"))["run_list_uid"]


async def test_the_result_has_the_runs_of_the_plan(opened, running, results):
    await running(Measure(), Wait())
    opened.worker.proceed()
    await opened.until_idle()
    (result,) = await results()
    assert result["scan_ids"] == [1]
    assert len(result["run_uids"]) == 1


async def test_the_status_has_the_progress_of_the_plan(opened, running):
    await running(Measure(num=4), Wait())
    status = await opened.until(lambda status: status["running_item_progress"]["events"] == 4)
    assert status["running_item_progress"]["num_points"] == 4


async def test_the_documents_of_the_plan_are_kept(opened, running):
    await running(Measure(num=3), Wait())
    documents = (await opened.do("documents_get"))["documents"]
    assert [document["name"] for document in documents] == ["start", "descriptor", *["event"] * 3, "stop"]
    latest = (await opened.do("documents_get", limit=1))["documents"]
    assert [document["name"] for document in latest] == ["start", "descriptor", "event", "stop"]


async def test_metadata_is_shown_as_far_as_that_is_permitted():
    settings = Settings(worker=Worker(permitted_re_metadata_keys=("/proposal/id", "/cycle", "/nothing")))
    async with AsyncManager(settings=settings) as manager:
        manager.worker.metadata = {"proposal": {"id": 7, "pi": "ada"}, "cycle": "2026-3", "secret": 1}
        await manager.open()
        reply = await manager.do("re_metadata")
        assert reply["re_metadata"] == {"proposal": {"id": 7}, "cycle": "2026-3"}
        assert reply["permitted_keys"] == ["/proposal/id", "/cycle", "/nothing"]


async def test_all_metadata_is_shown_by_default(opened):
    opened.worker.metadata = {"metadata_key": {"value": 1}, "cycle": "2026-3"}
    reply = await opened.do("re_metadata")
    assert reply["re_metadata"] == opened.worker.metadata
    assert reply["permitted_keys"] == ["/"]


async def test_no_metadata_is_shown_if_none_is_permitted():
    async with AsyncManager(settings=Settings(worker=Worker(permitted_re_metadata_keys=()))) as manager:
        manager.worker.metadata = {"secret": 1}
        await manager.open()
        reply = await manager.do("re_metadata")
        assert (reply["re_metadata"], reply["permitted_keys"]) == ({}, [])


async def test_metadata_needs_an_environment(refused):
    assert "environment does not exist" in await refused("re_metadata")


async def test_a_worker_that_hangs_is_an_error_of_the_request(opened, running, refused):
    await running(Hang())
    await opened.until(lambda _: opened.worker.life.server.hangs)
    request = opened.loop.create_task(refused("re_metadata"))
    await opened.until(lambda _: opened.worker.unheard)
    opened.clock.advance(2)
    assert "does not answer" in await request


async def test_a_suspended_plan_is_in_the_status_with_reason_signals_and_time():
    async with AsyncManager(clock=Clock(still=True)) as manager:
        manager.worker.on_plan("count", Suspend("Signal shutter is high", ["shutter"]), Wait(), Release(), Wait())
        await manager.open()
        await manager.add("count", ["det1"])
        await manager.do("queue_start")
        await manager.until(lambda _: manager.worker.is_waiting)
        status = await manager.do("status")
        since = manager.clock.time()
        clock_time = f"{dt.datetime.fromtimestamp(since).astimezone():%H:%M}"
        assert status["waiting_for"] == {
            "kind": "suspender",
            "text": f"suspended since {clock_time}: Signal shutter is high",
            "devices": ["shutter"],
            "start": None,
            "target": None,
            "since": since,
        }
        assert status["manager_state"] == "executing_queue"
        manager.clock.advance(30)
        manager.worker.proceed()
        status = await manager.until(lambda status: status["waiting_for"] is None)
        assert status["running_item_progress"]["time_paused"] == pytest.approx(30)


async def test_a_pause_has_the_user_in_the_status_and_a_resumed_plan_waits_for_nothing(opened, running):
    await running()
    await opened.do("re_pause", option="immediate", user="grace")
    waiting = (await paused(opened))["waiting_for"]
    assert waiting["kind"] == "pause"
    assert waiting["text"].startswith("paused at ")
    assert waiting["text"].endswith(" by grace")
    await opened.do("re_resume")
    assert (await opened.do("status"))["waiting_for"] is None


async def test_a_pause_without_a_user_names_nobody(opened, running):
    await running()
    await opened.do("re_pause", option="immediate")
    assert " by " not in (await paused(opened))["waiting_for"]["text"]


async def test_a_pause_before_the_worker_has_the_plan_keeps_its_user(opened):
    opened.worker.on_plan("count", Wait())
    opened.worker.refuse(PausePlan, WrongState("No plan is running"))
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.do("re_pause", option="immediate", user="grace")
    opened.worker.on_plan("count", Wait())
    status = await opened.until(lambda status: status["manager_state"] == "paused" or opened.worker.is_waiting)
    if status["manager_state"] != "paused":  # the worker had the plan before it refused the pause
        status = await paused(opened)
    assert status["waiting_for"]["text"].endswith("by grace")


@pytest.mark.parametrize("kind", ["suspender", "pause"])
async def test_a_new_manager_knows_why_the_plan_waits(opened, running, kind):
    await running(Suspend(), Wait())
    if kind == "pause":
        await opened.do("re_pause", option="immediate", user="grace")
        await paused(opened)
    before = await opened.do("status")
    await opened.restart()
    after = await opened.do("status")
    assert after["waiting_for"] == before["waiting_for"]
    assert after["waiting_for"]["kind"] == kind
    assert after["running_item_progress"]["paused_since"] == before["running_item_progress"]["paused_since"]


async def test_the_beginning_and_the_end_of_a_wait_are_events(opened, running):
    await running(Suspend(), Wait(), Release(), Wait())
    opened.worker.proceed()
    await opened.until(lambda status: status["waiting_for"] is None)
    events = (await opened.do("events_get", since=0))["events"]
    waits = [event["waiting_for"] for event in events if event["type"] == "waiting_changed"]
    assert [wait and wait["kind"] for wait in waits] == ["suspender", None]


async def test_a_plan_that_ends_while_it_waits_leaves_nothing_to_wait_for(opened, running):
    await running(Suspend(), Wait())
    opened.worker.do(Fail("no beam"))
    assert (await opened.until_idle())["waiting_for"] is None


async def test_a_wait_that_began_yesterday_has_its_date(running, opened):
    await running(Suspend(), Wait())
    opened.clock.advance(2 * 86400)
    await opened.do("queue_stop")
    since = (await opened.do("status"))["waiting_for"]
    assert f"{dt.datetime.fromtimestamp(since['since']).astimezone():%Y-%m-%d %H:%M}" in since["text"]


async def test_the_status_lists_optional_parameters_that_other_versions_may_not_have(opened):
    assert "user" in (await opened.do("status"))["extensions"]
