"""Scripts, functions and updates of the lists in a real worker process."""

import json

import pytest

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import UpdateEnvironment
from bluesky_qs.ipc.reports import ListsReport, PlanEnded, RunsChanged, StateChanged, TaskEnded

CODE = """
import pathlib, sys, threading
import numpy
import bluesky.plan_stubs as bps

def plan(go=None):
    yield from bps.open_run()
    while go and not pathlib.Path(go).exists():
        yield from bps.sleep(0.01)
    yield from bps.close_run()

def echo(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}

def where():
    return threading.current_thread() is threading.main_thread()

def value(text):
    return eval(text)

def fails():
    raise ValueError("not today")

def exits():
    sys.exit(2)

def pass_gate(path):
    open(path).close()
    return "passed"
"""


async def test_a_function_returns_its_value(worker):
    driver = worker(CODE)
    await driver.open()
    done = await driver.function("echo", 1, "two", x=[3])
    assert (done.task_uid, done.success, done.message, done.traceback) == ("task-1", True, "", "")
    assert json.loads(done.return_value) == {"args": [1, "two"], "kwargs": {"x": [3]}}
    assert done.time_start <= done.time_stop
    assert done.state.environment == "idle"


async def test_a_function_returns_numpy_values_sets_and_dates(worker):
    driver = worker("""
import datetime
import numpy as np

def measured():
    return {"waveform": np.arange(3), "mean": np.float32(1.5), "names": {"b", "a"}, "day": datetime.date(2024, 1, 2)}
""")
    await driver.open()
    done = await driver.function("measured")
    assert (done.success, done.message) == (True, "")
    assert json.loads(done.return_value) == {
        "waveform": [0, 1, 2],
        "mean": 1.5,
        "names": ["a", "b"],
        "day": "2024-01-02",
    }


async def test_a_value_that_json_cannot_hold_fails_the_task_and_its_type_is_named_twice(worker):
    driver = worker("def odd():\n    return {'z': 1j}\n")
    await driver.open()
    done = await driver.function("odd")
    assert (done.success, json.loads(done.return_value)) == (False, None)
    for text in (done.message, done.traceback):
        assert "value['z'] is of type complex, which JSON does not support" in text


async def test_an_error_of_the_service_itself_has_a_text_as_traceback(worker):
    driver = worker(CODE)
    await driver.open()
    done = await driver.function("absent")
    assert not done.success
    assert "'absent' is not found" in done.traceback


async def test_a_foreground_task_runs_in_the_main_thread_and_a_background_task_does_not(worker):
    driver = worker(CODE)
    await driver.open()
    assert json.loads((await driver.function("where", uid="a")).return_value) is True
    assert json.loads((await driver.function("where", uid="b", background=True)).return_value) is False


async def test_a_foreground_task_makes_the_environment_busy(worker, gate):
    driver = worker(CODE)
    await driver.open()
    await driver.start_function("pass_gate", str(gate.path))
    changed = await driver.wait(StateChanged)
    assert changed.state.environment == "executing_task"
    with pytest.raises(WrongState, match="busy"):
        await driver.start("plan")
    with pytest.raises(WrongState, match="busy"):
        await driver.start_function("echo", uid="other")
    assert list((await driver.attach()).running_tasks) == ["task-1"]
    gate.open()
    assert json.loads((await driver.wait(TaskEnded)).return_value) == "passed"
    assert (await driver.attach()).running_tasks == {}


async def test_background_tasks_leave_the_environment_idle(worker, gate):
    driver = worker(CODE)
    await driver.open()
    for n in (1, 2):
        await driver.start_function("pass_gate", str(gate.path), uid=f"task-{n}", background=True)
    snapshot = await driver.attach()
    assert snapshot.state.environment == "idle"
    assert [background for _, background in snapshot.running_tasks.values()] == [True, True]
    assert (await driver.run("plan")).exit_status == "completed"
    gate.open()
    ends = [await driver.wait(TaskEnded), await driver.wait(TaskEnded)]
    assert {e.task_uid for e in ends} == {"task-1", "task-2"}
    assert (await driver.attach()).running_tasks == {}


async def test_a_background_task_starts_while_a_plan_runs(worker, tmp_path):
    driver = worker(CODE)
    await driver.open()
    await driver.start("plan", str(tmp_path / "go"))
    await driver.wait(RunsChanged)
    done = await driver.function("echo", background=True)
    assert (done.success, done.state.environment) == (True, "executing_plan")
    (tmp_path / "go").touch()
    assert (await driver.wait(PlanEnded)).exit_status == "completed"


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(("name", "message"), [("fails", "ValueError: not today"), ("exits", "SystemExit: 2")])
async def test_a_function_that_raises_fails_alone(worker, name, message, background):
    driver = worker(CODE)
    await driver.open()
    done = await driver.function(name, background=background)
    assert (done.success, done.message, json.loads(done.return_value)) == (False, message, None)
    assert f"in {name}" in done.traceback.splitlines()[1]
    assert (await driver.function("echo", uid="next")).success


