"""The asyncio client: the blocking client's methods as coroutines."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self, TypeVar

from bluesky_qs.api.method import Method
from bluesky_qs.client.authorization import Authorization
from bluesky_qs.client.base import Client, lacks_packages
from bluesky_qs.client.http_calls import HTTPCall
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.methods_aio import Methods
from bluesky_qs.client.monitor_aio import ConsoleMonitor, DocumentMonitor, Monitor
from bluesky_qs.client.over_zmq_aio import AsyncZmqTransport
from bluesky_qs.client.requests import Exchange, RequestSteps, exchanging, requesting, requesting_cached
from bluesky_qs.client.signing_in import Pause, SignInSteps
from bluesky_qs.client.steps import drive_async
from bluesky_qs.client.transport import AsyncFeed, AsyncTransport, Request
from bluesky_qs.client.waits_aio import Waiting

T = TypeVar("T")


class REManagerAPI(Methods, Client, Waiting):
    """The Queue Server, with one coroutine per 0MQ method. Each returns the service's reply as a dictionary.

    Parameters, settings and errors are those of `bluesky_qs.REManagerAPI`.

    Examples
    --------
    >>> async def count():
    ...     async with REManagerAPI() as RM:
    ...         await RM.queue_item_add(BPlan("count", ["det1"], num=5))
    ...         await RM.queue_start()
    ...         await RM.wait_for_idle()
    >>> asyncio.run(count())
    """

    transport = AsyncZmqTransport
    _transport: AsyncTransport

    async def send_request(
        self, *, method: str | Sequence[str], params: Mapping[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Send any request as it is; nothing is filled in. See the blocking client for the options over HTTP."""
        if isinstance(method, str) and not options:
            return self._checked(await self._drive(exchanging(Request(method, dict(params or {})))))
        call = self._call(method, params, options)
        return self._checked_value(call.shown, await self._http.send(call))

    async def ask(self, method: Method[..., Any], params: dict[str, Any]) -> Any:
        """Send the request of a method of the contract, with user, group and lock key filled in."""
        return self._checked(await self._drive(requesting(self.identity, self._kept_replies, method, params)))

    async def ask_cached(
        self, method: Method[..., Any], params: dict[str, Any], uid: str | None, *, reload: bool
    ) -> Any:
        """`ask`, but return the kept reply if the status still shows its ``uid``."""
        if uid is None:
            return await self.ask(method, params)
        steps = requesting_cached(self.identity, self._kept_replies, method, params, uid, reload=reload)
        outcome = await self._drive(steps)
        return self._checked(outcome) if isinstance(outcome, Exchange) else outcome

    def subscribe(self, *topics: bytes) -> AsyncFeed:
        """Subscribe to topics of the info channel in the running loop; use the feed with ``async with``."""
        return self._transport.subscribe(*topics)

    @cached_property
    def console_monitor(self) -> ConsoleMonitor:
        """Console output of the service, collected after ``console_monitor.enable()``."""
        limits = self._monitor_limits
        return ConsoleMonitor(self.subscribe, max_messages=limits[0], max_lines=limits[1])

    @cached_property
    def system_info_monitor(self) -> Monitor:
        """The published status messages, collected after ``system_info_monitor.enable()``."""
        return Monitor(self.subscribe, max_messages=self._monitor_limits[2])

    @cached_property
    def documents(self) -> DocumentMonitor:
        """Documents of running plans: ``RM.documents.subscribe(callback)`` works like ``RE.subscribe``."""
        return DocumentMonitor(self.subscribe)

    async def close(self) -> None:
        """Close the connection. A later call opens it again."""
        for name in ("console_monitor", "system_info_monitor", "documents"):
            if name in vars(self):  # a monitor that was never used must not be created for this
                await getattr(self, name).disable_wait()
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _drive(self, steps: RequestSteps[T]) -> T:
        return await drive_async(steps, self._transport.exchange)

    def _new_transport(self) -> AsyncTransport:
        if not isinstance(self.settings, HTTPSettings):
            return type(self).transport(self.settings)
        try:
            from bluesky_qs.client.over_http_aio import AsyncHTTPTransport  # noqa: PLC0415 - optional, and slow
        except ModuleNotFoundError as error:
            raise lacks_packages(error) from None

        return AsyncHTTPTransport(self.settings, self._authorization)

    @property
    def _http(self) -> Any:
        assert self.http_settings
        return self._transport

    def _sign_in(self, steps: Callable[[Authorization, HTTPSettings], SignInSteps]) -> Any:
        return drive_async(steps(self._authorization, self.http_settings), self._perform)

    async def _perform(self, step: HTTPCall | Pause) -> Any:
        return await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else self._http.send(step))
