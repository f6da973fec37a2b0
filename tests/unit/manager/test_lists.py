import asyncio

import pytest

from bluesky_qs.manager.worker.lists import ListBook
from bluesky_qs.plans import lists as lists_file
from bluesky_qs.plans.lists import ListsFile
from bluesky_qs.startup.find import find

PLAN = {"name": "count", "module": "m", "parameters": [], "properties": {"is_generator": True}}
DEVICE = {"classname": "D", "module": "m", "is_readable": True, "is_movable": False, "is_flyable": False}


@pytest.fixture
def book(tmp_path):
    (tmp_path / "startup.py").write_text("")
    lists_file.write(tmp_path, ListsFile({"count": PLAN}, {"det": DEVICE}))
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


def test_an_invalid_description_is_logged_and_affects_nothing_else(book, tmp_path, caplog):
    lists_file.write(tmp_path, ListsFile({"count": PLAN, "bad": {}}, {"det": DEVICE}))
    asyncio.run(book.reload_lists())
    assert list(book.catalog.existing_plans) == ["count"]
    assert "existing_plans, 'bad'" in caplog.text


def test_the_log_names_path_and_line_of_a_damaged_file(book, tmp_path, caplog):
    file = tmp_path / lists_file.FILE_NAME
    file.write_text("existing_plans: {}\nexisting_devices: ]\n")
    asyncio.run(book.reload_lists())
    assert f"Could not read the lists of plans and devices: {file}: not valid YAML: " in caplog.text
    assert "line 2" in caplog.text
    assert "string>" not in caplog.text


def test_the_log_names_the_file_of_lists_that_cannot_be_saved_and_the_options_that_help(book, tmp_path, caplog):
    file = tmp_path / lists_file.FILE_NAME
    file.unlink()
    (tmp_path / "startup.py").unlink()
    tmp_path.rmdir()
    asyncio.run(book.write())
    assert (
        f"Could not save the lists of plans and devices: cannot write {file}: No such file or directory. "
        "Choose another file with --existing-plans-devices PATH" in caplog.text
    )


def test_permissions_without_the_default_groups_cause_a_warning(tmp_path, caplog):
    (tmp_path / "startup.py").touch()
    file = tmp_path / "user_group_permissions.yaml"
    for groups, warned in (("root, primary", False), ("root, admin", False), ("root, Primary", True)):
        caplog.clear()
        file.write_text(f"user_groups: {{{', '.join(f'{group}: {{}}' for group in groups.split(', '))}}}")
        book = ListBook(find(startup_dir=str(tmp_path)), lambda: None)
        asyncio.run(book.load_permissions(None))
        assert ("contain neither 'primary' nor 'admin'" in caplog.text) is warned
    assert "Existing groups: 'root', 'Primary'" in caplog.text


def test_the_log_explains_how_to_store_the_lists_of_a_startup_module(caplog):
    asyncio.run(ListBook(find(startup_module="json"), lambda: None).reload_lists())
    assert "A startup module has no folder for their file; set one with --existing-plans-devices." in caplog.text
