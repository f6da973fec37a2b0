"""Encodes the messages between the processes of the service."""

from typing import Any

import msgspec

from bluesky_qs.wire.codec import storable


def encode(message: Any) -> bytes:
    """Encode a message. Text that is not valid UTF-8 is escaped, so that it cannot crash the reporting process."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        return _encoder.encode(storable(msgspec.to_builtins(message, builtin_types=(bytes,))))


_encoder = msgspec.msgpack.Encoder()
