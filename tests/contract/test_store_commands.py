"""The commands on a store that no service serves: clearing the lock, copying to another store."""

import json
import os
import subprocess
import sys

import pytest

from bluesky_qs.plan_queue.changes import SetFact, Snapshot
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.redis import RedisStore
from bluesky_qs.store.sqlite import SQLiteStore

LOCK = {
    "environment": True,
    "queue": False,
    "lock_key": "key-to-forget",
    "note": None,
    "user": "the user",
    "time": 1658765020.0,
    "uid": "5a992925-3c86-420f-b338-576eeb8778d3",
}


def run(command, *args, code=0, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QSERVER")}
    done = subprocess.run(
        [sys.executable, "-m", "bluesky_qs", command, *map(str, args)],
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


class File:
    def __init__(self, path):
        self.path = path
        self.options = ("--store", path)
        self.name = str(path)

    def store(self):
        return SQLiteStore(self.path)


class Redis:
    def __init__(self, server):
        self.options = ("--redis-addr", server.address)
        self.name = server.address

    def store(self):
        return RedisStore(self.name)


@pytest.fixture(params=["file", "redis"])
def place(request, tmp_path):
    if request.param == "file":
        return File(tmp_path / "queue.sqlite3")
    return Redis(request.getfixturevalue("redis_server"))


async def write(place, *changes):
    store = place.store()
    await store.open()
    await store.commit(changes)
    await store.close()


async def content(place) -> Snapshot:
    store = place.store()
    await store.open()
    snapshot = await store.load()
    await store.close()
    return snapshot


async def fill(place):
    queue = PlanQueue()
    added = queue.add_batch([{"name": "a plan", "args": [n]} for n in range(3)]).changes
    running, mode = queue.start_next(1.0).changes, queue.set_mode({"loop": True}).changes
    await write(place, *added, *running, *mode, SetFact("lock_info", json.dumps(LOCK).encode()))


async def test_the_lock_is_cleared_and_nothing_else(place):
    await fill(place)
    before = await content(place)
    shown = run("qserver-clear-lock", *place.options)
    assert "environment, locked by the user at 07/2" in shown
    assert "key-to-forget" not in shown
    after = await content(place)
    assert before.facts.keys() - after.facts.keys() == {"lock_info"}
    assert (after.items, after.history) == (before.items, before.history)


async def test_the_lock_is_cleared_beside_a_service_that_uses_the_store(place):
    await fill(place)
    service = place.store()
    await service.open()
    run("qserver-clear-lock", *place.options)
    await service.close()
    assert "lock_info" not in (await content(place)).facts


async def test_a_store_that_is_not_locked_stays_as_it_is(place):
    await write(place, SetFact("lock_info", json.dumps(LOCK | {"environment": False}).encode()))
    before = await content(place)
    assert "is not locked" in run("qserver-clear-lock", *place.options)
    assert await content(place) == before


async def test_the_variables_of_the_service_choose_the_store(place):
    await fill(place)
    variable = {"--store": "QSERVER_STORE", "--redis-addr": "QSERVER_REDIS_ADDR"}[place.options[0]]
    assert "Cleared the lock" in run("qserver-clear-lock", **{variable: place.name})


async def test_the_configuration_of_the_service_chooses_the_store(place, tmp_path):
    await fill(place)
    key = {"--store": "operation: {store: %s}", "--redis-addr": "network: {redis_addr: '%s'}"}[place.options[0]]
    (tmp_path / "config.yml").write_text(key % place.name)
    assert "Cleared the lock" in run("qserver-clear-lock", "--config", tmp_path / "config.yml")


def test_a_store_that_is_not_reached_is_an_error(tmp_path):
    missing = tmp_path / "none.sqlite3"
    assert f"There is no queue store {missing}" in run("qserver-clear-lock", "--store", missing, code=1)
    assert not missing.exists()
    nobody = f"unix://{tmp_path}/none.sock"
    shown = run("qserver-clear-lock", "--redis-addr", nobody, code=1)
    assert "is unreachable" in shown
    assert "Check that it is running and that this is its address." in shown
    assert "Give only one of" in run("qserver-clear-lock", "--redis-addr", nobody, "--store", missing, code=1)


async def test_everything_is_copied_from_a_file_to_redis_and_back(redis_server, tmp_path):
    first, second, there = File(tmp_path / "1.sqlite3"), File(tmp_path / "2.sqlite3"), Redis(redis_server)
    await fill(first)
    assert "items: 2, history: 0" in run("copy-store", "--from", first.name, "--to", there.name)
    run("copy-store", "--from", there.name, "--to", second.name)
    copied = await content(second)
    wanted = await content(first)
    assert [(i.uid, i.data) for i in copied.items] == [(i.uid, i.data) for i in wanted.items]
    assert (copied.history, copied.facts, copied.events) == (wanted.history, wanted.facts, wanted.events)
    assert len(copied.items) == 2
    assert json.loads(copied.facts["running_plan"])["args"] == [0]


async def test_a_store_with_a_queue_is_replaced_only_on_request(redis_server, tmp_path):
    here, there = File(tmp_path / "queue.sqlite3"), Redis(redis_server)
    await fill(here)
    await fill(there)
    before = await content(here)
    shown = run("copy-store", "--from", there.name, "--to", here.name, code=1)
    assert "is not empty (items: 2, history: 0): nothing was copied" in shown
    assert await content(here) == before
    run("copy-store", "--from", there.name, "--to", here.name, "--replace")
    assert [i.uid for i in (await content(here)).items] == [i.uid for i in (await content(there)).items]


async def test_the_prefixes_name_the_keys(redis_server, tmp_path):
    here = File(tmp_path / "queue.sqlite3")
    await fill(here)
    run("copy-store", "--from", here.name, "--to", redis_server.address, "--to-prefix", "mine")
    assert redis_server.keys() == {"mine_plan_queue", "mine_running_plan", "mine_plan_queue_mode", "mine_lock_info"}
    back = ("--from", redis_server.address, "--from-prefix", "mine", "--to", tmp_path / "back.sqlite3")
    assert "items: 2" in run("copy-store", *back)


async def test_a_source_that_holds_nothing_is_an_error_and_loses_nothing(redis_server, tmp_path):
    here = File(tmp_path / "queue.sqlite3")
    await fill(here)
    mistyped = ("--from", redis_server.address, "--from-prefix", "mistyped", "--to", here.name, "--replace")
    assert "keys mistyped_* is empty" in run("copy-store", *mistyped, code=1)
    assert len((await content(here)).items) == 2


@pytest.mark.parametrize("name", ["localhost:61879", "redis:/localhost", "10.0.0.1", "localhost", "beamline:6379/1"])
async def test_the_address_of_a_redis_without_its_scheme_is_refused_and_no_file_made(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    await fill(File(tmp_path / "queue.sqlite3"))
    shown = run("copy-store", "--from", "queue.sqlite3", "--to", name, code=1)
    assert (
        f"--to {name} is the address of a Redis server (did you mean 'redis://{name.removeprefix('redis:/')}'?)"
        in shown
    )
    assert "did you mean 'redis://" in run("copy-store", "--from", name, "--to", "queue.sqlite3", "--replace", code=1)
    assert [path.name for path in tmp_path.iterdir() if "sqlite3" not in path.name] == []


async def test_a_file_that_is_there_may_be_named_like_a_redis(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    await fill(File(tmp_path / "localhost:6379"))
    assert "items: 2" in run("copy-store", "--from", "localhost:6379", "--to", "./localhost:1")


async def test_a_source_that_holds_nothing_names_the_prefixes_that_hold_something(redis_server, tmp_path):
    here = File(tmp_path / "queue.sqlite3")
    await fill(here)
    run("copy-store", "--from", here.name, "--to", redis_server.address, "--to-prefix", "qs_x99")
    shown = run("copy-store", "--from", redis_server.address, "--to", tmp_path / "back.sqlite3", code=1)
    assert "Is this the right store? There is a queue with --from-prefix 'qs_x99'." in shown
    assert "appendfsync" not in shown


async def test_the_store_that_is_not_named_is_that_of_the_configuration(redis_server, tmp_path):
    here, config = File(tmp_path / "queue.sqlite3"), tmp_path / "config.yml"
    await fill(here)
    config.write_text(f"network: {{redis_addr: '{redis_server.address}', redis_name_prefix: site}}")
    assert "keys site_*: items: 2" in run("copy-store", "--from", here.name, "--config", config)
    back = tmp_path / "back.sqlite3"
    assert "items: 2" in run("copy-store", "--to", back, "--config", config)
    assert len((await content(File(back))).items) == 2


async def test_a_file_in_use_is_no_target_and_a_missing_one_no_source(tmp_path):
    here, missing = File(tmp_path / "queue.sqlite3"), tmp_path / "none.sqlite3"
    await fill(here)
    service = SQLiteStore(tmp_path / "other.sqlite3")
    await service.open()
    shown = run("copy-store", "--from", here.name, "--to", tmp_path / "other.sqlite3", code=1)
    assert "Another service is using the store" in shown
    await service.close()
    assert f"There is no queue store {missing}" in run("copy-store", "--from", missing, "--to", here.name, code=1)
    assert not missing.exists()
    assert "Give --from or --to" in run("copy-store", code=2)


async def test_the_store_that_is_not_named_is_the_usual_file(tmp_path):
    here = File(tmp_path / "queue.sqlite3")
    await fill(here)
    shown = run("copy-store", "--from", here.name, HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data"))
    (made,) = (tmp_path / "data").rglob("*.sqlite3") if sys.platform == "linux" else tmp_path.rglob("*/queue.sqlite3")
    assert str(made) in shown
