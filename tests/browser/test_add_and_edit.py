"""Adding plans on the page, and changing them: by a typed line, by a form, from a table."""

import re

import pytest
from playwright.sync_api import expect

from bluesky_qs.words.sheet_cells import write_xlsx


@pytest.fixture
def line(page):
    """The line in which a plan is typed."""
    return page.get_by_role("combobox", name="Add a plan")


def result(page):
    return page.locator(".result")


def queued(site):
    return [(item["name"], item.get("args", []), item.get("kwargs", {})) for item in site.service.queue()]


def test_a_typed_plan_is_added_with_enter_and_its_place_is_said(site, page, line):
    site.add("count", ["det1"])
    site.add("count", ["det1"])
    line.fill("count([det1], num=3)")
    line.press("Enter")
    expect(result(page)).to_contain_text("Added at position 2: count([det1], num=3)")
    expect(line).to_have_value("")
    assert queued(site)[-1] == ("count", [["det1"]], {"num": 3})
    line.press("ArrowUp")
    expect(line).to_have_value("count([det1], num=3)")


def test_an_error_stands_under_its_column_and_nothing_is_added(site, page, line, keep_picture):
    text = "scan([det1], motor, -1, 1, num=opne)"
    line.fill(text)
    line.press("Enter")
    expect(page.get_by_text("There is no device or plan 'opne'")).to_be_visible()
    carets = page.locator(".carets .bad")
    expect(carets).to_have_text("^^^^")
    expect(line).to_have_js_property("selectionStart", text.index("opne"))
    expect(line).to_have_js_property("selectionEnd", text.index("opne") + len("opne"))
    # The caret is where the browser draws the wrong letters.
    drawn = line.evaluate(
        """(field, before) => {
            const style = getComputedStyle(field);
            const pen = document.createElement('canvas').getContext('2d');
            pen.font = `${style.fontSize} ${style.fontFamily}`;
            return field.getBoundingClientRect().left + parseFloat(style.paddingLeft) +
                parseFloat(style.borderLeftWidth) + pen.measureText(before).width - field.scrollLeft;
        }""",
        text[: text.index("opne")],
    )
    assert abs(carets.bounding_box()["x"] - drawn) < 2
    keep_picture(page, "add-error-1280-light")
    line.fill("count([det1], num='many')")
    expect(page.get_by_text("'many' is not an integer")).to_be_visible()
    expect(carets).to_have_text("^" * len("num='many'"))
    line.fill("count([det1], num=3")
    expect(page.locator(".faults .bad")).to_have_count(0)  # it is not finished, so not wrong yet
    line.press("Enter")
    expect(page.get_by_text("'(' is never closed")).to_be_visible()
    assert queued(site) == []


def test_tab_completes_plans_parameters_and_devices(page, line):
    line.press_sequentially("cou")
    expect(page.get_by_role("option", name="count plan")).to_be_visible()
    line.press("Tab")
    expect(line).to_have_value("count(")
    line.press_sequentially("[det")
    expect(page.get_by_role("option", name="det1", exact=False).first).to_be_visible()
    line.press("Tab")
    expect(line).to_have_value(re.compile(r"count\(\[det\w*"))
    line.fill("count([det1], ")
    line.press("End")
    line.press_sequentially("nu")
    page.keyboard.press("Tab")
    expect(line).to_have_value("count([det1], num=")
    line.press("Escape")
    line.press("Tab")
    expect(line).not_to_be_focused()


def test_metadata_and_the_place_go_with_the_plan(site, page, line):
    site.add("count", ["det2"], num=1)
    first = site.add("count", ["det1"], num=1)
    page.get_by_role("listbox", name="Queue").get_by_role("option").nth(1).click()
    line.fill("RE(count([det2]), operator='ada')")
    page.get_by_role("button", name="Add metadata").click()
    page.keyboard.type("sample")
    page.keyboard.press("Tab")
    page.keyboard.type("Si 111")
    page.get_by_role("radio", name="before #1").check()
    line.press("Enter")
    expect(result(page)).to_contain_text("Added at position 1: count([det2])")
    items = site.service.queue()
    assert items[2]["item_uid"] == first
    assert items[1]["meta"] == {"operator": "ada", "sample": "Si 111"}


