"""Plans in a real worker process: how they end, how they are paused, what is reported on the way."""

import json
from itertools import pairwise

import pytest

from bluesky_qs.errors import NoRunEngine, WrongState
from bluesky_qs.ipc.commands import CloseEnvironment, ContinuePlan, EngineMetadata, PausePlan, SetPermissions
from bluesky_qs.ipc.reports import DocumentReport, PlanEnded, RunsChanged, StateChanged

FORBIDDING = {"user_groups": {"root": {"allowed_plans": [None]}, "admin": {"allowed_plans": ["empty"]}}}

PLANS = """
import asyncio, sys
import bluesky.plan_stubs as bps
from bluesky.utils import RequestAbort, plan

def empty():
    yield from bps.null()

def one_run(md=None):
    yield from bps.open_run(md or {})
    yield from bps.close_run()

def two_runs():
    yield from one_run()
    yield from one_run()

def steps(n=400, delay=0.05):
    yield from bps.open_run({"num_points": n})
    for _ in range(n):
        yield from bps.checkpoint()
        yield from bps.sleep(delay)
    yield from bps.close_run()

def last_checkpoint_first(file):
    import pathlib
    yield from bps.checkpoint()
    yield from bps.open_run()
    while not pathlib.Path(file).exists():
        yield from bps.sleep(0.01)
    yield from bps.close_run()

def until(file):
    import pathlib
    while not pathlib.Path(file).exists():
        yield from bps.checkpoint()
        yield from bps.sleep(0.01)

def no_checkpoint():
    yield from bps.clear_checkpoint()
    yield from bps.sleep(60)

def blocking(gate):
    yield from bps.open_run()
    open(gate).close()
    yield from bps.checkpoint()
    yield from bps.sleep(60)

def pausing():
    yield from bps.checkpoint()
    yield from bps.pause()
    yield from bps.null()

def failing():
    yield from bps.null()
    1 / 0

def exiting():
    yield from bps.null()
    sys.exit(3)

def interrupted():
    yield from bps.null()
    raise KeyboardInterrupt

def aborting():
    yield from bps.null()
    raise RequestAbort

def cancelled():
    yield from bps.null()
    raise asyncio.CancelledError

def late(error):
    yield from bps.null()
    module, _, name = error.rpartition(".")
    raise getattr(sys.modules[module], name)("never came back") from OSError("why")

def talking(text, times):
    yield from bps.null()
    raise ValueError(text * times)

def run_given_up():
    yield from bps.open_run()
    yield from bps.close_run(exit_status="abort")

@plan
def exiting_at_call():
    sys.exit(4)

def failing_in_cleanup():
    try:
        yield from steps()
    finally:
        raise RuntimeError("no clean-up")
"""

PREPROCESSED = """
def slow_answer(messages):
    yield from messages
    raise TimeoutError("the logbook")

def preprocessors():
    return [each.__name__ for each in RE.preprocessors]

def looking():
    yield from bps.null()
    print("SEEN", preprocessors())

RE.preprocessors.append(slow_answer)
"""


async def test_a_plan_runs_and_its_end_is_reported(worker):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("one_run", uid="abc")
    assert (done.item_uid, done.exit_status, done.message, done.traceback) == ("abc", "completed", "", "")
    assert len(done.run_uids) == 1
    assert done.scan_ids == [1]
    assert done.time_start <= done.time_stop
    assert (done.state.environment, done.state.engine, done.state.item_uid) == ("idle", "idle", None)


