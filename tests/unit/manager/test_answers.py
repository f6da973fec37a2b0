"""Requests with an id, which can be sent again and change nothing the second time, by a whole manager."""

import asyncio
import json

import pytest

from bluesky_qs.api.method import METHODS
from bluesky_qs.config.schema import Network, Settings
from bluesky_qs.manager.edits import answers
from bluesky_qs.manager.edits.answers import AnswerBook, digest_of, with_uids_only
from bluesky_qs.manager.requests.dispatch import STORES_REPLY
from bluesky_qs.plan_queue.changes import AddAnswer, TrimAnswers
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.testing import AsyncManager, Wait
from bluesky_qs.wire.codec import decode, encode

TESTER = {"user": "tester", "user_group": "primary"}
PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]]}


class WatchedStore(MemoryStore):
    """A memory store that lists its commits, and that can die with its manager right after one."""

    def __init__(self):
        super().__init__()
        self.commits = []
        self.dies = False
        self.died = asyncio.Event()

    async def commit(self, changes):
        await super().commit(changes)
        self.commits.append(list(changes))
        if self.dies:
            self.died.set()
            await asyncio.Event().wait()

    def records(self):
        changes = [change for commit in self.commits for change in commit]
        return [json.loads(change.data) for change in changes if isinstance(change, AddAnswer)]


@pytest.fixture
async def store():
    return WatchedStore()


@pytest.fixture
async def manager(store):
    async with AsyncManager(store=store) as manager:
        yield manager


@pytest.fixture
def raw(manager):
    """The bytes of a reply."""

    async def raw(method, request_id="one", **params):
        params = {"request_id": request_id, **params}
        return await manager.ask_raw(encode({"method": method, "params": params}))

    return raw


def add(**more):
    return {"item": PLAN, **TESTER, **more}


async def size(manager):
    return (await manager.do("status"))["items_in_queue"]


def test_exactly_the_methods_that_change_something_take_a_request_id():
    writing = {name for name, method in METHODS.items() if method.scope.startswith("write:")}
    assert {name for name, method in METHODS.items() if method.is_repeatable} == writing
    assert {name for name, method in METHODS.items() if "request_id" in method.extensions} == writing


async def test_the_status_lists_the_parameter(manager):
    assert "request_id" in (await manager.do("status"))["extensions"]


async def test_the_same_request_again_gets_the_same_bytes_and_changes_nothing(manager, raw, store):
    first = await raw("queue_item_add", **add())
    commits = len(store.commits)
    assert await raw("queue_item_add", **add()) == first
    assert await raw("queue_item_add", **dict(reversed(add().items()))) == first
    assert (await size(manager), len(store.commits)) == (1, commits)
    assert await raw("queue_item_add", "two", **add()) != first
    assert await size(manager) == 2


async def test_a_manager_that_replaces_another_gives_the_same_bytes(manager, raw):
    first = await raw("queue_item_add", **add())
    await manager.restart()
    assert await raw("queue_item_add", **add()) == first
    assert await size(manager) == 1


async def test_with_message_pack_the_bytes_are_the_same_too():
    params = add(request_id="one", item={**PLAN, "meta": {"a": 0.5, "b": float("inf"), "é": [1, 2.0]}})
    frame = encode({"method": "queue_item_add", "params": params}, "msgpack")
    async with AsyncManager(settings=Settings(network=Network(zmq_encoding="msgpack"))) as manager:
        first = await manager.ask_raw(frame)
        assert decode(first, "msgpack")["success"], first
        await manager.restart()
        assert await manager.ask_raw(frame) == first
        assert await size(manager) == 1


