"""The environment as an IPython kernel: the service beside a console of Jupyter's."""

import contextlib
import json
import os
import queue
import re
import threading

import pytest
from jupyter_client import BlockingKernelClient

BUSY = "IPython kernel (RE Worker) is busy"
OPTIONS = ("--use-ipython-kernel", "ON", "--warm-worker", "OFF")


class Console:
    """A client of the kernel, connected with what `config_get` says."""

    def __init__(self, service):
        self.client = BlockingKernelClient()
        self.client.load_connection_info(service.do("config_get")["config"]["ip_connect_info"])
        self.client.start_channels()
        self.client.wait_for_ready(30)

    def type(self, code):
        """Run code; the number of what is to be waited for."""
        return self.client.execute(code)

    def wait(self, message):
        """The answer to code that was typed."""
        while True:
            reply = self.client.get_shell_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == message:
                return reply["content"]

    def run(self, code):
        """Run code; what the kernel answers."""
        return self.wait(self.type(code))

    def value(self, expression):
        """What an expression is in the kernel."""
        reply = self.client.execute("", user_expressions={"it": expression}, reply=True, timeout=30)
        return reply["content"]["user_expressions"]["it"]["data"]["text/plain"]

    def output(self, words):
        """Everything that is published until these words are."""
        text = ""
        while words not in text:
            message = self.client.get_iopub_msg(timeout=30)
            text += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        return text


@pytest.fixture
def service(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), *OPTIONS).start()
    service.open()
    return service


@pytest.fixture
def attach():
    """Attaches consoles that are closed with the test."""
    consoles = []

    def new(service):
        consoles.append(Console(service))
        return consoles[-1]

    yield new
    for console in consoles:
        console.client.stop_channels()


@pytest.fixture
def console(service, attach):
    return attach(service)


@pytest.fixture
def gate(tmp_path):
    """A named pipe: code that opens it waits there until the test does."""
    path = tmp_path / "gate"
    os.mkfifo(path)

    class Gate:
        wait = f"open({str(path)!r}).read()"

        def open(self):
            path.write_text("go on")

    return Gate()


def kernel_state(status):
    return (status["worker_environment_state"], status["ip_kernel_state"], status["ip_kernel_captured"])


def reserved(service):
    return service.wait(lambda s: s["worker_environment_state"] == "reserved", "reserved")


def running(service):
    return service.wait(lambda s: s["re_state"] == "running", "a plan runs")


def paused(service):
    service.do("queue_start")
    running(service)
    service.do("re_pause", option="immediate")
    return service.wait(lambda s: s["manager_state"] == "paused", "paused")


def function(service, name, *args, **options):
    item = {"item_type": "function", "name": name, "args": list(args)}
    return service.do("function_execute", item=item, user="tester", user_group="primary", **options)["task_uid"]


# ------------------------------------------------------------------------------------------------- who has the kernel
def test_the_status_tells_who_has_the_kernel(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), *OPTIONS).start()
    assert kernel_state(service.ask("status")) == ("closed", None, None)
    assert service.do("config_get")["config"] == {"ip_connect_info": {}}
    service.open()
    assert kernel_state(service.ask("status")) == ("idle", "idle", False)
    service.add("steps", 1000, 0.05)
    service.do("queue_start")
    assert kernel_state(running(service)) == ("executing_plan", "busy", True)
    service.do("re_pause", option="immediate")
    status = service.wait(lambda s: s["manager_state"] == "paused", "paused")
    assert kernel_state(status) == ("idle", "idle", False)
    service.do("re_abort")
    assert kernel_state(service.wait_idle()) == ("idle", "idle", False)
    service.do("environment_close")
    assert kernel_state(service.wait_idle()) == ("closed", None, None)


def test_while_code_of_a_console_runs_the_environment_is_reserved_and_requests_are_refused(service, console, gate):
    plan = {"item_type": "plan", "name": "quick"}
    call = {"item_type": "function", "name": "what_ran"}
    who = {"user": "tester", "user_group": "primary"}
    service.add("quick")
    typed = console.type(gate.wait)
    assert kernel_state(reserved(service)) == ("reserved", "busy", False)
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
    service.wait(lambda s: kernel_state(s) == ("idle", "idle", False), "free again")
    service.do("queue_start")
    assert service.wait_idle()["items_in_history"] == 1


