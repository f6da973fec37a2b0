"""Health checks of the door and its service, for programs that keep them running. They need no key."""

from bluesky_qs.door.route import Answer, Call, Route, answer
from bluesky_qs.door.shapes import Presence

_NOT_STORED = ((b"cache-control", b"no-store"),)


def routes() -> list[Route]:
    """The routes, which are outside of ``/api``."""
    return [
        Route("GET", "/healthz", None, healthz, text=healthz.__doc__ or "", gives=Presence),
        Route("GET", "/readyz", None, readyz, text=readyz.__doc__ or "", gives=Presence),
    ]


async def healthz(_call: Call) -> Answer:
    """Whether the HTTP server works. This does not depend on the RE Manager."""
    return answer({"status": "ok"})._replace(headers=_NOT_STORED)


async def readyz(call: Call) -> Answer:
    """Whether the RE Manager can be used: 200, or 503 while it is ``down`` or ``slow`` (silent for 3 s)."""
    presence = call.door.default.presence
    if presence == "up":
        return answer({"status": "ok"})._replace(headers=_NOT_STORED)
    headers = (*_NOT_STORED, (b"retry-after", b"1"))
    return answer({"status": presence}, 503)._replace(headers=headers)
