"""Refusals and their status codes. Each reason to refuse a request is an error class with a status and a sentence."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec


class HTTPRefusal(Exception):
    """The door refuses a request; ``{"detail": …}`` is the body of the response."""

    status: ClassVar[int] = 400

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.status_code = self.status if status is None else status

    @property
    def body(self) -> bytes:
        """The body of the response."""
        return msgspec.json.encode({"detail": self.detail})


class BadRequest(HTTPRefusal):
    """Invalid parameters, or an unknown kind of credentials."""


class NotSignedIn(HTTPRefusal):
    """No credentials, wrong ones, or too few scopes. Clients expect 401 for all of them."""

    status = 401

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None, *, scopes: Iterable[str] = ()) -> None:
        wanted = " ".join(scopes)
        challenge = f'Bearer scope="{wanted}"' if wanted else "Bearer"
        super().__init__(detail, {"WWW-Authenticate": challenge, **(headers or {})})


class CSRFRefused(HTTPRefusal):
    """A cookie without the token that proves the origin of the request."""

    status = 403


class NoSuchRoute(HTTPRefusal):
    """There is no such path."""

    status = 404


class WrongVerb(HTTPRefusal):
    """The path exists, but not with this verb."""

    status = 405


class ServiceSlow(HTTPRefusal):
    """The service did not answer in time."""

    status = 408


class TooLarge(HTTPRefusal):
    """The request head or body is too large."""

    status = 413


class BodyMissing(HTTPRefusal):
    """The request needs parameters but has none."""

    status = 422


class ServiceDown(HTTPRefusal):
    """The service is known to be down."""

    status = 503

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


def missing_body(parameters: Mapping[str, bool]) -> BodyMissing:
    """The refusal of a request without parameters. ``parameters`` has their names, and whether each is required."""
    required = ", ".join(name for name, is_required in parameters.items() if is_required)
    optional = ", ".join(name for name, is_required in parameters.items() if not is_required)
    if not required:
        return BodyMissing(f"The request needs a JSON object. Its parameters are all optional: {optional}")
    others = f". Optional: {optional}" if optional else ""
    return BodyMissing(f"The request needs a JSON object with these parameters: {required}{others}")


def missing_scopes(needed: Iterable[str], had: Iterable[str]) -> NotSignedIn:
    """The refusal for a missing permission. Clients match its beginning."""
    required = list(needed)
    return NotSignedIn(
        f"Not enough permissions. Requires scopes {required}. Request had scopes {sorted(had)}", scopes=required
    )
