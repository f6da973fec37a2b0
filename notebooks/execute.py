"""Runs the tutorials, each against its own service, and stores their outputs: ``make notebooks [ARGS=05-pausing]``.

Stored outputs do not contain this computer's paths and addresses. An output is kept if only times and uids have
changed. The output of a cell that is tagged as different in each run is kept too, unless ``--fresh`` is among the
arguments. The tests run the notebooks with the same functions.
"""

import copy
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from bluesky_qs import REManagerAPI

HERE = Path(__file__).parent
#: Tag of a cell that must raise an error; nbclient continues after it.
RAISES = "raises-exception"
#: Tag of a cell whose output is different in each run.
VARIES = "varies"

_PATIENCE = 120
_TERMINAL = {"COLUMNS": "80", "TERM": "xterm", "QSERVER_USER": "ada", "no_proxy": "127.0.0.1"}
#: Address of the HTTP door in the notebooks' texts. When the notebooks run, the door uses a free port.
_DOOR = "http://localhost:60610"
#: Environment variable with the door's address, if there is a door.
_DOOR_VARIABLE = "QSERVER_HTTP_SERVER_URI"


def tutorials() -> list[Path]:
    """The notebooks, in reading order."""
    return sorted(HERE.glob("*.ipynb"))


def service_options(notebook: nbformat.NotebookNode) -> list[str]:
    """The ``start-re-manager`` options that the notebook's text mentions."""
    return list(notebook.metadata.get("bluesky_qs", {}).get("service", ()))


def door_at_free_port(options: list[str]) -> tuple[list[str], dict[str, str]]:
    """The options, with a free port for ``--http``; and the environment variable with the door's address."""
    if "--http" not in options:
        return options, {}
    (port,) = _free_ports(1)
    after = options.index("--http") + 1
    return [*options[:after], f"127.0.0.1:{port}", *options[after:]], {_DOOR_VARIABLE: f"http://127.0.0.1:{port}"}


def furnish(folder: Path) -> None:
    """Copy the files that the notebooks need into a user's folder."""
    shutil.copytree(HERE / "qs_startup", folder / "qs_startup", ignore=shutil.ignore_patterns("__pycache__"))


def execute(notebook: nbformat.NotebookNode, folder: Path, environment: Mapping[str, str]) -> nbformat.NotebookNode:
    """Run the notebook in ``folder`` and return it; ``environment`` has the service's addresses.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell without the tag raised an error.
    """
    paths = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    home = {"HOME": str(folder), "IPYTHONDIR": str(folder / "ipython"), "PATH": paths}
    ran = copy.deepcopy(notebook)
    for cell in ran.cells:
        cell.source = cell.source.replace(_DOOR, environment.get(_DOOR_VARIABLE, _DOOR))
    client = NotebookClient(
        ran,
        timeout=_PATIENCE,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    )
    client.execute(env={**environment, **home, **_TERMINAL})
    return ran


def as_read(notebook: nbformat.NotebookNode, folder: Path, environment: Mapping[str, str]) -> None:
    """Clean a notebook after a run: replace this computer's paths and addresses."""
    machine = {
        environment.get(_DOOR_VARIABLE, _DOOR): _DOOR,
        environment["QSERVER_ZMQ_CONTROL_ADDRESS"]: "tcp://localhost:60615",
        environment["QSERVER_ZMQ_INFO_ADDRESS"]: "tcp://localhost:60625",
        str(folder): "~",
        str(HERE.parent): "~/bluesky-qs",
    }
    for cell in notebook.cells:
        cell.source = _replaced(cell.source, machine)
        if cell.cell_type == "code":
            cell.outputs = _merged(_replaced(cell.outputs, machine))
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}


def shows(cell: nbformat.NotebookNode) -> list[str]:
    """A cell's outputs, without the parts that differ from run to run: uids, times, durations."""
    texts = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        text = output.get("text") or data.get("text/plain") or f"{output.get('ename')}: {output.get('evalue')}"
        # A reply replaces its progress display, unless it came too soon for a progress bar.
        kind = "data" if data else output.output_type
        texts.append(f"{kind}: {_masked(text).strip()}")
    return [text for text in texts if not text.endswith(_HAS_RUN)]


def _masked(text: str) -> str:
    for pattern, mask in _VARYING:
        text = pattern.sub(mask, text)
    return text


