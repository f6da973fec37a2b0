import asyncio

import pytest

from bluesky_qs.manager.lists import ListBook
from bluesky_qs.plans import lists as lists_file
from bluesky_qs.plans.lists import Lists
from bluesky_qs.startup.find import find

PLAN = {"name": "count", "module": "m", "parameters": [], "properties": {"is_generator": True}}
DEVICE = {"classname": "D", "module": "m", "is_readable": True, "is_movable": False, "is_flyable": False}


@pytest.fixture
def book(tmp_path):
    (tmp_path / "startup.py").write_text("")
    lists_file.write(tmp_path, Lists({"count": PLAN}, {"det": DEVICE}))
    book = ListBook(find(startup_dir=str(tmp_path)), lambda: None)
    asyncio.run(book.reload_lists())
    return book


def test_lists_whose_file_is_gone_or_broken_stay_as_they_are(book, tmp_path):
    before = book.plans_existing_uid, book.devices_existing_uid
    (tmp_path / lists_file.FILE_NAME).write_text("[")
    asyncio.run(book.reload_lists())
    (tmp_path / lists_file.FILE_NAME).unlink()
    asyncio.run(book.reload_lists())
    assert list(book.catalog.existing_plans) == ["count"]
    assert (book.plans_existing_uid, book.devices_existing_uid) == before


def test_description_that_is_wrong_is_told_and_costs_itself_only(book, tmp_path, caplog):
    lists_file.write(tmp_path, Lists({"count": PLAN, "bad": {}}, {"det": DEVICE}))
    asyncio.run(book.reload_lists())
    assert list(book.catalog.existing_plans) == ["count"]
    assert "existing_plans, 'bad'" in caplog.text
