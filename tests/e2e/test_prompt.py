"""The queue driven from a real IPython prompt in a terminal, against a real service."""

import re
import sys

import pexpect
import pytest

_PROMPT = r"In \[\d+\]: "
_PATIENCE = 60


class Prompt:
    """IPython in a terminal of its own."""

    def __init__(self, service, columns=120):
        env = {**service.env, "IPYTHONDIR": str(service.home / "ipython"), "TERM": "xterm", "QSERVER_USER": "ada"}
        arguments = ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"]
        self.child = pexpect.spawn(
            sys.executable,
            arguments,
            env=env,
            dimensions=(50, columns),
            encoding="utf-8",
            timeout=_PATIENCE,
            echo=False,
        )
        self.child.expect(_PROMPT)

    def type(self, line):
        """Type a line; what is printed until the next prompt comes back."""
        self.child.sendline(line)
        self.child.expect(_PROMPT)
        return _as_seen(self.child.before)

    def close(self):
        self.child.close(force=True)


def _as_seen(text):
    """What is left on the screen: of a line that was written over, its last state."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", "\n".join(lines)).strip()


@pytest.fixture
def prompt_for():
    """Opens terminals for services, which are closed after the test."""
    opened = []

    def open_one(service):
        opened.append(Prompt(service))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def new(new_service):
    """A service of the test's own; its environment is closed."""
    return new_service("--warm-worker", "OFF").start()


@pytest.fixture
def prompt_of_new(prompt_for, new):
    """A prompt without the extension, for a service whose environment is closed."""
    return prompt_for(new)


@pytest.fixture
def service(open_service):
    return open_service


@pytest.fixture
def prompt(prompt_for, service):
    """A prompt with the extension, for a service whose environment is open."""
    prompt = prompt_for(service)
    prompt.type("%load_ext bluesky_qs")
    return prompt


def test_a_first_session_from_loading_to_history(prompt_of_new):
    assert prompt_of_new.type("%load_ext bluesky_qs") == ""
    assert "the environment is closed" in prompt_of_new.type("%qs status")
    assert "Environment open" in prompt_of_new.type("%qs open")
    assert "Queued at position 0: count([det1, det2], num=3)" in prompt_of_new.type(
        "%qs add count([det1, det2], num=3)"
    )
    assert re.search(r"0 +count\(\[det1, det2\], num=3\) +queued", prompt_of_new.type("%qs queue"))
    assert "Running 1 item." in prompt_of_new.type("%qs start")
    assert "the queue is empty" in prompt_of_new.type("%qs wait")
    assert re.search(r"0 +count\(\[det1, det2\], num=3\) +completed .* 1\b", prompt_of_new.type("%qs history"))


def test_a_refusal_and_a_bad_line_take_one_line_each(prompt_of_new):
    prompt_of_new.type("%load_ext bluesky_qs")
    assert prompt_of_new.type("%qs start") == "Refused: The environment is not open (%qs open)."
    assert prompt_of_new.type("%qs opne") == "UsageError: Unknown %qs command 'opne' (did you mean 'open'?)"


def test_a_failed_opening_shows_the_traceback_of_the_startup_code(new_service, prompt_for, startup_dir):
    (startup_dir / "10-pv.py").write_text("def connect():\n    return EpicsMotr('XF:1')\n\n\npv = connect()\n")
    prompt = prompt_for(new_service("--warm-worker", "OFF", "--startup-dir", str(startup_dir)).start())
    prompt.type("%load_ext bluesky_qs")
    shown = prompt.type("%qs open")
    assert "line 2, in connect" in shown
    # A long path makes the last sentence wrap between words.
    assert re.search(
        r"Failed: The environment could not be opened: .*'EpicsMotr' is not defined\.$", " ".join(shown.split())
    )
    assert "NameError: name 'EpicsMotr' is not defined" in shown


