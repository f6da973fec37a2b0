"""The life of a worker process: warm, open, followed by one manager after the other, closed, orphaned."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import OpenEnvironment, RunPlan, StartupSpec, UpdateEnvironment
from bluesky_qs.ipc.reports import EnvironmentFailed, EnvironmentOpened, PlanEnded, TaskEnded

PLAN = """
import pathlib
import bluesky.plan_stubs as bps

def plan(go=None):
    yield from bps.open_run()
    while go and not pathlib.Path(go).exists():
        yield from bps.sleep(0.005)
    yield from bps.close_run()
"""


async def test_opening_reports_lists_state_and_time(worker):
    driver = worker(PLAN)
    opened = await driver.open()
    assert "plan" in json.loads(opened.lists.plans)
    assert (opened.state.environment, opened.state.engine) == ("idle", "idle")
    assert opened.seconds > 0
    assert "bluesky_qs.worker.environment] RE Environment is ready" in driver.text()
    snapshot = await driver.attach()
    assert snapshot.lists == opened.lists


async def test_before_the_environment_is_open_nothing_runs(worker):
    driver = worker()
    snapshot = await driver.attach()
    assert (snapshot.state.environment, snapshot.lists) == ("initializing", None)
    for command in (RunPlan(b'{"item_uid": "a"}'), UpdateEnvironment("t", background=True)):
        with pytest.raises(WrongState, match="does not exist"):
            await driver.ask(command)


async def test_an_environment_opens_once(worker):
    driver = worker()
    await driver.open()
    with pytest.raises(WrongState, match="already exists"):
        await driver.open()


@pytest.mark.parametrize("error", ["1 / 0", "import sys; sys.exit(7)", "raise KeyboardInterrupt"])
async def test_startup_code_that_fails_is_reported_and_the_process_ends(worker, error):
    driver = worker(f"x = 1\n{error}\n")
    await driver.attach()
    await driver.ask(OpenEnvironment(StartupSpec(directory=str(driver.directory)), b'{"user_groups": {"root": {}}}'))
    failed = await driver.wait((EnvironmentFailed, EnvironmentOpened))
    assert isinstance(failed, EnvironmentFailed)
    assert failed.message
    assert 'startup.py", line 5' in failed.traceback
    assert await driver.exit_code() == 1


def test_the_imports_of_a_spare_neither_read_the_environment_nor_start_threads():
    code = """
import importlib, json, sys, threading
from bluesky_qs.worker.app import WARM
for module in WARM:
    importlib.import_module(module)
early = [m for m in ("bluesky", "ophyd", "ophyd_async", "epics", "matplotlib", "tqdm") if m in sys.modules]
print(json.dumps([early, [t.name for t in threading.enumerate()]]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [[], ["MainThread"]]


async def test_modules_named_with_preload_are_there_before_the_startup_code(worker):
    driver = worker("import sys\nthere = 'wave' in sys.modules\ndef seen():\n    return there\n", "--preload", "wave")
    await driver.open()
    assert json.loads((await driver.function("seen")).return_value) is True


async def test_startup_code_decides_what_matplotlib_draws_on_and_else_it_is_agg(worker):
    driver = worker("import os\nbackend = os.environ['MPLBACKEND']\ndef seen():\n    return backend\n")
    await driver.open()
    assert json.loads((await driver.function("seen")).return_value) == os.environ.get("MPLBACKEND", "Agg")


async def test_our_log_survives_startup_code_that_disables_all_loggers(worker):
    driver = worker("import logging.config\nlogging.config.dictConfig({'version': 1})\n")
    await driver.open()
    assert "RE Environment is ready" in driver.text()


async def test_closing_runs_atexit_functions_and_waits_for_no_thread(worker, tmp_path):
    driver = worker(
        f"""
import atexit, pathlib, threading, time
atexit.register(pathlib.Path({str(tmp_path / "done")!r}).touch)
threading.Thread(target=time.sleep, args=(3600,)).start()
def sleep():
    time.sleep(3600)
"""
    )
    await driver.open()
    await driver.start_function("sleep", background=True)
    await driver.close()
    assert await driver.exit_code() == 0
    assert (tmp_path / "done").exists()


async def test_a_second_manager_gets_what_the_first_did_not_acknowledge(worker, tmp_path):
    driver = worker(PLAN)
    await driver.open()
    await driver.start("plan", str(tmp_path / "go"))
    await driver.drop_link()
    (tmp_path / "go").touch()
    driver.received.clear()
    driver._given_out = 0
    driver.attach_link()
    snapshot = await driver.attach()
    assert snapshot.lists is not None
    done = await driver.wait(PlanEnded)
    assert (done.item_uid, done.exit_status) == ("item-1", "completed")


async def test_a_manager_that_attaches_during_a_plan_sees_its_runs_and_item(worker, tmp_path):
    driver = worker(PLAN)
    await driver.open()
    await driver.start("plan", str(tmp_path / "go"))
    await driver.wait_engine("running")
    await driver.drop_link()
    driver.attach_link()
    snapshot = await driver.attach()
    assert (snapshot.state.item_uid, snapshot.state.environment) == ("item-1", "executing_plan")
    assert snapshot.lists is not None
    (tmp_path / "go").touch()
    assert (await driver.wait(PlanEnded)).exit_status == "completed"


async def test_the_worker_ends_with_its_parent(worker):
    read, write = os.pipe()
    driver = worker("", "--parent-pipe", str(read), pass_fds=(read,))
    os.close(read)
    await driver.open()
    os.close(write)
    assert await driver.exit_code() == 1


async def test_a_message_that_cannot_be_read_does_not_end_the_conversation(worker):
    driver = worker(PLAN)
    await driver.open()
    await driver.link._socket.send(b"\xc1nonsense")
    assert (await driver.run("plan")).exit_status == "completed"


async def test_an_interrupt_while_nothing_runs_is_survived(worker):
    driver = worker(PLAN)
    await driver.open()
    for n in range(20):
        os.kill(driver.process.pid, signal.SIGINT)
        assert (await driver.run("plan", uid=f"item-{n}")).exit_status == "completed"


async def test_an_interrupt_ends_a_foreground_task(worker, tmp_path):
    driver = worker("import time\ndef sleep(fifo):\n    open(fifo, 'w').close()\n    time.sleep(3600)\n")
    await driver.open()
    os.mkfifo(tmp_path / "fifo")
    await driver.start_function("sleep", str(tmp_path / "fifo"))
    await asyncio.to_thread((tmp_path / "fifo").read_text)
    os.kill(driver.process.pid, signal.SIGINT)
    done = await driver.wait(TaskEnded)
    assert (done.success, done.message) == (False, "KeyboardInterrupt")


def test_an_address_that_cannot_be_bound_is_an_error_of_the_process(tmp_path):
    address = f"ipc://{tmp_path}/no/such/folder"
    ended = subprocess.run(
        [sys.executable, "-m", "bluesky_qs.worker", address], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 1


async def test_what_user_code_prints_arrives_line_by_line_with_the_log(worker):
    driver = worker(
        "import os, sys\nprint('one')\nprint('two', file=sys.stderr)\nos.write(1, b'three\\n')\nprint('four')\n"
    )
    await driver.open()
    lines = driver.text().splitlines()
    assert [line for line in lines if line in ("one", "two", "three", "four")] == ["one", "two", "three", "four"]
