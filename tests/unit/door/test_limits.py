"""The limits of requests, over HTTP: the service has them, so they are the same as over 0MQ."""

from bluesky_qs.api.limits import LONGEST_PLAN
from bluesky_qs.api.paths import PATHS
from tests.limits import check, each_limit


@each_limit
async def test_a_request_is_refused_beyond_its_limit_and_not_at_it(door, manager, words, request_of, limit):
    if "'user'" in words:
        return  # the door sets the user
    await manager.open()
    replies = []
    for length in (limit, limit + 1):
        method, params = request_of(length)
        path = PATHS[method]
        response = await door.http.request(path.verb, f"/api{path.path}", json=params)
        replies.append({"success": False, "msg": "", **response.json()})
        if replies[-1]["success"] and method == "lock":
            await manager.do("unlock", lock_key=params["lock_key"])
    check(words, limit, *replies)


async def test_a_body_is_refused_beyond_its_limit_and_not_at_it(new_door):
    door = await new_door(body_limit=100)
    for size, status in ((100, 200), (101, 413)):
        response = await door.http.post("/api/queue/clear", content=b"{}".ljust(size))
        assert response.status_code == status
    assert response.json()["detail"] == "The request body is larger than 100 bytes"


async def test_a_typed_plan_is_refused_beyond_its_limit_and_not_at_it(door):
    for length, status in ((LONGEST_PLAN, 200), (LONGEST_PLAN + 1, 400)):
        response = await door.http.post("/api/plan/parse", json={"text": "c" * length})
        assert response.status_code == status
        assert ("length <= 100000" in response.text) == (status != 200)


async def test_a_long_value_of_the_wrong_kind_is_shortened(door):
    response = await door.http.post("/api/queue/item/add", json={"item": {}, "pos": "f" * 1_000_000})
    assert response.json()["detail"].startswith("Position 'ffff")
    assert len(response.content) < 1000
