"""The routes under /api/auth, over real HTTP."""

import asyncio
import json
import logging
import re
import time

import msgspec
import pytest
from starlette.requests import HTTPConnection

from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.database import SignInDatabase
from bluesky_qs.door.signin.provider import ProviderUnavailable
from bluesky_qs.door.signin.registry import providers
from bluesky_qs.door.signin.roles import ROLES
from bluesky_qs.door.signin.rows import SignInDatabaseError
from bluesky_qs.door.signin.settings import SignInSettings, read_sign_in
from bluesky_qs.door.signin.sign_in_log import command_line
from bluesky_qs.door.signin.tokens import Lifetimes
from bluesky_qs.errors import ConfigError

from .conftest import PASSWORDS, SECRETS, sections, sign_in

NO_ROLE = "User is not authorized to access the server: no rule gives nobody a role. Ask the administrator"


class Visitor:
    """Somebody with credentials."""

    def __init__(self, served, **headers):
        self.http = served.client(headers=headers)

    async def get(self, path, status=200, **options):
        return self._checked(await self.http.get(f"/api{path}", **options), status)

    async def post(self, path, status=200, **options):
        return self._checked(await self.http.post(f"/api{path}", **options), status)

    async def delete(self, path, status=200, **options):
        return self._checked(await self.http.delete(f"/api{path}", **options), status)

    @staticmethod
    def _checked(response, status):
        assert response.status_code == status, response.text
        return response.json() if status == 200 else response.json()["detail"]


class Desk:
    """Signs users in at a door and ends their connections."""

    def __init__(self, served):
        self.served = served
        self.visitors = []
        self.nobody = self.with_header(None)

    def with_header(self, value):
        visitor = Visitor(self.served, **({"Authorization": value} if value else {}))
        self.visitors.append(visitor)
        return visitor

    async def tokens(self, name):
        form = {"username": name, "password": PASSWORDS[name]}
        return await self.nobody.post("/auth/provider/toy/token", data=form)

    async def user(self, name):
        return self.with_header(f"Bearer {(await self.tokens(name))['access_token']}")

    async def key(self, owner, **request):
        return await owner.post("/auth/apikey", json={"expires_in": None, **request})

    async def with_key(self, owner, **request):
        return self.with_header(f"ApiKey {(await self.key(owner, **request))['secret']}")


@pytest.fixture
async def new_desk():
    desks = []

    def new(served):
        desks.append(Desk(served))
        return desks[-1]

    yield new
    for desk in desks:
        for visitor in desk.visitors:
            await visitor.http.aclose()


@pytest.fixture
async def desk(users_door, new_desk):
    return new_desk(users_door)


async def test_the_providers_are_shown_to_anyone(desk):
    answer = await desk.nobody.get("/auth/providers")
    (toy,) = answer["providers"]
    assert (toy["provider"], toy["mode"]) == ("toy", "password")
    assert toy["links"]["auth_endpoint"] == "/api/auth/provider/toy/token"
    assert answer["required"] is True
    assert answer["single_user"] is False


async def test_a_password_gives_tokens_with_their_lifetimes(desk):
    tokens = await desk.tokens("ada")
    assert set(tokens) == {"access_token", "expires_in", "refresh_token", "refresh_token_expires_in", "token_type"}
    assert (tokens["expires_in"], tokens["refresh_token_expires_in"]) == (900, 7 * 24 * 3600)
    assert tokens["token_type"] == "bearer"


@pytest.mark.parametrize(
    ("form", "status", "detail"),
    [
        ({"username": "ada", "password": "wrong"}, 401, "Incorrect username or password"),
        ({"username": "eve", "password": "wrong"}, 401, "Incorrect username or password"),
        ({"username": "nobody", "password": PASSWORDS["nobody"]}, 401, NO_ROLE),
        ({"username": "ada"}, 422, "The form needs the fields 'username' and 'password'"),
        ({"username": "ada", "password": "x" * 2000}, 422, "A field of the form is longer than 1024 characters"),
    ],
)
async def test_a_sign_in_that_is_refused_says_why(desk, form, status, detail):
    assert await desk.nobody.post("/auth/provider/toy/token", status, data=form) == detail


