"""The connection to a browser that shows a view. The browser sends requests and gets what the service publishes."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Protocol

from bluesky_qs.client.transport import RESUMED, Message
from bluesky_qs.wire.codec import encode, standard_json
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, EVENT, INFO

#: The topic names in messages to the browser; they are the same as in the page.
TOPICS = {INFO: "status", EVENT: "event", DOCUMENT: "documents", CONSOLE: "console", RESUMED: "resumed"}

#: A function that answers a request. It takes the method, the parameters, and the id for sending the request again.
Answer = Callable[[str, Mapping[str, Any], str | None], dict[str, Any]]


class Comm(Protocol):
    """The part of ipykernel's comm that is used here."""

    handle_msg: Callable[[dict[str, Any]], None]

    def send(self, data: dict[str, Any]) -> None:
        """Send a message to the browser."""
        ...

    def on_close(self, callback: Callable[[dict[str, Any]], object]) -> None:
        """Call a function when the browser closes the comm."""
        ...

    def close(self) -> None:
        """Close the comm, also in the browser."""
        ...


class Connection:
    """A comm that a browser has opened.

    Each message has one key, ``json``, which contains JSON text, because ipykernel may not accept the service's values.

    Parameters
    ----------
    listens
        Called when the browser begins to listen to a topic.
    closed
        Called when the browser has closed the comm.

    Attributes
    ----------
    heard
        When the browser last sent a message, by a monotonic clock.
    waits_for_cells
        Whether the browser's requests wait while the kernel runs a cell. They do not if it sends them to a subshell.
    """

    def __init__(
        self,
        comm: Comm,
        pool: Executor,
        answer: Answer,
        *,
        listens: Callable[[str], object],
        closed: Callable[["Connection"], object],
    ) -> None:
        self._comm = comm
        self._pool = pool
        self._answer = answer
        self._listens = listens
        self._guard = threading.Lock()
        self._is_closed = False
        # ipykernel handles a browser's request in the subshell from whose context the comm sent its last message. The
        # context of another thread would stand for the running cell, and the request would wait until the cell ends.
        self._context = copy_context()
        #: Topics besides events and the status, which all browsers get.
        self._topics: set[str] = set()
        self.heard = time.monotonic()
        self.waits_for_cells = threading.current_thread() is threading.main_thread()
        # Not `on_msg`: that would trigger `post_execute` in this thread, and matplotlib would then show the unfinished
        # figures of the cell that is running.
        comm.handle_msg = lambda message: self._take(message["content"]["data"])
        comm.on_close(lambda _message: self._end(closed))

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message. Any thread may call this."""
        text = standard_json(encode(message)).decode()
        with self._guard:
            if not self._is_closed:
                self._context.run(self._comm.send, {"json": text})

    def publish(self, batch: Sequence[Message]) -> None:
        """Send published messages. If there are several statuses, send only the last."""
        named = [(TOPICS[message.topic], message.payload) for message in batch]
        named = [(topic, payload) for topic, payload in named if topic != "status" or "status" in payload["msg"]]
        last = max((at for at, (topic, _) in enumerate(named) if topic == "status"), default=None)
        wanted = {"event", "resumed"} | self._topics
        messages = [each for at, each in enumerate(named) if each[0] in wanted or at == last]
        if messages:
            self.send({"type": "news", "messages": messages})

    def close(self, message: Mapping[str, Any]) -> None:
        """Send a last message and close the comm."""
        self.send(message)
        with self._guard:
            self._is_closed = True
            self._comm.close()

    def _end(self, closed: Callable[["Connection"], object]) -> None:
        with self._guard:
            self._is_closed = True
        closed(self)

    def _take(self, data: Mapping[str, Any]) -> None:
        self.heard = time.monotonic()
        match data:
            case {"type": "request", "id": number, "method": str() as method, "params": dict() as params}:
                self._pool.submit(self._reply, number, method, params, data.get("request_id"))
            case {"type": "listen", "topic": str() as topic}:
                self._topics.add(topic)
                self._listens(topic)
            case {"type": "unlisten", "topic": str() as topic}:
                self._topics.discard(topic)
            case _:
                pass

    def _reply(self, number: object, method: str, params: Mapping[str, Any], request_id: str | None) -> None:
        self.send({"type": "reply", "id": number, **self._answer(method, params, request_id)})
