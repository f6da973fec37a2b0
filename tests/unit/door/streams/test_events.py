"""Events for readers who resume by number."""

import asyncio
import json

import pytest

from bluesky_qs.door.refusals import ServiceDown
from bluesky_qs.door.streams import events
from bluesky_qs.door.streams.events import EventLog, EventOutlet
from bluesky_qs.door.streams.frame import heartbeat


class Manager:
    """Numbers events, keeps the latest, publishes them to a log, and answers ``events_get``."""

    def __init__(self, kept=1000):
        self.kept = kept
        self.epoch = 0.0
        self.last = 0
        self.asked = []
        self.is_down = False
        self.gate = None
        self.log = EventLog(self.ask)

    def event(self, number):
        return json.dumps({"seq": number, "time": self.epoch + number, "type": "mode_changed"}).encode()

    def happen(self, count=1, *, published=True):
        for _ in range(count):
            self.last += 1
            if published:
                self.log.add(self.event(self.last))

    async def ask(self, method, params):
        self.asked.append(json.loads(params))
        if self.gate is not None:
            await self.gate.wait()
        if self.is_down:
            raise ServiceDown("down")
        since, limit = json.loads(params)["since"], json.loads(params)["limit"]
        first = max(1, self.last - self.kept + 1)
        start = max(first, since + 1) if since is not None else max(first, self.last - limit + 1)
        page = [json.loads(self.event(n)) for n in range(start, min(start + limit, self.last + 1))]
        return json.dumps({"success": True, "msg": "", "events": page, "last": self.last, "first": first}).encode()


async def heard(outlet, count):
    """What a reader gets: numbers of events, and other messages."""
    found = []
    for _ in range(count):
        message = json.loads((await outlet.next()).text)
        found.append(message.get("seq", message))
    return found


@pytest.fixture
def manager():
    return Manager()


@pytest.fixture
def read(manager):
    opened = []

    def reader(after=None):
        opened.append(EventOutlet(manager.log, after))
        return opened[-1]

    yield reader
    for outlet in opened:
        outlet.close()


async def test_a_new_reader_gets_what_happens_from_now_on(manager, read):
    manager.happen(3)
    outlet = read()

    manager.happen(2)

    assert await heard(outlet, 2) == [4, 5]
    assert manager.asked == []


async def test_a_reader_that_resumes_gets_what_it_has_missed_then_what_happens(manager, read):
    manager.happen(5)
    outlet = read(after=2)
    manager.happen(2)

    assert await heard(outlet, 5) == [3, 4, 5, 6, 7]
    assert manager.asked == []


async def test_events_from_before_the_door_come_from_the_service(manager, read):
    manager.happen(7, published=False)
    manager.happen(2)

    assert await heard(read(after=3), 6) == [4, 5, 6, 7, 8, 9]


async def test_events_that_happen_while_a_page_is_on_its_way_come_once(manager, read):
    manager.gate = asyncio.Event()
    manager.happen(4, published=False)
    outlet = read(after=0)
    reading = asyncio.create_task(heard(outlet, 7))
    await asyncio.sleep(0)
    manager.happen(3)

    manager.gate.set()

    assert await reading == [1, 2, 3, 4, 5, 6, 7]


async def test_a_long_past_comes_in_pages(manager, read, monkeypatch):
    monkeypatch.setattr(events, "PAGE", 10)
    manager.happen(35, published=False)
    manager.happen()

    assert await heard(read(after=0), 36) == list(range(1, 37))


async def test_events_that_are_no_longer_kept_are_reported_as_a_gap(read, manager):
    manager.kept = 5
    manager.happen(20, published=False)

    assert await heard(read(after=3), 6) == [{"type": "gap", "first": 16}, 16, 17, 18, 19, 20]


async def test_whoever_resumes_at_a_gap_does_not_hear_of_it_again(read, manager):
    manager.kept = 5
    manager.happen(20, published=False)
    gap = await read(after=3).next()

    assert await heard(read(after=gap.number), 1) == [16]


