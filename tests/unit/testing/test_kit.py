"""The kit itself: what it says when a test is wrong, and the examples in its docstrings."""

import doctest
import importlib
import tempfile
import threading

import pytest
import zmq

from bluesky_qs.errors import AddressInUse
from bluesky_qs.testing import AsyncManager, Clock, End, Fail, Manager, Measure, Print, ScriptedWorker, Service, Wait

PARTS = ["aio", "clock", "pytest_plugin", "steps", "sync", "worker"]


@pytest.mark.parametrize("part", PARTS)
def test_the_examples_in_the_docstrings_are_right(part):
    failed, _ = doctest.testmod(importlib.import_module(f"bluesky_qs.testing.{part}"))
    assert failed == 0


def test_a_refused_request_fails_the_test_with_its_message(qs_manager):
    with pytest.raises(AssertionError, match="queue_start: RE Worker environment does not exist"):
        qs_manager.do("queue_start")


def test_an_environment_that_does_not_open_fails_the_test_with_the_reason(qs_manager):
    qs_manager.worker.on_open(Fail("no such motor"))
    with pytest.raises(AssertionError, match="no such motor"):
        qs_manager.open()


def test_a_condition_that_is_wrong_is_an_error_where_it_is_waited_for(qs_manager):
    with pytest.raises(KeyError, match="manager_stat"):
        qs_manager.wait_until(lambda status: status["manager_stat"])


def test_a_wait_that_is_in_vain_shows_the_console(qs_manager, monkeypatch):
    monkeypatch.setattr("bluesky_qs.testing.sync.PATIENCE", 0.05)
    qs_manager.say("nobody is here\n")
    with pytest.raises(TimeoutError, match="nobody is here"):
        qs_manager.wait_until(lambda _: False)


def test_a_script_that_waits_for_nobody_cannot_proceed(qs_manager):
    with pytest.raises(RuntimeError, match="No script is waiting"):
        qs_manager.worker.proceed()


def test_a_worker_that_is_not_there_cannot_die(qs_manager):
    with pytest.raises(RuntimeError, match="the environment is closed"):
        qs_manager.worker.die()


def test_a_manager_that_was_not_started_is_a_clear_error():
    with pytest.raises(RuntimeError, match="is not running"):
        Manager().ask("status")


def test_a_wrong_script_is_an_error_where_the_test_waits(qs_manager):
    qs_manager.worker.on_script(Measure())
    qs_manager.open()
    qs_manager.do("script_upload", script="x")
    with pytest.raises(AssertionError, match="only a plan measures"):
        qs_manager.wait_until(lambda _: False)


def test_steps_can_be_put_in_while_a_plan_waits(qs_manager):
    qs_manager.worker.on_plan("count", Wait())
    qs_manager.open()
    qs_manager.add("count", ["det1"])
    qs_manager.do("queue_start")
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)
    qs_manager.worker.do(Print("half way\n"))
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting and "half way" in qs_manager.output)
    qs_manager.worker.do(End("stopped"))
    qs_manager.wait_idle()
    assert qs_manager.do("history_get")["items"][0]["result"]["exit_status"] == "stopped"


def test_a_queue_and_a_history_are_those_of_the_test(qs_manager):
    qs_manager.open()
    qs_manager.add("count", ["det1"])
    ran = {"name": "scan", "item_uid": "old-1", "result": {"exit_status": "failed", "msg": "no beam"}}
    qs_manager.fill([{"name": "mv", "item_uid": "a"}, {"name": "count", "user": "ada"}], [ran])
    first, second = qs_manager.do("queue_get")["items"]
    assert (first["item_uid"], second["name"], second["user"]) == ("a", "count", "ada")
    (past,) = qs_manager.do("history_get")["items"]
    assert (past["result"]["msg"], past["result"]["run_uids"]) == ("no beam", [])
    qs_manager.fill()
    status = qs_manager.do("status")
    assert (status["items_in_queue"], status["items_in_history"]) == (0, 0)
    assert status["worker_environment_exists"]


def test_a_namespace_gives_the_plans_and_devices():
    def align(detector, steps: int = 3):
        yield

    worker = ScriptedWorker({"align": align})
    assert list(worker.plans) == ["align"]
    assert [parameter["name"] for parameter in worker.plans["align"]["parameters"]] == ["detector", "steps"]


def test_a_clock_moves_forward_only():
    with pytest.raises(ValueError, match="only moves forward"):
        Clock().advance(-1)


def test_a_service_that_is_started_again_has_its_queue_and_address(qs_manager):
    item = qs_manager.add("count", ["det1"])
    control = qs_manager.control
    qs_manager.stop()
    qs_manager.start()
    assert qs_manager.control == control
    assert qs_manager.do("queue_get")["items"] == [item]


@pytest.mark.parametrize(("taken", "free"), [("control", "info"), ("info", "control")])
def test_a_service_whose_address_is_taken_fails_and_leaves_nothing_open(taken, free, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Service() as service:
        service.stop()
        # The ports are free again when the context has ended, not already when the socket is closed.
        with zmq.Context() as context, context.socket(zmq.PUB) as other:
            other.bind(getattr(service, taken))
            with pytest.raises(AddressInUse, match=f"Cannot bind to {getattr(service, taken)}.*--zmq-{taken}-addr"):
                service.start()
            other.bind(getattr(service, free))
        assert "manager" not in [thread.name for thread in threading.enumerate()]
        assert list(tmp_path.iterdir()) == []
        service.start()
        assert service.ask("status")["manager_state"] == "idle"


async def test_the_requests_of_the_kit_are_not_those_of_clients():
    async with AsyncManager() as manager:
        await manager.do("queue_get")
        assert manager.requests == []


async def test_a_status_that_is_published_meanwhile_is_newer_than_the_reply(monkeypatch):
    async with AsyncManager(clock=Clock(still=True)) as manager:
        ask = manager.ask

        async def ask_and_be_overtaken(method):
            reply = await ask(method)
            monkeypatch.setattr(manager, "ask", ask)
            await manager.do("environment_open")
            await manager.until(lambda status: status["worker_environment_exists"])
            return reply

        monkeypatch.setattr(manager, "ask", ask_and_be_overtaken)
        status = await manager.until(lambda status: status["worker_environment_exists"])
        assert status["manager_state"] in ("idle", "creating_environment")
