"""What the page says when something is away, and that it is right again by itself."""

import contextlib
import re

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import frozen_door


@pytest.fixture
def own_site(new_site):
    """A service of its own, because it is stopped."""
    site = new_site()
    site.service.start()
    return site


@contextlib.contextmanager
def frozen_manager(service):
    """The manager does not answer; it is replaced after this."""
    supervisor, manager = psutil.Process(service.process.pid), service.find("bluesky_qs.manager")
    # The manager first: messages that it sends to a frozen supervisor would be published later, as if it answered.
    manager.suspend()
    supervisor.suspend()
    try:
        yield
    finally:
        supervisor.resume()


def test_the_page_says_what_is_away_and_is_right_again_without_a_reload(own_site, new_page, findings, keep_picture):
    page = new_page()
    page.goto(own_site.link)
    page.get_by_text("Idle, the environment is closed").wait_for()
    page.evaluate("window.isTheSame = true")
    alert = page.get_by_role("alert")

    with frozen_door(own_site.service):
        expect(alert).to_contain_text(re.compile(r"Connection lost: this page shows the state at \d\d:\d\d:\d\d\."))
        expect(page).to_have_title(re.compile("not connected"))
        keep_picture(page, "connection-lost-1280-light")
        assert findings(page) == []
    expect(alert).to_be_hidden()

    with frozen_manager(own_site.service):
        expect(alert).to_contain_text("The service does not answer: this page shows the state at")
    expect(alert).to_be_hidden()

    assert own_site.service.stop() == 0
    expect(alert).to_contain_text("Connection lost")
    own_site.service.start()
    own_site.add("count", ["det1"], num=17)
    expect(alert).to_be_hidden()
    expect(page.get_by_text("count([det1], num=17)")).to_be_visible()
    assert page.evaluate("window.isTheSame")


def test_a_page_that_is_opened_while_the_service_is_away_begins_when_it_is_back(own_site, new_page):
    page = new_page()
    with frozen_manager(own_site.service):
        page.goto(own_site.link)
        expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.get_by_text("Idle, the environment is closed").wait_for()
    expect(page.get_by_role("alert")).to_be_hidden()
