"""What the worker reports about a plan that stands still: suspended by a real suspender, or paused."""

import json

import pytest

from bluesky_qs.ipc.commands import ContinuePlan, PausePlan
from bluesky_qs.ipc.reports import PlanEnded, StateChanged

SUSPENDERS = """
import bluesky.plan_stubs as bps
from bluesky.suspenders import SuspendBoolHigh, SuspendFloor
from ophyd import Signal

shutter = Signal(name="shutter", value=0)
beam = Signal(name="beam", value=100)
RE.install_suspender(SuspendBoolHigh(shutter))
RE.install_suspender(SuspendFloor(beam, 90, tripped_message="beam dump\\n at sector 3"))

def trip(name, value):
    {"shutter": shutter, "beam": beam}[name].put(value)

def steps():
    yield from bps.open_run()
    while True:
        yield from bps.checkpoint()
        yield from bps.sleep(0.01)

def short():
    yield from bps.checkpoint()
    yield from bps.null()
"""


@pytest.fixture
async def suspending(worker):
    driver = worker(SUSPENDERS)
    await driver.open()
    return driver


async def trip(driver, name, value):
    """Set the signal; the reports that follow are still to be waited for."""
    await driver.start_function("trip", name, value, uid=f"{name}={value}", background=True)


async def waiting(driver, kind):
    """The next state in which the plan stands still for this reason; None: it does not stand still."""
    report = await driver.wait(StateChanged, lambda r: (r.state.waiting and r.state.waiting.kind) == kind)
    return report.state


async def end(driver):
    await driver.ask(ContinuePlan("abort"))
    return await driver.wait(PlanEnded)


async def test_a_running_plan_that_a_suspender_holds_is_reported_with_reason_signal_and_time(suspending):
    await suspending.start("steps")
    await suspending.wait_engine("running")
    await trip(suspending, "shutter", 1)
    held = (await waiting(suspending, "suspender")).waiting
    assert (held.reason, held.devices) == ("Signal shutter is high", ["shutter"])
    assert held.since > 0
    await trip(suspending, "shutter", 0)
    assert (await waiting(suspending, None)).time_suspended > 0
    await suspending.ask(PausePlan("immediate"))
    await waiting(suspending, "pause")
    assert (await end(suspending)).state.waiting is None


async def test_a_plan_that_starts_while_a_suspender_is_tripped_waits_for_it(suspending):
    await suspending.function("trip", "beam", 5, background=True)
    await suspending.start("short")
    held = (await waiting(suspending, "suspender")).waiting
    assert held.devices == ["beam"]
    assert held.reason.startswith("Signal beam = 5 fell below 90")
    assert held.reason.endswith(": beam dump at sector 3")
    await trip(suspending, "beam", 100)
    await waiting(suspending, None)
    ended = await suspending.wait(PlanEnded)
    assert (ended.exit_status, ended.state.waiting, ended.state.time_suspended) == ("completed", None, 0.0)


async def test_a_plan_that_is_paused_before_it_begins_waits_for_the_suspender_again(suspending):
    """The RunEngine waits before the first message of a plan, and repeats that if the plan is resumed."""
    await suspending.function("trip", "beam", 5, background=True)
    await suspending.start("short")
    assert not (await waiting(suspending, "suspender")).waiting.to_begin
    await suspending.ask(PausePlan("immediate", "grace"))
    paused = (await waiting(suspending, "pause")).waiting
    assert (paused.devices, paused.to_begin) == (["beam"], True)
    await suspending.ask(ContinuePlan("resume"))
    assert (await waiting(suspending, "suspender")).waiting.devices == ["beam"]
    await trip(suspending, "beam", 100)
    assert (await suspending.wait(PlanEnded)).exit_status == "completed"


async def test_a_second_suspender_adds_its_reason_and_signal(suspending):
    await suspending.start("steps")
    await suspending.wait_engine("running")
    await trip(suspending, "shutter", 1)
    await waiting(suspending, "suspender")
    await trip(suspending, "beam", 5)
    both = await suspending.wait(StateChanged, lambda r: r.state.waiting and len(r.state.waiting.devices) == 2)
    assert "shutter is high; Signal beam = 5" in both.state.waiting.reason
    # The RunEngine goes on when the later suspender lets it go.
    await trip(suspending, "beam", 100)
    await waiting(suspending, None)
    await suspending.ask(PausePlan("immediate"))
    await waiting(suspending, "pause")
    await end(suspending)


