"""What Redis holds, for programs that look into it; and what happens when Redis goes away, or is meddled with."""

import asyncio
import json
import logging

import pytest
from msgspec.structs import replace

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import FACTS, SetFact
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store.copy import copy_store
from bluesky_qs.store.elsewhere import queue_in_redis
from bluesky_qs.store.redis import RedisStore
from bluesky_qs.store.redis_link import RedisLink
from bluesky_qs.store.sqlite import SQLiteStore


@pytest.fixture
async def store(redis_server):
    """An open store with the default prefix."""
    store = RedisStore(redis_server.address)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def queue(store):
    """Plans p0 … p4, stored."""
    queue = PlanQueue.restore(await store.load())
    await store.commit(queue.add_batch([{"name": f"p{n}"} for n in range(5)]).changes)
    return queue


class LogRecords:
    """Waits for words in the log."""

    def __init__(self) -> None:
        self.records: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    async def wait(self, words: str) -> logging.LogRecord:
        async with asyncio.timeout(20):
            while words not in (record := await self.records.get()).getMessage():
                pass
        return record


@pytest.fixture
def shown():
    shown = LogRecords()
    handler = logging.Handler()
    handler.emit = shown.records.put_nowait
    logger = logging.getLogger("bluesky_qs.store.redis")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield shown
    logger.removeHandler(handler)
    logger.setLevel(before)


def names(server, key="qs_default_plan_queue"):
    return [json.loads(text)["name"] for text in server.texts(key)]


async def test_queue_history_and_running_item_lie_where_other_programs_look_for_them(redis_server, store, queue):
    await store.commit(queue.start_next(7.0).changes)
    running = redis_server.client.get("qs_default_running_plan")
    assert running == json.dumps({**queue.running, "properties": {"time_start": 7.0}}).encode()
    await store.commit(queue.finish({"exit_status": "completed"}).changes)
    await store.commit(queue.set_mode({"loop": True}).changes)
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()
    (past,) = redis_server.texts("qs_default_plan_history")
    assert await store.read_history((await store.load()).history) == [(0, past)] == queue.history.newest(0, 1)
    assert redis_server.client.get("qs_default_plan_queue_mode") == b'{"loop": true, "ignore_failures": false}'
    assert redis_server.keys() == {f"qs_default_{name}" for name in ("plan_queue", "plan_history", "plan_queue_mode")}


@pytest.mark.parametrize(("prefix", "key"), [("", "plan_queue"), ("x", "x_plan_queue"), ("a_b", "a_b_plan_queue")])
async def test_the_prefix_is_followed_by_an_underscore_unless_it_is_empty(redis_server, prefix, key):
    store = RedisStore(redis_server.address, prefix=prefix)
    await store.open()
    await store.commit(PlanQueue().add({"name": "p"}).changes)
    await store.close()
    assert redis_server.keys() == {key}


async def test_nothing_outside_the_prefix_is_touched(redis_server, store, queue):
    redis_server.client.set("qs_other_plan_queue", "precious")
    await store.commit(queue.clear().changes)
    await store.commit(queue.clear_history().changes)
    await store.commit([SetFact(name, None) for name in FACTS])
    assert redis_server.keys() == {"qs_other_plan_queue"}


async def test_what_the_communitys_service_has_written_is_simply_there(redis_server):
    put = redis_server.client
    items = [json.dumps({"name": f"p{n}", "item_uid": f"u{n}"}).encode() for n in range(3)]
    past = json.dumps({"name": "old", "item_uid": "h", "result": {"exit_status": "completed"}}).encode()
    put.rpush("qs_default_plan_queue", *items)
    put.rpush("qs_default_plan_history", past)
    put.set("qs_default_running_plan", "{}")
    put.set("qs_default_plan_queue_mode", json.dumps({"loop": True, "ignore_failures": False}))
    put.set("qs_default_lock_info", json.dumps({"environment": True, "queue": False}))
    store = RedisStore(redis_server.address)
    await store.open()
    snapshot = await store.load()
    queue = PlanQueue.restore(snapshot)
    assert queue.items_json() == items
    assert await store.find_history(["h"]) == {"h": (queue.history.numbers.start, past)}
    assert queue.running is None
    assert queue.mode.loop
    assert json.loads(snapshot.facts["lock_info"])["environment"]
    await store.commit(queue.move(pos=0, pos_dest=1).changes)
    await store.close()
    assert redis_server.texts("qs_default_plan_queue") == [items[1], items[0], items[2]]


