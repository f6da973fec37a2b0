"""Which lists clients have to download again."""

import json

import pytest

from bluesky_qs.ipc.states import EncodedLists
from bluesky_qs.manager.worker.lists import ListBook
from bluesky_qs.plans import lists as lists_file
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup.find import find

PLAN = {"name": "scan", "module": "lab", "parameters": [], "properties": {"is_generator": True}}
DEVICE = {"classname": "Motor", "module": "lab", "is_readable": True, "is_movable": True, "is_flyable": False}


def groups(**lists):
    return {"user_groups": {"root": {"allowed_plans": [None], "allowed_devices": [None]}, "primary": lists}}


def worker_lists(plans, devices):
    return EncodedLists(
        json.dumps(dict.fromkeys(plans, PLAN)).encode(), json.dumps(dict.fromkeys(devices, DEVICE)).encode()
    )


@pytest.fixture
async def book(tmp_path):
    (tmp_path / "00.py").write_text("")
    (tmp_path / "user_group_permissions.yaml").write_text(json.dumps(groups(allowed_plans=[None])))
    book = ListBook(find(startup_dir=str(tmp_path)), lambda: None)
    await book.load_permissions(None)
    book.replace(worker_lists(["scan"], ["motor"]))
    return book


UIDS = ("plans_existing_uid", "devices_existing_uid", "plans_allowed_uid", "devices_allowed_uid")


def changed(book, before):
    return [name for name in UIDS if getattr(book, name) != before[name]]


@pytest.fixture
def before(book):
    return {name: getattr(book, name) for name in UIDS}


def test_the_same_lists_again_change_nothing(book, before):
    assert not book.replace(worker_lists(["scan"], ["motor"]))
    assert changed(book, before) == []


def test_a_new_plan_leaves_the_devices_as_they_are(book, before):
    assert book.replace(worker_lists(["scan", "mine"], ["motor"]))
    assert changed(book, before) == ["plans_existing_uid", "plans_allowed_uid"]


def test_a_new_device_changes_the_plans_only_if_a_description_names_it(book, before):
    assert book.replace(worker_lists(["scan"], ["motor", "det"]))
    assert changed(book, before) == ["devices_existing_uid", "devices_allowed_uid"]
    annotation = {"type": "Motors", "devices": {"Motors": [":^m.*"]}}
    parameter = {"name": "motor", "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1}, "annotation": annotation}
    naming = json.dumps({"scan": {**PLAN, "parameters": [parameter]}}).encode()
    book.set_permissions(PermissionRules.from_dict(groups(allowed_plans=[None], allowed_devices=[None])))
    for devices in (["motor", "det"], ["motor", "det", "m2"]):
        before = {name: getattr(book, name) for name in UIDS}
        book.replace(EncodedLists(naming, worker_lists([], devices).devices))
    assert changed(book, before) == ["devices_existing_uid", "plans_allowed_uid", "devices_allowed_uid"]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"allowed_plans": ["other"]}, ["plans_allowed_uid"]),
        ({"allowed_plans": ["scan"]}, []),
        ({"allowed_plans": [None], "allowed_devices": ["motor"]}, ["devices_allowed_uid"]),
        ({"allowed_plans": [None], "allowed_devices": [":^det"]}, []),
        ({"allowed_plans": [None], "allowed_functions": [None]}, []),
        ({"allowed_plans": [None]}, []),
    ],
)
def test_permissions_change_only_lists_that_become_different(book, before, lists, expected):
    book.set_permissions(PermissionRules.from_dict(groups(**lists)))
    assert changed(book, before) == expected


def test_a_device_that_no_group_may_use_leaves_the_allowed_devices_as_they_are(book):
    root = {"allowed_plans": [None], "allowed_devices": [None], "forbidden_devices": [":^secret"]}
    book.set_permissions(PermissionRules.from_dict({"user_groups": {"root": root}}))
    before = {name: getattr(book, name) for name in UIDS}
    assert book.replace(worker_lists(["scan"], ["motor", "secret"]))
    assert changed(book, before) == ["devices_existing_uid"]


async def test_lists_read_from_the_disk_are_announced_if_they_differ(book, before, tmp_path):
    file = tmp_path / "existing_plans_and_devices.yaml"
    lists_file.write(file, lists_file.ListsFile({"scan": PLAN, "mine": PLAN}, {"motor": DEVICE}))
    await book.reload_lists()
    assert changed(book, before) == ["plans_existing_uid", "plans_allowed_uid"]
    assert set(book.catalog.existing_plans) == {"scan", "mine"}
    again = {name: getattr(book, name) for name in UIDS}
    await book.reload_lists()
    assert changed(book, again) == []
