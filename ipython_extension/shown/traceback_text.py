"""The worker's traceback as users see it: their own code, with frames inside bluesky folded."""

import re
from itertools import groupby
from typing import Any

from bluesky_qs.error_text import LONGEST_MESSAGE, cut, safe

_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line \d+')
_PARTS = re.compile(r'(  File )("[^"]*", line \d+)(?:(, in )(.*))?')
#: The line about an exception: its class and its message.
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]*)(: .*)?")
_BEGIN = "Traceback (most recent call last):"
#: Code that does not belong to the beamline: the RunEngine, its wrappers, and the worker that calls it.
_INNER = re.compile(r"[/\\](site|dist)-packages[/\\](bluesky(_qs)?|opentelemetry)[/\\]|[/\\]bluesky_qs[/\\]worker[/\\]")
#: Markers under part of the line above. They would be misplaced if the terminal broke that line.
_MARKS = re.compile(r"\s*[~^]+\s*")
_FOLDED = "  … {count} in the code of bluesky"


def folded(traceback: str) -> str:
    """Fold the frames inside bluesky, except the last one, where the error was raised. Very long text is cut."""
    text = safe(traceback.rstrip())
    return cut(folded_in(text), LONGEST_MESSAGE) if text else ""


def folded_in(text: str) -> str:
    """Fold the frames inside bluesky in all tracebacks of a text."""
    lines = [line for line in text.split("\n") if not _MARKS.fullmatch(line)]
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
    return "\n".join(shown)


def is_frame(line: str) -> bool:
    """Whether this line of a traceback names a file."""
    return _FRAME.match(line) is not None


def colored(traceback: str, theme: str) -> str:
    """Color a traceback as IPython does; the last frame stands out.

    Colors need IPython 9, whose themes can color a text.
    """
    try:
        from IPython.utils.PyColorize import theme_table  # noqa: PLC0415 - only an error needs it
    except ImportError:
        return traceback
    if theme not in theme_table:
        return traceback
    lines = traceback.split("\n")
    last = max((at for at, line in enumerate(lines) if _PARTS.fullmatch(line)), default=-1)
    return "\n".join(theme_table[theme].format(_tokens(line, at == last)) for at, line in enumerate(lines))


def _tokens(line: str, is_last: bool) -> list[Any]:
    """The parts of a line, with the token types that IPython's themes know."""
    from pygments.token import Token  # noqa: PLC0415 - see `colored`

    if line == _BEGIN:
        return [(Token, line)]
    if frame := _PARTS.fullmatch(line):
        normal, file = (Token.NormalEm, Token.FilenameEm) if is_last else (Token.Normal, Token.Filename)
        name = Token.TB.NameEm if is_last else Token.TB.Name
        return [(normal, frame[1]), (file, frame[2]), (normal, frame[3] or ""), (name, frame[4] or "")]
    if error := _EXCEPTION.fullmatch(line):
        return [(Token.ExcName, error[1]), (Token, error[2] or "")]
    return [(Token, line)]


def _is_inner(parts: list[list[str]], at: int) -> bool:
    found = _FRAME.match(parts[at][0])
    if found is None or not _INNER.search(found["path"]):
        return False
    return at + 1 < len(parts) and bool(_FRAME.match(parts[at + 1][0]))


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"
