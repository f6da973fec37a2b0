"""The community's client library, as published, drives our service."""

import pytest


@pytest.fixture
def publishing(new_service):
    """A service that publishes its console output, with the built-in profile."""
    key = {"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "the-emergency-key"}
    return new_service("--zmq-publish-console", "ON", env=key).start()


@pytest.mark.parametrize("variant", ["threads", "async"])
@pytest.mark.parametrize(
    "chapter",
    ["status_and_environment", "queue", "running", "run_engine", "permissions", "tasks", "lock", "monitors", "waits"],
)
def test_the_communitys_client_gets_what_its_documentation_promises(drive, publishing, variant, chapter):
    drive(publishing, variant, chapter)


@pytest.mark.parametrize("variant", ["threads", "async"])
def test_the_communitys_client_stops_the_service(drive, publishing, variant):
    drive(publishing, variant, "stop")
    assert publishing.process.wait(5) == 0


@pytest.mark.parametrize("variant", ["threads", "async"])
def test_the_communitys_client_is_told_where_no_service_answers(drive, new_service, variant):
    assert "timeout" in drive(new_service(), variant, "nobody").lower()
