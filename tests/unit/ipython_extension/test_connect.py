"""``%qs connect https://…``: signing in, keys that are kept, and what changes when it fails."""

import json
import stat

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs import errors
from bluesky_qs.client import kept_keys
from bluesky_qs.client.http_failures import HTTPClientError, HTTPTimeoutError
from bluesky_qs.client.sync import REManagerAPI


@pytest.fixture
def typed(monkeypatch):
    """What the user types: ``typed["Password"] = "…"``. A question that nobody expects is an error."""
    answers = {}

    def ask(question):
        return answers.pop(next(key for key in answers if question.startswith(key)))

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr("ipython_extension.session.connecting.getpass", ask)
    monkeypatch.setattr(kept_keys, "_keyring", lambda: None)
    return answers


@pytest.fixture
def users_door(new_http_door, qs_manager):
    return new_http_door(qs_manager, users=True)


@pytest.fixture
def qs(bare_shell, qs_manager, monkeypatch):
    """Runs a line after ``%qs``."""
    for name, value in qs_manager.environ.items():
        monkeypatch.setenv(name, value)
    bare_shell.run_line_magic("load_ext", "ipython_extension")

    def run(line):
        result = bare_shell.run_cell(f"%qs {line}", store_history=False)
        result.raise_error()
        return result.result

    return run


def text(view):
    return pretty(view)


def keys():
    return json.loads(kept_keys.path().read_text())


def test_a_password_is_asked_for_and_a_key_is_kept(qs, typed, users_door, bare_shell):
    typed.update({"User name": "ada", "Password of ada": "of-ada-1815"})
    shown = text(qs(f"connect {users_door.url}"))
    assert f"Signed in. The key is kept in {kept_keys.path()}." in shown
    assert f"at {users_door.url}, as ada (group primary)." in shown
    assert typed == {}
    assert bare_shell.user_ns["RM"].auth_method.name == "API_KEY"
    assert [*keys()[users_door.url]] == ["ada"]
    assert stat.S_IMODE(kept_keys.path().stat().st_mode) == 0o600
    qs("add count([det1])")
    assert qs("queue")[0]["user"] == "ada"
    (session,) = bare_shell.user_ns["RM"].whoami()["sessions"]
    assert session["revoked"]  # only the key stays


def test_the_kept_key_signs_in_the_next_session(qs, typed, users_door, bare_shell):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    bare_shell.run_line_magic("reload_ext", "ipython_extension")
    assert "as ada (group primary)" in text(qs(f"connect {users_door.url}"))


def test_signing_in_again_replaces_the_key_and_signing_out_revokes_it(qs, typed, users_door):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    first = keys()[users_door.url]["ada"]
    typed.update({"User name": "ada", "Password of ada": "of-ada-1815"})
    assert "The previous key has been revoked" in text(qs("connect --sign-in"))
    assert keys()[users_door.url]["ada"] != first
    with REManagerAPI(http_server_uri=users_door.url) as other:
        other.set_authorization_key(api_key=first)
        with pytest.raises(HTTPClientError, match="Not signed in"):
            other.status()
    assert "revoked the key" in text(qs("connect --sign-out"))
    assert keys() == {}
    with pytest.raises(HTTPClientError, match="Not signed in"):
        qs("queue")
    with pytest.raises(errors.QSError) as caught:
        qs("connect http://127.0.0.1:9")
    assert caught.value.__notes__ == [f"Nothing has changed: %qs still uses {users_door.url}, not signed in."]


def test_without_a_key_of_its_own_signing_out_ends_the_session(qs, typed, users_door, bare_shell, monkeypatch):
    def refuse(*_args, **_options):
        raise HTTPClientError("no keys here")

    monkeypatch.setattr(REManagerAPI, "apikey_new", refuse)
    typed.update({"Password of ada": "of-ada-1815"})
    assert "Signed in for this session only" in text(qs(f"connect {users_door.url} --user ada"))
    _, refresh_token = bare_shell.user_ns["RM"].auth_key
    assert text(qs("connect --sign-out")) == f"Signed out: ended the session at {users_door.url}."
    with pytest.raises(HTTPClientError, match="Session has expired"):
        bare_shell.user_ns["RM"].session_refresh(refresh_token=refresh_token)


def test_a_session_that_cannot_be_ended_does_not_lose_the_key(qs, typed, users_door, monkeypatch):
    def fail(_self):
        raise HTTPTimeoutError("no answer")

    monkeypatch.setattr(REManagerAPI, "logout", fail)
    typed.update({"Password of ada": "of-ada-1815"})
    assert "could not end your sign-in session" in text(qs(f"connect {users_door.url} --user ada"))
    assert [*keys()[users_door.url]] == ["ada"]