async def test_a_form_in_parts_is_a_form_too(desk):
    parts = {name: (None, value) for name, value in {"username": "ada", "password": PASSWORDS["ada"]}.items()}
    await desk.nobody.post("/auth/provider/toy/token", files=parts)


async def test_an_unknown_provider_does_not_exist(desk):
    assert "no sign-in provider 'other'" in await desk.nobody.post("/auth/provider/other/token", 404, data={})


async def test_a_large_form_is_not_read(desk):
    await desk.nobody.post("/auth/provider/toy/token", 413, data={"username": "a" * 100_000})


async def test_too_many_wrong_passwords_must_wait_and_even_the_right_one_does(desk):
    wrong = {"username": "ada", "password": "wrong"}
    for _ in range(5):
        await desk.nobody.post("/auth/provider/toy/token", 401, data=wrong)
    right = {"username": "ada", "password": PASSWORDS["ada"]}
    response = await desk.nobody.http.post("/api/auth/provider/toy/token", data=right)
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    await desk.tokens("bob")  # others are not affected


async def test_a_provider_that_cannot_be_asked_is_no_wrong_password(desk, caplog):
    toy = desk.served.door.sign_in.providers["toy"]
    works = toy.authenticate

    async def fails(username, password):
        raise ProviderUnavailable("The directory ldap.example.org is down")

    toy.authenticate = fails
    form = {"username": "ada", "password": PASSWORDS["ada"]}
    for _ in range(10):
        detail = await desk.nobody.post("/auth/provider/toy/token", 503, data=form)
    assert detail == "The sign-in provider toy cannot be used now. The HTTP server's log says why"
    assert (
        caplog.messages.count("The sign-in provider toy cannot be used: The directory ldap.example.org is down") == 10
    )
    toy.authenticate = works
    await desk.tokens("ada")  # nothing was counted as a failure


async def test_a_users_file_that_cannot_be_used_is_an_error_in_the_log_at_the_start(new_users_door, tmp_path, caplog):
    path = tmp_path / "users"
    entry = {"provider": "local", "authenticator": "file", "args": {"path": str(path)}}
    await new_users_door(authentication={"providers": [entry]})
    assert f"Nobody can sign in at local. The users file {path} cannot be read: No such file" in caplog.text
    path.touch(0o600)
    path.chmod(0o644)
    await new_users_door(authentication={"providers": [entry]})
    assert f"Nobody can sign in at local. Others can read or write the users file {path}" in caplog.text
    path.chmod(0o600)
    caplog.clear()
    await new_users_door(authentication={"providers": [entry]})
    assert "sign in" not in caplog.text


async def test_what_a_user_may_do_follows_from_the_roles(desk):
    for name, role in {"ada": "expert", "bob": "user", "olga": "observer", "root": "admin"}.items():
        answer = await (await desk.user(name)).get("/auth/scopes")
        assert (answer["user"], answer["roles"], answer["scopes"]) == (name, [role], sorted(ROLES[role]))


async def test_items_show_the_user_and_have_the_group_of_the_rules(users_door_with_manager, new_desk):
    desk = new_desk(users_door_with_manager)
    bob = await desk.user("bob")
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    answer = await bob.post("/queue/item/add", json={"item": item, "user": "ada", "user_group": "primary"})
    assert answer["success"], answer["msg"]
    assert (answer["item"]["user"], answer["item"]["user_group"]) == ("bob", "test_user")


