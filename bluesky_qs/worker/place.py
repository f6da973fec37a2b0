"""Finds the file and line of the user code that a thread runs."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType
from typing import Any

import bluesky_qs

_STDLIB = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_INSTALLED = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_OURS = os.path.dirname(bluesky_qs.__file__ or "") + os.sep  # noqa: PTH120 - code objects have paths as text
#: Packages whose lines are not part of a plan.
_TOOLS = tuple(f"{root}{name}" for root in _INSTALLED for name in ("bluesky", "ophyd", "event_model", "opentelemetry"))


def place_of(thread: int | None, plan: Any) -> str:
    """Return the innermost line of user code in this thread or, failing that, in the generator; empty if there is none.

    A line in an installed package is used if there is no other.
    """
    frames = [*_of_thread(thread), *reversed(list(_of_generator(plan)))]
    theirs = [each for each in frames if not each[0].startswith((*_STDLIB, _OURS, *_TOOLS, "<frozen"))]
    own = [each for each in theirs if not each[0].startswith(_INSTALLED)]
    chosen = next(iter(own or theirs), None)
    return "" if chosen is None else f"{os.path.basename(chosen[0])}, line {chosen[1]}"  # noqa: PTH119 - as above


def _of_thread(thread: int | None) -> Iterator[tuple[str, int]]:
    """Yield the thread's frames, innermost first."""
    frame: FrameType | None = sys._current_frames().get(thread or 0)  # noqa: SLF001 - no public way
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back


def _of_generator(generator: Any) -> Iterator[tuple[str, int]]:
    """Yield the generator's frames, outermost first."""
    while generator is not None:
        frame = getattr(generator, "gi_frame", None)
        if frame is not None:
            yield frame.f_code.co_filename, frame.f_lineno
        generator = getattr(generator, "gi_yieldfrom", None)
