"""What is done by hand in a console, while a plan is paused or at any time, and how the service takes it."""

import pytest

BUSY = "IPython kernel (RE Worker) is busy"


@pytest.mark.parametrize("autostart", [False, True])
def test_after_a_plan_that_a_console_resumed_the_queue_stops_unless_autostart_is_on(
    service, console, tmp_path, autostart
):
    service.add("until", str(tmp_path / "go"), str(tmp_path / "trace"))
    service.add("quick")
    service.paused()
    service.do("queue_autostart", enable=autostart)
    typed = console.type("RE.resume()")
    status = service.wait(lambda s: s["manager_state"] == "executing_queue", "it continues")
    assert status["worker_environment_state"] == "reserved"
    (tmp_path / "go").touch()
    assert console.wait(typed)["status"] == "ok"
    ran = 2 if autostart else 1
    status = service.wait(lambda s: s["manager_state"] == "idle" and s["items_in_history"] == ran, "the queue stops")
    assert (status["items_in_queue"], status["queue_autostart_enabled"]) == (2 - ran, autostart)
    assert [item["result"]["exit_status"] for item in service.history()] == ["completed"] * ran
    assert (tmp_path / "trace").read_text() == "done\n"


@pytest.mark.parametrize(
    ("how", "status", "left"), [("stop", "stopped", 1), ("abort", "aborted", 2), ("halt", "halted", 2)]
)
def test_a_paused_plan_that_is_ended_from_a_console_is_reported(service, console, how, status, left):
    service.add("steps", 1000, 0.05)
    service.add("quick")
    service.paused()
    assert console.run(f"RE.{how}()")["status"] == "ok"
    assert service.wait_idle()["items_in_queue"] == left
    (ended,) = service.history()
    assert (ended["result"]["exit_status"], "from a console" in ended["result"]["msg"]) == (status, True)


def test_a_plan_that_fails_after_a_console_resumed_it_is_reported_with_its_error(service, console):
    console.run(
        "from bluesky.plan_stubs import checkpoint, null, pause\n"
        "def breaks():\n"
        "    yield from checkpoint()\n"
        "    yield from pause()\n"
        "    raise OSError('the shutter is stuck')\n"
    )
    service.do("environment_update")
    service.wait_idle()
    service.add("breaks")
    service.do("queue_start")
    service.wait(lambda s: s["manager_state"] == "paused", "it pauses itself")
    assert console.run("RE.resume()")["ename"] == "OSError"
    assert service.wait_idle()["items_in_queue"] == 1
    result = service.history()[0]["result"]
    assert (result["exit_status"], result["msg"]) == ("failed", "OSError: the shutter is stuck")
    assert "in breaks" in result["traceback"]


def test_a_plan_of_the_console_after_the_ended_one_is_not_taken_for_it(service, console):
    service.add("steps", 1000, 0.05)
    service.paused()
    assert console.run("RE.stop(); RE(run(1)); RE(run(1))")["status"] == "ok"
    service.wait_idle()
    (ended,) = service.history()
    assert (ended["result"]["exit_status"], ended["result"]["run_uids"]) == ("stopped", [])


def test_a_plan_that_a_console_resumed_can_be_paused_again_and_resumed_by_the_manager(service, console, tmp_path):
    service.add("until", str(tmp_path / "go"))
    service.paused()
    typed = console.type("RE.resume()")
    service.wait(lambda s: s["manager_state"] == "executing_queue", "it goes on")
    service.do("re_pause", option="immediate")
    service.wait(lambda s: s["manager_state"] == "paused", "paused again")
    assert console.wait(typed)["ename"] == "RunEngineInterrupted"
    service.free()
    service.do("re_resume")
    (tmp_path / "go").touch()
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "completed"


def test_a_paused_plan_is_not_resumed_while_the_console_has_the_kernel(service, console, gate):
    service.add("steps", 1000, 0.05)
    service.paused()
    typed = console.type(gate.wait)
    service.reserved()
    for method in ("re_resume", "re_stop", "re_abort", "re_halt"):
        assert BUSY in service.ask(method)["msg"]
    gate.open()
    console.wait(typed)
    service.free()
    service.do("re_abort")
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "aborted"


def test_a_plan_from_a_console_can_be_queued_after_an_update(service, console):
    console.run("def by_hand():\n    executed.append('by hand')\n    yield from null()\n")
    item = {"item_type": "plan", "name": "by_hand"}
    assert not service.ask("queue_item_add", item=item, user="tester", user_group="primary")["success"]
    task = service.do("environment_update")["task_uid"]
    service.wait_idle()
    assert service.do("task_result", task_uid=task)["result"]["success"]
    service.add("by_hand")
    service.do("queue_start")
    service.wait_idle()
    assert console.value("executed") == "['by hand']"


def test_a_run_engine_from_a_console_is_used_after_an_update(service, console):
    console.run("RE = RunEngine({'made': 'by hand'})")
    service.do("environment_update")
    service.wait_idle()
    service.add("run")
    service.do("queue_start")
    service.wait_idle()
    assert console.value("RE.md['scan_id']") == "1"


def test_code_of_tasks_may_run_an_event_loop_of_its_own(service, console):
    script = "import asyncio\nasync def answer():\n    return 42\nit = asyncio.run(answer())\n"
    script += "def again():\n    return asyncio.run(answer())"
    service.do("script_upload", script=script)
    service.wait_idle()
    task = service.function("again")
    service.wait_idle()
    assert service.do("task_result", task_uid=task)["result"]["return_value"] == 42
    assert console.value("it") == "42"
    assert console.run("import asyncio; await asyncio.sleep(0); it = await answer()")["status"] == "ok"


@pytest.mark.parametrize("call", ["breakpoint()", "import pdb; pdb.set_trace()"])
def test_a_debugger_asks_who_sits_at_the_console_and_nobody_in_a_task(service, console, call):
    code = f"def look(x):\n    {call}\n    return x\n"
    asking = console.client.execute(f"{code}y = look(1)", allow_stdin=True)
    for command in ("x = 5", "c"):
        assert console.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "ipdb> "
        console.client.input(command)
    assert console.wait(asking)["status"] == "ok"
    assert console.value("y") == "5"
    result = service.do("task_result", task_uid=ended(service, service.function("look", 1)))["result"]
    assert f"{call.rpartition('; ')[2]} asks for input, and nobody can answer" in result["msg"]


def ended(service, task_uid):
    service.wait_idle()
    return task_uid
