"""Reads the parameters of the door's own routes. Their types are structs."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from bluesky_qs.door.methods import OF_SIGN_IN
from bluesky_qs.door.refusals import BadRequest, missing_body
from bluesky_qs.door.route import Call

T = TypeVar("T")


async def params(call: Call, kind: type[T]) -> T:
    """The parameters in the body or, without a body, in the query.

    Raises
    ------
    BadRequest
        A parameter is unknown, missing or has the wrong type.
    BodyMissing
        Required parameters are missing.
    """
    body = await call.body()
    query = dict(parse_qsl(call.scope["query_string"].decode("latin-1")))
    for name in OF_SIGN_IN:
        query.pop(name, None)
    try:
        if body.strip() and body.strip() != b"null":
            return msgspec.json.decode(body, type=kind)
        if query:
            return msgspec.convert(query, kind, strict=False)
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise BadRequest(f"Parameters: {error}") from None
    fields: Any = msgspec.structs.fields(kind)  # pyright: ignore[reportArgumentType] - any struct
    if any(field.required for field in fields):
        raise missing_body({field.name: field.required for field in fields})
    return kind()
