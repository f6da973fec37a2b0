import asyncio
import os
import sqlite3
import stat

import pytest

from bluesky_qs.door.signin.database import SignInDatabase, database_path
from bluesky_qs.door.signin.keys import new_key
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.records import PendingAuthorization
from bluesky_qs.door.signin.rows import SignInDatabaseError
from bluesky_qs.errors import ConfigError

NOW = 1_700_000_000.0
ADA = Identity("ada", "toy", "Ada", "ada@x.org", frozenset({"staff"}), {"site": ["north"]})


@pytest.fixture
async def database(tmp_path):
    database = SignInDatabase(tmp_path / "folder" / "sign-in.sqlite3")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def other(database):
    """The database as another door uses it."""
    other = SignInDatabase(database.path)
    await other.open()
    yield other
    await other.close()


async def test_doors_that_start_together_share_a_new_database(tmp_path):
    doors = [SignInDatabase(tmp_path / "sign-in.sqlite3") for _ in range(5)]
    await asyncio.gather(*(door.open() for door in doors))
    keys = await asyncio.gather(*(door.secret_keys(now=NOW) for door in doors))
    assert len({tuple(each) for each in keys}) == 1
    for door in doors:
        await door.close()


async def test_the_file_is_its_owners_only(database):
    await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    for file in database.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "open.sqlite3"
    path.touch(0o644)
    path.chmod(0o644)
    with pytest.raises(SignInDatabaseError, match="chmod 600"):
        await SignInDatabase(path).open()


async def test_a_file_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE principals (id INTEGER)")
    db.close()
    path.chmod(0o600)
    with pytest.raises(SignInDatabaseError, match="belongs to another program"):
        await SignInDatabase(path).open()


async def test_a_file_of_a_newer_version_is_left_alone(database):
    with sqlite3.connect(database.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SignInDatabaseError, match="newer version"):
        await SignInDatabase(database.path).open()


async def test_a_damaged_file_is_an_error_with_a_sentence(tmp_path):
    path = tmp_path / "damaged.sqlite3"
    path.write_bytes(os.urandom(8192))
    path.chmod(0o600)
    with pytest.raises(SignInDatabaseError, match="not a database"):
        await SignInDatabase(path).open()


async def test_two_doors_that_start_together_have_the_same_secret_key(tmp_path):
    doors = [SignInDatabase(tmp_path / "sign-in.sqlite3") for _ in range(4)]
    await asyncio.gather(*(door.open() for door in doors))
    keys = await asyncio.gather(*(door.secret_keys(now=NOW) for door in doors))
    assert len({tuple(each) for each in keys}) == 1
    assert len(keys[0]) == 1
    await asyncio.gather(*(door.close() for door in doors))


async def test_somebody_who_signs_in_again_is_the_same_user_with_another_session(database):
    first, session = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    again, another = await database.signed_in(Identity("ada", "toy"), now=NOW, expires=NOW + 1)
    assert again.uuid == first.uuid
    assert another.uuid != session.uuid
    assert again.identities[0].identity == Identity("ada", "toy")  # what the provider says now


async def test_the_same_name_at_another_provider_is_another_user(database):
    first, _ = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    other, _ = await database.signed_in(Identity("ada", "pam"), now=NOW, expires=NOW + 1)
    assert first.uuid != other.uuid


async def test_everything_about_an_identity_is_kept(database):
    principal, _ = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    await database.close()
    await database.open()
    assert (await database.principal(principal.uuid)).identities[0].identity == ADA


async def test_another_door_sees_a_key_a_revocation_and_that_something_has_changed(database, other):
    principal, session = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    key = await new_key(database, principal.uuid, ("inherit",), expires=None, note="of ada")
    version = await other.version()
    assert (await other.key(bytes.fromhex(key.secret))).note == "of ada"
    assert await database.revoke_key(key.record.first_eight)
    await database.revoke_session(session.uuid)
    assert await other.version() != version
    assert await other.key(bytes.fromhex(key.secret)) is None
    assert (await other.session(session.uuid)).revoked
    assert not await other.revoke_key(key.record.first_eight)