async def test_invalid_entries_are_ignored_with_a_warning(redis_server, caplog):
    good = b'{"item_uid":"u","name":  "oddly written"}'
    deep = "[" * 100_000
    redis_server.client.rpush("qs_default_plan_queue", good, "not json", '{"name": "no uid"}', good, "[]", deep)
    redis_server.client.rpush("qs_default_plan_history", deep)
    redis_server.client.set("qs_default_lock_info", "not json")
    store = RedisStore(redis_server.address)
    await store.open()
    snapshot = await store.load()
    assert [item.data for item in snapshot.items] == [good]
    assert snapshot.facts == {}
    assert len(snapshot.history) == 0
    # One line for each: four entries of the queue, one of the history, the lock.
    assert [record.getMessage().count("Ignored") for record in caplog.records if "entry" in record.msg] == [1] * 7
    assert "not json" in caplog.text
    queue = PlanQueue.restore(snapshot)
    await store.commit(queue.add({"name": "p"}, pos="front").changes)
    await store.close()
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()


async def test_a_key_of_another_kind_is_an_error_when_the_store_is_opened(redis_server):
    redis_server.client.set("qs_default_plan_queue", "a string")
    with pytest.raises(StoreError, match="refuses LRANGE qs_default_plan_queue: WRONGTYPE"):
        await RedisStore(redis_server.address).open()


async def test_large_edits_in_the_middle_of_a_long_queue_are_right(redis_server, store, queue):
    await store.commit(queue.add_batch([{"name": f"q{n}"} for n in range(2500)], pos=2).changes)
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()
    uids = [queue.item(pos=place)["item_uid"] for place in range(0, 1000, 3)]
    await store.commit(queue.move_batch(uids, pos_dest="back").changes)
    await store.commit(queue.remove_batch(uids[:200]).changes)
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()


@pytest.mark.parametrize(
    "meddle",
    [
        lambda client: client.flushall(),
        lambda client: client.delete("qs_default_plan_queue"),
        lambda client: client.lpop("qs_default_plan_queue"),
        lambda client: client.rpush("qs_default_plan_queue", "x"),
        lambda client: client.set("qs_default_plan_queue", "a string"),
    ],
)
@pytest.mark.parametrize(
    "edit",
    [
        lambda queue: queue.add({"name": "new"}),
        lambda queue: queue.add({"name": "new"}, pos=2),
        lambda queue: queue.move(pos=0, pos_dest=2),
        lambda queue: queue.start_next(1.0),
    ],
)
async def test_keys_that_were_meddled_with_are_written_anew_at_the_next_edit(redis_server, store, queue, meddle, edit):
    await store.commit([SetFact("autostart_mode_info", b'{"enabled": true}')])
    meddle(redis_server.client)
    await store.commit(edit(queue).changes)
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()
    assert redis_server.client.get("qs_default_autostart_mode_info") == b'{"enabled": true}'


async def test_changes_are_refused_while_redis_is_away_and_all_is_written_anew_afterwards(
    redis_server, store, queue, shown
):
    redis_server.kill()
    edit = queue.add({"name": "lost"})
    with pytest.raises(StoreError, match=r"Redis at .* The change was not made\."):
        await store.commit(edit.changes)
    edit.undo()
    assert (await shown.wait("Changes are refused until it is reachable again")).levelno == logging.ERROR
    redis_server.start()
    assert redis_server.keys() == set()  # it has forgotten everything
    await shown.wait("is reachable again; the queue was rewritten there")
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()
    await store.commit(queue.add({"name": "new"}).changes)
    assert names(redis_server) == ["p0", "p1", "p2", "p3", "p4", "new"]


async def test_redis_that_goes_and_comes_while_nobody_asks_is_noticed(redis_server, store, queue, shown):
    redis_server.kill()
    await shown.wait("Changes are refused until it is reachable again")
    redis_server.start()
    await shown.wait("is reachable again; the queue was rewritten there")
    assert names(redis_server) == ["p0", "p1", "p2", "p3", "p4"]