async def test_audit_lines_have_the_sign_in_name_and_what_items_show(new_door, new_desk, tmp_path, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    bob = {"roles": "user", "displayed_name": "Bob B", "mail": "b@example.org"}
    policy = {"policy": "DictionaryAPIAccessControl", "args": {"users": {"bob": bob}}}
    door = await new_door(sign_in=sign_in(tmp_path, access=None, api_access=policy))
    bob = await new_desk(door).user("bob")
    await bob.post("/queue/clear")
    await bob.post("/auth/apikey", json={"expires_in": None})
    assert [(line["user"], line.get("shown")) for line in audit_lines(caplog)] == [
        ("bob", None),
        ("bob", 'bob "Bob B <b@example.org>"'),
        ("bob", None),
    ]


async def test_a_scope_that_is_missing_is_named_also_in_the_audit_log(desk, caplog):
    olga, root = await desk.user("olga"), await desk.user("root")
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    detail = await olga.post("/queue/clear", 401)
    assert detail.startswith("Not enough permissions. Requires scopes ['write:queue:edit']. Request had scopes [")
    await olga.get("/auth/principal", 401)
    await root.get("/queue/get", 401)  # to read is not worth a line
    lines = audit_lines(caplog)
    assert [(line["user"], line["method"], line["result"]) for line in lines] == [
        ("olga", "queue_clear", "refused: needs the scope write:queue:edit"),
        ("olga", "GET /api/auth/principal", "refused: needs the scope admin:read:principals"),
    ]
    assert all(line["credential"].startswith("session ") and line["from"] == "127.0.0.1" for line in lines)


async def test_the_audit_log_says_for_whom_somebody_else_makes_or_revokes_a_key(desk, caplog):
    bob, root = await desk.user("bob"), await desk.user("root")
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    await desk.key(bob)
    details = await bob.get("/auth/whoami")
    made = await root.post(f"/auth/principal/{details['uuid']}/apikey", json={"expires_in": None})
    await root.delete("/auth/apikey", params={"first_eight": made["first_eight"]})
    await root.delete(f"/auth/session/revoke/{details['sessions'][0]['uuid']}")
    assert [(line["user"], line["method"].split()[0], line.get("for")) for line in audit_lines(caplog)] == [
        ("bob", "new", None),
        ("root", "new", "bob"),
        ("root", "revoke", "bob"),
        ("root", "revoke", "bob"),
    ]
    assert made["secret"] not in caplog.text


async def test_the_door_writes_what_commands_have_changed_into_the_audit_log_once(users_door, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    sign_in = users_door.door.sign_in
    command = SignInDatabase(sign_in.database.path)
    await command.open()
    await command.leave_note(command_line("add user", "ada"))
    async with asyncio.timeout(10):
        while not audit_lines(caplog):
            await sign_in.resolver.looked()
    assert await command.take_notes() == []
    await command.leave_note(command_line("remove user", "ada"))
    async with asyncio.timeout(10):
        while len(audit_lines(caplog)) < 2:
            await sign_in.resolver.looked()
    await command.close()
    assert [(line["method"], line["for"], line["credential"]) for line in audit_lines(caplog)] == [
        ("add user", "ada", "command line"),
        ("remove user", "ada", "command line"),
    ]


def audit_lines(caplog):
    return [json.loads(record.message) for record in caplog.records if record.name == "bluesky_qs.door.audit"]


async def test_whoami_shows_the_user_with_keys_and_sessions(desk):
    ada = await desk.user("ada")
    key = await desk.key(ada, note="of the robot", scopes=["read:status"])
    answer = await ada.get("/auth/whoami")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["uuid"])
    assert answer["type"] == "user"
    (identity,) = answer["identities"]
    assert (identity["id"], identity["provider"]) == ("ada", "toy")
    (shown,) = answer["api_keys"]
    assert shown == {name: value for name, value in key.items() if name != "secret"}
    (session,) = answer["sessions"]
    assert session["revoked"] is False
    assert answer["roles"] == ["expert"]
    assert answer["api_key_scopes"] is None


async def test_a_refresh_token_gives_new_tokens(desk):
    tokens = await desk.tokens("ada")
    again = await desk.nobody.post("/auth/session/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert again["refresh_token"] != tokens["refresh_token"]
    await desk.with_header(f"Bearer {again['access_token']}").get("/instruments")


async def test_an_access_token_does_not_refresh(desk):
    tokens = await desk.tokens("ada")
    detail = await desk.nobody.post("/auth/session/refresh", 401, json={"refresh_token": tokens["access_token"]})
    assert detail == "Could not validate credentials"


async def test_a_revoked_session_neither_refreshes_nor_counts(desk):
    tokens = await desk.tokens("ada")
    ada = desk.with_header(f"Bearer {tokens['access_token']}")
    (session,) = (await ada.get("/auth/whoami"))["sessions"]
    assert await ada.delete(f"/auth/session/revoke/{session['uuid']}") == {"success": True, "msg": ""}
    expired = "Session has expired. Please re-authenticate."
    assert (
        await desk.nobody.post("/auth/session/refresh", 401, json={"refresh_token": tokens["refresh_token"]}) == expired
    )
    assert await ada.get("/instruments", 401) == expired


async def test_nobody_ends_a_session_of_another_user_but_the_admin(desk):
    ada, bob, root = [await desk.user(name) for name in ("ada", "bob", "root")]
    (session,) = (await ada.get("/auth/whoami"))["sessions"]
    path = f"/auth/session/revoke/{session['uuid']}"
    assert "insufficient permissions" in await bob.delete(path, 404)
    await ada.get("/instruments")
    await root.delete(path)
    await ada.get("/instruments", 401)
    assert await root.delete(path, 404) == f"No session {session['uuid']}"


async def test_a_key_is_shown_once_and_works(desk):
    ada = await desk.user("ada")
    key = await desk.key(ada, expires_in=60, note="x")
    assert len(bytes.fromhex(key["secret"])) == 36
    assert key["secret"].startswith(key["first_eight"])
    assert key["scopes"] == ["inherit"]
    holder = desk.with_header(f"Apikey {key['secret']}")
    assert (await holder.get("/auth/apikey"))["first_eight"] == key["first_eight"]
    assert await holder.get("/auth/scopes") == await ada.get("/auth/scopes")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({}, 422),
        ({"expires_in": 0}, 422),
        ({"expires_in": "long"}, 422),
        ({"expires_in": None, "note": "x" * 256}, 422),
        ({"expires_in": None, "scopes": ["write:manager:stop"]}, 400),
        ({"expires_in": None, "scopes": ["read:everything"]}, 400),
        ([], 422),
    ],
)
async def test_a_key_with_wrong_parameters_is_not_made(desk, request_, status):
    ada = await desk.user("ada")
    await ada.post("/auth/apikey", status, json=request_)
    assert (await ada.get("/auth/whoami"))["api_keys"] == []


