"""Topics and payloads of the info socket.

A message has two frames: a topic and a payload. Payloads are objects in the service's encoding.

============  =================================================================================
Topic         Payload
============  =================================================================================
QS_Console    ``{"time", "msg", "seq"}``: a piece of console output, pieces numbered from 1
QS_Info       ``{"time", "msg": {"status": …}}``: at every change and at least once a second
QS_Event      an event: ``{"seq", "time", "type", …}``
QS_Document   ``{"time", "item_uid", "name", "doc"}``: a document of the running plan; for an event with NaN or
              infinities, which are null in the document, also ``"not_finite": {FIELD: "nan"}``; for an event with
              values that are too large, which are null too, ``"omitted": [FIELD]``
QS_Progress   ``{"time", "item_uid", "devices": [{"name", …}]}``: the devices that the plan waits for
============  =================================================================================
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from bluesky_qs.wire.codec import Encoding, encode

CONSOLE = b"QS_Console"
INFO = b"QS_Info"
EVENT = b"QS_Event"
DOCUMENT = b"QS_Document"
PROGRESS = b"QS_Progress"

#: Seconds without a change after which `INFO` is published again.
INFO_PERIOD = 1.0


class ConsoleMessage(msgspec.Struct):
    """A piece of console output. A piece that ends with a newline may have several lines."""

    time: float
    msg: str
    seq: int


_console_json = msgspec.json.Encoder()
_console_msgpack = msgspec.msgpack.Encoder()


def console_payload(message: ConsoleMessage, encoding: Encoding = "json") -> bytes:
    """Return the payload for a console message."""
    return (_console_json if encoding == "json" else _console_msgpack).encode(message)


def status_payload(status: Any, encoding: Encoding = "json") -> bytes:
    """Return the payload with the status object."""
    return encode({"time": time.time(), "msg": {"status": status}}, encoding)


def info_payload(message: Any, encoding: Encoding = "json") -> bytes:
    """Return the payload with another message for the topic `INFO`."""
    return encode({"time": time.time(), "msg": message}, encoding)


def progress_payload(item_uid: str, devices: Any, encoding: Encoding = "json") -> bytes:
    """Return the payload with the devices that the plan ``item_uid`` waits for; ``devices`` may be `codec.Encoded`."""
    return encode({"time": time.time(), "item_uid": item_uid, "devices": devices}, encoding)


def document_payload(
    item_uid: str,
    name: str,
    document: Any,
    encoding: Encoding = "json",
    *,
    beside: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the payload with a document of the plan ``item_uid``; ``document`` may be `codec.Encoded`.

    ``beside`` explains the document's null values: ``not_finite`` and ``omitted``, if any.
    """
    message = {"time": time.time(), "item_uid": item_uid, "name": name, "doc": document}
    return encode({**message, **{key: value for key, value in (beside or {}).items() if value}}, encoding)


def event_payload(event: Any, encoding: Encoding = "json") -> bytes:
    """Return the payload with an event."""
    return encode(event, encoding)
