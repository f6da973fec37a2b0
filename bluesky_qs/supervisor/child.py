"""A child process in its own session, whose output goes to the console."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bluesky_qs.supervisor.policy import Exit

#: Secrets that only the HTTP door reads.
DOOR_SECRETS = (
    "QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY",
    "QSERVER_HTTP_SERVER_SERVER_SECRET_KEYS",
    "QSERVER_HTTP_SERVER_DATABASE_URI",
)
#: Variables that user code must not find in its environment.
_SECRETS = (
    "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER",
    "QSERVER_ZMQ_PRIVATE_KEY",
    "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER",
    *DOOR_SECRETS,
)


class Lifeline:
    """A pipe that every child reads. It closes when the supervisor ends, for any reason."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()  # not inheritable: only the supervisor may hold the writing end

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self._writer)


class Child:
    """A running child.

    Start it from the main thread only. The child asks the kernel for a signal when its parent dies, and for the kernel,
    the parent is the thread that started the child.

    Parameters
    ----------
    files
        File descriptors that the child inherits.
    secrets
        Variables with secrets that this child needs; other secrets have been removed from its environment.
    variables
        Variables that only this child gets.
    held_signals
        Signals that are blocked until the child is ready and unblocks them. They would end a process that is starting.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: int,
        lifeline: Lifeline,
        files: Sequence[int] = (),
        secrets: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        held_signals: Collection[signal.Signals] = (),
    ) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, held_signals)  # the child inherits this
        try:
            self._process = subprocess.Popen(
                [*command, "--parent-pipe", str(lifeline.reader)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lifeline.reader, *files),
                start_new_session=True,  # only the supervisor gets Ctrl-C from the terminal
                env={**_environment(os.environ, secrets), **(variables or {})},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_stopped(self) -> bool:
        """Whether a signal has stopped the process, so that it handles no other signals. Known on Linux only."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
        return False

    def poll(self) -> Exit | None:
        """Return how the process ended; None while it is running."""
        code = self._process.poll()
        return None if code is None else Exit(code, _phrase(code))

    def wait(self, timeout: float) -> Exit | None:
        """Wait until the process ends. Return None if it did not end in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self.poll()

    def terminate(self) -> None:
        """Ask the process to end."""
        self._process.terminate()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is still running."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process and its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # on macOS, not permitted for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)


def _environment(environ: Mapping[str, str], secrets: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _SECRETS or name in secrets}


def _phrase(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