def test_signing_out_without_a_connection_takes_the_only_server_with_a_key(qs, typed, users_door, qs_manager):
    with pytest.raises(UsageError, match="--sign-out needs the address of an HTTP server"):
        qs("connect --sign-out")
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    qs(f"connect {qs_manager.control}")
    kept_keys.keep("https://other.example", "ab" * 36)
    with pytest.raises(errors.ConfigError, match=rf"Keys are kept for {users_door.url}, https://other\.example\. Name"):
        qs("connect --sign-out")
    kept_keys.forget("https://other.example")
    assert text(qs("connect --sign-out")) == f"Signed out: revoked the key for {users_door.url}."
    assert keys() == {}
    assert "queue" in text(qs(""))  # still over 0MQ


def test_two_users_of_an_account_keep_their_keys_apart(qs, typed, users_door, bare_shell):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    first = keys()[users_door.url]["ada"]
    typed.update({"Password of olga": "of-olga-1888"})
    assert "as olga (group" in text(qs("connect --sign-in --user olga"))
    assert keys()[users_door.url].keys() == {"ada", "olga"}
    assert keys()[users_door.url]["ada"] == first
    with pytest.raises(HTTPClientError, match=r"You \(olga\) may not use queue_clear: .* write:queue:edit"):
        qs("clear")
    assert "as ada (group" in text(qs("connect --user ada"))  # without a password
    bare_shell.run_line_magic("reload_ext", "ipython_extension")
    typed.update({"User name (keys are kept for ada, olga)": "olga"})
    assert "as olga (group" in text(qs(f"connect {users_door.url}"))
    with pytest.raises(errors.ConfigError, match=r"for .*; ada, olga keep one\. Set QSERVER_USER"):
        kept_keys.key_for(users_door.url)
    assert "revoked the key of olga" in text(qs("connect --sign-out"))
    assert keys()[users_door.url] == {"ada": first}


def test_the_kept_key_of_this_user_makes_a_password_unnecessary(qs, typed, users_door, qs_manager):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    first = keys()
    qs(f"connect {qs_manager.control}")
    assert "as ada (group primary)" in text(qs(f"connect {users_door.url} --user ada"))
    assert keys() == first
    typed.update({"Password of olga": "of-olga-1888"})
    assert "as olga (group" in text(qs("connect --user olga"))


def test_whoever_is_named_by_the_environment_signs_in_and_does_not_get_the_key_of_another(
    qs, typed, users_door, bare_shell, monkeypatch
):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    bare_shell.run_line_magic("reload_ext", "ipython_extension")
    monkeypatch.setenv("QSERVER_USER", "olga")
    typed.update({"User name [olga]": "", "Password of olga": "of-olga-1888"})
    assert "as olga (group" in text(qs(f"connect {users_door.url}"))


def test_a_provider_that_the_server_does_not_have_is_refused_before_any_question(qs, typed, users_door, http_door):
    with pytest.raises(errors.BadParams, match=r"no provider 'nix'\. It has: toy"):
        qs(f"connect {users_door.url} --provider nix")
    with pytest.raises(errors.BadParams, match="no provider 'nix': it requires an API key"):
        qs(f"connect {http_door.url} --provider nix")
    typed.update({"Password of ada": "of-ada-1815"})
    assert "as ada" in text(qs(f"connect {users_door.url} --provider /toy/token --user ada"))


def test_an_empty_password_is_refused_in_plain_words(qs, typed, users_door):
    typed.update({"Password of ada": ""})
    with pytest.raises(errors.BadParams, match="Not signed in: the password is empty"):
        qs(f"connect {users_door.url} --user ada")


def test_the_key_of_a_server_without_users_is_typed(qs, typed, http_door, monkeypatch):
    typed["API key"] = http_door.key
    monkeypatch.setenv("QSERVER_USER", "ada")
    assert "as ada, with the shared key (group primary)." in text(qs(f"connect {http_door.url}"))
    assert keys() == {http_door.url: {"": http_door.key}}
    qs("add count([det1])")
    assert qs("queue")[0]["user"] == "UNAUTHENTICATED_SINGLE_USER (ada)"
    assert "as olga, with the shared key" in text(qs("connect --user olga"))
    qs("add count([det2])")
    assert "UNAUTHENTICATED" not in (shown := text(qs("queue")))
    assert ("ada" in shown, "olga" in shown) == (True, True)
    qs("rm 0")
    qs("undo")
    assert len(qs("queue")) == 2


def test_whoever_may_read_the_status_without_a_sign_in_is_told_how_to_sign_in(qs, typed, new_http_door, qs_manager):
    door = new_http_door(qs_manager, anonymous=True)
    assert "Not signed in, so you can only read the status" in text(qs(f"connect {door.url}"))
    typed["API key"] = door.key
    assert "with the shared key (group primary)" in text(qs("connect --sign-in"))


