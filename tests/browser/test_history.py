"""The search of the history, its timeline, its files, and plans that run again."""

import csv
import io
import json
import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENS


@pytest.fixture
def past(site):
    """Plans that have run: two scans of a sample, a count that another user added, and a failure."""
    site.service.do("history_clear")
    site.add("scan", ["det"], "motor", -1, 1, 3, user="ada", meta={"sample": "Cu foil", "temperature": 180})
    site.add("scan", ["det"], "motor", -2, 2, 3, user="ada", meta={"sample": "Fe foil"})
    site.add("count", ["det1"], num=2, user="grace")
    site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3, user="grace", meta={"sample": "Cu foil"})
    site.run_all()
    site.service.do("queue_clear")  # the failed plan is put back
    return site


@pytest.fixture
def history(past, new_page):
    """The view of the history."""
    page = new_page()
    page.goto(past.link)
    page.get_by_role("link", name="History").click()
    return page


def rows(page):
    return page.get_by_role("region", name="History").locator("tbody tr")


def calls(page):
    return rows(page).get_by_role("link").all_inner_texts()


def test_words_and_filters_select_plans_and_the_address_keeps_them(past, history, new_page):
    expect(rows(history)).to_have_count(4)
    history.get_by_label("Search plans that have run").fill("foil")
    expect(rows(history)).to_have_count(3)
    history.get_by_role("button", name="Filters", exact=True).click()
    history.get_by_label("User").fill("ada")
    expect(rows(history)).to_have_count(2)
    history.get_by_label("Metadata key 1").fill("sample")
    history.get_by_label("Metadata value 1").fill("cu*")
    expect(rows(history)).to_have_count(1)
    assert calls(history) == ["scan([det], motor, -1, 1, 3)"]
    other = new_page()
    other.goto(past.link)
    other.goto(history.url)
    expect(rows(other)).to_have_count(1)
    expect(other.get_by_label("Metadata value 1")).to_have_value("cu*")
    other.get_by_role("button", name="Clear filters").click()
    expect(rows(other)).to_have_count(4)
    expect(other).to_have_url(f"{past.url}/#/history")


def test_plans_are_found_by_ending_name_and_time(past, history):
    history.get_by_role("button", name="Filters", exact=True).click()
    history.get_by_label("Ended").select_option("failed, aborted or halted")
    expect(rows(history)).to_have_count(1)
    expect(rows(history)).to_contain_text("is outside the limits")
    history.get_by_label("Ended").select_option("in any way")
    history.get_by_label("Plan", exact=True).fill("cou*")
    expect(rows(history)).to_have_count(1)
    history.get_by_label("Plan", exact=True).fill("")
    history.get_by_label("Started").select_option("from … to …")
    history.get_by_label("From", exact=True).fill("2020-01-01T00:00")
    expect(rows(history)).to_have_count(4)
    history.get_by_label("To", exact=True).fill("2020-01-02T00:00")
    expect(history.get_by_text("No plan matches")).to_be_visible()
    history.get_by_label("Started").select_option("last 8 hours")
    expect(rows(history)).to_have_count(4)


def test_a_plan_that_ends_appears_only_if_it_matches(past, history):
    history.get_by_label("Search plans that have run").fill("platinum")
    expect(history.get_by_text("No plan matches")).to_be_visible()
    past.add("count", ["det2"])
    past.add("count", ["det1"], meta={"sample": "Platinum"})
    past.run_all()
    expect(rows(history)).to_have_count(1)
    expect(rows(history)).to_contain_text("sample Platinum")


def test_what_matches_is_saved_as_csv_json_and_lines(past, history):
    history.get_by_label("Search plans that have run").fill("cu")
    expect(rows(history)).to_have_count(2)
    texts = {}
    for name in ("CSV", "JSON", "%qs lines"):
        with history.expect_download() as download:
            history.get_by_role("button", name=f"Save as {name}").click()
        texts[name] = download.value.path().read_text(encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(texts["CSV"])))
    assert [row["plan"] for row in table] == [
        "scan([det], motor, -1, 1, 3)",
        "scan([det], slow_motor1, -1000, 1000, 3)",
    ]
    assert [row["exit_status"] for row in table] == ["completed", "failed"]
    assert [row["md.sample"] for row in table] == ["Cu foil", "Cu foil"]
    assert table[0]["md.temperature"] == "180"
    assert [item["name"] for item in json.loads(texts["JSON"])] == ["scan", "scan"]
    assert texts["%qs lines"].splitlines() == [
        "# Queue these plans with: %qs add --file plans.txt",
        "scan([det], motor, -1, 1, 3) --md sample='Cu foil' temperature=180",
        "scan([det], slow_motor1, -1000, 1000, 3) --md sample='Cu foil'",
    ]


