"""What a service and its commands leave on the disk belongs to its user alone, even if the umask permits everything."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bluesky_qs import private
from tests.conftest import PATIENCE

#: Runs what follows with a umask that takes no permission away.
WITHOUT_UMASK = ("/bin/sh", "-c", 'umask 000; exec "$@"', "sh", sys.executable)
PRIVATE = {stat.S_ISDIR: "700", stat.S_ISREG: "600", stat.S_ISSOCK: "600"}
#: Where the service keeps what; the test makes these folders.
FOLDERS = {"TMPDIR": "tmp", "XDG_STATE_HOME": "state", "XDG_DATA_HOME": "data"}
#: What startup code makes is not the service's: here, the images of the simulated detectors.
OF_USER_CODE = "tmp/bluesky-qs-sim-images"
KEPT_BY_CLIENTS = """
from bluesky_qs import REManagerAPI
from bluesky_qs.client import kept_keys

with REManagerAPI() as manager:
    manager.set_default_lock_key("a key")
kept_keys.keep("https://door.example", "a key", user="me")
"""


def open_to_others(folder: Path) -> dict[str, str]:
    """Everything in a folder that others can use, with its permissions."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode & ~stat.S_ISVTX
        expected = next(private for kind, private in PRIVATE.items() if kind(mode))
        if f"{stat.S_IMODE(mode):o}" != expected:
            found[str(path.relative_to(folder))] = f"{stat.S_IMODE(mode):o}"
    return found


def kinds_of(folder: Path) -> set[str]:
    """The names of the files in a folder, without the numbers of workers."""
    return {re.sub(r"^w-\d+$", "w", path.name) for path in folder.rglob("*")}


@pytest.fixture
def service(new_service, free_ports, worker_mode):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    service = new_service(
        "--http", address, command=(*WITHOUT_UMASK, "-m", "bluesky_qs", "start-re-manager"), store=False
    )
    for variable, name in FOLDERS.items():
        service.env[variable] = str(service.home / name)
        (service.home / name).mkdir(mode=0o755)
    return service.start()


@pytest.mark.in_both_modes
def test_all_that_a_running_service_has_is_private(service):
    service.open()
    service.add("count", ["det1"], num=2)
    service.do("queue_start")
    service.wait_idle()
    service.add("count", ["det1"])
    service.do("lock", lock_key="key", user="me", queue=True)
    home = service.home
    found = {f"{name}/{path}": mode for name in FOLDERS.values() for path, mode in open_to_others(home / name).items()}
    assert {path: mode for path, mode in found.items() if not path.startswith(OF_USER_CODE)} == {}
    expected = {
        "settings.json",
        "s",
        "p",
        "f",
        "c",
        "w",
        "queue.sqlite3",
        "queue.sqlite3.d",
        "documents.sqlite3",
        "logs",
    }
    expected |= {"history-index.sqlite3", "times.sqlite3", "sign-in.sqlite3", "http-key"}
    assert expected - (kinds_of(home / "tmp") | kinds_of(home / "data")) == set()


def test_all_that_commands_and_clients_write_is_private(service):
    def run(*words, text=""):
        ran = subprocess.run(
            [*WITHOUT_UMASK, *words],
            env=service.env,
            cwd=service.home,
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr

    run("-m", "bluesky_qs", "qserver", "backup", "a.backup")
    run("-m", "bluesky_qs", "qserver-http", "user", "add", "grace", text="long enough\n")
    run("-c", KEPT_BY_CLIENTS)
    home = service.home
    assert stat.S_IMODE((home / "a.backup").stat().st_mode) == 0o600
    assert open_to_others(home / "data") == {}
    assert open_to_others(home / ".config") == {}
    assert {"default_lock_key.txt", "http_keys.json"} <= kinds_of(home / ".config")
    assert "http-users" in kinds_of(home / "data")


def test_a_lock_key_file_that_others_can_read_is_closed(tmp_path):
    file = tmp_path / "key"
    file.write_text("old")
    file.chmod(0o644)
    private.write_text(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)
