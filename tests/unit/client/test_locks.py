import stat

import pytest

from bluesky_qs import errors


@pytest.fixture
def key_file(RM, tmp_path):
    RM.default_lock_key_path = tmp_path / "keys" / "key.txt"
    return RM.default_lock_key_path


def test_a_default_key_is_made_once_and_found_again(RM, key_file):
    key = RM.get_default_lock_key()
    assert key
    assert RM.get_default_lock_key() == key == key_file.read_text()
    assert RM.get_default_lock_key(new_key=True) != key


def test_a_default_key_can_be_chosen(RM, key_file):
    RM.set_default_lock_key("mine")
    assert RM.get_default_lock_key() == "mine"


def test_the_key_file_is_for_its_owner_only(RM, key_file):
    RM.set_default_lock_key("mine")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("key", ["", 5])
def test_a_key_is_a_string_that_is_not_empty(RM, key_file, key):
    with pytest.raises(errors.ConfigError):
        RM.lock_key = key
    with pytest.raises(ValueError, match="The lock key must be a non-empty string; it is "):  # as scripts expect
        RM.lock_key = key
    with pytest.raises(errors.ConfigError):
        RM.set_default_lock_key(key)


@pytest.mark.parametrize("setting", ["user", "user_group"])
def test_who_asks_is_a_string(RM, setting):
    before = getattr(RM, setting)
    with pytest.raises(ValueError, match="must be a string, not 5"):
        setattr(RM, setting, 5)
    assert getattr(RM, setting) == before


def test_the_key_opens_locks_or_does_not(RM):
    with pytest.raises(TypeError, match="True or False"):
        RM.enable_locked_api = "no"
    assert RM.enable_locked_api is True


@pytest.mark.parametrize(
    ("call", "locked"),
    [("lock_environment", {"environment"}), ("lock_queue", {"queue"}), ("lock_all", {"environment", "queue"})],
)
def test_the_short_calls_lock_what_their_names_say(accepting, RM, call, locked):
    getattr(RM, call)("k", note="mine")
    params = accepting.asked("lock")[-1]
    assert {name for name in ("environment", "queue") if params.get(name)} == locked
    assert (params["lock_key"], params["note"]) == ("k", "mine")


def test_the_key_is_in_no_representation(RM):
    RM.lock_key = "very secret"
    assert "very secret" not in repr(RM) + repr(RM.settings)


def test_without_a_key_nothing_about_locks_is_sent(accepting, RM):
    for call in (RM.lock_all, RM.unlock, lambda: RM.lock(queue=True)):
        with pytest.raises(RuntimeError, match="Request contains no lock key"):
            call()
    assert RM.lock_info()["success"]
    assert not {"lock", "unlock"} & {method for method, _ in accepting.requests}
