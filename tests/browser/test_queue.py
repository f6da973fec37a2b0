"""The queue on the page, as it changes."""

import pytest
from playwright.sync_api import expect


def calls(page):
    return page.get_by_role("listbox", name="Queue").locator(".call")


@pytest.fixture
def queue_requests(page):
    """How often the page has read the whole queue since it was opened."""
    requests = []
    page.on("request", lambda request: requests.append(request.url) if "/api/queue/get" in request.url else None)
    return requests


def test_what_others_do_with_the_queue_is_on_the_page_by_events_alone(site, page, queue_requests):
    first = site.add("count", ["det1"], num=3, meta={"sample": "S01"}, user="ada")
    second = site.add("scan", ["det"], "motor", -1, 1, 5)
    expect(calls(page)).to_have_text(["count([det1], num=3)", "scan([det], motor, -1, 1, 5)"])
    expect(page.get_by_role("listbox", name="Queue").get_by_text("sample S01")).to_be_visible()
    site.service.do("queue_item_move", uid=second, pos_dest="front")
    expect(calls(page)).to_have_text(["scan([det], motor, -1, 1, 5)", "count([det1], num=3)"])
    item = site.service.do("queue_item_get", uid=first)["item"] | {"kwargs": {"num": 4}}
    site.service.do("queue_item_update", item=item, user="ada", user_group="primary")
    expect(calls(page)).to_have_text(["scan([det], motor, -1, 1, 5)", "count([det1], num=4)"])
    site.service.do("queue_item_remove", uid=second)
    expect(calls(page)).to_have_text(["count([det1], num=4)"])
    site.service.do("queue_clear")
    expect(page.get_by_text("The queue is empty.", exact=True)).to_be_visible()
    assert queue_requests == []


def test_many_changes_at_once_leave_the_page_with_the_queue_of_the_service(site, page):
    for number in range(30):
        uid = site.add("count", ["det1"], num=number + 1)
        if number % 3 == 0:
            site.service.do("queue_item_move", uid=uid, pos_dest="front")
        if number % 5 == 0:
            site.service.do("queue_item_remove", pos="front")
    expected = [f"count([det1], num={item['kwargs']['num']})" for item in site.service.queue()]
    expect(calls(page)).to_have_text(expected)


@pytest.mark.parametrize("width", [360, 3840])
def test_ten_thousand_items_are_there_but_only_the_rows_that_are_seen_are_in_the_page(site, new_page, width):
    page = new_page(width, 2100)
    page.goto(site.link)
    plan = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    items = [plan | {"kwargs": {"num": number + 1}} for number in range(10_000)]
    site.service.do("queue_item_add_batch", items=items, user="tester", user_group="primary")
    expect(page.get_by_text("Queue · 10000 items")).to_be_visible()
    rows = page.get_by_role("option")
    assert rows.count() <= 120
    page.get_by_role("listbox", name="Queue").focus()
    page.keyboard.press("End")
    expect(page.get_by_text("count([det1], num=10000)")).to_be_visible()
    assert rows.count() <= 120
    site.service.do("queue_item_remove", pos="back")
    expect(page.get_by_text("Queue · 9999 items")).to_be_visible()


def test_a_row_opens_with_the_keys_and_its_uid_can_be_copied(site, page):
    site.add("scan", ["det"], "motor", -1, 1, 5, meta={"note": "a long text " * 30})
    rows = page.get_by_role("option")
    expect(rows).to_have_count(1)
    closed = rows.bounding_box()["height"]
    page.get_by_role("listbox", name="Queue").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Copy the uid")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("[role=option][data-open]")).to_be_visible()
    assert rows.bounding_box()["height"] > closed
    page.keyboard.press("Enter")
    expect(page.locator("[role=option][data-open]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Copy the uid")).to_have_count(0)


def test_a_plan_that_cannot_run_any_more_has_the_reason(site, page):
    site.service.do(
        "script_upload", script="import bluesky.plan_stubs as bps\ndef short_lived():\n    yield from bps.null()"
    )
    site.service.wait_idle()
    site.add("short_lived")
    site.add("count", ["det1"])
    expect(calls(page)).to_have_text(["short_lived()", "count([det1])"])
    site.service.do("script_upload", script="del short_lived")
    expect(page.get_by_text("⚠ 1 cannot run now")).to_be_visible()
    expect(page.get_by_role("option").first).to_contain_text("Cannot run now: Plan 'short_lived' is not in the list")
