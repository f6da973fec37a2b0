"""The page at ``/``: its files as they are sent, and what is there instead if it has not been built."""

import pytest

from bluesky_qs.door import web_page

SCRIPT = b"document.title = 'here';" * 50


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A page that has been built."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Queue</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-1a2b.js").write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(web_page, "FOLDER", tmp_path)


async def test_a_browser_that_opens_a_link_with_a_key_is_signed_in_without_a_key_in_its_address(built, door):
    async with door.client() as browser:
        led = await browser.get(f"/?api_key={door.key}")
        assert (led.status_code, led.headers["location"]) == (303, ".")
        assert (await browser.get("/api/status")).status_code == 200


async def test_the_rest_of_the_address_is_for_the_page(built, door):
    async with door.client() as browser:
        led = await browser.get(f"/?view=wall&api_key={door.key}&instrument=a%26b")
        assert (led.status_code, led.headers["location"]) == (303, ".?view=wall&instrument=a%26b")
        assert "<title>Queue</title>" in (await browser.get("/?view=wall")).text


async def test_a_browser_without_a_key_gets_the_page_and_nothing_else(built, door):
    async with door.client() as browser:
        assert "<title>Queue</title>" in (await browser.get("/")).text
        assert (await browser.get("/api/status")).status_code == 401


async def test_a_browser_with_a_wrong_key_is_told_so(door):
    async with door.client() as browser:
        refused = await browser.get("/?api_key=another")
        assert refused.status_code == 401
        assert refused.json()["detail"]


async def test_files_are_compressed_for_those_who_can_read_that_and_kept_by_browsers(built, door):
    async with door.client() as browser:
        script = await browser.get("/assets/index-1a2b.js")
        assert (script.content, script.headers["content-encoding"]) == (SCRIPT, "gzip")
        assert int(script.headers["content-length"]) < len(SCRIPT) / 4
        assert "immutable" in script.headers["cache-control"]
        whole = await browser.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "identity"})
        assert (whole.content, int(whole.headers["content-length"])) == (SCRIPT, len(SCRIPT))
        assert (await browser.get("/")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/assets/other.js", "/assets/../secret.txt", "/assets/..%2fsecret.txt", "/secret.txt"]
)
async def test_nothing_but_the_files_of_the_page_is_served(built, door, path):
    async with door.client() as browser:
        assert (await browser.get(path)).status_code == 404


async def test_the_policy_allows_only_what_the_door_itself_sends(built, door):
    async with door.client() as browser:
        policy = (await browser.get("/")).headers["content-security-policy"]
        other = (await browser.get("/", headers={"Host": "a; script-src *"})).headers["content-security-policy"]
    assert "unsafe" not in policy
    host = door.url.partition("//")[2]
    assert f"connect-src 'self' ws://{host} wss://{host};" in policy
    assert "connect-src 'self';" in other
    assert "default-src 'none'; script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


async def test_a_page_that_is_not_built_says_so_and_the_api_works(tmp_path, monkeypatch, door):
    monkeypatch.setattr(web_page, "FOLDER", tmp_path / "bluesky_qs" / "web" / "dist")
    async with door.client() as browser:
        page = await browser.get("/")
        assert page.status_code == 200
        assert "make web" in page.text
        assert str(tmp_path) in page.text
        assert (await browser.get("/icon.svg")).status_code == 404
    assert (await door.get("/status"))["manager_state"] == "idle"


async def test_behind_a_prefix_the_address_ends_with_a_slash(built, new_door):
    served = await new_door(root_path="/beamline")
    async with served.client() as browser:
        for path in ("/beamline", "/beamline/"):
            page = await browser.get(path, follow_redirects=True)
            assert (page.url.path, "<title>Queue</title>" in page.text) == ("/beamline/", True)
