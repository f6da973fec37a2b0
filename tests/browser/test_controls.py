"""The buttons of the page: plans, the queue, the environment, and what they ask first."""

import re

import pytest
from playwright.sync_api import Page, expect

_READY = "Idle, the environment is open"


def state(page: Page):
    return page.get_by_label("State", exact=True)


def button(page: Page, name: str):
    return state(page).get_by_role("button", name=name, exact=True)


def more(page: Page) -> None:
    """Show the buttons that are one step away."""
    button(page, "More").click()


def confirm(page: Page, question: str, action: str) -> None:
    dialog = page.get_by_role("alertdialog", name=question)
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name=action).click()


@pytest.fixture
def long_plan(site):
    """Queues a plan that takes longer than a test, and a short one after it."""
    site.add("count", ["det1"], num=2000, delay=0.05, user="grace")
    site.add("count", ["det1"], user="grace")
    return site


def test_a_plan_is_started_stopped_paused_resumed_and_ended(long_plan, page, keep_picture):
    service = long_plan.service
    expect(state(page)).to_contain_text("2 items in the queue")
    button(page, "Start").click()
    expect(state(page)).to_contain_text("Running count([det1], num=2000")
    expect(state(page)).to_contain_text(re.compile(r"Last: you started the queue, \d\d:\d\d:\d\d"))
    button(page, "Stop after this plan").click()
    expect(state(page)).to_contain_text("the queue stops after this plan")
    button(page, "Cancel the stop").click()
    expect(button(page, "Stop after this plan")).to_be_visible()
    button(page, "Pause").click()
    expect(state(page)).to_contain_text("Paused in count")
    keep_picture(page, "controls-paused-1280-light")
    button(page, "Resume").click()
    expect(state(page)).to_contain_text("Running count")
    more(page)
    button(page, "Pause now").click()
    expect(state(page)).to_contain_text("Paused in count")
    button(page, "Finish").click()
    expect(state(page)).to_contain_text(_READY)
    assert service.history()[-1]["result"]["exit_status"] == "stopped"


@pytest.mark.parametrize(("name", "ending"), [("Abort", "aborted"), ("Halt", "halted")])
def test_a_plan_that_runs_is_paused_before_it_is_ended_and_only_after_a_question(long_plan, page, name, ending):
    page.get_by_text("2 items in the queue").wait_for()
    button(page, "Start").click()
    expect(state(page)).to_contain_text("Running count")
    more(page)
    button(page, f"{name}…").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(button(page, f"{name}…")).to_be_focused()
    assert long_plan.service.ask("status")["manager_state"] == "executing_queue"
    button(page, f"{name}…").click()
    confirm(page, f"{name} the plan?", name)
    expect(state(page)).to_contain_text(_READY)
    assert long_plan.service.history()[-1]["result"]["exit_status"] == ending


def test_the_environment_is_closed_opened_updated_and_destroyed(site, page):
    more(page)
    button(page, "Update").click()
    expect(state(page)).to_contain_text(_READY)
    button(page, "Close…").click()
    confirm(page, "Close the environment?", "Close")
    expect(state(page)).to_contain_text("Idle, the environment is closed")
    expect(button(page, "Close…")).to_have_count(0)
    button(page, "Open").click()
    expect(state(page)).to_contain_text(_READY)
    expect(state(page)).to_contain_text(re.compile(r"Environment: \d+ plans, \d+ devices, opened in"))
    button(page, "Destroy…").click()
    confirm(page, "Destroy the environment?", "Destroy")
    expect(state(page)).to_contain_text("Idle, the environment is closed")
    button(page, "Open").press("Enter")
    expect(state(page)).to_contain_text(_READY)
    # The button that had the focus is gone, so the state has it.
    expect(state(page)).to_be_focused()


def test_modes_and_autostart_are_as_the_service_says(site, page):
    more(page)
    for name in ("Loop", "Ignore failures", "Autostart"):
        switch = state(page).get_by_label(name, exact=True)
        expect(switch).not_to_be_checked()
        switch.press("Space")
        expect(switch).to_be_checked()
    expect(state(page)).to_contain_text("loop mode; failures are ignored; autostart is on")
    for name in ("Autostart", "Ignore failures", "Loop"):
        state(page).get_by_label(name, exact=True).click()
        expect(state(page).get_by_label(name, exact=True)).not_to_be_checked()
    status = site.service.ask("status")
    assert status["plan_queue_mode"] == {"loop": False, "ignore_failures": False}
    assert not status["queue_autostart_enabled"]


