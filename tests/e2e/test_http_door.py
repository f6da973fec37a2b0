"""A service with ``--http``: the door beside the manager, what survives whose death, and encryption."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import zmq
from websockets.sync.client import connect

from tests.conftest import PATIENCE, await_end

KEY = "k3yOfTheTests"
_VARIABLES = {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": KEY}


@pytest.fixture
def start(new_service, free_ports):
    """Starts a service with a door; the service, and a client of the door."""
    clients = []

    def start(*args, env=None, **options):
        address = f"127.0.0.1:{free_ports(1)[0]}"
        service = new_service(
            "--warm-worker", "OFF", "--http", address, *args, env={**_VARIABLES, **(env or {})}, **options
        ).start()
        headers = {"Authorization": f"ApiKey {KEY}"}
        http = httpx.Client(base_url=f"http://{address}/api", headers=headers, timeout=PATIENCE, trust_env=False)
        clients.append(http)
        return service, http

    yield start
    for http in clients:
        http.close()


def test_the_door_answers_and_is_replaced_and_a_running_plan_notices_nothing(start):
    service, http = start()
    service.open()
    service.add("count", ["det1"], num=4, delay=0.5)
    assert http.post("/queue/start").json()["success"]
    service.wait(lambda status: status["manager_state"] == "executing_queue", "the plan runs")
    door = service.find("bluesky_qs.door")
    door.kill()
    await_end([door.pid])
    assert httpx.get(f"{http.base_url}ping", headers=http.headers, timeout=PATIENCE, trust_env=False).status_code == 200
    service.wait_idle()
    (item,) = service.history()
    assert item["result"]["exit_status"] == "completed"
    assert service.stop() == 0
    assert "The HTTP door ended unexpectedly (killed by SIGKILL). Restarting ..." in service.output()


def test_killed_manager_is_a_503_until_the_next_one_answers(start):
    service, http = start()
    assert http.get("/ping").status_code == 200
    manager = service.find("bluesky_qs.manager")
    door = service.find("bluesky_qs.door")
    manager.kill()
    await_end([manager.pid])
    service.wait_idle()
    response = http.get("/ping")
    while response.status_code == 503:
        assert response.headers["retry-after"]
        assert response.json()["detail"].startswith("The RE Manager is down. It restarts within")
        response = http.get("/ping")
    assert response.status_code == 200
    assert service.find("bluesky_qs.door").pid == door.pid


def test_events_go_on_without_a_gap_when_the_manager_is_killed_and_end_when_the_service_stops(start):
    service, http = start()
    address = str(http.base_url).replace("http", "ws", 1) + "events/ws"
    with connect(address, additional_headers={"Authorization": f"ApiKey {KEY}"}, proxy=None) as socket:
        assert http.post("/queue/mode/set", json={"mode": {"loop": True}}).json()["success"]
        manager = service.find("bluesky_qs.manager")
        manager.kill()
        await_end([manager.pid])
        service.wait_idle()
        service.do("queue_mode_set", mode={"loop": False})
        messages = []
        while not messages or messages[-1].get("mode", {}).get("loop") is not False:
            messages.append(json.loads(socket.recv(PATIENCE)))
        assert service.stop() == 0
        messages += [json.loads(text) for text in socket]
    events = [message for message in messages if message["type"] != "heartbeat"]
    numbers = [event["seq"] for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [event["mode"]["loop"] for event in events if event["type"] == "mode_changed"] == [True, False]
    assert socket.close_code == 1001


def test_the_reply_to_a_stop_of_the_service_arrives_before_the_door_ends(start):
    service, http = start()
    assert http.post("/manager/stop").json() == {"success": True, "msg": ""}
    assert service.process.wait(PATIENCE) == 0
    assert "killed" not in service.output()


def test_each_write_with_a_key_is_done_once_whoever_is_killed_meanwhile(start):
    service, http = start()
    stop = {"item_type": "instruction", "name": "queue_stop"}

    def add(number):
        while True:  # what a client does: with the same key, until there is an answer
            try:
                key = {"Idempotency-Key": f"add-{number}", "Connection": "close"}
                response = http.post("/queue/item/add", json={"item": stop}, headers=key)
            except httpx.TransportError:
                continue
            if response.status_code not in (408, 503):
                return response

    with ThreadPoolExecutor(4) as threads:
        adding = []
        for number in range(40):
            adding.append(threads.submit(add, number))
            if number in (8, 16, 24, 32):
                service.find("bluesky_qs.door" if number % 16 else "bluesky_qs.manager").kill()
                adding[-1].result()
        responses = [future.result() for future in adding]
    assert [response.json()["msg"] for response in responses] == [""] * 40
    uids = [response.json()["item"]["item_uid"] for response in responses]
    assert sorted(item["item_uid"] for item in service.queue()) == sorted(uids)
    assert [add(number).content for number in range(40)] == [response.content for response in responses]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_the_door_of_an_encrypted_service_needs_no_key(start, encoding):
    public, private = (key.decode() for key in zmq.curve_keypair())
    _, http = start(
        "--zmq-encoding", encoding, env={"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": private}, server_key=public,
        encoding=encoding,
    )  # fmt: skip
    assert http.get("/status").json()["manager_state"] == "idle"


def test_a_service_with_a_mistake_in_the_configuration_of_its_door_does_not_start(new_service):
    service = new_service()
    file = service.home / "http.yml"
    file.write_text("""
authentication: {providers: [{provider: local, authenticator: flie}]}
access: {rules: [{user: ada, roles: expert}]}
""")
    service.args = ("--http", "--http-config", str(file))
    assert service.spawn().wait(PATIENCE) == 78
    assert "the authenticator 'flie' is not supported (did you mean 'file'?)" in service.output()


def test_a_service_beyond_this_computer_without_a_sign_in_does_not_start(new_service):
    service = new_service("--http", "*:0")
    assert service.spawn().wait(PATIENCE) == 78
    assert "Error: With *:0, other computers can reach the HTTP door" in service.output()
