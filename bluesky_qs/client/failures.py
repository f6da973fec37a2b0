"""The errors that a client raises: a refused request, a missing reply, a wait that ended early."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from bluesky_qs.client.settings import ConnectionSettings
from bluesky_qs.errors import BadParams, ConfigError, Locked, QSError, UnknownMethod, UnknownUserGroup, by_code


class RequestFailedError(QSError):
    """The service refused the request.

    If the reply names a class of `bluesky_qs.errors`, the error is also of that class.

    Attributes
    ----------
    request
        ``{"method": …, "params": …}`` as sent.
    response
        The reply as the service sent it.
    """

    def __init__(self, request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        self.request = request
        self.response = response
        super().__init__(_message(request, response) or None)

    def __reduce__(self) -> tuple[Any, ...]:
        return failure, (self.request, self.response)


class RequestTimeoutError(QSError, TimeoutError):
    """The service did not reply in time."""

    def __init__(self, message: str | None = None, request: Mapping[str, Any] | None = None) -> None:
        self.request = request
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.request)


class ClientClosedError(QSError):
    """The client was closed while it was waiting for a reply."""


class WaitTimeoutError(QSError, TimeoutError):
    """The wait reached its time limit."""


class WaitCancelError(QSError, TimeoutError):
    """The wait was canceled."""


class SettingError(ConfigError, ValueError):
    """A setting of the client has an invalid value."""


class UnsupportedParameterError(BadParams):
    """The service does not have one of the parameters."""


class NoLockKeyError(BadParams, RuntimeError):
    """Request contains no lock key: pass one, or set the key of the client (RM.lock_key)."""


def failure(request: Mapping[str, Any], response: Mapping[str, Any]) -> RequestFailedError:
    """Return the error for a refusal.

    Its class is the one in the reply's ``error``, or the one that the message implies.
    """
    code = response.get("error")
    if code is None:  # a reply of bluesky-queueserver, or of our three methods whose refusals do not have this key
        code = next((reason.__name__ for reason in _SENTENCES if refused_because(reason, response)), "")
    return _class_for(str(code))(request, response)


def refused_because(reason: type[QSError], response: Mapping[str, Any]) -> bool:
    """Whether the service refused the request for this reason, according to the class in the reply's ``error``.

    bluesky-queueserver sends no class, so the message is compared instead.
    """
    if response.get("success") is not False:
        return False
    code = response.get("error")
    if code is None:
        return _SENTENCES[reason] in str(response.get("msg"))
    return issubclass(by_code(str(code)), reason)


def sent_no_lock_key(request: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    """Whether a lock refused the request, and it contained no key."""
    params: Mapping[str, Any] = request.get("params") or {}
    return not params.get("lock_key") and refused_because(Locked, response)


def _message(request: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    """The service's message. If the request had no key, the service calls the key invalid."""
    text = str(response.get("msg") or "")
    invalid = f"{_SENTENCES[Locked]}: \n"
    if invalid in text and sent_no_lock_key(request, response):
        return text.replace(invalid, f'{_SENTENCES[Locked]}: no key was sent. If you have it: RM.lock_key = "…"\n', 1)
    return text


#: The messages that identify refusals without a class.
_SENTENCES: dict[type[QSError], str] = {
    UnknownMethod: "Unknown method",
    UnknownUserGroup: "Unknown user group",
    Locked: "Invalid lock key",
}


def no_answer(settings: ConnectionSettings, request: Mapping[str, Any]) -> RequestTimeoutError:
    """Return the error for a missing reply; its message says what to check."""
    # An encrypted service does not reply without the right key, nor does an unencrypted one reply to encryption.
    key = (
        "Does the service use encryption, and is the public key (QSERVER_ZMQ_PUBLIC_KEY) the key of this service?"
        if settings.public_key
        else "If the service uses encryption, set its public key (QSERVER_ZMQ_PUBLIC_KEY)."
    )
    address = "" if settings.is_address_given else "(QSERVER_ZMQ_CONTROL_ADDRESS sets the address.) "
    return RequestTimeoutError(
        f"No answer from the RE Manager at {settings.control_addr} after {settings.timeout_recv:g} s. "
        f"Is start-re-manager running there? {address}{key}",
        request,
    )


@cache
def _class_for(code: str) -> type[RequestFailedError]:
    cause = by_code(code)
    if issubclass(cause, RequestFailedError):
        return cause
    if cause is QSError:
        return RequestFailedError
    body = {"__doc__": cause.__doc__, "__module__": cause.__module__}
    return type(cause.__name__, (RequestFailedError, cause), body)
