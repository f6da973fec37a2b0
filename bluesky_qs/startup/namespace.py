"""Gives functions in imported modules access to the namespace of the startup code."""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class UserNamespace:
    """The namespace of the startup code, in the worker or in an IPython session."""

    def __init__(self) -> None:
        self._user_ns: dict[str, Any] | None = None
        self._use_ipython: bool | None = None

    def set_user_namespace(self, *, user_ns: dict[str, Any], use_ipython: bool = False) -> None:
        """Set the namespace. The loader calls this. Code outside a worker can call it, too."""
        self._user_ns = user_ns
        self._use_ipython = use_ipython

    @property
    def user_ns(self) -> dict[str, Any]:
        if self._user_ns is not None:
            return self._user_ns
        shell = self._ipython()
        return vars(sys.modules["__main__"]) if shell is None else shell.user_ns

    @property
    def use_ipython(self) -> bool:
        return self._ipython() is not None if self._use_ipython is None else self._use_ipython

    @property
    def ipython(self) -> Any:
        """The IPython shell, or None."""
        return self._ipython() if self.use_ipython else None

    @staticmethod
    def _ipython() -> Any:
        module = sys.modules.get("IPython.core.getipython")
        return None if module is None else module.get_ipython()


global_user_namespace = UserNamespace()


def get_user_ns() -> dict[str, Any]:
    """Return the namespace of the startup code."""
    return global_user_namespace.user_ns


def set_user_ns(function: F) -> F:
    """Fill in the keyword parameters ``user_ns`` and ``ipython`` of a function or plan, if it has them.

    >>> @set_user_ns
    ... def number_of_names(user_ns):
    ...     return len(user_ns)
    """
    signature = inspect.signature(function)
    wanted = [name for name in ("user_ns", "ipython") if name in signature.parameters]

    def given() -> dict[str, Any]:
        return {name: getattr(global_user_namespace, name) for name in wanted}

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return (yield from function(*args, **{**given(), **kwargs}))

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **{**given(), **kwargs})

    visible = [p for name, p in signature.parameters.items() if name not in wanted]
    wrapper.__signature__ = signature.replace(parameters=visible)  # pyright: ignore[reportFunctionMemberAccess, reportAttributeAccessIssue]
    return wrapper  # pyright: ignore[reportReturnType]