def test_a_question_of_a_plan_is_answered_on_the_page(site, page, findings, keep_picture):
    code = "import bluesky.plan_stubs as bps\ndef ask():\n    yield from bps.null()\n    return input('Sample name? ')"
    site.service.do("script_upload", script=code)
    site.service.wait_idle()
    site.add("ask")
    button(page, "Start").click()
    answer = page.get_by_role("textbox", name="The plan asks: Sample name?")
    answer.fill("S42")
    keep_picture(page, "question-1280-light")
    assert findings(page) == []
    answer.press("Enter")
    expect(state(page)).to_contain_text(_READY)
    assert site.service.history()[-1]["result"]["return_value"] == "S42"
    expect(answer).to_have_count(0)


def test_two_people_see_what_the_other_one_does(site, new_page):
    ada, grace = new_page(name="ada"), new_page(name="grace")
    for page in (ada, grace):
        page.goto(site.link)
        page.get_by_text(_READY).wait_for()
    more(ada)
    ada.get_by_label("Loop").click()
    expect(state(grace)).to_contain_text("Last: ada switched loop mode on")
    expect(state(ada)).to_contain_text("Last: you switched loop mode on")
    more(grace)
    grace.get_by_label("Loop").click()
    expect(state(ada)).to_contain_text("Last: grace switched loop mode off")
    expect(ada.get_by_label("Loop")).not_to_be_checked()
    ada.get_by_text("Last:").click()
    expect(ada.get_by_role("list", name="Recent actions")).to_contain_text("you switched loop mode on")


def test_a_lock_says_who_and_why_and_its_key_opens_it(site, new_page, findings, keep_picture):
    ada, grace = new_page(name="ada"), new_page(name="grace")
    for page in (ada, grace):
        page.goto(site.link)
        page.get_by_text(_READY).wait_for()
        more(page)
    button(ada, "Lock…").click()
    dialog = ada.get_by_role("dialog", name="Lock")
    dialog.get_by_role("button", name="Lock").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Type a key. You need it to unlock.")
    dialog.get_by_label(re.compile("^Reason")).fill("aligning the mirror")
    dialog.get_by_label("Key", exact=True).fill("s3cret")
    keep_picture(ada, "lock-1280-light")
    assert findings(ada) == []
    ada.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    locked = re.compile(r"Locked \(environment and queue\) by ada since \d\d:\d\d:\d\d: aligning the mirror\.")
    for page in (ada, grace):
        expect(state(page)).to_contain_text(locked)
    # Whoever has the key goes on; the others read why not.
    ada.get_by_label("Loop").click()
    expect(ada.get_by_label("Loop")).to_be_checked()
    grace.get_by_label("Loop").click()
    refusal = grace.get_by_role("alert")
    expect(refusal).to_contain_text(locked)
    expect(refusal).to_contain_text("Ask ada to unlock.")
    keep_picture(grace, "refused-1280-light")
    refusal.get_by_role("button", name="Dismiss").click()
    expect(refusal).to_have_count(0)
    button(grace, "Unlock…").click()
    grace.get_by_label("Key", exact=True).fill("wrong")
    grace.keyboard.press("Enter")
    expect(grace.get_by_role("dialog").get_by_role("alert")).to_contain_text("The key is wrong")
    grace.keyboard.press("Escape")
    button(grace, "Use the key…").click()
    grace.get_by_label("Key", exact=True).fill("s3cret")
    grace.keyboard.press("Enter")
    grace.get_by_label("Loop").click()
    expect(grace.get_by_label("Loop")).not_to_be_checked()
    button(ada, "Unlock…").click()
    ada.keyboard.press("Enter")
    expect(state(grace)).not_to_contain_text("Locked")


