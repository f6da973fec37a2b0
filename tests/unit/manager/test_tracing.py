"""Traces of requests through the manager and, by the link, through the worker's side of it."""

import json

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bluesky_qs.ipc import otel, tracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def spans():
    """A function that returns the spans that have ended, by name."""
    exporter = InMemorySpanExporter()
    otel.start("manager", SimpleSpanProcessor(exporter))
    yield lambda: {span.name: span for span in exporter.get_finished_spans()}
    tracing.switch_off()


async def send(manager, method, **beside):
    return json.loads(await manager.ask_raw(json.dumps({"method": method, **beside}).encode()))


async def test_a_trace_goes_on_in_the_manager_and_over_the_link_to_the_worker(opened, spans):
    await opened.add("count", ["det1"])
    reply = await send(opened, "queue_start", traceparent=TRACEPARENT)
    assert reply["success"]
    await opened.until_idle()
    request, command = spans()["queue_start"], spans()["RunPlan"]
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert command.context.trace_id == request.context.trace_id
    assert command.parent.span_id == request.context.span_id
    assert dict(request.attributes) == {}


async def test_a_request_without_a_trace_begins_one(opened, spans):
    await send(opened, "queue_get")
    assert spans()["queue_get"].parent is None


async def test_a_refusal_is_an_error_with_its_code_and_without_what_the_client_sent(opened, spans):
    reply = await send(opened, "queue_item_remove", params={"uid": "secret"})
    assert not reply["success"]
    status = spans()["queue_item_remove"].status
    assert (status.status_code, status.description) == (StatusCode.ERROR, reply["error"])
    assert "secret" not in spans()["queue_item_remove"].to_json()


async def test_a_trace_that_cannot_be_read_does_not_matter(opened, spans):
    assert (await send(opened, "queue_get", traceparent="nonsense"))["success"]
    assert spans()["queue_get"].parent is None


@pytest.mark.parametrize("trace", [5, ["x"], "x" * 1000])
async def test_a_trace_must_be_a_short_string(opened, trace):
    reply = await send(opened, "queue_get", traceparent=trace)
    assert reply["msg"].startswith("Invalid request format: traceparent is not a short string: ")


async def test_without_traces_the_key_is_accepted_and_costs_no_span(opened):
    assert (await send(opened, "queue_get", traceparent=TRACEPARENT))["success"]
    assert tracing.context() is None
    assert tracing.span("one") is tracing.span("two") is tracing.continued("three", TRACEPARENT)
