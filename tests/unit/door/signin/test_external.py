"""Sign-in in the browser and of terminals, with an identity provider of the tests."""

import asyncio
import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bluesky_qs.door.app import make_app
from bluesky_qs.door.door import Door
from bluesky_qs.door.settings import DoorSettings
from bluesky_qs.door.signin import registry
from bluesky_qs.door.signin.accounts import Accounts
from bluesky_qs.door.signin.provider import Identity, SignInRefused
from bluesky_qs.door.signin.settings import read_sign_in

from .conftest import sections


class CloudProvider:
    """Knows one code, which it gives to the browser that comes with a challenge."""

    name = "cloud"

    def __init__(self):
        self.user = "ada"
        self.asked = None

    async def authorize_url(self, *, redirect_uri, state, nonce, code_challenge):
        self.asked = {"redirect_uri": redirect_uri, "nonce": nonce, "code_challenge": code_challenge}
        return f"https://idp.example.org/authorize?state={state}"

    async def exchange(self, *, code, redirect_uri, nonce, code_verifier):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"redirect_uri": redirect_uri, "nonce": nonce, "code_challenge": challenge}
        if code != "the-code" or asked != self.asked:
            raise SignInRefused("The code is not valid")
        return Identity(self.user, "cloud")

    async def current(self, identity):
        return identity

    async def close(self):
        pass


@pytest.fixture
def provider(monkeypatch):
    provider = CloudProvider()
    monkeypatch.setitem(registry.KINDS, "cloud", f"{__name__}:unused")
    monkeypatch.setattr(registry, "_provider", lambda name, entry: provider)
    return provider


@pytest.fixture
async def door(tmp_path, provider):
    configured = sections(database={"uri": f"sqlite:///{tmp_path / 'sign-in.sqlite3'}"})
    configured["authentication"]["providers"] = [{"provider": "cloud", "authenticator": "cloud"}]
    door = Door(DoorSettings(sign_in=read_sign_in(configured, {})), Accounts)
    await door.open()
    yield door
    await door.close()


@pytest.fixture
async def new_browser(door):
    browsers = []

    def new():
        transport = httpx.ASGITransport(make_app(door))
        browsers.append(httpx.AsyncClient(transport=transport, base_url="http://door/api/auth/provider/cloud"))
        return browsers[-1]

    yield new
    for browser in browsers:
        await browser.aclose()


@pytest.fixture
def browser(new_browser):
    return new_browser()


def state_in(response):
    assert response.status_code == 303, response.text
    return parse_qs(urlsplit(response.headers["location"]).query)["state"][0]


async def test_a_browser_comes_back_with_a_code_and_gets_the_refresh_token(browser, provider):
    state = state_in(await browser.get("/authorize"))
    assert provider.asked["redirect_uri"] == "http://door/api/auth/provider/cloud/code"
    answer = await browser.get("/code", params={"code": "the-code", "state": state})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = await browser.post("http://door/api/auth/session/refresh", json={"refresh_token": answer.json()})
    assert tokens.status_code == 200


async def test_a_page_gets_the_refresh_token_where_no_server_sees_it(browser):
    state = state_in(await browser.get("/authorize", params={"next": "/page?x=1"}))
    answer = await browser.get("/code", params={"code": "the-code", "state": state})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/page?x=1#refresh_token=ey")


@pytest.mark.parametrize("elsewhere", ["https://evil.org/", "//evil.org", "/\\evil.org", "page", "/a#b", "/a\nb"])
async def test_the_browser_is_not_sent_to_another_server_afterwards(browser, elsewhere):
    assert (await browser.get("/authorize", params={"next": elsewhere})).status_code == 422


async def test_a_state_counts_only_in_its_browser_and_once(browser, new_browser):
    state = state_in(await browser.get("/authorize"))
    sent = {"code": "the-code", "state": state}
    assert (await new_browser().get("/code", params=sent)).status_code == 401
    cookie = browser.cookies["bluesky_httpserver_state"]
    assert (await browser.get("/code", params=sent)).status_code == 200
    browser.cookies.set("bluesky_httpserver_state", cookie)
    assert (await browser.get("/code", params=sent)).status_code == 401


