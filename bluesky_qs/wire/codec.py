"""Encodes and decodes messages on the public sockets: JSON or MessagePack, with the rules of Python's ``json`` module.

msgspec is used where it agrees with ``json``. For NaN, infinities and integers beyond 64 bits, the standard library is
used, so that clients of bluesky-queueserver see no difference.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, cast

import msgspec

Encoding = Literal["json", "msgpack"]


class Encoded:
    """A value as JSON text from `json_text`. Replies contain it unchanged."""

    __slots__ = ("json",)

    def __init__(self, json_bytes: bytes) -> None:
        self.json = json_bytes

    @classmethod
    def array(cls, elements: Iterable[bytes]) -> "Encoded":
        """Join elements that are JSON text into a JSON array."""
        return cls(b"[" + b", ".join(elements) + b"]")

    def value(self) -> Any:
        """The value itself."""
        return json.loads(self.json)


class DecodeError(ValueError):
    """The bytes are not a message in this encoding."""


def json_text(value: Any) -> bytes:
    """Return ``json.dumps(value)`` as bytes.

    Use it for values that come from users or user code. NaN is kept; bytes, sets, arrays and other objects are refused.

    Raises
    ------
    TypeError, ValueError
        The value cannot be written as JSON; the message names the type.
    """
    return json.dumps(value).encode()


def standard_json(text: bytes) -> bytes:
    """Return JSON text with null for NaN and infinities, which Python's ``json`` writes and browsers cannot read.

    >>> standard_json(b'{"x": [NaN, -Infinity], "y": "NaN"}')
    b'{"x": [null, null], "y": "NaN"}'
    """
    if b"NaN" not in text and b"Infinity" not in text:  # many times as fast as the pattern
        return text
    if _NOT_STANDARD.search(text) is None:
        return text
    return json.dumps(json.loads(text, parse_constant=lambda _: None)).encode()


#: The pattern also finds these words in strings, which does no harm except that it takes time.
_NOT_STANDARD = re.compile(rb"[\[:,]\s*(?:NaN|-?Infinity)")


def encode(message: Any, encoding: Encoding = "json") -> bytes:
    """Encode a message of plain values and `Encoded` parts."""
    try:
        return _json_encoder.encode(message) if encoding == "json" else _msgpack_encoder.encode(message)
    except UnicodeEncodeError:  # a lone surrogate, which JSON can hold but UTF-8 cannot
        if encoding == "json":
            return json.dumps(message, default=_value_of).encode()
        return _msgpack_encoder.encode(_packable(message))
    except OverflowError:  # an integer of more than 64 bits, which JSON can hold but MessagePack cannot
        return _msgpack_encoder.encode(_packable(message))


def storable(value: Any) -> Any:
    """Escape lone surrogates in the value, because they are not valid in UTF-8."""
    return _each(value, lambda leaf: leaf)


def _packable(value: Any) -> Any:
    """Convert values that JSON supports but MessagePack does not: lone surrogates, integers of more than 64 bits."""
    return _each(value, _as_packed_number)


def _each(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Convert each value inside the value, and escape lone surrogates."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            members = cast("dict[Any, Any]", value).items()
            return {_each(key, convert): _each(element, convert) for key, element in members}
        case list() | tuple():
            return [_each(element, convert) for element in cast("list[Any]", value)]
        case Encoded():
            return _each(value.value(), convert)
        case _:
            return convert(value)


def _as_packed_number(value: Any) -> Any:
    if not isinstance(value, int) or -(2**63) <= value < 2**64:
        return value
    try:
        return float(value)
    except OverflowError:
        return str(value)


def decode(frame: bytes, encoding: Encoding = "json") -> Any:
    """Decode a frame.

    Raises
    ------
    DecodeError
        The message has a form that existing clients match: ``JSON decode error: …`` or ``MSGPACK decode error: …``.
    """
    if encoding == "json":
        try:
            return msgspec.json.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _json_loads(frame)
    try:
        return msgspec.msgpack.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"MSGPACK decode error: {error}"
        raise DecodeError(msg) from None


def _json_loads(frame: bytes) -> Any:
    """Decode with the standard library, which accepts NaN and infinities. Other invalid input raises an error."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError) as error:
        msg = f"JSON decode error: {error}"
        raise DecodeError(msg) from None


def _as_raw_json(value: Any) -> Any:
    if isinstance(value, Encoded):
        return msgspec.Raw(value.json)
    msg = f"A message cannot contain a value of type {type(value).__name__}"
    raise TypeError(msg)


def _value_of(value: Any) -> Any:
    if isinstance(value, Encoded):
        return value.value()
    msg = f"A message cannot contain a value of type {type(value).__name__}"
    raise TypeError(msg)


_json_encoder = msgspec.json.Encoder(enc_hook=_as_raw_json)
_msgpack_encoder = msgspec.msgpack.Encoder(enc_hook=_value_of)
