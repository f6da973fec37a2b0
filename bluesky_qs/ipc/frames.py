"""The frames used on every link between processes: commands, replies and reports, with their numbers."""

from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")


class Command(msgspec.Struct, Generic[R], frozen=True, tag=True):
    """A request from the manager; ``R`` is the type of its reply."""


class CommandFrame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command with its number; ``ack`` acknowledges all reports up to that sequence number.

    ``trace`` is the trace context of the request that caused the command, if that request is traced (`ipc.tracing`).
    """

    id: int
    ack: int
    command: Any
    trace: str | None = None


class ReplyFrame(msgspec.Struct, frozen=True, tag=True):
    """The reply to the request with this number."""

    id: int
    value: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """The request with this number failed; ``code`` names the class in `bluesky_qs.errors`."""

    id: int
    code: str
    message: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """A report with its sequence number. A report with number 0 is not kept and not acknowledged."""

    seq: int
    body: msgspec.Raw


FromServer = ReplyFrame | Refusal | Report