def test_the_form_and_the_line_are_views_of_the_same_plan(site, page, line, keep_picture):
    line.fill("count([det1], num=3)")
    page.get_by_role("button", name="Form…").click()
    number = page.get_by_role("spinbutton", name=re.compile("num"))
    expect(number).to_have_value("3")
    number.press("ArrowUp")
    expect(number).to_have_value("4")
    detectors = page.get_by_label(re.compile("detectors"))
    detectors.fill("det2")
    detectors.press("Enter")
    expect(page.locator(".name-chip", has_text="det2")).to_be_visible()
    number.fill("many")
    expect(page.get_by_text("many is not a number")).to_be_visible()
    keep_picture(page, "add-form-1280-light")
    number.fill("5")
    page.get_by_role("button", name="Type it").click()
    expect(line).to_have_value("count([det1, det2], num=5)")
    line.press("Enter")
    expect(result(page)).to_contain_text("Added at position 0: count([det1, det2], num=5)")
    assert queued(site) == [("count", [["det1", "det2"]], {"num": 5})]


#: A plan with a parameter of each kind that a form has an input for.
EVERYTHING = """
import typing
import bluesky.plan_stubs as bps
from bluesky_qs import parameter_annotation_decorator

@parameter_annotation_decorator({"parameters": {
    "number": {"description": "How often.", "annotation": "int", "min": 1, "max": 9, "step": 2},
    "kind": {"annotation": "Kinds", "enums": {"Kinds": ["coarse", "fine"]}},
    "detector": {"annotation": "__READABLE__"},
    "motors": {"annotation": "typing.List[Motors]", "devices": {"Motors": ["motor1", "motor2"]}},
}})
def everything(
    number, speed: float = 0.5, label: str = "", is_fast: bool = False, kind="coarse",
    mode: typing.Literal["a", "b"] = "a", detector=None, motors=(), limit: typing.Optional[int] = 5,
    positions: typing.List[float] = (), options: dict = None, anything=None, **others,
):
    yield from bps.null()
"""


KEYS = {"ArrowUp", "ArrowDown", "Backspace", "Enter", "Space", "Tab"}


def test_a_form_has_an_input_for_every_kind_of_parameter_by_keyboard_only(site, page, line, keep_picture):
    site.service.do("script_upload", script=EVERYTHING)
    site.service.wait_idle()
    line.press_sequentially("everything(")
    line.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Form…
    expect(page.get_by_text("1 to 9 in steps of 2 · How often.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Plan", exact=True)).to_be_focused()

    def fill(*keys):
        page.keyboard.press("Tab")
        for key in keys:
            page.keyboard.press(key) if key in KEYS else page.keyboard.type(key)

    fill("ArrowUp", "ArrowUp")  # number: 1 is the least
    fill("1e-3")
    fill("Si 111")
    fill("Space")  # is_fast
    fill("f")  # kind
    fill("b")  # mode
    fill("de", "ArrowDown", "Enter")  # detector
    fill("motor2", "Enter", "motor1", "Enter")
    fill("Tab", "Space")  # limit is None
    fill("1, 2.5")
    fill('{"a": [true, null]}')
    fill("motor, 'x'", "Backspace", "Backspace", "Backspace", "Backspace", "Backspace")
    fill("{'more': 1}")
    keep_picture(page, "add-everything-1280-light")
    page.keyboard.press("Enter")
    expect(result(page)).to_contain_text("Added at position 0: everything(")
    expect(line).to_be_focused()
    (item,) = site.service.queue()
    detector = item["kwargs"].pop("detector")
    assert detector.startswith("de")
    assert (item["args"], item["kwargs"]) == (
        [3],
        {
            "speed": 0.001,
            "label": "Si 111",
            "is_fast": True,
            "kind": "fine",
            "mode": "b",
            "motors": ["motor2", "motor1"],
            "limit": None,
            "positions": [1, 2.5],
            "options": {"a": [True, None]},
            "anything": "motor",
            "more": 1,
        },
    )


TABLE = "plan\tdetectors\tnum\tmd.sample\ncount\t[det1]\t{num}\tS01\ncount\tdet1, det2\t2\tS02\n"