async def test_the_state_is_reported_only_when_it_differs(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.run("empty", uid="a")
    await driver.run("empty", uid="b")
    states = [r.state for r in driver.received if isinstance(r, (StateChanged, PlanEnded))]
    assert all(one != other for one, other in pairwise(states))
    assert [s.item_uid for s in states if s.engine == "running"] == ["a", "b"]


async def test_every_start_document_names_its_item_and_carries_the_metadata(worker):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("two_runs", uid="abc", meta=[{"sample": "A", "x": 1}, {"sample": "B", "y": 2}])
    documents = [r for r in driver.received if isinstance(r, DocumentReport)]
    starts = [json.loads(d.document) for d in documents if d.name == "start"]
    assert [s["uid"] for s in starts] == done.run_uids
    for start in starts:
        assert {k: start[k] for k in ("sample", "x", "y")} == {"sample": "A", "x": 1, "y": 2}
        assert {k: start[k] for k in ("queue_item_uid", "queue_user", "queue_user_group")} == {
            "queue_item_uid": "abc",
            "queue_user": "Ada",
            "queue_user_group": "admin",
        }
        assert (start["plan_name"], start["plan_type"]) == ("two_runs", "generator")


async def test_runs_are_reported_while_they_open_and_close(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("steps", 1000)
    (run,) = (await driver.wait(RunsChanged)).runs
    assert (run.is_open, run.exit_status, run.scan_id) == (True, None, 1)
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("abort"))
    (run,) = (await driver.wait(RunsChanged)).runs
    assert (run.is_open, run.exit_status) == (False, "abort")
    done = await driver.wait(PlanEnded)
    assert done.run_uids == [run.uid]
    assert (await driver.attach()).runs == []


async def test_a_plan_that_raises_is_reported_with_the_users_frames(worker):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("failing")
    assert (done.exit_status, done.message) == ("failed", "ZeroDivisionError: division by zero")
    lines = done.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "startup.py" in lines[1]
    assert "in failing" in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert (await driver.run("one_run", uid="next")).exit_status == "completed"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("builtins.TimeoutError", "failed"),
        ("asyncio.InvalidStateError", "failed"),
        ("concurrent.futures.InvalidStateError", "failed"),
        ("concurrent.futures.CancelledError", "failed"),
        ("asyncio.CancelledError", "aborted"),
    ],
)
async def test_a_traceback_ends_in_the_line_of_the_plan_whatever_asyncio_does_to_the_exception(worker, error, status):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("late", error)
    assert done.exit_status == status
    lines = done.traceback.splitlines()
    assert [line for line in lines if line.startswith("  File")][-1].endswith("in late")
    assert lines[-1].endswith("Error: never came back")
    assert "OSError: why" in lines
    assert (await driver.run("one_run", uid="next")).exit_status == "completed"


async def test_the_preprocessors_of_the_run_engine_stay_the_users_own(worker):
    driver = worker(PLANS + PREPROCESSED)
    await driver.open()
    done = await driver.run("looking")
    assert (done.exit_status, done.message) == ("failed", "TimeoutError: the logbook")
    assert [line for line in done.traceback.splitlines() if line.startswith("  File")][-1].endswith("in slow_answer")
    assert (await driver.function("preprocessors")).return_value == b'["slow_answer"]'
    assert "SEEN ['slow_answer']" in driver.text()
    await driver.run("steps", 1, 2, 3, uid="not callable")
    assert (await driver.function("preprocessors", uid="again")).return_value == b'["slow_answer"]'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n  the stage\nis stuck\n", "ValueError: the stage\nis stuck"),
        ("beep \a\x1b[2J\x9b1m\r\nend", "ValueError: beep \\x07\\x1b[2J\\x9b1m\nend"),
        ("over\rwritten \u202egnirts \u2028x", "ValueError: over\\rwritten \\u202egnirts \\u2028x"),
    ],
)
async def test_the_text_of_an_error_cannot_disturb_a_terminal(worker, text, message):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("talking", text, 1)
    assert done.message == message
    assert not set(done.traceback) & set("\a\r\x1b\x9b\u202e\u2028")


async def test_a_text_of_megabytes_is_cut_in_the_middle(worker):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("talking", "frame é\x1b lost\n", 500_000)
    assert 9_900 < len(done.message.encode()) <= 10_000
    assert done.message.startswith("ValueError: frame é\\x1b lost\nframe")
    assert done.message.endswith("lost\nframe é\\x1b lost")
    assert "… (7000011 characters) …" in done.message
    assert 99_000 < len(done.traceback.encode()) <= 100_000
    assert "in talking" in done.traceback
    task = await driver.script("raise ValueError('y' * 1_000_000)")
    assert 9_900 < len(task.message) <= 10_000
    assert 99_900 < len(task.traceback) <= 100_000


@pytest.mark.parametrize(
    ("plan", "status", "message"),
    [
        ("exiting", "failed", "SystemExit: 3"),
        ("exiting_at_call", "failed", "SystemExit: 4"),
        # The RunEngine halts a plan that does this.
        ("interrupted", "halted", "The plan was ended by startup code or from a console"),
        # It returns from these as from a plan that has completed.
        ("aborting", "aborted", "The plan aborted itself"),
        ("cancelled", "aborted", "The plan aborted itself"),
        ("run_given_up", "completed", ""),
    ],
)
async def test_a_plan_that_would_end_the_process_only_ends_itself(worker, plan, status, message):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run(plan)
    assert done.exit_status == status
    assert done.message.startswith(message)
    assert (await driver.run("one_run", uid="next")).exit_status == "completed"


