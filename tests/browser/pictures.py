"""Takes the pictures of the documentation: `make pictures`. `make test` does not run this.

The service has the history of a shift, and a scan runs. The scenes follow its course, so their order counts.
"""

import io
import json
import random
import re
import sqlite3
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from bluesky_qs.door import web_page
from tests.browser.conftest import KEY, Site
from tests.browser.test_notebook import Lab, Notebook

FOLDER = web_page.FOLDER.parents[2] / "docs" / "pictures"
_SAMPLES = ("PS-b-PMMA 120 nm", "PS-b-PMMA 80 nm", "Si grating", "Cu foil")
_GRID = (["slow_det"], "slow_motor1", -1, 1, 11, "slow_motor2", -1, 1, 11)
#: Seconds from the first plan of the history until now, and from its last one.
_SHIFT, _REST = 7 * 3600, 200
#: Points of the scan that runs.
_POINTS = 181
_SETUP = """
RE.md["scan_id"] = {last_scan}
slow_det.exposure.put(0.5)
slow_motor1.set(-3).wait()
"""


def _past(now: float) -> list[dict[str, Any]]:
    """The plans of a shift, oldest first."""
    chance = random.Random(3)
    items: list[dict[str, Any]] = []
    began = now - _SHIFT
    while (took := chance.uniform(300, 1500)) < now - _REST - began:
        number = len(items)
        call: dict[str, Any] = {"name": "scan", "args": [["slow_det"], "slow_motor1", -3, 3, chance.choice([61, 241])]}
        result = {"exit_status": "completed", "msg": "", "traceback": ""}
        if number % 4 == 1:
            call = {"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 60, "delay": 10}}
        elif number % 4 == 3:
            call = {"name": "grid_scan", "args": list(_GRID)}
        elif number % 10 == 4:
            call["args"][2:4] = [-300, 300]
            took = 20.0
            msg = "LimitError: slow_motor1: -300 is outside the limits (-100, 100)"
            result = {"exit_status": "failed", "msg": msg, "traceback": msg}
        result |= {"run_uids": [str(uuid.uuid4())], "scan_ids": [number + 1]}
        result |= {"time_start": began, "time_stop": began + took}
        meta = {"sample": _SAMPLES[number // 4 % 3], "temperature": 100 + 20 * (number % 4)}
        who = {"user": ("ada", "grace")[number // 6 % 2], "user_group": "primary", "item_uid": str(uuid.uuid4())}
        items.append({"item_type": "plan", **call, "meta": meta, **who, "result": result})
        began += took + chance.choice([5, 8, 60, 600])
    return items


@pytest.fixture(scope="module")
def beamline(new_site) -> Site:
    """A service with a history. A scan runs, and plans of several users wait in its queue."""
    site = new_site()
    site.service.start()
    site.service.stop()
    items = _past(time.time())
    with sqlite3.connect(site.service.home / "queue.sqlite3") as store:
        store.executemany("INSERT INTO history (data) VALUES (?)", [(json.dumps(item).encode(),) for item in items])
    store.close()
    site.service.restart()
    site.service.open()
    site.service.do("script_upload", script=_SETUP.format(last_scan=len(items)))
    site.service.wait_idle()
    # The service learns how long these take, so that it can say when the others end.
    site.add("scan", ["slow_det"], "slow_motor1", -1, 1, 5, user="ada", meta={"purpose": "alignment"})
    site.add("rel_scan", ["slow_det"], "slow_motor1", -0.5, 0.5, 5, user="ada", meta={"purpose": "alignment"})
    site.add("grid_scan", ["slow_det"], "slow_motor1", -1, 0, 2, "slow_motor2", -1, 0, 3, user="ada")
    site.add("count", ["det1", "det2"], num=3, delay=0.5, user="ada")
    site.run_all()
    meta = [{"sample": sample} for sample in _SAMPLES]
    site.add("scan", ["slow_det"], "slow_motor1", -3, 3, _POINTS, user="ada", meta={**meta[0], "temperature": 180})
    site.add("scan", ["slow_det"], "slow_motor1", -3, 3, 241, user="ada", meta=meta[1])
    site.add("grid_scan", *_GRID, user="grace", meta={**meta[2], "temperature": 25})
    site.add("count", ["det1", "det2"], num=60, delay=10, user="grace", meta=meta[2])
    stop = {"item_type": "instruction", "name": "queue_stop"}
    site.service.do("queue_item_add", item=stop, user="ada", user_group="primary")
    site.add("rel_scan", ["slow_det"], "slow_motor1", -0.5, 0.5, 101, user="eve", meta=meta[3])
    site.service.do("queue_start")
    return site


@pytest.fixture
def open_view(beamline, new_page) -> Callable[..., Page]:
    """Opens a view of the page: ``open_view("history")``."""

    def opened(view: str, width: int = 1280, height: int = 900, **options: Any) -> Page:
        page = new_page(width, height, name="grace", **options)
        page.goto(beamline.link)
        page.get_by_role("link", name="Now").wait_for()
        page.goto(f"{beamline.url}/#/{view}")
        return page

    return opened


def take(name: str, page: Page, height: int | None = None) -> None:
    """Keep what is seen of a page, or the upper part of it, as a small file."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")  # where the keys go would be marked
    image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    FOLDER.mkdir(exist_ok=True)
    image.crop((0, 0, image.width, height or image.height)).save(
        FOLDER / f"{name}.webp", lossless=True, quality=100, method=6
    )


def test_devices(open_view):
    page = open_view("devices", height=700)
    page.get_by_label("Search by name, class or kind").fill("slow")
    for name in ("slow_motor1", "slow_det"):
        page.get_by_role("button", name=f"Watch {name}", exact=True).click()
    page.get_by_role("treeitem", name=re.compile("^slow_motor1")).click()
    expect(page.get_by_role("region", name="Watched").get_by_role("row", name="slow_motor1")).to_contain_text("mm")
    expect(page.get_by_role("treeitem", name=re.compile("^setpoint")).locator(".value")).to_have_text(re.compile(r"\d"))
    take("devices", page)


def test_history_with_its_timeline(open_view):
    page = open_view("history")
    expect(page.get_by_role("region", name="History").locator("tbody tr").nth(10)).to_be_visible()
    take("history", page, 838)


def test_now_and_on_the_phone_and_on_the_wall(open_view, beamline):
    page, phone = open_view("now", height=1150), open_view("now", 390, 844)
    wall = open_view("now", height=720)
    wall.goto(f"{beamline.url}/?view=wall#api_key={KEY}")
    many = "|".join(str(number) for number in range(115, _POINTS))
    expect(page.get_by_text(re.compile(rf"^({many}) of {_POINTS} points"))).to_be_visible(timeout=120_000)
    expect(page.get_by_role("listbox", name="Queue").get_by_text("min").first).to_be_visible()
    take("now", page, 1140)
    take("phone", phone)
    expect(wall.get_by_role("region", name="State")).to_contain_text("to go, until")
    take("wall", wall)


def test_the_queue_with_estimates(open_view):
    page = open_view("now")
    rows = page.get_by_role("listbox", name="Queue").get_by_role("option")
    expect(rows.get_by_text("min").first).to_be_visible()
    rows.nth(0).click()
    rows.nth(1).click(modifiers=["Shift"])
    page.get_by_role("region", name=re.compile("^Queue")).evaluate("section => section.scrollIntoView()")
    take("queue", page, 600)


def test_the_form_for_a_plan(open_view):
    page = open_view("now")
    line = page.get_by_role("combobox", name="Add a plan")
    line.fill("rel_scan([slow_det], slow_motor1, -0.5, 0.5, num=51)")
    page.get_by_role("button", name="Form…").click()
    expect(page.get_by_label("num", exact=True)).to_have_value("51")
    page.get_by_role("region", name=re.compile("^Queue")).evaluate("section => section.scrollIntoView()")
    take("add-form", page, 886)


_TABLE = """plan\tdetectors\tnum\tdelay\tmd.sample\tmd.temperature
count\t[det1, det2]\t60\t10\tS07\t180
count\t[det1, det2]\t60\t10\tS08\t180
count\tdet1, det2\t60\t10\tS09\t25
count\t[det1, det2]\t'many'\t10\tS10\t25
"""


def test_plans_from_a_table(open_view):
    page = open_view("now", height=800)
    page.get_by_role("button", name="From a table…").click()
    page.get_by_label("Paste cells from a spreadsheet").fill(_TABLE)
    expect(page.locator(".preview .wrong")).to_have_count(2)
    page.get_by_role("dialog", name="Add plans from a table").evaluate("dialog => dialog.scrollTo(0, 0)")
    take("add-table", page)


def test_the_page_of_an_item(open_view, beamline):
    beamline.service.wait(lambda status: status["items_in_queue"] < 5, "the end of the first scan", timeout=120)
    (item,) = beamline.service.do("history_get", limit=1)["items"]
    page = open_view(f"item/{item['item_uid']}", height=1000)
    expect(page.locator(".uplot").first).to_be_visible()
    expect(page.get_by_label("Events").get_by_role("listitem").first).to_be_visible()
    take("item", page)


def test_the_view_in_a_notebook(beamline, new_page):
    lab = Lab(beamline.service)
    try:
        lab.wait()
        lab.write("queue.ipynb", "%qs widget")
        page = new_page(1280, 1100)
        notebook = Notebook(page, lab, "queue.ipynb")
        notebook.load()
        notebook.run(1)
        expect(notebook.output(1).get_by_text(re.compile("Running scan"))).to_be_visible()
        expect(notebook.output(1).get_by_role("img", name=re.compile("against slow_motor1"))).to_be_visible()
        expect(notebook.output(1).get_by_role("option").first).to_be_visible()
        take("notebook", page)
    finally:
        lab.close()
