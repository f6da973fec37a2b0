"""Reads the bodies of requests to the sign-in routes. Bodies must be small, because anyone may send them."""

from collections.abc import AsyncGenerator
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from bluesky_qs.door.refusals import HTTPRefusal, TooLarge

_T = TypeVar("_T")
_LARGEST = 64 * 1024
_MOST_FIELDS = 20
_MOST_FILES = 0
#: Longer names and passwords are not realistic, and hashing them would only take time.
_LONGEST_FIELD = 1024


class InvalidBody(HTTPRefusal):
    """The body of a request has the wrong format or content."""

    status = 422


async def json_body(request: Request, kind: type[_T], *, is_required: bool = True) -> _T:
    """Return the JSON body, decoded as this type. If no body is required, an empty one counts as an empty object.

    Raises
    ------
    InvalidBody, TooLarge
        The body is not valid for this type, or it is too large. The message does not contain values from the body,
        because they may be secret.
    """
    try:
        body = await _body(request)
        return msgspec.json.decode(body if body or is_required else b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise InvalidBody(f"The request body is not valid: {_without_values(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidBody("The request body must be a JSON object") from None


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises
    ------
    InvalidBody, TooLarge
        The body is not a form, or a field is too long.
    """
    body = await _body(request)
    kind = request.headers.get("content-type", "")
    try:
        if kind.startswith("multipart/form-data"):
            fields = await _multipart(request, body)
        else:
            parsed = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
            fields = {name: values[-1] for name, values in parsed.items()}
    except (ValueError, MultiPartException):
        raise InvalidBody("The request body must be a form") from None
    if any(len(value) > _LONGEST_FIELD for value in fields.values()):
        raise InvalidBody(f"A field of the form is longer than {_LONGEST_FIELD} characters")
    return fields


async def _multipart(request: Request, body: bytes) -> dict[str, str]:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, chunks(), max_files=_MOST_FILES, max_fields=_MOST_FIELDS)
    parsed = await parser.parse()
    return {name: value for name, value in parsed.multi_items() if isinstance(value, str)}


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise TooLarge(f"The request body is larger than {_LARGEST} bytes", {"Connection": "close"})
    except ClientDisconnect:
        raise InvalidBody("The request body is not complete") from None
    return b"".join(parts)


def _without_values(error: msgspec.ValidationError) -> str:
    """Return the error message without values from the body: a value in it may be a secret."""
    reason, at, place = str(error).partition(" - at ")
    return f"{'a value is not valid' if 'Invalid' in reason else reason}{at}{place}"
