"""The page of one item."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENS


@pytest.fixture
def failed(site):
    """The uid of a plan that has failed, with something printed before."""
    script = (
        "def no_beam(x):\n"
        "    yield from bps.open_run()\n"
        "    print('looking for the beam')\n"
        "    raise ValueError(f'No beam at {x}')\n"
    )
    site.service.do("script_upload", script=f"from bluesky import plan_stubs as bps\n{script}", update_lists=True)
    site.service.wait_idle()
    uid = site.add("no_beam", 3, user="ada", meta={"sample": "S31"})
    site.run_all()
    site.service.do("queue_clear")  # a failed plan is put back
    return uid


def test_a_failed_plan_has_its_reason_its_output_and_its_events(site, page, failed, findings):
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="no_beam(3)").first.click()
    expect(page).to_have_url(f"{site.url}/#/item/{failed}")
    expect(page.get_by_text("✕ ValueError: No beam at 3")).to_be_visible()
    expect(page.get_by_text("sample S31")).to_be_visible()
    expect(page.get_by_text("by ada").first).to_be_visible()
    expect(page.get_by_label("Traceback", exact=True)).to_contain_text("line 5, in no_beam")
    expect(page.get_by_role("log").get_by_text("looking for the beam", exact=True)).to_be_visible()
    events = page.get_by_label("Events").get_by_role("listitem")
    expect(events).to_contain_text(["Added to the queue by ada", "Started", "Ended: failed, and put back"])
    assert failed not in page.locator("main").inner_text()
    assert findings(page) == []
    page.go_back()
    expect(page.get_by_label("History").locator("tbody tr").first).to_be_visible()


def test_a_traceback_through_bluesky_is_short_and_all_of_it_is_there(site, page):
    uid = site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3)
    site.run_all()
    page.goto(f"{site.url}/#/item/{uid}")
    short = page.get_by_label("Traceback", exact=True)
    expect(short).to_contain_text("in the code of bluesky")
    expect(short).not_to_contain_text("bluesky/plans.py")
    page.get_by_text("Full traceback").click()
    expect(page.get_by_label("Full traceback")).to_contain_text("bluesky/plans.py")


def test_the_address_of_an_item_opens_it_with_its_data_and_runs_it_again(site, new_page):
    uid = site.add("scan", ["det"], "motor", -1, 1, 5, user="grace")
    site.add("count", ["det1"])
    site.run_all()
    page = new_page()
    page.goto(site.link)
    page.goto(f"{site.url}/#/item/{uid}")
    expect(page.get_by_role("img", name="det against motor, 5 points")).to_be_visible()
    page.get_by_role("button", name="table", exact=True).click()
    expect(page.get_by_role("region", name=re.compile("Readings of Scan")).locator("tbody tr")).to_have_count(5)
    expect(page.get_by_text(re.compile(r"^Took"))).to_be_visible()
    expect(page.get_by_role("button", name="Copy the run's uid")).to_be_visible()
    page.get_by_role("button", name="Run again", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Added to the queue at position 0.")).to_be_visible()
    page.get_by_role("button", name="Run again with changes…").click()
    line = page.get_by_role("combobox", name=re.compile("plan"))
    expect(line).to_have_value("scan([det], motor, -1, 1, 5)")
    expect(page.get_by_role("option")).to_have_count(1)


def test_the_page_of_a_queued_plan_follows_it_until_it_has_ended(site, page):
    uid = site.add("count", ["det1"], num=3, delay=0.2)
    page.get_by_role("option").first.click()
    page.get_by_role("link", name="Open its page").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("In the queue, at position 0")).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()
    site.add("count", ["det2"])
    site.service.do("queue_item_move", uid=uid, pos_dest="back", user="eve")
    expect(page.get_by_text("In the queue, at position 1")).to_be_visible()
    expect(page.get_by_label("Events")).to_contain_text("Moved by eve")
    site.service.do("queue_start")
    expect(page.get_by_text("✓ completed")).to_be_visible()
    expect(page.get_by_role("img", name="det1 against the point number, 3 points")).to_be_visible()
    site.service.wait_idle()


def test_an_unknown_item_says_what_to_do(site, page, findings):
    page.goto(f"{site.url}/#/item/no-such-item")
    expect(page.get_by_text("There is no such item")).to_be_visible()
    assert findings(page) == []
    page.get_by_label("Unknown item").get_by_role("link", name="history").click()
    expect(page.get_by_label("History")).to_be_visible()


def test_the_page_of_an_item_looks_right_everywhere(site, failed, new_page, looks_right):
    uid = site.add("scan", ["det"], "motor", -1, 1, 21, meta={"sample": "S32 PS-b-PMMA 120 nm", "temperature": 180})
    site.run_all()
    for width, height, scheme in SCREENS:
        page = new_page(width, height, scheme)
        page.goto(site.link)
        for name, shown, part in (("item", uid, ".uplot"), ("item-failed", failed, ".line")):
            page.goto(f"{site.url}/#/item/{shown}")
            expect(page.locator(part).first).to_be_visible()
            expect(page.get_by_label("Events").get_by_role("listitem").first).to_be_visible()
            looks_right(page, name, width, scheme)