#: Method: parameters, from the uids of three queued items. The environment is open and idle.
REQUESTS = {
    "queue_item_add": lambda uids: add(),
    "queue_item_add_batch": lambda uids: {"items": [PLAN, PLAN], **TESTER},
    "queue_item_update": lambda uids: add(item={**PLAN, "item_uid": uids[0]}, replace=True),
    "queue_item_update_batch": lambda uids: {"items": [{**PLAN, "item_uid": uids[1]}], **TESTER},
    "queue_item_remove": lambda uids: {},
    "queue_item_remove_batch": lambda uids: {"uids": uids[:2]},
    "queue_item_move": lambda uids: {"uid": uids[0], "pos_dest": "back"},
    "queue_item_move_batch": lambda uids: {"uids": uids[:2], "pos_dest": "back"},
    "queue_item_execute": lambda uids: add(),
    "queue_clear": lambda uids: {},
    "queue_mode_set": lambda uids: {"mode": {"loop": True}},
    "queue_start": lambda uids: {},
    "queue_stop_cancel": lambda uids: {},
    "queue_autostart": lambda uids: {"enable": False},
    "history_clear": lambda uids: {},
    "lock": lambda uids: {"lock_key": "secret", "queue": True, "user": "ada"},
    "unlock": lambda uids: {"lock_key": "secret"},
    "permissions_set": lambda uids: {"user_group_permissions": {"user_groups": {"root": {}, "primary": {}}}},
    "permissions_reload": lambda uids: {},
    "script_upload": lambda uids: {"script": "x = 1"},
    "environment_update": lambda uids: {},
    "environment_close": lambda uids: {},
    "environment_destroy": lambda uids: {},
}


@pytest.mark.parametrize("method", REQUESTS)
async def test_a_repeated_request_changes_nothing_before_and_after_a_restart(opened, raw, store, method):
    uids = [(await opened.add("count", ["det1"], num=n))["item_uid"] for n in (1, 2, 3)]
    params = REQUESTS[method](uids)
    first = await raw(method, **params)
    assert json.loads(first)["success"], first
    await opened.until_idle()
    content, records = await opened.store.load(), store.records()
    assert await raw(method, **params) == first
    await opened.restart()
    assert await raw(method, **params) == first
    after = await opened.store.load()
    assert (after.items, after.history, after.facts) == (content.items, content.history, content.facts)
    assert store.records() == records
    assert [record.get("reply") for record in records] == [None] * (method not in STORES_REPLY) + [first.decode()]


@pytest.mark.parametrize("method", sorted(set(REQUESTS) & STORES_REPLY - {"script_upload", "environment_update"}))
async def test_the_reply_is_in_the_commit_of_the_change(opened, raw, store, method):
    uids = [(await opened.add("count", ["det1"], num=n))["item_uid"] for n in (1, 2, 3)]
    before = len(store.commits)
    await raw(method, **REQUESTS[method](uids))
    first = store.commits[before]
    assert any(isinstance(change, AddAnswer) for change in first), first


@pytest.mark.parametrize("method", ["queue_item_add", "queue_start", "queue_item_execute", "queue_clear"])
async def test_a_manager_that_dies_between_the_commit_and_the_reply_has_done_the_request_once(
    opened, raw, store, method
):
    uids = [(await opened.add("count", ["det1"], num=n))["item_uid"] for n in (1, 2, 3)]
    params = REQUESTS[method](uids)
    store.dies = True
    lost = asyncio.ensure_future(raw(method, **params))
    await store.died.wait()
    await opened.die()
    lost.cancel()
    store.dies = False
    await opened.replace()
    await opened.until_idle()
    content = await store.load()
    assert json.loads(await raw(method, **params))["success"]
    assert (await store.load()).items == content.items
    assert (await store.load()).history == content.history
    runs = {"queue_start": 3, "queue_item_execute": 1}
    assert len(content.history) == runs.get(method, 0)


async def test_a_request_to_the_worker_whose_end_nobody_knows_is_not_carried_out_again(opened, raw, store):
    await opened.do("environment_close")
    await opened.until_idle()
    store.dies = True
    lost = asyncio.ensure_future(raw("environment_open"))
    await store.died.wait()
    await opened.die()
    lost.cancel()
    store.dies = False
    await opened.replace()
    again = json.loads(await raw("environment_open"))
    assert (again["success"], again["error"]) == (False, "OutcomeUnknown")
    assert not (await opened.do("status"))["worker_environment_exists"]
    assert json.loads(await raw("environment_open", "another"))["success"]