async def test_a_key_with_few_scopes_can_do_only_those(desk):
    ada = await desk.user("ada")
    reader = await desk.with_key(ada, scopes=["read:queue", "read:status"])
    await reader.get("/instruments")
    await reader.post("/queue/clear", 401)
    assert await reader.get("/auth/scopes") == {
        "roles": ["expert"],
        "scopes": ["read:queue", "read:status"],
        "user": "ada",
        "user_group": "primary",
    }
    await reader.post("/auth/apikey", 401, json={"expires_in": None})


async def test_a_key_made_with_a_key_can_do_no_more_and_lasts_no_longer(desk):
    ada = await desk.user("ada")
    first = await desk.key(ada, scopes=["read:status", "user:apikeys"], expires_in=600)
    maker = desk.with_header(f"ApiKey {first['secret']}")
    second = await maker.post("/auth/apikey", json={"expires_in": None})
    assert second["scopes"] == ["read:status", "user:apikeys"]
    assert second["expiration_time"] == first["expiration_time"]
    await maker.post("/auth/apikey", 400, json={"expires_in": None, "scopes": ["read:queue"]})


async def test_a_revoked_key_does_not_count(desk):
    ada, bob, root = [await desk.user(name) for name in ("ada", "bob", "root")]
    key = await desk.key(ada)
    holder = desk.with_header(f"ApiKey {key['secret']}")
    await holder.get("/instruments")
    name = {"first_eight": key["first_eight"]}
    assert "has no such API key" in await bob.delete("/auth/apikey", 404, params=name)
    await holder.get("/instruments")
    assert await root.delete("/auth/apikey", params=name) == {"success": True, "msg": ""}
    assert await holder.get("/instruments", 401) == "Invalid API key"
    await ada.delete("/auth/apikey", 404, params=name)
    await ada.delete("/auth/apikey", 422)


