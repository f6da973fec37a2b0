"""The lock key and the emergency key of a real service: only the store and the private run directory have them."""

import json
import signal

import httpx
import pytest
import zmq

from tests.conftest import PATIENCE, await_end

LOCK_KEY = "mark-of-the-lock-key"
EMERGENCY_KEY = "mark-of-the-emergency-key"
MARK = b"mark-of-the-"
DOOR_KEY = "k3yOfTheTests"


class Everything:
    """Collects what the service lets out: replies, publications, answers of the door, output of commands."""

    def __init__(self, service, door):
        self.service = service
        self.kept = []
        self.http = httpx.Client(
            base_url=f"http://{door}/api", headers={"Authorization": f"ApiKey {DOOR_KEY}"}, trust_env=False
        )
        self.context = zmq.Context()
        self.news = self.context.socket(zmq.SUB)
        self.news.rcvhwm = 0
        self.news.subscribe(b"")
        self.news.connect(service.info)

    def ask(self, method, **params):
        return self.send({"method": method, "params": params})

    def send(self, request):
        reply = self.service.raw(json.dumps(request).encode())
        self.kept.append(reply)
        return json.loads(reply)

    def over_http(self, verb, path, **options):
        response = self.http.request(verb, path, timeout=PATIENCE, **options)
        self.kept.append(response.content)
        return response.json()

    def command(self, *words):
        ran = self.service.qserver(*words)
        self.kept.append((ran.stdout + ran.stderr).encode())
        return ran

    def published(self):
        while self.news.poll(0):
            yield b"|".join(self.news.recv_multipart())

    def close(self):
        self.http.close()
        self.context.destroy(linger=0)


@pytest.fixture
def everything(new_service, free_ports):
    door = f"127.0.0.1:{free_ports(1)[0]}"
    service = new_service(
        *("--warm-worker", "OFF", "--http", door, "--verbose", "--zmq-publish-console", "ON"),
        env={
            "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": EMERGENCY_KEY,
            "QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": DOOR_KEY,
        },
    )
    (service.home / "tmp").mkdir()
    service.env["TMPDIR"] = str(service.home / "tmp")
    service.start()
    everything = Everything(service, door)
    yield everything
    everything.close()


def use_keys(everything):
    """Right and wrong requests with the keys, over 0MQ, over HTTP and from the command line."""
    key = {"lock_key": LOCK_KEY}
    assert everything.ask("lock", **key, user="me", environment=True, queue=True, note="for the night")["success"]
    assert everything.ask("lock_info", **key)["success"]
    assert everything.ask("queue_clear", **key, user="me")["success"]
    assert not everything.ask("lock_info", lock_key=f"{LOCK_KEY}x")["success"]
    assert not everything.ask("unlock", lock_key=f"{LOCK_KEY}x")["success"]
    assert not everything.ask("unlock", lock_key=[LOCK_KEY])["success"]
    assert not everything.ask("unlock", lock_key=f"{LOCK_KEY}\ud800")["success"]
    assert not everything.ask("queue_start", lock_key=EMERGENCY_KEY)["success"]
    assert not everything.ask("queue_item_add", item={"name": "no_such_plan"}, **key, user="me")["success"]
    assert not everything.send(["unlock", LOCK_KEY])["success"]
    assert not everything.send({"methd": "unlock", "params": key})["success"]
    assert everything.command("-k", LOCK_KEY, "lock", "info").returncode == 0
    assert everything.command("-k", f"{LOCK_KEY}x", "queue", "clear").returncode != 0
    assert everything.command("-k", EMERGENCY_KEY, "environment", "open").returncode != 0

    assert everything.over_http("POST", "/queue/clear", json=key)["success"]
    assert not everything.over_http("POST", "/queue/clear", json={"lock_key": EMERGENCY_KEY})["success"]
    everything.over_http("POST", "/unlock", json={"lock_key": [LOCK_KEY]})
    everything.over_http("POST", "/unlock", json=[LOCK_KEY])
    everything.over_http("POST", f"/unlock?lock_key={LOCK_KEY}x")
    everything.over_http("POST", "/unlock", content=f'{{"lock_key": "{LOCK_KEY}\\ud800"}}'.encode())
    everything.over_http("POST", "/unlock", content=f'{{"lock_key": "{LOCK_KEY}"'.encode())
    assert everything.over_http("POST", "/unlock", json={"lock_key": EMERGENCY_KEY})["success"]
    assert everything.over_http("POST", "/lock", json={**key, "queue": True})["success"]


def look_around(everything):
    """What clients can read about the service."""
    for method in ("status", "config_get", "events_get", "environment_report", "history_get", "lock_info"):
        assert everything.ask(method).get("success", True)
    assert everything.command("config").returncode == 0
    everything.command("doctor")
    everything.over_http("GET", "/config/get")
    everything.over_http("GET", "/events/get")
    everything.over_http("GET", "/console_output")


def test_the_lock_key_is_nowhere_but_in_the_private_files(everything):
    service = everything.service
    use_keys(everything)
    service.do("environment_open", lock_key=LOCK_KEY)
    service.wait_idle()
    look_around(everything)
    environments = (p.environ() for p in [service.find("bluesky_qs.worker")])
    assert not any(MARK in repr(environment).encode() for environment in environments)
    for module, signal_ in (("worker", signal.SIGABRT), ("manager", signal.SIGABRT), ("door", signal.SIGABRT)):
        process = service.find(f"bluesky_qs.{module}")
        process.send_signal(signal_)
        await_end([process.pid])
        service.wait_idle()
    look_around(everything)
    assert everything.ask("unlock", lock_key=LOCK_KEY)["success"]
    everything.kept += everything.published()
    assert sum(map(len, everything.kept)) > 10_000
    assert [each for each in everything.kept if MARK in each] == []
    assert service.stop() == 0
    output = service.output()
    assert "queue_clear" in output, "the door's audit log"
    assert MARK.decode() not in output


def test_the_files_with_the_keys_can_only_be_read_by_the_user_of_the_service(everything):
    service = everything.service
    use_keys(everything)
    with_key = {}
    for path in service.home.rglob("*"):
        if path.is_file() and MARK in path.read_bytes():
            with_key[path.name] = oct(path.stat().st_mode & 0o777)
    assert "settings.json" in with_key
    assert set(with_key) <= {"queue.sqlite3", "queue.sqlite3-wal", "settings.json"}
    assert set(with_key.values()) == {"0o600"}
