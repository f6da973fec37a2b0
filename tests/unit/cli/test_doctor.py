"""`qserver doctor` names each fault and the way out of it, with the service up, down or hanging."""

import json
import shutil
import socket
import threading
import time
from typing import NamedTuple

import pytest
import zmq

from bluesky_qs.cli import examination, qserver
from bluesky_qs.plan_queue.changes import AddHistory, SetFact
from bluesky_qs.testing import Fail
from tests.unit.cli.test_backup import LOCK, change, items


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def store(tmp_path):
    return change(tmp_path / "queue.sqlite3", *items("a", "b"))


@pytest.fixture
def doctor(store, monkeypatch, capsys):
    """Runs the command for the store and an address; the exit code, and the findings by name."""
    monkeypatch.setattr(examination, "_PATIENCE", 1.0)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "timedatectl" else which(name))

    def run(address, *options):
        monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER", address)
        code = qserver.run(["doctor", "--store", str(store), "--json", *options])
        findings = json.loads(capsys.readouterr().out)
        return int(code), {finding["name"]: finding for finding in findings}

    return run


@pytest.fixture
def nowhere():
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"tcp://127.0.0.1:{port}"


def test_a_service_without_faults_gets_a_clean_bill(doctor, qs_manager, monkeypatch, capsys, store):
    qs_manager.open()
    code, found = doctor(qs_manager.control)
    assert code == 0, found
    assert set(found) == {"service", "version", "startup", "store", "disk", "permissions", "encryption", "clock"}
    assert {finding["level"] for finding in found.values()} == {"ok"}
    assert "items: 2, history: 0" in found["store"]["text"]
    qserver.run(["doctor", "--store", str(store)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"✓ service     The service at {qs_manager.control} answered within")
    assert max(map(len, lines)) <= 100


def test_a_service_that_is_down(doctor, nowhere):
    code, found = doctor(nowhere)
    assert code == 2
    assert found["service"]["text"] == f"No service is running at {nowhere}."
    assert "Start it" in found["service"]["advice"]
    assert found["store"]["level"] == "ok"


def test_a_service_that_hangs(doctor):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as silent:
        port = silent.bind_to_random_port("tcp://127.0.0.1")
        code, found = doctor(f"tcp://127.0.0.1:{port}")
        silent.linger = 0
    assert code == 2
    assert "did not answer within 1 s: it hangs, or it may be encrypted" in found["service"]["text"]


def test_a_port_that_another_program_has_taken(doctor):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        code, found = doctor(f"tcp://127.0.0.1:{port}")
        server.shutdown(socket.SHUT_RDWR)
    assert code == 2
    assert found["service"]["text"] == f"Another program is using the port of tcp://127.0.0.1:{port}."


def greet(server):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"220 mail.example.org\r\n")


def test_startup_code_that_fails_or_leaves_plans_out(doctor, qs_manager):
    qs_manager.worker.on_open(Fail("10-devices.py, line 3: no beam"))
    qs_manager.do("environment_open")
    qs_manager.wait_idle()
    code, found = doctor(qs_manager.control)
    assert (code, found["startup"]["level"]) == (2, "wrong")
    assert "no beam" in found["startup"]["text"]
    assert "qserver environment open" in found["startup"]["advice"]


def test_another_version_of_the_service(doctor, qs_manager, monkeypatch):
    monkeypatch.setattr(examination, "__version__", "0.0.0")
    code, found = doctor(qs_manager.control)
    assert (code, found["version"]["level"]) == (1, "warning")
    assert "Restart the service" in found["version"]["advice"]


def test_a_store_that_is_damaged_or_missing(doctor, nowhere, store):
    store.write_bytes(b"what is left of it" * 100)
    assert doctor(nowhere)[1]["store"]["level"] == "wrong"
    store.unlink()
    finding = doctor(nowhere)[1]["store"]
    assert (finding["level"], f"There is no queue store {store}" in finding["text"]) == ("warning", True)


def test_a_lock_says_what_to_do_if_the_key_is_lost(doctor, nowhere, store):
    change(store, SetFact("lock_info", LOCK))
    finding = doctor(nowhere)[1]["lock"]
    assert finding["text"].startswith("Locked: environment and queue, locked by ada at ")
    assert "qserver-clear-lock" in finding["advice"]
    assert "secret" not in json.dumps(finding)


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        (10**12, 10**11, "ok"),
        (10**12, 499_000_000, "warning"),
        (10**9, 49_000_000, "warning"),
        (10**9, 60_000_000, "ok"),
        (10**12, 10_000_000, "wrong"),
    ],
)
def test_a_disk_that_is_nearly_full(doctor, nowhere, monkeypatch, total, free, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total, total - free, free))
    assert doctor(nowhere)[1]["disk"]["level"] == level


def test_a_wrong_permission_file_and_wrong_startup_code(doctor, nowhere, tmp_path):
    config = tmp_path / "config.yml"
    (tmp_path / "permissions.yaml").write_text("user_groups: [1]\n")
    config.write_text(f"startup:\n  user_group_permissions_path: {tmp_path}/permissions.yaml\n")
    finding = doctor(nowhere, "--config", str(config))[1]["permissions"]
    assert (finding["level"], "permissions.yaml" in finding["text"]) == ("wrong", True)
    assert "qserver permissions reload" in finding["advice"]
    config.write_text("startup:\n  startup_dir: /no/such/folder\n")
    assert "/no/such/folder" in doctor(nowhere, "--config", str(config))[1]["startup code"]["text"]


@pytest.mark.parametrize(
    ("address", "level"), [("tcp://*:60999", "warning"), ("tcp://localhost:60999", "ok"), ("ipc:///tmp/none", "ok")]
)
def test_an_open_socket_without_encryption(doctor, address, level):
    assert doctor(address)[1]["encryption"]["level"] == level


def test_a_key_encrypts(doctor, nowhere, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER", zmq.curve_keypair()[1].decode())
    assert doctor(nowhere)[1]["encryption"]["text"] == "The control socket is encrypted."


def test_a_clock_that_was_set_back(doctor, nowhere, store):
    item = json.dumps({"item_uid": "x", "result": {"time_stop": time.time() + 86_400}}).encode()
    change(store, AddHistory("x", item))
    finding = doctor(nowhere)[1]["last plan"]
    assert (finding["level"], "ended in the future" in finding["text"]) == ("warning", True)


def test_wrong_settings_are_named(doctor, nowhere, capsys, tmp_path):
    code = qserver.run(["doctor", "--config", str(tmp_path / "none.yml")])
    assert code == 2
    assert "none.yml" in capsys.readouterr().err
