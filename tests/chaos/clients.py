"""The clients of a chaos run. Each sends requests until it is told to stop, and repeats those without an answer."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import zmq
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.chaos.record import Record

WHO = {"user": "tester", "user_group": "primary"}
#: Seconds after which a client sends a request again, and after which a request without an answer is a violation.
PATIENCE, BOUND = 2.0, 45.0


class Caller:
    """One client's connection to the service; used in one thread."""

    def __init__(self, address: str, record: Record) -> None:
        self._address = address
        self._record = record
        self._context = zmq.Context.instance()
        self._socket: zmq.Socket[bytes] | None = None

    def ask(self, method: str, patience: float = PATIENCE, **params: Any) -> dict[str, Any] | None:
        """Send a request again and again until it is answered; None if that takes too long, which is a violation."""
        frame = json.dumps({"method": method, "params": params}).encode()
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < BOUND:
            if (answer := self._once(frame, patience)) is not None:
                self._record.answered(method, time.monotonic() - begin)
                return answer
        self._record.violation(f"no answer to {method} in {elapsed:.0f} s")
        return None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None

    def _once(self, frame: bytes, patience: float) -> dict[str, Any] | None:
        if self._socket is None:
            self._socket = self._context.socket(zmq.REQ)
            self._socket.connect(self._address)
        self._socket.send(frame)
        if self._socket.poll(patience * 1000):
            return json.loads(self._socket.recv())
        self.close()
        return None


class Client(threading.Thread):
    """Does the same again and again, with a pause in between."""

    pause = 0.02

    def __init__(self, name: str, address: str, record: Record, over: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.caller = Caller(address, record)
        self.record = record
        self.over = over
        self.number = 0

    def run(self) -> None:
        try:
            while not self.over.wait(self.pause):
                self.once()
        except Exception as error:
            self.record.violation(f"client {self.name} failed: {error!r}")
            raise
        finally:
            self.caller.close()

    def once(self) -> None:
        raise NotImplementedError

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self.caller.ask(method, **params) or {"success": False, "msg": "no answer"}

    def item(self, **kwargs: Any) -> dict[str, Any]:
        """The next item of this client."""
        self.number += 1
        return {"item_type": "plan", "name": "note", "args": [f"{self.name}-{self.number}"], "kwargs": kwargs}

    def acknowledge(self, answer: dict[str, Any], *items: dict[str, Any]) -> bool:
        """Note whether items were added."""
        marks = [item["args"][0] for item in items]
        if answer["success"]:
            self.record.added[self.name] += marks
        elif answer["msg"] != "no answer":
            self.record.refused.update(marks)
        return answer["success"]


class Adder(Client):
    """Adds items to the back of the queue, one or several at a time, as long as the queue is short."""

    def once(self) -> None:
        status = self.ask("status")
        if status.get("items_in_queue", 1000) > 60:
            self.over.wait(0.2)
            return
        items = [self.item() for _ in range(1 + 2 * (self.number % 4 == 0))]
        request = {"request_id": items[0]["args"][0], **WHO}
        if len(items) == 1:
            answer = self.ask("queue_item_add", item=items[0], **request)
        else:
            answer = self.ask("queue_item_add_batch", items=items, **request)
        self.acknowledge(answer, *items)


class Remover(Client):
    """Adds items and removes them at once."""

    pause = 0.2

    def once(self) -> None:
        item = self.item()
        mark = item["args"][0]
        answer = self.ask("queue_item_add", item=item, request_id=mark, **WHO)
        if self.acknowledge(answer, item):
            uid = answer["item"]["item_uid"]
            if self.ask("queue_item_remove", uid=uid, request_id=f"remove {mark}")["success"]:
                self.record.removed.add(mark)


class Reader(Client):
    """Looks at queue and history; no item may be in two places."""

    pause = 0.2

    def once(self) -> None:
        queue = self.ask("queue_get")
        uids = [item["item_uid"] for item in queue.get("items", [])]
        if len(uids) != len(set(uids)):
            self.record.violation("an item is in the queue twice")
        self.ask("history_get", limit=5)
        self.ask("events_get", limit=20)


class DryRunner(Client):
    """Requests dry runs while all of this goes on. They may be refused, but must be answered."""

    pause = 0.3

    def once(self) -> None:
        self.caller.ask("item_dry_run", patience=15.0, item=self.item(), timeout=3.0, **WHO)
        self.caller.ask("queue_dry_run", patience=15.0, timeout=3.0, **WHO)


class Keeper(Client):
    """Keeps the environment open and the queue running, as an operator at night would."""

    pause = 0.1

    def once(self) -> None:
        status = self.ask("status")
        if status.get("manager_state") != "idle":
            return
        if not status["worker_environment_exists"]:
            self.ask("environment_open")
        elif not status["queue_autostart_enabled"]:
            self.ask("queue_autostart", enable=True)


class EventReader(threading.Thread):
    """Follows the events at the door, which is killed and frozen too: each number comes once, in order."""

    def __init__(self, url: str, key: str, record: Record, over: threading.Event) -> None:
        super().__init__(name="events", daemon=True)
        self._url = url.replace("http", "ws", 1) + "/events/ws"
        self._headers = {"Authorization": f"ApiKey {key}"}
        self._record = record
        self._over = over
        self.last = 0

    def run(self) -> None:
        while not self._over.wait(0.1):
            try:
                with connect(
                    f"{self._url}?after={self.last}", additional_headers=self._headers, open_timeout=3, proxy=None
                ) as stream:
                    self._follow(stream.recv)
            except (OSError, TimeoutError, WebSocketException):
                continue

    def _follow(self, receive: Callable[..., str | bytes]) -> None:
        """Read until the connection is lost, or silent for longer than between two heartbeats."""
        while not self._over.is_set():
            message = json.loads(receive(timeout=4))
            if message.get("type") == "gap":
                self._record.violation(f"the stream of events has a gap after {self.last}")
                self.last = message["first"] - 1
            elif "seq" in message:
                if message["seq"] != self.last + 1:
                    self._record.violation(f"event {message['seq']} came after {self.last}")
                self.last = message["seq"]
