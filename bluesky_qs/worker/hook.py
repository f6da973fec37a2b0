"""The worker's hook in the RunEngine, which also calls the user's own hook."""

import threading
from collections.abc import Callable
from typing import Any

#: Number of user functions to keep, because each may wrap the one before it.
_DEEPEST = 10


class Hook:
    """The worker's function in one of the RunEngine's hooks, such as ``msg_hook``, followed by the user's function."""

    def __init__(self, name: str, ours: Callable[..., object]) -> None:
        self._name = name
        self._ours = ours
        #: The user's functions, latest first. If one of them wraps this hook, the previous function is called for it.
        self._users: list[Callable[..., object]] = []
        self._calling: int | None = None
        self._depth = 0

    def install(self, engine: Any) -> None:
        """Put the worker's function in front of the user's, which may have been set at any time."""
        if (present := getattr(engine, self._name)) is not self:
            self._users = [] if present is None else [present, *self._users][:_DEEPEST]
            setattr(engine, self._name, self)

    def remove(self, engine: Any) -> None:
        """Restore the user's hook."""
        setattr(engine, self._name, self._users[0] if self._users else None)
        self._users = []

    def __call__(self, *args: Any) -> None:
        """Call the worker's function, then the user's."""
        thread = threading.get_ident()
        if self._calling == thread:  # the user's function wraps this hook and calls it again
            self._call_user(self._depth + 1, args)
            return
        self._ours(*args)
        if self._users:
            self._calling = thread
            try:
                self._call_user(0, args)
            finally:
                self._calling = None

    def _call_user(self, depth: int, args: tuple[Any, ...]) -> None:
        if depth < len(self._users):
            before, self._depth = self._depth, depth
            try:
                self._users[depth](*args)
            finally:
                self._depth = before
