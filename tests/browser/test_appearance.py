"""How the page looks: from a phone to a wall, light and dark, for everybody."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENS

#: What each view has once it is complete.
_VIEWS = {
    "now": "[role=option]",
    "history": "tbody tr",
    "devices": "[role=treeitem]",
    "console": ".line",
    "me": ".rights li",
}


#: Screens on which the keys go through the page: the header covers its top, or the state does.
_BY_KEYS = {(360, "light"), (1280, "light")}
#: The element with the focus, if the header or the state covers its top.
_COVERED = """() => {
    const focused = document.activeElement;
    if (focused === document.body) return "";
    const { top } = focused.getBoundingClientRect();
    const covers = [...document.querySelectorAll("header, .state")].filter((each) => {
        const { top: from, bottom: to } = each.getBoundingClientRect();
        return getComputedStyle(each).position === "sticky" && !each.contains(focused) && from <= top && top < to - 1;
    });
    return covers.length > 0 ? `${focused.tagName} ${focused.textContent}` : "";
}"""


def _covered(page):
    """Elements that are covered when Shift+Tab brings them into view, from the end of the page to its start."""
    page.keyboard.press("End")
    found = []
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        found.append(page.evaluate(_COVERED))
    return [each for each in found if each]


@pytest.fixture
def busy(site):
    """A queue, a history with a failure, and a plan that runs."""
    site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3, meta={"sample": "S01"})
    site.run_all()
    site.service.do("queue_clear")
    site.add("count", ["det1", "det2"], num=5, delay=0.05, meta={"sample": "S02 PS-b-PMMA 120 nm", "temperature": 180})
    site.add("count", ["det1"], num=2, meta={"a_key_without_a_blank_that_is_longer_than_a_phone_is_wide": "kept"})
    site.run_all()
    site.add("scan", ["slow_det"], "slow_motor1", -2, 2, 200, meta={"sample": "S03"}, user="grace")
    long = {"note": "a note that is so long that it has no room in one line of a phone, nor in one of a laptop"}
    site.add("grid_scan", ["det4", "det1"], "motor1", -1, 1, 21, "motor2", -1, 1, 21, meta=long)
    site.service.do(
        "queue_item_add",
        item={"item_type": "instruction", "name": "queue_stop"},
        user="UNAUTHENTICATED_SINGLE_USER (ada)",
        user_group="primary",
    )
    site.add("count", ["det1"], num=1)
    site.service.do("queue_start")
    site.service.wait(lambda status: status["running_item_uid"], "a plan runs")
    return site


def test_nothing_is_cut_off_and_axe_finds_nothing_serious(busy, new_page, looks_right):
    for width, height, scheme in SCREENS:
        page = new_page(width, height, scheme)
        page.goto(busy.link)
        expect(page.get_by_role("link", name="Now")).to_be_visible()
        for view, part in _VIEWS.items():
            page.goto(f"{busy.url}/#/{view}")
            expect(page.locator(part).first).to_be_visible()
            looks_right(page, view, width, scheme)
            if view == "now" and (width, scheme) in _BY_KEYS:
                assert _covered(page) == [], width


def test_the_sign_in_is_for_everybody_too(site, new_page, findings, keep_picture):
    for width, scheme in ((360, "light"), (1280, "dark")):
        page = new_page(width, 780, scheme)
        page.goto(site.url)
        page.get_by_label("Key", exact=True).wait_for()
        keep_picture(page, f"sign-in-{width}-{scheme}")
        assert findings(page) == []


def test_everything_is_reached_by_the_keyboard(busy, new_page):
    page = new_page()
    page.goto(busy.link)
    expect(page.get_by_role("option").first).to_be_visible()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")
        )
    assert {"Now", "History", "Console", "Sign out", "Pause", "Abort…", "More", "curves", "table", "Queue"} <= {
        each.strip() for each in reached
    }


def test_a_phone_has_targets_that_a_finger_hits(busy, new_page):
    page = new_page(360, 780)
    page.goto(busy.link)
    expect(page.get_by_role("button", name="table", exact=True)).to_be_visible()
    heights = page.locator("nav a:visible, button:visible").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().height)"
    )
    assert min(heights) >= 44
