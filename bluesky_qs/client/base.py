"""The parts that the blocking and the asyncio client share: settings, identity, kept replies, errors."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from bluesky_qs.client import authorization, failures, http_calls, http_failures
from bluesky_qs.client.authorization import Authorization, Keys
from bluesky_qs.client.http_calls import HTTPCall
from bluesky_qs.client.http_settings import HTTPSettings, http_settings
from bluesky_qs.client.identity import Identity
from bluesky_qs.client.locks import LockKeys
from bluesky_qs.client.requests import Exchange, KeptReplies
from bluesky_qs.client.settings import ConnectionSettings, settings
from bluesky_qs.client.signing_in import SigningIn
from bluesky_qs.client.wait import WaitMonitor
from bluesky_qs.errors import BadParams, ConfigError

#: Settings of bluesky-queueserver-api for polling and its loop. They are accepted for old scripts, and do nothing.
_UNUSED = frozenset(
    {
        "console_monitor_poll_period",
        "console_monitor_poll_timeout",
        "loop",
        "system_info_monitor_poll_period",
        "system_info_monitor_poll_timeout",
        "status_expiration_period",
        "status_polling_period",
    },
)


class Protocols(Enum):
    """How a client reaches the service. Some scripts for bluesky-queueserver-api read this attribute."""

    ZMQ = "0MQ"
    HTTP = "HTTP"


class Client(LockKeys, SigningIn):
    """The part of a client without methods and waits."""

    #: Makes the `transport.Transport` over 0MQ from the settings.
    transport: ClassVar[Callable[[ConnectionSettings], Any]]

    RequestFailedError = failures.RequestFailedError
    RequestParameterError = BadParams
    RequestTimeoutError = failures.RequestTimeoutError
    HTTPRequestError = http_failures.HTTPRequestError
    HTTPClientError = http_failures.HTTPClientError
    HTTPServerError = http_failures.HTTPServerError
    HTTPTimeoutError = http_failures.HTTPTimeoutError
    WaitTimeoutError = failures.WaitTimeoutError
    WaitCancelError = failures.WaitCancelError
    WaitMonitor = WaitMonitor
    Protocols = Protocols
    AuthorizationMethods = authorization.AuthorizationMethods
    settings: ConnectionSettings | HTTPSettings
    #: None if the client uses 0MQ.
    _signature: Authorization | None

    def __init__(
        self,
        zmq_control_addr: str | None = None,
        *,
        zmq_info_addr: str | None = None,
        zmq_encoding: str | None = None,
        zmq_public_key: str | None = None,
        timeout_recv: float | None = None,
        timeout_send: float | None = None,
        http_server_uri: str | None = None,
        http_auth_provider: str | None = None,
        http_ca_file: str | None = None,
        timeout: float | None = None,
        timeout_login: float | None = None,
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
        if http_server_uri is None:
            self.settings = settings(
                control_addr=zmq_control_addr,
                info_addr=zmq_info_addr,
                encoding=zmq_encoding,
                public_key=zmq_public_key,
                timeout_recv=timeout_recv,
                timeout_send=timeout_send,
            )
        else:
            self.settings = http_settings(
                server_uri=http_server_uri,
                auth_provider=http_auth_provider,
                timeout=timeout_recv if timeout is None else timeout,
                timeout_login=timeout_login,
                ca_file=http_ca_file,
            )
        self._signature = Authorization(authorization.keys_of_environment()) if self._is_http else None
        self.identity = Identity(user, user_group, lock_key, is_from_sign_in=self._is_http)
        self.request_fail_exceptions = request_fail_exceptions
        self._transport = self._new_transport()
        #: How many console messages, lines of console text and status messages are kept.
        self._monitor_limits = (console_monitor_max_msgs, console_monitor_max_lines, system_info_monitor_max_msgs)
        self._kept_replies = KeptReplies()

    @property
    def _is_http(self) -> bool:
        return isinstance(self.settings, HTTPSettings)

    @property
    def protocol(self) -> Protocols:
        """Whether this client uses 0MQ or HTTP."""
        return Protocols.HTTP if self._is_http else Protocols.ZMQ

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {
            **_arguments(self.settings),
            "request_fail_exceptions": self.request_fail_exceptions,
            "user": self.identity.own_user,
            "user_group": self.identity.chosen_group,
            "lock_key": self.identity.lock_key,
            "console_monitor_max_msgs": self._monitor_limits[0],
            "console_monitor_max_lines": self._monitor_limits[1],
            "system_info_monitor_max_msgs": self._monitor_limits[2],
        }
        keys = None if self._signature is None else tuple(self._signature.keys)
        state = (self.identity.enable_locked_api, self.identity.lock_key_path, keys)
        return partial(type(self), **arguments), (), state

    def __setstate__(self, state: tuple[bool, Path | None, tuple[str | None, str | None, str | None] | None]) -> None:
        self.identity.enable_locked_api, self.identity.lock_key_path, keys = state
        if self._signature is not None and keys is not None:
            self._signature.keys = Keys(*keys)

    def raising(self) -> Self:
        """Return a client with the same connection and identity that raises an error for each refused request."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), request_fail_exceptions=True)
        return twin

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.settings.address}, {self.user} of {self.user_group}>"

    @property
    def request_fail_exceptions_enabled(self) -> bool:
        """Whether a refused request raises an error; bluesky-queueserver-api's name for ``request_fail_exceptions``."""
        return self.request_fail_exceptions

    @request_fail_exceptions_enabled.setter
    def request_fail_exceptions_enabled(self, enabled: bool) -> None:
        self.request_fail_exceptions = enabled

    @abstractmethod
    def _new_transport(self) -> Any:
        """The transport for these settings."""

    @property
    def http_settings(self) -> HTTPSettings:
        """How this client reaches an HTTP server.

        Raises
        ------
        ConfigError
            It uses 0MQ.
        """
        if not isinstance(self.settings, HTTPSettings):
            raise ConfigError(
                "This client uses 0MQ, which has no sign-in. Create one that uses HTTP: "
                "REManagerAPI(http_server_uri='https://…')"
            )
        return self.settings

    @property
    def _authorization(self) -> Authorization:
        assert self.http_settings
        assert self._signature is not None
        return self._signature

    def _call(self, method: object, params: Mapping[str, Any] | None, options: dict[str, Any]) -> HTTPCall:
        """The HTTP call for a `send_request`."""
        if self._signature is None:
            raise BadParams("Over 0MQ, a request has a name and parameters, and nothing else")
        refreshes = options.pop("auto_refresh_session", True)
        return http_calls.of_method(method, params, refreshes=refreshes, **options)

    def _checked(self, exchange: Exchange) -> dict[str, Any]:
        """Return the reply; raise an error if it is a refusal and errors are enabled."""
        return self._checked_value(exchange.request._asdict(), exchange.values)

    def _checked_value(self, request: Mapping[str, Any], value: Any) -> Any:
        """Return a server's response; raise an error if it is a refusal and errors are enabled."""
        reply = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if self.request_fail_exceptions and reply.get("success") is False:
            raise failures.failure(request, reply)
        return cast("Any", value)


def lacks_packages(error: ModuleNotFoundError) -> ConfigError:
    """Return the error for a client over HTTP whose libraries are not installed."""
    return ConfigError(f"HTTP needs more packages ({error.name} is missing): pip install 'bluesky-qs[http-client]'")


def _arguments(chosen: ConnectionSettings | HTTPSettings) -> dict[str, Any]:
    """The arguments of a client with these settings."""
    if isinstance(chosen, HTTPSettings):
        return {
            "http_server_uri": chosen.server_uri,
            "http_auth_provider": chosen.auth_provider,
            "http_ca_file": chosen.ca_file,
            "timeout": chosen.timeout,
            "timeout_login": chosen.timeout_login,
        }
    return {
        "zmq_control_addr": chosen.control_addr,
        "zmq_info_addr": None if chosen.asks_for_info else chosen.info_addr,
        "zmq_encoding": chosen.encoding,
        "zmq_public_key": chosen.public_key,
        "timeout_recv": chosen.timeout_recv,
        "timeout_send": chosen.timeout_send,
    }
