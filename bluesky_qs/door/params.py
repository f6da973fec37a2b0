"""Converts a request to the parameters of a method, checked against the contract but still as JSON text.

Values whose type is only “object” or “list” are not decoded here but by the service.
"""

import typing
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from bluesky_qs.api.method import Method, outline, shortened
from bluesky_qs.door.refusals import BadRequest
from bluesky_qs.errors import BadParams
from bluesky_qs.wire.codec import DecodeError, decode, json_text

#: JSON text of the parameters that were sent, by name.
Sent = dict[str, bytes | msgspec.Raw]

_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder(enc_hook=msgspec.Raw)
_NO_PARAMS = b"{}"
_OBJECT, _LIST = ord("{"), ord("[")


class Parameters:
    """Reads the parameters of one method.

    Parameters
    ----------
    extra
        The door's own parameters, with their types.
    """

    def __init__(self, method: Method[..., Any], extra: Mapping[str, Any] | None = None) -> None:
        self._method = method
        self._extra = dict(extra or {})
        self._kinds: dict[str, Any] = {
            name: _plain(parameter.annotation) for name, parameter in method.signature.parameters.items()
        } | self._extra
        self._checks: dict[str, Any] = {
            name: _FIRST_BYTE.get(typing.get_origin(kind) if _holds_anything(kind) else None)
            or msgspec.json.Decoder(kind)
            for name, kind in self._kinds.items()
        }

    def in_body(self, body: bytes) -> Sent:
        """The parameters in a body.

        Raises
        ------
        BadRequest
            The body is not a JSON object, or a parameter is unknown or has the wrong type.
        """
        try:
            sent = _shallow.decode(body)
            body.decode()
            for name, text in sent.items():
                check = self._checks[name]
                if isinstance(check, int):
                    if bytes(memoryview(text)[:1])[0] != check:
                        return self._slowly(body)
                else:
                    check.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
            return self._slowly(body)  # this also reads text that only Python's json accepts, such as NaN
        return sent  # pyright: ignore[reportReturnType] - dict is invariant

    def _slowly(self, body: bytes) -> Sent:
        """Decode everything, to find the error."""
        try:
            values = decode(body)
        except DecodeError as error:
            raise BadRequest(f"The request body is not JSON: {error}") from None
        if values is None:
            return {}
        if not isinstance(values, dict):
            raise BadRequest(f"The request body must be a JSON object, not {outline(values)}")
        self.check(values)
        return {name: json_text(value) for name, value in values.items()}

    def check(self, values: Mapping[str, Any]) -> None:
        """Check parameters that are already decoded.

        Raises
        ------
        BadRequest
            A parameter is unknown or has the wrong type.
        """
        try:
            self._method.check_names({name: None for name in values if name not in self._extra})
            for name, value in values.items():
                if name in self._extra:
                    self._check_extra(name, value)
                else:
                    self._method.check_type(name, value)
        except BadParams as error:
            raise BadRequest(error.message) from None

    def _check_extra(self, name: str, value: Any) -> None:
        try:
            msgspec.convert(value, self._extra[name])
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise BadParams(f"Parameter '{name}' has an unsupported value {shortened(value)}: {error}") from None

    def in_query(self, query: bytes, ignored: frozenset[str]) -> Sent:
        """The parameters in a query, each converted to its type in the contract.

        Raises
        ------
        BadRequest
            A parameter is unknown or has the wrong type.
        """
        found: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError as error:
            raise BadRequest(f"The query of the request cannot be read: {error}") from None
        for name, text in pairs:
            if name not in ignored:
                found.setdefault(name, []).append(text)
        values = {name: self._value(name, texts) for name, texts in found.items()}
        self.check(values)
        return {name: json_text(value) for name, value in values.items()}

    def _value(self, name: str, texts: list[str]) -> Any:
        kind = self._kinds.get(name, str)
        if len(texts) > 1:
            return [self._element(kind, text) for text in texts]
        for value in _readings(texts[0]):
            if _fits(value, kind):
                return value
        if _fits([texts[0]], kind):
            return [texts[0]]
        return texts[0]

    def _element(self, kind: Any, text: str) -> Any:
        return next((value for value in _readings(text) if _fits([value], kind)), text)


def joined(sent: Mapping[str, Any]) -> bytes:
    """The parameters as one JSON object."""
    if not sent:
        return _NO_PARAMS
    return _encoder.encode({name: msgspec.Raw(text) for name, text in sent.items()})


def _readings(text: str) -> list[Any]:
    """The possible values of text in a query, most likely first: number, boolean, list, object, or the text itself."""
    if text.lower() in ("true", "false"):
        return [text.lower() == "true", text]
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return [text]
    return [text, value] if isinstance(value, str) else [value, text]


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _plain(kind: Any) -> Any:
    """A type without custom error messages."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind


def _holds_anything(kind: Any) -> bool:
    return typing.get_args(kind) in ((str, Any), (Any,))


#: The first characters of objects and lists in JSON.
_FIRST_BYTE: dict[Any, int] = {dict: _OBJECT, list: _LIST}
