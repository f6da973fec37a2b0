"""The client for asyncio: the methods of the blocking one, to be awaited."""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import zmq
import zmq.asyncio

from bluesky_qs.api.method import Method
from bluesky_qs.client import failures
from bluesky_qs.client.aio_info import ConsoleMonitor, DocumentMonitor, Monitor, Waiting
from bluesky_qs.client.base import Client
from bluesky_qs.client.control import connected
from bluesky_qs.client.methods_aio import Methods
from bluesky_qs.client.requests import decode_response, encode_request
from bluesky_qs.client.settings import Settings


class Control:
    """Exchanges frames with the service; tasks that ask at the same time use sockets of their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: zmq.asyncio.Context | None = None
        self._idle: list[Any] = []

    async def exchange(self, frame: bytes) -> bytes:
        """Send one request and return its answer.

        Raises
        ------
        TimeoutError
            No answer within the settings' ``timeout_recv``.
        ClientClosedError
            Another task closed the client meanwhile.
        """
        socket = self._take()
        context = self._context
        answered = False
        try:
            await socket.send(frame)
            answer = await socket.recv()
            answered = True
        except zmq.Again:
            raise TimeoutError from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if context is self._context or (task and task.cancelling()):
                raise
            raise failures.ClientClosedError from None  # closing a socket cancels who waits for it
        finally:
            # A socket whose answer did not come, also because the task was cancelled, would wait for it for ever.
            if answered and context is self._context:  # otherwise the client was closed meanwhile
                self._idle.append(socket)
            else:
                socket.close(linger=0)
        return answer

    def close(self) -> None:
        """Close the sockets and end 0MQ's threads; the next request opens them again."""
        idle, self._idle = self._idle, []
        for socket in idle:
            socket.close(linger=0)
        context, self._context = self._context, None
        if context is not None:
            context.destroy(linger=0)

    def _take(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # sockets belong to the loop in which they were made
            self.close()
            self._loop = loop
        if self._idle:
            return self._idle.pop()
        if self._context is None:
            self._context = zmq.asyncio.Context()
        return connected(self._context, self._settings)


class REManagerAPI(Methods, Client, Waiting):
    """The Queue Server, one coroutine per 0MQ method; answers are the dictionaries that the service sends.

    Parameters, settings and errors are those of `bluesky_qs.REManagerAPI`.

    Examples
    --------
    >>> async with REManagerAPI() as RM:
    ...     await RM.queue_item_add(BPlan("count", ["det1"], num=5))
    ...     await RM.queue_start()
    ...     await RM.wait_for_idle()
    """

    transport = Control
    _control: Control

    async def send_request(self, *, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send any request as it is, nothing filled in."""
        sent = dict(params or {})
        return self.checked(method, sent, (await self._exchange(method, sent))[1])

    async def ask(self, method: Method[..., Any], params: dict[str, Any]) -> Any:
        """Send the request of a method of the table, with user, group and lock key filled in."""
        sent, _, response = await self._ask(method, params)
        return self.checked(method.name, sent, response)

    async def ask_cached(
        self, method: Method[..., Any], params: dict[str, Any], uid: str | None, *, reload: bool
    ) -> Any:
        """`ask`, but with the answer at hand if the status still shows its ``uid``."""
        if uid is None:
            return await self.ask(method, params)
        if not reload:
            status = await self.status()
            if (answer := self._answers.recall(method, params, status.get(uid))) is not None:
                return answer
        sent, frame, response = await self._ask(method, params)
        self._answers.keep(method, params, response.get(uid), frame)
        return self.checked(method.name, sent, response)

    @cached_property
    def console_monitor(self) -> ConsoleMonitor:
        """Console output of the service, collected from ``console_monitor.enable()`` on."""
        limits = self._monitor_limits
        return ConsoleMonitor(self.settings, max_messages=limits[0], max_lines=limits[1])

    @cached_property
    def system_info_monitor(self) -> Monitor:
        """The status whenever it is published, collected from ``system_info_monitor.enable()`` on."""
        return Monitor(self.settings, max_messages=self._monitor_limits[2])

    @cached_property
    def documents(self) -> DocumentMonitor:
        """Documents of running plans: ``RM.documents.subscribe(callback)`` as with ``RE.subscribe``."""
        return DocumentMonitor(self.settings)

    async def close(self) -> None:
        """Close the sockets. A later call opens them again."""
        for name in ("console_monitor", "system_info_monitor", "documents"):
            if name in vars(self):  # one that was never looked at must not be made for this
                await getattr(self, name).disable_wait()
        self._control.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, method: Method[..., Any], params: dict[str, Any]) -> tuple[dict[str, Any], bytes, Any]:
        """What was sent in the end, and the answer to it as bytes and as a dictionary."""
        sent = self.identity.fill(method, params)
        frame, response = await self._exchange(method.name, sent)
        if again := self.identity.retry(params, sent, response):
            second_frame, second = await self._exchange(method.name, again)
            if self.identity.settle(again, second):
                return again, second_frame, second
        return sent, frame, response

    async def _exchange(self, name: str, params: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        request = encode_request(name, params, self.settings.encoding)
        try:
            frame = await self._control.exchange(request)
        except TimeoutError:
            raise failures.no_answer(self.settings, {"method": name, "params": params}) from None
        return frame, decode_response(frame, self.settings.encoding)
