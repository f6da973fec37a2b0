"""``qserver-http`` as a command: a door of its own before a manager of the test kit."""

import os
import pty
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import make_certificate

KEY = "k3yOfTheTests"  # as in conftest.py


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_door_answers_until_a_signal_ends_it(new_door, number):
    door = new_door()
    with door.client() as http:
        assert http.get("/api/status").json()["manager_state"] == "idle"
        assert http.get("/api/status", headers={"Authorization": "ApiKey wrong"}).status_code == 401
    assert door.stop(number) == 0
    assert "Traceback" not in door.printed()


def test_generated_key_is_in_a_file_and_in_the_link_in_a_terminal_only(new_door, tmp_path):
    ours, terminal = pty.openpty()
    door = new_door(key=None, stdout=terminal)
    os.close(terminal)
    shown = b""
    while b"/#api_key=" not in shown or not shown.endswith(b"\n"):
        shown += os.read(ours, 4096)
    key = shown.decode().partition("/#api_key=")[2].split()[0]
    with door.client(key=key) as http:
        assert http.get("/api/status").status_code == 200
    (file,) = tmp_path.rglob("http-key")
    assert file.read_text().strip() == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert door.stop() == 0
    assert key not in door.printed()
    os.close(ours)


def test_no_key_is_in_the_log_even_if_everything_is_logged(new_door):
    door = new_door("--verbose")
    with door.client(key=None) as http:
        assert http.get("/api/status", params={"api_key": KEY}).status_code == 200
        assert http.get("/api/status", headers={"Authorization": f"ApiKey {KEY}x"}).status_code == 401
        http.get("/nowhere", params={"access_token": KEY})
    assert door.stop() == 0
    assert '"GET /api/status HTTP/1.1" 200' in door.printed()
    assert KEY not in door.printed()


def test_tls_with_a_certificate_of_this_host(new_door, tmp_path):
    certificate, key = make_certificate(tmp_path)
    door = new_door("--ssl-certfile", certificate, "--ssl-keyfile", key)
    with door.client("https", verify=ssl.create_default_context(cafile=certificate)) as http:
        assert http.get("/api/status").status_code == 200


def test_a_renewed_certificate_counts_for_new_connections_and_old_ones_go_on(new_door, tmp_path):
    certificate, key = make_certificate(tmp_path)
    trusted = [ssl.create_default_context(cafile=certificate)]
    door = new_door("--ssl-certfile", certificate, "--ssl-keyfile", key)
    with door.client("https", verify=trusted[0]) as before:
        assert before.get("/api/status").status_code == 200
        (tmp_path / "new").mkdir()
        for new, old in zip(make_certificate(tmp_path / "new"), (certificate, key), strict=True):
            Path(new).replace(old)
        trusted.append(ssl.create_default_context(cafile=certificate))
        door.hang_up("Reloaded: who may use the HTTP door and its certificate")
        with door.client("https", verify=trusted[1]) as after:
            assert after.get("/api/status").status_code == 200
        assert before.get("/api/status").status_code == 200
    assert door.stop() == 0


CONFIGURATION = """
authentication:
  providers: [{{provider: toy, authenticator: dictionary, args: {{users_to_passwords: {{ada: pw-of-ada}}}}}}]
access: {{rules: [{{user: ada, roles: {roles}}}]}}
"""


def test_new_rules_count_after_a_hangup_and_a_mistake_keeps_the_old_ones(new_door, tmp_path):
    file = tmp_path / "door.yml"
    file.write_text(CONFIGURATION.format(roles="observer"))
    door = new_door("--config", str(file), key=None)
    with door.client(key=None) as http:
        form = {"username": "ada", "password": "pw-of-ada"}
        token = http.post("/api/auth/provider/toy/token", data=form).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        assert http.post("/api/queue/clear").status_code == 401
        file.write_text(CONFIGURATION.format(roles="user"))
        door.hang_up("Reloaded: who may use the HTTP door")
        assert http.post("/api/queue/clear").status_code == 200
        file.write_text("access: [")
        door.hang_up("Not reloaded; the old settings stay in effect: ")
        assert http.post("/api/queue/clear").status_code == 200
    assert door.stop() == 0


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_door_in_a_terminal_reloads_by_hand_and_ends_when_the_terminal_is_closed(new_door, by_hand):
    ours, terminal = pty.openpty()
    door = new_door(stdin=terminal)
    os.close(terminal)
    with door.client() as http:
        assert http.get("/api/status").status_code == 200
        if by_hand:
            door.hang_up("Reloaded: who may use the HTTP door")
            assert http.get("/api/status").status_code == 200
    os.close(ours)  # the kernel sends SIGHUP
    assert door.process.wait(60) == 0


def test_the_client_of_a_proxy_is_in_the_audit_log(new_door):
    door = new_door("--behind-proxy")
    with door.client() as http:
        assert http.post("/api/queue/clear", headers={"X-Forwarded-For": "203.0.113.5"}).json()["success"]
    assert door.stop() == 0
    assert '"from":"203.0.113.5"' in door.printed()


def run(*args, **env):
    """The exit code of a door that does not start, and what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QSERVER")}
    command = [sys.executable, "-m", "bluesky_qs", "qserver-http", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**clean, **env})
    return done.returncode, done.stdout + done.stderr


def test_port_in_use_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        code, printed = run(address, QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY="k")
    reason = "Address already in use: is another HTTP server running? (ADDR chooses another address)"
    assert (code, printed) == (1, f"Error: Cannot listen at {address}: {reason}\n")


def test_beyond_this_computer_a_door_needs_a_sign_in():
    code, printed = run("*:0")
    assert code == 78
    assert "other computers can reach the HTTP door, but nobody could sign in there" in printed


def test_wrong_options_are_sentences(tmp_path):
    assert run("1", "--port", "2") == (2, "Error: Give ADDR, or --host and --port, but not both\n")
    (tmp_path / "door.yml").write_text("server_configuration: {custom_routers: [a]}")
    code, printed = run("--config", str(tmp_path / "door.yml"))
    assert code == 78
    assert "server_configuration.custom_routers" in printed


def test_several_services_behind_one_door_are_told_apart_and_one_that_is_down_stops_nobody(
    new_door, manager, tmp_path, free_ports
):
    down = free_ports(1)[0]
    (tmp_path / "door.yml").write_text(f"""
instruments:
  here: {{control_address: "{manager.control}", info_address: "{manager.info}"}}
  there: {{control_address: "tcp://127.0.0.1:{down}", info_address: "tcp://127.0.0.1:{down}"}}
""")
    door = new_door("--config", str(tmp_path / "door.yml"), addresses=False)
    with door.client() as http:
        assert http.get("/api/status").status_code == 200  # so the door knows the state of the first one
        states = {each["name"]: each["state"] for each in http.get("/api/instruments").json()["instruments"]}
        assert states == {"here": "idle", "there": "down"}
        assert http.get("/api/instruments/there/status").status_code == 503
        assert http.get("/api/instruments/here/status").json() == http.get("/api/status").json()
