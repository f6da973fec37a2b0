"""Traces with OpenTelemetry. Only a process whose traces are switched on imports this module."""

import contextlib
from collections.abc import Iterator

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bluesky_qs.errors import QSError
from bluesky_qs.ipc import tracing

_FIELD = "traceparent"
#: A worker ends without waiting for spans, so they are sent soon.
_DELAY_MS = 500
_propagator = TraceContextTextMapPropagator()


def start(process: str, processor: SpanProcessor | None = None) -> None:
    """Send this process's spans to a collector, whose address is in the usual ``OTEL_…`` variables.

    ``process`` is the part of the service: ``manager`` or ``worker``. ``processor`` gets the spans in place of the
    collector.
    """
    if processor is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - slow

        processor = BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=_DELAY_MS)
    resource = Resource.create({"service.name": "bluesky-qs", "service.instance.id": process})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("bluesky_qs")

    @contextlib.contextmanager
    def span(name: str, parent: str | None) -> Iterator[None]:
        below = None if parent is None else _propagator.extract({_FIELD: parent})
        with tracer.start_as_current_span(
            name, below, kind=trace.SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as current:
            try:
                yield
            except QSError as error:  # only the code, because the message may contain data from a client
                current.set_status(trace.Status(trace.StatusCode.ERROR, error.code))
                raise

    tracing.switch_on(span, _current)


def _current() -> str | None:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_FIELD)
