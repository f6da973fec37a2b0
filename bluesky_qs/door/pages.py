"""The description of the door: ``/openapi.json`` for programs, ``/docs`` for people. Both are open to anyone."""

from collections.abc import Callable
from typing import Any

import msgspec

from bluesky_qs.door.docs_page import page
from bluesky_qs.door.door import Door
from bluesky_qs.door.route import Answer, Call, Route

#: Makes the OpenAPI document of a door.
Describe = Callable[[Door], dict[str, Any]]

_HTML = b"text/html; charset=utf-8"
#: The page may load nothing, and no other page may show it in a frame.
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_SAFE = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


def routes(describe: Describe) -> list[Route]:
    """The routes, which are outside of ``/api``."""
    pages = _Pages(describe)
    return [
        Route("GET", "/openapi.json", None, pages.openapi, text=pages.openapi.__doc__ or "", gives=dict[str, Any]),
        Route("GET", "/docs", None, pages.docs, text=pages.docs.__doc__ or "", gives="text/html"),
    ]


class _Pages:
    """The pages. They are created at the first request, and do not change afterwards."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._document: bytes | None = None
        self._page: bytes | None = None

    async def openapi(self, call: Call) -> Answer:
        """The description of all routes, as OpenAPI 3.1."""
        if self._document is None:
            self._document = msgspec.json.encode(self._describe(call.door))
        return Answer(self._document)

    async def docs(self, call: Call) -> Answer:
        """The description of all routes, as a page that loads nothing and runs no script."""
        if self._page is None:
            self._page = page(self._describe(call.door)).encode()
        return Answer(self._page, content_type=_HTML, headers=_SAFE)
