"""Sign-in as users do it: at a door of its own process, with PAM, LDAP and OpenID Connect in its configuration file."""

import contextlib
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from tests.system_packages import needs

pytestmark = [needs("libpam-wrapper", "libnss-wrapper", "slapd"), pytest.mark.xdist_group("the door of test_door.py")]

_HERE = Path(__file__).parent
_MODULE = "bluesky_httpserver.authenticators"
_SECRETS = {"LDAP_PASSWORD": "password-of-the-service", "OIDC_SECRET": "the-secret-of-the-door"}
_RULES = [
    {"provider": "computer", "group": "staff", "roles": "expert"},
    {"provider": "directory", "group": "staff", "roles": "observer"},
    {"provider": "facility", "group": "beamline-staff", "claim": {"realm_access.roles": "operator"}, "roles": "user"},
]


class Door:
    """`qserver-http` with this configuration, where the users of a test are those of PAM."""

    def __init__(self, port, configuration, world, await_line):
        file = world.folder / "door.yml"
        file.write_text(yaml.safe_dump(configuration))
        clean = {name: value for name, value in world.environment.items() if not name.startswith(("QSERVER", "XDG"))}
        command = [sys.executable, _HERE / "pam_world.py", "bluesky_qs", "qserver-http", "--verbose"]
        self.url = f"http://127.0.0.1:{port}"
        self._printed = []
        self.process = subprocess.Popen(
            [*command, "--config", file, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=world.folder,
            env=clean | {"HOME": str(world.folder)} | _SECRETS,
        )
        await_line(self.process, "HTTP server at")
        self._reader = threading.Thread(target=self._printed.extend, args=(self.process.stdout,))
        self._reader.start()

    def client(self, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def sign_in(self, provider, username, password):
        form = {"username": username, "password": password}
        with self.client() as client:
            return client.post(f"/api/auth/provider/{provider}/token", data=form)

    def who(self, tokens):
        """Name and roles of the user who has these tokens."""
        with self.client(tokens["access_token"]) as client:
            identities = client.get("/api/auth/whoami").json()["identities"]
            return [(each["provider"], each["id"]) for each in identities], client.get("/api/auth/scopes").json()[
                "roles"
            ]

    def printed(self):
        """Everything that it has printed, when it has ended."""
        self.close()
        return "".join(self._printed)

    def close(self):
        self.process.terminate()
        self.process.wait(30)  # half of the time that the door waits for an LDAP server
        self._reader.join(60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def port(new_port):
    return new_port()


@pytest.fixture(scope="module")
def ldap_server(new_ldap_server):
    return new_ldap_server()


@pytest.fixture(scope="module")
def identity_provider(new_identity_provider, port):
    return new_identity_provider(f"http://127.0.0.1:{port}/api/auth/provider/facility/code")


@pytest.fixture(scope="module")
def door(port, ldap_server, identity_provider, new_pam_world, await_line):
    directory = {
        "server_address": f"127.0.0.1:{ldap_server.port}",
        "ca_file": ldap_server.ca_file,
        "lookup_dn": True,
        "lookup_dn_search_user": ldap_server.SERVICE,
        "lookup_dn_search_password": "${LDAP_PASSWORD}",
        "user_search_base": "ou=people,dc=example,dc=org",
        "user_attribute": "uid",
        "group_search_base": "ou=groups,dc=example,dc=org",
    }
    facility = {
        "client_id": "door",
        "client_secret": "${OIDC_SECRET}",
        "well_known_uri": identity_provider.well_known_uri,
        "scopes": ["profile", "email", "groups"],
    }
    providers = [
        {"provider": "computer", "authenticator": f"{_MODULE}:PAMAuthenticator", "args": {"service": "bluesky"}},
        {"provider": "directory", "authenticator": f"{_MODULE}:LDAPAuthenticator", "args": directory},
        {"provider": "facility", "authenticator": f"{_MODULE}:OIDCAuthenticator", "args": facility},
    ]
    configuration = {"authentication": {"providers": providers}, "access": {"rules": _RULES}}
    door = Door(port, configuration, new_pam_world(), await_line)
    yield door
    door.close()


@pytest.mark.parametrize(("provider", "role"), [("computer", "expert"), ("directory", "observer")])
def test_a_password_gives_a_token_with_the_roles_of_the_groups(door, provider, role):
    tokens = door.sign_in(provider, "ada", "password-of-ada")
    assert tokens.status_code == 200, tokens.text
    assert door.who(tokens.json()) == ([(provider, "ada")], [role])


@pytest.mark.parametrize("provider", ["computer", "directory"])
def test_a_wrong_password_is_refused(door, provider):
    refused = door.sign_in(provider, "ada", "a-mistyped-word")
    assert (refused.status_code, refused.json()["detail"]) == (401, "Incorrect username or password")


@pytest.mark.parametrize(("provider", "username"), [("computer", "visitor"), ("directory", "locked")])
def test_a_user_of_no_group_that_has_a_role_is_refused(door, provider, username):
    refused = door.sign_in(provider, username, f"password-of-{username}")
    assert refused.status_code == 401
    assert "not authorized" in refused.json()["detail"]


def test_a_browser_signs_in_at_the_identity_provider_and_comes_back(door, identity_provider):
    with door.client() as browser:
        begin = f"{door.url}/api/auth/provider/facility/authorize?next=/docs"
        arrived = identity_provider.sign_in(begin, browser=browser)
        page, _, refresh_token = browser.get(arrived).headers["location"].partition("#refresh_token=")
        assert page == "/docs"
        tokens = browser.post("/api/auth/session/refresh", json={"refresh_token": refresh_token}).json()
        assert browser.get(arrived).status_code == 401  # the address counts once
    assert door.who(tokens) == ([("facility", "jdoe")], ["user"])


def test_a_sign_in_that_began_in_another_browser_is_refused(door, identity_provider):
    with door.client() as browser, door.client() as other:
        begin = f"{door.url}/api/auth/provider/facility/authorize"
        refused = other.get(identity_provider.sign_in(begin, browser=browser))
    assert refused.status_code == 401
    assert "began in another browser" in refused.json()["detail"]


def test_a_terminal_gets_a_token_when_the_user_has_signed_in_with_its_code(door, identity_provider):
    with door.client() as terminal, door.client() as browser:
        begun = terminal.post("/api/auth/provider/facility/authorize").json()
        ask = {"url": begun["verification_uri"], "json": {"device_code": begun["device_code"]}}
        pending = terminal.post(**ask)
        assert (pending.status_code, pending.json()) == (400, {"detail": {"error": "authorization_pending"}})
        page = browser.get(begun["authorization_uri"]).text
        fields = [re.findall(r'(name|value)="([^"]*)"', field) for field in re.findall("<input[^>]*>", page)]
        form = {dict(field)["name"]: dict(field)["value"] for field in fields}
        assert form["user_code"] == begun["user_code"]
        sent_on = browser.post(urlsplit(begun["authorization_uri"]).path, data=form)
        done = browser.get(identity_provider.sign_in(sent_on.headers["location"], browser=browser))
        assert "Signed in" in done.text
        tokens = terminal.post(**ask).json()
    assert door.who(tokens) == ([("facility", "jdoe")], ["user"])


def test_a_server_that_is_down_is_not_a_wrong_password(door, ldap_server, identity_provider):
    ldap_server.close()
    identity_provider.close()
    down = door.sign_in("directory", "ada", "password-of-ada")
    assert down.status_code == 503
    assert down.json()["detail"].startswith("The sign-in provider directory cannot be used now")
    assert door.sign_in("computer", "ada", "password-of-ada").status_code == 200


def test_the_door_ends_while_a_server_does_not_answer_and_its_log_has_no_secret(door, ldap_server):
    for password in ("password-of-ada", "a-mistyped-word"):
        door.sign_in("computer", "ada", password)
    ldap_server.close()

    def sign_in():
        with contextlib.suppress(httpx.HTTPError):  # the door ends before it can answer
            door.sign_in("directory", "ada", "password-of-ada")

    with socket.create_server(("127.0.0.1", ldap_server.port)) as silent:
        signing_in = threading.Thread(target=sign_in)
        signing_in.start()
        connection, _ = silent.accept()
        printed = door.printed()
        connection.close()
    signing_in.join()
    assert "sign in at computer" in printed
    for secret in ("password-of", "a-mistyped-word", "the-secret-of-the-door", "eyJ", "code="):
        assert secret not in printed
