"""The routes that the contract gives: what goes to the service, and what comes back."""

import json
import logging
import math

import pytest

from bluesky_qs.api import METHODS
from bluesky_qs.api.paths import ALIASES, PATHS
from bluesky_qs.door import simplified
from bluesky_qs.door.methods import sets_user

PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1}}
ACCEPTED = {"success": True, "msg": ""}
USER = "UNAUTHENTICATED_SINGLE_USER"


@pytest.fixture
def asked(door):
    """The parameters of the latest request to the service. It accepts every request, and does nothing."""
    door.manager.answers.update(dict.fromkeys(METHODS.keys() - {"status", "ping", "permissions_get"}, ACCEPTED))
    return lambda method: [params for name, params in door.manager.requests if name == method][-1]


async def test_the_status_comes_from_the_service(door):
    assert (await door.get("/status"))["manager_state"] == "idle"


async def test_a_plan_is_added_by_the_signed_in_user(door):
    reply = await door.post("/queue/item/add", item=PLAN, user="somebody else", user_group="root")
    assert reply["success"], reply
    assert (reply["item"]["user"], reply["item"]["user_group"]) == (USER, "primary")
    assert [item["item_uid"] for item in (await door.get("/queue/get"))["items"]] == [reply["item"]["item_uid"]]


async def test_every_method_and_alias_has_a_route(door):
    for name, path in PATHS.items():
        door.manager.answers[name] = {"success": True, "msg": "", "items": []}
        response = await door.http.request(path.verb, f"/api{path.path}", json={})
        assert response.status_code == 200, response.text
    assert {method for method, _ in door.manager.requests} == METHODS.keys()
    for alias in ALIASES:
        assert (await door.http.request(alias.verb, f"/api{alias.path}")).status_code == 200
    assert [params for name, params in door.manager.requests if name == "re_runs"][1:] == [
        {"option": "active"},
        {"option": "open"},
        {"option": "closed"},
    ]


async def test_parameters_in_the_query_have_the_types_of_the_contract(door, asked):
    await door.get("/queue/item/get?pos=-1")
    assert asked("queue_item_get") == {"pos": -1}
    await door.get("/queue/item/get?pos=front")
    assert asked("queue_item_get") == {"pos": "front"}
    await door.get("/queue/item/get?uid=12345")
    assert asked("queue_item_get") == {"uid": "12345"}
    await door.get("/item/status?item_uid=a&item_uid=b")
    assert asked("item_status") == {"item_uid": ["a", "b"]}
    await door.get('/history/get?limit=5&since=1.5&user=jane&metadata={"sample":"S*"}')
    assert asked("history_get") == {"limit": 5, "since": 1.5, "user": "jane", "metadata": {"sample": "S*"}}
    await door.http.post("/api/queue/item/remove/batch?uids=a&ignore_missing=False")
    assert asked("queue_item_remove_batch") == {"uids": ["a"], "ignore_missing": False, "user": USER}


async def test_a_body_counts_also_with_get_and_null_is_no_body(door, asked):
    await door.ask("GET", "/item/status", json={"item_uid": "a"})
    assert asked("item_status") == {"item_uid": "a"}
    await door.ask("GET", "/queue/get", content=b"null")
    assert asked("queue_get") == {}


async def test_large_values_are_passed_on_as_they_are(door, asked):
    items = [{**PLAN, "kwargs": {"x": [1.0, {"a": None}], "note": "ü😀"}}]
    await door.post("/queue/item/add/batch", items=items)
    assert asked("queue_item_add_batch") == {"items": items, "user": USER, "user_group": "primary"}


async def test_what_only_python_s_json_accepts_goes_through_too(door, asked):
    await door.ask("POST", "/queue/item/add", content=b'{"item": {"name": "count", "kwargs": {"x": Infinity}}}')
    assert asked("queue_item_add")["item"]["kwargs"] == {"x": float("inf")}


WRONG = [
    ("/queue/item/add", b"[1]", "must be a JSON object"),
    ("/queue/item/add", b"{", "not JSON"),
    ("/queue/item/add", b'{"item": "\xff"}', "not JSON"),
    ("/queue/item/add", b'{"itme": {}}', "unsupported parameters: 'itme'"),
    ("/queue/item/add", b'{"item": []}', "Parameter 'item' of 'queue_item_add' has an unsupported value"),
    ("/queue/item/add", b'{"item": {}, "pos": "top"}', "Position 'top' is not supported"),
    ("/queue/item/add/batch", b'{"items": {}}', "Parameter 'items' of 'queue_item_add_batch'"),
    ("/queue/autostart", b'{"enable": 1}', "Parameter 'enable'"),
    ("/queue/start?speed=2", b"", "unsupported parameters: 'speed'"),
    ("/queue/item/remove?pos=x", b"", "Position 'x' is not supported"),
    ("/queue/item/add", b'{"item": {}, "client_name": 7}', "client_name"),
    ("/queue/item/add", b'{"item": {}, "client_name": "a\\nb"}', "client_name must be printable"),
]


