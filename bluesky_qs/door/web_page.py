"""The page at ``/``: the files that ``make web`` builds. They are open to anyone.

They contain no data: the page signs in and uses the API.
"""

import gzip
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import HTTPConnection

import bluesky_qs
from bluesky_qs.door.refusals import NoSuchRoute
from bluesky_qs.door.route import Answer, Call, Route

#: The folder of the built page.
FOLDER = Path(bluesky_qs.__file__).parent / "web" / "dist"

_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
}
#: Only the door's own files may be used, no inline code, and no other page may show this page in a frame. Some browsers
#: do not count websockets to the same host as 'self'.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{sockets}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HOST = re.compile(r"[\w.-]+(:\d+)?|\[[\da-fA-F:.]+\](:\d+)?", re.ASCII)
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"accept-encoding"),
)
#: The names of these files change with their content.
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")
#: Query parameters that contain a secret.
_CREDENTIALS = ("api_key", "access_token")

_NOT_BUILT = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>The page is not built</title></head>
<body><main><h1>The page is not built</h1>
<p>This service runs from a checkout of its source code, in which the page has not been built. In {folder}, run
<code>make web</code>, then start the service again.</p>
<p>The HTTP interface works: <a href="docs">see its description</a>.</p></main></body>
</html>
"""


def routes() -> list[Route]:
    """The routes, which are outside of ``/api``. They are not in the reference, because they are only for browsers."""
    return [
        Route("GET", "", None, _add_slash),
        Route("GET", "/", None, _home),
        Route("GET", "/icon.svg", None, _icon),
        Route("GET", "/assets/{name}", None, _asset),
    ]


class _File(NamedTuple):
    content: bytes
    zipped: bytes
    content_type: bytes

    def answer(self, call: Call, caching: tuple[bytes, bytes]) -> Answer:
        headers = (*_safe(call), caching)
        if "gzip" in (call.header(b"accept-encoding") or ""):
            return Answer(self.zipped, 200, self.content_type, (*headers, (b"content-encoding", b"gzip")))
        return Answer(self.content, 200, self.content_type, headers)


@cache
def _files(folder: Path) -> dict[str, _File]:
    """All files of the page, by path; empty if the page has not been built."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in _TYPES)
    return {str(path.relative_to(folder).as_posix()): _read(path) for path in found}


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, gzip.compress(content, 9, mtime=0), _TYPES[path.suffix])


def _safe(call: Call) -> tuple[tuple[bytes, bytes], ...]:
    host = call.header(b"host") or ""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return ((b"content-security-policy", _POLICY.format(sockets=sockets).encode()), *_SAFE)


async def _add_slash(call: Call) -> Answer:
    """Redirect to the address with a slash at the end.

    Addresses in the page are relative to the prefix, so it must end with a slash.
    """
    return Answer(b"", 303, headers=((b"location", call.scope.get("root_path", "").encode() + b"/"), *_safe(call)))


async def _home(call: Call) -> Answer:
    """The page.

    A key in the query becomes a cookie and is removed from the address. The rest of the query is for the page.
    """
    connection = HTTPConnection(call.scope)
    given = connection.query_params.multi_items()
    kept = [(name, value) for name, value in given if name not in _CREDENTIALS]
    if len(kept) < len(given):
        await call.door.sign_in.caller(connection)
        location = f".?{urlencode(kept)}" if kept else "."
        return Answer(b"", 303, headers=((b"location", location.encode()), *_safe(call)))
    page = _files(FOLDER).get("index.html")
    if page is None:
        text = _NOT_BUILT.format(folder=escape(str(FOLDER.parents[2])))
        return Answer(text.encode(), 200, _TYPES[".html"], (*_safe(call), _ASK_AGAIN))
    return page.answer(call, _ASK_AGAIN)


async def _icon(call: Call) -> Answer:
    """The icon for the browser tab."""
    return _file("icon.svg").answer(call, _ASK_AGAIN)


async def _asset(call: Call) -> Answer:
    """A script or a style sheet."""
    return _file(f"assets/{call.path_params['name']}").answer(call, _FOREVER)


def _file(name: str) -> _File:
    file = _files(FOLDER).get(name)
    if file is None:
        raise NoSuchRoute(f"The page has no file {name!r}")
    return file
