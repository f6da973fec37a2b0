"""``python -m bluesky_qs demo``: starts a service, runs two real scans through the queue, and stops the service.

With ``--web``, more scans run until Ctrl-C, so that you can watch them in a browser.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bluesky_qs
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import QSError

#: Seconds that each step may take before the demonstration fails.
_PATIENCE = 60.0

_PLANS = (
    BPlan("count", ["det1", "det2"], num=3, delay=0.2),
    BPlan("scan", ["det"], "motor", -1, 1, 5),
)


#: Scans for users who watch the page.
_MORE_PLANS = (
    BPlan("grid_scan", ["det4"], "motor1", -1, 1, 11, "motor2", -1, 1, 15, md={"sample": "S01"}),
    BPlan("scan", ["slow_det"], "slow_motor1", -2, 2, 21, md={"sample": "S02"}),
    BPlan("count", ["det1", "det2"], num=600, delay=1, md={"sample": "S03"}),
    BPlan("rel_scan", ["det"], "motor", -1, 1, 41, md={"sample": "S03"}),
)


class _Door(NamedTuple):
    """The address of the service's HTTP door, and its key."""

    address: str
    key: str

    @property
    def link(self) -> str:
        return f"http://{self.address}/#api_key={self.key}"


def main() -> int:
    """Run the demonstration. Return 0 if both scans completed."""
    match sys.argv[1:]:
        case []:
            door = None
        case ["--web"]:
            door = _Door(f"127.0.0.1:{_free_ports(1)[0]}", secrets.token_hex(16))
        case _:
            print("Usage: python -m bluesky_qs demo [--web]", file=sys.stderr)
            return 2
    for number in (signal.SIGTERM, signal.SIGHUP):  # neither `kill` nor a closed terminal may leave a service behind
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="bluesky-qs-demo-") as folder, _service(Path(folder), door) as api:
            code = _show(api, stays=door is not None)
            return code if door is None else _stay(api, door)
    except QSError as error:
        print(f"The demonstration failed: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The demonstration was interrupted", file=sys.stderr)
        return 130


def _show(api: REManagerAPI, *, stays: bool) -> int:
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
    if stays:
        _print_step("Both scans completed. More scans run now")
        return 0
    _print_step("Both scans completed. Stopping the service")
    if not os.environ.get("PATH", "").startswith(bin_folder := str(Path(sys.executable).parent)):
        activate = f"{os.path.relpath(bin_folder)}/activate"
        _print(f"To start your own service: source {activate}, then start-re-manager (see README.md)")
    is_checkout = (Path(bluesky_qs.__file__).parents[1] / "Makefile").exists()
    _print(f"To see it in a browser: {'make demo WEB=1' if is_checkout else 'python -m bluesky_qs demo --web'}")
    return 0


def _stay(api: REManagerAPI, door: _Door) -> int:
    """Run more scans, until somebody presses Ctrl-C."""
    for plan in _MORE_PLANS:
        api.queue_item_add(plan)
    api.queue_start()
    _print(f"\nOpen this link in a browser on this computer:\n\n    {door.link}\n\nCtrl-C stops the service.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        _print_step("Stopping the plan and the service")
    if api.status()["running_item_uid"]:
        api.re_pause("immediate")
        api.wait_for_idle_or_paused(timeout=_PATIENCE)
        api.re_stop()
        api.wait_for_idle(timeout=_PATIENCE)
    return 0


@contextmanager
def _service(folder: Path, door: _Door | None) -> Iterator[REManagerAPI]:
    """Start a service on free ports, with its store in ``folder``. Its console output is printed in this terminal."""
    control, info = (f"tcp://127.0.0.1:{port}" for port in _free_ports(2))
    command = [sys.executable, "-m", "bluesky_qs", "start-re-manager", "--quiet"]
    command += ["--zmq-control-addr", control, "--zmq-info-addr", info, "--store", str(folder / "queue.sqlite3")]
    # The user's settings for another service must not apply to this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QSERVER_")}
    if door is not None:
        command += ["--http", door.address]
        environment["QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY"] = door.key
    _print_step(f"Starting a separate service at {control}, with its store in {folder}")
    # Ctrl-C must not reach the service before its plan has been stopped.
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=door is not None)
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
    """Return different free ports. They are all bound at the same time, so no port is returned twice."""
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