async def test_a_number_that_the_service_never_gave_is_reported_as_a_gap(manager, read):
    manager.happen(3)

    assert await heard(read(after=500), 4) == [{"type": "gap", "first": 1}, 1, 2, 3]


async def test_a_reader_may_know_of_an_event_before_the_door_does(manager, read):
    manager.happen(3)
    manager.happen(published=False)
    outlet = read(after=4)
    reading = asyncio.create_task(heard(outlet, 1))
    await asyncio.sleep(0)

    manager.log.add(manager.event(4))
    manager.happen()

    assert await reading == [5]


async def test_an_event_that_did_not_arrive_is_fetched_when_the_next_one_does(manager, read):
    manager.happen(2)
    outlet = read()
    manager.happen(3, published=False)
    manager.happen()

    assert await heard(outlet, 4) == [3, 4, 5, 6]


async def test_catching_up_finds_events_that_did_not_arrive(manager, read):
    manager.happen(2)
    outlet = read()
    manager.happen(2, published=False)

    await manager.log.catch_up()

    assert await heard(outlet, 2) == [3, 4]


@pytest.mark.parametrize("known", [0, 9], ids=["of no event before", "of events of an older store"])
async def test_events_that_arrive_after_the_reply_that_counts_them_are_no_new_numbers(manager, read, known):
    manager.happen(known)
    manager.last, manager.epoch = 0, 1000.0
    manager.happen(2, published=False)
    await manager.log.catch_up()
    outlet = read()

    manager.log.add(manager.event(1))
    manager.log.add(manager.event(2))
    manager.happen()

    assert await heard(outlet, 1) == [3]


async def test_a_service_with_a_new_store_is_noticed_by_its_next_event(manager, read):
    manager.happen(9)
    outlet = read()
    manager.last, manager.epoch = 0, 1000.0

    manager.happen(2)

    assert await heard(outlet, 3) == [{"type": "gap", "first": 1}, 1, 2]


async def test_a_service_with_a_new_store_is_noticed_when_catching_up(manager, read):
    manager.happen(9)
    outlet = read()
    manager.last, manager.epoch = 2, 1000.0

    await manager.log.catch_up()

    assert await heard(outlet, 3) == [{"type": "gap", "first": 1}, 1, 2]


async def test_a_reader_hears_heartbeats_while_the_service_cannot_be_asked(manager, read):
    manager.is_down = True
    outlet = read(after=3)
    reading = asyncio.create_task(heard(outlet, 1))
    await asyncio.sleep(0)

    outlet.beat(heartbeat(5.0, None))

    assert await reading == [{"type": "heartbeat", "time": 5.0, "age": None}]


async def test_a_reader_from_before_the_service_gets_its_first_event(manager, read, monkeypatch):
    monkeypatch.setattr(events, "RETRY", 0)
    manager.is_down = True
    outlet = read()
    reading = asyncio.create_task(heard(outlet, 2))
    await asyncio.sleep(0)

    manager.is_down = False
    manager.happen(2)

    assert await reading == [1, 2]


async def test_a_slow_reader_gets_what_the_door_no_longer_keeps_from_the_service(manager, read):
    manager.kept = 10_000
    outlet = read(after=0)

    manager.happen(events.KEPT + 500)

    assert await heard(outlet, events.KEPT + 500) == list(range(1, events.KEPT + 501))


async def test_a_service_that_refuses_to_give_its_events_is_asked_again_later(read, monkeypatch):
    monkeypatch.setattr(events, "RETRY", 0)
    replies = [{"success": False, "msg": "not now"}, {"events": [], "last": 4, "first": 1}]
    is_asked_again = asyncio.Event()

    async def ask(method, params):
        reply = replies.pop(0)
        if not replies:
            is_asked_again.set()
        return json.dumps(reply).encode()

    log = EventLog(ask)
    outlet = EventOutlet(log, 4)
    reading = asyncio.create_task(heard(outlet, 1))
    await is_asked_again.wait()
    log.add(b'{"seq": 5, "time": 1.0, "type": "mode_changed"}')

    assert await reading == [5]
    outlet.close()
