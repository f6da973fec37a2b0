"""What has run, and what was printed."""

import re

from playwright.sync_api import expect

#: A text of metadata, of a plan or of the console that would be a tag or a script if it were not a text.
HOSTILE = "<img src=x onerror=\"document.title='injected'\"><script>document.title='injected'</script>"


def test_the_history_is_newest_first_and_a_failure_has_its_reason(site, page):
    site.add("count", ["det1"], num=2, meta={"sample": "S11"}, user="ada")
    site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3)
    page.get_by_role("link", name="History").click()
    site.run_all()
    rows = page.get_by_label("History").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("failed scan([det], slow_motor1, -1000, 1000, 3)")
    expect(rows.nth(0)).to_contain_text("-1000.0 is outside the limits (-100, 100)")
    expect(rows.nth(0)).to_have_class("badrow")
    expect(rows.nth(1)).to_contain_text("completed count([det1], num=2)")
    expect(rows.nth(1)).to_contain_text("sample S11")
    expect(rows.nth(1)).to_contain_text("ada")
    page.get_by_role("link", name="Now").click()
    state = page.get_by_label("State")
    expect(state).to_contain_text("The queue has stopped, because the last plan failed.")
    expect(state).to_contain_text("-1000.0 is outside the limits (-100, 100)")
    state.get_by_role("link", name="scan([det], slow_motor1, -1000, 1000, 3)").click()
    expect(page.get_by_text("✕ failed")).to_be_visible()


def test_a_long_history_comes_in_pages(site, new_page):
    plan = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    site.service.do("queue_item_add_batch", items=[plan] * 60, user="tester", user_group="primary")
    site.run_all()
    page = new_page()
    page.goto(site.link)
    page.get_by_role("link", name="All plans").click()
    rows = page.get_by_label("History").locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show older plans").click()
    expect(rows.nth(59)).to_be_visible()
    site.service.do("history_clear")
    expect(page.get_by_text("Nothing has run yet")).to_be_visible()


def test_the_console_follows_and_stands_still_while_somebody_reads(site, page):
    page.get_by_role("link", name="Console").click()
    for number in range(3):
        site.service.do("script_upload", script=f"for n in range(40): print('line', {number}, n)")
        site.service.wait_idle()
    lines = page.get_by_role("log")
    expect(lines.get_by_text("line 2 39", exact=True)).to_be_in_viewport()
    page.get_by_role("button", name="Pause").click()
    site.service.do("script_upload", script="print('a new line')")
    expect(page.get_by_role("button", name=re.compile(r"Follow \(\d+ new\)"))).to_be_visible()
    expect(lines.get_by_text("a new line", exact=True)).to_have_count(0)
    page.get_by_role("button", name=re.compile("Follow")).click()
    expect(lines.get_by_text("a new line", exact=True)).to_be_in_viewport()
    page.get_by_label("Search in the console output").fill("LINE 1 7")
    expect(page.get_by_text("1 line", exact=True)).to_be_visible()
    expect(lines.locator(".line")).to_have_text(["line 1 7"])


def test_the_console_has_the_colors_of_a_terminal(site, page):
    page.get_by_role("link", name="Console").click()
    site.service.do("script_upload", script=r"print('\x1b[1;31mred and bold\x1b[0m plain')")
    expect(page.get_by_text("red and bold", exact=True)).to_have_class("ansi-bold ansi-1")
    expect(page.get_by_text(" plain", exact=True)).to_have_class("")


def test_hostile_texts_stay_texts(site, page):
    site.add("count", ["det1"], num=1, meta={HOSTILE: HOSTILE}, user=HOSTILE)
    expect(page.get_by_role("option").get_by_text(HOSTILE).first).to_be_visible()
    site.run_all()
    site.service.do("script_upload", script=f"print({HOSTILE!r})")
    site.service.wait_idle()
    page.get_by_role("link", name="Console").click()
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_label("History").get_by_text(HOSTILE).first).to_be_visible()
    # Bluesky refuses such a key of metadata.
    assert page.title() == "✕ failed · Queue"
    assert page.locator("img[src]").count() == 0
