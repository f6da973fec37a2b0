"""The page for a display across the hall."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import KEY, frozen_door

#: What a display needs, and no more.
_SCOPES = ["read:status", "read:queue", "read:history", "read:monitor", "read:resources"]


@pytest.fixture
def own_site(new_site):
    """A service of its own, because its door is suspended."""
    site = new_site()
    site.service.start()
    site.service.open()
    return site


def _read_only_key(site):
    """A key that only reads and does not expire."""
    body = json.dumps({"expires_in": None, "scopes": _SCOPES, "note": "wall"}).encode()
    headers = {"Authorization": f"ApiKey {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{site.url}/api/auth/apikey", body, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        key = json.load(answer)
    assert key["expiration_time"] is None
    return key["secret"]


def _open_wall(page, site):
    page.goto(f"{site.url}/?view=wall#api_key={_read_only_key(site)}")


def test_the_wall_shows_what_runs_and_what_comes_and_has_nothing_to_press(site, new_page, findings, keep_picture):
    site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3, meta={"sample": "S01"})
    site.run_all()
    site.service.do("queue_clear")
    site.add("scan", ["slow_det"], "slow_motor1", -2, 2, 200, meta={"sample": "S03"})
    for number in range(7):
        site.add("count", ["det1"], num=number + 1)
    site.service.do("queue_start")
    for width, height in ((1920, 1080), (3840, 2160), (360, 780)):
        page = new_page(width, height)
        _open_wall(page, site)
        state = page.get_by_role("region", name="State")
        expect(state).to_contain_text("Running")
        expect(state).to_contain_text("scan([slow_det], slow_motor1, -2, 2, 200)")
        expect(state).to_contain_text(re.compile("to go, until"))
        expect(page.get_by_role("region", name="Next")).to_contain_text("count([det1], num=1)")
        expect(page.get_by_role("region", name="Last plans").get_by_role("listitem").first).to_contain_text(
            "outside the limits"
        )
        assert page.locator("button, input, select, a, [tabindex]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        if width > 1000:  # nobody scrolls on a wall
            last = page.get_by_role("region", name="Last plans").bounding_box()
            assert last["y"] + 100 < height
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        keep_picture(page, f"wall-{width}")
        assert findings(page) == [], width


def test_the_wall_is_dark_and_large_also_where_the_browser_prefers_light(site, new_page):
    page = new_page(1920, 1080, "light")
    _open_wall(page, site)
    lead = page.locator(".lead")
    expect(lead).to_have_text(re.compile("Idle, the environment is open"))
    background, size = page.evaluate(
        "[getComputedStyle(document.querySelector('.wall')).backgroundColor,"
        " parseFloat(getComputedStyle(document.querySelector('.lead')).fontSize)]"
    )
    assert max(int(part) for part in re.findall(r"\d+", background)) < 40
    assert size >= 64


def test_the_wall_says_that_the_connection_is_lost_and_is_right_again_by_itself(own_site, new_page, keep_picture):
    page = new_page(1920, 1080)
    _open_wall(page, own_site)
    expect(page.locator(".lead")).to_have_text(re.compile("Idle, the environment is open"))
    alert = page.get_by_role("alert")
    with frozen_door(own_site.service):
        expect(alert).to_contain_text(re.compile(r"Connection lost: this page shows the state at \d\d:\d\d:\d\d\."))
        keep_picture(page, "wall-lost-1920")
    expect(alert).to_be_hidden()
    own_site.add("count", ["det1"], num=12)
    expect(page.get_by_text("count([det1], num=12)")).to_be_visible()
