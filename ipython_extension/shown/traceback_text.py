"""The worker's traceback as a user reads it: their own code, with what lies in bluesky folded."""

import re
from itertools import groupby

_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line \d+')
#: Code that is nobody's at the beamline: the RunEngine, what it wraps its functions in, and the worker that calls it.
_INNER = re.compile(r"[/\\](site|dist)-packages[/\\](bluesky(_qs)?|opentelemetry)[/\\]|[/\\]bluesky_qs[/\\]worker[/\\]")
#: Rows that mark a part of the line above: in a line that the terminal breaks they mark something else.
_MARKS = re.compile(r"\s*[~^]+\s*")
_FOLDED = "  … {count} in the code of bluesky"


def folded(traceback: str) -> str:
    """The traceback without frames inside of bluesky, but for the last one, where the error was raised."""
    lines = [line for line in traceback.rstrip().splitlines() if not _MARKS.fullmatch(line)]
    parts: list[list[str]] = []
    for line in lines:
        if _FRAME.match(line) or not line.startswith("    ") or not parts:
            parts.append([line])
        else:
            parts[-1].append(line)
    told: list[str] = []
    for inner, group in groupby(enumerate(parts), lambda at: _is_inner(parts, at[0])):
        members = [part for _, part in group]
        told += [_FOLDED.format(count=_frames(len(members)))] if inner else [line for part in members for line in part]
    return "\n".join(told)


def _is_inner(parts: list[list[str]], at: int) -> bool:
    found = _FRAME.match(parts[at][0])
    if found is None or not _INNER.search(found["path"]):
        return False
    return at + 1 < len(parts) and bool(_FRAME.match(parts[at + 1][0]))


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"