def test_without_the_lists_of_plans_the_refusal_says_that_nothing_can_be_added(qs, typed, users_door, bare_shell):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    manager = bare_shell.user_ns["RM"]
    made = manager.apikey_new(expires_in=900, scopes=["read:status", "read:queue", "write:queue:edit"])
    manager.set_authorization_key(api_key=made["secret"])
    with pytest.raises(
        HTTPClientError, match="may not use plans_allowed: that needs the scope read:resources"
    ) as caught:
        qs("add count([det1])")
    assert caught.value.__notes__ == ["Without the lists of plans and devices, %qs cannot add, change or run a plan."]


def test_a_wrong_password_changes_nothing(qs, typed, users_door, qs_manager, bare_shell):
    typed.update({"Password of ada": "wrong"})
    with pytest.raises(HTTPClientError, match="Incorrect username or password") as caught:
        qs(f"connect {users_door.url} --user ada")
    user = bare_shell.user_ns["RM"].user
    assert caught.value.__notes__ == [f"Nothing has changed: %qs still uses {qs_manager.control}, as {user}."]
    assert bare_shell.user_ns["RM"].settings.address == qs_manager.control
    assert not kept_keys.path().exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, EOFError])
def test_a_question_that_is_cancelled_changes_nothing(qs, users_door, qs_manager, monkeypatch, error):
    def cancel(_question):
        raise error

    monkeypatch.setattr("builtins.input", cancel)
    monkeypatch.setattr(kept_keys, "_keyring", lambda: None)
    with pytest.raises(KeyboardInterrupt, match=r"^Not signed in\. Nothing has changed: %qs still uses") as caught:
        qs(f"connect {users_door.url}")
    assert qs_manager.control in str(caught.value)


def test_over_0mq_again(qs, typed, users_door, qs_manager):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    assert f"at {qs_manager.control}, as" in text(qs(f"connect {qs_manager.control}"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("connect localhost --provider site", "--provider needs the address of an HTTP server"),
        ("connect http://127.0.0.1:9 --group g", "the group comes from the sign-in"),
        ("connect http://127.0.0.1:9 --sign-in --sign-out", "not both"),
        ("connect http://127.0.0.1:9 --info localhost:7001", "leave --info out"),
    ],
)
def test_options_that_do_not_fit_are_refused(qs, line, sentence):
    with pytest.raises(UsageError, match=sentence):
        qs(line)


def test_no_server_changes_nothing(qs, typed, bare_shell, qs_manager):
    with pytest.raises(errors.QSError, match="connection refused"):
        qs("connect http://127.0.0.1:9")
    assert bare_shell.user_ns["RM"].settings.address == qs_manager.control


def test_a_failed_connect_says_as_whom_the_session_stays_where(qs, typed, users_door):
    typed.update({"Password of ada": "of-ada-1815"})
    qs(f"connect {users_door.url} --user ada")
    for other in ("http://127.0.0.1:9", "tcp://127.0.0.1:9"):
        with pytest.raises(errors.QSError) as caught:
            qs(f"connect {other}")
        assert caught.value.__notes__ == [f"Nothing has changed: %qs still uses {users_door.url}, as ada."]
        assert caught.value._render_traceback_()[-1] == caught.value.__notes__[0]


def test_live_output_comes_from_the_address_that_the_service_tells(qs, bare_shell, qs_manager, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_INFO_ADDRESS", "tcp://localhost:60625")  # the one of another service
    shown = text(qs(f"connect {qs_manager.control.removeprefix('tcp://')}"))
    assert "live output" not in shown
    assert bare_shell.user_ns["RM"].settings.info_addr == qs_manager.info


def test_a_service_that_does_not_tell_its_info_address_is_named_with_the_way_to_give_it(qs, bare_shell, qs_manager):
    qs_manager.answers["config_get"] = {"success": True, "msg": "", "config": {}}
    place = qs_manager.control.removeprefix("tcp://")
    host, port = place.split(":")
    shown = text(qs(f"connect {place}"))
    assert f"%qs assumes tcp://{host}:{int(port) + 10}." in shown
    assert f"%qs connect {place} --info HOST:PORT" in shown
    assert "QSERVER_ZMQ_INFO_ADDRESS" in shown

    assert "live output" not in text(qs(f"connect {place} --info {host}:7001"))
    assert bare_shell.user_ns["RM"].settings.info_addr == f"tcp://{host}:7001"


def test_an_info_address_that_is_not_one_is_refused_by_its_value(qs, bare_shell, qs_manager):
    with pytest.raises(errors.ConfigError, match="localhost:99999"):
        qs(f"connect {qs_manager.control} --info localhost:99999")
    assert bare_shell.user_ns["RM"].settings.info_addr == qs_manager.info


def test_a_session_may_use_http_from_the_start(bare_shell, http_door, monkeypatch):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEY", http_door.key)
    bare_shell.config.QSMagics.http_server_uri = http_door.url
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    assert bare_shell.user_ns["RM"].status()["manager_state"] == "idle"
