"""The queue in Redis while Redis is away, comes back, or is meddled with."""

import threading

import pytest

BACK = "is reachable again; the queue was rewritten there"


@pytest.fixture
def on_redis(redis_server, new_service, startup_dir):
    """A service with light startup code and its queue in Redis."""
    args = ("--startup-dir", str(startup_dir), "--warm-worker", "OFF", "--redis-addr", redis_server.address)
    return new_service(*args, store=False).start()


def wait_until_back(service, times=1):
    service.wait(lambda _: service.output().count(BACK) >= times, "Redis is seen again")


def refused(service, method, **params):
    answer = service.ask(method, **params)
    assert answer["success"] is False
    assert "Redis at localhost" in answer["msg"]
    assert "The change was not made" in answer["msg"]


ITEM = {"item": {"item_type": "plan", "name": "quick"}, "user": "tester", "user_group": "primary"}


def test_without_redis_the_service_does_not_start_and_logs_the_reason(new_service, redis_server):
    redis_server.kill()
    service = new_service("--redis-addr", redis_server.address, store=False)
    assert service.spawn().wait(60) != 0
    assert f"RE Manager cannot start: Redis at localhost:{redis_server.port} is unreachable" in service.output()
    assert "Traceback" not in service.output()


@pytest.mark.parametrize("forgets", [False, True], ids=["a Redis that remembers", "a Redis that forgets"])
def test_while_redis_is_away_changes_are_refused_and_afterwards_all_is_as_it_was(on_redis, redis_server, forgets):
    on_redis.open()
    for n in range(3):
        on_redis.add("quick", n)
    before = on_redis.queue()
    redis_server.kill()
    refused(on_redis, "queue_item_add", **ITEM)
    refused(on_redis, "queue_clear")
    refused(on_redis, "queue_start")
    refused(on_redis, "lock", lock_key="x", queue=True, user="tester")
    assert on_redis.queue() == before
    status = on_redis.ask("status")
    assert (status["manager_state"], status["lock"]["queue"]) == ("idle", False)
    on_redis.wait_shown("Changes are refused until it is reachable again")
    if forgets:
        redis_server.forget()
    redis_server.start()
    wait_until_back(on_redis)
    assert on_redis.queue() == before
    last = on_redis.add("quick", 3)
    on_redis.kill_everything()
    on_redis.restart()
    assert on_redis.queue() == [*before, last]


def test_nothing_that_was_acknowledged_is_lost_when_redis_is_killed_at_any_moment(on_redis, redis_server):
    on_redis.open()
    acknowledged, done = [], threading.Event()

    def add():
        while not done.is_set():
            answer = on_redis.ask("queue_item_add", **ITEM)
            if answer["success"]:
                acknowledged.append(answer["item"])

    adding = threading.Thread(target=add)
    adding.start()
    for times in range(1, 4):
        seen = len(acknowledged)
        on_redis.wait(lambda s, seen=seen: s["items_in_queue"] > seen + 50, "some are added")
        redis_server.kill()
        on_redis.wait(
            lambda _, times=times: on_redis.output().count("Changes are refused until") >= times, "it is noticed"
        )
        redis_server.start()
        wait_until_back(on_redis, times)
    done.set()
    adding.join()
    assert on_redis.queue() == acknowledged
    on_redis.kill_everything()
    redis_server.kill()
    redis_server.start()
    on_redis.restart()
    assert on_redis.queue() == acknowledged


def test_a_plan_that_ends_while_redis_is_unreachable_is_recorded_later_and_the_queue_continues(
    on_redis, redis_server, tmp_path
):
    on_redis.open()
    on_redis.do("queue_autostart", enable=True)
    first, second = on_redis.add("until", str(tmp_path / "go")), on_redis.add("quick")
    on_redis.wait(lambda s: s["re_state"] == "running", "the plan runs")
    redis_server.kill()
    (tmp_path / "go").touch()
    on_redis.wait(lambda _: "could not be stored. Trying again" in on_redis.output(), "the plan has ended")
    status = on_redis.ask("status")
    assert (status["manager_state"], status["running_item_uid"]) == ("executing_queue", first["item_uid"])
    redis_server.start()
    status = on_redis.wait(lambda s: s["items_in_history"] == 2, "both are done")
    assert [item["item_uid"] for item in on_redis.history()] == [first["item_uid"], second["item_uid"]]
    assert [item["result"]["exit_status"] for item in on_redis.history()] == ["completed"] * 2
    assert on_redis.ask("status")["queue_autostart_enabled"] is True


def test_the_service_can_be_stopped_while_redis_is_away(on_redis, redis_server):
    on_redis.open()
    plan = on_redis.add("steps", 1000, 0.05)
    on_redis.do("queue_start")
    on_redis.wait(lambda s: s["re_state"] == "running", "the plan runs")
    redis_server.kill()
    on_redis.wait(lambda _: "Changes are refused until it is reachable again" in on_redis.output(), "it is noticed")
    assert on_redis.stop() == 0
    assert on_redis.processes() == []
    redis_server.start()
    on_redis.restart()
    (lost,) = on_redis.history()
    assert (lost["item_uid"], lost["result"]["exit_status"]) == (plan["item_uid"], "failed")
    (again,) = on_redis.queue()
    assert {**again, "item_uid": plan["item_uid"]} == {**plan, "result": lost["result"]}


@pytest.mark.parametrize("keys", [["plan_queue"], ["plan_history", "running_plan"], None], ids=str)
def test_keys_that_vanish_while_the_service_runs_do_no_harm(on_redis, redis_server, keys, tmp_path):
    on_redis.open()
    first = on_redis.add("quick")
    on_redis.do("queue_start")
    on_redis.wait_idle()
    second, third = on_redis.add("until", str(tmp_path / "go")), on_redis.add("quick", 1)
    on_redis.do("queue_start")
    on_redis.wait(lambda s: s["re_state"] == "running", "the plan runs")
    if keys is None:
        redis_server.client.flushall()
    else:
        redis_server.client.delete(*(f"qs_default_{key}" for key in keys))
    fourth = on_redis.add("quick", 2)
    on_redis.do("queue_item_move", uid=third["item_uid"], pos_dest="back")
    (tmp_path / "go").touch()
    on_redis.wait(lambda s: s["items_in_history"] == 4, "all are done")
    done = [item["item_uid"] for item in (first, second, fourth, third)]
    assert [item["item_uid"] for item in on_redis.history()] == done
    history = on_redis.history()
    on_redis.kill_everything()
    on_redis.restart()
    assert on_redis.history() == history
    assert on_redis.queue() == []


def test_the_log_names_the_redis_with_the_queue_of_a_site(redis_server, new_service, tmp_path):
    redis_server.client.rpush("qs_default_plan_queue", '{"item_uid": "1", "item_type": "plan", "name": "count"}')
    # Redis has a port of its own here, because that of a site (6379) may be in use where the tests run.
    (tmp_path / "sitecustomize.py").write_text(
        f"import bluesky_qs.config.schema as schema\nschema.DEFAULT_REDIS_ADDR = {redis_server.address!r}\n"
    )
    service = new_service(env={"PYTHONPATH": str(tmp_path)}).start()
    service.wait_shown(f"with the option:   --redis-addr {redis_server.address}")
    service.do("queue_item_add", **{**ITEM, "item": {"item_type": "plan", "name": "count", "args": [["det"]]}})
    service.stop()
    service.log.unlink()
    service.restart()
    assert "--redis-addr" not in service.output()