async def test_the_admin_sees_all_users_and_makes_keys_for_them(desk):
    bob, root = await desk.user("bob"), await desk.user("root")
    users = {user["identities"][0]["id"]: user for user in await root.get("/auth/principal")}
    assert set(users) == {"bob", "root"}
    uuid = users["bob"]["uuid"]
    assert (await root.get(f"/auth/principal/{uuid}"))["uuid"] == uuid
    key = await root.post(f"/auth/principal/{uuid}/apikey", json={"expires_in": None, "scopes": ["read:status"]})
    await desk.with_header(f"ApiKey {key['secret']}").get("/instruments")
    await bob.get("/auth/principal", 401)
    await bob.post(f"/auth/principal/{uuid}/apikey", 401, json={"expires_in": None})
    await root.get("/auth/principal/no-uuid", 422)
    await root.get("/auth/principal/00000000-0000-0000-0000-000000000000", 404)
    await root.post(f"/auth/principal/{uuid}/apikey", 400, json={"expires_in": None, "scopes": ["admin:apikeys"]})


async def test_logging_out_deletes_the_cookies_also_of_a_key_that_has_expired(desk):
    ada = await desk.user("ada")
    key = await desk.key(ada)
    browser = desk.with_header(None)
    await browser.get("/instruments", params={"api_key": key["secret"]})
    await browser.get("/instruments")  # by the cookie
    assert (await browser.http.post("/api/plan/parse", json={"text": "count([det])"})).status_code == 403
    csrf = {"x-csrf": browser.http.cookies["bluesky_httpserver_csrf"]}
    await browser.post("/plan/parse", json={"text": "count([det])"}, headers=csrf)
    await ada.delete("/auth/apikey", params={"first_eight": key["first_eight"]})
    await browser.post("/auth/logout", 401, headers=csrf)
    assert not browser.http.cookies
    assert await ada.post("/auth/logout") == {}


@pytest.mark.parametrize("with_access_token", [True, False])
async def test_logging_out_ends_the_session_and_no_other_one(desk, caplog, with_access_token):
    tokens, others = await desk.tokens("ada"), await desk.tokens("ada")
    holder = desk.with_header(f"Bearer {tokens['access_token']}")
    (session,) = [each for each in (await holder.get("/auth/whoami"))["sessions"] if each["current"]]
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    if with_access_token:
        assert await holder.post("/auth/logout") == {}
    else:
        assert await desk.nobody.post("/auth/logout", json={"refresh_token": tokens["refresh_token"]}) == {}
    expired = "Session has expired. Please re-authenticate."
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert await holder.get("/instruments", 401) == expired
    assert await desk.nobody.post("/auth/session/refresh", 401, json=refresh) == expired
    assert await desk.nobody.post("/auth/logout", 401, json=refresh) == expired
    await desk.with_header(f"Bearer {others['access_token']}").get("/instruments")
    (line,) = audit_lines(caplog)
    assert (line["user"], line["method"], line["result"]) == ("ada", "sign out", "accepted")
    assert line["credential"] == f"session {session['uuid'].replace('-', '')}"


async def test_logging_out_with_a_key_leaves_the_key_and_the_sessions(desk):
    ada = await desk.user("ada")
    holder = await desk.with_key(ada)
    assert await holder.post("/auth/logout", json={}) == {}
    await holder.get("/instruments")
    await ada.get("/instruments")


async def test_whoami_marks_the_session_of_the_request(desk):
    first, second = await desk.user("ada"), await desk.user("ada")
    current = []
    for ada in (first, second):
        sessions = (await ada.get("/auth/whoami"))["sessions"]
        current += [each["uuid"] for each in sessions if each["current"]]
    assert len(set(current)) == len(current) == len(sessions) == 2
    holder = await desk.with_key(first)
    assert [each["current"] for each in (await holder.get("/auth/whoami"))["sessions"]] == [False, False]


async def test_answers_are_messagepack_for_those_who_accept_it(desk):
    ada = await desk.user("ada")
    response = await ada.http.get("/api/auth/scopes", headers={"Accept": "application/x-msgpack"})
    assert response.headers["content-type"] == "application/x-msgpack"
    assert msgspec.msgpack.decode(response.content) == await ada.get("/auth/scopes")


