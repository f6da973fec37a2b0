"""States that change according to a table: each pair of a state and an event leads to one state, or is an error."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from bluesky_qs.errors import QSError

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class ImpossibleTransition(QSError):
    """An event that the table of transitions does not foresee in this state: an error of ours."""


class StateMachine(Generic[S, E]):
    """Holds a state; `fire` is the one place that changes it.

    Parameters
    ----------
    transitions
        The next state for each pair of a state and an event that can happen in it.
    changed
        Called after each change.
    """

    def __init__(
        self, transitions: Mapping[tuple[S, E], S], initial: S, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._transitions = transitions
        self._changed = changed
        self._state = initial

    @property
    def state(self) -> S:
        """The present state."""
        return self._state

    def fire(self, event: E) -> None:
        """Follow the table.

        Raises
        ------
        ImpossibleTransition
            Names the event and the state in which it came.
        """
        try:
            state = self._transitions[self._state, event]
        except KeyError:
            msg = f"{event.name} cannot happen in the state {self._state.value!r}"
            raise ImpossibleTransition(msg) from None
        if state is not self._state:
            self._state = state
            self._changed()
