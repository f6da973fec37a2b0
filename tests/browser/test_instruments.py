"""All instruments behind one door, and the page of each."""

import contextlib
import re
import socket
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import KEY
from tests.ports import free_port

_DOOR = """
instruments:
  tomography: {{control_address: "{0.control}", info_address: "{0.info}"}}
  scattering: {{control_address: "{1.control}", info_address: "{1.info}"}}
  gone: {{control_address: "tcp://127.0.0.1:{2}", info_address: "tcp://127.0.0.1:{2}"}}
"""


def _wait_for(process, port):
    """Wait until the door takes connections; it answers them when it is ready."""
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            pytest.fail("the door has ended")


@pytest.fixture(scope="module")
def instruments(shared_site, new_site, tmp_path_factory):
    """The address of a door before the service of all tests, one of its own, and one that is away; both services."""
    other = new_site()
    other.service.start()
    other.service.open()
    home, port = tmp_path_factory.mktemp("door"), free_port()
    file = home / "door.yml"
    file.write_text(_DOOR.format(shared_site.service, other.service, free_port()))
    env = {**shared_site.service.env, "HOME": str(home), "QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": KEY}
    command = [sys.executable, "-m", "bluesky_qs", "qserver-http", "--port", str(port), "--config", str(file)]
    with (home / "door.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=home)
    _wait_for(process, port)
    yield f"http://127.0.0.1:{port}", shared_site, other
    process.terminate()
    process.wait()


def _card(page, name):
    return page.get_by_role("listitem").filter(has=page.get_by_role("link", name=name))


def test_all_instruments_are_seen_at_a_glance_and_a_click_opens_the_page_of_one(
    site, instruments, new_page, findings, keep_picture
):
    url, tomography, scattering = instruments
    scattering.add("scan", ["det"], "slow_motor1", -1000, 1000, 3)
    scattering.run_all()
    scattering.service.do("queue_clear")
    page = new_page()
    page.goto(f"{url}/#api_key={KEY}")
    page.get_by_role("link", name="Instruments").click()
    failed = _card(page, "scattering")
    expect(failed).to_contain_text("Idle, the environment is open")
    expect(failed).to_contain_text("Last failure")
    expect(failed).to_contain_text("scan([det], slow_motor1, -1000, 1000, 3)")
    expect(failed).to_contain_text("outside the limits")
    expect(_card(page, "gone")).to_contain_text("The service does not answer")
    here = _card(page, "tomography")
    expect(here).to_contain_text("shown by this page")
    tomography.add("scan", ["slow_det"], "slow_motor1", -2, 2, 200)
    tomography.service.do("queue_start")
    expect(here).to_contain_text("Running scan([slow_det], slow_motor1, -2, 2, 200)")
    expect(here).to_contain_text(re.compile(r"about .+ to go"))
    expect(here.get_by_role("progressbar")).to_be_visible()
    assert findings(page) == []
    keep_picture(page, "instruments-1280-light")
    page.get_by_role("link", name="scattering").click()
    expect(page.get_by_role("banner")).to_contain_text("scattering")
    expect(page.get_by_text("Idle, the environment is open; the queue is empty.")).to_be_visible()
    expect(page).to_have_title("✕ failed · scattering")
    scattering.add("count", ["det1"], num=7)
    expect(page.get_by_text("count([det1], num=7)")).to_be_visible()
    scattering.service.do("queue_clear")


def test_the_page_of_an_instrument_changes_only_that_one(site, instruments, new_page):
    url, tomography, scattering = instruments
    page = new_page()
    page.goto(f"{url}/?instrument=scattering#api_key={KEY}")
    expect(page.get_by_text("Idle, the environment is open; the queue is empty.")).to_be_visible()
    scattering.add("count", ["det1"], num=3)
    page.get_by_role("button", name="Start", exact=True).click()
    scattering.service.wait(lambda status: status["items_in_queue"] == 0, "an empty queue")
    scattering.service.wait_idle()
    assert tomography.service.ask("status")["running_item_uid"] is None


def test_an_instrument_that_the_door_does_not_have_is_named_with_those_that_it_has(instruments, new_page):
    url, *_ = instruments
    page = new_page()
    page.goto(f"{url}/?instrument=tomografy#api_key={KEY}")
    alert = page.get_by_role("alert").filter(has_text="There is no instrument")
    expect(alert).to_contain_text("There is no instrument “tomografy” here. Choose one:")
    alert.get_by_role("link", name="tomography").click()
    expect(page.get_by_role("banner")).to_contain_text("tomography")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "dark"), (3840, "light")])
def test_instruments_on_all_screens(site, instruments, new_page, findings, keep_picture, width, scheme):
    url, *_ = instruments
    page = new_page(width, 900, scheme)
    page.goto(f"{url}/#api_key={KEY}")
    page.get_by_role("link", name="Instruments").click()
    expect(_card(page, "gone")).to_contain_text("The service does not answer")
    expect(_card(page, "tomography")).to_contain_text("Idle")
    keep_picture(page, f"instruments-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []


def test_a_door_with_one_service_has_no_list_of_instruments(page):
    expect(page.get_by_role("link", name="Devices")).to_be_visible()
    expect(page.get_by_role("link", name="Instruments")).to_have_count(0)
