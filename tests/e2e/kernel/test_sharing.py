"""Who has the main thread: the manager, or code of a console."""

import os

BUSY = "IPython kernel (RE Worker) is busy"


def test_the_status_shows_who_uses_the_kernel(closed):
    service = closed
    assert service.kernel_state(service.ask("status")) == ("closed", None, None)
    assert service.do("config_get")["config"] == {"ip_connect_info": {}}
    service.open()
    assert service.kernel_state(service.ask("status")) == ("idle", "idle", False)
    service.add("steps", 1000, 0.05)
    service.do("queue_start")
    assert service.kernel_state(service.running()) == ("executing_plan", "busy", True)
    service.do("re_pause", option="immediate")
    status = service.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert service.kernel_state(status) == ("idle", "idle", False)
    service.do("re_abort")
    assert service.kernel_state(service.wait_idle()) == ("idle", "idle", False)
    service.do("environment_close")
    assert service.kernel_state(service.wait_idle()) == ("closed", None, None)


def test_the_kernel_has_a_state_from_its_start_on(closed):
    service, seen = closed, []

    def look(status):
        seen.append(status["ip_kernel_state"])
        return status["worker_environment_exists"]

    service.do("environment_open")
    service.wait(look, "open")
    first = next(n for n, state in enumerate(seen) if state)
    assert None not in seen[first:]


def test_while_code_of_a_console_runs_the_environment_is_reserved_and_requests_are_refused(service, console, gate):
    plan = {"item_type": "plan", "name": "quick"}
    call = {"item_type": "function", "name": "what_ran"}
    who = {"user": "tester", "user_group": "primary"}
    service.add("quick")
    typed = console.type(gate.wait)
    assert service.kernel_state(service.reserved()) == ("reserved", "busy", False)
    assert service.ask("status")["manager_state"] == "idle"
    for method, params in (
        ("queue_start", {}),
        ("queue_item_execute", {"item": plan, **who}),
        ("script_upload", {"script": "x = 1"}),
        ("function_execute", {"item": call, **who}),
        ("environment_update", {}),
        ("environment_close", {}),
    ):
        answer = service.ask(method, **params)
        assert (answer["success"], BUSY in answer["msg"]) == (False, True), (method, answer)
    assert service.ask("status")["manager_state"] == "idle"
    background = service.do("function_execute", item=call, run_in_background=True, **who)["task_uid"]
    service.wait(lambda _: service.do("task_result", task_uid=background)["status"] == "completed", "it runs beside")
    gate.open()
    assert console.wait(typed)["status"] == "ok"
    assert service.kernel_state(service.free()) == ("idle", "idle", False)
    service.do("queue_start")
    assert service.wait_idle()["items_in_history"] == 1


def test_a_start_is_refused_as_soon_as_the_kernel_has_code_of_a_console(service, console, tmp_path):
    service.add("quick")
    for n in range(8):
        gate = tmp_path / f"gate-{n}"
        os.mkfifo(gate)
        typed = console.type(f"open({str(gate)!r}).read()")
        console.began(typed)
        answer = service.ask("queue_start")
        gate.write_text("go on")
        assert (answer["success"], BUSY in answer["msg"]) == (False, True), answer
        console.wait(typed)
    service.do("queue_start")
    assert service.wait_idle()["items_in_history"] == 1


def test_code_that_gives_way_for_a_moment_still_has_the_kernel(service, console):
    # Made before the cell, because the environment is reserved before the first line of a cell has run.
    service.run_script("import asyncio; go_on = asyncio.Event()")
    typed = console.type("await asyncio.wait_for(go_on.wait(), 60)")
    service.reserved()
    assert BUSY in service.ask("script_upload", script="x = 1")["msg"]
    service.run_script("get_ipython().kernel.io_loop.add_callback(go_on.set)", run_in_background=True)
    assert console.wait(typed)["status"] == "ok"
    service.free()


def test_what_is_typed_while_the_queue_runs_has_its_turn_between_two_plans(service, console, gate):
    service.add("steps", 60, 0.05)
    for n in range(50):
        service.add("quick", n)
    service.do("queue_start")
    service.running()
    typed = console.type(f"before = len(executed); {gate.wait}; after = len(executed)")
    assert service.reserved()["manager_state"] == "executing_queue"
    gate.open()
    assert console.wait(typed)["status"] == "ok"
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (51, 0)
    assert {item["result"]["exit_status"] for item in service.history()} == {"completed"}
    assert console.value("before == after < len(executed)") == "True"


def test_autostart_waits_for_the_end_of_the_code(service, console, gate):
    typed = console.type(gate.wait)
    service.reserved()
    service.do("queue_autostart", enable=True)
    service.add("quick")
    assert service.ask("status")["items_in_queue"] == 1
    gate.open()
    console.wait(typed)
    service.wait(lambda s: s["items_in_history"] == 1, "the plan has run")


def test_a_plan_of_the_console_is_seen_and_is_no_item_of_the_queue(service, console):
    typed = console.type("RE(steps(1000, 0.05))")
    status = service.running()
    assert service.kernel_state(status) == ("reserved", "busy", False)
    assert (status["manager_state"], status["running_item_uid"]) == ("idle", None)
    assert service.ask("re_pause")["success"] is False
    service.do("kernel_interrupt")
    service.wait(lambda s: s["re_state"] == "paused", "paused by hand")
    assert console.wait(typed)["ename"] == "RunEngineInterrupted"
    status = service.free()
    assert (status["manager_state"], status["items_in_history"]) == ("idle", 0)
    service.add("quick")
    assert "Run Engine is paused" in service.ask("queue_start")["msg"]
    console.run("RE.abort()")
    service.wait(lambda s: s["re_state"] == "idle", "ended by hand")
    service.do("queue_start")
    assert service.wait_idle()["items_in_history"] == 1