async def test_a_plan_that_cannot_be_called_fails(worker):
    driver = worker(PLANS)
    await driver.open()
    done = await driver.run("steps", 1, 2, 3)
    assert (done.exit_status, done.run_uids, done.traceback) == ("failed", [], "")
    assert "'steps' takes 2 positional arguments" in done.message


async def test_a_plan_is_bound_with_the_permissions_in_force_when_it_runs(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.ask(SetPermissions(json.dumps(FORBIDDING).encode()))
    done = await driver.run("one_run")
    assert done.exit_status == "failed"
    assert "'one_run' is not in the list of allowed plans" in done.message


async def test_without_a_run_engine_a_plan_is_refused_until_a_script_makes_one(worker):
    driver = worker(PLANS, engine=False)
    opened = await driver.open()
    assert opened.state.engine is None
    with pytest.raises(NoRunEngine, match="Run Engine is not found in the RE Worker environment"):
        await driver.run("one_run")
    await driver.script("from bluesky import RunEngine\nRE = RunEngine()")
    assert (await driver.run("one_run", uid="next")).exit_status == "completed"


async def test_an_re_that_is_no_run_engine_counts_as_none(worker):
    driver = worker("RE = 'see below'", engine=False)
    assert (await driver.open()).state.engine is None


async def test_an_item_is_never_run_twice(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.run("one_run", uid="abc")
    with pytest.raises(WrongState, match="abc"):
        await driver.start("one_run", uid="abc")


async def test_one_plan_at_a_time(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("steps")
    with pytest.raises(WrongState, match="busy"):
        await driver.start("steps", uid="other")
    with pytest.raises(WrongState, match="busy"):
        await driver.ask(CloseEnvironment())


async def test_a_deferred_pause_waits_for_the_checkpoint_and_resume_completes_the_plan(worker, tmp_path):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("until", str(tmp_path / "go"))
    await driver.wait_engine("running")
    await driver.ask(PausePlan("deferred"))
    pending = await driver.wait(StateChanged)
    assert (pending.state.pause_pending, pending.state.engine) == (True, "running")
    paused = await driver.wait_engine("paused")
    assert (paused.state.pause_pending, paused.state.environment, paused.state.item_uid) == (False, "idle", "item-1")
    await driver.ask(ContinuePlan("resume"))
    running = await driver.wait_engine("running")
    assert running.state.environment == "executing_plan"
    (tmp_path / "go").touch()
    assert (await driver.wait(PlanEnded)).exit_status == "completed"
    assert "Pausing Run Engine ..." in driver.text()
    assert "Run Engine: resume" in driver.text()
    assert "Continue plan execution with the option 'resume'" in driver.text()


@pytest.mark.parametrize(("how", "status"), [("stop", "stopped"), ("abort", "aborted"), ("halt", "halted")])
async def test_a_paused_plan_is_ended_as_requested(worker, how, status):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("steps")
    await driver.wait(RunsChanged)
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan(how))
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.message) == (status, "")
    assert done.state.engine == "idle"
    assert len(done.run_uids) == 1
    assert (await driver.run("one_run", uid="next")).exit_status == "completed"


async def test_pause_and_resume_may_be_repeated(worker, tmp_path):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("until", str(tmp_path / "go"))
    for _ in range(3):
        await driver.ask(PausePlan("immediate"))
        await driver.wait_engine("paused")
        await driver.ask(ContinuePlan("resume"))
    (tmp_path / "go").touch()
    assert (await driver.wait(PlanEnded)).exit_status == "completed"


async def test_a_deferred_pause_past_the_last_checkpoint_lets_the_plan_complete(worker, tmp_path):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("last_checkpoint_first", str(tmp_path / "go"))
    await driver.wait(RunsChanged)
    await driver.ask(PausePlan("deferred"))
    await driver.wait(StateChanged, lambda r: r.state.pause_pending)
    (tmp_path / "go").touch()
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.state.pause_pending, done.pause_missed) == ("completed", False, True)


async def test_an_immediate_pause_without_a_checkpoint_aborts(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("no_checkpoint")
    await driver.wait_engine("running")
    await driver.ask(PausePlan("immediate"))
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.state.engine) == ("aborted", "idle")


