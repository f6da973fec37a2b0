"""The kernel lives and dies with the environment, and follows no other order."""

import json

import pytest


def runtime_files(service):
    folder = service.home / ".local" / "share" / "jupyter" / "runtime"
    return sorted(folder.iterdir()) if folder.exists() else []


def kill_the_supervisor(service, wait_ended):
    everyone = [process.pid for process in service.processes()]
    service.process.kill()
    wait_ended(everyone)


@pytest.mark.parametrize("end", ["close", "destroy", "stop", "kill the worker", "kill the supervisor"])
def test_the_connection_file_is_there_for_jupyter_and_goes_with_the_kernel(service, end, wait_ended):
    (file,) = runtime_files(service)
    assert json.loads(file.read_text()) == service.do("config_get")["config"]["ip_connect_info"]
    assert file.stat().st_mode & 0o077 == 0
    match end:
        case "close" | "destroy":
            service.do(f"environment_{end}")
            service.wait_idle()
        case "stop":
            assert service.stop() == 0
        case "kill the worker":
            service.find("bluesky_qs.worker").kill()
            service.wait(lambda s: not s["worker_environment_exists"], "noticed")
        case _:
            kill_the_supervisor(service, wait_ended)
    assert runtime_files(service) == []


@pytest.mark.parametrize("end", ["stop", "kill the supervisor"])
def test_a_console_stays_attached_when_the_environment_is_opened_again(named, attach, end, wait_ended):
    service = named
    service.open()
    before = service.do("config_get")["config"]
    console = attach(service)
    for how in ("close", "destroy"):
        service.do(f"environment_{how}")
        service.wait_idle()
        service.open()
        assert service.do("config_get")["config"] == before
        assert console.value("1 + 1") == "2"
    if end == "stop":
        assert service.stop() == 0
    else:
        kill_the_supervisor(service, wait_ended)
    assert runtime_files(service) == []


def test_a_manager_that_replaces_another_knows_the_kernel(service, attach):
    before = service.do("config_get")["config"]
    service.find("bluesky_qs.manager").kill()
    service.wait(lambda s: s["manager_state"] == "idle", "the next manager knows")
    assert service.do("config_get")["config"] == before
    assert service.kernel_state(service.ask("status")) == ("idle", "idle", False)
    assert attach(service).value("1 + 1") == "2"


def test_a_manager_that_comes_while_a_plan_of_the_console_is_paused_is_idle(service, console):
    console.run(
        "from bluesky.plan_stubs import pause\ndef stops():\n    yield from checkpoint()\n    yield from pause()"
    )
    assert console.run("RE(stops())")["ename"] == "RunEngineInterrupted"
    service.find("bluesky_qs.manager").kill()
    status = service.wait(lambda s: s["manager_state"] != "initializing", "the next manager knows")
    assert (status["manager_state"], status["re_state"]) == ("idle", "paused")


def test_a_console_cannot_shut_the_kernel_down(service, console):
    console.client.shutdown()
    reply = console.client.get_control_msg(timeout=60)
    assert (reply["msg_type"], reply["content"]["status"]) == ("shutdown_reply", "error")
    console.run("exit")
    assert console.value("1 + 1") == "2"
    assert service.ask("status")["worker_environment_exists"]


def test_the_service_stops_in_time_while_the_console_has_the_kernel(service, console, gate):
    console.type(gate.wait)
    service.reserved()
    assert service.stop() == 0
    assert service.processes() == []
