import json
import time

import pytest

from bluesky_qs.api.method import Lock
from bluesky_qs.errors import BadParams, Locked
from bluesky_qs.manager.edits.locking import LockBook

NOW = 1658765020.0


def locked(*, environment=True, queue=False, note=None, emergency_key=None):
    book = LockBook(None, emergency_key=emergency_key)
    book.apply(key="userkey", environment=environment, queue=queue, user="qserver-cli", note=note, now=NOW)
    return book


def test_a_locked_environment_refuses_without_the_key_and_names_the_user():
    book = locked(note="The environment is locked. Do not unlock environment!")
    at = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(NOW))
    with pytest.raises(Locked) as refusal:
        book.check(Lock.ENVIRONMENT, None)
    assert refusal.value.message == (
        "Error: Invalid lock key: \n"
        f"RE Manager is locked by qserver-cli at {at}\n"
        "Environment is locked: True\n"
        "Queue is locked:       False\n"
        "Emergency lock key:    not set\n"
        "Note: The environment is locked. Do not unlock environment!"
    )


def test_the_key_in_force_opens_what_is_locked():
    locked().check(Lock.ENVIRONMENT, "userkey")


def test_a_locked_environment_leaves_the_queue_free():
    locked().check(Lock.QUEUE, None)


def test_the_emergency_key_unlocks_but_does_not_open():
    book = locked(emergency_key="emkey")
    with pytest.raises(Locked):
        book.check(Lock.ENVIRONMENT, "emkey")
    book.release("emkey")
    assert book.state == {"environment": False, "queue": False}


def test_keys_are_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    book = locked(emergency_key="emkey")
    for use in (
        lambda: book.check(Lock.ENVIRONMENT, "tried"),
        lambda: book.check_key("tried"),
        lambda: book.apply(key="tried", environment=True, queue=True, user="me", note=None, now=NOW),
        lambda: book.release("tried"),
    ):
        with pytest.raises(Locked):
            use()
    assert compared == [(b"tried", b"userkey")] * 4 + [(b"tried", b"emkey")]


def test_an_emergency_key_that_is_not_utf8_is_only_a_key():
    book = locked(emergency_key="\udcff")
    with pytest.raises(Locked):
        book.release("other")
    book.release("\udcff")


def test_another_key_can_neither_unlock_nor_change_the_lock():
    book = locked()
    with pytest.raises(Locked):
        book.release("other")
    with pytest.raises(Locked, match="locked with a different key"):
        book.apply(key="other", environment=False, queue=True, user="x", note=None, now=NOW)
    assert book.state == {"environment": True, "queue": False}


def test_the_same_key_changes_what_is_locked_and_the_uid():
    book = locked()
    before = book.uid
    book.apply(key="userkey", environment=False, queue=True, user="x", note=None, now=NOW)
    assert book.state == {"environment": False, "queue": True}
    assert book.uid != before


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"key": ""}, "Lock key must be a non-empty string"),
        ({"environment": False}, "environment and/or queue must be selected"),
        ({"user": ""}, "User name is not specified: user=''"),
    ],
)
def test_a_lock_without_key_user_or_something_to_lock_is_refused(what, words):
    with pytest.raises(BadParams, match=words):
        LockBook(None).apply(
            **{"key": "k", "environment": True, "queue": False, "user": "x", "note": None, "now": NOW, **what}
        )


def test_what_was_stored_is_in_force_after_a_restart_with_its_uid():
    edit = LockBook(None).apply(key="k", environment=True, queue=True, user="x", note="n", now=NOW)
    (change,) = edit.changes
    again = LockBook(change.data)
    assert again.state == {"environment": True, "queue": True}
    assert again.uid == json.loads(change.data)["uid"]
    again.check_key("k")


WHOLE = {
    "environment": True,
    "queue": True,
    "lock_key": "k",
    "note": None,
    "user": "x",
    "time": NOW,
    "uid": "u",
}


@pytest.mark.parametrize(
    "damage",
    [{"lock_key": None}, {"lock_key": 17}, {"time": "noon"}, {"queue": 1}, {"uid": None}],
    ids=str,
)
def test_a_stored_lock_that_no_key_could_open_is_ignored_with_a_warning(damage, caplog):
    book = LockBook(json.dumps(WHOLE | damage).encode())
    book.check(Lock.ENVIRONMENT, None)
    assert book.state == {"environment": False, "queue": False}
    (record,) = caplog.records
    assert "nothing is locked" in record.getMessage()


def test_a_stored_lock_without_a_part_is_left_aside():
    part = {key: value for key, value in WHOLE.items() if key != "user"}
    LockBook(json.dumps(part).encode()).check(Lock.QUEUE, None)


def test_an_edit_that_was_not_stored_is_undone():
    book = LockBook(None)
    edit = book.apply(key="k", environment=True, queue=True, user="x", note=None, now=NOW)
    edit.undo()
    book.check(Lock.QUEUE, None)


def test_the_key_is_never_shown():
    book = locked()
    assert "userkey" not in repr(book.info)


def test_to_unlock_what_is_not_locked_changes_nothing():
    book = LockBook(None)
    uid = book.uid
    assert book.release("any") is None
    assert book.uid == uid
