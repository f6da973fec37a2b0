"""What a 0MQ method is: a typed stub, and the table of all of them.

A stub is the only definition of its method. Its signature gives the parameters, its docstring the documentation, its
decorator the lock that refuses it and the values that a failure answers with. Everything else (parameter validation,
the type of the handler, the client, the words of ``qserver`` and ``%qs``, the reference) is derived from it.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Generic, NamedTuple, ParamSpec, TypeVar

import msgspec

from bluesky_qs.errors import BadParams, UnknownMethod
from bluesky_qs.nearest import did_you_mean, nearest

#: Names longer than this are not compared with those that there are.
_LONGEST_NAME = 200

P = ParamSpec("P")
R = TypeVar("R")


class Lock(StrEnum):
    """Which of the two locks refuses a method to those without the key."""

    NONE = "none"
    ENVIRONMENT = "environment"
    QUEUE = "queue"


class Says(NamedTuple):
    """The sentences that existing clients match, for a parameter that is missing or of another type.

    ``wrong`` may use ``{value!r}`` and ``{type}``.
    """

    missing: str | None = None
    wrong: str | None = None


class Echo(NamedTuple):
    """On failure, answer with the parameter as it was sent (``otherwise`` where it was not sent)."""

    parameter: str
    otherwise: Any = None


class Method(Generic[P, R]):
    """One 0MQ method.

    Attributes
    ----------
    name
        The name on the wire.
    stub
        The function whose signature and docstring define it.
    lock
        The lock that refuses it.
    requires
        Names of parameters that the server demands although a client of ours fills them in.
    on_failure
        The keys of a failed answer beside ``success`` and ``msg``, with their values.
    failing
        How the sentence of a refusal begins (“Failed to add an item”), before what is wrong.
    lenient
        True for methods that ignore their parameters (``status``, ``ping``).
    """

    def __init__(
        self,
        stub: Callable[P, R],
        *,
        lock: Lock,
        requires: tuple[str, ...],
        on_failure: Mapping[str, Any],
        failing: str,
        lenient: bool,
    ) -> None:
        self.name = stub.__name__
        self.stub = stub
        self.lock = lock
        self.requires = requires
        self.on_failure = on_failure
        self.failing = failing
        self.lenient = lenient

    @cached_property
    def signature(self) -> inspect.Signature:
        """The signature with ``**who: Unpack[...]`` spelled out as keyword parameters."""
        return expanded_signature(self.stub)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of all the parameters that the method accepts."""
        return tuple(self.signature.parameters)

    @cached_property
    def _says(self) -> dict[str, Says]:
        return {name: says for name, p in self.signature.parameters.items() if (says := _says_of(p.annotation))}

    @cached_property
    def _struct(self) -> type[msgspec.Struct]:
        """The parameters as a struct: what a request is checked against."""
        fields: list[Any] = []
        for name, parameter in self.signature.parameters.items():
            required = parameter.default is parameter.empty or name in self.requires
            fields.append((name, parameter.annotation) if required else (name, parameter.annotation, msgspec.UNSET))
        return msgspec.defstruct(f"{self.name}_parameters", fields, kw_only=True)

    def check_names(self, params: Mapping[str, Any]) -> None:
        """Refuse parameters that the method does not have, all of them at once.

        Raises
        ------
        BadParams
            Names the unknown parameters and those that there are.
        """
        if unknown := [name for name in params if name not in self.signature.parameters]:
            listed = ", ".join(repr(name) for name in unknown)
            msg = (
                f"API request contains unsupported parameters: {listed}. Supported parameters: {list(self.parameters)}"
            )
            raise BadParams(msg)

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments for a handler: ``params``, checked; what was not sent is left to the stub's defaults.

        Raises
        ------
        BadParams
            Names the parameter that is missing or has the wrong type, and its value.
        """
        for name, parameter in self.signature.parameters.items():
            required = parameter.default is parameter.empty or name in self.requires
            if required and name not in params:
                raise BadParams(self._missing(name))
        try:
            checked = msgspec.convert(params, self._struct)
        except msgspec.ValidationError as error:
            raise BadParams(self._wrong(params, str(error))) from None
        return {name: value for name in params if (value := getattr(checked, name)) is not msgspec.UNSET}

    def failure(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The keys of a failed answer for this request, beside ``success`` and ``msg``."""
        return {
            key: params.get(value.parameter, value.otherwise) if isinstance(value, Echo) else value
            for key, value in self.on_failure.items()
        }

    def _missing(self, name: str) -> str:
        says = self._says.get(name)
        if says and says.missing:
            return says.missing
        return f"Required '{name}' parameter is missing in the API call '{self.name}'"

    def _wrong(self, params: Mapping[str, Any], reason: str) -> str:
        """Add the parameter's name and value to msgspec's reason, which ends in ``at `$.name[…]` ``."""
        path = reason.rpartition("`$.")[2].rstrip("`")
        name = path.partition("[")[0].partition(".")[0]
        if name not in params:  # the reason speaks of the whole object
            return f"Parameters of '{self.name}': {reason}"
        value = params[name]
        says = self._says.get(name)
        if says and says.wrong:
            return says.wrong.format(value=value, type=type(value))
        explained = reason.partition(" - at ")[0]
        place = f" (at {path})" if path != name else ""
        return f"Parameter '{name}' of '{self.name}' has an unsupported value {shortened(value)}: {explained}{place}"


class MethodTable(dict[str, Method[..., Any]]):
    """All methods by name."""

    def find(self, name: str) -> Method[..., Any]:
        """The method of that name.

        Raises
        ------
        UnknownMethod
            With the nearest names that exist.
        """
        try:
            return self[name]
        except KeyError:
            msg = f"Unknown method {shortened(name)}{did_you_mean(nearest(name, self))}"
            raise UnknownMethod(msg) from None


METHODS = MethodTable()


def method(
    *,
    lock: Lock = Lock.NONE,
    requires: tuple[str, ...] = (),
    on_failure: Mapping[str, Any] | None = None,
    failing: str = "",
    lenient: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Enter a stub into the table of methods; the stub itself comes back unchanged."""

    def enter(stub: Callable[P, R]) -> Callable[P, R]:
        METHODS[stub.__name__] = Method(
            stub,
            lock=lock,
            requires=requires,
            on_failure=on_failure or {},
            failing=failing,
            lenient=lenient,
        )
        return stub

    return enter


def expanded_signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function with ``**who: Unpack[SomeTypedDict]`` replaced by its keys, all keyword-only."""
    signature = inspect.signature(function)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            parameters.append(parameter)
            continue
        keys = typing.get_args(parameter.annotation)[0]
        for name, hint in typing.get_type_hints(keys, include_extras=True).items():
            parameters.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint),
            )
    return signature.replace(parameters=parameters)


def shortened(value: Any, limit: int = 200) -> str:
    """``repr`` of a value for a message, cut in the middle when it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 4 :]} ({len(text)} characters)"


def _says_of(annotation: Any) -> Says | None:
    if typing.get_origin(annotation) is Annotated:
        return next((extra for extra in annotation.__metadata__ if isinstance(extra, Says)), None)
    return None
