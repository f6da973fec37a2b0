"""How a message between our processes becomes bytes."""

from typing import Any

import msgspec

from bluesky_qs.wire.codec import storable


def encode(message: Any) -> bytes:
    """Bytes of a message. Text of users that UTF-8 cannot hold must not cost the process that tells of it."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        return _encoder.encode(storable(msgspec.to_builtins(message, builtin_types=(bytes,))))


_encoder = msgspec.msgpack.Encoder()