async def test_a_repeated_request_waits_for_the_first(opened, raw):
    opened.worker.on_plan("count", Wait())
    await opened.add("count", ["det1"])
    await opened.do("queue_start")
    await opened.until(lambda _: opened.worker.is_waiting)
    both = await asyncio.gather(*(raw("queue_item_add_batch", items=[PLAN] * 300, **TESTER) for _ in range(5)))
    assert len(set(both)) == 1
    assert await size(opened) == 300


async def test_the_same_id_for_another_request_is_refused_and_says_so(manager, raw, store):
    await raw("queue_item_add", **add())
    for method, params in [("queue_item_add", add(pos="front")), ("queue_clear", {}), ("re_pause", {})]:
        again = json.loads(await raw(method, **params))
        assert (again["success"], again["error"]) == (False, "RequestIdReused")
        assert "The request_id 'one' was used for another request" in again["msg"]
    assert await size(manager) == 1


async def test_a_refused_request_is_not_remembered(manager, raw, store):
    assert json.loads(await raw("queue_item_add", **add(item={**PLAN, "name": "nothing"})))["success"] is False
    assert json.loads(await raw("re_resume"))["success"] is False
    await manager.do("lock", lock_key="secret", queue=True, user="ada")
    assert json.loads(await raw("queue_item_add", **add()))["error"] == "Locked"
    assert json.loads(await raw("queue_item_add", **add(lock_key="secret")))["success"]
    assert json.loads(await raw("queue_item_add", **add()))["success"], "the key of a lock is no part of the request"
    assert await size(manager) == 1


async def test_a_task_that_the_worker_refuses_is_not_remembered(opened, raw):
    await opened.do("environment_close")
    await opened.until_idle()
    assert json.loads(await raw("script_upload", script="x = 1"))["success"] is False
    await opened.open()
    assert json.loads(await raw("script_upload", script="x = 1"))["success"]


async def test_a_request_that_could_not_be_stored_is_not_remembered(manager, raw, store):
    store.refuse = "disk full"
    assert json.loads(await raw("queue_item_add", **add()))["error"] == "StoreError"
    store.refuse = None
    assert json.loads(await raw("queue_item_add", **add()))["success"]
    assert await size(manager) == 1


async def test_a_store_that_fails_does_not_keep_anyone_from_ending_a_plan(running, manager, raw, store):
    await running()
    await manager.do("re_pause", option="immediate")
    await manager.until(lambda s: s["manager_state"] == "paused")
    store.refuse = "disk full"
    first = await raw("re_abort")
    assert json.loads(first)["success"]
    assert await raw("re_abort") == first
    store.refuse = None
    await manager.until_idle()
    assert await raw("re_abort") == first


async def test_a_large_reply_is_kept_as_the_uids_of_its_items(manager, raw, store):
    params = {"items": [PLAN] * 1000, **TESTER}
    first = json.loads(await raw("queue_item_add_batch", **params))
    again = json.loads(await raw("queue_item_add_batch", **params))
    uids = [{"item_uid": item["item_uid"]} for item in first["items"]]
    assert again == {**first, "items": uids, "uids_only": True}
    assert await size(manager) == 1000


def test_a_reply_without_its_items_keeps_what_is_small():
    reply = {"success": True, "msg": "", "qsize": 7, "item": {"item_uid": "a", "x": 1}, "lock_info": {"note": "n"}}
    assert with_uids_only(reply) == {
        "success": True,
        "msg": "",
        "qsize": 7,
        "item": {"item_uid": "a"},
        "uids_only": True,
    }


