"""`qserver-http user` and `qserver-http key`, with a configuration file as the door has it."""

import asyncio
import io
import json
import re

import argon2
import pytest
import yaml

from bluesky_qs.cli.http_users import main
from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.users_file import UsersFile


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """A configuration with a users file, an empty home, and no variables of this computer."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for variable in ("CONFIG", "DATABASE_URI", "SECRET_KEYS", "SERVER_SECRET_KEYS"):
        monkeypatch.delenv(f"QSERVER_HTTP_SERVER_{variable}", raising=False)
    provider = {"provider": "local", "authenticator": "file", "args": {"path": str(tmp_path / "users")}}
    rules = [{"user": "ada", "roles": "expert"}, {"group": "visitors", "roles": "user"}]
    config = {
        "authentication": {"providers": [provider]},
        "access": {"rules": rules},
        "database": {"uri": f"sqlite:///{tmp_path / 'sign-in.sqlite3'}"},
    }
    path = tmp_path / "http.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def run(configured, monkeypatch, capsys):
    """Runs a command; returns its exit code, its output and its errors."""

    def run(*args, typed="", config=True):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main([*args, *(["--config", str(configured)] if config else [])])
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


@pytest.fixture
def file(tmp_path, quick_hasher_everywhere):
    return UsersFile(tmp_path / "users")


@pytest.fixture
def quick_hasher_everywhere(monkeypatch):
    """Hashes of the same kind, which do not take a tenth of a second."""

    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("bluesky_qs.door.signin.users_file.argon2.PasswordHasher", lambda: quick)


def test_a_user_is_added_changed_listed_and_removed(run, file):
    typed = "pw-of-ada-1815\n"
    code, out, _ = run("user", "add", "ada", "--group", "staff", "--display-name", "Ada Lovelace", typed=typed)
    assert (code, out) == (0, f"Added user ada to {file.path}\n")
    assert file.verified("ada", "pw-of-ada-1815").groups == ("staff",)
    assert run("user", "passwd", "ada", typed="pw-of-ada-1852\n")[0] == 0
    assert file.verified("ada", "pw-of-ada-1852")
    code, out, _ = run("user", "list")
    assert out.splitlines() == ["USER  GROUPS  DISPLAY NAME  MAIL", "ada   staff   Ada Lovelace"]
    assert run("user", "remove", "ada")[0] == 0
    assert run("user", "list")[2] == f"No users in {file.path}\n"


@pytest.mark.parametrize(
    ("args", "typed", "message"),
    [
        (("user", "passwd", "bob"), "long enough\n", "There is no user 'bob'"),
        (("user", "remove", "bob"), "", "There is no user 'bob'"),
        (("user", "add", "ada"), "long enough\n", "User 'ada' already exists"),
        (("user", "add", "bob"), "short\n", "needs at least 8 characters"),
        (("user", "add", "a:b"), "long enough\n", "cannot be a user name"),
        (("key", "new", "--expires", "1d"), "", "Give the owner of the key"),
        (("key", "new", "--user", "eve", "--expires", "1d"), "", "There is no user 'eve'"),
        (("key", "new", "--user", "carl", "--expires", "1d"), "", "User 'carl' of local has no role"),
        (("key", "new", "--user", "ada", "--expires", "1d", "--provider", "pam"), "", "sign-in providers"),
        (("key", "new", "--user", "ada", "--expires", "1d", "--scope", "admin:metrics"), "", "must be a subset"),
        (
            ("key", "new", "--user", "ada", "--expires", "1d", "--scope", "read:statu"),
            "",
            "There is no scope 'read:statu' (did you mean 'read:status'",
        ),
        (("key", "revoke", "00000000"), "", "There is no key '00000000'"),
    ],
)
def test_what_cannot_be_done_is_said(run, file, args, typed, message):
    file.add("ada", "pw-of-ada-1815")
    file.add("carl", "pw-of-carl-1777")
    code, out, error = run(*args, typed=typed)
    assert (code != 0, out) == (True, "")
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("user",), "Give a command"),
        (("user", "ad"), "Unknown command 'ad'"),
        (("user", "add"), "NAME"),
        (("key", "new", "--user", "ada"), "--expires"),
        (("key", "new", "--user", "ada", "--expires", "soon"), "Write 12h, 30d or never"),
    ],
)
def test_a_wrong_command_line_shows_how_it_is_used(run, args, message):
    code, _, error = run(*args, config=False)
    assert code == 2
    assert "Usage: qserver-http" in error
    assert message in error


def test_a_mistake_in_the_configuration_is_named_with_the_file(run, configured):
    configured.write_text("access: {rulez: []}")
    code, _, error = run("user", "list")
    assert (code != 0, f"{configured}: Section 'access'" in error, "did you mean 'rules'" in error) == (True,) * 3


def test_the_configuration_of_the_service_is_refused_and_names_that_of_the_door(run, configured):
    configured.write_text("network: {zmq_control_addr: 'tcp://*:60615'}\nhttp: {config: /etc/http.yml}")
    code, _, error = run("user", "list")
    assert code == 78
    assert error == (
        f"Error: {configured} is the configuration file of the service: it has the section 'network'. Give the "
        "configuration file of the HTTP door instead. It names this file: /etc/http.yml\n"
    )
    configured.write_text("operation: {}")
    assert run("key", "list")[2].endswith("Give the configuration file of the HTTP door instead.\n")


def test_help_is_shown_without_the_packages_of_the_door(run):
    assert "passwd" in run("user", "--help", config=False)[1]
    assert "--expires" in run("key", "new", "--help", config=False)[1]


def test_a_key_is_printed_once_alone_listed_and_revoked(run, file):
    file.add("ada", "pw-of-ada-1815")
    code, out, error = run(
        "key", "new", "--user", "ada", "--expires", "30d", "--scope", "read:status", "--note", "robot"
    )
    assert code == 0
    assert re.fullmatch(r"[0-9a-f]{72}\n", out)
    assert "It is shown only once" in error
    name = out[:8]
    heading, row = run("key", "list")[1].splitlines()
    assert heading.split() == ["KEY", "USER", "SCOPES", "EXPIRES", "LAST", "USED", "NOTE"]
    assert row.split()[:3] == [name, "ada", "read:status"]
    assert row.split()[-2:] == ["never", "robot"]
    assert out.strip() not in row
    assert run("key", "revoke", name)[1] == f"Revoked key {name}\n"
    assert run("key", "list")[2] == "No keys\n"


def test_a_user_who_never_signed_in_has_the_scopes_of_the_group(run, file):
    file.add("bob", "pw-of-bob-1923", groups=["visitors"])
    assert run("key", "new", "--user", "bob", "--expires", "1d", "--scope", "write:queue:edit")[0] == 0
    assert "must be a subset" in run("key", "new", "--user", "bob", "--expires", "1d", "--scope", "write:lock")[2]


def test_a_new_password_ends_the_sessions_and_no_keys(run, file):
    file.add("ada", "pw-of-ada-1815")
    run("key", "new", "--user", "ada", "--expires", "never")
    out = run("user", "passwd", "ada", typed="pw-of-ada-1852\n")[1]
    assert out.splitlines() == [
        "Changed the password of ada, and ended the sessions",
        "1 API key of ada can still be used. See: qserver-http key list, qserver-http key revoke KEY",
    ]
    assert "ada" in run("key", "list")[1]


def test_keys_of_others_are_not_mentioned_with_a_new_password(run, file):
    for name in ("ada", "bob"):
        file.add(name, "pw-of-both-1815", groups=["visitors"])
    run("key", "new", "--user", "bob", "--expires", "never")
    assert "API key" not in run("user", "passwd", "ada", typed="pw-of-ada-1852\n")[1]


def test_a_user_to_whom_no_rule_applies_is_added_with_a_warning(run, file):
    assert "zoe cannot sign in yet, because no rule" in run("user", "add", "zoe", typed="pw-of-zoe-1815\n")[2]
    assert run("user", "add", "ada", typed="pw-of-ada-1815\n")[2] == ""
    assert run("user", "add", "bob", "--group", "visitors", typed="pw-of-bob-1815\n")[2] == ""


def test_removing_a_user_ends_the_users_keys(run, file):
    file.add("ada", "pw-of-ada-1815")
    run("key", "new", "--user", "ada", "--expires", "never")
    run("user", "remove", "ada")
    assert run("key", "list")[2] == "No keys\n"


def test_without_users_keys_belong_to_the_single_user(run):
    code, _, _ = run("key", "new", "--expires", "1h", "--scope", "read:status", config=False)
    assert code == 0
    assert "UNAUTHENTICATED_SINGLE_USER" in run("key", "list", config=False)[1]
    assert "no users without a configuration" in run("key", "new", "--user", "a", "--expires", "1h", config=False)[2]


def test_changes_are_left_for_the_audit_log_of_the_door(run, file, tmp_path, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "bluesky")
    monkeypatch.setenv("SUDO_USER", "grace")
    run("user", "add", "ada", typed="pw-of-ada-1815\n")
    run("user", "passwd", "ada", typed="pw-of-ada-1852\n")
    secret = run("key", "new", "--user", "ada", "--expires", "1d")[1].strip()
    run("key", "revoke", secret[:8])
    run("user", "remove", "ada")

    async def notes():
        database = SignInDatabase(tmp_path / "sign-in.sqlite3")
        await database.open()
        left = await database.take_notes()
        await database.close()
        return left

    left = asyncio.run(notes())
    assert [json.loads(line)["method"] for line in left] == [
        "add user", "change password", f"new key {secret[:8]}", f"revoke key {secret[:8]}", "remove user"
    ]  # fmt: skip
    assert {(line["user"], line["for"], line["result"]) for line in map(json.loads, left)} == {
        ("grace (as bluesky)", "ada", "accepted")
    }
    assert secret not in str(left)
    assert "1815" not in str(left)


def test_a_change_that_cannot_be_left_for_the_audit_log_is_made_with_a_warning(run, file, tmp_path):
    (tmp_path / "sign-in.sqlite3").write_text("no database")
    (tmp_path / "sign-in.sqlite3").chmod(0o600)
    code, out, error = run("user", "add", "ada", typed="pw-of-ada-1815\n")
    assert (code, out) == (0, f"Added user ada to {file.path}\n")
    assert error.startswith("Warning: this is not in the audit log. The sign-in database")


def test_the_variable_names_the_configuration_too(run, file, configured, monkeypatch):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_CONFIG", str(configured))
    assert run("user", "add", "ada", typed="pw-of-ada-1815\n", config=False)[1] == f"Added user ada to {file.path}\n"


def test_a_password_that_is_typed_is_asked_for_twice(run, file, configured, monkeypatch, capsys):
    typed = iter(["pw-of-ada-1815", "pw-of-ada-1816"])

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("bluesky_qs.cli.http_users.getpass.getpass", lambda prompt: next(typed))
    assert main(["user", "add", "ada", "--config", str(configured)]) == 1
    assert "The two passwords differ" in capsys.readouterr().err
    assert not file.path.exists()