def test_ctrl_c_ends_the_waiting_and_not_the_plan(prompt, service):
    prompt.type("%qs add count([det1], num=1000, delay=1)")
    prompt.type("%qs start")
    prompt.child.sendline("%qs wait")
    prompt.child.expect(r"\d+/1000")
    prompt.child.sendintr()
    prompt.child.expect(_PROMPT)
    assert "Stopped watching; the queue is still running" in prompt.child.before
    assert service.ask("status")["manager_state"] == "executing_queue"
    assert re.search(r"Paused at \d\d:\d\d by \S+\. %qs resume", prompt.type("%qs pause now"))
    assert service.ask("status")["manager_state"] == "paused"
    shown = prompt.type("%qs")
    assert "Paused in count([det1], num=1000, delay=1)" in shown
    assert re.search(r"Paused at \d\d:\d\d by \S+\.", shown)
    prompt.type("%qs abort")
    assert "aborted" in prompt.type("%qs wait") or "aborted" in prompt.type("%qs history")


def test_the_hint_after_ctrl_c_ends_the_plan_in_one_word(prompt, service):
    prompt.child.sendline("%qs run count([det1], num=2, delay=1000)")
    prompt.child.expect(r"1/2")
    prompt.child.sendintr()
    prompt.child.expect(_PROMPT)
    assert "the plan is still running (%qs wait, %qs pause, %qs abort)" in prompt.child.before
    assert "The plan was aborted." in prompt.type("%qs abort")
    assert re.search(r"count\(\[det1\], num=2, delay=1000\) was aborted", prompt.type("%qs wait -1"))
    assert service.ask("status")["manager_state"] == "idle"


def test_a_wait_for_a_paused_plan_reports_the_pause(prompt, service):
    prompt.type("%qs add count([det1], num=2, delay=1000)")
    prompt.type("%qs start")
    service.wait(lambda s: (s["running_item_progress"] or {"events": 0})["events"] == 1, "an event")
    prompt.type("%qs pause now")
    prompt.child.sendline("%qs wait")
    prompt.child.expect(r"Paused at \d\d:\d\d by \S+\. %qs resume resumes the plan")
    prompt.child.sendintr()
    prompt.child.expect(_PROMPT)
    prompt.type("%qs abort")
    assert "back at the front of the queue" in prompt.type("%qs wait")
    assert "Already back in the queue at position 0; not queued again" in prompt.type("%qs redo -1")


def test_a_suspended_plan_is_suspended_at_the_prompt_and_the_wait_says_why(new_service, prompt_for, startup_dir):
    (startup_dir / "20-suspender.py").write_text(
        "from bluesky.plans import count\nfrom bluesky.suspenders import SuspendBoolHigh\nfrom ophyd import Signal\n"
        "from ophyd.sim import det1\n\nshutter = Signal(name='shutter', value=0)\n"
        "RE.install_suspender(SuspendBoolHigh(shutter))\n"
    )
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    prompt = prompt_for(service)
    prompt.type("%load_ext bluesky_qs")
    prompt.type("%qs open")
    prompt.type("%qs add count([det1], num=3, delay=0.1)")
    service.do("script_upload", script="shutter.put(1)", run_in_background=True)
    service.wait(lambda status: not status["worker_background_tasks"], "the shutter is closed")
    prompt.type("%qs start")
    service.wait(lambda status: status["waiting_for"], "suspended")
    shown = prompt.type("%qs")
    assert "Suspended in count([det1], num=3, delay=0.1)" in shown
    assert re.search(r"Suspended since \d\d:\d\d: Signal shutter is high\.", shown)
    prompt.child.sendline("%qs wait")
    prompt.child.expect(r"Suspended since \d\d:\d\d: Signal shutter is high\.")
    service.do("script_upload", script="shutter.put(0)", run_in_background=True)
    prompt.child.expect(_PROMPT)
    shown = _as_seen(prompt.child.before)
    assert "The plan is running again." in shown
    assert re.search(r"count\(\[det1\], num=3, delay=0.1\) +completed", shown)


