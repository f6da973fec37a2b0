"""An encrypted control socket: who has the public key is answered, nobody else, and no key is ever shown."""

import subprocess
import sys

import pytest
import zmq

from bluesky_qs import REManagerAPI, errors

LIGHT = ("--warm-worker", "OFF", "--verbose")


@pytest.fixture
def keys():
    """Public and private key."""
    public, private = zmq.curve_keypair()
    return public.decode(), private.decode()


@pytest.fixture
def another_key():
    return zmq.curve_keypair()[0].decode()


@pytest.fixture
def encrypted(new_service, startup_dir, keys):
    """A running service that encrypts; its clients get the key from the environment."""
    public, private = keys
    env = {"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": private, "QSERVER_ZMQ_PUBLIC_KEY": public}
    return new_service("--startup-dir", str(startup_dir), *LIGHT, env=env, server_key=public).start()


@pytest.fixture
def client(encrypted, monkeypatch):
    """Makes clients of ours, with a key or none."""
    monkeypatch.delenv("QSERVER_ZMQ_PUBLIC_KEY", raising=False)
    made = []

    def make(key):
        made.append(REManagerAPI(encrypted.control, zmq_info_addr=encrypted.info, zmq_public_key=key))
        return made[-1]

    yield make
    for manager in made:
        manager.close()


def test_clients_with_the_public_key_are_served(encrypted, client, keys):
    manager = client(keys[0])
    manager.environment_open()
    manager.wait_for_idle(timeout=60)
    manager.queue_item_add({"item_type": "plan", "name": "quick"})
    manager.queue_start()
    manager.wait_for_idle(timeout=60)
    assert manager.history_get()["items"][0]["result"]["exit_status"] == "completed"
    encrypted.wait_shown("encryption enabled")


def test_the_command_line_finds_the_key_in_the_environment(encrypted):
    ran = encrypted.qserver("status")
    assert ran.returncode == 0
    assert "'manager_state': 'idle'" in ran.stdout


@pytest.mark.parametrize("wrong", [True, False], ids=["another key", "no key"])
def test_without_the_right_key_there_is_no_answer_but_a_hint(encrypted, client, another_key, wrong):
    manager = client(another_key if wrong else None)
    hint = r"Does the service use encryption" if wrong else "set its public key"
    with pytest.raises(errors.QSError, match=hint) as caught:
        manager.status()
    assert isinstance(caught.value, manager.RequestTimeoutError)
    assert another_key not in str(caught.value)
    assert encrypted.ask("status")["manager_state"] == "idle"


def test_the_command_line_reports_it_with_the_exit_code_for_no_reply(encrypted, another_key):
    encrypted.env["QSERVER_ZMQ_PUBLIC_KEY"] = another_key
    ran = encrypted.qserver("status")
    assert ran.returncode == 3
    assert "QSERVER_ZMQ_PUBLIC_KEY" in ran.stderr
    assert another_key not in ran.stdout + ran.stderr


@pytest.mark.parametrize("variant", ["threads", "async"])
def test_the_communitys_client_is_served(encrypted, drive, keys, variant):
    drive(encrypted, variant, "ping", keys[0])


def test_the_communitys_client_with_another_key_is_not(encrypted, drive, another_key):
    assert "timeout" in drive(encrypted, "threads", "nobody", another_key).lower()


def test_the_older_variable_is_understood(new_service, keys):
    service = new_service(*LIGHT, env={"QSERVER_ZMQ_PRIVATE_KEY": keys[1]}, server_key=keys[0]).start()
    service.wait_shown("encryption enabled")


def test_a_configuration_file_may_hold_the_key_or_name_a_variable_that_does(new_service, keys, tmp_path):
    config = tmp_path / "config.yml"
    config.write_text("network:\n  zmq_private_key: ${SITE_SECRET}\n")
    service = new_service("--config", str(config), *LIGHT, env={"SITE_SECRET": keys[1]}, server_key=keys[0]).start()
    service.wait_shown("encryption enabled")
    service.stop()
    config.write_text(f"network:\n  zmq_private_key: '{keys[1]}'\n")
    service.restart()
    assert keys[1] not in service.output()


def test_no_key_is_ever_shown(encrypted, keys):
    """Not in the log at its fullest, not in any answer, not in the list of processes."""
    encrypted.open()
    encrypted.do("script_upload", script="import bluesky_qs.worker.app")
    encrypted.wait_idle()
    answers = [str(encrypted.ask(method)) for method in ("status", "config_get", "lock_info", "permissions_get")]
    commands = [" ".join(process.cmdline()) for process in encrypted.processes()]
    encrypted.stop()
    for key in keys:
        assert key not in "".join([encrypted.output(), *answers, *commands])


@pytest.mark.parametrize("key", ["too-short", "ä" * 40, "#" * 39 + "~"])
def test_a_key_that_is_none_is_refused_without_being_shown(new_service, key):
    service = new_service(*LIGHT, env={"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": key})
    assert service.spawn().wait(60) != 0
    assert "key" in service.output()
    assert key not in service.output()
    assert "Traceback" not in service.output()


def test_new_keys_fit_together():
    command = [sys.executable, "-m", "bluesky_qs", "qserver-zmq-keys"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    private, public = (word for word in made if len(word) == 40)
    shown = subprocess.run([*command, "--zmq-private-key", private], capture_output=True, text=True, check=True).stdout
    assert public in shown
    assert private not in shown


def test_a_socket_without_encryption_that_others_reach_is_mentioned_once_at_the_start(new_service):
    service = new_service("--warm-worker", "OFF")
    everywhere = f"tcp://*:{service.control.rpartition(':')[2]}"
    service.args = ("--zmq-control-addr", everywhere, *service.args)
    output = service.start().wait_shown(f"ZeroMQ server is waiting on {everywhere}")
    assert output.count(f"Anyone who can reach {everywhere} can run plans, because there is no encryption.") == 1


def test_a_socket_that_only_this_computer_reaches_needs_no_encryption(service):
    assert "can run plans" not in service.wait_shown("ZeroMQ server is waiting")
