"""Which part of the manager deals with which of the worker's reports."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

R = TypeVar("R")

Acknowledge = Callable[[], None]


class WorkerGone(msgspec.Struct, frozen=True):
    """No worker process is running any more. It comes after the worker's last report."""

    reason: str


class Subscriptions:
    """Passes each report to the parts that subscribed to its type, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._at_once: dict[type, list[Callable[[Any], None]]] = {}
        self._in_turn: dict[type, list[Callable[[Any, Acknowledge], Awaitable[None] | None]]] = {}

    def at_once(self, kind: type[R], take: Callable[[R], None]) -> None:
        """Call ``take`` as soon as such a report arrives, even while an earlier report is still being dealt with."""
        self._at_once.setdefault(kind, []).append(take)

    def in_turn(self, kind: type[R], handle: Callable[[R], Awaitable[None] | None]) -> None:
        """Call ``handle`` when all earlier reports have been dealt with; the next report waits until it returns."""
        self.in_turn_acknowledging(kind, lambda report, _acknowledge: handle(report))

    def in_turn_acknowledging(self, kind: type[R], handle: Callable[[R, Acknowledge], Awaitable[None] | None]) -> None:
        """As `in_turn`; ``handle`` may acknowledge the report before it returns, once the report is stored."""
        self._in_turn.setdefault(kind, []).append(handle)

    def arrived(self, report: Any) -> None:
        """Pass a report on that has just arrived."""
        for take in self._at_once.get(type(report), ()):
            take(report)

    async def deal_with(self, report: Any, acknowledge: Acknowledge = lambda: None) -> None:
        """Pass a report on whose turn it is; return when every part has dealt with it."""
        for handle in self._in_turn.get(type(report), ()):
            outcome = handle(report, acknowledge)
            if inspect.isawaitable(outcome):
                await outcome