async def test_an_answer_that_has_not_changed_is_not_sent_again(desk):
    ada = await desk.user("ada")
    etag = (await ada.http.get("/api/auth/scopes")).headers["etag"]
    again = await ada.http.get("/api/auth/scopes", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


async def test_answers_with_secrets_are_not_kept_by_browsers(desk):
    ada = await desk.user("ada")
    response = await ada.http.post("/api/auth/apikey", json={"expires_in": 60})
    assert response.headers["cache-control"] == "no-store"


async def test_tokens_and_keys_count_at_another_door_until_they_are_revoked_there(desk, new_users_door, new_desk):
    other = new_desk(await new_users_door())
    tokens = await desk.tokens("ada")
    ada = desk.with_header(f"Bearer {tokens['access_token']}")
    key = await desk.key(ada)
    there = other.with_header(f"ApiKey {key['secret']}")
    await there.get("/instruments")
    caller = await other.served.door.sign_in.caller(_connection(f"ApiKey {key['secret']}"))
    assert other.served.door.sign_in.holds(caller)
    await ada.delete("/auth/apikey", params={"first_eight": key["first_eight"]})
    async with asyncio.timeout(10):
        while other.served.door.sign_in.holds(caller):
            await other.served.door.sign_in.resolver.looked()
    assert await there.get("/instruments", 401) == "Invalid API key"


def _connection(authorization):
    headers = [(b"authorization", authorization.encode())]
    return HTTPConnection({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers})


async def test_a_user_whose_rules_are_taken_away_is_refused_with_old_tokens_and_keys(desk, new_users_door, new_desk):
    ada = await desk.user("ada")
    key = await desk.key(ada)
    tokens = await desk.tokens("ada")
    restarted = new_desk(await new_users_door(access={"rules": [{"user": "bob", "roles": "user"}]}))
    no_role = NO_ROLE.replace("nobody", "ada")
    assert await restarted.with_header(f"ApiKey {key['secret']}").get("/instruments", 401) == no_role
    assert await restarted.with_header(f"Bearer {tokens['access_token']}").get("/instruments", 401) == no_role
    refused = await restarted.nobody.post("/auth/session/refresh", 401, json={"refresh_token": tokens["refresh_token"]})
    assert refused == "Permissions for the user are revoked. Please contact the administrator."


async def test_a_provider_that_is_taken_away_takes_its_users_along(desk, new_users_door, new_desk):
    key = await desk.key(await desk.user("ada"))
    renamed = {**sections()["authentication"]["providers"][0], "provider": "renamed"}
    restarted = new_desk(await new_users_door(authentication={"providers": [renamed]}))
    await restarted.with_header(f"ApiKey {key['secret']}").get("/instruments", 401)


async def test_an_expired_access_token_says_so_and_its_session_goes_on(desk):
    tokens = await desk.tokens("ada")
    accounts = desk.served.door.sign_in
    accounts.clock = lambda: time.time() + 901
    detail = await desk.with_header(f"Bearer {tokens['access_token']}").get("/instruments", 401)
    assert detail == "Access token has expired. Refresh token."
    await desk.nobody.post("/auth/session/refresh", json={"refresh_token": tokens["refresh_token"]})


async def test_the_single_user_makes_keys_with_fewer_scopes(door, new_desk):
    desk = new_desk(door)
    single = desk.with_header(door.http.headers["authorization"])
    assert (await single.get("/auth/providers"))["single_user"] is True
    assert (await single.get("/auth/scopes"))["roles"] == ["unauthenticated_single_user"]
    reader = await desk.with_key(single, scopes=["read:status"])
    await reader.get("/instruments")
    await reader.get("/queue/get", 401)
    whoami = await single.get("/auth/whoami")
    assert whoami["identities"][0]["id"] == "UNAUTHENTICATED_SINGLE_USER"
    assert whoami["api_keys"][0]["scopes"] == ["read:status"]


async def test_the_key_of_the_single_user_does_not_count_where_there_are_providers(desk, door):
    await desk.with_header(door.http.headers["authorization"]).get("/instruments", 401)


async def test_anonymous_access_is_to_the_status_only(new_users_door, new_desk):
    desk = new_desk(await new_users_door(authentication={"allow_anonymous_access": True}))
    await desk.nobody.get("/instruments")
    await desk.nobody.get("/queue/get", 401)
    await desk.nobody.post("/auth/apikey", 401, json={"expires_in": None})
    public = await desk.nobody.get("/auth/scopes")
    assert (public["roles"], public["scopes"]) == (["unauthenticated_public"], ["read:status"])
    assert await desk.nobody.get("/auth/whoami") is None


@pytest.mark.parametrize("seconds", [0, -1, 1e12, "long"])
def test_a_lifetime_without_sense_is_refused(seconds):
    with pytest.raises(ConfigError, match="access_token_max_age"):
        read_sign_in(sections(authentication={"access_token_max_age": seconds}), {})


def test_lifetimes_are_settings():
    changes = {"access_token_max_age": 60, "refresh_token_max_age": 600, "session_max_age": 3600}
    assert read_sign_in(sections(authentication=changes), {}).lifetimes == Lifetimes(60, 600, 3600)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "needs a name"),
        ({"provider": "a b"}, "needs a name"),
        ({"provider": "toy"}, "needs an 'authenticator'"),
        ({"provider": "toy", "authenticator": "fil"}, "did you mean 'file'"),
        ({"provider": "toy", "authenticator": "file", "arg": {}}, "unknown key 'arg'"),
        ({"provider": "toy", "authenticator": "file", "args": ["x"]}, "must contain keys and values"),
        ({"provider": "toy", "authenticator": "file", "args": {"pth": "x"}}, "unknown field `pth`"),
        ({"provider": "toy", "authenticator": "file", "args": {"path": ""}}, "'path' of the users file is empty"),
        ({"provider": "toy", "authenticator": "bluesky_httpserver.authenticators:DummyAuthenticator"}, "any password"),
        (
            {"provider": "toy", "authenticator": "bluesky_httpserver.authenticators:SAMLAuthenticator"},
            "SAML.* not supp",
        ),
    ],
)
def test_a_provider_that_is_not_valid_is_refused_by_name(entry, message):
    with pytest.raises(ConfigError, match=message):
        providers([entry])