def test_the_page_asks_once_who_uses_the_shared_key(site, new_page):
    page = new_page(name=None)
    page.goto(site.link)
    page.get_by_text(_READY).wait_for()
    more(page)
    loop = page.get_by_label("Loop")
    loop.click()
    dialog = page.get_by_role("dialog", name="Who are you?")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    loop.click()
    dialog.get_by_label("Your name").fill("Ada L.")
    page.keyboard.press("Enter")
    expect(state(page)).to_contain_text("Last: you switched loop mode on")
    assert site.service.ask("events_get")["events"][-1]["user"] == "UNAUTHENTICATED_SINGLE_USER (Ada L.)"
    page.reload()
    more(page)
    loop.click()
    expect(loop).not_to_be_checked()
    expect(dialog).to_have_count(0)


def test_a_request_whose_answer_is_lost_is_carried_out_once(site, page):
    site.add("count", ["det1"], num=7)
    site.add("count", ["det1"], num=7)
    expect(button(page, "Start")).to_be_visible()
    ids = []

    def lose(route):
        ids.append(route.request.headers["idempotency-key"])
        if len(ids) > 1:
            route.continue_()
            return
        route.fetch()
        site.service.wait_idle()  # a second start would be refused while the queue runs
        route.abort()

    page.route("**/api/queue/start", lose)
    with page.expect_response("**/api/queue/start") as answered:
        button(page, "Start").click()
    assert answered.value.json()["success"]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    expect(page.get_by_role("row", name=re.compile(r"completed count\(\[det1\], num=7\)"))).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)


#: A door for two people, one of whom may only watch, before startup code that fails.
_USERS = """
authentication:
  providers:
    - provider: site
      authenticator: dictionary
      args: {{users_to_passwords: {{ada: the-password-of-ada, bob: the-password-of-bob}}}}
access:
  rules:
    - {{user: ada, roles: expert}}
    - {{user: bob, roles: observer}}
database:
  uri: sqlite:///{home}/sign-in.sqlite3
"""


def test_the_reason_why_the_environment_did_not_open_and_nothing_to_press_for_an_observer(
    new_site, new_page, tmp_path, findings, keep_picture
):
    script = tmp_path / "startup.py"
    script.write_text("x = 1\nraise RuntimeError('the shutter is not there')\n")
    site = new_site("--startup-script", str(script), configuration=_USERS)
    site.service.start()
    pages = {}
    for name in ("ada", "bob"):
        page = pages[name] = new_page()
        page.goto(site.url)
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(f"the-password-of-{name}")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_text("Idle, the environment is closed").wait_for()
        more(page)
    expect(button(pages["bob"], "Open")).to_have_count(0)
    expect(state(pages["bob"])).to_contain_text(
        "Your sign-in (role observer) lets you watch, but not change anything. If you need this, ask the server's"
    )
    button(pages["ada"], "Open").click()
    for page in pages.values():
        failed = page.get_by_role("alert")
        expect(failed).to_contain_text(
            "The environment could not be opened: startup.py, line 2: RuntimeError: the shut"
        )
        expect(failed).to_contain_text(f"{script}, line 2")
    expect(state(pages["bob"])).to_contain_text("Last: ada opened the environment")
    pages["ada"].get_by_text("Traceback", exact=True).click()
    expect(pages["ada"].get_by_text("Traceback (most recent call last)")).to_be_visible()
    keep_picture(pages["ada"], "startup-failure-1280-light")
    assert findings(pages["ada"]) == []


def test_it_all_works_on_a_phone_and_in_the_dark(long_plan, new_page, findings, keep_picture):
    long_plan.service.do("queue_start")
    for width, height, scheme in ((360, 780, "dark"), (1280, 900, "dark"), (360, 780, "light"), (1280, 900, "light")):
        page = new_page(width, height, scheme)
        page.goto(long_plan.link)
        more(page)
        button(page, "Pause now").wait_for()
        keep_picture(page, f"controls-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert findings(page) == [], (width, scheme)
        button(page, "Abort…").click()
        expect(page.get_by_role("alertdialog")).to_be_visible()
        keep_picture(page, f"confirm-{width}-{scheme}")
        assert findings(page) == [], (width, scheme)
