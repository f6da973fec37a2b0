"""The worker's traceback for users: their own code, with frames inside bluesky folded."""

import re
from itertools import groupby

from bluesky_qs.error_text import LONGEST_MESSAGE, cut, safe

_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line \d+')
#: Code that is not written at the beamline: the RunEngine, its wrappers, and the worker that calls it.
_INNER = re.compile(r"[/\\](site|dist)-packages[/\\](bluesky(_qs)?|opentelemetry)[/\\]|[/\\]bluesky_qs[/\\]worker[/\\]")
#: Marks under a part of the line above: they would point elsewhere if the terminal breaks that line.
_MARKS = re.compile(r"\s*[~^]+\s*")
_FOLDED = "  … {count} in the code of bluesky"


def folded(traceback: str) -> str:
    """Fold the frames inside bluesky, except the last one, where the error was raised. Very long text is cut."""
    text = safe(traceback.rstrip())
    lines = [line for line in text.split("\n") if text and not _MARKS.fullmatch(line)]
    parts: list[list[str]] = []
    for line in lines:
        if _FRAME.match(line) or not line.startswith("    ") or not parts:
            parts.append([line])
        else:
            parts[-1].append(line)
    shown: list[str] = []
    for inner, group in groupby(enumerate(parts), lambda at: _is_inner(parts, at[0])):
        members = [part for _, part in group]
        shown += [_FOLDED.format(count=_frames(len(members)))] if inner else [line for part in members for line in part]
    return cut("\n".join(shown), LONGEST_MESSAGE)


def _is_inner(parts: list[list[str]], at: int) -> bool:
    found = _FRAME.match(parts[at][0])
    if found is None or not _INNER.search(found["path"]):
        return False
    return at + 1 < len(parts) and bool(_FRAME.match(parts[at + 1][0]))


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"
