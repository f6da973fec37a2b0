"""The errors of the service: one class for each way that a request, an item, the worker or the store can fail.

The class name is the error code in a reply, and our clients raise the class with that name. The first line of the
docstring is the default message.
"""

from typing import Any, ClassVar


class QSError(Exception):
    """Something went wrong in the Queue Server."""

    #: Exit code of a service that cannot start because of this error.
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, **reply: Any) -> None:
        self.message = message if message is not None else _first_line(type(self))
        #: Reply keys to send beside ``success`` and ``msg``, in place of the method's values on failure.
        self.reply = reply
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The class name. Replies contain it, so that clients know which class to raise."""
        return type(self).__name__


class RequestError(QSError):
    """The request cannot be understood."""


class UnknownMethod(RequestError):
    """Unknown method."""


class BadParams(RequestError):
    """The parameters do not match the method."""


class Refused(QSError):
    """The request is valid, but refused."""


class Locked(Refused):
    """Invalid lock key."""


class WrongState(Refused):
    """RE Manager is busy."""


class NoRunEngine(WrongState):
    """Run Engine is not found in the RE Worker environment."""

    def __init__(self, message: str | None = None, **reply: Any) -> None:
        # bluesky-queueserver-api looks for the first sentence.
        found = _first_line(NoRunEngine)
        super().__init__(message or f"{found} Define 'RE' in the startup code, or upload a script that does.", **reply)


class NotPermitted(Refused):
    """The user group may not do this."""


class UnknownUserGroup(NotPermitted):
    """Unknown user group."""


class RequestIdReused(Refused):
    """The request id belongs to another request."""


class OutcomeUnknown(Refused):
    """It is not known whether the request was carried out."""


class ItemError(QSError):
    """The item cannot be used."""


class NotFound(ItemError):
    """No such item."""


class ItemChanged(ItemError):
    """The item has changed since you read it."""


class InvalidPlan(ItemError):
    """Plan validation failed."""


class WorkerError(QSError):
    """The RE Worker environment failed."""


class WorkerLost(WorkerError):
    """The RE Worker process ended unexpectedly."""


class StoreError(QSError):
    """The queue could not be stored."""


class StartupError(QSError):
    """The startup code or the service could not start."""


class ConfigError(StartupError):
    """The configuration is not valid."""

    # EX_CONFIG of sysexits.h: it tells a service manager that a restart would not help.
    exit_code = 78


class WrongOption(ConfigError):
    """The options on the command line are not valid."""

    exit_code = 2


class AddressInUse(ConfigError):
    """Another process is already listening on this address."""

    exit_code = 1


def _first_line(cls: type[QSError]) -> str:
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


def by_code(code: str) -> type[QSError]:
    """Return the class with this code; `QSError` for a code that this version does not know."""
    return _CODES.get(code, QSError)


# Only the classes in this module. The client's errors are QSErrors too, and its errors for refusals share a name with
# their cause. They must not replace the classes here.
_CODES: dict[str, type[QSError]] = {
    name: cls for name, cls in globals().items() if isinstance(cls, type) and issubclass(cls, QSError)
}