async def test_ending_sessions_or_a_user_leaves_other_users_alone(database):
    ada, session = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    _, of_bob = await database.signed_in(Identity("bob", "toy"), now=NOW, expires=NOW + 1)
    await new_key(database, ada.uuid, ("inherit",), expires=None, note=None)
    await database.end_sessions("toy", "ada")
    await database.end_sessions("toy", "nobody")
    assert (await database.session(session.uuid)).revoked
    assert len((await database.details(ada.uuid)).keys) == 1
    await database.end_user("toy", "ada")
    details = await database.details(ada.uuid)
    assert (details.keys, details.principal.identities[0].gone) == ([], True)
    assert not (await database.session(of_bob.uuid)).revoked


async def test_the_file_has_no_key_in_plain_text(database):
    principal, _ = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    key = await new_key(database, principal.uuid, ("inherit",), expires=None, note=None)
    await database.close()
    stored = database.path.read_bytes()
    assert key.secret.encode() not in stored
    assert bytes.fromhex(key.secret) not in stored
    assert key.secret not in repr(key)


async def test_two_keys_never_have_the_same_name(database, monkeypatch):
    ada, _ = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    made = iter([b"same" + b"a" * 32, b"same" + b"b" * 32, b"diff" + b"c" * 32])
    monkeypatch.setattr("bluesky_qs.door.signin.keys.secrets.token_bytes", lambda count: next(made))
    first = await new_key(database, ada.uuid, ("inherit",), expires=None, note=None)
    second = await new_key(database, ada.uuid, ("inherit",), expires=None, note=None)
    assert first.record.first_eight != second.record.first_eight


async def test_a_way_to_the_identity_provider_counts_once_and_not_for_long(database):
    pending = PendingAuthorization("oidc", "nonce", "verifier", "/page")
    for state in ("first", "second"):
        await database.add_authorization(state, pending, expires=NOW + 10)
    assert await database.take_authorization("first", now=NOW) == pending
    assert await database.take_authorization("first", now=NOW) is None
    assert await database.take_authorization("second", now=NOW + 10) is None
    assert "verifier" not in repr(pending)


async def test_a_terminal_gets_its_session_once(database):
    _, session = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    await database.add_device(b"device", "BCDFGHJK", "oidc", expires=NOW + 10)
    waiting = await database.device_with_code("BCDFGHJK", now=NOW)
    assert (await database.poll_device(b"device", now=NOW)).session is None
    await database.settle_device(waiting.device, session=session.uuid)
    assert (await database.poll_device(b"device", now=NOW)).session == session.uuid
    assert await database.poll_device(b"device", now=NOW) is None


async def test_what_expired_is_removed_a_month_later(database):
    month = 30 * 24 * 3600
    principal, session = await database.signed_in(ADA, now=NOW, expires=NOW + 1)
    key = await new_key(database, principal.uuid, ("inherit",), expires=NOW + 1, note=None)
    lasting = await new_key(database, principal.uuid, ("inherit",), expires=None, note=None)
    await database.prune(now=NOW + month)
    assert await database.session(session.uuid)
    await database.prune(now=NOW + month + 2)
    assert await database.session(session.uuid) is None
    assert await database.key(bytes.fromhex(key.secret)) is None
    assert await database.key(bytes.fromhex(lasting.secret))


@pytest.mark.parametrize(
    "uri", ["postgresql://u:pa55@host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "/a/b"]
)
def test_databases_of_other_kinds_are_refused_without_showing_a_password(uri):
    with pytest.raises(ConfigError) as refused:
        database_path(uri)
    assert "sqlite:///PATH" in refused.value.message
    assert "pa55" not in refused.value.message


def test_a_uri_with_four_slashes_is_an_absolute_path():
    assert str(database_path("sqlite:////var/lib/x.sqlite3")) == "/var/lib/x.sqlite3"