@pytest.mark.parametrize(
    ("text", "kind"), [("numpy.complex64(1)", "complex64"), ("numpy", "module"), ("{b'x'}", "bytes"), ("b'x'", "bytes")]
)
async def test_a_value_that_json_does_not_know_fails_the_task_by_name(worker, text, kind):
    driver = worker(CODE)
    await driver.open()
    done = await driver.function("value", text)
    assert not done.success
    assert kind in done.message
    assert kind in done.traceback


async def test_an_unknown_function_fails_its_task(worker):
    driver = worker(CODE)
    await driver.open()
    done = await driver.function("no_such_function")
    assert not done.success
    assert "no_such_function" in done.message
    assert "no_such_function" in done.traceback


async def test_a_task_uid_is_taken_once(worker):
    driver = worker(CODE)
    await driver.open()
    await driver.function("echo", uid="abc")
    with pytest.raises(WrongState, match="abc"):
        await driver.start_function("echo", uid="abc")


async def test_a_script_adds_a_plan_and_the_lists_tell(worker):
    driver = worker(CODE)
    await driver.open()
    done = await driver.script("def new_plan():\n    yield from plan()\n")
    assert (done.success, json.loads(done.return_value)) == (True, None)
    changed = next(r for r in driver.received if isinstance(r, ListsReport))
    assert driver.received.index(changed) < driver.received.index(done)
    assert "new_plan" in json.loads(changed.lists.plans)
    assert (await driver.run("new_plan")).exit_status == "completed"


async def test_lists_are_reported_only_on_request_and_after_a_change(worker):
    driver = worker(CODE)
    await driver.open()
    await driver.script("x = 1", uid="a")
    await driver.script("def new_plan():\n    yield from plan()\n", uid="b", update_lists=False)
    assert not any(isinstance(r, ListsReport) for r in driver.received)
    await driver.ask(UpdateEnvironment("c", background=False))
    assert "new_plan" in json.loads((await driver.wait(ListsReport)).lists.plans)
    assert (await driver.wait(TaskEnded)).success


async def test_a_failing_script_keeps_what_it_had_done_and_names_its_line(worker):
    driver = worker(CODE)
    await driver.open()
    done = await driver.script("kept = 5\n\nmissing + 1\n")
    assert not done.success
    assert "NameError: name 'missing' is not defined" in done.message
    assert "missing + 1" in done.traceback
    assert "line 3" in done.traceback
    assert json.loads((await driver.function("value", "kept", uid="f")).return_value) == 5


async def test_a_script_finds_files_beside_the_startup_code(worker):
    driver = worker(CODE)
    await driver.open()
    (driver.directory / "angles.txt").write_text("0.5")
    done = await driver.script("import pathlib; kept = pathlib.Path(__file__).with_name('angles.txt').read_text()")
    assert (done.success, done.message) == (True, "")
    assert json.loads((await driver.function("value", "kept", uid="f")).return_value) == "0.5"


async def test_a_script_that_exits_only_fails(worker):
    driver = worker(CODE)
    await driver.open()
    assert not (await driver.script("import sys; sys.exit(0)")).success
    assert (await driver.function("echo", uid="f")).success


async def test_re_and_db_are_put_back_unless_the_script_is_to_replace_them(worker):
    driver = worker(CODE + "\ndb = 'old'\nfirst = RE\n")
    await driver.open()
    replace = "from bluesky import RunEngine\nRE = RunEngine()\ndb = 'new'"
    await driver.script(replace, uid="a")
    assert json.loads((await driver.function("value", "[RE is first, db]", uid="b")).return_value) == [True, "old"]
    await driver.script(replace, uid="c", update_re=True)
    assert json.loads((await driver.function("value", "[RE is first, db]", uid="d")).return_value) == [False, "new"]
    done = await driver.run("plan")
    assert (done.exit_status, done.scan_ids) == ("completed", [1])


async def test_a_script_in_the_background_shares_the_namespace(worker):
    driver = worker(CODE)
    await driver.open()
    assert (await driver.script("from_script = 7", background=True)).success
    assert json.loads((await driver.function("value", "from_script", uid="f")).return_value) == 7
