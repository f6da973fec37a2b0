"""The table of functions that serve commands."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from bluesky_qs.errors import WorkerError
from bluesky_qs.ipc.frames import Command

Owner = TypeVar("Owner")
C = TypeVar("C", bound=Command[Any])
R = TypeVar("R")


class CommandTable(Generic[Owner]):
    """Functions by command type. Each one is called with the process and the command.

    Examples
    --------
    >>> from bluesky_qs.ipc.commands import SetPermissions
    >>> table = CommandTable[str]()
    >>> @table.handles(SetPermissions)
    ... def set_permissions(owner, command):
    ...     return f"{owner}: {command.permissions}"
    >>> table.serve("worker", SetPermissions(b"{}"))
    "worker: b'{}'"
    """

    def __init__(self) -> None:
        self._handlers: dict[type[Any], Callable[[Owner, Any], Any]] = {}

    @property
    def commands(self) -> frozenset[type[Any]]:
        """The command types in the table."""
        return frozenset(self._handlers)

    def handles(self, *kinds: type[C]) -> Callable[[Callable[[Owner, C], R]], Callable[[Owner, C], R]]:
        """Add the function that serves these command types."""

        def enter(handler: Callable[[Owner, C], R]) -> Callable[[Owner, C], R]:
            for kind in kinds:
                self._handlers[kind] = handler
            return handler

        return enter

    def serve(self, owner: Owner, command: Command[R]) -> R:
        """Serve a command and return its reply.

        Raises
        ------
        QSError
            The function's refusal; `WorkerError` for a command that is not in the table.
        """
        handler = self._handlers.get(type(command))
        if handler is None:
            raise WorkerError(f"The worker does not know the command {type(command).__name__}")
        return handler(owner, command)
