"""How a person gets into the page, and out of it."""

import httpx

from tests.browser.conftest import KEY


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
    page = new_page()
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
