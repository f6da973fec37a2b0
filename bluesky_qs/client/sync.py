"""The client for scripts, prompts and notebooks: one blocking method per 0MQ method."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from bluesky_qs.api.method import Method
from bluesky_qs.client.authorization import Authorization
from bluesky_qs.client.base import Client, lacks_packages
from bluesky_qs.client.catalogue import Catalogue, Device, plan
from bluesky_qs.client.documents import DocumentMonitor
from bluesky_qs.client.http_calls import HTTPCall
from bluesky_qs.client.http_settings import HTTPSettings
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.methods_sync import Methods
from bluesky_qs.client.monitor import ConsoleMonitor, StatusMonitor
from bluesky_qs.client.over_zmq import ZmqTransport
from bluesky_qs.client.requests import Exchange, RequestSteps, exchanging, requesting, requesting_cached
from bluesky_qs.client.signing_in import Pause, SignInSteps
from bluesky_qs.client.steps import drive
from bluesky_qs.client.transport import Closing, Feed, Request, Transport
from bluesky_qs.client.waits_sync import Waiting

T = TypeVar("T")


class REManagerAPI(Methods, Client, Waiting, Closing):
    """The Queue Server, with one method per 0MQ method. Each method returns the service's reply as a dictionary.

    Addresses, encoding and key that are not given come from ``QSERVER_ZMQ_CONTROL_ADDRESS``,
    ``QSERVER_ZMQ_INFO_ADDRESS``, ``QSERVER_ZMQ_ENCODING`` and ``QSERVER_ZMQ_PUBLIC_KEY``; the user and the group come
    from ``QSERVER_USER`` and ``QSERVER_USER_GROUP``. The first call opens the connection. Threads may share a client.

    With ``http_server_uri`` the client uses HTTP. The user and the group then come from the sign-in; see `login` and
    `set_authorization_key`.

    Parameters
    ----------
    timeout_recv, timeout_send
        Seconds to wait for a reply, and for the request to be sent.
    http_server_uri
        Address of an HTTP server, such as ``https://beamline.example``.
    http_auth_provider
        The path to which `login` sends the name and the password, such as ``/site/token``.
    http_ca_file
        The certificates to trust instead of those of the system.
    timeout, timeout_login
        Over HTTP, seconds to wait for a reply (5), and for the reply to a sign-in (60).
    request_fail_exceptions
        True raises `RequestFailedError` if the service refuses a request; False returns the refusal.
    user, user_group
        Sent with each call that needs them, unless the call sets them.
    lock_key
        Sent with each request that the lock may refuse.
    console_monitor_max_msgs, console_monitor_max_lines, system_info_monitor_max_msgs
        How many messages and lines the monitors keep.

    Examples
    --------
    >>> RM = REManagerAPI()
    >>> added = RM.queue_item_add(BPlan("count", ["det1"], num=5))
    >>> started = RM.queue_start()
    >>> RM.wait_for_idle()
    >>> RM.close()
    """

    transport = ZmqTransport
    _transport: Transport

    def send_request(
        self, *, method: str | Sequence[str], params: Mapping[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Send any request as it is; nothing is filled in.

        Over HTTP, ``method`` may also be ``(VERB, PATH)``, and there are the options ``url_params``, ``headers``,
        ``data`` (a form), ``timeout`` and ``auto_refresh_session``.
        """
        if isinstance(method, str) and not options:
            return self._checked(self._drive(exchanging(Request(method, dict(params or {})))))
        call = self._call(method, params, options)
        return self._checked_value(call.shown, self._http.send(call))

    def ask(self, method: Method[..., Any], params: dict[str, Any]) -> Any:
        """Send the request of a method of the contract, with user, group and lock key filled in."""
        return self._checked(self._drive(requesting(self.identity, self._kept_replies, method, params)))

    def ask_cached(self, method: Method[..., Any], params: dict[str, Any], uid: str | None, *, reload: bool) -> Any:
        """`ask`, but return the kept reply if the status still shows its ``uid``."""
        if uid is None:
            return self.ask(method, params)
        steps = requesting_cached(self.identity, self._kept_replies, method, params, uid, reload=reload)
        outcome = self._drive(steps)
        return self._checked(outcome) if isinstance(outcome, Exchange) else outcome

    def subscribe(self, *topics: bytes) -> Feed:
        """Subscribe to topics of the info channel, such as `bluesky_qs.wire.info.CONSOLE`; close the feed after use."""
        return self._transport.subscribe(*topics)

    def close(self) -> None:
        """Close the connection. A later call opens it again."""
        for name in ("console_monitor", "system_info_monitor", "documents"):
            if name in vars(self):  # a monitor that was never used must not be created for this
                getattr(self, name).disable_wait()
        self._transport.close()

    @property
    def plans(self) -> Catalogue[Callable[..., BPlan]]:
        """The plans that this group may queue, as functions that make items: ``RM.plans.count(["det1"], num=5)``."""
        return Catalogue(
            lambda: self.plans_allowed()["plans_allowed"],
            lambda: (self._kept_replies.latest("plans_allowed") or {}).get("plans_allowed", {}),
            plan,
            "plan",
        )

    @property
    def devices(self) -> Catalogue[Device]:
        """The devices that this group may use, as names with subdevices: ``RM.devices.sim_bundle_A.mtrs.x``."""
        return Catalogue(
            lambda: self.devices_allowed()["devices_allowed"],
            lambda: (self._kept_replies.latest("devices_allowed") or {}).get("devices_allowed", {}),
            Device.described,
            "device",
        )

    @cached_property
    def console_monitor(self) -> ConsoleMonitor:
        """Console output of the service, collected after ``console_monitor.enable()``."""
        limits = self._monitor_limits
        return ConsoleMonitor(self.subscribe, max_messages=limits[0], max_lines=limits[1])

    @cached_property
    def system_info_monitor(self) -> StatusMonitor:
        """The published status messages, collected after ``system_info_monitor.enable()``."""
        return StatusMonitor(self.subscribe, max_messages=self._monitor_limits[2])

    @cached_property
    def documents(self) -> DocumentMonitor:
        """Documents of running plans: ``RM.documents.subscribe(callback)`` works like ``RE.subscribe``."""
        return DocumentMonitor(self.subscribe)

    def _drive(self, steps: RequestSteps[T]) -> T:
        return drive(steps, self._transport.exchange)

    def _new_transport(self) -> Transport:
        if not isinstance(self.settings, HTTPSettings):
            return type(self).transport(self.settings)
        try:
            from bluesky_qs.client.over_http import HTTPTransport  # noqa: PLC0415 - optional, and slow
        except ModuleNotFoundError as error:
            raise lacks_packages(error) from None

        return HTTPTransport(self.settings, self._authorization)

    @property
    def _http(self) -> Any:
        assert self.http_settings
        return self._transport

    def _sign_in(self, steps: Callable[[Authorization, HTTPSettings], SignInSteps]) -> Any:
        return drive(steps(self._authorization, self.http_settings), self._perform)

    def _perform(self, step: HTTPCall | Pause) -> Any:
        return time.sleep(step.seconds) if isinstance(step, Pause) else self._http.send(step)
