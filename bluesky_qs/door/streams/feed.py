"""The published messages of one service: one socket, read by the event loop, and all readers of its streams."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
import zmq

from bluesky_qs.door.refusals import HTTPRefusal
from bluesky_qs.door.service import Service
from bluesky_qs.door.streams.console import Console
from bluesky_qs.door.streams.events import EventLog
from bluesky_qs.door.streams.frame import Frame, heartbeat
from bluesky_qs.door.streams.outlet import Channel
from bluesky_qs.door.streams.readings import ReadingsOutlet
from bluesky_qs.wire.codec import DecodeError, decode, encode, standard_json
from bluesky_qs.wire.control import client_socket
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, EVENT, INFO, INFO_PERIOD, PROGRESS, ConsoleMessage

log = logging.getLogger(__name__)

#: Maximum number of messages to handle before other tasks get a turn.
AT_ONCE = 100
#: Seconds without a message after which messages may have been missed.
SILENCE = 2.5 * INFO_PERIOD
#: Seconds for which console output waits for missing earlier output.
HOLD = 0.5
#: Seconds between checks that all events have arrived, while there are readers.
RECHECK = 10.0

_console = msgspec.json.Decoder(ConsoleMessage)


class Feed:
    """The published messages of a service.

    Attributes
    ----------
    console, events
        The kept messages, and their readers.
    status, info, documents, progress
        The readers of these topics.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.console = Console(service.ask)
        self.events = EventLog(service.ask)
        self.status, self.info, self.documents, self.progress = Channel(), Channel(), Channel(), Channel()
        self._watching: set[ReadingsOutlet] = set()
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            CONSOLE: self._on_console,
            DOCUMENT: lambda payload: _pass_on(self.documents, payload),
            EVENT: self.events.add,
            INFO: self._on_info,
            PROGRESS: lambda payload: _pass_on(self.progress, payload),
        }
        self._socket: Any = None
        self._heard = float("-inf")
        self._may_have_missed = True
        self._checked = float("-inf")
        self._catching_up: asyncio.Task[None] | None = None

    def open(self, context: "zmq.Context[Any]") -> None:
        """Subscribe, in the running loop, even if the service is not running yet."""
        self._socket = client_socket(context, self._service.settings.info_addr, kind=zmq.SUB, rcvhwm=0)
        for topic in self._handlers:
            self._socket.subscribe(topic)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        self._read()

    def close(self) -> None:
        """End the subscription."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close(linger=0)
            self._socket = None
        if self._catching_up is not None:
            self._catching_up.cancel()

    def watch(self, names: tuple[str, ...], user_group: str) -> ReadingsOutlet:
        """The readings of these devices, for a user of this group."""
        return ReadingsOutlet(self._service.ask, names, user_group, self._watching)

    def dropped(self) -> dict[str, int]:
        """For each stream, how many messages slow readers have missed. Readers of events miss none."""
        channels = {
            "console_output": self.console.channel,
            "status": self.status,
            "info": self.info,
            "documents": self.documents,
            "progress": self.progress,
        }
        return {name: channel.dropped for name, channel in channels.items()}

    def tick(self) -> None:
        """Do the work that is due each second: heartbeats, readings, and checks for missed messages."""
        now = time.monotonic()
        age = self._service.last_message_age()
        beat = heartbeat(time.time(), age if age < float("inf") else None)
        for outlet in (*self.events.outlets, *self.documents.outlets, *self.progress.outlets, *self._watching):
            outlet.beat(beat)
        for watching in self._watching:
            watching.tick()
        if self.events.outlets and now - self._checked > RECHECK:
            self._may_have_missed = True
        if self.console.is_behind and not self._service.reachable:
            self.console.release()
        self._look_for_missed()

    async def refresh_console(self) -> None:
        """Get new console output, if the service does not publish it and answers requests."""
        if not self.console.is_published:
            self.console.is_behind = True
            self._look_for_missed()
            if self._catching_up is not None:
                await asyncio.wait([self._catching_up])

    def _look_for_missed(self) -> None:
        """Request missed messages from the service, unless this is in progress or there is no connection."""
        if not self.console.is_published and self.console.channel.outlets:
            self.console.is_behind = True
        if not (self._may_have_missed or self.console.is_behind) or not self._service.reachable:
            return
        if self._catching_up is None:
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())
            self._catching_up.add_done_callback(self._caught_up)

    async def _catch_up(self) -> None:
        if self._may_have_missed:
            self._may_have_missed = False
            self._checked = time.monotonic()
            self.console.is_behind = True
            try:
                await self.events.catch_up()
            except (HTTPRefusal, msgspec.MsgspecError) as error:
                self._may_have_missed = True
                log.debug("No events from %s: %s", self._service.name, error)
        if self.console.is_behind:
            try:
                async with asyncio.timeout(HOLD):
                    await self.console.catch_up()
            except (HTTPRefusal, msgspec.MsgspecError, TimeoutError) as error:
                log.debug("No console output from %s: %s", self._service.name, error)

    def _caught_up(self, task: "asyncio.Task[None]") -> None:
        self._catching_up = None
        if not task.cancelled() and (error := task.exception()):
            log.error("The streams of %s may be missing messages", self._service.name, exc_info=error)

    def _read(self) -> None:
        """Handle the messages that have arrived. 0MQ announces new ones only after all earlier ones have been read."""
        for _ in range(AT_ONCE):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._handle(frames)
        asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._socket is not None:
            self._read()

    def _handle(self, frames: list[bytes]) -> None:
        handler = self._handlers.get(frames[0])
        if handler is None:
            return
        now = time.monotonic()
        if now - self._heard > SILENCE:
            self._may_have_missed = True
            self._look_for_missed()
        self._heard = now
        if frames[0] != CONSOLE:  # console output does not come from the manager
            self._service.published()
        payload = frames[-1]
        try:
            if self._service.settings.encoding == "msgpack":
                payload = encode(decode(payload, "msgpack"))
            handler(standard_json(payload))
        except (DecodeError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            # The message cannot be repaired, and one malformed message must not end the streams.
            log.warning("Ignored a published message from %s: %s", self._service.name, error)

    def _on_console(self, payload: bytes) -> None:
        self.console.add(_console.decode(payload))
        if self.console.is_behind:
            self._look_for_missed()

    def _on_info(self, payload: bytes) -> None:
        message = decode(payload)
        body = message["msg"] if isinstance(message, dict) else None
        if not isinstance(body, dict):
            return
        frame = Frame(payload.decode())
        self.info.put(frame)
        status = body.get("status")
        if isinstance(status, dict):
            self._service.published(status)
            if len(body) > 1:
                frame = Frame(json.dumps({"time": message["time"], "msg": {"status": status}}))
            self.status.put(frame)


def _pass_on(channel: Channel, payload: bytes) -> None:
    if channel.outlets:
        channel.put(Frame(payload.decode()))
