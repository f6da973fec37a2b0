"""What goes over every link, whichever processes it connects: commands, answers and reports with their numbers."""

from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")


class Command(msgspec.Struct, Generic[R], frozen=True, tag=True):
    """A request of the manager; ``R`` is the type of its answer."""


class Request(msgspec.Struct, frozen=True):
    """A command with its number; ``ack`` acknowledges all reports up to that sequence number."""

    id: int
    ack: int
    command: Any


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The answer to the request of that number."""

    id: int
    value: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """The request of that number failed; ``code`` names the class in `bluesky_qs.errors`."""

    id: int
    code: str
    message: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """A report with its sequence number; 0 for one that is not kept and not acknowledged."""

    seq: int
    body: msgspec.Raw


FromServer = Answer | Refusal | Report
