"""Every route of the door with its scope, and what happens without it."""

import time

import httpx
import pytest
from starlette.routing import WebSocketRoute

from bluesky_qs.api.method import METHODS
from bluesky_qs.door.app import all_routes, make_app, root_routes
from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.auth_route import AuthRoute, Needs
from bluesky_qs.door.signin.keys import new_key
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.settings import read_sign_in
from bluesky_qs.door.streams.table import STREAMS

from .conftest import sections

OPEN, SIGNED_IN = Needs.NOTHING, Needs.SIGN_IN
#: Each route of the door, without the prefix /api, and what it needs. A new route is added here, after a thought about
#: who may use it.
NEEDS = {
    "GET /": "read:status",
    "DELETE /auth/apikey": "user:apikeys",
    "GET /auth/apikey": SIGNED_IN,
    "POST /auth/apikey": "user:apikeys",
    "POST /auth/logout": SIGNED_IN,
    "GET /auth/principal": "admin:read:principals",
    "GET /auth/principal/{uuid}": "admin:read:principals",
    "POST /auth/principal/{uuid}/apikey": "admin:apikeys",
    "GET /auth/provider/{provider}/authorize": OPEN,
    "POST /auth/provider/{provider}/authorize": OPEN,
    "GET /auth/provider/{provider}/code": OPEN,
    "POST /auth/provider/{provider}/code": OPEN,
    "GET /auth/provider/{provider}/device_code": OPEN,
    "POST /auth/provider/{provider}/device_code": OPEN,
    "POST /auth/provider/{provider}/token": OPEN,
    "GET /auth/providers": OPEN,
    "GET /auth/scopes": SIGNED_IN,
    "POST /auth/session/refresh": OPEN,
    "DELETE /auth/session/revoke/{session_id}": SIGNED_IN,
    "GET /auth/whoami": SIGNED_IN,
    "GET /config/get": "read:config",
    "GET /console": "read:console",
    "GET /console_output": "read:console",
    "GET /console_output/uid": "read:console",
    "WS /console_output/ws": "read:console",
    "GET /console_output_update": "read:console",
    "GET /device/read": "read:monitor",
    "GET /devices/allowed": "read:resources",
    "GET /devices/existing": "read:resources",
    "GET /documents": "read:monitor",
    "GET /documents/stream": "read:monitor",
    "WS /documents/ws": "read:monitor",
    "POST /environment/close": "write:manager:control",
    "POST /environment/destroy": "write:manager:control",
    "POST /environment/open": "write:manager:control",
    "GET /environment/report": "read:monitor",
    "POST /environment/update": "write:queue:control",
    "GET /estimates": "read:queue",
    "GET /events": "read:monitor",
    "GET /events/stream": "read:monitor",
    "WS /events/ws": "read:monitor",
    "POST /function/execute": "write:execute",
    "GET /functions/allowed": "read:resources",
    "POST /history/clear": "write:history:edit",
    "GET /history/get": "read:history",
    "WS /info/ws": "read:monitor",
    "POST /input/reply": "write:execute",
    "GET /instruments": "read:status",
    "GET /item/check": "read:queue",
    "GET /item/dry/run": "read:queue",
    "GET /item/status": "read:queue",
    "POST /kernel/interrupt": "write:queue:control",
    "POST /lock": "write:lock",
    "GET /lock/info": "read:lock",
    "POST /manager/stop": "write:manager:stop",
    "GET /permissions/get": "read:config",
    "POST /permissions/reload": "write:config",
    "POST /permissions/set": "write:permissions",
    "GET /ping": "read:status",
    "POST /plan/parse": "read:resources",
    "POST /plan/parse/spreadsheet": "read:queue",
    "GET /plans/allowed": "read:resources",
    "GET /plans/existing": "read:resources",
    "GET /progress/stream": "read:monitor",
    "WS /progress/ws": "read:monitor",
    "POST /queue/autostart": "write:queue:control",
    "POST /queue/clear": "write:queue:edit",
    "GET /queue/dry/run": "read:queue",
    "GET /queue/get": "read:queue",
    "POST /queue/item/add": "write:queue:edit",
    "POST /queue/item/add/batch": "write:queue:edit",
    "POST /queue/item/execute": "write:execute",
    "GET /queue/item/get": "read:queue",
    "POST /queue/item/move": "write:queue:edit",
    "POST /queue/item/move/batch": "write:queue:edit",
    "POST /queue/item/remove": "write:queue:edit",
    "POST /queue/item/remove/batch": "write:queue:edit",
    "POST /queue/item/update": "write:queue:edit",
    "POST /queue/item/update/batch": "write:queue:edit",
    "GET /queue/item/{uid}": "read:queue",
    "POST /queue/mode/set": "write:queue:control",
    "POST /queue/start": "write:queue:control",
    "POST /queue/stop": "write:queue:control",
    "POST /queue/stop/cancel": "write:queue:control",
    "POST /queue/undo": "write:queue:edit",
    "POST /queue/upload/spreadsheet": "write:queue:edit",
    "POST /re/abort": "write:plan:control",
    "POST /re/halt": "write:plan:control",
    "GET /re/metadata": "read:monitor",
    "POST /re/pause": "write:plan:control",
    "POST /re/resume": "write:plan:control",
    "POST /re/runs": "read:monitor",
    "GET /re/runs/active": "read:monitor",
    "GET /re/runs/closed": "read:monitor",
    "GET /re/runs/open": "read:monitor",
    "POST /re/stop": "write:plan:control",
    "WS /readings/ws": "read:monitor",
    "POST /script/upload": "write:scripts",
    "GET /status": "read:status",
    "WS /status/ws": "read:monitor",
    "GET /stream_console_output": "read:console",
    "GET /task/result": "read:monitor",
    "GET /task/status": "read:monitor",
    "POST /test/manager/kill": "write:testing",
    "GET /test/server/sleep": "read:testing",
    "POST /unlock": "write:lock",
}
#: The same for the routes outside of /api.
OUTSIDE = {
    "GET /docs": OPEN,
    "GET /healthz": OPEN,
    "GET /metrics": "admin:metrics",
    "GET /openapi.json": OPEN,
    "GET /readyz": OPEN,
}
#: Websockets are refused in their own way; `tests/unit/door/streams` tries that.
PROTECTED = {route: scope for route, scope in NEEDS.items() if scope is not OPEN and not route.startswith("WS ")}
#: Sign-in routes that find something else wrong before they would be done.
PARTS = {"{provider}": "toy", "{uuid}": "0" * 32, "{session_id}": "0" * 32, "{uid}": "some-uid"}


