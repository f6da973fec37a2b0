"""A 0MQ method is defined by a typed stub. This module also has the table of all methods.

A stub is the only definition of its method. The signature gives the parameters, and the docstring gives the
documentation. The decorator gives the scope, the lock and the values in the reply to a refused request. Everything else
is derived from the stub: the validation of parameters, the type of the handler, the clients, the commands of
``qserver`` and ``%qs``, the reference and the JSON Schemas.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, NamedTuple, ParamSpec, TypeVar, cast

import msgspec

from bluesky_qs.errors import BadParams, UnknownMethod
from bluesky_qs.nearest import did_you_mean, nearest

P = ParamSpec("P")
R = TypeVar("R")

#: Parameters whose values appear in no message.
SECRETS = frozenset(("lock_key",))
#: Keys of an object that a message names.
_MOST_KEYS = 10


#: The permissions that a client can have, named as in the Bluesky HTTP server. Each method needs one scope.
Scope = Literal[
    "read:status",
    "read:queue",
    "read:history",
    "read:resources",
    "read:config",
    "read:monitor",
    "read:console",
    "read:lock",
    "read:testing",
    "write:queue:edit",
    "write:queue:control",
    "write:manager:control",
    "write:plan:control",
    "write:execute",
    "write:history:edit",
    "write:permissions",
    "write:scripts",
    "write:config",
    "write:lock",
    "write:manager:stop",
    "write:testing",
    "user:apikeys",
    "admin:apikeys",
    "admin:read:principals",
    "admin:metrics",
]


class Lock(StrEnum):
    """The lock that keeps everyone without the key from using a method."""

    NONE = "none"
    ENVIRONMENT = "environment"
    QUEUE = "queue"


class Messages(NamedTuple):
    """The messages for a missing or invalid parameter. Existing clients match them.

    ``wrong`` can use ``{value!r}`` and ``{type}``.
    """

    missing: str | None = None
    wrong: str | None = None


class EchoParam(NamedTuple):
    """A refusal contains the parameter as it was sent, or ``otherwise`` if it was not sent."""

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
    scope
        The permission that a caller over HTTP needs.
    lock
        The lock that may refuse it.
    requires
        Names of the parameters that the service requires, although our clients can fill them in.
    on_failure
        The keys of a refusal besides ``success`` and ``msg``, with their values.
    failing
        The beginning of the message of a refusal (“Failed to add an item”). The reason follows it.
    lenient
        True for methods that ignore their parameters (``status``, ``ping``).
    bare
        True for methods whose refusals have ``success`` and ``msg`` only, because existing clients unpack two values.
    takes
        The seconds that the service may take, unless the request has a ``timeout``; 0 for methods that answer
        immediately.
    """

    def __init__(
        self,
        stub: Callable[P, R],
        *,
        scope: Scope,
        lock: Lock,
        requires: tuple[str, ...],
        extensions: tuple[str, ...],
        on_failure: Mapping[str, Any],
        failing: str,
        lenient: bool,
        bare: bool,
        takes: float,
    ) -> None:
        self.name = stub.__name__
        self.stub = stub
        self.scope: Scope = scope
        self.lock = lock
        self.requires = requires
        sender = () if lock is Lock.NONE or "user" in requires else ("user",)
        self._extensions = (*extensions, *sender)
        self.on_failure = on_failure
        self.failing = failing
        self.lenient = lenient
        self.bare = bare
        self._takes = takes

    @cached_property
    def signature(self) -> inspect.Signature:
        """The signature, with the keys of ``**who: Unpack[...]`` as keyword parameters."""
        return expanded_signature(self.stub)

    @cached_property
    def extensions(self) -> tuple[str, ...]:
        """Names of the optional parameters that other versions of the service may not have. The status lists them."""
        return (*self._extensions, *(name for name in ("request_id",) if name in self.parameters))

    @property
    def is_repeatable(self) -> bool:
        """Whether a request may have a ``request_id``, which makes it safe to send the request again."""
        return "request_id" in self.parameters

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters that the method accepts."""
        return tuple(self.signature.parameters)

    @cached_property
    def _messages(self) -> dict[str, Messages]:
        found = {name: _messages_of(p.annotation) for name, p in self.signature.parameters.items()}
        return {name: messages for name, messages in found.items() if messages}

    @cached_property
    def reply(self) -> Any:
        """The type of the reply."""
        return typing.get_type_hints(self.stub)["return"]

    @cached_property
    def _struct(self) -> type[msgspec.Struct]:
        """The parameters as a struct, to check requests against."""
        fields: list[Any] = []
        for name, parameter in self.signature.parameters.items():
            kind = parameter.annotation
            fields.append((name, kind) if self.is_required(name) else (name, kind, msgspec.UNSET))
        return msgspec.defstruct(f"{self.name}_parameters", fields, kw_only=True)

    @cached_property
    def _alone(self) -> dict[str, type[msgspec.Struct]]:
        """For each parameter, a struct with this parameter only."""
        fields: dict[str, Any] = {name: parameter.annotation for name, parameter in self.signature.parameters.items()}
        return {name: msgspec.defstruct(f"{self.name}_{name}", [(name, kind)]) for name, kind in fields.items()}

    def takes(self, params: Mapping[str, Any]) -> float:
        """The additional seconds that the service may take for this request, compared to other requests."""
        if not self._takes:
            return 0.0
        timeout = params.get("timeout")
        return float(timeout) if isinstance(timeout, int | float) and timeout > 0 else self._takes

    def is_required(self, name: str) -> bool:
        """Whether the service refuses a request without this parameter."""
        return name in self.requires or self.signature.parameters[name].default is inspect.Parameter.empty

    def check_names(self, params: Mapping[str, Any]) -> None:
        """Refuse parameters that the method does not have. One message names all of them.

        Raises
        ------
        BadParams
            Lists the unknown parameters and the supported ones.
        """
        if unknown := [name for name in params if name not in self.signature.parameters]:
            listed = ", ".join(repr(name) for name in unknown)
            msg = (
                f"API request contains unsupported parameters: {listed}. Supported parameters: {list(self.parameters)}"
            )
            raise BadParams(msg)

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters of a request; return the keyword arguments for the handler.

        A parameter that was not sent is not in the result: the handler's default applies.

        Raises
        ------
        BadParams
            Names the parameter that is missing or has the wrong type, and its value.
        """
        for name in self.parameters:
            if name not in params and self.is_required(name):
                raise BadParams(self._missing(name))
        try:
            checked = msgspec.convert(params, self._struct)
        except msgspec.ValidationError as error:
            raise BadParams(self._wrong(params, str(error))) from None
        except UnicodeEncodeError:  # a lone surrogate where an object should be; this names the parameter
            for name, value in params.items():
                self.check_type(name, value)
            raise
        return {name: value for name in params if (value := getattr(checked, name)) is not msgspec.UNSET}

    def check_type(self, name: str, value: Any) -> None:
        """Check one parameter alone.

        Raises
        ------
        BadParams
            It has the wrong type. The message names the parameter and shows the value.
        """
        try:
            msgspec.convert({name: value}, self._alone[name])
        except msgspec.ValidationError as error:
            raise BadParams(self._wrong({name: value}, str(error))) from None
        except UnicodeEncodeError:
            msg = f"{name}={shown(name, value)} is not valid Unicode text (contains a lone surrogate)"
            raise BadParams(msg) from None

    def failure(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The keys of a refusal of this request, besides ``success`` and ``msg``."""
        return {
            key: params.get(value.parameter, value.otherwise) if isinstance(value, EchoParam) else value
            for key, value in self.on_failure.items()
        }

    def _missing(self, name: str) -> str:
        messages = self._messages.get(name)
        if messages and messages.missing:
            return messages.missing
        return f"Required '{name}' parameter is missing in the API call '{self.name}'"

    def _wrong(self, params: Mapping[str, Any], reason: str) -> str:
        """The message for msgspec's reason, which ends in ``at `$.name[…]` ``, with the parameter's name and value."""
        path = reason.rpartition("`$.")[2].rstrip("`")
        name = path.partition("[")[0].partition(".")[0]
        if name not in params:  # the reason is about the whole object
            return f"Parameters of '{self.name}': {reason}"
        value: object = params[name]
        messages = self._messages.get(name)
        if messages and messages.wrong:
            return messages.wrong.format(value=_Shown(name, value), type=type(value))
        explained = reason.partition(" - at ")[0]
        place = f" (at {path})" if path != name else ""
        return f"Parameter '{name}' of '{self.name}' has an unsupported value {shown(name, value)}: {explained}{place}"


class MethodTable(dict[str, Method[..., Any]]):
    """All methods by name."""

    def find(self, name: str) -> Method[..., Any]:
        """Return the method with this name.

        Raises
        ------
        UnknownMethod
            Suggests similar names.
        """
        try:
            return self[name]
        except KeyError:
            msg = f"Unknown method {shortened(name)}{did_you_mean(nearest(name, self))}"
            raise UnknownMethod(msg) from None


METHODS = MethodTable()


def method(
    *,
    scope: Scope,
    lock: Lock = Lock.NONE,
    requires: tuple[str, ...] = (),
    extensions: tuple[str, ...] = (),
    on_failure: Mapping[str, Any] | None = None,
    failing: str = "",
    lenient: bool = False,
    bare: bool = False,
    takes: float = 0.0,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add a stub to the table of methods. The stub itself is returned unchanged."""

    def enter(stub: Callable[P, R]) -> Callable[P, R]:
        METHODS[stub.__name__] = Method(
            stub,
            scope=scope,
            lock=lock,
            requires=requires,
            extensions=extensions,
            on_failure=on_failure or {},
            failing=failing,
            lenient=lenient,
            bare=bare,
            takes=takes,
        )
        return stub

    return enter


def expanded_signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, with ``**who: Unpack[SomeTypedDict]`` replaced by keyword-only parameters."""
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
    """``repr`` of a value for a message. Long text is cut in the middle."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 4 :]} ({len(text)} characters)"


def shown(name: str, value: Any) -> str:
    """A parameter's value as shown in a message: shortened, or hidden if it is a secret.

    >>> shown("lock_key", ["my key"]), shown("lock_key", ""), shown("pos", "top")
    ('***', "''", "'top'")
    """
    return "***" if name in SECRETS and value else shortened(value)


class _Shown:
    """A value for a format string, with the text of `shown`."""

    def __init__(self, name: str, value: Any) -> None:
        self._text = shown(name, value)

    def __repr__(self) -> str:
        return self._text


def outline(value: Any) -> str:
    """Describe a value of the wrong type without its content, because a secret may be in the wrong place.

    >>> outline(["unlock", "my key"]), outline({"unlock": "my key"}), outline(None)
    ('a list', "an object with the keys 'unlock'", 'null')
    """
    if isinstance(value, dict) and value:
        keys = list(cast("dict[Any, Any]", value))[:_MOST_KEYS]
        return f"an object with the keys {', '.join(shortened(key, 50) for key in keys)}"
    kind = type(cast("object", value))
    return "null" if value is None else _JSON_TYPES.get(kind, f"a value of type {kind.__name__}")


_JSON_TYPES: dict[type[Any], str] = {
    dict: "an empty object",
    list: "a list",
    str: "a text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


def _messages_of(annotation: Any) -> Messages | None:
    if typing.get_origin(annotation) is Annotated:
        return next((extra for extra in annotation.__metadata__ if isinstance(extra, Messages)), None)
    return None