async def test_a_redis_that_restarts_unnoticed_is_filled_before_the_next_edit(redis_server, store, queue):
    redis_server.kill()
    redis_server.start()
    edit = queue.add({"name": "refused"})
    with pytest.raises(StoreError):
        await store.commit(edit.changes)  # nobody can know whether it arrived
    edit.undo()
    await store.commit(queue.add({"name": "new"}).changes)
    assert names(redis_server) == ["p0", "p1", "p2", "p3", "p4", "new"]


async def test_a_lock_that_an_operator_cleared_does_not_come_back(redis_server, store, queue, shown):
    await store.commit([SetFact("lock_info", b'{"queue": true}'), SetFact("stop_pending_info", b"{}")])
    redis_server.kill()
    await shown.wait("Changes are refused until it is reachable again")
    redis_server.start()
    await shown.wait("is reachable again; the queue was rewritten there")
    assert redis_server.keys() == {"qs_default_plan_queue", "qs_default_stop_pending_info"}


async def test_a_lock_whose_writing_was_cut_off_is_written_as_memory_has_it(redis_server, store, queue, shown):
    await store.commit([SetFact("lock_info", b'{"queue": true}')])
    redis_server.kill()
    with pytest.raises(StoreError):
        await store.commit([SetFact("lock_info", b'{"queue": false}')])
    redis_server.start()
    await shown.wait("is reachable again; the queue was rewritten there")
    assert redis_server.client.get("qs_default_lock_info") == b'{"queue": true}'


async def test_a_server_that_refuses_a_change_makes_none_of_it_and_stays_connected(redis_server, store, queue, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.store")
    before = redis_server.texts("qs_default_plan_queue")
    redis_server.client.config_set("maxmemory", "1")
    edit = queue.add_batch([{"name": "a"}, {"name": "b"}], pos=1)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"refuses: .*maxmemory"):
            await store.commit(edit.changes)
        edit.undo()
    redis_server.client.config_set("maxmemory", "0")
    assert redis_server.texts("qs_default_plan_queue") == before
    await store.commit(queue.remove(pos=0).changes)
    assert names(redis_server) == ["p1", "p2", "p3", "p4"]
    refused, again = [record.getMessage() for record in caplog.records if "accepts" in record.msg]
    assert "maxmemory" in refused
    assert "Changes are refused until it accepts them again" in refused
    assert again == f"{store._link.name} accepts changes again"


async def test_a_redis_that_hangs_is_an_error_in_time(redis_server, store, queue):
    redis_server.client.client_pause(3000, all=True)
    async with asyncio.timeout(2):
        with pytest.raises(StoreError, match="is unreachable: no answer"):
            await store.commit(queue.add({"name": "x"}).changes)
    redis_server.kill()


@pytest.mark.parametrize(
    ("appendonly", "appendfsync", "warned"),
    [("yes", "always", False), ("yes", "everysec", True), ("yes", "no", True), ("no", "always", True)],
)
async def test_a_redis_that_may_lose_changes_in_a_power_cut_is_warned_of(
    redis_server, caplog, appendonly, appendfsync, warned
):
    redis_server.client.config_set("appendfsync", appendfsync)
    redis_server.client.config_set("appendonly", appendonly)
    try:
        store = RedisStore(redis_server.address)
        await store.open()
        assert await store.writes_each_change() is not warned
        await store.close()
    finally:
        redis_server.client.config_set("appendonly", "no")
    assert ("set 'appendonly yes' and 'appendfsync always' in Redis" in caplog.text) is warned


async def test_an_unreachable_redis_is_an_error_at_the_start(tmp_path):
    with pytest.raises(StoreError, match=r"Redis at /.*/none\.sock is unreachable"):
        await RedisStore(f"unix://{tmp_path}/none.sock").open()


async def test_a_store_that_was_not_opened_writes_nothing(redis_server):
    redis_server.client.rpush("qs_default_plan_queue", "precious")
    with pytest.raises(StoreError, match="not open"):
        await RedisStore(redis_server.address).commit([SetFact("lock_info", b"{}")])
    assert redis_server.texts("qs_default_plan_queue") == [b"precious"]


