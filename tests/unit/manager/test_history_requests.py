"""The history is read by page, filtered, without keeping other requests waiting."""

import asyncio

import pytest

from bluesky_qs.manager.requests.handlers import history as handlers

SAMPLES = ["S01", "S02", "S03", "s03", "S04"]


def past(number, **item):
    status = "failed" if number % 2 else "completed"
    return {
        "name": "count" if number < 3 else "scan",
        "user": "ada" if number else "bob",
        "item_uid": f"u{number}",
        "meta": {"sample": SAMPLES[number]},
        **item,
        "result": {"exit_status": status, "time_start": 100.0 * number},
    }


@pytest.fixture
async def measured(manager):
    """A manager with five items in its history, u0 to u4."""
    await manager.fill(history=[past(number) for number in range(5)])
    return manager


@pytest.fixture
def uids(measured):
    async def uids(**params):
        answer = await measured.do("history_get", **params)
        assert answer["plan_history_uid"] == (await measured.do("status"))["plan_history_uid"]
        found = [item["item_uid"] for item in answer["items"]]
        assert answer.get("positions", []) == ([int(uid[1:]) for uid in found] if params else [])
        return found

    return uids


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["u0", "u1", "u2", "u3", "u4"]),
        ({"limit": 2}, ["u3", "u4"]),
        ({"limit": 2, "before": "u3"}, ["u1", "u2"]),
        ({"before": "u0"}, []),
        ({"limit": 0}, []),
        ({"exit_status": "failed"}, ["u1", "u3"]),
        ({"exit_status": ["failed", "completed"], "limit": 1}, ["u4"]),
        ({"exit_status": "failed", "before": "u3"}, ["u1"]),
        ({"name": "scan"}, ["u3", "u4"]),
        ({"user": "bob"}, ["u0"]),
        ({"since": 100, "until": 300.0}, ["u1", "u2", "u3"]),
        ({"metadata": {"sample": "S03"}}, ["u2", "u3"]),
        ({"metadata": {"sample": "S0[13]"}, "name": "count", "limit": 1}, ["u2"]),
        ({"metadata": {}, "limit": 1}, ["u4"]),
        ({"search": "scan"}, ["u3", "u4"]),
        ({"search": "S0 count", "limit": 2}, ["u1", "u2"]),
        ({"search": "s03", "before": "u3"}, ["u2"]),
        ({"search": "s03", "exit_status": "failed", "name": "s*"}, ["u3"]),
        ({"search": "s03", "limit": 0}, []),
        ({"search": "S03 nowhere"}, []),
    ],
)
async def test_a_page_has_the_newest_matching_items_oldest_first(uids, params, expected):
    assert await uids(**params) == expected


async def test_a_page_without_a_limit_has_a_thousand_items_at_most(manager):
    await manager.fill(history=[{"name": "count", "item_uid": f"u{n}"} for n in range(1001)])
    page = (await manager.do("history_get", name="count"))["items"]
    assert (len(page), page[0]["item_uid"]) == (1000, "u1")
    assert len((await manager.do("history_get"))["items"]) == 1001


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        ({"limit": -1}, ["'limit'", "limit=-1"]),
        ({"limit": 50_001}, ["'limit'", "50000", "limit=50001"]),
        ({"limit": "x"}, ["'limit'", "'x'"]),
        ({"before": "nowhere"}, ["'before'", "'nowhere' is not in the history"]),
        ({"before": "nowhere", "name": "count"}, ["'before'", "'nowhere'"]),
        ({"since": 3, "until": 2}, ["'since'", "since=3", "until=2"]),
        ({"since": "yesterday"}, ["'since'", "'yesterday'"]),
        ({"metadata": {"sample": 3}}, ["'metadata'", "{'sample': 3}"]),
        ({"metadata": ["sample"]}, ["'metadata'", "['sample']"]),
        ({"search": "- …"}, ["'search'", "search='- …'"]),
        ({"search": ""}, ["'search'", "search=''"]),
        ({"search": "a " * 51}, ["'search'", "51 words", "50"]),
        ({"search": 3}, ["'search'", "3"]),
        ({"search": "scan", "before": "nowhere"}, ["'before'", "'nowhere'"]),
        ({"exit_status": ["failed", 7]}, ["'exit_status'", "['failed', 7]"]),
    ],
)
async def test_a_refusal_names_the_parameter_and_its_value(measured, params, parts):
    answer = await measured.ask("history_get", **params)
    assert not answer["success"]
    assert [part for part in parts if part not in answer["msg"]] == [], answer["msg"]
    assert (answer["items"], answer["plan_history_uid"]) == ([], "")


@pytest.mark.parametrize("bound", ["MOST_ITEMS", "MOST_BYTES"])
async def test_a_history_that_is_too_long_for_one_reply_is_read_by_page(measured, uids, monkeypatch, bound):
    monkeypatch.setattr(handlers, bound, 4)
    answer = await measured.ask("history_get")
    assert not answer["success"]
    assert {"MOST_ITEMS": "(5 items)", "MOST_BYTES": "(5 items, 0.0 MB)"}[bound] in answer["msg"]
    assert "'limit'" in answer["msg"]
    assert "'before'" in answer["msg"]
    assert await uids(limit=1) == ["u4"]  # one item is sent, however large
    monkeypatch.undo()
    assert len(await uids()) == 5


async def test_a_page_that_is_too_large_is_refused(measured, monkeypatch):
    monkeypatch.setattr(handlers, "MOST_BYTES", 100)
    answer = await measured.ask("history_get", limit=2)
    assert "Send a smaller 'limit' than 2" in answer["msg"]


async def test_the_history_is_cleared_by_size_or_up_to_an_item_but_not_by_both(measured):
    answer = await measured.ask("history_clear", size=1, item_uid="u1")
    assert (answer["success"], "'size' and 'item_uid' are mutually exclusive" in answer["msg"]) == (False, True)
    before = await measured.do("status")
    await measured.do("history_clear", item_uid="nowhere")
    assert (await measured.do("status"))["plan_history_uid"] == before["plan_history_uid"]
    await measured.do("history_clear", item_uid="u1")
    assert [item["item_uid"] for item in (await measured.do("history_get"))["items"]] == ["u2", "u3", "u4"]
    await measured.do("history_clear", size=1)
    assert [item["item_uid"] for item in (await measured.do("history_get"))["items"]] == ["u4"]


async def test_the_status_lists_the_parameters_that_others_do_not_have(manager):
    extensions = (await manager.do("status"))["extensions"]
    assert {"limit", "before", "exit_status", "name", "user", "since", "until", "metadata", "search"} <= set(extensions)
    assert extensions == sorted(extensions)


async def test_other_requests_are_answered_during_a_long_search(manager):
    await manager.fill(history=[{**past(n % 5), "item_uid": f"u{n}"} for n in range(50_000)])
    search = asyncio.ensure_future(manager.do("history_get", metadata={"sample": "nothing*"}, since=1, limit=5))
    answered = 0
    while not search.done():
        await manager.do("status")
        answered += 1
    assert (await search)["items"] == []
    # In how many slices: each is at most some milliseconds of work, because it covers at most 500 kB of items.
    assert answered > 20
