"""Streams of users: they outlive what has opened them, and end with what that stands for."""

import json

import pytest
import websockets

from bluesky_qs.door.streams import hub

from .conftest import PASSWORDS
from .test_every_route import NEEDS, credentials

#: The scope of each websocket, by its path.
WEBSOCKETS = {route.removeprefix("WS "): scope for route, scope in NEEDS.items() if route.startswith("WS ")}


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    """The door looks at the credentials of streams more often."""
    monkeypatch.setattr(hub, "PERIOD", 0.1)
    monkeypatch.setattr(hub, "LOOKS", 1)


@pytest.fixture
async def token(users_door):
    form = {"username": "ada", "password": PASSWORDS["ada"]}
    response = await users_door.http.post("/api/auth/provider/toy/token", data=form, headers={"Authorization": ""})
    return response.json()["access_token"]


def websocket(door, query="", **headers):
    url = door.url.replace("http", "ws", 1) + f"/api/progress/ws{query}"
    return websockets.connect(url, additional_headers=headers, proxy=None, max_queue=None)


async def test_a_token_opens_a_stream_in_the_header_the_query_or_the_first_message(users_door, token):
    async with websocket(users_door, Authorization=f"Bearer {token}") as socket:
        assert json.loads(await socket.recv())["type"] == "heartbeat"
    async with websocket(users_door, f"?access_token={token}") as socket:
        assert json.loads(await socket.recv())["type"] == "heartbeat"
    async with websocket(users_door) as socket:
        await socket.send(json.dumps({"type": "auth", "access_token": token}))
        assert json.loads(await socket.recv())["type"] == "heartbeat"


async def test_the_key_that_the_communitys_client_makes_for_a_stream_may_be_deleted_at_once(users_door, token):
    async with users_door.client(headers={"Authorization": f"Bearer {token}"}) as ada:
        key = (await ada.post("/api/auth/apikey", json={"expires_in": 60})).json()
        async with websocket(users_door, Authorization=f"ApiKey {key['secret']}") as socket:
            await ada.delete("/api/auth/apikey", params={"first_eight": key["first_eight"]})
            await users_door.door.sign_in.resolver.looked()
            for _ in range(3):
                await socket.recv()


async def test_a_stream_ends_when_its_key_is_revoked(users_door, token):
    async with users_door.client(headers={"Authorization": f"Bearer {token}"}) as ada:
        key = (await ada.post("/api/auth/apikey", json={"expires_in": None})).json()
        async with websocket(users_door, Authorization=f"ApiKey {key['secret']}") as socket:
            await socket.recv()
            await ada.delete("/api/auth/apikey", params={"first_eight": key["first_eight"]})
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (4001, "The credentials are no longer valid")


async def test_a_stream_needs_its_scope(users_door, token):
    async with users_door.client(headers={"Authorization": f"Bearer {token}"}) as ada:
        key = (await ada.post("/api/auth/apikey", json={"expires_in": None, "scopes": ["read:status"]})).json()
        async with websocket(users_door, f"?api_key={key['secret']}") as socket:
            await socket.wait_closed()
            assert socket.close_code == 4001
            assert socket.close_reason.startswith("Not enough permissions. Requires scopes ['read:monitor']")


async def test_no_websocket_takes_credentials_that_do_not_count(users_door):
    refused = await credentials(users_door.door.sign_in)
    del refused["no credentials"]  # the first message may have them
    for path in WEBSOCKETS:
        for name, (authorization, detail) in refused.items():
            status, answer = await handshake(users_door, path, authorization)
            assert (status, answer[: len(detail)]) == (403, detail), (path, name)
            kind, _, secret = authorization.partition(" ")
            code, reason = await closed(users_door, path, {"ApiKey": "api_key", "Bearer": "access_token"}[kind], secret)
            assert (code, reason[: len(detail)]) == (4001, detail), (path, name)


async def test_no_websocket_takes_a_key_without_its_scope(users_door, token):
    async with users_door.client(headers={"Authorization": f"Bearer {token}"}) as ada:
        small = (await ada.post("/api/auth/apikey", json={"expires_in": None, "scopes": ["read:status"]})).json()
    for path, needed in WEBSOCKETS.items():
        status, detail = await handshake(users_door, path, f"ApiKey {small['secret']}")
        assert (status, needed in detail) == (403, True), path
        code, reason = await closed(users_door, path, "api_key", small["secret"])
        assert (code, needed in reason) == (4001, True), path


async def handshake(door, path, authorization):
    """Status and detail of the answer to a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(address(door, path), additional_headers={"Authorization": authorization}, proxy=None)
    return caught.value.response.status_code, json.loads(caught.value.response.body)["detail"]


async def closed(door, path, name, secret):
    """Code and reason with which a websocket is closed that has this in its query."""
    async with websockets.connect(f"{address(door, path)}&{name}={secret}", proxy=None) as socket:
        await socket.wait_closed()
        return socket.close_code, socket.close_reason


def address(door, path):
    """The address of a websocket, with the names that the stream of readings needs."""
    return door.url.replace("http", "ws", 1) + f"/api{path}?names=det1"