async def test_a_tool_beside_the_service_changes_one_fact_and_writes_nothing_anew(redis_server, store, queue):
    await store.commit([SetFact("lock_info", b'{"queue": true}')])
    tool = RedisStore(redis_server.address, beside_service=True)
    await tool.open()
    assert (await tool.load()).facts == {"lock_info": b'{"queue": true}'}
    await store.commit(queue.add({"name": "meanwhile"}).changes)
    await tool.commit([SetFact("lock_info", None)])
    await tool.close()
    assert redis_server.client.get("qs_default_lock_info") is None
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("host", "Redis at host"),
        ("host:7000", "Redis at host:7000"),
        ("host:7000/3", "Redis at host:7000/3"),
        ("redis://user:secret@host:7000/3", "Redis at host:7000/3"),
        ("unix:///run/redis.sock", "Redis at /run/redis.sock"),
    ],
)
def test_addresses_of_all_kinds_are_understood_and_named_without_their_secrets(address, name):
    assert RedisLink(address).name == name


def test_an_address_that_is_none_is_refused():
    with pytest.raises(StoreError, match="Redis address is not valid: 'http://x'"):
        RedisLink("http://x")


async def test_a_queue_that_lies_in_redis_is_found_without_a_redis_client(redis_server):
    address = {"host": "127.0.0.1", "port": redis_server.port}
    assert not await queue_in_redis(**address)
    redis_server.client.rpush("qs_default_plan_history", "{}")
    assert await queue_in_redis(**address)
    assert not await queue_in_redis(**address, prefix="other")
    redis_server.kill()
    assert not await queue_in_redis(**address)


async def test_everything_is_copied_from_one_store_to_another(redis_server, store, queue, tmp_path):
    await store.commit(queue.start_next(1.0).changes)
    await store.commit(queue.finish({"exit_status": "failed"}).changes)
    await store.commit(queue.start_next(2.0).changes)
    await store.commit(queue.set_mode({"loop": True}).changes)
    target = SQLiteStore(tmp_path / "queue.sqlite3")
    await target.open()
    await target.commit(PlanQueue().add({"name": "was there"}).changes)
    copied = await copy_store(store, target)
    assert copied == await store.load()
    there = await target.load()
    assert replace(there, history=copied.history) == copied
    restored = PlanQueue.restore(there)
    assert restored.items_json() == queue.items_json()
    past = [[data for _, data in await each.read_history((await each.load()).history)] for each in (store, target)]
    assert past[0] == past[1]
    assert [json.loads(data)["name"] for data in past[0]] == ["p0"]
    assert (restored.running_uid, restored.mode) == (queue.running_uid, queue.mode)
    await target.close()


LEARNED = "qs_default_learned_times"
ROWS = [("action", "a", "[1]"), ("plan", "count", "[2]"), ("action", "b", "[3]")]


async def test_learned_times_are_in_a_hash_in_the_order_of_their_use(redis_server, store, queue):
    rows = store.learned_times
    await rows.keep(ROWS)
    await rows.keep([("action", "a", "[4]"), ("action", "b", None)])
    other = RedisStore(redis_server.address, beside_service=True)
    await other.open()
    assert await other.learned_times.load() == [("plan", "count", "[2]"), ("action", "a", "[4]")]
    await other.close()
    assert redis_server.client.hlen(LEARNED) == 2
    assert redis_server.texts("qs_default_plan_queue") == queue.items_json()


async def test_learned_times_of_another_version_are_passed_over(redis_server, store):
    redis_server.client.hset(LEARNED, mapping={"x": "y", "[1, 2]": "[1, 3]", '["plan", "count"]': '[7, "[]"]'})
    assert await store.learned_times.load() == [("plan", "count", "[]")]
    await store.learned_times.keep([("plan", "scan", "[]")])
    assert [key for _, key, _ in await store.learned_times.load()] == ["count", "scan"]


async def test_a_key_that_is_not_ours_costs_only_the_learned_times(redis_server, store, queue):
    redis_server.client.set(LEARNED, "another thing")
    with pytest.raises(StoreError, match="refuses HGETALL"):
        await store.learned_times.load()
    with pytest.raises(StoreError, match="refuses HSET"):
        await store.learned_times.keep(ROWS)
    await store.commit(queue.add({"name": "meanwhile"}).changes)
    assert names(redis_server)[-1] == "meanwhile"


async def test_learned_times_wait_for_no_redis_that_is_away(redis_server, store, queue):
    redis_server.kill()
    with pytest.raises(StoreError, match="is unreachable"):
        await store.learned_times.keep(ROWS)
    redis_server.start()
    await store.commit(queue.add({"name": "meanwhile"}).changes)
    assert names(redis_server) == ["p0", "p1", "p2", "p3", "p4", "meanwhile"]
