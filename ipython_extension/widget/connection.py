"""One browser that shows a view: a comm, over which it sends requests and gets what the service publishes."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Protocol

from bluesky_qs.client.transport import RESUMED, Message
from bluesky_qs.wire.codec import encode, standard_json
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, EVENT, INFO

#: The names of the topics in the messages to the browser, as those of the page.
TOPICS = {INFO: "status", EVENT: "event", DOCUMENT: "documents", CONSOLE: "console", RESUMED: "resumed"}

#: Answers a request: method, parameters, and the id with which it may be sent again.
Answer = Callable[[str, Mapping[str, Any], str | None], dict[str, Any]]


class Comm(Protocol):
    """The part of a comm of ipykernel that is used here."""

    handle_msg: Callable[[dict[str, Any]], None]

    def send(self, data: dict[str, Any]) -> None:
        """Send a message to the browser."""
        ...

    def on_close(self, callback: Callable[[dict[str, Any]], object]) -> None:
        """Call a function when the browser closes the comm."""
        ...

    def close(self) -> None:
        """Close the comm in the browser too."""
        ...


class Connection:
    """A comm that a browser has opened.

    Messages have one key, ``json``, with JSON text: the service's values may not be what ipykernel accepts.

    Parameters
    ----------
    listens
        Called when the browser begins to listen to a topic.
    closed
        Called when the browser has closed the comm.

    Attributes
    ----------
    heard
        When the browser gave a sign of life, by a monotonic clock.
    waits_for_cells
        Whether its requests wait while the kernel runs a cell. They do not if the browser sends them to a subshell.
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
        # ipykernel handles a request of the browser in the subshell from whose context the comm sent its last message.
        # The context of another thread stands for the running cell: the request would wait until the cell ends.
        self._context = copy_context()
        #: Topics beside events and status, which all browsers get.
        self._topics: set[str] = set()
        self.heard = time.monotonic()
        self.waits_for_cells = threading.current_thread() is threading.main_thread()
        # Not `on_msg`: that would trigger `post_execute` in this thread, and matplotlib would then show the unfinished
        # figures of the cell that is running.
        comm.handle_msg = lambda message: self._take(message["content"]["data"])
        comm.on_close(lambda _message: self._end(closed))

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message, from any thread."""
        text = standard_json(encode(message)).decode()
        with self._guard:
            if not self._is_closed:
                self._context.run(self._comm.send, {"json": text})

    def publish(self, batch: Sequence[Message]) -> None:
        """Send published messages; of several statuses only the last."""
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