def test_two_providers_need_two_names():
    with pytest.raises(ConfigError, match="Two sign-in providers have the name 'toy'"):
        providers([{"provider": "toy", "authenticator": "file"}] * 2)


def test_secret_keys_come_from_the_environment_under_either_name():
    for variable in ("QSERVER_HTTP_SERVER_SERVER_SECRET_KEYS", "QSERVER_HTTP_SERVER_SECRET_KEYS"):
        settings = read_sign_in({}, {variable: f"{SECRETS[0]};{'o' * 32}"})
        assert settings.secret_keys == (SECRETS[0], "o" * 32)
        assert SECRETS[0] not in repr(settings)


async def test_the_single_user_needs_no_database(door, new_door, new_desk, tmp_path, caplog):
    (tmp_path / "file").touch()
    settings = SignInSettings(database=tmp_path / "file" / "sign-in.sqlite3")
    desk = new_desk(await new_door(sign_in=settings))
    single = desk.with_header(door.http.headers["authorization"])
    await single.get("/instruments")
    assert "Only the single-user key can be used, and no API keys" in caplog.text
    assert "is not open" in await single.post("/auth/apikey", 503, json={"expires_in": None})
    await desk.with_header(f"ApiKey {'ab' * 36}").get("/instruments", 503)


async def test_users_need_the_database(tmp_path):
    (tmp_path / "file").touch()
    uri = {"uri": f"sqlite:///{tmp_path / 'file' / 'sign-in.sqlite3'}"}
    accounts = Accounts(Door(DoorSettings(sign_in=read_sign_in(sections(database=uri), {})), Accounts))
    with pytest.raises(SignInDatabaseError, match="cannot be created"):
        await accounts.open()
