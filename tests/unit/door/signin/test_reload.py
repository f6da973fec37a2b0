"""New rules in a running door: they count for everybody at once, and a mistake changes nothing."""

import json
import logging

import msgspec
import pytest
import websockets

from bluesky_qs.door.reloading import Reloading
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.door.signin.settings import read_sign_in
from bluesky_qs.door.streams import hub

from .conftest import PASSWORDS, RULES, sections


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    """The door looks at the credentials of streams more often."""
    monkeypatch.setattr(hub, "PERIOD", 0.1)
    monkeypatch.setattr(hub, "LOOKS", 1)


@pytest.fixture
def reload(users_door):
    """Reloads the door with other sections of its configuration: ``await reload(access=…)``."""
    old = users_door.door.settings

    async def reloaded(changed=None, **more):
        def read():
            new = read_sign_in(sections(database={"uri": f"sqlite:///{old.sign_in.database}"}, **more), {})
            return msgspec.structs.replace(old, sign_in=new, **(changed or {}))

        await Reloading(users_door.door, read, None)()

    return reloaded


def rules(**roles):
    """The rules, with other roles for some users."""
    return {"rules": [{**rule, "roles": roles.get(rule["user"], rule["roles"])} for rule in RULES]}


async def signed_in(door, user):
    """A client of a user who has signed in."""
    form = {"username": user, "password": PASSWORDS[user]}
    tokens = (await door.http.post("/api/auth/provider/toy/token", data=form, headers={"Authorization": ""})).json()
    return door.client(headers={"Authorization": f"Bearer {tokens['access_token']}"})


async def roles_of(client):
    answer = await client.get("/api/auth/scopes")
    return answer.json()["roles"] if answer.status_code == 200 else answer.status_code


def listening(door, client):
    url = door.url.replace("http", "ws", 1) + "/api/progress/ws"
    headers = {"Authorization": client.headers["authorization"]}
    return websockets.connect(url, additional_headers=headers, proxy=None, max_queue=None)


@pytest.mark.parametrize("roles", [["admin", "expert"], ["observer"]], ids=["more", "less"])
async def test_new_rules_count_for_those_who_are_signed_in_and_their_streams_go_on(users_door, reload, roles):
    async with await signed_in(users_door, "ada") as ada, listening(users_door, ada) as stream:
        await stream.recv()
        await reload(access=rules(ada=roles))
        assert await roles_of(ada) == roles
        await users_door.door.sign_in.resolver.looked()
        for _ in range(3):
            assert json.loads(await stream.recv())["type"] == "heartbeat"


async def test_a_stream_ends_when_the_new_rules_do_not_allow_it(users_door, reload):
    async with await signed_in(users_door, "olga") as olga, listening(users_door, olga) as stream:
        await stream.recv()
        await reload(access={"rules": [rule for rule in RULES if rule["user"] != "olga"]})
        assert await roles_of(olga) == 401
        await stream.wait_closed()
        assert stream.close_code == 4001


async def test_a_mistake_changes_nothing_and_is_in_the_log(users_door, reload, caplog):
    async with await signed_in(users_door, "ada") as ada:
        await reload(access=rules(ada="exprt"))
        assert await roles_of(ada) == ["expert"]
    assert "Not reloaded; the old settings stay in effect: Rule 1 of 'access': unknown role 'exprt'" in caplog.text


async def test_providers_may_come_and_go(users_door, reload):
    before = users_door.door.sign_in.providers["toy"]
    toy = sections()["authentication"]["providers"][0]
    other = {"provider": "new", "authenticator": "dictionary", "args": {"users_to_passwords": {"eve": "pw-of-eve"}}}
    access = {"rules": [{"user": "eve", "provider": "new", "roles": "observer"}]}
    await reload(authentication={"providers": [toy, other]}, access=access)
    assert users_door.door.sign_in.providers["toy"] is before
    form = {"username": "eve", "password": "pw-of-eve"}
    async with users_door.client() as http:
        assert (await http.post("/api/auth/provider/new/token", data=form)).status_code == 200
        await reload()
        assert (await http.post("/api/auth/provider/new/token", data=form)).status_code == 404


async def test_a_door_with_users_does_not_become_one_with_a_single_key(users_door, reload, caplog):
    await reload(authentication={"providers": []})
    assert "cannot change between the single-user key and providers. Restart it" in caplog.text
    assert "toy" in users_door.door.sign_in.providers


async def test_old_secret_keys_sign_nothing_any_more(users_door, reload):
    async with await signed_in(users_door, "ada") as ada:
        await reload(authentication={"secret_keys": ["n" * 32, *users_door.door.settings.sign_in.secret_keys]})
        assert await roles_of(ada) == ["expert"]
        await reload(authentication={"secret_keys": ["n" * 32]})
        assert await roles_of(ada) == 401


async def test_what_needs_a_restart_is_named(users_door, reload, caplog):
    await reload({"root_path": "/beamline", "services": (ServiceSettings(name="other"),)})
    assert (
        "Restart the HTTP door to apply the changes in: uvicorn, qserver_zmq_configuration, instruments" in caplog.text
    )


async def test_the_single_user_key_goes_on_and_may_get_another_group(new_door, caplog):
    door = await new_door()
    settings = door.door.settings
    user = msgspec.structs.replace(settings.single_user, user_group="test_user", anonymous=True)
    async with door.client() as anyone:
        assert (await anyone.get("/api/status")).status_code == 401
        with caplog.at_level(logging.INFO):
            await Reloading(door.door, lambda: msgspec.structs.replace(settings, single_user=user), None)()
        assert (await anyone.get("/api/status")).status_code == 200
    added = await door.post("/queue/item/add", item={"item_type": "plan", "name": "count", "args": [["det1"]]})
    assert added["item"]["user_group"] == "test_user"
    assert "Reloaded: who may use the HTTP door" in caplog.text


async def test_an_unexpected_error_does_not_end_the_door(users_door, caplog):
    def read():
        raise RuntimeError("out of luck")

    await Reloading(users_door.door, read, None)()
    assert "Not reloaded, because of an unexpected error" in caplog.text
    assert (await users_door.http.get("/healthz")).status_code == 200
