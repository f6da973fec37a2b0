"""Payloads of the information socket."""

import json
import time

import msgspec
import pytest

from bluesky_qs.wire import info
from bluesky_qs.wire.codec import Encoded

MESSAGE = info.ConsoleMessage(1.5, "text\r\n", 7)


def test_console_payload_is_an_object_in_either_encoding():
    expected = {"time": 1.5, "msg": "text\r\n", "seq": 7}
    assert json.loads(info.console_payload(MESSAGE)) == expected
    assert msgspec.msgpack.decode(info.console_payload(MESSAGE, "msgpack")) == expected


@pytest.mark.parametrize("status", [{"manager_state": "idle"}, Encoded(b'{"manager_state": "idle"}')])
def test_status_payload_carries_the_status_and_the_time(status):
    payload = json.loads(info.status_payload(status))
    assert payload["msg"] == {"status": {"manager_state": "idle"}}
    assert abs(payload["time"] - time.time()) < 60


def test_document_payload_names_item_and_document():
    payload = json.loads(info.document_payload("uid", "start", Encoded(b'{"plan_name": "count"}')))
    assert payload["item_uid"] == "uid"
    assert payload["name"] == "start"
    assert payload["doc"] == {"plan_name": "count"}
