"""A stand-in for the service: answers from a table, on real sockets, and notes what it was asked."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from bluesky_qs.wire.codec import Encoding, decode, encode

ACCEPTED = {"success": True, "msg": ""}


class FakeService:
    """Answers each method from ``answers``: a dictionary, a function of the parameters, or None for silence."""

    def __init__(self, encoding: Encoding = "json", secret_key: bytes | None = None) -> None:
        self.encoding: Encoding = encoding
        self.status: dict[str, Any] = {"msg": "RE Manager v0", "manager_state": "idle", "plan_queue_uid": "1"}
        self.answers: dict[str, Any] = {"status": lambda _: self.status, "ping": lambda _: self.status}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.asked = threading.Condition()
        self._secret_key = secret_key
        self._context = zmq.Context()
        self._news = self._context.socket(zmq.XPUB)
        self._news.xpub_verbose = True
        self.info = f"tcp://127.0.0.1:{self._news.bind_to_random_port('tcp://127.0.0.1')}"
        self._port = 0
        self.start()

    def start(self) -> None:
        """Listen, at the same address as before."""
        self._end = threading.Event()
        # A context of its own: when it has ended the port is free again.
        self._requests_context = zmq.Context()
        socket = self._requests_context.socket(zmq.ROUTER)
        socket.linger = 0
        if self._secret_key:
            socket.curve_server = True
            socket.curve_secretkey = self._secret_key
        if self._port:
            socket.bind(f"tcp://127.0.0.1:{self._port}")
        else:
            self._port = socket.bind_to_random_port("tcp://127.0.0.1")
        self.control = f"tcp://127.0.0.1:{self._port}"
        self._thread = threading.Thread(target=self._serve, args=(socket, self._end), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._end.set()
        self._thread.join()
        self._requests_context.term()

    def close(self) -> None:
        self.stop()
        self._news.close(linger=0)
        self._context.term()

    def params(self, method: str) -> dict[str, Any]:
        """Parameters of the latest request of this method."""
        return next(params for name, params in reversed(self.requests) if name == method)

    def methods(self) -> list[str]:
        return [name for name, _ in self.requests]

    def wait_subscribed(self) -> None:
        """Return when a client has subscribed to the info channel."""
        subscribed = False
        while not subscribed:
            assert self._news.poll(10_000), "nobody subscribed"
            subscribed = self._news.recv()[0] == 1  # 0: unsubscribed

    def wait_asked(self, method: str, times: int = 1) -> None:
        with self.asked:
            assert self.asked.wait_for(lambda: self.methods().count(method) >= times, 10), f"{method} was not asked"

    def publish(self, topic: bytes, payload: dict[str, Any]) -> None:
        self._news.send_multipart([topic, encode(payload, self.encoding)])

    def publish_status(self, **changes: Any) -> None:
        self.status = {**self.status, **changes}
        self.publish(b"QS_Info", {"time": time.time(), "msg": {"status": self.status}})

    def say(self, text: str) -> None:
        self.publish(b"QS_Console", {"time": time.time(), "msg": text, "seq": 1})

    def _serve(self, socket: "zmq.Socket[bytes]", end: threading.Event) -> None:
        with socket:
            while not end.is_set():
                if not socket.poll(20):
                    continue
                *envelope, frame = socket.recv_multipart()
                request = decode(frame, self.encoding)
                method, params = request["method"], request.get("params", {})
                answer = self.answers.get(method, ACCEPTED)
                with self.asked:
                    self.requests.append((method, params))
                    self.asked.notify_all()
                if callable(answer):
                    answer = answer(params)
                if answer is not None:
                    socket.send_multipart([*envelope, encode(answer, self.encoding)])


@pytest.fixture
def new_fake():
    """Makes stand-ins that end with the test."""
    made: list[FakeService] = []

    def new(*args: Any, **kwargs: Any) -> FakeService:
        made.append(FakeService(*args, **kwargs))
        return made[-1]

    yield new
    for fake in made:
        fake.close()


@pytest.fixture
def fake(new_fake: Callable[[], FakeService]) -> FakeService:
    return new_fake()


@pytest.fixture
def clean_environment(monkeypatch):
    """No variables of a user's own."""
    for name in list(os.environ):
        if name.startswith("QSERVER_"):
            monkeypatch.delenv(name)
