"""Who uses the page, what they may do, and what the tab and the browser tell them."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import KEY

#: A browser that shows no notices, but prints them; the user looks at something else.
_NOTICES = """
window.Notification = class {
    static permission = "default";
    static async requestPermission() { Notification.permission = "granted"; }
    constructor(title, { body }) { console.log(`notice: ${title} | ${body}`); }
};
document.hasFocus = () => false;
"""
_ASKS = """
import bluesky.plan_stubs as bps

def ask_for_sample():
    yield from bps.null()
    return input("Sample name? ")
"""


def test_a_user_sees_who_they_are_and_what_they_may_do_and_changes_the_name(site, page, findings, keep_picture):
    page.get_by_role("link", name="tester (shared key)").click()
    expect(page.get_by_label("About me")).to_contain_text("a shared key")
    rights = page.get_by_label("My permissions")
    expect(rights).to_contain_text("start or stop the queue")
    expect(rights).not_to_contain_text("not:")
    keep_picture(page, "me-1280-light")
    assert findings(page) == []
    page.get_by_label("Your name").fill("Grace H.")
    page.get_by_role("button", name="Change the name").click()
    expect(page.get_by_role("status").get_by_text("Others now see the name Grace H.")).to_be_visible()
    expect(page.get_by_role("link", name="Grace H. (shared key)")).to_be_visible()


def test_a_failure_is_in_the_title_and_in_a_notice_of_the_browser_if_the_user_allows_it(site, new_page):
    page = new_page()
    page.add_init_script(_NOTICES)
    page.goto(site.link)
    page.get_by_role("link", name="tester (shared key)").click()
    page.get_by_role("button", name="Allow notices").click()
    expect(page.get_by_role("button", name="No notices")).to_be_visible()
    page.get_by_role("link", name="Now").click()
    expect(page.get_by_text("Idle, the environment is open")).to_be_visible()
    site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3)
    with page.expect_console_message(lambda said: said.text.startswith("notice: ")) as notice:
        site.run_all()
    expect(page).to_have_title("✕ failed · Queue")
    assert re.match(
        r"notice: A plan failed \| scan\(\[det\], slow_motor1, -1000, 1000, 3\): .*outside the limits",
        notice.value.text,
    )
    site.service.do("queue_clear")
    site.add("count", ["det1"])
    site.run_all()
    expect(page).to_have_title("Queue")


def test_a_failure_is_in_the_title_of_every_view_also_if_it_was_before(site, new_page):
    site.add("scan", ["det"], "slow_motor1", -1000, 1000, 3)
    site.run_all()
    page = new_page()
    page.goto(f"{site.url}/#api_key={KEY}")
    expect(page).to_have_title("✕ failed · Queue")
    page.goto(f"{site.url}/#/console")
    page.reload()
    expect(page.get_by_role("heading", name="Console")).to_be_visible()
    expect(page).to_have_title("✕ failed · Queue")


def test_a_question_is_in_the_title_and_in_a_notice_of_the_browser(site, new_page):
    site.service.do("script_upload", script=_ASKS)
    site.service.wait_idle()
    page = new_page()
    page.add_init_script(_NOTICES)
    page.goto(site.link)
    page.get_by_role("link", name="tester (shared key)").click()
    page.get_by_role("button", name="Allow notices").click()
    expect(page.get_by_role("button", name="No notices")).to_be_visible()
    site.add("ask_for_sample")
    with page.expect_console_message(lambda said: said.text.startswith("notice: ")) as notice:
        site.service.do("queue_start")
    assert notice.value.text == "notice: Waiting for input | Sample name?"
    expect(page).to_have_title(re.compile("^\\? question · .*Queue$"))
