"""Phrases that explain why a plan is waiting, such as “waiting for motor (0.000 → 5.000 mm, 62 %, 12 s to go)”."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.error_text import cut
from bluesky_qs.ipc.states import PlanWait, Waiting

#: Default number of digits after the decimal point in a position.
_PRECISION = 3
#: Maximum number of characters in a position and in a prompt.
_LONGEST_POSITION, _LONGEST_PROMPT = 30, 200
#: Maximum number of device names in a phrase.
_NAMES = 3


def held_text(waiting: Waiting, now: float) -> str:
    """Return the phrase for a pause or a suspension."""
    since = moment(waiting.since, now)
    match waiting.kind:
        case "suspender":
            return f"suspended since {since}: {waiting.reason}"
        case "pause":
            who = "the plan" if waiting.by_plan else waiting.user
            held = f", while {'waiting to start' if waiting.to_begin else 'suspended'}: {waiting.reason}"
            return f"paused at {since}{f' by {who}' if who else ''}{held if waiting.reason else ''}"


def input_text(prompt: str) -> str:
    """Return the phrase for an input prompt in user code."""
    return f"waiting for an answer: {cut(' '.join(prompt.split()) or 'input()', _LONGEST_PROMPT)}"


def code_text(since: float, place: str, now: float) -> str:
    """Return the phrase for running user code."""
    return f"busy in user code for {length(now - since)} ({place or 'line unknown'})"


def plan_text(wait: PlanWait, start: Any, target: Any, devices: Sequence[Mapping[str, Any]], now: float) -> str:
    """Return the phrase for devices, a sleep or user code. ``devices`` are the devices in the latest pulse."""
    match wait.kind:
        case "user_code":
            return code_text(wait.since, wait.place, now)
        case "sleep":
            return f"sleeping, {length(wait.since + target - now, up=True)} to go"
        case "motor" | "trigger":
            details = _details(wait, start, target, devices, now)
            return f"waiting for {_names(wait.devices)}" + (f" ({', '.join(details)})" if details else "")


def moment(seconds: float, now: float) -> str:
    """Return the local time in hours and minutes, with the date unless it is today."""
    then, today = dt.datetime.fromtimestamp(seconds).astimezone(), dt.datetime.fromtimestamp(now).astimezone()
    return f"{then:%H:%M}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"


def length(seconds: float, *, up: bool = False) -> str:
    """Return a length of time such as ``12 s``, ``3 min 5 s`` or ``2 h 5 min``; ``up`` rounds it up."""
    minutes, rest = divmod(max(math.ceil(seconds) if up else math.floor(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _details(wait: PlanWait, start: Any, target: Any, devices: Sequence[Mapping[str, Any]], now: float) -> list[str]:
    parts = []
    if wait.kind == "motor" and len(wait.devices) == 1:
        to = f"→ {_position(target, wait.precision)}" if target is not None else ""
        from_to = f"{_position(start, wait.precision)} {to}" if start is not None and to else to
        parts = [f"{from_to} {wait.unit}".strip()] if from_to else []
    slowest = _slowest([device for device in devices if device["name"] in wait.devices and not device["done"]])
    if slowest.get("fraction") is not None:
        parts.append(f"{math.floor(100 * slowest['fraction'])} %")
    if slowest.get("time_remaining") is not None:
        parts.append(f"{length(slowest['time_remaining'], up=True)} to go")
    if wait.kind == "trigger" and not parts:
        parts = [f"triggered {length(now - wait.since)} ago"]
    return parts


def _slowest(devices: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the device that takes longest, or one whose time is unknown."""
    return max(devices, key=lambda each: math.inf if (t := each["time_remaining"]) is None else t, default={})


def _names(names: Sequence[str]) -> str:
    shown = list(names) if len(names) <= _NAMES else [*names[: _NAMES - 1], f"{len(names) - _NAMES + 1} more"]
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1] if shown else "a device") if part)


def _position(value: Any, precision: int | None) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return cut(str(value), _LONGEST_POSITION)
    digits = _PRECISION if precision is None else min(max(precision, 0), 10)
    minus = "−"  # noqa: RUF001 - the real minus sign, as in print
    return cut(f"{value:.{digits}f}".replace("-", minus), _LONGEST_POSITION)
