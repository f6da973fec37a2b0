"""Encoding of messages between our processes."""

from typing import Any

import msgspec

from bluesky_qs.wire.codec import storable


def encode(message: Any) -> bytes:
    """Encode a message. Text that UTF-8 cannot hold is escaped, because it must not end the process that reports it."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        return _encoder.encode(storable(msgspec.to_builtins(message, builtin_types=(bytes,))))


_encoder = msgspec.msgpack.Encoder()
