"""Procedures without I/O. They are generators that yield each step and receive its outcome, for any kind of client."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from bluesky_qs.errors import QSError

S = TypeVar("S")
T = TypeVar("T")


def drive(procedure: Generator[S, Any, T], perform: Callable[[S], Any]) -> T:
    """Perform each step of a procedure and return the procedure's result.

    Our own errors are raised inside the procedure, at that step.
    """
    try:
        step = next(procedure)
        while True:
            try:
                outcome = perform(step)
            except QSError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(outcome)
    except StopIteration as end:
        return end.value


async def drive_async(procedure: Generator[S, Any, T], perform: Callable[[S], Awaitable[Any]]) -> T:
    """`drive` for an asyncio client."""
    try:
        step = next(procedure)
        while True:
            try:
                outcome = await perform(step)
            except QSError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(outcome)
    except StopIteration as end:
        return end.value
