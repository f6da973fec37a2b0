"""Our clients sign in with a browser at a real identity provider: the prompt, scripts, and the command line after it.

The service has a door with TLS of its own; the test is the person with the browser.
"""

import re
import ssl
import sys
import threading
from urllib.parse import urlsplit

import httpx
import pexpect
import pytest
import yaml

import bluesky_qs.aio
from bluesky_qs.client.sync import REManagerAPI
from tests.certificates import make_certificate

pytestmark = pytest.mark.xdist_group("the identity provider of test_device_flow.py")

_PROMPT = r"In \[\d+\]: "
_PATIENCE = 60
_JOHN = 'jdoe "John Doe <jdoe@example.org>"'


class Site:
    """A service with a door, and an identity provider that its users have."""

    def __init__(self, new_service, new_identity_provider, port, folder):
        self.ca_file, key = make_certificate(folder)
        self.url = f"https://127.0.0.1:{port}"
        self.provider = new_identity_provider(f"{self.url}/api/auth/provider/facility/code")
        facility = {
            "client_id": "door",
            "client_secret": "${OIDC_SECRET}",
            "well_known_uri": self.provider.well_known_uri,
            "scopes": ["profile", "email", "groups"],
        }
        oidc = {"provider": "facility", "authenticator": "bluesky_httpserver.authenticators:OIDCAuthenticator"}
        configuration = {
            "authentication": {"providers": [{**oidc, "args": facility}]},
            "access": {"rules": [{"provider": "facility", "group": "beamline-staff", "roles": "user"}]},
            "database": {"uri": f"sqlite:///{folder / 'http.sqlite'}"},
        }
        file = folder / "http.yml"
        file.write_text(yaml.safe_dump(configuration))
        door = ("--http", f"127.0.0.1:{port}", "--http-config", str(file))
        tls = ("--ssl-certfile", self.ca_file, "--ssl-keyfile", key)
        self.service = new_service("--warm-worker", "OFF", *door, *tls, env={"OIDC_SECRET": "the-secret-of-the-door"})
        self.service.start()

    def approve(self, address, user="jdoe"):
        """Open the address, compare the code and sign in; the page at the end comes back."""
        trusted = ssl.create_default_context(cafile=self.ca_file)
        with httpx.Client(trust_env=False, timeout=_PATIENCE, verify=trusted) as browser:
            page = browser.get(address).text
            fields = [dict(re.findall(r'(name|value)="([^"]*)"', field)) for field in re.findall("<input[^>]*>", page)]
            form = {field["name"]: field["value"] for field in fields}
            sent_on = browser.post(urlsplit(address)._replace(query="").geturl(), data=form)
            way_back = self.provider.sign_in(sent_on.headers["location"], user, browser=browser)
            return browser.get(way_back).text


@pytest.fixture
def site(new_service, new_identity_provider, new_port, tmp_path):
    return Site(new_service, new_identity_provider, new_port(), tmp_path)


@pytest.fixture
def prompt(site):
    """IPython in a terminal of 80 columns, with the extension."""
    unset = ("NO_COLOR", "COLUMNS", "LINES")
    own = {name: value for name, value in site.service.env.items() if name not in unset}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
        env={**own, "IPYTHONDIR": str(site.service.home / "ipython"), "TERM": "xterm"},
        dimensions=(30, 80),
        encoding="utf-8",
        timeout=_PATIENCE,
        echo=False,
    )
    child.expect(_PROMPT)
    type_line(child, "%load_ext bluesky_qs")
    yield child
    child.close(force=True)


def type_line(child, line):
    """Type a line; what is printed until the next prompt comes back, without line ends."""
    child.sendline(line)
    child.expect(_PROMPT)
    return " ".join(child.before.split())


def begin(child, line):
    """Type a line that signs in with a browser; the address to open."""
    child.sendline(line)
    child.expect(r"Open (\S+) in a browser, on any computer\.")
    address = child.match[1]
    child.expect(r"The code is (\S+)\. Waiting \(Ctrl-C cancels\)")
    assert f"user_code={child.match[1]}" in address
    return address


def test_the_prompt_signs_in_with_a_browser_and_the_command_line_uses_its_key(site, prompt):
    service = site.service
    address = begin(prompt, f"%qs connect {site.url} --ca-file {site.ca_file}")
    assert "Signed in" in site.approve(address)
    prompt.expect(_PROMPT)
    shown = " ".join(prompt.before.split())
    assert f"Signed in. The key is kept in {service.home}/.config/qserver/http_keys.json." in shown
    assert f"at {site.url}, as {_JOHN} (group primary)." in shown
    assert "Queued at position 0" in type_line(prompt, "%qs add count([det1])")
    assert [item["user"] for item in service.queue()] == [_JOHN]

    over_https = ("--http", site.url, "--ca-file", site.ca_file)
    added = service.qserver(*over_https, "queue", "add", "plan", '{"name": "count", "args": [["det2"]]}')
    assert added.returncode == 0, added.stdout + added.stderr
    assert [item["user"] for item in service.queue()] == [_JOHN] * 2
    refused = service.qserver(*over_https, "lock", "all")
    assert refused.stderr.startswith("You (jdoe) may not use lock: that needs the scope write:lock.")

    assert "revoked the key" in type_line(prompt, "%qs connect --sign-out")
    refused = service.qserver(*over_https, "queue", "get")
    assert refused.returncode == 2
    assert "Not signed in" in refused.stderr
    assert "eyJ" not in service.output()


def test_a_sign_in_that_is_cancelled_or_refused_changes_nothing(site, prompt):
    begin(prompt, f"%qs connect {site.url} --ca-file {site.ca_file}")
    prompt.sendintr()
    prompt.expect(_PROMPT)
    shown = " ".join(prompt.before.split())
    assert f"Not signed in. Nothing has changed: %qs still uses {site.service.control}, as " in shown
    assert "Traceback" not in shown
    assert f"at {site.service.control}, as" in type_line(prompt, f"%qs connect {site.service.control}")
    address = begin(prompt, f"%qs connect {site.url} --ca-file {site.ca_file}")
    assert "not authorized" in site.approve(address, user="nameless")
    prompt.expect(_PROMPT)
    shown = " ".join(prompt.before.split())
    assert "Not signed in: the sign-in in the browser was refused. The page there says why." in shown
    assert f"Nothing has changed: %qs still uses {site.service.control}" in shown
    assert not (site.service.home / ".config" / "qserver" / "http_keys.json").exists()


def test_a_script_signs_in_with_a_browser(site):
    opened = []

    def show(code):
        threading.Thread(target=lambda: opened.append(site.approve(code.address))).start()

    with REManagerAPI(http_server_uri=site.url, http_ca_file=site.ca_file) as manager:
        tokens = manager.device_login(show)
        assert tokens["token_type"] == "bearer"
        manager.identify()
        assert (manager.user, manager.user_group) == (_JOHN, "primary")
        assert manager.status()["manager_state"] == "idle"
    assert "Signed in" in opened[0]


async def test_an_asyncio_script_signs_in_with_a_browser(site):
    def show(code):
        threading.Thread(target=site.approve, args=(code.address,)).start()

    async with bluesky_qs.aio.REManagerAPI(http_server_uri=site.url, http_ca_file=site.ca_file) as manager:
        await manager.device_login(show, provider="facility")
        assert (await manager.whoami())["identities"][0]["id"] == "jdoe"