@pytest.mark.parametrize("request_id", ["", "x" * 513, 7, ["a"]])
async def test_an_id_that_is_no_text_of_fitting_length_is_refused(manager, raw, request_id):
    again = json.loads(await raw("queue_item_add", request_id, **add()))
    assert (again["success"], again["error"]) == (False, "BadParams")
    assert "A request id must be text of 1 to 512 characters" in again["msg"]


async def test_a_longest_id_and_no_id_are_taken(manager, raw):
    for request_id in ("é" * 512, None):
        assert json.loads(await raw("queue_item_add", request_id, **add()))["success"]


async def test_an_answer_is_forgotten_after_a_day(manager, raw):
    await raw("queue_item_add", **add())
    manager.clock.advance(answers.KEPT - 1)
    await raw("queue_item_add", **add())
    assert await size(manager) == 1
    manager.clock.advance(2)
    await raw("queue_item_add", **add())
    assert await size(manager) == 2


# ---------------------------------------------------------------------------------------------------- the book
def record(number, *, at=0.0, **more):
    return AddAnswer(json.dumps({"id": f"id{number}", "request": "d", "time": at, "reply": "{}", **more}).encode())


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def book(now):
    return AnswerBook([], lambda: now[0])


def noted(book, *added):
    """The changes that trim, after these records were made durable."""
    changes = book.changes(added)
    book.made(added)
    return changes


def test_the_latest_answers_are_kept(book, monkeypatch):
    monkeypatch.setattr(answers, "MOST", 10)
    monkeypatch.setattr(answers, "_SLACK", 5)
    trimmed = [noted(book, record(n)) for n in range(16)]
    assert trimmed == [[]] * 15 + [[]]
    assert noted(book, record(16)) == [TrimAnswers(11)]
    assert book.find("id5", "d") is None
    assert book.find("id6", "d") == b"{}"


def test_a_request_counts_once_though_it_has_two_records(book, monkeypatch):
    monkeypatch.setattr(answers, "MOST", 2)
    monkeypatch.setattr(answers, "_SLACK", 0)
    noted(book, record(1, reply=None))
    noted(book, record(2))
    assert noted(book, record(1)) == []
    assert book.find("id1", "d") == b"{}"


def test_all_answers_together_have_a_largest_size(book, monkeypatch):
    monkeypatch.setattr(answers, "LARGEST", 1000)
    for n in range(3):
        assert noted(book, record(n, reply="x" * 250)) == []
    assert noted(book, record(3, reply="x" * 250)) == [TrimAnswers(3)]
    assert book.find("id0", "d") is None


def test_old_answers_are_dropped_from_the_store_too(book, now):
    noted(book, record(1))
    now[0] = answers.KEPT + 2 * 3600
    assert noted(book, record(2, at=now[0])) == [TrimAnswers(1)]


def test_damaged_records_are_dropped_with_the_next_change(now, caplog):
    good = record(1).data
    book = AnswerBook([b"{", good, b'{"id": 7}'], lambda: now[0])
    assert "Ignored 2 stored answers that are damaged" in caplog.text
    assert book.find("id1", "d") == b"{}"
    first, *kept = book.changes([record(2)])
    assert first == TrimAnswers(0)
    assert [json.loads(change.data)["id"] for change in kept] == ["id1", "id2"]


def test_requests_are_equal_whatever_the_order_of_their_parameters():
    method = METHODS["queue_item_add"]
    item = {"name": "p", "kwargs": {"a": 1, "b": [1, 2]}}
    same = digest_of(method, {"item": item, "user": "u", "request_id": "1"})
    assert digest_of(method, {"user": "u", "item": {"kwargs": {"b": [1, 2], "a": 1}, "name": "p"}}) == same
    assert digest_of(method, {"user": "u", "item": {**item, "kwargs": {"a": 1, "b": [2, 1]}}}) != same
    assert digest_of(METHODS["queue_item_execute"], {"item": item, "user": "u"}) != same
    odd = {"item": {"x": [2**70, "\ud800", float("nan")]}}
    assert digest_of(method, odd) == digest_of(method, odd)
