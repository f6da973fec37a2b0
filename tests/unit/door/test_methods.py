"""The routes that the contract gives: what goes to the service, and what comes back."""

from bluesky_qs.api import METHODS
from bluesky_qs.api.paths import PATHS

PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1}}


async def test_the_status_comes_from_the_service(door):
    assert (await door.get("/status"))["manager_state"] == "idle"


async def test_a_plan_is_added_by_the_signed_in_user(door):
    reply = await door.post("/queue/item/add", item=PLAN, user="somebody else", user_group="root")
    assert reply["success"], reply
    assert (reply["item"]["user"], reply["item"]["user_group"]) == ("UNAUTHENTICATED_SINGLE_USER", "primary")
    assert [item["item_uid"] for item in (await door.get("/queue/get"))["items"]] == [reply["item"]["item_uid"]]


async def test_every_method_has_a_route(door):
    for name, path in PATHS.items():
        door.manager.answers[name] = {"success": True, "msg": "", "items": []}
        response = await door.http.request(path.verb, f"/api{path.path}", json={})
        assert response.status_code == 200, response.text
    assert {method for method, _ in door.manager.requests} == METHODS.keys()