def test_a_service_that_is_stopped_during_a_wait_is_reported_before_the_wait_ends(prompt_of_new, new):
    prompt_of_new.type("%load_ext bluesky_qs")
    prompt_of_new.type("%qs open")
    prompt_of_new.type("%qs add count([det1], num=1000, delay=1)")
    prompt_of_new.type("%qs start")
    prompt_of_new.child.sendline("%qs wait")
    prompt_of_new.child.expect("1/1000")
    new.kill_everything()
    prompt_of_new.child.expect(r"The service has not answered for \d.*: it was stopped, or is restarting\.")
    prompt_of_new.child.expect(_PROMPT)
    assert "Error: No answer from the RE Manager" in prompt_of_new.child.before


def test_a_scan_is_changed_by_its_number_of_points_or_its_whole_call(prompt):
    prompt.type("%qs add scan([det1], motor, -1, 1, 5)")
    assert "Changed at position 0: scan([det1], motor, -1, 1, 7)" in prompt.type("%qs edit 0 num=7")
    assert "Changed at position 0: scan([det1], motor, -1, 1, 9)" in prompt.type(
        "%qs edit 0 scan([det1], motor, -1, 1, 9)"
    )
    prompt.type("%qs start")
    printed = " ".join(
        prompt.type("%qs wait 0").split()
    )  # a line that is longer when the scan was over before the wait
    assert re.search(r"[Cc]ompleted.* scan \d+: scan\(\[det1\], motor, -1, 1, 9\)", printed)


def test_without_a_service_the_error_names_the_command_to_start(new_service, prompt_for):
    prompt = prompt_for(new_service())  # not started
    prompt.type("%load_ext bluesky_qs")
    printed = prompt.type("%qs status")
    assert printed.startswith("Error: No answer from the RE Manager at tcp://127.0.0.1:")
    assert "start-re-manager" in printed
    assert max(map(len, printed.splitlines())) <= 120  # broken between words


def test_a_plan_that_runs_now_shows_its_table(prompt):
    shown = prompt.type("%qs run scan([det1], motor, -1, 1, num=3)").splitlines()
    assert re.match(r"Scan \d+: scan, 3 points, started ", shown[0])
    assert shown[1].split() == ["#", "time", "motor", "det1"]
    assert [line.split()[0] for line in shown[2:5]] == ["1", "2", "3"]
    assert re.search(r"scan \d+: scan\(\[det1\], motor, -1, 1, num=3\)", shown[-1])


HELD = """
from pathlib import Path
from bluesky.plan_stubs import one_shot, sleep
from bluesky.plans import count
from bluesky.protocols import Readable

def held(detectors: list[Readable], gate: str):
    made = []
    def per_shot(detectors):
        while len(made) == 3 and not Path(gate).exists():
            yield from sleep(0.02)
        made.append(1)
        yield from one_shot(detectors)
    yield from count(detectors, num=6, per_shot=per_shot)
"""


def test_who_begins_to_wait_late_sees_the_table_from_its_beginning(prompt, service, tmp_path):
    service.do("script_upload", script=HELD)
    service.wait_idle()
    prompt.type(f"%qs add held([det1], '{tmp_path}/gate')")
    prompt.type("%qs start")
    service.wait(lambda s: (s["running_item_progress"] or {"events": 0})["events"] == 3, "three events")
    prompt.child.sendline("%qs wait")
    prompt.child.expect(r"[\n\r]\s*3\s")
    before = prompt.child.before + prompt.child.after
    (tmp_path / "gate").touch()
    prompt.child.expect(_PROMPT)
    shown = _as_seen(before + prompt.child.before).splitlines()
    assert [line.split()[0] for line in shown[2:8]] == ["1", "2", "3", "4", "5", "6"]


def test_what_is_written_here_runs_there(prompt):
    prompt.type("import bluesky.plans as bp; points = 3")
    prompt.child.sendline("def wiggle(det, motor):\n    yield from bp.scan([det], motor, -1, 1, points)\n")
    prompt.child.expect(_PROMPT)
    assert prompt.type("%qs push wiggle") == "Failed: The worker has no points. Push it too: %qs push points wiggle"
    assert "wiggle can be queued now. points is in the worker now." in prompt.type("%qs push wiggle points")
    assert "Completed" in prompt.type("%qs run wiggle(det1, motor)")