def test_code_that_gives_way_for_a_moment_still_has_the_kernel(service, console):
    typed = console.type("import asyncio; go_on = asyncio.Event(); await asyncio.wait_for(go_on.wait(), 30)")
    reserved(service)
    assert BUSY in service.ask("script_upload", script="x = 1")["msg"]
    script = "loop = get_ipython().kernel.io_loop\nloop.add_callback(go_on.set)"
    service.do("script_upload", script=script, run_in_background=True)
    assert console.wait(typed)["status"] == "ok"
    service.wait(lambda s: s["worker_environment_state"] == "idle", "free again")


def test_what_is_typed_while_the_queue_runs_has_its_turn_between_two_plans(service, console, gate):
    service.add("steps", 20, 0.05)
    for n in range(50):
        service.add("quick", n)
    service.do("queue_start")
    running(service)
    typed = console.type(f"before = len(executed); {gate.wait}; after = len(executed)")
    assert reserved(service)["manager_state"] == "executing_queue"
    gate.open()
    assert console.wait(typed)["status"] == "ok"
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (51, 0)
    assert {item["result"]["exit_status"] for item in service.history()} == {"completed"}
    assert console.value("before == after < len(executed)") == "True"


def test_autostart_waits_for_the_end_of_the_code(service, console, gate):
    typed = console.type(gate.wait)
    reserved(service)
    service.do("queue_autostart", enable=True)
    service.add("quick")
    assert service.ask("status")["items_in_queue"] == 1
    gate.open()
    console.wait(typed)
    service.wait(lambda s: s["items_in_history"] == 1, "the plan has run")


def test_a_plan_of_the_console_is_seen_and_is_no_item_of_the_queue(service, console):
    typed = console.type("RE(steps(1000, 0.05))")
    status = running(service)
    assert kernel_state(status) == ("reserved", "busy", False)
    assert (status["manager_state"], status["running_item_uid"]) == ("idle", None)
    assert service.ask("re_pause")["success"] is False
    service.do("kernel_interrupt")
    service.wait(lambda s: s["re_state"] == "paused", "paused by hand")
    assert console.wait(typed)["ename"] == "RunEngineInterrupted"
    status = service.wait(lambda s: s["worker_environment_state"] == "idle", "the prompt is back")
    assert (status["manager_state"], status["items_in_history"]) == ("idle", 0)
    service.add("quick")
    assert "Run Engine is paused" in service.ask("queue_start")["msg"]
    console.run("RE.abort()")
    service.wait(lambda s: s["re_state"] == "idle", "ended by hand")
    service.do("queue_start")
    assert service.wait_idle()["items_in_history"] == 1


# ------------------------------------------------------------------------------------------------- paused, ended by hand
def test_a_paused_plan_that_is_resumed_by_hand_is_reported_and_the_queue_goes_on(service, console, tmp_path):
    service.add("steps", 30, 0.02, str(tmp_path / "trace"))
    service.add("quick")
    paused(service)
    typed = console.type("RE.resume()")
    status = service.wait(lambda s: s["manager_state"] == "executing_queue", "it goes on")
    assert status["worker_environment_state"] == "reserved"
    assert console.wait(typed)["status"] == "ok"
    status = service.wait_idle()
    assert (status["items_in_history"], status["items_in_queue"]) == (2, 0)
    assert [item["result"]["exit_status"] for item in service.history()] == ["completed", "completed"]
    assert (tmp_path / "trace").read_text() == "done\n"


@pytest.mark.parametrize(
    ("how", "status", "left"), [("stop", "stopped", 1), ("abort", "aborted", 2), ("halt", "halted", 2)]
)
def test_a_paused_plan_that_is_ended_by_hand_is_reported_as_that(service, console, how, status, left):
    service.add("steps", 1000, 0.05)
    service.add("quick")
    paused(service)
    assert console.run(f"RE.{how}()")["status"] == "ok"
    assert service.wait_idle()["items_in_queue"] == left
    (ended,) = service.history()
    assert (ended["result"]["exit_status"], "by hand" in ended["result"]["msg"]) == (status, True)