@pytest.fixture
async def accounts(tmp_path):
    """A door in this process whose service does not exist: everything here is decided before it is asked."""
    uri = f"sqlite:///{tmp_path / 'sign-in.sqlite3'}"
    door = Door(DoorSettings(sign_in=read_sign_in(sections(database={"uri": uri}), {})), Accounts)
    await door.open()
    yield door.sign_in
    await door.close()


@pytest.fixture
async def http(accounts):
    transport = httpx.ASGITransport(make_app(accounts.door))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        yield http


def found_routes(door):
    """What the application has, by verb and path."""
    found = {f"{route.verb} {route.path}": route.scope or OPEN for route in all_routes()}
    for stream in STREAMS:
        found[f"WS {stream.websocket}"] = stream.scope
        found |= {f"GET {path}": stream.scope for path in (stream.server_sent, stream.lines) if path}
    for route in door.sign_in.routes:
        assert isinstance(route, AuthRoute)
        found[f"{route.verb} {route.path.removeprefix('/api')}"] = route.needs
    return found


def test_each_route_is_listed_here_with_what_it_needs(tmp_path):
    assert found_routes(Door(DoorSettings(), Accounts)) == NEEDS


def test_each_route_outside_of_the_api_is_listed_here_too():
    assert {f"{route.verb} {route.path}": route.scope or OPEN for route in root_routes()} == OUTSIDE


async def test_open_routes_outside_of_the_api_take_any_credentials(http):
    for route, needed in OUTSIDE.items():
        if needed is OPEN:
            verb, path = route.split(" ")
            for headers in ({}, {"Authorization": "ApiKey hunter2"}, {"Authorization": "Basic YWRhOnB3"}):
                answer = await http.request(verb, path, headers=headers)
                assert answer.status_code in {200, 503}, route