async def test_wrong_parameters_are_400(door):
    for path, body, detail in WRONG:
        response = await door.http.post(f"/api{path}", content=body)
        assert response.status_code == 400, body
        assert detail in response.json()["detail"]


async def test_a_missing_body_is_422_where_one_is_required_and_else_up_to_the_service(door):
    for path in PATHS.values():
        if path.body_required:
            response = await door.http.request(path.verb, f"/api{path.path}")
            assert response.status_code == 422, path
            assert "needs a JSON object" in response.json()["detail"]
    response = await door.http.post("/api/queue/mode/set")
    assert response.json()["detail"] == (
        "The request needs a JSON object with these parameters: mode. Optional: request_id, lock_key"
    )
    response = await door.http.post("/api/queue/item/remove")
    assert response.json()["detail"].startswith("The request needs a JSON object. Its parameters are all optional: ")
    reply = await door.ask("POST", "/queue/item/add")
    assert (reply["success"], reply["msg"].endswith("request contains no item info")) == (False, True)


async def test_a_refusal_by_the_service_is_200(door):
    reply = await door.post("/queue/item/remove", uid="nobody")
    assert reply["success"] is False
    assert reply["error"] == "NotFound"


async def test_an_edit_of_an_item_that_has_changed_is_409_with_the_same_body(door):
    item = (await door.post("/queue/item/add", item=PLAN))["item"]
    changed = {**item, "kwargs": {"num": 3}}
    assert (await door.post("/queue/item/update", item=changed))["success"]
    response = await door.http.post("/api/queue/item/update", json={"item": changed, "expected": item})
    assert response.status_code == 409
    assert response.json()["error"] == "ItemChanged"
    assert response.json()["item"]["kwargs"] == {"num": 3}


@pytest.fixture
def only_extensions(door, monkeypatch):
    """From now on the service behind the door has these extensions, whatever the next status of the manager says."""

    def change(*extensions):
        door.door.default.published({"extensions": extensions})
        monkeypatch.setattr(door.door.default, "published", lambda status=None: None)

    return change


async def test_user_and_group_are_those_of_the_sign_in_wherever_a_method_has_them(door, asked):
    for name, method in METHODS.items():
        if not sets_user(method):
            continue
        path = PATHS[name]
        sent = {"user": "eve", "user_group": "root"}
        await door.ask(path.verb, path.path, json={key: sent[key] for key in sent if key in method.parameters})
        sent = asked(name)
        assert sent.get("user", USER) == USER
        assert sent.get("user_group", "primary") == "primary"
        assert ("user" in sent) == ("user" in method.parameters)
    assert not sets_user(METHODS["history_get"])


async def test_a_service_that_does_not_know_the_user_of_a_request_gets_none(door, asked, only_extensions):
    only_extensions()
    await door.post("/queue/clear", user="eve")
    assert asked("queue_clear") == {}
    await door.post("/queue/item/add", item=PLAN)
    assert asked("queue_item_add")["user"] == USER


async def test_a_client_with_the_shared_key_may_say_who_it_is(door):
    reply = await door.post("/queue/item/add", item=PLAN, client_name="Jane at the desk")
    assert reply["item"]["user"] == f"{USER} (Jane at the desk)"


