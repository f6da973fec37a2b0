"""Subscriptions of the manager's parts to the worker's reports."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

R = TypeVar("R")

Acknowledge = Callable[[], None]


class WorkerGone(msgspec.Struct, frozen=True):
    """The worker process has ended. It follows the worker's last report."""

    reason: str


class Subscriptions:
    """Passes each report to the parts that subscribed to its type, in the order they subscribed."""

    def __init__(self) -> None:
        self._at_once: dict[type, list[Callable[[Any], None]]] = {}
        self._in_turn: dict[type, list[Callable[[Any, Acknowledge], Awaitable[None] | None]]] = {}

    def at_once(self, kind: type[R], handle: Callable[[R], None]) -> None:
        """Call ``handle`` as soon as such a report arrives, even while an earlier report is still being handled."""
        self._at_once.setdefault(kind, []).append(handle)

    def in_turn(self, kind: type[R], handle: Callable[[R], Awaitable[None] | None]) -> None:
        """Call ``handle`` when all earlier reports have been handled. The next report waits until it returns."""
        self.in_turn_acknowledging(kind, lambda report, _acknowledge: handle(report))

    def in_turn_acknowledging(self, kind: type[R], handle: Callable[[R, Acknowledge], Awaitable[None] | None]) -> None:
        """Like `in_turn`, but ``handle`` can acknowledge the report as soon as it is stored, before it returns."""
        self._in_turn.setdefault(kind, []).append(handle)

    def arrived(self, report: Any) -> None:
        """Pass a report that has just arrived to its immediate subscribers."""
        for handle in self._at_once.get(type(report), ()):
            handle(report)

    async def handle(self, report: Any, acknowledge: Acknowledge = lambda: None) -> None:
        """Pass the next report to its subscribers; return when all of them have handled it."""
        for handle in self._in_turn.get(type(report), ()):
            outcome = handle(report, acknowledge)
            if inspect.isawaitable(outcome):
                await outcome
