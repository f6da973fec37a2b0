"""``qserver-console`` and ``qserver-qtconsole``."""

import contextlib
import subprocess
import sys

import pexpect
import pytest


class Terminal:
    """`qserver-console` in a terminal of its own."""

    def __init__(self, service, *options):
        arguments = ["-m", "bluesky_qs", "qserver-console", *options]
        env = {**service.env, "TERM": "dumb", "PYTHON_COLORS": "0", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.child = pexpect.spawn(
            sys.executable, arguments, env=env, cwd=str(service.home), encoding="utf-8", timeout=60, echo=False
        )
        self.child.expect_exact("Starting Jupyter Console ...")
        self.child.expect(PROMPT)

    def type(self, line):
        """Type a line; what is printed until the next prompt comes back."""
        self.child.sendline(line)
        self.child.expect(PROMPT)
        return self.child.before

    def close(self):
        self.child.close(force=True)


PROMPT = r"In \[\d+\]: "


@pytest.fixture
def terminal(service):
    made = Terminal(service, "--simple-prompt")
    yield made
    made.close()


@pytest.fixture
def editor(service):
    """A console with an editor for what is typed, as one has it without options."""
    made = Terminal(service)
    yield made
    made.close()


def test_a_console_in_a_terminal_is_in_the_namespace_of_the_plans(terminal, service):
    assert "Out[1]: 42" in terminal.type("executed.append(42); executed[-1]")
    service.function("what_ran")
    service.wait_idle()
    assert "RE" in terminal.type("print([name for name in dir() if name == 'RE'])")


def test_ctrl_c_in_the_terminal_interrupts_its_code_and_not_a_plan(terminal, service):
    terminal.child.sendline("time.sleep(3600)")
    service.reserved()
    while service.ask("status")["worker_environment_state"] == "reserved":
        terminal.child.sendintr()
        with contextlib.suppress(TimeoutError):
            service.wait(lambda s: s["worker_environment_state"] == "idle", "free again", 0.5)
    terminal.child.expect("KeyboardInterrupt")
    terminal.child.expect(PROMPT)
    service.add("steps", 10_000, 0.05)
    service.do("queue_start")
    service.running()
    heard = 0
    while not heard:  # until the line is on its way to the kernel, Ctrl-C takes it back
        terminal.child.sendline("'my' + ' turn'")
        terminal.child.expect([PROMPT, pexpect.TIMEOUT], timeout=2)
        terminal.child.sendintr()
        heard = terminal.child.expect([PROMPT, "Not interrupted: Not allowed to interrupt running plan"])
    assert service.ask("status")["re_state"] == "running"
    service.do("re_pause", option="immediate")
    terminal.child.expect("my turn")


def test_lines_end_where_they_end_also_if_the_kernel_was_busy(editor, service):
    service.add("steps", 10_000, 0.05)
    service.do("queue_start")
    service.running()
    editor.child.send("print('my' + ' turn')\r")
    service.do("re_pause", option="immediate")
    editor.child.expect("my turn\r")
    editor.child.expect(PROMPT)
    editor.child.send("print(6 * 7)\r")
    editor.child.expect("42\r")
    editor.child.expect(PROMPT)
    editor.child.send("for n in range(2):\rprint(n + 70)\r\r")
    editor.child.expect("70\r\n71\r")


def test_the_end_of_the_console_is_not_the_end_of_the_kernel(terminal, service):
    terminal.type("kept = 7")
    terminal.child.sendeof()
    terminal.child.expect("exit")
    terminal.child.sendline("y")
    terminal.child.expect(pexpect.EOF)
    terminal.child.wait()
    assert terminal.child.exitstatus == 0
    assert service.ask("status")["worker_environment_exists"]


def command(service, name):
    arguments = [sys.executable, "-m", "bluesky_qs", name]
    return subprocess.run(
        arguments, env=service.env, cwd=service.home, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["qserver-console", "qserver-qtconsole"])
@pytest.mark.parametrize(
    ("kernel", "opened", "reason"),
    [
        ("ON", False, "RE Worker environment is not open"),
        ("OFF", True, "RE Manager is not in IPython mode: IPython kernel is not used"),
    ],
)
def test_without_a_kernel_there_is_no_console(new_service, startup_dir, name, kernel, opened, reason):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", "--use-ipython-kernel", kernel)
    service.start()
    if opened:
        service.open()
    ended = command(service, name)
    assert (ended.returncode, ended.stderr) == (5, f"Failed to start the console: {reason}\n")


def test_a_console_that_is_not_installed_is_an_error(service):
    # No test environment has a Qt, so this is the message of a plain installation.
    ended = command(service, "qserver-qtconsole")
    assert ended.returncode == 5
    begin, failed = ended.stderr.splitlines()
    assert begin == "Starting Jupyter Console ..."
    assert failed.startswith("Failed to start the console: qtconsole and PyQt5 are required: pip install ")


def test_without_a_service_there_is_no_console(new_service):
    ended = command(new_service(), "qserver-console")
    assert ended.returncode == 5
    assert ended.stderr.startswith("Failed to start the console: ")
