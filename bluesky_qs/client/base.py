"""The parts that the blocking and the asyncio client share: settings, identity, kept replies, errors."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from bluesky_qs.client import failures
from bluesky_qs.client.identity import Identity
from bluesky_qs.client.locks import LockKeys
from bluesky_qs.client.requests import Exchange, KeptReplies
from bluesky_qs.client.settings import ConnectionSettings, settings
from bluesky_qs.client.wait import WaitMonitor
from bluesky_qs.errors import BadParams

#: Settings of bluesky-queueserver-api for polling and its loop. They are accepted for old scripts, and do nothing.
_UNUSED = frozenset(
    {
        "console_monitor_poll_timeout",
        "loop",
        "system_info_monitor_poll_timeout",
        "status_expiration_period",
        "status_polling_period",
    },
)


class Protocols(Enum):
    """How a client reaches the service. Some scripts for bluesky-queueserver-api read this attribute."""

    ZMQ = "0MQ"
    HTTP = "HTTP"


class Client(LockKeys):
    """The part of a client without methods and waits."""

    #: Makes the `transport.Transport` from the settings.
    transport: ClassVar[Callable[[ConnectionSettings], Any]]

    RequestFailedError = failures.RequestFailedError
    RequestParameterError = BadParams
    RequestTimeoutError = failures.RequestTimeoutError
    WaitTimeoutError = failures.WaitTimeoutError
    WaitCancelError = failures.WaitCancelError
    WaitMonitor = WaitMonitor
    Protocols = Protocols
    protocol = Protocols.ZMQ

    def __init__(
        self,
        zmq_control_addr: str | None = None,
        *,
        zmq_info_addr: str | None = None,
        zmq_encoding: str | None = None,
        zmq_public_key: str | None = None,
        timeout_recv: float | None = None,
        timeout_send: float | None = None,
        request_fail_exceptions: bool = True,
        user: str | None = None,
        user_group: str | None = None,
        lock_key: str | None = None,
        console_monitor_max_msgs: int = 10_000,
        console_monitor_max_lines: int = 1000,
        system_info_monitor_max_msgs: int = 10_000,
        **unused: Any,
    ) -> None:
        if unknown := unused.keys() - _UNUSED:
            raise TypeError(f"{type(self).__name__}() got unexpected keyword arguments: {', '.join(sorted(unknown))}")
        self.settings = settings(
            control_addr=zmq_control_addr,
            info_addr=zmq_info_addr,
            encoding=zmq_encoding,
            public_key=zmq_public_key,
            timeout_recv=timeout_recv,
            timeout_send=timeout_send,
        )
        self.identity = Identity(user, user_group, lock_key)
        self.request_fail_exceptions = request_fail_exceptions
        self._transport = type(self).transport(self.settings)
        #: How many console messages, lines of console text and status messages are kept.
        self._monitor_limits = (console_monitor_max_msgs, console_monitor_max_lines, system_info_monitor_max_msgs)
        self._kept_replies = KeptReplies()

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {
            "zmq_control_addr": self.settings.control_addr,
            "zmq_info_addr": self.settings.info_addr,
            "zmq_encoding": self.settings.encoding,
            "zmq_public_key": self.settings.public_key,
            "timeout_recv": self.settings.timeout_recv,
            "timeout_send": self.settings.timeout_send,
            "request_fail_exceptions": self.request_fail_exceptions,
            "user": self.identity.user,
            "user_group": self.identity.chosen_group,
            "lock_key": self.identity.lock_key,
            "console_monitor_max_msgs": self._monitor_limits[0],
            "console_monitor_max_lines": self._monitor_limits[1],
            "system_info_monitor_max_msgs": self._monitor_limits[2],
        }
        return partial(type(self), **arguments), (), (self.identity.enable_locked_api, self.identity.lock_key_path)

    def __setstate__(self, state: tuple[bool, Path | None]) -> None:
        self.identity.enable_locked_api, self.identity.lock_key_path = state

    def raising(self) -> Self:
        """Return a client with the same connection and identity that raises an error for each refused request."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), request_fail_exceptions=True)
        return twin

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.settings.control_addr}, {self.user} of {self.user_group}>"

    @property
    def request_fail_exceptions_enabled(self) -> bool:
        """Whether a refused request raises an error; bluesky-queueserver-api's name for ``request_fail_exceptions``."""
        return self.request_fail_exceptions

    @request_fail_exceptions_enabled.setter
    def request_fail_exceptions_enabled(self, enabled: bool) -> None:
        self.request_fail_exceptions = enabled

    def _checked(self, exchange: Exchange) -> dict[str, Any]:
        """Return the reply; raise an error if it is a refusal and errors are enabled."""
        if self.request_fail_exceptions and exchange.values.get("success") is False:
            raise failures.failure(exchange.request._asdict(), exchange.values)
        return exchange.values
