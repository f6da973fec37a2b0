"""The console output that the door keeps, and what readers get of it."""

import asyncio
import json

import pytest

from bluesky_qs.door.refusals import ServiceDown
from bluesky_qs.door.streams import console as module
from bluesky_qs.door.streams.console import Console
from bluesky_qs.door.streams.outlet import QueueOutlet
from bluesky_qs.supervisor.record import Record


class Service:
    """Prints; publishes if told so; answers ``console_get``."""

    def __init__(self):
        self.now = 100.0
        self.record = Record()
        self.asked = []
        self.gate = None
        self.console = Console(self.ask, now=lambda: 100.0)
        self.reader = QueueOutlet(self.console.channel, tells=False)

    def say(self, text, *, published=True):
        self.now += 1.0
        message = self.record.add(text, self.now)
        if published:
            self.console.add(message)

    async def ask(self, method, params):
        params = json.loads(params)
        self.asked.append(params["since"])
        if self.gate is not None:
            await self.gate.wait()
        page = self.record.page(params["since"], params["limit"])
        return b'{"success": true, "messages": [' + b",".join(page.messages) + b'], "last": %d}' % page.last

    def restart(self):
        self.record = Record()

    @property
    def heard(self):
        texts = []
        while (frame := self.reader.take()) is not None:
            texts.append(json.loads(frame.text)["msg"])
        return texts

    @property
    def kept(self):
        return [json.loads(bytes(message))["msg"] for message in self.console.update("ALL")["console_output_msgs"]]


@pytest.fixture
async def service():
    service = Service()
    await service.console.catch_up()
    return service


async def test_readers_get_time_and_text_and_nothing_else(service):
    service.say("héllo\n")

    assert service.reader.take().text == '{"time": 101.0, "msg": "h\\u00e9llo\\n"}'


async def test_what_was_printed_before_the_door_is_kept_but_not_passed_on():
    service = Service()
    service.now = 50.0
    service.say("old\n", published=False)

    await service.console.catch_up()

    assert service.kept == ["old\n"]
    assert service.heard == []


async def test_what_was_printed_while_the_service_could_not_be_asked_comes_after_what_was_before():
    service = Service()
    service.say("first\n", published=False)
    service.say("second\n")
    assert service.heard == []

    await service.console.catch_up()

    assert service.heard == ["first\n", "second\n"]


async def test_a_message_that_did_not_arrive_is_fetched_before_the_next_one(service):
    service.say("a\n")
    service.say("b\n", published=False)
    service.say("c\n")
    assert service.heard == ["a\n"]
    assert service.console.is_behind

    await service.console.catch_up()

    assert service.heard == ["b\n", "c\n"]


async def test_messages_that_come_while_missing_ones_are_fetched_come_once_and_in_order(service):
    service.say("a\n")
    service.say("b\n", published=False)
    service.say("c\n")
    service.gate = asyncio.Event()
    fetching = asyncio.create_task(service.console.catch_up())
    await asyncio.sleep(0)
    service.say("d\n")

    service.gate.set()
    await fetching
    service.say("e\n")

    assert service.heard == ["a\n", "b\n", "c\n", "d\n", "e\n"]


async def test_messages_do_not_wait_for_a_service_that_cannot_be_asked(service, monkeypatch):
    async def refuse(method, params):
        raise ServiceDown("down")

    service.say("a\n")
    service.say("b\n", published=False)
    service.say("c\n")
    monkeypatch.setattr(service.console, "_ask", refuse)

    with pytest.raises(ServiceDown):
        await service.console.catch_up()

    assert service.heard == ["a\n", "c\n"]


async def test_a_service_that_was_restarted_begins_its_numbers_anew(service):
    for text in ("a\n", "b\n", "c\n"):
        service.say(text)
    service.restart()
    service.say("d\n")
    await service.console.catch_up()
    service.say("e\n")

    assert service.heard == ["a\n", "b\n", "c\n", "d\n", "e\n"]
    assert service.kept == ["a\n", "b\n", "c\n", "d\n", "e\n"]


async def test_a_restart_is_noticed_even_after_as_many_messages_as_before(service):
    for text in ("a\n", "b\n"):
        service.say(text, published=False)
    await service.console.catch_up()
    service.restart()
    for text in ("c\n", "d\n", "e\n"):
        service.say(text, published=False)

    await service.console.catch_up()

    assert service.heard == ["a\n", "b\n", "c\n", "d\n", "e\n"]


async def test_long_output_is_fetched_in_pages(service, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 10)
    service.say("0")
    for number in range(1, 36):
        service.say(str(number), published=False)

    await service.console.catch_up()

    assert service.heard == [str(number) for number in range(36)]


async def test_an_update_has_what_came_after_the_known_message(service):
    service.say("a\n")
    known = service.console.update("ALL")["last_msg_uid"]
    service.say("b\n")
    service.say("c\n")

    update = service.console.update(known)

    assert [json.loads(bytes(message))["msg"] for message in update["console_output_msgs"]] == ["b\n", "c\n"]
    assert update["last_msg_uid"] == service.console.uid != known
    assert service.console.update(service.console.uid)["console_output_msgs"] == []


async def test_an_update_for_an_unknown_uid_has_only_the_newest_uid(service):
    service.say("a\n")

    update = service.console.update("no such uid")

    assert update["console_output_msgs"] == []
    assert update["last_msg_uid"] == service.console.uid


async def test_two_doors_give_a_message_the_same_uid(service):
    service.say("a\n", published=False)
    other = Console(service.ask, now=lambda: 100.0)
    await other.catch_up()
    await service.console.catch_up()

    assert other.uid == service.console.uid != "0"


async def test_only_the_latest_messages_are_kept(service, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    for text in "abcde":
        service.say(text)

    assert service.kept == ["c", "d", "e"]


async def test_kept_messages_are_limited_by_their_size(service, monkeypatch):
    monkeypatch.setattr(module, "SIZE", len('{"time": 101.0, "msg": "aaaa"}') * 5 // 2)
    for text in ("aaaa", "bbbb", "cccc"):
        service.say(text)

    assert service.kept == ["bbbb", "cccc"]


async def test_the_text_is_what_a_terminal_would_show(service):
    service.say("first\nold progress\rnew progress\n")
    service.say("last\n")

    assert service.console.text(2) == "new progress\nlast\n"
    assert service.console.text(0) == ""
    service.say("more")
    assert service.console.text(1) == "more"