async def test_a_plan_that_is_aborted_while_it_is_suspended_no_longer_waits(suspending):
    await suspending.start("steps")
    await suspending.wait_engine("running")
    await trip(suspending, "shutter", 1)
    await waiting(suspending, "suspender")
    await suspending.ask(PausePlan("immediate", "grace"))
    assert (await waiting(suspending, "pause")).waiting.user == "grace"
    ended = await end(suspending)
    assert (ended.exit_status, ended.state.waiting) == ("aborted", None)
    await suspending.function("trip", "shutter", 0, background=True)
    assert (await suspending.run("short", uid="next")).exit_status == "completed"


async def test_a_pause_names_the_suspenders_that_have_tripped_at_this_moment(suspending):
    """A resumed plan does not wait for them, whether they tripped before the pause or during it."""

    async def reason_is(reason):
        await suspending.wait(StateChanged, lambda r: r.state.waiting and r.state.waiting.reason == reason)

    await suspending.start("steps")
    await suspending.wait_engine("running")
    await trip(suspending, "shutter", 1)
    await waiting(suspending, "suspender")
    await suspending.ask(PausePlan("immediate", "grace"))
    paused = (await waiting(suspending, "pause")).waiting
    assert (paused.reason, paused.devices) == ("Signal shutter is high", ["shutter"])
    await trip(suspending, "shutter", 0)
    await reason_is("")
    await suspending.function("trip", "beam", 5, background=True)
    await suspending.wait(StateChanged, lambda r: r.state.waiting and r.state.waiting.devices == ["beam"])
    await end(suspending)


async def test_a_pause_has_the_user_who_requested_it_and_one_of_the_plan_itself_has_none(worker):
    driver = worker(
        "import bluesky.plan_stubs as bps\n\n\ndef pausing():\n    yield from bps.checkpoint()\n"
        "    yield from bps.sleep(60)\n    yield from bps.checkpoint()\n    yield from bps.pause()\n"
        "    yield from bps.checkpoint()\n"
    )
    await driver.open()
    await driver.start("pausing")
    await driver.wait_engine("running")
    await driver.ask(PausePlan("immediate", "grace"))
    assert (await waiting(driver, "pause")).waiting.user == "grace"
    await end(driver)
    await driver.script("bps.sleep = lambda seconds: bps.null()")
    await driver.start("pausing", uid="second")
    assert (await waiting(driver, "pause")).waiting.user == ""
    await end(driver)


async def test_the_worker_tells_a_new_manager_why_the_plan_waits(suspending):
    await suspending.start("steps")
    await suspending.wait_engine("running")
    await trip(suspending, "shutter", 1)
    held = (await waiting(suspending, "suspender")).waiting
    assert (await suspending.attach()).state.waiting == held


async def test_the_users_own_message_hook_is_called_too(worker):
    driver = worker(
        SUSPENDERS + "\nseen = []\nRE.msg_hook = lambda message: seen.append(message.command)\n"
        "def saw():\n    return seen\n"
    )
    await driver.open()
    await driver.run("short")
    assert json.loads((await driver.function("saw", uid="f")).return_value) == ["checkpoint", "null"]


async def test_a_message_hook_that_is_put_around_ours_is_called_once_a_message(worker):
    driver = worker(SUSPENDERS + "\nseen = []\ndef saw():\n    return seen\n")
    await driver.open()
    await driver.script(
        "inner = RE.msg_hook\nRE.msg_hook = lambda message: (inner(message), seen.append(message.command))"
    )
    assert (await driver.run("short")).exit_status == "completed"
    assert json.loads((await driver.function("saw", uid="f")).return_value) == ["checkpoint", "null"]


async def test_a_message_hook_that_raises_an_error_fails_the_plan_as_it_does_without_the_service(worker):
    driver = worker(SUSPENDERS + "\ndef hook(message):\n    raise ValueError('from the hook')\nRE.msg_hook = hook\n")
    await driver.open()
    ended = await driver.run("short")
    assert (ended.exit_status, "from the hook" in ended.message) == ("failed", True)