async def test_each_write_has_an_audit_line_without_secrets(door, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    item = (await door.post("/queue/item/add", item=PLAN, client_name="desk"))["item"]
    await door.post("/lock", lock_key="open sesame", queue=True)
    await door.post("/queue/clear", lock_key="wrong sesame")
    await door.get("/queue/get")
    lines = [json.loads(record.message) for record in caplog.records if record.name == "bluesky_qs.door.audit"]
    assert [(line["method"], line["result"]) for line in lines] == [
        ("queue_item_add", "accepted"),
        ("lock", "accepted"),
        ("queue_clear", "refused"),
    ]
    assert lines[0]["items"] == [item["item_uid"]]
    assert (lines[0]["user"], lines[0]["shown"], lines[0]["from"]) == (USER, f"{USER} (desk)", "127.0.0.1")
    assert (lines[2]["user"], "shown" in lines[2]) == (USER, False)
    assert "sesame" not in caplog.text
    assert door.key not in caplog.text


async def test_a_batch_has_one_audit_line_with_some_of_its_items(door, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.door.audit")
    items = (await door.post("/queue/item/add/batch", items=[PLAN] * 12))["items"]
    (line,) = [json.loads(record.message) for record in caplog.records if record.name == "bluesky_qs.door.audit"]
    assert line["items"] == [item["item_uid"] for item in items[:10]]
    assert line["count"] == 12


async def test_a_write_with_the_same_key_is_done_once_for_each_user(door):
    headers = {"Idempotency-Key": "abc"}
    first = await door.ask("POST", "/queue/item/add", json={"item": PLAN}, headers=headers)
    assert await door.ask("POST", "/queue/item/add", json={"item": PLAN}, headers=headers) == first
    assert await door.post("/queue/item/add", item=PLAN, request_id="abc") == first
    assert len((await door.get("/queue/get"))["items"]) == 1
    sent = [params["request_id"] for name, params in door.manager.requests if name == "queue_item_add"]
    assert sent == [f"{USER}:abc"] * 3


async def test_the_same_key_with_another_request_is_422(door):
    headers = {"Idempotency-Key": "abc"}
    await door.ask("POST", "/queue/item/add", json={"item": PLAN}, headers=headers)
    response = await door.http.post("/api/queue/clear", headers=headers)
    assert response.status_code == 422
    assert response.json()["error"] == "RequestIdReused"
    assert "was used for another request" in response.json()["detail"]


async def test_a_key_is_not_sent_to_a_service_that_does_not_know_it_and_must_be_short_text(
    door, asked, only_extensions
):
    for wrong in ("x" * 129, "", "ümlaut"):
        response = await door.http.post("/api/queue/clear", headers={"Idempotency-Key": wrong.encode("latin-1")})
        assert response.status_code == 400
    only_extensions("user")
    await door.http.post("/api/queue/clear", headers={"Idempotency-Key": "abc"})
    assert asked("queue_clear") == {"user": USER}


async def test_every_answer_says_how_long_it_took(door):
    for path in ("/api/status", "/api/nothing", "/nothing"):
        assert "dur=" in (await door.http.get(path)).headers["server-timing"]


async def test_descriptions_can_be_had_in_short(door):
    await door.manager.open()
    whole, short = await door.get("/plans/allowed"), await door.get("/plans/allowed?reduced=true")
    assert whole["plans_allowed"].keys() == short["plans_allowed"].keys()
    assert whole["plans_allowed_uid"] == short["plans_allowed_uid"]
    assert short["plans_allowed"]["count"]["name"] == "count"
    assert (await door.ask("GET", "/plans/allowed", json={"reduced": True})) == short
    devices = (await door.get("/devices/existing?reduced=true"))["devices_existing"]
    assert devices
    assert not any("components" in device for device in devices.values())


def test_a_parameter_in_short_has_a_plain_type_and_its_choices():
    described = {
        "name": "num",
        "kind": {"name": "KEYWORD_ONLY", "value": 3},
        "description": "How many.",
        "annotation": {"type": "typing.List[int]"},
        "default": "[1, 2]",
        "min": "1",
        "max": "10.5",
    }
    assert simplified.parameter(described) == {
        "name": "num",
        "kind": {"name": "KEYWORD_ONLY", "value": 3},
        "description": "How many.",
        "type": "int",
        "is_list": True,
        "default": [1, 2],
        "min": 1,
        "max": 10.5,
        "is_optional": True,
    }
    devices = {"name": "det", "kind": {}, "annotation": {"type": "Detector", "devices": {"Detector": ["det1", "det2"]}}}
    assert simplified.parameter(devices) == {
        "name": "det",
        "kind": {},
        "type": "str",
        "enum": ["det1", "det2"],
        "is_list": False,
        "is_optional": False,
    }
    assert simplified.parameter({"name": "x", "default": "numpy.pi"}) == {"name": "x", "is_optional": False}


# ---------------------------------------------------------------------------------------------------- NaN in a reply
NAN_PLAN = b'{"item": {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1, "delay": NaN}}}'


def standard(text):
    """The values of JSON as a browser reads it."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


async def test_a_number_that_is_not_defined_is_null_so_that_browsers_can_read_the_reply(door):
    added = await door.http.post("/api/queue/item/add", content=NAN_PLAN)
    assert standard(added.text)["item"]["kwargs"] == {"num": 1, "delay": None}
    uid = standard(added.text)["item"]["item_uid"]
    for path in ("/queue/get", "/queue/item/get?pos=0", f"/queue/item/{uid}"):
        reply = standard((await door.http.get(f"/api{path}")).text)
        (item,) = reply.get("items") or [reply["item"]]
        assert item["kwargs"]["delay"] is None


async def test_who_can_read_nan_gets_it(door):
    headers = {"Accept": "application/json; nan=1"}
    added = await door.http.post("/api/queue/item/add", content=NAN_PLAN, headers=headers)
    assert math.isnan(added.json()["item"]["kwargs"]["delay"])
    assert added.headers["content-type"] == "application/json"


async def test_a_number_that_is_too_large_is_no_default_of_a_short_description(door):
    huge = {"name": "delay", "default": "1e999"}
    plan = {"name": "count", "parameters": [huge]}
    door.manager.answers["plans_allowed"] = {**ACCEPTED, "plans_allowed": {"count": plan}, "plans_allowed_uid": "u"}
    reply = standard((await door.http.get("/api/plans/allowed?reduced=true")).text)
    assert reply["plans_allowed"]["count"]["parameters"] == [{"name": "delay", "is_optional": False}]
