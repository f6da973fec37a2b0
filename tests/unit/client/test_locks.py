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


def test_a_key_that_nobody_made_is_not_made_by_reading(RM, key_file):
    assert RM.read_default_lock_key() is None
    assert not key_file.exists()
    key = RM.get_default_lock_key()
    assert RM.read_default_lock_key() == key


def test_a_refusal_says_whether_a_key_was_sent(RM, qs_manager):
    qs_manager.do("lock", lock_key="k", queue=True, user="bob")
    with pytest.raises(
        errors.Locked, match=r"Invalid lock key: no key was sent\. If you have it: RM.lock_key = "
    ) as caught:
        RM.queue_clear()
    assert "RE Manager is locked by bob at" in str(caught.value)
    assert caught.value.response["msg"].startswith("Error: Invalid lock key: \n")
    RM.lock_key = "wrong"
    with pytest.raises(errors.Locked, match=r"^Error: Invalid lock key: \nRE Manager is locked by bob"):
        RM.queue_clear()


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
