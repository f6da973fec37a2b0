"""OpenTelemetry traces of requests, through the manager and over the links to the worker and the supervisor.

Traces are off unless `switch_on` was called. While they are off, OpenTelemetry is not imported, and a span costs one
comparison. The context of a trace is text in the W3C format ``traceparent``.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

#: Opens a span with this name below the context in this text, or below the current span.
Span = Callable[[str, str | None], AbstractContextManager[object]]


class _Traces(NamedTuple):
    span: Span
    #: Returns the context of the current span as text; None outside spans.
    context: Callable[[], str | None]


_traces: _Traces | None = None
_NOTHING = nullcontext()


def switch_on(span: Span, context: Callable[[], str | None]) -> None:
    """Switch traces on, and use these functions for them."""
    global _traces  # noqa: PLW0603 - one for the process, like the logging module
    _traces = _Traces(span, context)


def switch_off() -> None:
    """Switch traces off."""
    global _traces  # noqa: PLW0603 - as above
    _traces = None


def span(name: str, parent: str | None = None) -> AbstractContextManager[object]:
    """Open a span for a block of code, if traces are on."""
    return _NOTHING if _traces is None else _traces.span(name, parent)


def continued(name: str, parent: str | None) -> AbstractContextManager[object]:
    """Open a span below the context in this text; do nothing without a context."""
    return _NOTHING if _traces is None or parent is None else _traces.span(name, parent)


def context() -> str | None:
    """Return the context of the current span, for another process; None if there is none."""
    return None if _traces is None else _traces.context()
