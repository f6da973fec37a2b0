"""How a door is served: its streams end first, forwarded headers, the path prefix, signs of life."""

import asyncio
import os
import signal
import socket

import httpx
import pytest
import websockets
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from bluesky_qs.door.door import Door
from bluesky_qs.door.serve import server_of
from bluesky_qs.door.settings import DoorSettings, ServiceSettings, SingleUser
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.settings import SignInSettings
from bluesky_qs.ipc.hangup import early_hangup_handled

SERVICE = ServiceSettings(control_addr="ipc:///nonexistent/c", info_addr="ipc:///nonexistent/f")


@pytest.fixture
async def serve(tmp_path):
    """Serves a door with one more route: ``await serve(answer, beat=…, **settings)`` gives the server and its address.

    ``answer`` gets the `Door` and the request or websocket.
    """
    running = []

    async def start(answer, *, kind=Route, path="/{path:path}", beat=None, **settings):
        sign_in = SignInSettings(database=tmp_path / f"sign-in-{len(running)}.sqlite3")
        user = SingleUser(key="k")
        door = Door(DoorSettings(services=(SERVICE,), single_user=user, sign_in=sign_in, **settings), Accounts)

        async def handle(connection):
            return await answer(door, connection)

        listening = socket.create_server(("127.0.0.1", 0))
        url = f"127.0.0.1:{listening.getsockname()[1]}"
        server = server_of(door, [kind(path, handle)])
        server.beat = beat
        server.task = asyncio.create_task(server.serve([listening]))
        running.append(server)
        return server, url

    yield start
    for server in running:
        server.should_exit = True
        await server.task


async def about_the_request(door, request):
    """Answers with what it was asked."""
    return JSONResponse({"client": request.client.host, "scheme": request.url.scheme, "path": request.scope["path"]})


async def get(url, **headers):
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        return (await http.get(f"http://{url}", headers=headers)).json()


async def test_websockets_are_closed_with_1001_when_the_door_stops(serve):
    async def stream(door, websocket):
        await websocket.accept()
        await door.closing.wait()
        await websocket.close(1001)

    server, url = await serve(stream, kind=WebSocketRoute)
    async with websockets.connect(f"ws://{url}/", proxy=None) as one, websockets.connect(f"ws://{url}/", proxy=None):
        server.should_exit = True
        await one.wait_closed()
        assert one.close_code == 1001
        await asyncio.wait_for(server.task, 60)


async def test_websocket_that_does_not_end_does_not_keep_the_door_from_stopping(serve):
    async def stream(door, websocket):
        await websocket.accept()
        await asyncio.Event().wait()

    server, url = await serve(stream, kind=WebSocketRoute)
    async with websockets.connect(f"ws://{url}/", proxy=None) as one:
        server.should_exit = True
        await asyncio.wait_for(server.task, 60)
        await one.wait_closed()
        assert one.close_code == 1012


async def test_a_request_that_is_being_answered_gets_its_answer_when_the_door_stops(serve):
    begun = asyncio.Event()

    async def slow(door, request):
        begun.set()
        await door.closing.wait()
        return JSONResponse("done")

    server, url = await serve(slow)
    answer = asyncio.create_task(get(f"{url}/x"))
    await begun.wait()
    server.should_exit = True
    assert await answer == "done"


async def test_requests_that_are_not_answered_when_the_door_has_stopped_lose_their_connection_without_a_traceback(
    serve, monkeypatch, caplog
):
    monkeypatch.setattr("bluesky_qs.door.serve._LAST_REQUESTS", 0.0)
    begun = asyncio.Queue()

    async def never():
        yield b"half"
        begun.put_nowait("answer")
        await asyncio.Event().wait()

    async def answer(door, request):
        if request.url.path == "/half":
            return StreamingResponse(never(), headers={"content-length": "8"})
        begun.put_nowait("request")
        return await asyncio.Event().wait()

    server, url = await serve(answer)
    asked = [asyncio.create_task(get(f"{url}{path}")) for path in ("/nothing", "/half")]
    assert sorted([await begun.get(), await begun.get()]) == ["answer", "request"]
    server.should_exit = True
    await server.task
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) for error in errors] == [True, True]
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == [
        "Stopped before 2 requests were answered; closed their connections"
    ]


async def test_a_websocket_that_is_not_accepted_when_the_door_has_stopped_leaves_no_traceback(
    serve, monkeypatch, caplog
):
    monkeypatch.setattr("bluesky_qs.door.serve._CLOSING_TIME", 0.0)
    monkeypatch.setattr("bluesky_qs.door.serve._LAST_REQUESTS", 0.0)
    begun = asyncio.Event()

    async def stream(door, websocket):
        begun.set()
        await asyncio.Event().wait()

    server, url = await serve(stream, kind=WebSocketRoute)
    connecting = asyncio.create_task(anext(aiter(websockets.connect(f"ws://{url}/", proxy=None))))
    await begun.wait()
    server.should_exit = True
    await server.task
    connecting.cancel()
    assert "Traceback" not in caplog.text


async def test_a_hangup_while_the_door_starts_is_a_reload_when_it_serves(serve):
    reloaded = asyncio.Event()

    async def reload():
        reloaded.set()

    with early_hangup_handled():
        signal.raise_signal(signal.SIGHUP)
        server, _ = await serve(about_the_request)
        server.reload = reload
        await reloaded.wait()
        server.should_exit = True
        await server.task


async def test_forwarded_headers_count_only_behind_a_proxy_that_is_trusted(serve):
    forwarded = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    _, direct = await serve(about_the_request)
    _, behind = await serve(about_the_request, behind_proxy=True)
    _, other = await serve(about_the_request, behind_proxy=True, proxies=("192.0.2.1",))
    assert await get(f"{direct}/x", **forwarded) == {"client": "127.0.0.1", "scheme": "http", "path": "/x"}
    assert await get(f"{behind}/x", **forwarded) == {"client": "203.0.113.5", "scheme": "https", "path": "/x"}
    assert await get(f"{other}/x", **forwarded) == {"client": "127.0.0.1", "scheme": "http", "path": "/x"}


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/a/other/x", "/a/other/x"),
        ("/other/x", "/a/other/x"),
        ("/ab/x", "/a/ab/x"),
    ],
)
async def test_the_proxy_may_remove_the_path_prefix_or_not(serve, path, seen):
    _, url = await serve(about_the_request, root_path="/a")
    assert (await get(url + path))["path"] == seen


async def test_the_event_loop_gives_signs_of_life_while_it_runs(serve):
    reader, writer = os.pipe()
    server, _ = await serve(about_the_request, beat=writer)
    try:
        assert await asyncio.to_thread(os.read, reader, 1) == b"."
        server.should_exit = True
        await server.task
    finally:
        os.close(reader)
        os.close(writer)
