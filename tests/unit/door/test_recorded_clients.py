"""What finch and the Phoebus application send to an HTTP server: the same requests to our door, in their order.

The requests are those that the description of our door lists for both: finch is a page in a browser and sends no body
where there are no parameters; Phoebus is a Java program that also sends none with GET, except for the console.
"""

import contextlib
import json

import httpx
import pytest
from websockets.sync.client import connect

KEY = {"Authorization": "ApiKey k3yOfTheTests"}
PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 2}}
GUI = {"user": "GUI Client", "user_group": "primary"}


@pytest.fixture
def browser(http_door, qs_manager):
    """Sends a request as a client does; the answer must be a success."""
    qs_manager.open()
    with httpx.Client(base_url=http_door.url, headers=KEY, trust_env=False, timeout=30) as client:

        def send(verb, path, body=None, **options):
            sent = {} if body is None else {"json": body}
            response = client.request(verb, f"/api{path}", **sent, **options)
            assert response.status_code == 200, (verb, path, response.text)
            reply = response.json()
            assert reply.get("success", True), (verb, path, reply)
            return reply

        yield send


@pytest.fixture
def stream(http_door):
    """Opens a websocket as a client does."""
    with contextlib.ExitStack() as opened:
        address = f"ws{http_door.url[4:]}/api"
        yield lambda path, **options: opened.enter_context(connect(f"{address}{path}", proxy=None, **options))


#: Without parameters, and without a body.
READS = ["/status", "/queue/get", "/history/get", "/plans/allowed", "/devices/allowed", "/re/runs/active"]
CONTROLS = ["/queue/stop", "/queue/stop/cancel"]


def test_phoebus_edits_and_runs_a_queue(browser, qs_manager):
    for path in ["/", "/ping", *READS, "/plans/existing", "/devices/existing", "/config/get", "/permissions/get"]:
        browser("GET", path)
    first = browser("POST", "/queue/item/add", {"item": PLAN, **GUI})["item"]
    second = browser("POST", "/queue/item/add", {"item": PLAN, **GUI, "after_uid": first["item_uid"]})["item"]
    changed = {**second, "kwargs": {"num": 3}}
    second = browser("POST", "/queue/item/update", {"item": changed, **GUI, "replace": True})["item"]
    assert second["kwargs"] == {"num": 3}
    browser("POST", "/queue/item/move", {"uid": second["item_uid"], "before_uid": first["item_uid"]})
    browser("POST", "/queue/item/move/batch", {"uids": [first["item_uid"]], "pos_dest": "front"})
    browser("POST", "/queue/item/add/batch", {"items": [PLAN, PLAN], **GUI, "pos": "back"})
    uids = [item["item_uid"] for item in browser("GET", "/queue/get")["items"]]
    assert uids[:2] == [first["item_uid"], second["item_uid"]]
    browser("POST", "/queue/item/remove/batch", {"uids": uids[1:]})
    browser("POST", "/queue/mode/set", {"mode": {"loop": False}})
    browser("POST", "/queue/autostart", {"enable": False})
    browser("POST", "/queue/start")
    qs_manager.wait_idle()
    assert browser("GET", "/history/get")["items"][-1]["result"]["exit_status"] == "completed"
    browser("POST", "/history/clear")


def test_phoebus_reads_the_console_by_polling_and_as_a_stream(browser, stream, qs_manager):
    qs_manager.say("one\n")
    uid = browser("GET", "/console_output/uid")["console_output_uid"]
    assert "success" in browser("GET", "/console_output", params={"nlines": "100"})
    update = browser("GET", "/console_output_update", {"last_msg_uid": uid})
    assert update["console_output_msgs"] == []
    everything = browser("GET", "/console_output_update", {"last_msg_uid": "ALL"})
    assert [message["msg"] for message in everything["console_output_msgs"]][-1:] == ["one\n"]
    console = stream("/console_output/ws", additional_headers=KEY)
    qs_manager.say("two\n")
    assert json.loads(console.recv(timeout=30)).keys() == {"time", "msg"}


def test_phoebus_follows_the_status(browser, stream):
    status = stream("/status/ws", additional_headers=KEY)
    message = json.loads(status.recv(timeout=30))
    assert message.keys() == {"time", "msg"}
    assert message["msg"]["status"]["manager_state"] == "idle"


def test_finch_opens_pauses_and_closes_without_bodies(browser, qs_manager):
    for path in READS:
        browser("GET", path)
    browser("POST", "/environment/update")
    qs_manager.wait_idle()
    browser("POST", "/queue/item/execute", {"item": PLAN})
    qs_manager.wait_idle()
    browser("POST", "/queue/item/add", {"item": PLAN, "pos": "front"})
    uid = browser("GET", "/queue/get")["items"][0]["item_uid"]
    browser("GET", "/queue/item/get", {"uid": uid})
    browser("POST", "/queue/item/remove", {"uid": uid})
    browser("POST", "/queue/clear")
    browser("POST", "/re/runs", {"option": "active"})
    browser("POST", "/environment/close")
    qs_manager.wait_idle()
    browser("POST", "/environment/open")
    qs_manager.wait_idle()


@pytest.mark.parametrize("path", ["/console_output/ws", "/status/ws", "/info/ws"])
def test_finch_signs_a_websocket_with_its_query_or_first_message(stream, qs_manager, path):
    for websocket in (stream(f"{path}?api_key=k3yOfTheTests"), stream(path)):
        if "api_key" not in websocket.request.path:
            websocket.send(json.dumps({"type": "auth", "api_key": "k3yOfTheTests"}))
        assert "msg" in json.loads(first_message(websocket, qs_manager))


def first_message(websocket, manager):
    """The first message that reaches a reader; nothing says when its first message has signed it in."""
    for _ in range(100):
        manager.say("something\n")
        with contextlib.suppress(TimeoutError):
            return websocket.recv(timeout=0.3)
    pytest.fail("the websocket gets no message")


def test_a_refusal_of_the_service_is_an_answer_and_not_a_status(http_door):
    answer = httpx.post(f"{http_door.url}/api/queue/start", headers=KEY, trust_env=False)
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert answer.json()["msg"]