def test_a_pushed_plan_that_times_out_shows_its_own_line_as_it_was_typed(prompt):
    prompt.type("import bluesky.plans as bp")
    prompt.child.sendline("def late(det):\n    yield from bp.count([det])\n    raise TimeoutError('no beam')\n")
    prompt.child.expect(_PROMPT)
    prompt.type("%qs push late")
    failed = prompt.type("%qs run late(det1)")
    assert re.search(r"""File "Cell In\[\d+\] \(late\)", line 3, in late\n\s+raise TimeoutError\('no beam'\)""", failed)
    assert "TimeoutError: no beam" in failed
    assert failed.splitlines()[-1].startswith("late(det1) failed")


def test_a_script_shows_what_it_prints_and_where_it_fails(prompt):

    def script(*lines):
        prompt.child.sendline("\n".join(["%%qs script", *lines, "", ""]))
        prompt.child.expect(_PROMPT)
        return _as_seen(prompt.child.before)

    assert "six is 6" in script("print('six is', 2 * 3)")
    failed = script("x = 1", "1 / (x - 1)")
    assert re.search(r'File "<script \d+>", line 2, in <module>\n\s+1 / \(x - 1\)', failed)
    assert failed.splitlines()[-1] == "Failed: the script: ZeroDivisionError: division by zero"
    assert "[I " not in failed


def test_the_startup_files_of_the_service_are_loaded_here(prompt):
    assert "Loaded 00-ophyd.py, 15-plans.py, 99-custom.py" in prompt.type("%qs load")
    assert "SynGauss" in prompt.type("type(det1).__name__")
    assert "{'success': True" in prompt.type("%qs func function_sleep(0.1)")


def test_the_console_is_followed_until_ctrl_c(prompt_of_new, new):
    prompt_of_new.type("%load_ext bluesky_qs")
    prompt_of_new.child.sendline("%qs log -f")
    prompt_of_new.child.expect("ZeroMQ server is waiting")
    new.do("environment_open")
    prompt_of_new.child.expect("RE Environment is ready")
    prompt_of_new.child.sendintr()
    prompt_of_new.child.expect(_PROMPT)
    assert "Interrupt" not in prompt_of_new.child.before


def test_a_session_works_after_a_restart_of_the_service(prompt_of_new, new):
    prompt_of_new.type("%load_ext bluesky_qs")
    prompt_of_new.type("%qs add count([det1])")
    new.stop()
    assert prompt_of_new.type("%qs queue").startswith("Error: No answer from the RE Manager")
    new.restart()
    assert re.search(r"0 +count\(\[det1\]\) +queued", prompt_of_new.type("%qs queue"))


def test_a_wait_survives_a_restart_of_the_manager(prompt, service):
    prompt.type("%qs add count([det1], num=8, delay=0.5)")
    prompt.type("%qs start")
    prompt.child.sendline("%qs wait")
    prompt.child.expect("[1-7]/8")
    service.find("bluesky_qs.manager").kill()
    prompt.child.expect(_PROMPT)
    assert re.search(r"count\(\[det1\], num=8, delay=0.5\) +completed", _as_seen(prompt.child.before))


def test_a_lock_keeps_others_out_and_this_session_in(prompt, service):
    assert "Locked (queue) by you" in prompt.type("%qs lock queue 'my beamtime'")
    assert "Queued at position 0" in prompt.type("%qs add count([det1])")
    assert not service.ask("queue_clear")["success"]
    assert "Unlocked" in prompt.type("%qs unlock")
    assert service.ask("queue_clear")["success"]


def test_the_extension_can_be_reloaded_and_unloaded(prompt_of_new):
    prompt_of_new.type("%load_ext bluesky_qs")
    prompt_of_new.type("%qs add count([det1])")
    assert prompt_of_new.type("%reload_ext bluesky_qs") == ""
    assert "1 item in the queue" in prompt_of_new.type("%qs")
    assert prompt_of_new.type("%unload_ext bluesky_qs") == ""
    assert "not found" in prompt_of_new.type("%qs")
    assert "NameError" in prompt_of_new.type("RM")
    prompt_of_new.type("%load_ext bluesky_qs")
    assert "1 item in the queue" in prompt_of_new.type("%qs")
