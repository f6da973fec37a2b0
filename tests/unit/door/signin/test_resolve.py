"""How long credentials hold, and what a provider has to say about it."""

import asyncio

import pytest

from bluesky_qs.door.caller import Caller
from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.identities import Identities
from bluesky_qs.door.signin.keys import new_key
from bluesky_qs.door.signin.provider import Identity, ProviderUnavailable
from bluesky_qs.door.signin.resolve import Resolver
from bluesky_qs.door.signin.roles import ROLES, Policy, Rule
from bluesky_qs.door.signin.rows import SignInDatabaseError

ADA = Identity("ada", "toy", groups=frozenset({"staff"}))


class Directory:
    """A provider whose users change."""

    name = "toy"

    def __init__(self):
        self.current_answer = ADA
        self.asked = asyncio.Event()

    async def current(self, identity):
        self.asked.set()
        if isinstance(self.current_answer, Exception):
            raise self.current_answer
        return self.current_answer

    async def close(self):
        pass


@pytest.fixture
async def database(tmp_path):
    database = SignInDatabase(tmp_path / "sign-in.sqlite3")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def directory():
    return Directory()


@pytest.fixture
async def resolver(database, directory, clock):
    policy = Policy([Rule(group="staff", roles="user"), Rule(group="guests", roles="observer")])
    changes = []
    identities = Identities(database, {"toy": directory}, policy, lambda: [change() for change in changes], clock=clock)
    resolver = Resolver(database, identities, clock=clock, look_seconds=0.01)
    changes.append(resolver.forget)
    await resolver.open()
    yield resolver
    await identities.close()
    await resolver.close()


@pytest.fixture
async def ada(database, clock):
    principal, _ = await database.signed_in(ADA, now=clock(), expires=clock() + 1000)
    return principal


async def key_of(database, ada, *, expires=None, scopes=("inherit",)):
    return await new_key(database, ada.uuid, scopes, expires=expires, note=None)


async def resolved(resolver, key):
    return await resolver.key(bytes.fromhex(key.secret))


async def ended(resolver, caller):
    async with asyncio.timeout(10):
        while resolver.holds(caller):
            await resolver.looked()


async def test_a_key_holds_until_it_expires(resolver, database, ada, clock):
    key = await key_of(database, ada, expires=clock() + 60)
    caller = (await resolved(resolver, key)).caller
    assert caller.scopes == ROLES["user"]
    assert resolver.holds(caller)
    await resolver.looked()
    clock.now += 59
    assert resolver.holds(caller)
    clock.now += 2
    await ended(resolver, caller)
    assert await resolved(resolver, key) is None


async def test_what_another_door_revokes_ends_what_is_open_here(resolver, database, ada, clock):
    caller = (await resolved(resolver, await key_of(database, ada))).caller
    assert resolver.holds(caller)
    other = SignInDatabase(database.path)
    await other.open()
    await other.revoke_key(caller.credential.removeprefix("key "))
    await other.close()
    await ended(resolver, caller)


async def test_a_revocation_before_the_first_question_is_noticed(resolver, database, ada):
    caller = (await resolved(resolver, await key_of(database, ada))).caller
    await database.revoke_key(caller.credential.removeprefix("key "))
    await ended(resolver, caller)


async def test_a_session_that_is_revoked_ends(resolver, database, ada, clock):
    _, session = await database.signed_in(ADA, now=clock(), expires=clock() + 1000)
    caller = (await resolver.session(session.uuid)).caller
    assert resolver.holds(caller)
    await database.revoke_session(session.uuid)
    resolver.forget()
    await ended(resolver, caller)
    assert await resolver.session(session.uuid) is None


async def test_whoever_loses_scopes_loses_what_was_opened_with_them(resolver, database, ada, directory, clock):
    key = await key_of(database, ada)
    caller = (await resolved(resolver, key)).caller
    assert resolver.holds(caller)
    directory.current_answer = Identity("ada", "toy", groups=frozenset({"guests"}))
    clock.now += 16 * 60
    await resolved(resolver, key)
    await ended(resolver, caller)
    assert (await resolved(resolver, key)).caller.scopes == ROLES["observer"]


