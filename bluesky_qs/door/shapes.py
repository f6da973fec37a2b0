"""The shapes of answers that only the door gives."""

from typing import Any, Literal, NotRequired, TypedDict

from bluesky_qs.api.types import Reply


class Refusal(TypedDict):
    """The service refuses a request. It may have more keys, which are those of the reply to an accepted request."""

    success: Literal[False]
    msg: str
    error: NotRequired[str]


class Detail(TypedDict):
    """Why the HTTP server does not do what the request asks for."""

    detail: str


class Presence(TypedDict):
    """Whether a part of the service is there."""

    status: Literal["ok", "slow", "down"]


class PlanFault(TypedDict):
    """What is wrong in the text of a plan, and where: ``column`` counts from 0."""

    msg: str
    column: int
    length: int


class ParsedPlan(Reply):
    """A plan that was written as in ``RE(…)``."""

    item: dict[str, Any] | None
    errors: list[PlanFault]


class Glance(TypedDict):
    """A service behind the HTTP server. ``state`` is ``down``, ``slow``, or the state of the manager."""

    name: str
    state: str
    items_in_queue: int | None
    running_item_uid: str | None
    last_message_age: float | None


class Instruments(Reply):
    """The services behind the HTTP server."""

    instruments: list[Glance]


class ConsoleLines(Reply):
    """Console output as one text."""

    text: str


class ConsoleUid(Reply):
    """Changes whenever there is new console output."""

    console_output_uid: str


class ConsolePiece(TypedDict):
    """A piece of console output."""

    time: float
    msg: str


class ConsoleUpdate(Reply):
    """Console output since a message."""

    last_msg_uid: str
    console_output_msgs: list[ConsolePiece]
