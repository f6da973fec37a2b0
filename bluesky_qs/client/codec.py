"""How a client encodes requests and decodes replies."""

import json
from typing import Any

import msgspec

from bluesky_qs.api.method import shortened
from bluesky_qs.errors import BadParams, ConfigError
from bluesky_qs.wire.codec import DecodeError, Encoding, decode


def encode_request(method: str, params: dict[str, Any], encoding: Encoding) -> bytes:
    """Encode a request as ``json.dumps`` would: NaN is kept and arrays become lists; sets and bytes are refused.

    Raises
    ------
    BadParams
        A value cannot be encoded; the message names its type.
    """
    return _encoded({"method": method, "params": params} if params else {"method": method}, encoding)


def encode_params(params: dict[str, Any]) -> bytes:
    """Encode the parameters alone, as JSON with the same rules: over HTTP they are the body.

    Raises
    ------
    BadParams
        A value cannot be encoded; the message names its type.
    """
    return _encoded(params, "json")


def decode_response(frame: bytes, encoding: Encoding) -> dict[str, Any]:
    """Decode a reply.

    Raises
    ------
    ConfigError
        The reply is not in the client's encoding.
    """
    try:
        return decode(frame, encoding)
    except DecodeError as error:
        other = "json" if encoding == "msgpack" else "msgpack"
        raise ConfigError(
            f"The reply is not valid {encoding}. Does the service use {other} (QSERVER_ZMQ_ENCODING)? ({error})"
        ) from None


def _encoded(request: dict[str, Any], encoding: Encoding) -> bytes:
    try:
        if encoding == "msgpack":
            return msgspec.msgpack.encode(request, enc_hook=_plain)
        return json.dumps(request, default=_plain).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadParams(f"The request cannot be encoded as {encoding}: {error}") from None


def _plain(value: Any) -> Any:
    """Turn NumPy arrays and scalars into lists and numbers, without importing NumPy."""
    if callable(as_list := getattr(value, "tolist", None)):
        return as_list()
    raise TypeError(f"a value of type {type(value).__name__}: {shortened(value)}")