def test_a_table_is_added_as_a_whole_once_every_cell_is_right(site, page, findings, keep_picture):
    page.get_by_role("button", name="From a table…").click()
    cells = page.get_by_label("Paste cells from a spreadsheet")
    cells.fill(TABLE.format(num="'many'"))
    errors = page.get_by_role("list", name="Errors and warnings").get_by_role("listitem")
    expect(errors).to_have_count(2)
    expect(errors.nth(0)).to_contain_text("Row 2, column C (num): 'many' is not an integer")
    expect(errors.nth(1)).to_contain_text("Row 3, column B (detectors): 'det1, det2': a list needs brackets")
    expect(page.locator(".preview .wrong")).to_have_text(["✕ 'many'", "✕ det1, det2"])
    dialog = page.get_by_role("dialog", name="Add plans from a table")
    expect(dialog.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    assert findings(page) == []
    keep_picture(page, "add-table-1280-light")
    rows = [["plan", "detectors", "num"], ["count", "[det1]", "3"], ["count", "[det1, det2]", "2"]]
    page.set_input_files("input[type=file]", [{"name": "a.xlsx", "mimeType": "", "buffer": write_xlsx(rows)}])
    expect(dialog.get_by_text("a.xlsx, sheet Sheet, 2 rows: all cells are valid.")).to_be_visible()
    assert queued(site) == []
    dialog.get_by_role("button", name="Add 2 items").click()
    expect(result(page)).to_contain_text("Added 2 items at positions 0 to 1")
    assert [kwargs["num"] for _, _, kwargs in queued(site)] == [3, 2]


def test_two_people_edit_one_item_and_both_versions_are_shown(site, page, new_page, keep_picture):
    uid = site.add("count", ["det1"], num=3, meta={"sample": "S01"})
    other = new_page()
    other.goto(site.link)
    for each in (page, other):
        _edit(each)
    other.get_by_role("combobox", name="Edit the plan").fill("count([det1], num=4)")
    other.get_by_role("button", name="Save").click()
    expect(result(other)).to_contain_text("Changed: count([det1], num=4)")
    mine = page.get_by_role("combobox", name="Edit the plan")
    expect(page.get_by_text("has changed this item in the meantime")).to_be_visible()
    mine.fill("count([det1], num=5)")
    mine.press("Enter")
    expect(page.get_by_text("Not saved:")).to_be_visible()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="num", exact=True))
    expect(row.get_by_role("cell")).to_have_text(["5", "4"])
    keep_picture(page, "edit-conflict-1280-light")
    page.get_by_role("button", name="Replace it with mine").click()
    expect(result(page)).to_contain_text("Changed: count([det1], num=5)")
    (item,) = site.service.queue()
    assert (item["item_uid"], item["kwargs"], item["meta"]) == (uid, {"num": 5}, {"sample": "S01"})
    _edit(page)
    site.service.do("queue_item_remove", uid=uid)
    expect(page.get_by_text("this item is no longer in the queue")).to_be_visible()
    page.get_by_role("button", name="Add mine as a new item").click()
    expect(result(page)).to_contain_text("Added at position 0: count([det1], num=5)")


def _edit(page):
    page.get_by_role("listbox", name="Queue").get_by_role("option").first.click()
    page.get_by_role("button", name="Edit…").click()


def test_a_plan_of_the_history_is_run_again_with_changes(site, page):
    site.add("count", ["det1"], num=2, meta={"sample": "S01"})
    site.run_all()
    page.get_by_role("link", name="History").click()
    row = page.get_by_role("row").filter(has_text="count([det1], num=2)").filter(has_text="sample S01").first
    row.get_by_role("button", name="Run again…").click()
    line = page.get_by_role("combobox", name="Add a plan")
    expect(line).to_be_focused()
    expect(line).to_have_value("count([det1], num=2)")
    line.fill("count([det1], num=7)")
    line.press("Enter")
    expect(result(page)).to_contain_text("Added at position 0: count([det1], num=7)")
    (item,) = site.service.queue()
    assert item["meta"] == {"sample": "S01"}


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "dark"), (360, "light")])
def test_form_and_errors_are_for_everybody(site, new_page, findings, keep_picture, width, scheme):
    page = new_page(width, 1200, scheme)
    page.goto(site.link)
    page.get_by_text("Idle, the environment is open").wait_for()
    line = page.get_by_role("combobox", name="Add a plan")
    line.fill("scan([det1], motr, -1, 1, 5)")
    line.press("Enter")
    expect(page.get_by_text("There is no device or plan 'motr'")).to_be_visible()
    keep_picture(page, f"add-line-{width}-{scheme}")
    assert findings(page) == []
    page.get_by_role("button", name="From a table…").click()
    page.get_by_label("Paste cells from a spreadsheet").fill(TABLE.format(num="'many'"))
    expect(page.locator(".preview .wrong")).to_have_count(2)
    keep_picture(page, f"add-table-{width}-{scheme}")
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Form…").click()
    expect(page.get_by_label(re.compile("detectors"))).to_be_visible()
    page.get_by_role("button", name="Add metadata").click()
    keep_picture(page, f"add-form-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []
