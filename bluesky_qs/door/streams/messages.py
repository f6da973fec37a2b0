"""The shapes of messages on streams, for the reference."""

from typing import Any, Literal, NotRequired, TypedDict

from bluesky_qs.api.types import Status
from bluesky_qs.api.values import DeviceReading


class ConsoleText(TypedDict):
    """A piece of console output. A piece that ends with a newline may have several lines."""

    time: float
    msg: str


class StatusBody(TypedDict):
    """The content of a status message."""

    status: Status


class StatusMessage(TypedDict):
    """The status of the service."""

    time: float
    msg: StatusBody


class InfoMessage(TypedDict):
    """A message from the service about itself. ``msg`` has one key, which names the kind of message."""

    time: float
    msg: dict[str, Any]


class DeviceProgress(TypedDict):
    """A device that the running plan waits for.

    ``fraction`` is the part that is done, from 0 to 1. Times are in seconds. Unknown values are null.
    """

    name: str
    initial: Any
    current: Any
    target: Any
    unit: str | None
    precision: int | None
    fraction: float | None
    time_elapsed: float
    time_remaining: float | None
    done: bool


class Progress(TypedDict):
    """The devices that the running plan waits for; empty when the wait is over."""

    time: float
    item_uid: str
    devices: list[DeviceProgress]


class Readings(TypedDict):
    """The readings that have changed, by device name. ``error`` is the reason why nothing can be read now, such as a
    closed environment; otherwise it is empty.
    """

    time: float
    devices: dict[str, DeviceReading]
    error: str


class Heartbeat(TypedDict):
    """A sign of life. ``age``: seconds since the manager's last message; null if there was none."""

    type: Literal["heartbeat"]
    time: float
    age: float | None


class Gap(TypedDict):
    """Events are missing, because the service no longer keeps them or its numbers have started again.

    The next event has the number ``first`` or a higher one.
    """

    type: Literal["gap"]
    first: int


class Dropped(TypedDict):
    """The reader was too slow. The oldest waiting messages were dropped; this is their number."""

    type: Literal["dropped"]
    count: int


class Auth(TypedDict):
    """Credentials: an API key or an access token, unless they are in a header or in the query."""

    type: Literal["auth"]
    api_key: NotRequired[str]
    access_token: NotRequired[str]
