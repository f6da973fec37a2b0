"""A message of a stream, encoded once for all readers."""

import json
from functools import cached_property
from typing import Any

from websockets.frames import Frame as WebsocketFrame
from websockets.frames import Opcode

#: Key for the encoded bytes in a message to a websocket server. A server without this extension encodes the text.
READY = "bluesky_qs.ready"
#: Name of a server extension: a function that writes encoded bytes immediately, or returns False if it cannot.
WRITE = "bluesky_qs.write"


class Frame:
    """A message.

    Parameters
    ----------
    text
        JSON text on one line.
    number
        The number by which a reader may resume after this message.
    kind
        Empty for a message from the service; otherwise the ``type`` of a message that the door added.
    """

    def __init__(self, text: str, *, number: int | None = None, kind: str = "") -> None:
        self.text = text
        self.number = number
        self.kind = kind

    @cached_property
    def ready(self) -> bytes:
        """The encoded message for a websocket."""
        return WebsocketFrame(Opcode.TEXT, self.text.encode()).serialize(mask=False)

    @cached_property
    def websocket(self) -> dict[str, Any]:
        """The message as a websocket server expects it. All readers share this object, so do not change it."""
        return {"type": "websocket.send", "text": self.text, READY: self.ready}

    @cached_property
    def server_sent(self) -> bytes:
        """The message as a Server-Sent Event. The event name of a message from the door is its type."""
        head = f"event: {self.kind}\n" if self.kind else ""
        number = "" if self.number is None else f"id: {self.number}\n"
        return f"{head}{number}data: {self.text}\n\n".encode()

    @cached_property
    def line(self) -> bytes:
        """The message as a line."""
        return f"{self.text}\n".encode()


def heartbeat(now: float, age: float | None) -> Frame:
    """A sign of life: the time, and the seconds since the manager's last message (None if there was none)."""
    message = {"type": "heartbeat", "time": now, "age": None if age is None else round(age, 3)}
    return Frame(json.dumps(message), kind="heartbeat")


def gap(first: int) -> Frame:
    """Messages before number ``first`` are missing, because they are no longer kept.

    The number of the frame is ``first`` - 1, so a reader that reconnects does not get the same gap again.
    """
    return Frame(json.dumps({"type": "gap", "first": first}), number=first - 1, kind="gap")


def dropped(count: int) -> Frame:
    """The reader was too slow and has missed this number of messages."""
    return Frame(json.dumps({"type": "dropped", "count": count}), kind="dropped")
