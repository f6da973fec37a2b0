"""The application: paths and verbs that do not exist, limits, headers, pages of other sites, and routes of our own."""

import asyncio
import socket

PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1}}


async def test_what_does_not_exist_is_404_and_another_verb_405(door):
    for path in ("/api/nothing", "/nothing", "/api/queue/item/a/b", "/apistatus"):
        response = await door.http.get(path)
        assert (response.status_code, "detail" in response.json()) == (404, True), path
    response = await door.http.post("/api/status")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


async def test_the_root_of_the_api_answers_like_ping_and_head_like_get(door):
    for path in ("/api", "/api/", "/api/ping"):
        assert "manager_state" in (await door.http.get(path)).json()
    response = await door.http.head("/api/status")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 100


async def test_a_body_beyond_the_limit_is_413(new_door):
    door = await new_door(body_limit=200)
    assert (await door.http.post("/api/queue/item/add", content=b"{" + b" " * 200)).status_code == 413

    async def parts():
        for _ in range(3):
            yield b" " * 100

    response = await door.http.post("/api/queue/item/add", content=parts())
    assert (response.status_code, "larger than 200 bytes" in response.json()["detail"]) == (413, True)
    assert (await door.http.post("/api/queue/item/add", json={"item": PLAN})).status_code == 200


async def test_a_head_beyond_the_limit_is_413_also_if_it_never_ends(new_door):
    door = await new_door(head_limit=2000)
    response = await door.http.get("/api/status", headers={"x-large": "x" * 2000})
    assert response.status_code == 413
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /api/status HTTP/1.1\r\nx-large: ")
    answer = asyncio.create_task(reader.read())
    while not answer.done():
        writer.write(b"x" * 500)
        await writer.drain()
        await asyncio.wait([answer], timeout=0.01)
    assert answer.result().startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_client_that_leaves_in_the_middle_of_its_body_does_no_harm(door):
    host, port = door.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        lines = ["POST /api/queue/clear HTTP/1.1", f"authorization: ApiKey {door.key}", "content-length: 9", "", "{"]
        connection.sendall("\r\n".join(lines).encode())
    assert "manager_state" in await door.get("/status")
    assert "queue_clear" not in [method for method, _ in door.manager.requests]


async def test_the_body_of_an_answer_does_not_wait_for_an_acknowledgment_of_its_head(door):
    (connection,) = door.server.server_state.connections
    sock = connection.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_pages_of_other_sites_may_use_the_door_only_if_it_is_configured(door, new_door):
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in (await door.http.get("/api/status", headers=headers)).headers
    other = await new_door(allow_origins=("https://example.org",))
    response = await other.http.get("/api/status", headers=headers)
    assert response.headers["access-control-allow-origin"] == "https://example.org"
    assert (await other.http.options("/api/status", headers=headers)).status_code == 200


async def test_a_door_behind_a_path_prefix_answers(new_door):
    door = await new_door(root_path="/beamline")
    assert "manager_state" in await door.get("/status")
    async with door.client() as http:
        response = await http.get("/api/status")
    assert response.headers["x-tiled-root"] == f"{door.url}/beamline/api"


async def test_an_unexpected_error_is_500_without_details(door, monkeypatch, caplog):
    async def fails(*_, **__):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(door.door.default, "ask", fails)
    response = await door.http.get("/api/status")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "a secret detail" in caplog.text


async def test_observers_hear_of_each_answer(door):
    heard = []
    door.door.observers.append(lambda route, status, seconds: heard.append((route, status, seconds > 0)))
    await door.get("/status")
    await door.http.get("/api/queue/item/some-uid")
    await door.http.post("/api/queue/autostart")
    assert heard == [("/status", 200, True), ("/queue/item/{uid}", 200, True), ("/queue/autostart", 422, True)]


# ------------------------------------------------------------------------------------------------------ our own routes
async def test_an_item_is_found_by_its_uid(door):
    item = (await door.post("/queue/item/add", item=PLAN))["item"]
    assert (await door.get(f"/queue/item/{item['item_uid']}"))["item"] == item
    assert (await door.get("/queue/item/nobody"))["success"] is False


async def test_the_test_route_sleeps_and_its_parameters_are_checked(door):
    assert (await door.ask("GET", "/test/server/sleep", json={"time": 0.01}))["success"]
    assert (await door.get("/test/server/sleep?time=0.01"))["success"]
    assert (await door.http.get("/api/test/server/sleep")).status_code == 422
    for wrong in ({"time": "x"}, {"time": -1}, {"time": 1, "speed": 2}, [1]):
        assert (await door.http.request("GET", "/api/test/server/sleep", json=wrong)).status_code == 400


async def test_the_history_is_read_by_page(door):
    await door.manager.fill(history=[{"name": "count"} for _ in range(5)])
    page = await door.get("/history/get?limit=2")
    assert page["positions"] == [3, 4]
    assert (await door.get(f"/history/get?limit=2&before={page['items'][0]['item_uid']}"))["positions"] == [1, 2]
    assert len((await door.get("/history/get"))["items"]) == 5
