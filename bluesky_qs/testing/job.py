"""A running script of a scripted worker."""

import asyncio
from typing import Any

import msgspec

from bluesky_qs.testing import steps
from bluesky_qs.testing.measurement import Measurement


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint of a waiting plan. The plan pauses there if a pause was requested."""


class Job:
    """A running script, for an opening, a plan or a task."""

    def __init__(self, script: list[steps.Step], *, item: dict[str, Any] | None = None, task_uid: str = "") -> None:
        self.script = script
        self.item = item
        self.task_uid = task_uid
        #: Steps that the test inserts while the job waits. None continues the script.
        self.injected: asyncio.Queue[steps.Step | Checkpoint | None] = asyncio.Queue()
        self.measurement: Measurement | None = None
        self.waits = False
        self.pause: str | None = None
        #: The user who requested the pause; None if nobody did.
        self.pauser: str | None = None
        self.resumed: asyncio.Future[str] | None = None
