"""A site can go back to the previous release with its store, and forth again."""

import re
import subprocess
import sys
import tarfile
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
    """The version and the folder of the previous release, from the commit that RELEASING.md names."""
    rows = re.findall(
        r"^\| (\d[\d.]*) \| [\d-]+ \| ([0-9a-f]{40}) \|$", (REPOSITORY / "RELEASING.md").read_text(), re.MULTILINE
    )
    version, commit = rows[-1]
    folder = tmp_path_factory.mktemp("previous")
    packed = folder / "release.tar"
    command = ["git", "-C", REPOSITORY, "archive", "-o", packed, commit, "bluesky_qs"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"the commit of release {version} is not in this checkout")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return version, folder


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
