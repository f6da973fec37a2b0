"""Clients of a manager in this process, and an HTTP server that answers as a test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from bluesky_qs.client.sync import REManagerAPI

TOKENS = {
    "access_token": "A1",
    "expires_in": 900,
    "refresh_token": "R1",
    "refresh_token_expires_in": 604800,
    "token_type": "bearer",
}


@pytest.fixture
def RM(qs_manager, clean_environment):
    with REManagerAPI(qs_manager.control, zmq_info_addr=qs_manager.info, timeout_recv=5) as manager:
        yield manager


@pytest.fixture
def http_RM(http_door):
    """A client over HTTP of a whole manager."""
    with REManagerAPI(http_server_uri=http_door.url) as manager:
        manager.set_authorization_key(api_key=http_door.key)
        yield manager


class Got(NamedTuple):
    """A request that a scripted server got."""

    verb: str
    path: str
    authorization: str | None
    body: str


class ScriptedServer(ThreadingHTTPServer):
    """Answers with ``answers[VERB, PATH]``, a function of the request or a body; with 404 to anything else.

    A body with a status is a pair. Text is sent as HTML.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {}
        self.got = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        got = Got(self.command, self.path, self.headers.get("authorization"), body)
        self.server.got.append(got)
        answer = self.server.answers.get((self.command, self.path.partition("?")[0]), (404, {"detail": "Not Found"}))
        if callable(answer):
            answer = answer(got)
        if answer is None:  # hang up
            self.close_connection = True
            return
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        sent = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(content, str) else "application/json")
        self.send_header("content-length", str(len(sent)))
        if status in (503, 429):
            self.send_header("retry-after", "3")
        if status == 307:
            self.send_header("location", "https://elsewhere.example/")
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_DELETE = _answer


@pytest.fixture
def scripted(clean_environment):
    """An HTTP server that answers as the test says."""
    with ScriptedServer() as server:
        yield server
        server.shutdown()


@pytest.fixture
def scripted_RM(scripted):
    """A client of that server."""
    with REManagerAPI(http_server_uri=scripted.url, timeout=5) as manager:
        yield manager
