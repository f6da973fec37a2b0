"""A hook of the RunEngine that is ours and calls the user's own hook too."""

import threading
from collections.abc import Callable
from typing import Any


class Hook:
    """Our function at one of the RunEngine's hooks (``state_hook``, ``msg_hook``), and the user's function after it."""

    def __init__(self, name: str, ours: Callable[..., object]) -> None:
        self._name = name
        self._ours = ours
        self._users: Callable[..., object] | None = None
        self._calling: int | None = None

    def install(self, engine: Any) -> None:
        """Put our function in front of the user's, which may have been set at any time."""
        if (present := getattr(engine, self._name)) is not self:
            self._users = present
            setattr(engine, self._name, self)

    def remove(self, engine: Any) -> None:
        """Give the hook back to the user."""
        setattr(engine, self._name, self._users)
        self._users = None

    def __call__(self, *args: Any) -> None:
        """Call our function, then the user's."""
        thread = threading.get_ident()
        if self._calling == thread:  # the user's function wraps this hook and calls it again
            return
        self._ours(*args)
        if self._users is not None:
            self._calling = thread
            try:
                self._users(*args)
            finally:
                self._calling = None
