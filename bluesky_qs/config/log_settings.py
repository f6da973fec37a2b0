"""The settings of the log."""

import re
from typing import Annotated, Literal

import msgspec

from bluesky_qs.config.setting import Setting
from bluesky_qs.nearest import did_you_mean, nearest

LogFormat = Literal["text", "json"]

#: Parts of the service whose level can be set: the packages of bluesky_qs that log.
PARTS = ("door", "foresight", "ipc", "manager", "metrics", "startup", "store", "supervisor", "worker")
_PART_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_PART_LEVEL = re.compile(r"(\w+)((?:\.\w+)*)=(\w+)")


def _no_part_level(text: str) -> str:
    match = _PART_LEVEL.fullmatch(text)
    if match is None:
        return "is not like manager=DEBUG"
    part, _, level = match.groups()
    if part not in PARTS:
        return f"is not for a part of the service{did_you_mean(nearest(part, PARTS, 1))}. Parts: {', '.join(PARTS)}"
    return "" if level in _PART_LEVELS else f"has none of the levels {', '.join(_PART_LEVELS)}"


class Log(msgspec.Struct, frozen=True):
    """The log of the service, with everything that startup code and plans print."""

    file: Annotated[
        str | None,
        Setting(
            "Also write the log to this file. When it is full, it gets the number .1, and a new file begins.",
            ("--log-file",),
            ("QSERVER_LOG_FILE",),
            "PATH",
            path=True,
        ),
    ] = None
    file_size: Annotated[int, Setting("Megabytes in one log file.", ("--log-file-size",), metavar="MB", minimum=1)] = 10
    file_count: Annotated[
        int,
        Setting("Number of full log files that are kept, besides the current one.", ("--log-file-count",), (), "N", 0),
    ] = 5
    format: Annotated[
        LogFormat,
        Setting(
            "Format of the log in the terminal, journal and file: text, or a JSON object for each line.",
            ("--log-format",),
            ("QSERVER_LOG_FORMAT",),
        ),
    ] = "text"
    levels: Annotated[
        tuple[str, ...],
        Setting(
            "How much parts of the service log: manager=DEBUG, worker.engine=WARNING. Parts: "
            f"{', '.join(PARTS)}; the lines of the log show their names after bluesky_qs.",
            ("--log-level",),
            ("QSERVER_LOG_LEVEL",),
            "PART=LEVEL...",
            fault=_no_part_level,
        ),
    ] = ()