def is_tagged(cell: nbformat.NotebookNode, tag: str) -> bool:
    """Whether the cell has the tag."""
    return tag in cell.metadata.get("tags", ())


#: The end of a progress line that is shown only if a function takes some time.
_HAS_RUN = " took DURATION."
#: Parts that differ from run to run, and their replacements. Spaces are included, because values set table widths.
_VARYING = [
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"'[0-9a-f]{8}'"), "UID"),
    (re.compile(r"(?<=task result )[0-9a-f]{8}\b"), "UID"),
    (re.compile(r"\b\d\d/\d\d/\d{4} |\b\d{4}-\d\d-\d\d "), ""),
    (re.compile(r"\b\d\d:\d\d(:\d\d([.,]\d+)?)?\b"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "DURATION"),
    # Estimates are made shortly after an item is added, so a table that is shown immediately may lack them.
    (re.compile(r" \((est\.|estimated:) DURATION\)"), ""),
    (re.compile(r"[;,] (the queue is |queue )?done at (about )?TIME( or later)?"), ""),
    (re.compile(r"; (one round: )?(about|at least) [^;\n]+ if started now"), ""),
    (re.compile(r"\b(about|at least) (DURATION|\d+ min)(, at TIME( or later)?)?"), "queued"),
    (re.compile(r"\b\d+ plans? and \d+ devices?"), "NAMES"),  # new ophyd releases may add some
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"[ \-─]{2,}"), "  "),
]


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for old, new in texts.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return nbformat.from_dict({key: _replaced(each, texts) for key, each in value.items()})
    return [_replaced(each, texts) for each in value] if isinstance(value, list) else value


def _merged(outputs: list[Any]) -> list[Any]:
    """Join texts that a progress bar separated."""
    merged: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and merged and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _keep_what_has_not_changed(old: nbformat.NotebookNode, new: nbformat.NotebookNode, *, fresh: bool) -> None:
    for before, after in zip(old.cells, new.cells, strict=True):
        if before.cell_type != "code" or not before.outputs:
            continue
        keeps = not fresh if is_tagged(after, VARIES) else shows(before) == shows(after)
        if keeps and (is_tagged(after, VARIES) or _markup(before) == _markup(after)):
            after.outputs = before.outputs


def _markup(cell: nbformat.NotebookNode) -> list[str]:
    """The parts of a cell's outputs that a browser shows, HTML and tracebacks, without what differs from run to run."""
    return [_masked(str(output.get("data", {}).get("text/html") or output.get("traceback"))) for output in cell.outputs]


@contextmanager
def _service(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Start a service with its state in ``folder``; yield the environment variables that clients need to find it."""
    control, info = (f"tcp://127.0.0.1:{port}" for port in _free_ports(2))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QSERVER_")}
    arguments, door = door_at_free_port(list(options))
    environment |= {"QSERVER_ZMQ_CONTROL_ADDRESS": control, "QSERVER_ZMQ_INFO_ADDRESS": info, "HOME": str(folder)}
    environment |= door
    command = [sys.executable, "-m", "bluesky_qs", "start-re-manager", "--store", str(folder / "queue.sqlite3")]
    command += ["--zmq-control-addr", control, "--zmq-info-addr", info, "--console-output", "OFF", *arguments]
    with subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL) as process:
        try:
            with REManagerAPI(control, zmq_info_addr=info, timeout_recv=30) as manager:
                manager.wait_for_idle(timeout=30)
            yield environment
        finally:
            process.terminate()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _store(path: Path, *, fresh: bool) -> None:
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="qs-tutorial-") as name:
        folder = Path(name)
        furnish(folder)
        with _service(folder, *service_options(notebook)) as environment:
            ran = execute(notebook, folder, environment)
            as_read(ran, folder, environment)
    _keep_what_has_not_changed(notebook, ran, fresh=fresh)
    nbformat.write(ran, path)


if __name__ == "__main__":
    wanted = [word for word in sys.argv[1:] if word != "--fresh"]
    for tutorial in tutorials():
        if not wanted or any(word in tutorial.name for word in wanted):
            began = time.monotonic()
            _store(tutorial, fresh="--fresh" in sys.argv)
            print(f"{tutorial.name}: {time.monotonic() - began:.1f} s", flush=True)
