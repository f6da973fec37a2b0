"""``qserver --http URL``: the same commands, answers and exit codes as over 0MQ."""

import pytest

from bluesky_qs.cli.qserver import ExitCode, run
from bluesky_qs.client import kept_keys
from bluesky_qs.client.sync import REManagerAPI


@pytest.fixture
def asked(http_door, monkeypatch, tmp_path):
    """Runs ``qserver --http`` with the key of the door in a file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text(http_door.key + "\n")
    (tmp_path / "key").chmod(0o600)

    def ask(*words, key=True):
        given = ["--api-key-file", str(tmp_path / "key")] if key else []
        return run(["--http", http_door.url, *given, *words])

    return ask


def test_commands_go_over_http(asked, capsys, qs_manager):
    assert asked("environment", "open") == ExitCode.SUCCESS
    qs_manager.wait_idle()
    assert asked("queue", "add", "plan", '{"name": "count", "args": [["det1"]]}') == ExitCode.SUCCESS
    assert asked("queue", "get", "--json") == ExitCode.SUCCESS
    assert '"UNAUTHENTICATED_SINGLE_USER"' in capsys.readouterr().out
    assert asked("queue", "add", "plan", '{"name": "nope"}') == ExitCode.REFUSED
    assert "is not in the list of allowed plans" in capsys.readouterr().out


def test_a_command_without_a_key_says_how_to_give_one(asked, capsys):
    assert asked("status", key=False) == ExitCode.REFUSED
    assert "Not signed in" in (said := capsys.readouterr().err)
    assert "--api-key-file FILE" in said


def test_the_key_that_the_prompt_keeps_is_used(asked, http_door, monkeypatch):
    monkeypatch.setattr(kept_keys, "_keyring", lambda: None)
    kept_keys.keep(http_door.url, http_door.key)
    assert asked("status", key=False) == ExitCode.SUCCESS


def test_a_user_chooses_among_the_kept_keys(asked, capsys, new_http_door, qs_manager, monkeypatch):
    monkeypatch.setattr(kept_keys, "_keyring", lambda: None)
    door = new_http_door(qs_manager, users=True)
    for name, password in {"ada": "of-ada-1815", "olga": "of-olga-1888"}.items():
        with REManagerAPI(http_server_uri=door.url) as manager:
            manager.login(name, password=password)
            kept_keys.keep(door.url, manager.apikey_new(expires_in=900)["secret"], name)
    assert run(["--http", door.url, "--user", "olga", "queue", "clear"]) == ExitCode.REFUSED
    assert "You may not use queue_clear" in capsys.readouterr().err
    assert run(["--http", door.url, "--user=ada", "queue", "clear"]) == ExitCode.SUCCESS
    assert run(["--http", door.url, "--user", "bob", "status"]) == ExitCode.USAGE
    assert f"bob keeps no key for {door.url}; only ada, olga keep one" in capsys.readouterr().err


def test_without_an_answer_over_0mq_the_variable_for_http_is_named(capsys, clean_environment, monkeypatch):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_URI", "https://beamline.example")
    assert run(["-a", "tcp://127.0.0.1:9", "-t", "0.1", "status"]) == ExitCode.NO_ANSWER
    assert "qserver --http https://beamline.example …" in capsys.readouterr().err


def test_a_key_file_that_others_can_read_is_a_warning(asked, capsys, monkeypatch, tmp_path):
    assert asked("status") == ExitCode.SUCCESS
    assert capsys.readouterr().err == ""
    (tmp_path / "key").chmod(0o644)
    warning = f"Warning: other users can read the API key in {tmp_path / 'key'}. Forbid it: chmod 600"
    assert asked("status") == ExitCode.SUCCESS
    assert warning in capsys.readouterr().err
    monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEYFILE", str(tmp_path / "key"))
    assert asked("status", key=False) == ExitCode.SUCCESS
    assert warning in capsys.readouterr().err


def test_only_whoever_may_lock_is_asked_for_a_lock_key(asked, capsys, new_http_door, qs_manager, monkeypatch):
    assert asked("lock", "all") == ExitCode.REFUSED
    assert "Request contains no lock key: give one with -k KEY" in capsys.readouterr().err
    door = new_http_door(qs_manager, users=True)
    with REManagerAPI(http_server_uri=door.url) as manager:
        manager.login("olga", password="of-olga-1888")
        key = manager.apikey_new(expires_in=900)["secret"]
    monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEY", key)
    assert run(["--http", door.url, "lock", "all"]) == ExitCode.REFUSED
    assert "You (olga) may not use lock: that needs the scope write:lock." in capsys.readouterr().err


def test_no_server_has_the_exit_code_for_no_answer(capsys, clean_environment, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["--http", "http://127.0.0.1:9", "status"]) == ExitCode.NO_ANSWER
    assert "connection refused" in capsys.readouterr().err


def test_an_answer_of_another_server_has_the_exit_code_for_no_answer(capsys, clean_environment, http_door):
    assert run(["--http", http_door.url.replace("http:", "https:"), "status"]) == ExitCode.NO_ANSWER
    assert "does not use TLS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--http", "http://x", "-a", "tcp://y:1"], "not both"),
        (["--http", "http://x", "--user-group", "g"], "leave out --user-group"),
        (["--ca-file", "f"], "need --http URL"),
        (["--api-key-file", "f"], "need --http URL"),
    ],
)
def test_options_that_do_not_go_together_are_refused(capsys, options, sentence):
    assert run([*options, "status"]) == ExitCode.OPTIONS
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--http", "localhost:60610"], "should look like http://localhost:60610"),
        (["--http", "http://x", "--api-key-file", "/no/such/file"], "Cannot read an API key from '/no/such/file'"),
        (["--http", "https://x", "--ca-file", "/no/such/file"], "There is no file '/no/such/file'"),
    ],
)
def test_addresses_and_files_that_are_none_are_named(capsys, clean_environment, options, sentence):
    assert run([*options, "status"]) == ExitCode.USAGE
    assert sentence in capsys.readouterr().err
