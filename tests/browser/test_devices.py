"""The devices on the page: a tree with search, readings, and watched devices."""

import re

import pytest
from playwright.sync_api import expect

#: A device that never answers, and a beamline with ten thousand signals.
_MANY = """
import threading
from ophyd import Component, Device, Signal
from ophyd.sim import SynAxis

class Stuck(Signal):
    def get(self, **kwargs):
        threading.Event().wait()

a_motor = SynAxis(name="a_motor")
Bench = type("Bench", (Device,), {f"signal{n}": Component(Signal, value=n) for n in range(100)})
for number in range(100):
    globals()[f"bench{number}"] = Bench("", name=f"bench{number}")
stuck = Stuck(name="stuck", value=1)
"""
_IN_PAGE = 120


def _open(page):
    page.get_by_role("link", name="Devices").click()
    expect(page.get_by_role("tree", name="Devices")).to_be_visible()


def _row(page, name):
    return page.get_by_role("treeitem").filter(has=page.locator(".call", has_text=re.compile(f"^{name}$")))


def _search(page, text):
    page.get_by_label("Search by name, class or kind").fill(text)


def _move(site, to):
    """A plan that ends with the motor there."""
    site.add("scan", ["det"], "motor", 0, to, 2)
    site.run_all()


def test_a_motor_is_found_and_read(site, page, findings, keep_picture):
    _move(site, 2.5)
    _open(page)
    _search(page, "motor SynAxis")
    row = _row(page, "motor")
    expect(row.locator(".value")).to_have_text("2.5")
    expect(row.locator(".kind")).to_have_text("motor")
    row.click()
    facts = page.get_by_label("Chosen device")
    expect(facts).to_contain_text("Value2.5")
    expect(facts).to_contain_text("motor, SynAxis, from ophyd.sim")
    keep_picture(page, "devices-found-1280-light")
    assert findings(page) == []
    _move(site, 3.5)
    facts.get_by_role("button", name="Read again").click()
    expect(row.locator(".value")).to_have_text("3.5")


def test_values_of_watched_devices_come_by_themselves_and_the_browser_keeps_them(site, page, findings, keep_picture):
    _move(site, 1.5)
    _open(page)
    _search(page, "motor")
    row = _row(page, "motor")
    expect(row.locator(".value")).to_have_text("1.5")
    page.get_by_role("button", name="Watch motor", exact=True).click()
    watched = page.get_by_role("region", name="Watched")
    expect(watched).to_contain_text("1.5")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "%22motor%22" in request.url else None)
    _move(site, 4.5)
    expect(watched.get_by_role("row", name="motor")).to_contain_text("4.5")
    expect(row.locator(".value")).to_have_text("4.5")
    assert asked == []
    keep_picture(page, "devices-watched-1280-light")
    assert findings(page) == []
    page.reload()
    expect(watched.get_by_role("row", name="motor")).to_contain_text("4.5")
    page.get_by_role("button", name="Stop watching motor").click()
    expect(watched).to_contain_text("Nothing yet")
    _search(page, "motor")
    page.get_by_role("button", name="Watch slow_motor1", exact=True).click()
    expect(watched.get_by_role("row", name="slow_motor1")).to_contain_text("mm")
    assert watched.evaluate("part => part.scrollWidth <= part.clientWidth")
    limits = _row(page, "slow_motor1").locator(".limits")
    expect(limits).to_have_text("-100 … 100")
    assert limits.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_devices_by_keyboard_alone(site, page):
    _open(page)
    page.get_by_label("Search by name, class or kind").focus()
    page.keyboard.type("sim_bundle_A")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("tree")).to_be_focused()
    expect(page.get_by_role("treeitem").first).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    for label in ("mtrs", "dets"):
        expect(_row(page, label)).to_be_visible()
    for _ in range(3):
        page.keyboard.press("ArrowRight")  # to the first part, which is opened, and to its first part
    chosen = page.get_by_label("Chosen device").get_by_role("heading")
    expect(chosen).to_have_text("sim_bundle_A.mtrs.x")
    page.keyboard.press("Space")
    watched = page.get_by_role("region", name="Watched")
    expect(watched).to_contain_text("sim_bundle_A.mtrs.x")
    page.keyboard.press("Space")
    expect(watched).to_contain_text("Nothing yet")
    page.keyboard.press("ArrowLeft")
    expect(chosen).to_have_text("sim_bundle_A.mtrs")
    page.keyboard.press("ArrowLeft")
    expect(_row(page, "x")).to_have_count(0)


@pytest.fixture(scope="module")
def large_site(new_site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("startup")
    (folder / "00-devices.py").write_text(_MANY)
    site = new_site("--startup-dir", str(folder))
    site.service.start()
    site.service.open()
    return site


def test_a_device_that_hangs_says_so_in_its_row_beside_the_others(large_site, new_page, findings, keep_picture):
    page = new_page()
    page.goto(large_site.link)
    _open(page)
    _search(page, "stuck")
    expect(_row(page, "stuck")).to_contain_text("no answer after 1 s")
    _search(page, "")
    expect(_row(page, "a_motor").locator(".value")).to_have_text("0")
    page.get_by_role("tree").evaluate("tree => tree.scrollTo(0, tree.scrollHeight)")
    _row(page, "stuck").click()
    expect(page.get_by_label("Chosen device")).to_contain_text("no answer after 1 s")
    keep_picture(page, "devices-stuck-1280-light")
    assert findings(page) == []


def test_ten_thousand_signals_have_only_the_lines_that_are_seen_in_the_page(large_site, new_page, findings):
    page = new_page()
    page.goto(large_site.link)
    _open(page)
    expect(page.get_by_text("102 devices, 10107 including parts")).to_be_visible()
    _search(page, "bench signal")
    expect(page.get_by_text("10000 of 10107 devices and parts")).to_be_visible()
    assert page.get_by_role("treeitem").count() < _IN_PAGE
    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    expect(_row(page, "signal99").locator(".value").last).to_have_text("99")
    assert page.get_by_role("treeitem").count() < _IN_PAGE
    assert findings(page) == []
    _search(page, "bench42.signal17")
    expect(_row(page, "signal17").locator(".value")).to_have_text("17")


def test_a_closed_environment_is_the_reason_why_nothing_is_read(large_site, new_page):
    page = new_page()
    page.goto(large_site.link)
    large_site.service.do("environment_close")
    large_site.service.wait(lambda status: not status["worker_environment_exists"], "closed")
    _open(page)
    expect(page.get_by_text("The environment is closed. Open it to read devices.")).to_be_visible()
    large_site.service.open()
    expect(_row(page, "a_motor").locator(".value")).to_have_text("0")
