"""Spreadsheets that are uploaded to the door."""

import asyncio
import os
import sys

import pytest

from bluesky_qs.door import sheet_reader
from bluesky_qs.words.sheet_cells import write_xlsx

PATH = "/api/queue/upload/spreadsheet"
ROWS = [["plan", "detectors", "num"], ["count", "[det1]", "3"], ["# no"], ["count", "[det2]"]]
CSV = b"plan,detectors,num\ncount,[det1],3\n# no\ncount,[det2],\n"


async def upload(door, content, name, **options):
    return await door.http.post(PATH, files={"spreadsheet": (name, content)}, **options)


async def queue(manager):
    return (await manager.do("queue_get"))["items"]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
async def test_the_rows_are_queued_by_the_signed_in_user(door, manager, name):
    await manager.open()
    response = await upload(door, CSV if name == "a.csv" else write_xlsx(ROWS), name, data={"data_type": "mine"})
    answer = response.json()
    assert (response.status_code, answer["success"], answer["qsize"]) == (200, True, 2), answer
    items = await queue(manager)
    assert answer["items"] == items
    assert [item["kwargs"] for item in items] == [{"detectors": ["det1"], "num": 3}, {"detectors": ["det2"]}]
    assert {item["user"] for item in items} == {"UNAUTHENTICATED_SINGLE_USER"}


async def test_a_large_file_is_read_by_another_process_and_means_the_same(door, manager, monkeypatch):
    await manager.open()
    monkeypatch.setattr(sheet_reader, "_SMALL", 0)
    answer = (await upload(door, write_xlsx([*ROWS, ["count", "[det9]"]]), "a.xlsx")).json()
    assert [item["kwargs"]["detectors"] for item in answer["items"]] == [["det1"], ["det2"], ["det9"]]
    assert answer["msg"].startswith("Added 3 items, with warnings: Sheet, row 5")
    assert "column B (num)" in (await upload(door, b"plan,num\ncount,[1\n", "a.csv")).json()["msg"]


async def test_others_are_answered_while_a_large_file_is_read(door, monkeypatch, tmp_path):
    monkeypatch.setattr(sheet_reader, "_SMALL", 0)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"import sys; open({str(gate)!r}).read(); sys.exit(3)"
    door.door.sheets = sheet_reader.SheetReader([sys.executable, "-c", script])
    uploading = asyncio.create_task(upload(door, CSV, "a.csv"))
    opened = await asyncio.to_thread(gate.open, "w")  # the process reads now
    assert (await door.get("/status"))["manager_state"] == "idle"
    assert not uploading.done()
    opened.close()
    answer = (await uploading).json()
    assert (answer["success"], answer["items"]) == (False, [])
    assert answer["msg"] == "a.csv cannot be read: the process that reads it failed. Split the file"


async def test_wrong_cells_are_named_and_nothing_is_queued(door, manager):
    await manager.open()
    answer = (await upload(door, b"plan,num\ncount,[1\ncount,1+1\n", "a.csv")).json()
    assert (answer["success"], answer["items"], answer["results"]) == (False, [], [])
    assert [line.partition(":")[0] for line in answer["msg"].splitlines()] == [
        "a.csv",
        "a.csv, row 2, column B (num)",
        "a.csv, row 3, column B (num)",
    ]
    assert await queue(manager) == []


async def test_a_row_that_the_service_refuses_is_named(door, manager):
    await manager.open()
    response = await upload(door, CSV + b"count,[det1],'many'\n", "a.csv")
    answer = response.json()
    assert (response.status_code, answer["success"]) == (200, False)
    assert answer["msg"].startswith(
        "Failed to add all items: a.csv, row 5, column C (num): parameter 'num': 'many' is not an integer"
    )
    assert [result["success"] for result in answer["results"]] == [True, True, False]


async def test_a_name_that_the_service_does_not_know_is_queued_and_named(door, manager):
    await manager.open()
    answer = (await upload(door, CSV + b"count,[det9],1\n", "a.csv")).json()
    assert (answer["success"], answer["qsize"]) == (True, 3)
    assert answer["msg"].startswith("Added 3 items, with warnings: a.csv, row 5: ")
    assert "'det9'" in answer["msg"]


async def test_a_repeated_upload_queues_its_rows_once(door, manager):
    await manager.open()
    first, again = [await upload(door, CSV, "a.csv", headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert first.content == again.content
    assert len(await queue(manager)) == 2
    other = await upload(door, CSV + b"count,[det1],\n", "a.csv", headers={"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["error"]) == (422, "RequestIdReused")


@pytest.mark.parametrize(
    ("options", "status", "detail"),
    [
        ({"json": {}}, 400, "Send a form (multipart/form-data) with the file 'spreadsheet'"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "The form cannot be read"),
        ({"files": {"other": ("a.csv", CSV)}}, 422, "The form has no file 'spreadsheet'"),
        ({"files": {"x": (None, b"1")}, "data": {"spreadsheet": "x"}}, 422, "The form has no file 'spreadsheet'"),
    ],
)
async def test_what_is_no_such_form_is_refused(door, options, status, detail):
    response = await door.http.post(PATH, **options)
    assert response.status_code == status
    assert detail in str(response.json()["detail"])


async def test_a_file_of_another_kind_is_refused_in_words(door):
    answer = (await upload(door, b"plan\ncount\n", "a.ods")).json()
    assert (answer["success"], answer["msg"]) == (
        False,
        "a.ods is not a spreadsheet: its name must end in .csv or .xlsx",
    )