def test_a_plan_that_fails_after_it_was_resumed_by_hand_is_reported_with_its_error(service, console):
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
    paused(service)
    assert console.run("RE.stop(); RE(run(1)); RE(run(1))")["status"] == "ok"
    service.wait_idle()
    (ended,) = service.history()
    assert (ended["result"]["exit_status"], ended["result"]["run_uids"]) == ("stopped", [])


def test_a_plan_that_was_resumed_by_hand_can_be_paused_again_and_resumed_by_the_manager(service, console):
    service.add("steps", 60, 0.05)
    paused(service)
    typed = console.type("RE.resume()")
    service.wait(lambda s: s["manager_state"] == "executing_queue", "it goes on")
    service.do("re_pause", option="immediate")
    service.wait(lambda s: s["manager_state"] == "paused", "paused again")
    assert console.wait(typed)["ename"] == "RunEngineInterrupted"
    service.wait(lambda s: s["worker_environment_state"] == "idle", "the prompt is back")
    service.do("re_resume")
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "completed"


def test_a_paused_plan_is_not_resumed_while_the_console_has_the_kernel(service, console, gate):
    service.add("steps", 1000, 0.05)
    paused(service)
    typed = console.type(gate.wait)
    reserved(service)
    for method in ("re_resume", "re_stop", "re_abort", "re_halt"):
        assert BUSY in service.ask(method)["msg"]
    gate.open()
    console.wait(typed)
    service.wait(lambda s: s["worker_environment_state"] == "idle", "free again")
    service.do("re_abort")
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "aborted"


# ------------------------------------------------------------------------------------------------- interrupts
def test_a_hung_cell_is_interrupted(service, console):
    typed = console.type("import time; time.sleep(3600)")
    reserved(service)
    service.do("kernel_interrupt")
    assert console.wait(typed)["ename"] == "KeyboardInterrupt"
    service.wait(lambda s: s["worker_environment_state"] == "idle", "free again")


def test_a_command_of_a_cell_is_interrupted_too(service, console):
    typed = console.type("!sleep 3600")
    reserved(service)
    service.wait(lambda _: any("sleep" in p.name() for p in service.processes()), "the command runs")
    service.do("kernel_interrupt")
    console.wait(typed)
    service.wait(lambda s: s["worker_environment_state"] == "idle", "free again")


def test_a_task_is_interrupted_only_if_asked(service):
    service.do("script_upload", script="def sleep():\n    time.sleep(3600)")
    service.wait_idle()
    task = function(service, "sleep")
    answer = service.ask("kernel_interrupt", interrupt_plan=True)
    assert (answer["success"], "Not allowed to interrupt running task" in answer["msg"]) == (False, True)
    service.wait(lambda _: f"Starting the task {task}" in service.output(), "the task runs")
    while service.do("task_status", task_uid=task)["status"] == "running":
        service.do("kernel_interrupt", interrupt_task=True, interrupt_plan=True)
        with contextlib.suppress(TimeoutError):
            service.wait_idle(0.5)
    result = service.do("task_result", task_uid=task)["result"]
    assert (result["success"], result["msg"]) == (False, "KeyboardInterrupt")


def test_a_plan_is_paused_by_an_interrupt_only_if_asked(service):
    service.add("steps", 1000, 0.05)
    service.do("queue_start")
    running(service)
    answer = service.ask("kernel_interrupt", interrupt_task=True)
    assert (answer["success"], "Not allowed to interrupt running plan" in answer["msg"]) == (False, True)
    service.do("kernel_interrupt", interrupt_plan=True)
    service.wait(lambda s: s["manager_state"] == "paused", "Ctrl-C pauses at the next checkpoint")
    service.do("re_abort")
    service.wait_idle()


def test_an_interrupt_of_an_idle_kernel_does_no_harm(service, console):
    for _ in range(5):
        service.do("kernel_interrupt")
    assert console.value("1 + 1") == "2"
    service.add("quick")
    service.do("queue_start")
    assert service.wait_idle()["items_in_history"] == 1


