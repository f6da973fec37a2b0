"""How a person gets into the page, and out of it."""

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import KEY

#: A door at a path of its site, where a session is renewed a second after it began.
_USERS = """
authentication:
  access_token_max_age: 61
  providers:
    - provider: site
      authenticator: dictionary
      args: {{users_to_passwords: {{ada: the-password-of-ada}}}}
access:
  rules:
    - {{user: ada, roles: observer}}
database:
  uri: sqlite:///{home}/sign-in.sqlite3
uvicorn:
  root_path: /beamline
"""


def test_the_printed_link_signs_in_and_the_key_is_no_longer_in_the_address(site, new_page):
    page = new_page()
    page.goto(site.link)
    page.get_by_text("Idle, the environment is open; the queue is empty.").wait_for()
    assert page.url == f"{site.url}/"
    page.reload()
    page.get_by_text("Idle, the environment is open; the queue is empty.").wait_for()


def test_a_key_is_typed_and_a_wrong_one_is_refused_with_a_sentence(site, new_page):
    page = new_page()
    page.goto(site.url)
    page.get_by_label("Key", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in with the key").click()
    page.get_by_text("The key is wrong, has expired or was revoked.").wait_for()
    page.get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_text("Idle, the environment is open").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Key", exact=True).wait_for()
    page.reload()
    page.get_by_label("Key", exact=True).wait_for()


def test_somebody_who_is_signed_in_by_the_cookie_sees_the_page(site, new_page):
    page = new_page(name=None)
    page.goto(f"{site.url}/?api_key={KEY}")
    page.get_by_text("Idle, the environment is open").wait_for()
    assert page.url == f"{site.url}/"
    assert page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0


def test_the_scripts_as_sent_are_small(site):
    with httpx.Client(base_url=site.url, trust_env=False) as http:
        names = [part.split('"')[0] for part in http.get("/").text.split('="./')[1:]]
        sizes = {name: int(http.get(name).headers["content-length"]) for name in names}
    assert any(name.endswith(".js") for name in sizes)
    assert sum(sizes.values()) < 200_000


def test_a_user_signs_in_with_a_password_behind_a_prefix_and_the_session_is_renewed(new_site, new_page):
    site = new_site(configuration=_USERS)
    site.service.start()
    page = new_page()
    page.clock.install()
    page.goto(f"{site.url}/beamline")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("Incorrect username or password").wait_for()
    page.get_by_label("Password").fill("the-password-of-ada")
    page.get_by_label("Stay signed in on this computer").check()
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("Idle, the environment is closed").wait_for()
    assert page.url == f"{site.url}/beamline/"
    expect(page.locator("header .who")).to_have_text("ada")
    page.clock.fast_forward(2000)
    with page.expect_response("**/beamline/api/auth/session/refresh") as renewed:
        page.get_by_role("link", name="Console").click()
    assert renewed.value.ok
    expect(page.locator(".line").first).to_be_visible()
    another = page.context.new_page()
    another.goto(f"{site.url}/beamline/")
    another.get_by_text("Idle, the environment is closed").wait_for()
