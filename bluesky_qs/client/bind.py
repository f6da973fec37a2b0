"""Turns a stub of the contract into a client's method with the same name, signature and documentation."""

import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from bluesky_qs.api.method import METHODS, Method

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Asks(Protocol):
    """The part of a client that its methods need."""

    def ask(self, method: Method[..., Any], params: dict[str, Any]) -> Any:
        """Send the request and return the reply, or an awaitable of it."""
        ...

    def ask_cached(self, method: Method[..., Any], params: dict[str, Any], uid: str | None, *, reload: bool) -> Any:
        """`ask`, but return the kept reply if the status still shows its ``uid``."""
        ...


class Reloadable(Protocol[P, R_co]):
    """A bound method that also has ``reload``, which sends the request even if nothing has changed."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, *args: Any, reload: bool, **kwargs: Any) -> R_co: ...


class Gathering(Protocol[P, R_co]):
    """A bound method that also takes the keys of one of its parameters as keywords."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, *, lock_key: str | None = None, **keys: bool) -> R_co: ...


Bound = TypeVar("Bound")


class ClientMethod(Generic[Bound]):
    """Builds a method when it is first used, and replaces itself in the class with that method.

    Building all signatures at import would make ``qserver status`` too slow.
    """

    def __init__(
        self,
        method: Method[..., Any],
        *,
        uid: str | None = None,
        reloadable: bool = False,
        gathers: str | None = None,
    ) -> None:
        self.method = method
        self._uid = uid
        self._reloadable = reloadable
        self._gathers = gathers
        self._homes: list[tuple[type, str]] = []

    def __set_name__(self, owner: type, name: str) -> None:
        self._homes.append((owner, name))

    def __get__(self, client: Any, owner: type) -> Bound:
        function = self._function()
        for home, name in self._homes:
            setattr(home, name, function)
        return function.__get__(client, owner)

    def _function(self) -> Any:
        method, uid, gathers = self.method, self._uid, self._gathers
        parameters = method.signature.parameters
        signature = readable(method.signature)

        def ask(self: Asks, /, *args: Any, **kwargs: Any) -> Any:
            return self.ask(method, _given(parameters, signature.bind(*args, **kwargs)))

        def ask_cached(self: Asks, /, *args: Any, reload: bool = False, **kwargs: Any) -> Any:
            return self.ask_cached(method, _given(parameters, signature.bind(*args, **kwargs)), uid, reload=reload)

        def ask_gathered(self: Asks, /, *args: Any, **kwargs: Any) -> Any:
            if keys := {key: kwargs.pop(key) for key in list(kwargs) if key not in parameters}:
                kwargs[str(gathers)] = keys
            return ask(self, *args, **kwargs)

        function = ask_cached if self._reloadable else ask_gathered if gathers else ask
        function.__name__ = function.__qualname__ = method.name
        function.__doc__ = method.stub.__doc__
        extra = [_RELOAD] if self._reloadable else [_KEYS] if gathers else []
        vars(function)["__signature__"] = signature.replace(
            parameters=[_SELF, *signature.parameters.values(), *extra],
        )
        return function


def call(stub: Callable[P, R]) -> "ClientMethod[Callable[P, R]]":
    """Make the stub a method of a blocking client."""
    return ClientMethod(METHODS[stub.__name__])


def acall(stub: Callable[P, R]) -> "ClientMethod[Callable[P, Awaitable[R]]]":
    """Make the stub a method of an asyncio client."""
    return ClientMethod(METHODS[stub.__name__])


def cached(stub: Callable[P, R], uid: str | None = None) -> "ClientMethod[Reloadable[P, R]]":
    """Make the stub a method that downloads again only if ``uid`` has changed in the status. It also has ``reload``."""
    return ClientMethod(METHODS[stub.__name__], uid=uid, reloadable=True)


def acached(stub: Callable[P, R], uid: str | None = None) -> "ClientMethod[Reloadable[P, Awaitable[R]]]":
    """`cached` for an asyncio client."""
    return ClientMethod(METHODS[stub.__name__], uid=uid, reloadable=True)


def gathering(stub: Callable[P, R], parameter: str) -> "ClientMethod[Gathering[P, R]]":
    """Make the stub a method that also takes the keys of ``parameter`` as keywords: ``queue_mode_set(loop=True)``."""
    return ClientMethod(METHODS[stub.__name__], gathers=parameter)


def agathering(stub: Callable[P, R], parameter: str) -> "ClientMethod[Gathering[P, Awaitable[R]]]":
    """`gathering` for an asyncio client."""
    return ClientMethod(METHODS[stub.__name__], gathers=parameter)


def readable(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature without the parts that only the service needs: messages for wrong values, names of dicts."""
    parameters = [p.replace(annotation=_bare(p.annotation)) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=dict)


_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
_RELOAD = inspect.Parameter("reload", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool)
_KEYS = inspect.Parameter("keys", inspect.Parameter.VAR_KEYWORD, annotation=bool)


def _bare(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def _given(parameters: typing.Mapping[str, inspect.Parameter], bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return the parameters to send: without optional ones that are None, and with lists instead of sets."""
    return {
        name: list(cast("set[Any]", value)) if isinstance(value, set | frozenset) else value
        for name, value in bound.arguments.items()
        if value is not None or parameters[name].default is inspect.Parameter.empty
    }
