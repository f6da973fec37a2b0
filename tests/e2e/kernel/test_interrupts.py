"""Ctrl-C for the kernel."""

import contextlib


def test_a_hung_cell_is_interrupted(service, console, gate):
    typed = console.type(f"{gate.wait}; import time; time.sleep(3600)")
    service.reserved()
    gate.open()  # the cell runs: what follows interrupts it and nothing before it
    service.do("kernel_interrupt")
    assert console.wait(typed)["ename"] == "KeyboardInterrupt"
    service.free()


def test_a_command_of_a_cell_is_interrupted_too(service, console):
    typed = console.type("!sleep 3600")
    service.reserved()
    service.wait(lambda _: any("sleep" in p.name() for p in service.processes()), "the command runs")
    service.do("kernel_interrupt")
    console.wait(typed)
    service.free()


def test_a_task_is_interrupted_only_on_request(service):
    service.do("script_upload", script="def sleep():\n    time.sleep(3600)")
    service.wait_idle()
    task = service.function("sleep")
    answer = service.ask("kernel_interrupt", interrupt_plan=True)
    assert (answer["success"], "Not allowed to interrupt running task" in answer["msg"]) == (False, True)
    service.wait(lambda _: f"Starting the task {task}" in service.output(), "the task runs")
    while service.do("task_status", task_uid=task)["status"] == "running":
        service.do("kernel_interrupt", interrupt_task=True, interrupt_plan=True)
        with contextlib.suppress(TimeoutError):
            service.wait_idle(0.5)
    result = service.do("task_result", task_uid=task)["result"]
    assert (result["success"], result["msg"]) == (False, "KeyboardInterrupt")


def test_an_interrupt_pauses_a_plan_only_on_request(service):
    service.add("steps", 1000, 0.05)
    service.do("queue_start")
    service.running()
    answer = service.ask("kernel_interrupt", interrupt_task=True)
    assert (answer["success"], "Not allowed to interrupt running plan" in answer["msg"]) == (False, True)
    service.do("kernel_interrupt", interrupt_plan=True)
    service.wait(lambda s: s["manager_state"] == "paused", "Ctrl-C pauses at the next checkpoint")
    service.do("re_abort")
    service.wait_idle()


def test_ctrl_c_in_the_console_that_resumed_a_plan_pauses_it(service, console):
    service.add("steps", 1000, 0.05)
    service.paused()
    typed = console.type("RE.resume()")
    service.wait(lambda s: s["re_state"] == "running" and s["worker_environment_state"] == "reserved", "it goes on")
    service.do("kernel_interrupt")
    service.wait(lambda s: s["manager_state"] == "paused", "Ctrl-C pauses at the next checkpoint")
    assert console.wait(typed)["ename"] == "RunEngineInterrupted"
    service.free()
    service.do("re_abort")
    service.wait_idle()
    assert service.history()[0]["result"]["exit_status"] == "aborted"


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
