"""One script over HTTP, with bluesky-queueserver-api as published and with ours, at our HTTP door.

`make clients` runs all chapters.
"""

import pytest

SITE = """
authentication:
  providers:
    - provider: site
      authenticator: bluesky_httpserver.authenticators:DictionaryAuthenticator
      args:
        users_to_passwords: {{alice: of-alice}}
access:
  rules:
    - {{user: alice, roles: [admin, expert], user_group: primary}}
database:
  uri: sqlite:///{folder}/http.sqlite
"""


@pytest.fixture(params=["bluesky_queueserver_api", "bluesky_qs"])
def package(request):
    """The same script with either client: only the import differs."""
    return request.param


@pytest.fixture
def site(new_service, tmp_path, free_ports):
    """A service with an HTTP door whose users have passwords; the address of the door."""
    (port,) = free_ports(1)
    (tmp_path / "http.yml").write_text(SITE.format(folder=tmp_path))
    door = ("--http", f"127.0.0.1:{port}", "--http-config", str(tmp_path / "http.yml"))
    key = {"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "the-emergency-key"}
    service = new_service("--zmq-publish-console", "ON", *door, env=key)
    return service.start(), f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("variant", "chapters"),
    [("http", "running,monitors,signing_in"), ("http.aio", "lock,routes")],
    ids=["http", "http.aio"],
)
def test_the_script_runs_over_http_with_either_client(drive, site, variant, chapters):
    service, uri = site
    drive(service, variant, chapters, uri)
