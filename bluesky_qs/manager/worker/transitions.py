"""State machines. A table gives the next state for each state and event."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from bluesky_qs.errors import QSError

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class ImpossibleTransition(QSError):
    """The table of transitions does not allow the event in this state: a bug in the manager."""


class StateMachine(Generic[S, E]):
    """Holds a state, which only `fire` changes.

    Parameters
    ----------
    transitions
        The next state for each state and event.
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
        """The current state."""
        return self._state

    def fire(self, event: E) -> None:
        """Change the state according to the table.

        Raises
        ------
        ImpossibleTransition
            The table has no entry for the event in the current state.
        """
        try:
            state = self._transitions[self._state, event]
        except KeyError:
            msg = f"{event.name} cannot happen in the state {self._state.value!r}"
            raise ImpossibleTransition(msg) from None
        if state is not self._state:
            self._state = state
            self._changed()