@pytest.mark.parametrize("code", ["", "another-code"])
async def test_a_code_that_the_provider_refuses_signs_nobody_in(browser, code):
    state = state_in(await browser.get("/authorize"))
    answer = await browser.get("/code", params={"code": code, "state": state})
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("Authentication failure")


async def test_whoever_no_rule_applies_to_is_refused(browser, provider):
    provider.user = "eve"
    state = state_in(await browser.get("/authorize"))
    answer = await browser.get("/code", params={"code": "the-code", "state": state})
    assert answer.json()["detail"].startswith("User is not authorized to access the server: no rule gives")


async def begin(terminal):
    answer = await terminal.post("/authorize")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def submit(browser, device, **changes):
    """Open the page that the terminal shows, and send its form."""
    page = await browser.get(device["authorization_uri"])
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert fields["user_code"] == device["user_code"]
    return await browser.post("/device_code", data={**fields, **changes})


async def poll(terminal, device):
    return await terminal.post(device["verification_uri"], json={"device_code": device["device_code"]})


async def test_a_terminal_is_signed_in_by_a_browser(new_browser):
    terminal, browser = new_browser(), new_browser()
    device = await begin(terminal)
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", device["user_code"])
    assert (device["interval"], device["expires_in"]) == (5, 600)
    waiting = await poll(terminal, device)
    assert (waiting.status_code, waiting.json()) == (400, {"detail": {"error": "authorization_pending"}})
    state = state_in(await submit(browser, device))
    page = await browser.get("/code", params={"code": "the-code", "state": state})
    assert "Signed in" in page.text
    assert "ey" not in page.text.split("<body>")[1]  # no token
    answer = await poll(terminal, device)
    assert answer.json()["token_type"] == "bearer"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await terminal.get("http://door/api/auth/scopes", headers=headers)).json()["roles"] == ["expert"]
    assert (await poll(terminal, device)).status_code == 404


async def test_a_terminal_hears_that_the_user_was_refused(new_browser, provider):
    provider.user = "eve"
    terminal, browser = new_browser(), new_browser()
    device = await begin(terminal)
    state = state_in(await submit(browser, device))
    assert (await browser.get("/code", params={"code": "the-code", "state": state})).status_code == 401
    assert (await poll(terminal, device)).json() == {"detail": {"error": "access_denied"}}


async def test_a_mistyped_code_is_asked_for_again(new_browser):
    device = await begin(new_browser())
    answer = await submit(new_browser(), device, user_code="XXXX-XXXX")
    assert answer.status_code == 401
    assert "No terminal is waiting with this code" in answer.text
    spoken = device["user_code"].lower().replace("-", " ")
    assert (await submit(new_browser(), device, user_code=spoken)).status_code == 303


async def test_a_form_that_another_site_sends_is_not_taken(new_browser):
    device = await begin(new_browser())
    answer = await new_browser().post("/device_code", data={"user_code": device["user_code"], "csrf": "guessed"})
    assert answer.status_code == 401
    assert "location" not in answer.headers


async def test_pages_show_what_was_sent_as_text_and_may_load_nothing(browser):
    answer = await browser.get("/device_code", params={"user_code": '"><script>x'})
    assert "<script>" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_codes_cannot_be_guessed_in_any_number(new_browser):
    browser, device = new_browser(), await begin(new_browser())
    codes = [(await submit(browser, device, user_code="XXXX-XXXX")).status_code for _ in range(31)]
    assert codes[0] == 401
    assert codes[-1] == 429


async def test_the_answer_to_a_terminal_may_wait_for_the_end_of_the_sign_in(new_browser, door):
    browser, terminal = new_browser(), new_browser()
    device = await begin(terminal)
    asked = {"device_code": device["device_code"], "wait": 20}
    answer = asyncio.create_task(terminal.post(device["verification_uri"], json=asked))
    state = state_in(await submit(browser, device))
    assert not answer.done()
    await browser.get("/code", params={"code": "the-code", "state": state})
    assert (await answer).json()["access_token"].startswith("ey")
    assert (await terminal.post(device["verification_uri"], json={**asked, "wait": 21})).status_code == 422


async def test_a_device_code_that_is_none_is_refused(browser):
    assert (await browser.post("/token", json={"device_code": "zz"})).status_code == 401
    assert (await browser.post("/token", json={"device_code": "ab" * 32})).status_code == 404
    assert (await browser.post("/token", data={"username": "ada"})).status_code == 422
