"""Traces of requests, for OpenTelemetry: through the manager, and over the links to the worker and the supervisor.

Traces are off unless `switch_on` was called: nothing of OpenTelemetry is imported, and a span costs one comparison. The
context of a trace is text in the W3C format ``traceparent``.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

#: Opens a span with a name, below the context of this text, or below the current span.
Span = Callable[[str, str | None], AbstractContextManager[object]]


class _Traces(NamedTuple):
    span: Span
    #: The context of the current span, as text; None outside of spans.
    context: Callable[[], str | None]


_traces: _Traces | None = None
_NOTHING = nullcontext()


def switch_on(span: Span, context: Callable[[], str | None]) -> None:
    """Trace from now on, with these functions."""
    global _traces  # noqa: PLW0603 - one for the process, like the logging module
    _traces = _Traces(span, context)


def switch_off() -> None:
    """Trace no longer."""
    global _traces  # noqa: PLW0603 - as above
    _traces = None


def span(name: str, parent: str | None = None) -> AbstractContextManager[object]:
    """A span for a block of code, if traces are on."""
    return _NOTHING if _traces is None else _traces.span(name, parent)


def continued(name: str, parent: str | None) -> AbstractContextManager[object]:
    """A span below the context of this text; nothing without a context."""
    return _NOTHING if _traces is None or parent is None else _traces.span(name, parent)


def context() -> str | None:
    """The context of the current span, for another process; None if there is none."""
    return None if _traces is None else _traces.context()
