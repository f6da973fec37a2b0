"""``python -m bluesky_qs demo``: starts a service, runs two real scans through the queue, and stops the service."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import QSError

#: Seconds that each step may take before the demonstration fails.
_PATIENCE = 60.0

_PLANS = (
    BPlan("count", ["det1", "det2"], num=3, delay=0.2),
    BPlan("scan", ["det"], "motor", -1, 1, 5),
)


def main() -> int:
    """Run the demonstration. Return 0 if both scans completed."""
    try:
        with tempfile.TemporaryDirectory(prefix="bluesky-qs-demo-") as folder, _service(Path(folder)) as api:
            return _show(api)
    except QSError as error:
        print(f"The demonstration failed: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The demonstration was interrupted", file=sys.stderr)
        return 130


def _show(api: REManagerAPI) -> int:
    # The tables of the prompt, so that the demonstration looks like the prompt.
    from ipython_extension.shown.display import QueueView  # noqa: PLC0415 - slow; the service starts first
    from ipython_extension.shown.history_view import HistoryView  # noqa: PLC0415

    _print_step("Opening the environment: the worker runs the startup code of the simulated beamline")
    api.environment_open()
    api.wait_for_idle(timeout=_PATIENCE)
    if not api.status()["worker_environment_exists"]:
        raise QSError("the environment did not open; its output is above")
    _print_step("Adding two scans to the queue")
    for plan in _PLANS:
        api.queue_item_add(plan)
    known = set(api.devices_allowed()["devices_allowed"])
    _print(QueueView(api.queue_get(), known).text(_width()))
    _print_step("Starting the queue")
    api.queue_start()
    api.wait_for_idle(timeout=_PATIENCE)
    _print_step("The queue has run. Here are the queue and the history now:")
    _print(QueueView(api.queue_get(), known).text(_width()))
    history = api.history_get()
    _print(HistoryView(history, known).text(_width()))
    statuses = [item["result"]["exit_status"] for item in history["items"]]
    if statuses != ["completed"] * len(_PLANS):
        raise QSError(f"the scans should be 'completed' but ended with {statuses}")
    _print_step("Both scans completed. Stopping the service")
    if not os.environ.get("PATH", "").startswith(bin_folder := str(Path(sys.executable).parent)):
        activate = f"{os.path.relpath(bin_folder)}/activate"
        _print(f"To start your own service: source {activate}, then start-re-manager (see README.md)")
    return 0


@contextmanager
def _service(folder: Path) -> Iterator[REManagerAPI]:
    """Start a service on free ports with its store in ``folder``; its console output is printed here."""
    control, info = (f"tcp://127.0.0.1:{port}" for port in _free_ports(2))
    command = [sys.executable, "-m", "bluesky_qs", "start-re-manager", "--quiet"]
    command += ["--zmq-control-addr", control, "--zmq-info-addr", info, "--store", str(folder / "queue.sqlite3")]
    # The user's settings for another service must not apply to this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QSERVER_")}
    _print_step(f"Starting a separate service at {control}, with its store in {folder}")
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        with REManagerAPI(control, zmq_info_addr=info, user="demo") as api:
            _wait_for_answer(api, process)
            yield api
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_answer(api: REManagerAPI, process: "subprocess.Popen[bytes]") -> None:
    while True:
        try:
            api.status()
        except api.RequestTimeoutError:
            if (code := process.poll()) is not None:
                raise QSError(f"the service ended with exit code {code} before it answered") from None
        else:
            return


def _free_ports(number: int) -> list[int]:
    """Return different free ports. They are bound at the same time, so they are different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _print_step(text: str) -> None:
    _print(f"\n─── {text}")


def _print(text: Any) -> None:
    print(text, flush=True)


def _width() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 100