async def test_a_plan_that_pauses_itself_can_be_resumed(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("pausing")
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("resume"))
    assert (await driver.wait(PlanEnded)).exit_status == "completed"


async def test_a_plan_that_blocks_the_engine_delays_nobody_but_itself(worker, gate):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("blocking", str(gate.path))
    await driver.wait(RunsChanged)
    await driver.ask(PausePlan("immediate"))
    snapshot = await driver.attach()  # answered while the RunEngine's loop is blocked
    assert snapshot.state.engine == "running"
    gate.open()
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("abort"))
    assert (await driver.wait(PlanEnded)).exit_status == "aborted"


async def test_only_a_running_plan_is_paused_and_only_a_paused_one_continued(worker):
    driver = worker(PLANS)
    await driver.open()
    with pytest.raises(WrongState, match="No plan is running"):
        await driver.ask(PausePlan("deferred"))
    with pytest.raises(WrongState, match="not paused"):
        await driver.ask(ContinuePlan("resume"))
    await driver.start("steps")
    await driver.wait_engine("running")
    with pytest.raises(WrongState, match="not paused"):
        await driver.ask(ContinuePlan("resume"))
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    with pytest.raises(WrongState, match="already paused"):
        await driver.ask(PausePlan("immediate"))
    await driver.ask(ContinuePlan("stop"))
    with pytest.raises(WrongState, match="not paused"):
        await driver.ask(ContinuePlan("resume"))
    assert (await driver.wait(PlanEnded)).exit_status == "stopped"


async def test_a_plan_whose_cleanup_fails_when_it_is_stopped_has_failed(worker):
    driver = worker(PLANS)
    await driver.open()
    await driver.start("failing_in_cleanup")
    await driver.wait(RunsChanged)
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("stop"))
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.message) == ("failed", "RuntimeError: no clean-up")


async def test_a_device_that_cannot_resume_fails_the_plan_and_leaves_an_idle_engine(worker):
    driver = worker(
        PLANS
        + """
from bluesky import Msg

class Stubborn:
    name, parent = "stubborn", None
    def pause(self): ...
    def resume(self): raise RuntimeError("stuck")

def with_stubborn():
    yield Msg("null", Stubborn())
    yield from steps()
"""
    )
    await driver.open()
    await driver.start("with_stubborn")
    await driver.wait(RunsChanged)
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("resume"))
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.message, done.state.engine) == ("failed", "RuntimeError: stuck", "idle")
    assert (await driver.run("one_run", uid="next")).exit_status == "completed"


@pytest.mark.parametrize(("how", "status"), [("stop", "stopped"), ("abort", "aborted")])
async def test_a_plan_ended_by_code_of_the_environment_is_reported_as_that(worker, how, status):
    driver = worker(PLANS + f"\ndef end_it():\n    RE.{how}()\n")
    await driver.open()
    await driver.start("steps")
    await driver.wait(RunsChanged)
    await driver.start_function("end_it", background=True)
    assert (await driver.wait(PlanEnded)).exit_status == status


async def test_a_paused_plan_resumed_by_code_of_the_environment_is_reported_when_it_ends(worker):
    driver = worker(PLANS + "\ndef go_on():\n    RE.context_managers = []\n    RE.resume()\n")
    await driver.open()
    await driver.start("pausing")
    await driver.wait_engine("paused")
    await driver.start_function("go_on", background=True)
    ended = await driver.wait(PlanEnded)
    assert (ended.exit_status, ended.resumed_by_hand) == ("completed", True)


_RESUMED_AT_ONCE = """
import threading, time
seen = []

def pausing_then():
    yield from bps.checkpoint()
    yield from bps.pause()
    yield from bps.sleep(0.2)
    seen.append("after the pause")

def resume():
    RE.context_managers = []
    RE.resume()

def hook(new, old):
    if str(new) == "paused":
        threading.Thread(target=resume).start()
        while RE._interrupted:  # before the call that runs the plan has noticed the pause
            time.sleep(0.001)

RE.state_hook = hook

def saw():
    return seen
"""


async def test_a_plan_that_is_resumed_before_its_pause_is_noticed_is_followed_to_its_end(worker):
    driver = worker(PLANS + _RESUMED_AT_ONCE)
    await driver.open()
    ended = await driver.run("pausing_then")
    assert (ended.exit_status, ended.resumed_by_hand) == ("completed", True)
    assert json.loads((await driver.function("saw", uid="f")).return_value) == ["after the pause"]


