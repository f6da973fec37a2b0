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
def prompt(service):
    made = Prompt(service)
    yield made
    made.close()


def test_a_first_session_from_loading_to_history(prompt):
    assert prompt.type("%load_ext bluesky_qs") == ""
    assert "the environment is closed" in prompt.type("%qs status")
    assert "The environment is open" in prompt.type("%qs open")
    assert "Queued at position 0: count([det1, det2], num=3)" in prompt.type("%qs add count([det1, det2], num=3)")
    assert re.search(r"0 +count\(\[det1, det2\], num=3\) +ada +queued", prompt.type("%qs queue"))
    assert "Running 1 item." in prompt.type("%qs start")
    assert "the queue is empty" in prompt.type("%qs wait")
    assert re.search(r"0 +count\(\[det1, det2\], num=3\) +completed .* 1\b", prompt.type("%qs history"))


def test_a_refusal_and_a_bad_line_take_one_line_each(prompt):
    prompt.type("%load_ext bluesky_qs")
    assert prompt.type("%qs start") == "Refused: RE Worker environment does not exist."
    assert prompt.type("%qs opne") == "UsageError: 'opne' is no word of %qs; did you mean open?"


def test_a_failed_opening_shows_the_traceback_of_the_startup_code(new_service, startup_dir):
    (startup_dir / "10-pv.py").write_text("def connect():\n    return EpicsMotr('XF:1')\n\n\npv = connect()\n")
    prompt = Prompt(new_service("--warm-worker", "OFF", "--startup-dir", str(startup_dir)).start())
    prompt.type("%load_ext bluesky_qs")
    shown = prompt.type("%qs open")
    assert "line 2, in connect" in shown
    assert shown.splitlines()[-1].startswith("Failed: The environment could not be opened")
    assert "NameError: name 'EpicsMotr' is not defined" in shown
    prompt.close()


def test_ctrl_c_ends_the_waiting_and_not_the_plan(prompt, service):
    prompt.type("%load_ext bluesky_qs")
    prompt.type("%qs open")
    prompt.type("%qs add count([det1], num=1000, delay=1)")
    prompt.type("%qs start")
    prompt.child.sendline("%qs wait")
    prompt.child.expect(r"1/1000|2/1000")
    prompt.child.sendintr()
    prompt.child.expect(_PROMPT)
    assert "No longer waiting; the queue goes on" in prompt.child.before
    assert service.ask("status")["manager_state"] == "executing_queue"
    assert "The plan pauses now." in prompt.type("%qs pause now")
    service.wait(lambda status: status["manager_state"] == "paused", "paused")
    assert "Paused in count([det1], num=1000, delay=1)" in prompt.type("%qs")
    prompt.type("%qs abort")
    assert "aborted" in prompt.type("%qs wait") or "aborted" in prompt.type("%qs history")


def test_without_a_service_the_line_says_what_to_start(new_service):
    prompt = Prompt(new_service())  # not started
    prompt.type("%load_ext bluesky_qs")
    said = prompt.type("%qs status")
    assert said.startswith("Error: No answer from the RE Manager at tcp://127.0.0.1:")
    assert "start-re-manager" in said
    assert len(said.splitlines()) == 1
    prompt.close()
