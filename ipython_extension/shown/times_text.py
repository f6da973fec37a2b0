"""Texts about estimates: how long plans take, when they start, and when the queue ends."""

import time
from collections.abc import Mapping
from typing import Any

from bluesky_qs.api.estimates import NOT_YET
from ipython_extension.shown.tables import length_of_time

_MINUTE, _HOUR = 60, 3600
#: Seconds below which a tenth of a second is shown.
_FEW = 10
#: Seconds below which a tenth of a second would be zero.
_SHORTEST = 0.05


def roughly(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``12 min``, ``2 h 05 min``."""
    if _MINUTE <= round(seconds) < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return length_of_time(round(seconds, 1) if seconds < _FEW else seconds)


def about(seconds: float, length: str) -> str:
    """``about 12 s``, where ``length`` is the text for the seconds; ``less than 0.1 s`` in place of ``about 0.0 s``."""
    return f"about {length}" if seconds >= _SHORTEST else "less than 0.1 s"


def clock(epoch: float) -> str:
    """The time of day, such as ``14:32``; for another day also the date: ``21 Nov 14:32``."""
    then, today = time.localtime(epoch), time.localtime(time.time())
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%d %b %H:%M", then)


def takes(estimate: Mapping[str, Any]) -> str:
    """``about 12 min``; ``at least 3 min`` if part of the time is unknown; empty if all of it is unknown."""
    seconds = estimate["seconds"]
    if seconds is not None and not (estimate["at_least"] and seconds < 1):
        return f"at least {roughly(seconds)}" if estimate["at_least"] else about(seconds, roughly(seconds))
    return f"at least {roughly(estimate['low'])}" if estimate["at_least"] and (estimate["low"] or 0) >= 1 else ""


def item_text(estimate: Mapping[str, Any], *, is_held: bool = False) -> str:
    """``about 12 min, at 14:32``; empty if neither is known. Starts are not known while the running plan is held."""
    start = None if is_held else estimate["start"]
    later = " or later" if estimate["start_at_least"] else ""
    known = takes(estimate)
    return ", ".join(part for part in (known, f"at {clock(start)}{later}" if known and start else "") if part)


def item_sentence(estimate: Mapping[str, Any]) -> str:
    """Like `item_text`, plus the reason if the time is not known: ``not known: det2 has not been triggered yet``.

    Empty while the estimate is still being made.
    """
    known = item_text(estimate)
    if estimate["seconds"] is not None or estimate["reason"] in ("", NOT_YET):
        return known
    return f"{known}; the rest is not known: {estimate['reason']}" if known else f"not known: {estimate['reason']}"


def queue_text(queue: Mapping[str, Any], *, is_running: bool, is_loop: bool, is_held: bool = False) -> str:
    """``done at about 03:10``; while nothing runs, ``about 2 h 05 min if started now``; empty if this is not known.

    While the running plan is paused or suspended, ``about 2 h 05 min if resumed now``.
    """
    known = takes(queue)
    if not known:
        return ""
    if is_loop:
        return f"one round: {known}"
    if is_held:
        return f"{known} if resumed now"
    return done_at(queue["end"], at_least=queue["at_least"]) if is_running else f"{known} if started now"


def done_at(end: float | None, *, at_least: bool) -> str:
    """``done at about 03:10``; empty if the end is not known."""
    if end is None:
        return ""
    return f"done at {clock(end)} or later" if at_least else f"done at about {clock(end)}"


def runs_at(estimate: Mapping[str, Any], when: float) -> bool:
    """Whether an item will run at this time, according to the estimates."""
    start, seconds = estimate["start"], estimate["seconds"]
    return start is not None and seconds is not None and start <= when < start + seconds