async def test_the_users_own_state_hook_is_called_too(worker):
    driver = worker(PLANS + "\nseen = []\nRE.state_hook = lambda new, old: seen.append(str(new))\n")
    await driver.open()
    await driver.run("empty")
    await driver.script("def saw():\n    return seen")
    assert json.loads((await driver.function("saw", uid="f")).return_value) == ["running", "idle"]


async def test_a_state_hook_that_is_put_around_ours_is_called_once_a_change(worker):
    driver = worker(PLANS + "\nseen = []\ndef saw():\n    return seen\n")
    await driver.open()
    await driver.script(
        "inner = RE.state_hook\nRE.state_hook = lambda new, old: (inner(new, old), seen.append(str(new)))"
    )
    assert (await driver.run("empty")).exit_status == "completed"
    assert json.loads((await driver.function("saw", uid="f")).return_value) == ["running", "idle"]


async def test_a_run_engine_that_is_replaced_while_a_plan_runs_takes_over_after_it(worker):
    driver = worker(
        PLANS + "\nfirst = RE\ndef used():\n    return [first.md['scan_id'], RE.md.get('scan_id'), RE is first]\n"
    )
    await driver.open()
    await driver.start("steps")
    await driver.wait(RunsChanged)
    await driver.script("from bluesky import RunEngine\nRE = RunEngine()", update_re=True, background=True)
    await driver.ask(PausePlan("immediate"))
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("stop"))
    assert (await driver.wait(PlanEnded)).exit_status == "stopped"
    assert (await driver.run("two_runs", uid="next")).scan_ids == [1, 2]
    assert json.loads((await driver.function("used", uid="f")).return_value) == [1, 2, False]


async def test_the_metadata_of_the_engine_is_returned(worker):
    driver = worker("import numpy\nRE.md['proposal'] = numpy.int64(7)")
    await driver.open()
    assert json.loads(await driver.ask(EngineMetadata()))["proposal"] == 7


RETURNING = """
import numpy as np
import bluesky.plan_stubs as bps
from bluesky import RunEngine
from bluesky.preprocessors import SupplementalData
from bluesky.utils import plan
from ophyd.sim import det1

RE = RunEngine({})
RE.preprocessors.append(SupplementalData())

def fitted():
    yield from bps.checkpoint()
    yield from bps.pause()
    return {"center": np.float64(0.25), "points": np.arange(3)}

@plan
def reading():
    return (yield from bps.rd(det1))

def odd():
    yield from bps.null()
    return 1j

def nothing():
    yield from bps.null()

def failing():
    yield from bps.null()
    raise ValueError(1)

def go_on():
    RE.context_managers = []
    RE.resume()
"""


@pytest.mark.parametrize("by_hand", [False, True])
async def test_the_value_of_a_plan_comes_back_also_after_a_pause(worker, by_hand):
    driver = worker(RETURNING)
    await driver.open()
    await driver.start("fitted")
    await driver.wait_engine("paused")
    if by_hand:
        await driver.start_function("go_on", background=True)
    else:
        await driver.ask(ContinuePlan("resume"))
    done = await driver.wait(PlanEnded)
    assert json.loads(done.return_value) == {"center": 0.25, "points": [0, 1, 2]}
    assert not done.return_value_is_text


@pytest.mark.parametrize(
    ("name", "status", "value", "is_text"),
    [
        ("odd", "completed", "1j", True),
        ("nothing", "completed", None, False),
        ("failing", "failed", None, False),
    ],
)
async def test_a_plans_value_never_fails_the_plan(worker, name, status, value, is_text):
    driver = worker(RETURNING)
    await driver.open()
    await driver.run("reading", uid="before")
    done = await driver.run(name)
    assert (done.exit_status, json.loads(done.return_value), done.return_value_is_text) == (status, value, is_text)


async def test_the_value_that_a_plan_has_read_comes_back(worker):
    driver = worker(RETURNING)
    await driver.open()
    assert isinstance(json.loads((await driver.run("reading")).return_value), float)


async def test_a_plan_that_is_stopped_has_no_value(worker):
    driver = worker(RETURNING)
    await driver.open()
    await driver.start("fitted")
    await driver.wait_engine("paused")
    await driver.ask(ContinuePlan("stop"))
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.return_value) == ("stopped", b"null")
