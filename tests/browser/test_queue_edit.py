"""Work with the queue on the page: move, select, remove, duplicate, edit, undo, and what others do meanwhile."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.conftest import PATIENCE


def rows(page):
    return page.get_by_role("option")


def queue_list(page):
    return page.get_by_role("listbox", name="Queue")


def shows(page, *numbers):
    """Wait until the page shows the plans with these numbers of points, in this order."""
    expect(queue_list(page).locator(".call")).to_have_text([f"count([det1], num={number})" for number in numbers])


def numbers(site):
    return [item["kwargs"]["num"] for item in site.service.queue()]


@pytest.fixture
def five(site, page):
    """Five plans, with 1 to 5 points."""
    uids = [site.add("count", ["det1"], num=number, user="ada") for number in range(1, 6)]
    shows(page, 1, 2, 3, 4, 5)
    return uids


def center(row):
    box = row.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def below(rows):
    """A point below the last row, also after a row has grown by a line."""
    box = rows.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] + 60


def moves(page):
    """A move in this block is answered at its end: the page shows it before."""
    return page.expect_response("**/api/queue/item/move/batch")


def drag(page, row, to, says, *, drop=True):
    """Drag a row to the upper part of another one, until the page ``says`` where it goes.

    A row may grow by a line under the pointer, when its estimate comes: then this aims again.
    """
    row.hover()
    page.mouse.down()
    x, y = center(to)
    page.mouse.move(x, y + 2, steps=3)
    give_up = time.monotonic() + PATIENCE
    while page.locator(".dragged").text_content() != says:
        assert time.monotonic() < give_up, page.locator(".dragged").text_content()
        page.mouse.move(x, to.bounding_box()["y"] + 3)
    if drop:
        page.mouse.up()


def test_rows_are_dragged_with_the_mouse_one_or_several(site, page, five):
    drag(page, rows(page).nth(4), rows(page).nth(1), "1 item to position 1")
    shows(page, 1, 5, 2, 3, 4)
    rows(page).nth(0).click()
    rows(page).nth(2).click(modifiers=["Control"])
    expect(page.get_by_text("2 selected")).to_be_visible()
    with moves(page):
        drag(page, rows(page).nth(2), rows(page).nth(4), "2 items to position 2")
    shows(page, 5, 3, 1, 2, 4)
    assert numbers(site) == [5, 3, 1, 2, 4]
    drag(page, rows(page).nth(0), rows(page).nth(3), "1 item to position 2", drop=False)
    page.keyboard.press("Escape")
    page.mouse.up()
    shows(page, 5, 3, 1, 2, 4)


def test_rows_are_dragged_with_a_finger_at_their_grip(site, new_page, five):
    page = new_page(360, 780, has_touch=True)
    page.goto(site.link)
    shows(page, 1, 2, 3, 4, 5)
    page.locator(".grip").nth(4).scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)

    def finger(kind, *points):
        places = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    x, y = center(page.locator(".grip").nth(4))
    top = rows(page).nth(0).bounding_box()["y"]
    finger("touchStart", (x, y))
    finger("touchMove", (x, (y + top) / 2))
    finger("touchMove", (x, top + 3))
    with moves(page):
        finger("touchEnd")
    shows(page, 5, 1, 2, 3, 4)
    assert numbers(site) == [5, 1, 2, 3, 4]
    # Not tap(): on a busy computer it may last so long that it is no tap any more.
    tap = "number => number.dispatchEvent(new PointerEvent('click', { pointerType: 'touch', bubbles: true }))"
    rows(page).nth(3).locator(".n").evaluate(tap)
    expect(page.get_by_text("2 selected")).to_be_visible()


def test_all_of_it_with_the_keyboard_only(site, page, five):
    queue_list(page).focus()
    said = page.locator(".queue .unseen[role=status]")
    for key in ("ArrowDown", "ArrowDown", "Shift+ArrowDown", "Alt+ArrowDown"):
        page.keyboard.press(key)
    shows(page, 1, 4, 2, 3, 5)
    expect(said).to_have_text("Moved 2 items to position 2 of 5")
    page.keyboard.press("Alt+Home")
    shows(page, 2, 3, 1, 4, 5)
    page.keyboard.press("Alt+End")
    shows(page, 1, 4, 5, 2, 3)
    page.keyboard.press("Control+d")
    shows(page, 1, 4, 5, 2, 3, 2, 3)
    expect(said).to_have_text("Duplicated 2 items")
    expect(page.get_by_role("option", selected=True)).to_have_count(2)
    page.keyboard.press("Delete")
    shows(page, 1, 4, 5, 2, 3)
    expect(said).to_have_text("Removed 2 items")
    page.keyboard.press("Control+z")
    shows(page, 1, 4, 5, 2, 3, 2, 3)
    page.keyboard.press("Control+a")
    page.keyboard.press("F2")
    page.keyboard.type("num")
    page.keyboard.press("Tab")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    shows(page, *[7] * 7)
    expect(queue_list(page)).to_be_focused()
    page.keyboard.press("Control+z")
    shows(page, 1, 4, 5, 2, 3, 2, 3)
    assert numbers(site) == [1, 4, 5, 2, 3, 2, 3]


def test_after_an_edit_by_keyboard_the_queue_has_the_focus_again(site, page, five):
    queue_list(page).focus()
    for number, end in ((8, "Enter"), (9, "Cancel")):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("F2")
        expect(page.get_by_role("combobox", name="Edit the plan")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type(f"count([det1], num={number})")
        if end == "Enter":
            page.keyboard.press("Enter")
        else:
            page.get_by_role("button", name="Cancel").press("Enter")
        shows(page, 8, 2, 3, 4, 5)
        expect(queue_list(page)).to_be_focused()
    assert numbers(site) == [8, 2, 3, 4, 5]


def test_held_keys_move_a_row_as_far_as_they_are_held(site, page, five):
    queue_list(page).focus()
    page.keyboard.press("ArrowDown")
    with page.expect_response(lambda answer: '"back"' in (answer.request.post_data or "")):
        for _ in range(4):
            page.keyboard.press("Alt+ArrowDown")
        shows(page, 2, 3, 4, 5, 1)
    assert numbers(site) == [2, 3, 4, 5, 1]


def test_clear_asks_once_and_can_be_undone(site, page, five):
    page.get_by_role("button", name="Clear…").click()
    question = page.get_by_role("alertdialog", name="Clear the queue?")
    expect(question).to_contain_text("all 5 items")
    question.get_by_role("button", name="Cancel").click()
    shows(page, 1, 2, 3, 4, 5)
    page.get_by_role("button", name="Clear…").click()
    question.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("The queue is empty.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo: cleared the queue").click()
    shows(page, 1, 2, 3, 4, 5)


def test_an_edit_names_the_item_that_refuses_it_and_the_one_that_has_changed(site, page, five):
    site.add("scan", ["det1"], "motor", -1, 1, 5)
    site.add("mv", "motor", 1)
    expect(rows(page)).to_have_count(7)
    queue_list(page).focus()
    page.keyboard.press("Control+a")
    page.get_by_role("button", name="Edit…").click()
    form = page.get_by_role("form", name="Edit one parameter")
    form.get_by_label("Parameter").fill("num")
    form.get_by_label("Value").fill("9")
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("✕ Nothing was changed. mv(motor, 1)")
    form.get_by_label("Value").fill("[9")
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("[9: ")
    page.keyboard.press("Escape")
    rows(page).nth(0).click()
    rows(page).nth(1).click(modifiers=["Shift"])
    page.get_by_role("button", name="Edit…").click()
    form.get_by_label("Parameter").fill("num")
    form.get_by_label("Value").fill("'many'")
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("0: count([det1], num=1): ")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Edit…").click()
    form.get_by_label("Parameter").fill("num")
    form.get_by_label("Value").fill("8")
    page.keyboard.press("Enter")
    shown = ["count([det1], num=8)", "count([det1], num=8)", "count([det1], num=3)"]
    expect(queue_list(page).locator(".call").nth(2)).to_have_text(shown[2])
    expect(queue_list(page).locator(".call").nth(0)).to_have_text(shown[0])
    expect(queue_list(page).locator(".call").nth(1)).to_have_text(shown[1])


def test_what_others_do_meanwhile(site, page, new_page, five):
    others = new_page(name="grace")
    others.goto(site.link)
    shows(others, 1, 2, 3, 4, 5)
    rows(page).nth(1).click()
    rows(page).nth(3).click(modifiers=["Control"])
    rows(others).nth(3).click()
    others.keyboard.press("Alt+Home")
    shows(page, 4, 1, 2, 3, 5)
    expect(rows(page).nth(0)).to_contain_text("moved by grace")
    expect(page.get_by_role("option", selected=True).locator(".call")).to_have_text(
        ["count([det1], num=4)", "count([det1], num=2)"]
    )
    drag(page, rows(page).nth(0), rows(page).nth(4), "2 items to position 2", drop=False)
    others.keyboard.press("Delete")
    expect(page.locator(".dragged")).to_contain_text("1 item to position")
    page.mouse.move(*below(queue_list(page)))
    expect(page.locator(".dragged")).to_have_text("1 item to position 3")
    page.mouse.up()
    expect(page.get_by_role("alert")).to_contain_text(
        "Not moved: count([det1], num=4) left the queue while you dragged."
    )
    shows(page, 1, 3, 5, 2)


def test_a_refused_move_is_taken_back_at_once_and_says_why(site, page, five):
    site.service.do("lock", lock_key="secret", queue=True, user="grace")
    try:
        expect(page.get_by_text("by grace since")).to_be_visible()
        drag(page, rows(page).nth(4), rows(page).nth(0), "1 item to position 0")
        expect(page.get_by_role("alert")).to_contain_text("grace")
        shows(page, 1, 2, 3, 4, 5)
    finally:
        site.service.do("unlock", lock_key="secret")
    assert numbers(site) == [1, 2, 3, 4, 5]


def test_rows_say_how_long_they_take_and_when_they_start_and_the_heading_the_whole(site, page):
    for _ in range(2):
        site.add("count", ["det1"], num=3, delay=0.1)
    site.run_all()
    for _ in range(3):
        site.add("count", ["det1"], num=3, delay=0.1)
    expect(rows(page).nth(2).locator(".takes")).to_have_text(re.compile(r"about \d+\.\d s"))
    expect(page.get_by_role("heading", name="Queue")).to_contain_text("3 items, about")
    expect(page.get_by_role("heading", name="Queue")).to_contain_text("if started now")


def test_ten_thousand_items_are_moved_removed_and_put_back(site, page):
    plan = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    items = [plan | {"kwargs": {"num": number + 1}} for number in range(10_000)]
    site.service.do("queue_item_add_batch", items=items, user="tester", user_group="primary")
    heading = page.get_by_role("heading", name="Queue")
    expect(heading).to_contain_text("10000 items")
    queue_list(page).focus()
    page.keyboard.press("End")
    page.keyboard.press("Alt+ArrowUp")
    expect(rows(page).last.locator(".call")).to_have_text("count([det1], num=9999)")
    page.keyboard.press("Alt+Home")
    expect(rows(page).first.locator(".call")).to_have_text("count([det1], num=10000)")
    # A drag at the edge of the list scrolls it.
    box = queue_list(page).bounding_box()
    page.mouse.move(*center(rows(page).nth(1)))
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + box["height"] - 5, steps=3)
    expect(page.get_by_text("count([det1], num=150)", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".dragged")).to_have_count(0)
    page.keyboard.press("Control+a")
    expect(page.get_by_text("10000 selected")).to_be_visible()
    page.keyboard.press("Delete")
    expect(page.get_by_text("The queue is empty.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo: removed 10000 items").click()
    expect(rows(page).first.locator(".call")).to_have_text("count([det1], num=10000)")
    site.service.do("queue_clear")


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")])
def test_the_buttons_are_for_everybody(site, new_page, findings, keep_picture, width, scheme):
    for number in range(1, 6):
        site.add("count", ["det1", "det2"], num=number, meta={"sample": f"S0{number} PS-b-PMMA"}, user="ada")
    page = new_page(width, 780, scheme, has_touch=width == 360)
    page.goto(site.link)
    expect(rows(page)).to_have_count(5)
    queue_list(page).scroll_into_view_if_needed()
    rows(page).nth(1).click()
    rows(page).nth(1).click()
    rows(page).nth(3).click(modifiers=["Control"])
    page.get_by_role("button", name="Edit…").click()
    expect(page.get_by_role("form", name="Edit one parameter")).to_be_visible()
    keep_picture(page, f"queue-edit-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page) == []
    if width == 360:
        targets = page.locator(".queue button").evaluate_all("all => all.map(each => each.getBoundingClientRect())")
        assert min(target["height"] for target in targets) >= 44
