"""Where keys are kept: in the keyring if there is one that keeps secrets, else in a file."""

import stat

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from bluesky_qs.client import kept_keys
from bluesky_qs.errors import ConfigError

URI = "https://beamline.example"


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 5

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


class PlainRing(Ring):
    """A keyring that writes secrets into a file that others may read."""

    priority = 0.5


class LockedRing(Ring):
    """A keyring that the user does not unlock."""

    def _refuse(self, *_):
        raise KeyringLocked("locked")

    get_password = set_password = delete_password = _refuse


@pytest.fixture
def ring(monkeypatch, tmp_path):
    """Makes this the keyring of the session; keys in files are in a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("QSERVER_USER", raising=False)

    def use(kind):
        made = kind()
        monkeypatch.setattr(keyring, "get_keyring", lambda: made)
        return made

    return use


def test_a_keyring_keeps_the_key(ring):
    used = ring(Ring)
    assert kept_keys.keep(URI, "secret") == "your keyring"
    assert used.kept == {("bluesky-qs", URI): '{"": "secret"}'}
    assert kept_keys.key_for(URI) == "secret"
    assert not kept_keys.path().exists()
    kept_keys.forget(URI)
    assert kept_keys.key_for(URI) is None


@pytest.mark.parametrize("kind", [PlainRing, LockedRing])
def test_without_a_keyring_that_keeps_secrets_a_file_does(ring, kind):
    ring(kind)
    assert kept_keys.keep(URI, "secret") == str(kept_keys.path())
    assert kept_keys.keep("http://localhost:60610", "other") == str(kept_keys.path())
    assert stat.S_IMODE(kept_keys.path().stat().st_mode) == 0o600
    assert kept_keys.key_for(URI) == "secret"
    kept_keys.forget(URI)
    assert kept_keys.key_for(URI) is None
    assert kept_keys.key_for("http://localhost:60610") == "other"


@pytest.mark.parametrize("kind", [Ring, PlainRing])
def test_two_users_of_an_account_keep_a_key_each(ring, kind):
    ring(kind)
    kept_keys.keep(URI, "of-ada", "ada")
    assert kept_keys.key_for(URI) == "of-ada"  # the only one
    kept_keys.keep(URI, "of-olga", "olga")
    kept_keys.keep(URI, "of-olga-2", "olga")
    assert kept_keys.keys_for(URI) == {"ada": "of-ada", "olga": "of-olga-2"}
    assert kept_keys.key_for(URI, "ada") == "of-ada"
    with pytest.raises(
        ConfigError, match=r"whose key to use for https://beamline.example; ada, olga keep one\. Set QSER"
    ):
        kept_keys.key_for(URI)
    with pytest.raises(
        ConfigError, match=r"grace keeps no key for https://beamline.example; only ada, olga keep one\."
    ):
        kept_keys.key_for(URI, "grace")
    kept_keys.forget(URI, "ada")
    assert kept_keys.key_for(URI) == "of-olga-2"
    kept_keys.forget(URI, "olga")
    assert kept_keys.keys_for(URI) == {}


def test_a_key_without_a_user_is_still_found(ring):
    used = ring(Ring)
    used.kept["bluesky-qs", URI] = "7" * 72  # digits are JSON too
    assert kept_keys.key_for(URI) == "7" * 72
    kept_keys.path().parent.mkdir(parents=True)
    kept_keys.path().write_text('{"http://h": "secret", "http://other": 5}')
    kept_keys.path().chmod(0o600)
    assert kept_keys.key_for("http://h") == "secret"
    assert kept_keys.key_for("http://other") is None


def test_a_file_that_others_can_read_is_not_used(ring):
    ring(PlainRing)
    kept_keys.keep(URI, "secret")
    kept_keys.path().chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        kept_keys.key_for(URI)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_file_is_named(ring, content):
    ring(PlainRing)
    kept_keys.keep(URI, "secret")
    kept_keys.path().write_text(content, errors="surrogateescape")
    with pytest.raises(ConfigError, match=r"http_keys\.json"):
        kept_keys.key_for(URI)


def test_the_key_of_the_login_name_is_used_if_nobody_is_named(ring, monkeypatch):
    ring(PlainRing)
    kept_keys.keep(URI, "of-ada", "ada")
    kept_keys.keep(URI, "of-olga", "olga")
    monkeypatch.setattr(kept_keys, "login_name", lambda: "olga")
    assert kept_keys.key_for(URI) == "of-olga"
    monkeypatch.setenv("QSERVER_USER", "ada")
    assert kept_keys.key_for(URI) == "of-ada"


def test_a_user_who_is_named_never_gets_the_key_of_another_but_a_shared_one(ring, monkeypatch):
    ring(PlainRing)
    kept_keys.keep(URI, "of-ada", "ada")
    monkeypatch.setenv("QSERVER_USER", "olga")
    with pytest.raises(kept_keys.UnclearKeyError, match=r"olga keeps no key for .*; only ada keeps one"):
        kept_keys.key_for(URI)
    kept_keys.keep(URI, "shared")
    assert kept_keys.key_for(URI) == "shared"
