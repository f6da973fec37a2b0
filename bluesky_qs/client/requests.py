"""What a client sends and gets, as bytes and as values; and the answers that it keeps."""

import json
import threading
from typing import Any

import msgspec

from bluesky_qs.api.method import Method, shortened
from bluesky_qs.errors import BadParams, ConfigError
from bluesky_qs.wire.codec import DecodeError, Encoding, decode


def encode_request(method: str, params: dict[str, Any], encoding: Encoding) -> bytes:
    """The request, with the meaning of ``json.dumps``: NaN stays, sets and bytes are refused; arrays become lists.

    Raises
    ------
    BadParams
        A value has no such form; the message says of which type it is.
    """
    request = {"method": method, "params": params} if params else {"method": method}
    try:
        if encoding == "msgpack":
            return msgspec.msgpack.encode(request, enc_hook=_plain)
        return json.dumps(request, default=_plain).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadParams(f"The request cannot be sent as {encoding}: {error}") from None


def decode_response(frame: bytes, encoding: Encoding) -> dict[str, Any]:
    """The answer in a frame.

    Raises
    ------
    ConfigError
        It is not in the encoding that this client was told.
    """
    try:
        return decode(frame, encoding)
    except DecodeError as error:
        other = "json" if encoding == "msgpack" else "msgpack"
        raise ConfigError(f"The answer is not {encoding}; does the service speak {other}? ({error})") from None


class Answers:
    """The latest answer of each method that names the ``uid`` of its content.

    Kept as bytes and decoded anew, so that nobody's changes to an answer are in the next one.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding: Encoding = encoding
        self._guard = threading.Lock()
        self._kept: dict[str, tuple[dict[str, Any], str, bytes]] = {}

    def recall(self, method: Method[..., Any], params: dict[str, Any], uid: str | None) -> dict[str, Any] | None:
        """The answer to this very request, if its content still has this ``uid``."""
        with self._guard:
            kept = self._kept.get(method.name)
        if kept is None or kept[:2] != (params, uid):
            return None
        return decode_response(kept[2], self._encoding)

    def latest(self, method: str) -> dict[str, Any] | None:
        """The answer that was kept last, however old: for completion, which must not ask."""
        with self._guard:
            kept = self._kept.get(method)
        return None if kept is None else decode_response(kept[2], self._encoding)

    def keep(self, method: Method[..., Any], params: dict[str, Any], uid: str | None, frame: bytes) -> None:
        """Keep an answer, unless it has no ``uid``, as refusals have none."""
        if uid:
            with self._guard:
                self._kept[method.name] = (params, uid, frame)


def _plain(value: Any) -> Any:
    """NumPy arrays and scalars as lists and numbers, without importing NumPy."""
    if callable(as_list := getattr(value, "tolist", None)):
        return as_list()
    raise TypeError(f"a value of type {type(value).__name__}: {shortened(value)}")
