"""Reads times that users type: ``yesterday``, ``14:30``, ``2h``, ``2026-11-28 14:30``."""

import datetime as dt
import re

FORMS = "yesterday, today, 14:30, 2h, 2026-11-28 or 2026-11-28 14:30"
DAYS = {"today": 0, "yesterday": 1}
_AGO = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")


def is_day(text: str) -> bool:
    """Whether the text is a day. A time of day may follow it."""
    return _day(text, dt.datetime.now()) is not None  # noqa: DTZ005 - local time, as it is typed


def is_clock(text: str) -> bool:
    """Whether the text looks like a time of day, such as ``14:30``."""
    return _CLOCK.fullmatch(text) is not None


def epoch(text: str, now: float, *, end: bool = False) -> float | None:
    """The Unix time for a text in local time; None if it is not a time.

    A day stands for its beginning, or, with ``end``, for its end. A time without a day is the latest such time before
    ``now``.
    """
    today = dt.datetime.fromtimestamp(now)  # noqa: DTZ006 - local time, as it is typed
    if found := _AGO.fullmatch(text):
        return now - float(found[1]) * _SECONDS[found[2]]
    if is_clock(text):
        clock = _clock(text)
        if clock is None:
            return None
        last = dt.datetime.combine(today, clock)
        return (last if last <= today else last - dt.timedelta(days=1)).timestamp()
    first, _, rest = text.replace("T", " ").partition(" ")
    day, clock = _day(first, today), _clock(rest.strip())
    if day is None or (rest and clock is None):
        return None
    if clock is None and end:
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time()).timestamp()
    return dt.datetime.combine(day, clock or dt.time()).timestamp()


def coming(text: str, now: float) -> float | None:
    """The Unix time of the next moment with this time of day; None if the text is not a time of day."""
    clock = _clock(text)
    if clock is None:
        return None
    today = dt.datetime.fromtimestamp(now)  # noqa: DTZ006 - local time, as it is typed
    found = dt.datetime.combine(today, clock)
    return (found if found > today else found + dt.timedelta(days=1)).timestamp()


def _day(text: str, today: dt.datetime) -> dt.date | None:
    if text in DAYS:
        return today.date() - dt.timedelta(days=DAYS[text])
    try:
        return dt.date.fromisoformat(text) if "-" in text else None
    except ValueError:
        return None


def _clock(text: str) -> dt.time | None:
    if not is_clock(text):
        return None
    try:
        return dt.time.fromisoformat(text if text[1] != ":" else f"0{text}")
    except ValueError:
        return None
