"""A site can go back to the previous release with its store, and forth again."""

import contextlib
import re
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bluesky_qs.store.sqlite import SQLiteStore
from bluesky_qs.testing import AsyncManager

REPOSITORY = Path(__file__).parents[2]
#: What the previous release does: it opens the store, says what is in it, adds an item to the history, trims it.
OTHER = """
import asyncio, json, sys
from pathlib import Path
from bluesky_qs._version import __version__
from bluesky_qs.plan_queue.changes import AddHistory, TrimHistory
from bluesky_qs.store.sqlite import SQLiteStore

async def main():
    store = SQLiteStore(Path(sys.argv[1]))
    await store.open()
    snapshot = await store.load()
    print(__version__, len(snapshot.items), *(json.loads(data)["name"] for data in snapshot.history))
    item = {"name": "added_by_the_other", "item_uid": "other", "result": {"exit_status": "completed"}}
    await store.commit([AddHistory("other", json.dumps(item).encode()), TrimHistory(2)])
    await store.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def previous_release(tmp_path_factory):
    """The version of the previous release, and what its wheel installs: built from the commit in RELEASING.md."""
    rows = re.findall(
        r"^\| (\d[\d.]*) \| [\d-]+ \| ([0-9a-f]{40}) \|$", (REPOSITORY / "RELEASING.md").read_text(), re.MULTILINE
    )
    version, commit = rows[-1]
    folder = tmp_path_factory.mktemp("previous")
    packed = folder / "release.tar"
    command = ["git", "-C", REPOSITORY, "archive", "-o", packed, commit]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"the commit of release {version} is not in this checkout")
    with tarfile.open(packed) as archive:
        archive.extractall(folder / "source", filter="data")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, folder / "source"]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return version, folder / "site"


@pytest.fixture
def services(previous_release, new_service, tmp_path):
    """Functions that start today's service and that of the previous release, with the same store."""
    _, folder = previous_release
    options = ("--warm-worker", "OFF", "--store", str(tmp_path / "queue.sqlite3"))

    def today():
        return new_service(*options, store=False).start()

    def previous():
        command = (sys.executable, "-P", "-m", "bluesky_qs", "start-re-manager")
        return new_service(*options, store=False, command=command, env={"PYTHONPATH": str(folder)}).start()

    return today, previous


def run_release(folder, path):
    command = [sys.executable, "-P", "-c", OTHER, path]  # without the working directory, which may be this checkout
    return subprocess.run(command, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True).stdout


async def test_the_previous_release_opens_the_store_and_this_one_opens_it_again(previous_release, tmp_path):
    version, folder = previous_release
    path = tmp_path / "queue.sqlite3"
    async with AsyncManager(store=SQLiteStore(path)) as manager:
        await manager.open()
        for name in ("count", "scan", "count"):
            await manager.add(name, ["det1"])
        await manager.do("queue_start")
        await manager.until_idle()
        await manager.add("count", ["det1"])
        await manager.add("count", ["det1"])
        await manager.do("queue_clear")
        await manager.add("mv", "motor", 1)
        assert len((await manager.do("history_get", search="det1"))["items"]) == 3
        await manager.stop()
    assert list(path.with_name("queue.sqlite3.d").iterdir()) != []
    shown = run_release(folder, path)
    assert shown.split() == [version, "1", "count", "scan", "count"]
    async with AsyncManager(store=SQLiteStore(path)) as manager:
        assert (await manager.do("status"))["items_in_queue"] == 1
        page = await manager.do("history_get", search="det1 OR_not")
        assert page["items"] == []
        assert [item["name"] for item in (await manager.do("history_get"))["items"]] == ["count", "added_by_the_other"]
        assert [item["name"] for item in (await manager.do("history_get", search="other"))["items"]] == [
            "added_by_the_other"
        ]
        assert len((await manager.do("history_get", search="det1"))["items"]) == 1
        assert (await manager.do("history_get", before="other"))["positions"] == [0]
        assert (await manager.do("item_status", item_uid="other"))["status"]["state"] == "completed"
        await manager.stop()


def kept(service):
    """What a service must not lose."""
    lock = service.do("lock_info")["lock_info"]
    return {
        "queue": [(item["item_uid"], item["name"], item["args"]) for item in service.queue()],
        "history": [(item["item_uid"], item["name"], item["result"]["exit_status"]) for item in service.history()],
        "mode": service.ask("status")["plan_queue_mode"],
        "lock": (lock["queue"], lock["note"]),
        "permissions": service.do("permissions_get")["user_group_permissions"],
    }


def test_the_previous_release_works_with_the_store_of_this_one_and_nothing_is_lost(services, previous_release):
    today, previous = services
    service = today()
    service.open()
    service.add("count", ["det1"])
    service.add("scan", ["det1"], "motor", -1, 1, 3)
    service.do("queue_start")
    service.wait(lambda status: status["items_in_history"] == 2, "two plans have run")
    service.wait_idle()
    service.add("mv", "motor", 1)
    service.do("queue_mode_set", mode={"ignore_failures": True})
    service.do("queue_autostart", enable=False)
    service.do("lock", lock_key="key", queue=True, environment=False, note="of today", user="ada")
    written = kept(service)
    assert service.stop() == 0

    service = previous()
    assert previous_release[0] in service.ask("status")["msg"]
    assert kept(service) == written
    service.do("unlock", lock_key="key")
    service.open()
    service.add("count", ["det2"])
    service.do("queue_start")
    service.wait(lambda status: status["items_in_history"] == 4, "two more plans have run")
    service.wait_idle()
    service.add("mv", "motor", 2)
    changed = kept(service)
    assert service.stop() == 0

    service = today()
    assert kept(service) == changed
    assert changed["history"][:2] == written["history"]
    assert [name for _, name, _ in changed["history"]] == ["count", "scan", "mv", "count"]
    assert (changed["mode"], changed["lock"][0]) == (written["mode"], False)
    assert service.stop() == 0


def layout(path):
    """The columns of each table: name, type, and whether it must be given."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            (table, name, kind, bool(needed), default, bool(key))
            for table in tables
            for _, name, kind, needed, default, key in connection.execute(f"PRAGMA table_info({table})")
        }


CREATE = """
import asyncio, sys
from pathlib import Path
from bluesky_qs.store.sqlite import SQLiteStore

async def main():
    store = SQLiteStore(Path(sys.argv[1]))
    await store.open()
    await store.load()
    await store.close()

asyncio.run(main())
"""


def test_since_the_previous_release_the_layout_of_the_store_has_only_grown(previous_release, tmp_path):
    before, now = tmp_path / "before.sqlite3", tmp_path / "now.sqlite3"
    for path, environment in ((before, {"PYTHONPATH": str(previous_release[1])}), (now, {})):
        subprocess.run([sys.executable, "-P", "-c", CREATE, path], env=environment, check=True)
    assert layout(before) <= layout(now)
    old_tables = {table for table, *_ in layout(before)}
    added = [each for each in layout(now) - layout(before) if each[0] in old_tables]
    assert [each for each in added if each[3] and each[4] is None] == []  # the previous release gives no value for it