def test_in_plain_python_there_is_no_kernel_to_interrupt(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    answer = service.ask("kernel_interrupt")
    assert answer["msg"] == "RE Manager is not in IPython mode: IPython kernel is not used"


# ------------------------------------------------------------------------------------------------- one namespace
def test_what_is_defined_by_hand_can_be_queued_after_an_update(service, console):
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


def test_a_run_engine_made_by_hand_is_used_after_an_update(service, console):
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
    task = function(service, "again")
    service.wait_idle()
    assert service.do("task_result", task_uid=task)["result"]["return_value"] == 42
    assert console.value("it") == "42"
    assert console.run("import asyncio; await asyncio.sleep(0); it = await answer()")["status"] == "ok"


# ------------------------------------------------------------------------------------------------- what is printed
NOISY = r"""
import ctypes, os, subprocess, sys
def noisy():
    for n in range(20):
        print(f"{n} from print")
        print(f"{n} from stderr", file=sys.stderr)
        ctypes.CDLL(None).printf(b"%d from C\n", n)
        subprocess.run(["echo", f"{n} from a command"], stdout=sys.stdout)
def noisy_plan():
    noisy()
    yield from null()
"""
NOISE = [f"{n} from {who}" for n in range(20) for who in ("print", "stderr", "C", "a command")]


@pytest.mark.parametrize("by", ["task", "plan", "console"])
def test_all_that_is_printed_is_on_the_services_console_in_its_order(service, console, by):
    service.do("script_upload", script=NOISY)
    service.wait_idle()
    if by == "task":
        function(service, "noisy")
        service.wait_idle()
    elif by == "plan":
        service.add("noisy_plan")
        service.do("queue_start")
        service.wait_idle()
    else:
        assert console.run("noisy()")["status"] == "ok"
    service.wait(lambda _: NOISE[-1] in service.output(), "the last line is shown")
    assert re.findall(r"^\d+ from .*$", service.output(), re.MULTILINE) == NOISE


def test_consoles_see_what_a_plan_prints(service, console):
    service.do("script_upload", script=NOISY)
    service.wait_idle()
    service.add("noisy_plan")
    service.do("queue_start")
    assert "0 from print" in console.output("19 from print")


# ------------------------------------------------------------------------------------------------- life and death
def runtime_files(service):
    folder = service.home / ".local" / "share" / "jupyter" / "runtime"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("end", ["close", "destroy", "stop", "kill the worker", "kill the supervisor"])
def test_the_connection_file_is_there_for_jupyter_and_goes_with_the_kernel(service, end):
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
            service.process.kill()
            service.process.wait(5)
            while service.processes():
                threading.Event().wait(0.01)  # orphans are not ours to wait for
    assert runtime_files(service) == []


def test_a_manager_that_replaces_another_knows_the_kernel(service, attach):
    before = service.do("config_get")["config"]
    service.find("bluesky_qs.manager").kill()
    service.wait(lambda s: s["worker_environment_exists"], "followed")
    assert service.do("config_get")["config"] == before
    assert kernel_state(service.ask("status")) == ("idle", "idle", False)
    assert attach(service).value("1 + 1") == "2"


def test_a_manager_that_comes_while_a_plan_of_the_console_is_paused_is_idle(service, console):
    console.run(
        "from bluesky.plan_stubs import pause\ndef stops():\n    yield from checkpoint()\n    yield from pause()"
    )
    assert console.run("RE(stops())")["ename"] == "RunEngineInterrupted"
    service.find("bluesky_qs.manager").kill()
    status = service.wait(lambda s: s["worker_environment_exists"], "followed")
    assert (status["manager_state"], status["re_state"]) == ("idle", "paused")


def test_a_console_cannot_shut_the_kernel_down(service, console):
    message = console.client.shutdown()
    with pytest.raises(queue.Empty):
        while console.client.get_control_msg(timeout=1)["parent_header"].get("msg_id") != message:
            pass
        raise queue.Empty
    console.run("exit")
    assert console.value("1 + 1") == "2"
    assert service.ask("status")["worker_environment_exists"]


def test_the_service_stops_in_time_while_the_console_has_the_kernel(service, console, gate):
    console.type(gate.wait)
    reserved(service)
    assert service.stop() == 0
    assert service.processes() == []
