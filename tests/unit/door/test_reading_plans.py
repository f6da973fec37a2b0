"""Plans that the door reads without queueing them: typed ones, and the rows of a spreadsheet."""

import pytest

from bluesky_qs.door import sheet_reader
from bluesky_qs.words.sheet_cells import write_xlsx

PATH = "/api/plan/parse/spreadsheet"


async def test_a_plan_is_read(door):
    reply = await door.post("/plan/parse", text="  count([det1], num=3)")
    assert reply == {
        "success": True,
        "msg": "",
        "item": {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 3}},
        "errors": [],
        "names": [{"name": "det1", "column": 9, "length": 4}],
    }


@pytest.mark.parametrize(
    ("text", "column", "length", "message"),
    [
        ("count([det1], num=)", 18, 1, ""),
        ("count([det1]) 5", 14, 1, "Unexpected text after the plan"),
        ("count([det1], num=open('x'))", 18, 9, "not function calls"),
        ("count([det1], num=$n)", 18, 2, "Only the prompt has variables: write the value"),
    ],
)
async def test_a_plan_that_cannot_be_read_says_where(door, text, column, length, message):
    reply = await door.post("/plan/parse", text=text)
    assert reply["success"] is False
    assert reply["item"] is None
    (error,) = reply["errors"]
    assert message in error["msg"]
    assert "$name" not in error["msg"]
    assert (error["column"], error["length"]) == (column, length)


async def test_elements_of_devices_are_named_as_at_the_prompt(door):
    reply = await door.post("/plan/parse", text="mv(vec.axes[1], 2)")
    assert reply["item"]["args"] == ["vec.axes.1", 2]
    assert reply["names"] == [{"name": "vec.axes.1", "column": 3, "length": 11}]


async def test_the_places_of_what_a_check_finds_are_told(door, manager):
    await manager.open()
    text = " count([det1, det9], num='many')"
    item = (await door.post("/plan/parse", text=text))["item"]
    check = (await door.ask("GET", "/item/check", json={"item": item}))["results"][0]
    paths = [finding["path"] for finding in check["errors"]] + [[0, 1], [7, "x"]]
    places = (await door.post("/plan/parse", text=text, paths=paths))["places"]
    found = [text[place["column"] : place["column"] + place["length"]] for place in places]
    assert found == ["num='many'", "det9", "count"]
    assert (await door.post("/plan/parse", text="queue_stop", paths=[[0]]))["places"] == [{"column": 0, "length": 10}]
    wrong = await door.http.post("/api/plan/parse", json={"text": text, "paths": [[-1]]})
    assert wrong.status_code == 400


# -------------------------------------------------------------------------------------------------------- spreadsheets
async def preview(door, content, name):
    response = await door.http.post(PATH, files={"spreadsheet": (name, content)})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
async def test_a_right_table_is_shown_and_nothing_is_queued(door, manager, name):
    await manager.open()
    rows = [["plan", "detectors", "num"], ["count", "[det1]", "3"], ["# no"], ["count", "[det2]"]]
    content = b"plan,detectors,num\ncount,[det1],3\n# no\ncount,[det2],\n" if name == "a.csv" else write_xlsx(rows)
    reply = await preview(door, content, name)
    assert (reply["success"], reply["errors"], reply["warnings"]) == (True, [], [])
    assert [(column["letters"], column["heading"]) for column in reply["columns"]] == [
        ("A", "plan"),
        ("B", "detectors"),
        ("C", "num"),
    ]
    assert reply["rows"] == [
        {"number": 2, "cells": ["count", "[det1]", "3"]},
        {"number": 4, "cells": ["count", "[det2]", ""]},
    ]
    assert [item["kwargs"] for item in reply["items"]] == [{"detectors": ["det1"], "num": 3}, {"detectors": ["det2"]}]
    assert (reply["item_rows"], reply["row_count"]) == ([2, 4], 2)
    assert (await manager.do("queue_get"))["items"] == []


@pytest.mark.parametrize("is_large", [False, True])
async def test_all_wrong_cells_are_named_at_once(door, manager, is_large, monkeypatch):
    await manager.open()
    if is_large:
        monkeypatch.setattr(sheet_reader, "_SMALL", 0)
    content = b"plan;detectors;num;x y\ncount;[det1];'many'\ncount;det1, det2;1\ncuont;[det1]\ncount;[det9];5\n"
    reply = await preview(door, content, "a.csv")
    assert reply["success"] is False
    assert reply["msg"] == "4 cells are wrong"
    assert [(fault["row"], fault["column"], fault["label"]) for fault in reply["errors"]] == [
        (1, 4, "D (x y)"),
        (2, 3, "C (num)"),
        (3, 2, "B (detectors)"),
        (4, 1, "A (plan)"),
    ]
    texts = [fault["msg"] for fault in reply["errors"]]
    assert texts[1] == "'many' is not an integer or None"
    assert "a list needs brackets: [det1, det2]" in texts[2]
    assert texts[3].startswith("Plan 'cuont' is not in the list of allowed plans")
    assert [(fault["row"], fault["label"]) for fault in reply["warnings"]] == [(5, "B (detectors)")]
    assert "det9" in reply["warnings"][0]["msg"]
    assert reply["item_rows"] == [5]


async def test_a_large_file_keeps_every_number(door, manager, monkeypatch):
    await manager.open()
    content = f"plan,detectors,num,delay\ncount,[det1],{10**30},1e300\ncount,[det1],-3,{2**63}\n".encode()
    small = await preview(door, content, "a.csv")
    monkeypatch.setattr(sheet_reader, "_SMALL", 0)
    assert await preview(door, content, "a.csv") == small
    assert small["items"][0]["kwargs"]["num"] == 10**30
    assert (await preview(door, b"PK", "a.xlsx"))["msg"].startswith("a.xlsx is not an XLSX file")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"plan,num\n", "a.csv", "a.csv contains no plans"),
        (b"", "a.txt", "a.txt is not a spreadsheet"),
        (b"PK", "a.xlsx", "a.xlsx is not an XLSX file"),
    ],
)
async def test_a_file_that_is_no_table_says_so(door, content, name, message):
    reply = await preview(door, content, name)
    assert (reply["success"], reply["columns"], reply["items"]) == (False, [], [])
    assert message in reply["msg"]


async def test_a_table_without_headings_is_shown_with_what_is_missing(door):
    reply = await preview(door, b"count,[det1]\n", "a.csv")
    assert reply["errors"][0]["msg"] == "the first row must contain the headings, and one of them must be 'plan'"
    assert [column["heading"] for column in reply["columns"]] == ["count", "[det1]"]


async def test_of_ten_thousand_rows_all_plans_but_only_the_first_rows_are_told(door, manager):
    await manager.open()
    content = b"plan,detectors,num\n" + b"count,[det1],1\n" * 9_999 + b"count,[det1],x y\n"
    reply = await preview(door, content, "a.csv")
    assert (reply["row_count"], len(reply["items"]), len(reply["rows"])) == (10_000, 9_999, 1001)
    assert reply["rows"][-1]["number"] == 10_001
    assert reply["error_count"] == 1


async def test_a_missing_body_names_the_parameters(door):
    response = await door.http.post("/api/plan/parse")
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "The request needs a JSON object with these parameters: text. Optional: paths",
    )
