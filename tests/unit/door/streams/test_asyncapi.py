"""The document about the streams says what the door does."""

import json

import jsonschema
import pytest

from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.streams import ends
from bluesky_qs.door.streams.asyncapi import document
from bluesky_qs.door.streams.frame import dropped, gap, heartbeat
from bluesky_qs.door.streams.hub import Streams

DOCUMENT = document()


def references(value):
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def found(reference):
    value = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return value


def check(message, name):
    payload = found(f"#/components/messages/{name}/payload")
    jsonschema.validate(message, {"components": DOCUMENT["components"], **payload})


def test_every_reference_leads_somewhere():
    for reference in set(references(DOCUMENT)):
        assert found(reference), reference


def test_each_channel_is_a_route_of_the_door_and_each_stream_has_one():
    door = Door(DoorSettings(), Accounts)
    paths = [route.path for route in ends.routes(door, Streams(door))]
    served = {path for path in paths if not path.startswith("/api/instruments/")}

    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == served


@pytest.mark.parametrize(
    ("frame", "name"), [(heartbeat(1.0, None), "Heartbeat"), (gap(3), "Gap"), (dropped(3), "Dropped")]
)
def test_messages_of_the_door_are_as_the_document_says(frame, name):
    check(json.loads(frame.text), name)


async def test_messages_of_a_service_are_as_the_document_says(manager, listen):
    status, events = await listen("/status/ws"), await listen("/events/ws")

    await manager.open()

    check(await status.next(), "StatusMessage")
    check(await events.next(), "Event")
    with pytest.raises(jsonschema.ValidationError):
        check(await events.next(), "StatusMessage")
