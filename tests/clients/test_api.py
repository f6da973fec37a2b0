"""bluesky-queueserver-api, over 0MQ and HTTP: every public name of the client is used.

Over HTTP, at our door and through bluesky-httpserver.
"""

import pytest

CHAPTERS = ["status_and_environment", "queue", "running", "run_engine", "permissions", "tasks", "lock", "monitors"]
CHAPTERS += ["waits", "names_and_keys", "monitors_in_detail", "stop"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", ["zmq", "zmq.aio", "http", "http.aio"])
def test_every_method_of_the_client_works(environment, new_publishing, new_http_server, variant):
    http = variant.startswith("http")
    client = environment("httpserver" if http else "api")
    public, used = set(), set()
    for chapter in [*CHAPTERS, "kernel", *(["signing_in"] if http else [])]:
        service = new_publishing(*(["--use-ipython-kernel", "ON"] if chapter == "kernel" else []))
        servers = [new_http_server(service)] if http else []
        uri = [server.uri for server in servers]
        report = client.run("api", variant, chapter, service.control, service.info, *uri, service=service)
        public |= set(report["public"])
        used |= set(report["used"])
        for server in servers:  # they would look for their services until the end of the test
            server.close()
        service.close()
    assert sorted(public - used) == []


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", ["http", "http.aio"])
def test_every_method_of_the_client_works_at_our_door(environment, new_publishing_door, variant):
    client = environment("api")
    public, used = set(), set()
    for chapter in [*CHAPTERS, "kernel", "signing_in", "routes"]:
        service, uri = new_publishing_door(*(["--use-ipython-kernel", "ON"] if chapter == "kernel" else []))
        report = client.run("api", variant, chapter, service.control, service.info, uri, service=service)
        public |= set(report["public"])
        used |= set(report["used"])
        service.close()
    assert sorted(public - used) == []
