"""Streams of users: they outlive what has opened them, and end with what that stands for."""

import json

import pytest
import websockets

from bluesky_qs.door.streams import hub

from .conftest import PASSWORDS


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
