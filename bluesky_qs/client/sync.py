"""The client for scripts, prompts and notebooks: one blocking method per 0MQ method."""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from bluesky_qs.api.method import Method
from bluesky_qs.client import failures
from bluesky_qs.client.base import Client
from bluesky_qs.client.catalogue import Catalogue, Device, plan
from bluesky_qs.client.control import Control
from bluesky_qs.client.documents import DocumentMonitor
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.methods_sync import Methods
from bluesky_qs.client.monitor import ConsoleMonitor, StatusMonitor
from bluesky_qs.client.requests import decode_response, encode_request
from bluesky_qs.client.wait import Waiting


class REManagerAPI(Methods, Client, Waiting):
    """The Queue Server, one method per 0MQ method; answers are the dictionaries that the service sends.

    Addresses, encoding and key that are not given come from ``QSERVER_ZMQ_CONTROL_ADDRESS``,
    ``QSERVER_ZMQ_INFO_ADDRESS``, ``QSERVER_ZMQ_ENCODING`` and ``QSERVER_ZMQ_PUBLIC_KEY``; user and group from
    ``QSERVER_USER`` and ``QSERVER_USER_GROUP``. Nothing is sent before the first call. Any number of threads may call.

    Parameters
    ----------
    timeout_recv, timeout_send
        Seconds to wait for an answer, and for a socket that takes the request.
    request_fail_exceptions
        Raise `RequestFailedError` when the service refuses a request; otherwise return the refusal.
    user, user_group
        Who asks; fill in where a call does not say.
    lock_key
        Sent with every request that a lock may refuse.
    console_monitor_max_msgs, console_monitor_max_lines, system_info_monitor_max_msgs
        How much the monitors keep.

    Examples
    --------
    >>> RM = REManagerAPI()
    >>> RM.queue_item_add(BPlan("count", ["det1"], num=5))
    >>> RM.queue_start(); RM.wait_for_idle()
    """

    transport = Control
    _control: Control

    def send_request(self, *, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send any request as it is, nothing filled in."""
        sent = dict(params or {})
        return self.checked(method, sent, self._exchange(method, sent)[1])

    def ask(self, method: Method[..., Any], params: dict[str, Any]) -> Any:
        """Send the request of a method of the table, with user, group and lock key filled in."""
        sent, _, response = self._ask(method, params)
        return self.checked(method.name, sent, response)

    def ask_cached(self, method: Method[..., Any], params: dict[str, Any], uid: str | None, *, reload: bool) -> Any:
        """`ask`, but with the answer at hand if the status still shows its ``uid``."""
        if uid is None:
            return self.ask(method, params)
        if not reload and (answer := self._answers.recall(method, params, self.status().get(uid))) is not None:
            return answer
        sent, frame, response = self._ask(method, params)
        self._answers.keep(method, params, response.get(uid), frame)
        return self.checked(method.name, sent, response)

    def close(self) -> None:
        """Close the sockets. A later call opens them again."""
        for name in ("console_monitor", "system_info_monitor", "documents"):
            if name in vars(self):  # one that was never looked at must not be made for this
                getattr(self, name).disable_wait()
        self._control.close()

    @property
    def plans(self) -> Catalogue[Callable[..., BPlan]]:
        """Plans that this group may queue, as functions that make items: ``RM.plans.count(["det1"], num=5)``."""
        return Catalogue(
            lambda: self.plans_allowed()["plans_allowed"],
            lambda: (self._answers.latest("plans_allowed") or {}).get("plans_allowed", {}),
            plan,
            "plan",
        )

    @property
    def devices(self) -> Catalogue[Device]:
        """Devices that this group may use, as names with subdevices: ``RM.devices.sim_bundle_A.mtrs.x``."""
        return Catalogue(
            lambda: self.devices_allowed()["devices_allowed"],
            lambda: (self._answers.latest("devices_allowed") or {}).get("devices_allowed", {}),
            Device.described,
            "device",
        )

    @cached_property
    def console_monitor(self) -> ConsoleMonitor:
        """Console output of the service, collected from ``console_monitor.enable()`` on."""
        limits = self._monitor_limits
        return ConsoleMonitor(self.settings, max_messages=limits[0], max_lines=limits[1])

    @cached_property
    def system_info_monitor(self) -> StatusMonitor:
        """The status whenever it is published, collected from ``system_info_monitor.enable()`` on."""
        return StatusMonitor(self.settings, max_messages=self._monitor_limits[2])

    @cached_property
    def documents(self) -> DocumentMonitor:
        """Documents of running plans: ``RM.documents.subscribe(callback)`` as with ``RE.subscribe``."""
        return DocumentMonitor(self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: Method[..., Any], params: dict[str, Any]) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
        """What was sent in the end, and the answer to it as bytes and as a dictionary."""
        sent = self.identity.fill(method, params)
        frame, response = self._exchange(method.name, sent)
        if again := self.identity.retry(params, sent, response):
            second_frame, second = self._exchange(method.name, again)
            if self.identity.settle(again, second):
                return again, second_frame, second
        return sent, frame, response

    def _exchange(self, name: str, params: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        request = encode_request(name, params, self.settings.encoding)
        try:
            frame = self._control.exchange(request)
        except TimeoutError:
            raise failures.no_answer(self.settings, {"method": name, "params": params}) from None
        return frame, decode_response(frame, self.settings.encoding)
