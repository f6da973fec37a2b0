"""A child process: started in a session of its own, its output in the console, its end described in a phrase."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from bluesky_qs.supervisor.policy import Exit

#: Variables that only the supervisor reads: no user code should find keys in its environment.
_SECRETS = ("QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER", "QSERVER_ZMQ_PRIVATE_KEY", "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER")


class Lifeline:
    """A pipe to whose reading end every child listens: it ends when the supervisor does, however that happens."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()  # not inheritable, so that nobody but the supervisor holds the writer

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self.reader)
        os.close(self._writer)


class Child:
    """A running child.

    To be started from the main thread only, because a child asks the kernel for a signal at the death of its parent,
    and the kernel takes the thread that started it for the parent.
    """

    def __init__(self, command: Sequence[str], *, output: int, lifeline: Lifeline) -> None:
        self._process = subprocess.Popen(
            [*command, "--parent-pipe", str(lifeline.reader)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(lifeline.reader,),
            start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor alone
            env=_environment(os.environ),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> Exit | None:
        """How it ended, None while it runs."""
        code = self._process.poll()
        return None if code is None else Exit(code, _phrase(code))

    def wait(self, timeout: float) -> Exit | None:
        """Wait for its end; None if that did not come in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self.poll()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, and the processes that it started and that did not leave its session's first group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: not permitted, for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _SECRETS}


def _phrase(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