def test_the_application_has_no_other_routes():
    """A route that none of the tables has would be found here."""
    for route in make_app(Door(DoorSettings(), Accounts))._rest.routes:
        path = route.path.removeprefix("/api").removeprefix("/instruments/{instrument}")
        verbs = {"WS"} if isinstance(route, WebSocketRoute) else route.methods - {"HEAD"}
        for verb in verbs:
            assert f"{verb} {path}" in NEEDS


def test_each_route_of_a_method_needs_the_scope_of_the_method():
    for route in all_routes():
        if route.method:
            assert route.scope == METHODS[route.method].scope, route.path


async def credentials(accounts):
    """Credentials of each kind that must not count, by name, and what the answer says."""
    now = time.time()
    sessions = accounts.sessions
    principal, session = await accounts.database.signed_in(Identity("ada", "toy"), now=now, expires=now + 1000)
    _, ended = await accounts.database.signed_in(Identity("ada", "toy"), now=now, expires=now + 1000)
    sent = {"no credentials": (None, "Not signed in")}

    def token(signer, session, expires):
        claims = {"principal": principal.uuid, "session": session.uuid, "scopes": [], "identities": []}
        return f"Bearer {signer.access_token(**claims, expires=expires)}"

    foreign = type(sessions.signer)(["x" * 40])
    sent["an expired token"] = token(sessions.signer, session, now - 1), "Access token has expired. Refresh token."
    sent["a foreign token"] = token(foreign, session, now + 100), "Could not validate credentials"
    sent["a token of a session that was revoked"] = token(sessions.signer, ended, now + 100), "Session has expired"
    await sessions.revoke(ended.uuid)

    async def key(expires=None):
        return await new_key(accounts.database, principal.uuid, ("inherit",), expires=expires, note=None)

    sent["an expired key"] = f"ApiKey {(await key(now - 1)).secret}", "Invalid API key: it expired on "
    revoked = await key()
    await accounts.database.revoke_key(revoked.record.first_eight)
    sent["a revoked key"] = f"ApiKey {revoked.secret}", "Invalid API key"
    sent["a foreign key"] = f"ApiKey {'ab' * 36}", "Invalid API key"
    sent["no key at all"] = "ApiKey hunter2", "Invalid API key"
    sent["a refresh token"] = (
        f"Bearer {sessions.signer.refresh_token(session=session.uuid, expires=now + 100)}",
        "Could not validate credentials",
    )
    return sent


async def ask(http, route, authorization):
    verb, path = route.split(" ")
    for part, value in PARTS.items():
        path = path.replace(part, value)
    headers = {"Authorization": authorization} if authorization else {}
    return await http.request(verb, f"/api{path}", headers=headers)


async def test_no_route_takes_credentials_that_do_not_count(accounts, http):
    for name, (authorization, detail) in (await credentials(accounts)).items():
        for route in PROTECTED:
            answer = await ask(http, route, authorization)
            assert answer.status_code == 401, (name, route, answer.text)
            assert answer.json()["detail"].startswith(detail), (name, route)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["x-tiled-root"] == "http://door/api"


async def test_no_route_takes_a_key_without_its_scope(accounts, http):
    now = time.time()
    principal, _ = await accounts.database.signed_in(Identity("ada", "toy"), now=now, expires=now + 1000)
    for small in ("read:status", "read:queue"):
        key = await new_key(accounts.database, principal.uuid, (small,), expires=None, note=None)
        for route, needed in PROTECTED.items():
            if needed in (small, SIGNED_IN):
                continue
            answer = await ask(http, route, f"ApiKey {key.secret}")
            assert answer.status_code == 401, (route, answer.text)
            expected = f"Not enough permissions. Requires scopes ['{needed}']. Request had scopes ['{small}']"
            assert answer.json()["detail"] == expected
            assert answer.headers["www-authenticate"] == f'Bearer scope="{needed}"'


async def test_no_route_takes_another_kind_of_authorization(http):
    for route in PROTECTED:
        assert (await ask(http, route, "Basic YWRhOnB3")).status_code == 400, route


async def test_open_routes_say_nothing_about_queue_or_users(http):
    """They refuse what they were sent, or answer; without having asked who sends it."""
    for route, needed in NEEDS.items():
        if needed is OPEN:
            answer = await ask(http, route, None)
            assert answer.status_code in {200, 401, 404, 422}, (route, answer.text)
            assert "ada" not in answer.text