def test_several_plans_run_again_in_their_order_also_with_changes(past, history):
    select = history.get_by_role("region", name="History").get_by_role("checkbox")
    # By keyboard: the newest rows are first.
    for call in ("count([det1], num=2)", "scan([det], motor, -2, 2, 3)"):
        box = history.get_by_role("checkbox", name=f"Select {call}")
        box.focus()
        history.keyboard.press("Space")
    expect(history.get_by_text("2 selected")).to_be_visible()
    history.get_by_role("button", name="Run again", exact=True).click()
    expect(history.get_by_text("Added 2 plans to the queue.")).to_be_visible()
    assert [item["name"] for item in past.service.queue()] == ["scan", "count"]
    assert past.service.queue()[0]["meta"] == {"sample": "Fe foil"}
    assert past.service.queue()[0]["user"].endswith("(tester)")
    past.service.do("queue_clear")
    select.nth(2).check()
    select.nth(3).check()
    history.get_by_role("button", name="Run again with changes…").click()
    expect(history.get_by_role("option", selected=True)).to_have_count(2)
    expect(history.get_by_role("button", name="Edit…")).to_be_visible()


def test_the_timeline_shows_what_ran_and_is_used_by_keyboard(past, history):
    bars = history.get_by_role("group", name="Plans by time").get_by_role("link")
    expect(bars).to_have_count(4)
    expect(bars.nth(3)).to_have_accessible_name(re.compile(r"^scan\(\[det\], slow_motor1, .*, failed, took "))
    expect(bars.nth(3)).to_have_text("✕")
    bars.nth(3).focus()
    history.keyboard.press("ArrowLeft")
    expect(bars.nth(2)).to_be_focused()
    expect(history.get_by_role("region", name="Timeline")).to_contain_text("count([det1], num=2), completed, took")
    history.keyboard.press("Home")
    expect(bars.nth(0)).to_be_focused()
    history.keyboard.press("Enter")
    expect(history.get_by_role("heading", name=re.compile("Scan"))).to_have_count(2)
    history.go_back()
    expect(bars).to_have_count(4)


def test_the_timeline_zooms_by_keys_buttons_and_a_drag(past, history):
    def width():
        return bars.nth(0).bounding_box()["width"]

    bars = history.get_by_role("group", name="Plans by time").get_by_role("link")
    expect(bars).to_have_count(4)
    bars.nth(0).focus()
    before = width()
    history.keyboard.press("+")
    history.wait_for_function(
        "([bar, width]) => bar.offsetWidth > width", arg=[bars.nth(0).element_handle(), before + 1]
    )
    history.keyboard.press("0")
    history.wait_for_function(
        "([bar, width]) => bar.offsetWidth <= width", arg=[bars.nth(0).element_handle(), before + 1]
    )
    history.get_by_role("button", name="Zoom in").click()
    history.get_by_role("button", name="Show all").click()
    expect(bars).to_have_count(4)
    bar = bars.nth(0).bounding_box()
    middle = bar["y"] + bar["height"] / 2
    history.mouse.move(bar["x"] - 10, middle)
    history.mouse.down()
    history.mouse.move(bar["x"] + bar["width"] + 10, middle, steps=3)
    history.mouse.up()
    history.wait_for_function(
        "([bar, width]) => bar.offsetWidth > width", arg=[bars.nth(0).element_handle(), before + 1]
    )
    expect(history).to_have_url(re.compile("#/history$"))


def test_the_timeline_shows_pauses(past, history):
    past.add("count", ["det1"], num=200, delay=0.05, meta={"mark": uuid.uuid4().hex})
    past.service.do("queue_start")
    past.service.wait(lambda status: status["running_item_uid"], "a plan runs")
    past.service.do("re_pause", option="immediate")
    past.service.wait(lambda status: status["manager_state"] == "paused", "paused")
    past.service.do("re_stop")
    past.service.wait_idle()
    expect(history.locator(".track .pause")).to_have_count(1)
    expect(history.get_by_role("group", name="Plans by time").get_by_role("link").last).to_have_accessible_name(
        re.compile("stopped, took .*, including .* of pauses")
    )


def test_the_history_looks_right_everywhere(past, new_page, looks_right, keep_picture):
    for width, height, scheme in SCREENS:
        page = new_page(width, height, scheme)
        page.goto(past.link)
        page.goto(f"{past.url}/#/history?user=grace&md.sample=*")
        expect(rows(page)).to_have_count(1)
        keep_picture(page, f"history-filters-{width}-{scheme}")
        page.get_by_role("button", name="Clear filters").click()
        expect(rows(page)).to_have_count(4)
        rows(page).first.get_by_role("checkbox").check()
        looks_right(page, "history-timeline", width, scheme)
