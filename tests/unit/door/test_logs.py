"""No key, token or password is logged at any level, whoever logs it."""

import io
import logging

import pytest

from bluesky_qs.door.logs import configure_door_logging

SECRET = "s3cr3tOfTheTests"


@pytest.fixture
def logged(monkeypatch):
    """Configures logging at a level; the text of the log."""
    loggers = [logging.getLogger(name) for name in ("bluesky_qs", "uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(each, each.level, each.handlers[:], each.propagate) for each in loggers]
    for switch in ("logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, switch, getattr(logging, switch))
    stream = io.StringIO()

    def configure(level):
        logging.getLogger("bluesky_qs").handlers[:] = []
        monkeypatch.setattr("sys.stderr", stream)
        configure_door_logging(level)
        return stream.getvalue

    yield configure
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


def test_a_request_is_logged_without_its_query(logged):
    text = logged(logging.DEBUG)
    line = '%s - "%s %s HTTP/%s" %d'
    logging.getLogger("uvicorn.access").info(
        line, "127.0.0.1:1", "GET", f"/api/status?api_key={SECRET}&x=1", "1.1", 200
    )
    logging.getLogger("uvicorn.error").info(
        '%s - "WebSocket %s" [accepted]', "1", f"/api/info/ws?access_token={SECRET}"
    )
    assert '127.0.0.1:1 - "GET /api/status HTTP/1.1" 200' in text()
    assert '"WebSocket /api/info/ws" [accepted]' in text()
    assert SECRET not in text()


@pytest.mark.parametrize(
    "message",
    [
        f"Authorization: ApiKey {SECRET}",
        f"> authorization: Bearer {SECRET}",
        f"cookie: bluesky_httpserver_api_key={SECRET}",
        f"{{'password': '{SECRET}'}}",
        f'{{"api_key": "{SECRET}"}}',
        f"http://a/?x=1&api_key={SECRET}",
        f"refresh_token={SECRET}",
        f"PASSWORD={SECRET}",
        f"ApiKey: {SECRET}",
        f"Set-Cookie: session={SECRET}",
        f"X-CSRF: {SECRET}",
        f"{{'lock_key': '{SECRET}'}}",
        f"lock_key={SECRET}&x=1",
    ],
)
def test_secrets_are_replaced_in_our_log_too(logged, message):
    text = logged(logging.DEBUG)
    logging.getLogger("bluesky_qs.door").warning("%s", message)
    assert "***" in text()
    assert SECRET not in text()


def test_whole_requests_are_not_logged_even_at_the_lowest_level(logged):
    text = logged(logging.DEBUG)
    logging.getLogger("uvicorn.error").debug("< X-Something: %s", SECRET)
    assert text() == ""


def test_requests_are_logged_only_if_much_is_logged(logged):
    text = logged(logging.INFO)
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert "GET" not in text()
    assert "Invalid HTTP request" in text()
