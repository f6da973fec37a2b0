"""Traces of a whole service, as a collector gets them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """Receives spans over HTTP."""

    def __init__(self):
        self.spans = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.add(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def add(self, request):
        for resource in request.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[names["service.instance.id"], span.name] = span

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def collector():
    running = Collector()
    yield running
    running.close()


def test_a_request_is_followed_through_the_manager_and_the_worker_to_the_plan(new_service, collector):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server.server_port}", "QSERVER_OTEL": "ON"}
    service = new_service("--warm-worker", "OFF", env=env).start()
    service.open()
    service.add("count", ["det1"])
    request = {"method": "queue_start", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    assert msgspec.json.decode(service.raw(msgspec.json.encode(request)))["success"]
    service.wait_idle()
    expected = {("manager", "queue_start"), ("worker", "RunPlan"), ("worker", "plan count")}
    service.wait(lambda _: expected <= collector.spans.keys(), "the spans of both processes")
    request, command, plan = (
        collector.spans[key] for key in sorted(expected, key=lambda key: (key[0], key[1][0] == "p"))
    )
    assert {span.trace_id.hex() for span in (request, command, plan)} == {TRACE}
    assert command.parent_span_id == request.span_id
    assert plan.parent_span_id == command.span_id
    assert service.stop() == 0
