"""What runs, what it waits for and what it measures."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def started(site):
    """Starts the queue and waits until a plan runs."""

    def start():
        site.service.do("queue_start")
        site.service.wait(lambda status: status["running_item_uid"], "a plan runs")

    return start


def test_the_running_plan_has_progress_and_says_what_it_waits_for(site, page, started):
    site.add("scan", ["slow_det"], "slow_motor1", -2, 2, 3, meta={"sample": "S07"}, user="grace")
    site.add("count", ["det1"])
    started()
    expect(page.get_by_label("State")).to_contain_text("Running scan([slow_det], slow_motor1, -2, 2, 3), 1 of 3 points")
    expect(page.get_by_text(re.compile(r"started \d\d:\d\d:\d\d by grace"))).to_be_visible()
    expect(page.get_by_label("Running now").get_by_text("S07")).to_be_visible()
    expect(page.get_by_text("1 more in the queue")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Waiting for slow_motor1 \(.*mm.*\)\."))).to_be_visible()
    expect(page.get_by_text(re.compile(r"1 of 3 points · 33 %"))).to_be_visible()
    expect(page).to_have_title("running 33 % · Queue")
    site.service.do("re_pause", option="immediate")
    expect(page).to_have_title("paused 33 % · Queue")
    expect(page.get_by_text(re.compile("Paused in"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Paused at \d\d:\d\d.*\."))).to_be_visible()


def test_the_readings_are_a_plot_and_a_table_as_they_come(site, page, started):
    site.add("count", ["det1", "det2"], num=30, delay=0.2)
    started()
    expect(page.get_by_role("img", name="det1, det2 against the point number")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(r"Live · Scan \d+"))).to_be_visible()
    det1 = page.get_by_role("button", name=re.compile("det1"))
    expect(det1).to_have_attribute("aria-pressed", "true")
    det1.click()
    expect(page.get_by_role("img", name="det2 against the point number")).to_be_visible()
    page.get_by_role("button", name="log axis").click()
    page.get_by_role("button", name="table", exact=True).click()
    rows = page.get_by_role("region", name=re.compile("Readings of Scan")).locator("tbody tr")
    before = rows.count()
    expect(rows).not_to_have_count(before)
    expect(rows).to_have_count(30)
    expect(page.get_by_role("heading", name=re.compile(r"Last · Scan \d+"))).to_be_visible()


def test_a_grid_scan_is_an_image_that_fills(site, page):
    site.add("grid_scan", ["det4"], "motor1", -1, 1, 3, "motor2", -2, 2, 4)
    site.run_all()
    image = page.get_by_role("img", name="det4 over motor2 and motor1")
    expect(image).to_be_visible()
    # 3 rows of 4 points, each of which has been measured.
    opaque = """canvas => {
        const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [width, height, data.filter((value, at) => at % 4 === 3 && value === 255).length];
    }"""
    while (found := image.evaluate(opaque)) != [4, 3, 12]:
        assert found[:2] == [4, 3]
        page.wait_for_function("canvas => canvas.getContext('2d')", arg=image.element_handle())
    expect(page.get_by_text("-2", exact=True)).to_be_visible()


def test_somebody_who_comes_late_sees_what_was_measured(site, page, new_page):
    site.add("scan", ["det"], "motor", -1, 1, 11)
    site.run_all()
    late = new_page()
    late.goto(site.link)
    expect(late.get_by_role("img", name="det against motor, 11 points")).to_be_visible()