async def test_a_user_whom_the_provider_has_forgotten_is_refused(resolver, database, ada, directory, clock):
    key = await key_of(database, ada)
    caller = (await resolved(resolver, key)).caller
    directory.current_answer = None
    clock.now += 16 * 60
    await resolved(resolver, key)
    await ended(resolver, caller)
    assert await resolved(resolver, key) is None


async def test_a_provider_is_not_asked_more_often_than_every_15_minutes(resolver, database, ada, directory, clock):
    key = await key_of(database, ada)
    clock.now += 14 * 60
    await resolved(resolver, key)
    await resolver.looked()
    assert not directory.asked.is_set()
    clock.now += 2 * 60
    await resolved(resolver, key)
    await asyncio.wait_for(directory.asked.wait(), 10)


async def test_a_provider_that_does_not_answer_changes_nothing(resolver, database, ada, directory, clock, caplog):
    key = await key_of(database, ada)
    directory.current_answer = ProviderUnavailable("The directory does not answer")
    clock.now += 16 * 60
    await resolved(resolver, key)
    await asyncio.wait_for(directory.asked.wait(), 10)
    assert await resolved(resolver, key) is not None


async def test_the_use_of_keys_is_noted(resolver, database, ada, clock):
    key = await key_of(database, ada)
    clock.now += 100
    await resolved(resolver, key)
    await resolver.close()
    assert (await database.key(bytes.fromhex(key.secret))).latest_activity == clock()


async def test_streams_that_have_ended_are_forgotten(resolver, database, ada, clock):
    caller = (await resolved(resolver, await key_of(database, ada))).caller
    assert resolver.holds(caller)
    clock.now += 61
    resolver.forget()
    async with asyncio.timeout(10):
        while resolver._watched:
            await resolver.looked()


async def test_what_is_revoked_while_the_database_cannot_be_read_is_noticed_afterwards(
    resolver, database, ada, monkeypatch, caplog
):
    caller = (await resolved(resolver, await key_of(database, ada))).caller
    assert resolver.holds(caller)
    await resolver.looked()

    async def fail():
        raise SignInDatabaseError("The disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(database, "version", fail)
        await database.revoke_key(caller.credential.removeprefix("key "))
        resolver.forget()
        for _ in range(4):
            await resolver.looked()
        assert resolver.holds(caller)
    await ended(resolver, caller)
    assert caplog.text.count("The disk is away") == 1


async def test_somebody_who_never_was_does_not_hold(resolver):
    await ended(
        resolver, Caller(user="eve", user_group="", scopes=frozenset(), credential="key 00000000", principal="0")
    )


async def test_a_stream_outlives_a_key_that_was_made_to_open_it(resolver, database, ada, clock):
    key = await key_of(database, ada, expires=clock() + 60)
    caller = resolver.lasting(await resolved(resolver, key))
    assert resolver.holds(caller)
    await database.revoke_key(key.record.first_eight)
    await resolver.looked()
    await resolver.looked()
    clock.now += 120
    assert resolver.holds(caller)


async def test_such_a_stream_ends_with_the_last_session_of_its_user(resolver, database, clock):
    principal, session = await database.signed_in(ADA, now=clock(), expires=clock() + 1000)
    key = await key_of(database, principal, expires=clock() + 60)
    caller = resolver.lasting(await resolved(resolver, key))
    assert resolver.holds(caller)
    await database.revoke_key(key.record.first_eight)
    await database.revoke_session(session.uuid)
    while resolver.holds(caller):
        await resolver.looked()


async def test_a_stream_that_a_lasting_key_has_opened_ends_with_that_key(resolver, database, ada, clock):
    key = await key_of(database, ada, expires=clock() + 61)
    found = await resolved(resolver, key)
    assert resolver.lasting(found) == found.caller
