"""`qserver backup` and `qserver restore` with files: everything comes back, and nothing is overwritten unasked."""

import asyncio
import json

import pytest

from bluesky_qs.cli import qserver
from bluesky_qs.plan_queue.changes import AddHistory, PutItem, SetFact
from bluesky_qs.store.sqlite import SQLiteStore

LOCK = json.dumps({"environment": True, "queue": True, "user": "ada", "time": 1.0, "lock_key": "secret"}).encode()


def items(*uids):
    return [PutItem(uid, f"{at:03}".encode(), json.dumps({"item_uid": uid}).encode()) for at, uid in enumerate(uids)]


def change(path, *changes):
    async def commit():
        store = SQLiteStore(path)
        await store.open()
        await store.commit(changes)
        await store.close()

    asyncio.run(commit())
    return path


def content(path):
    async def read():
        store = SQLiteStore(path, beside_service=True)
        await store.open()
        try:
            found = await store.load()
            return [item.uid for item in found.items], len(found.history), found.facts.get("lock_info")
        finally:
            await store.close()

    return asyncio.run(read())


@pytest.fixture
def store(tmp_path):
    changes = [*items("a", "b"), AddHistory("x", b'{"item_uid": "x"}'), SetFact("lock_info", LOCK)]
    return change(tmp_path / "queue.sqlite3", *changes)


@pytest.fixture
def run(store, capsys):
    """Runs a command for the store; the exit code, and what is printed."""

    def command(*words):
        code = qserver.run([*words, "--store", str(store)])
        shown = capsys.readouterr()
        return int(code), shown.out + shown.err

    return command


def test_everything_comes_back_and_the_lock_key_is_kept_private(run, store, tmp_path):
    file = tmp_path / "backup.sqlite3"
    code, shown = run("backup", str(file))
    assert code == 0
    assert f"Backed up the SQLite file {store} to {file} (items: 2, history: 1)." in shown
    assert "The file contains the lock key: keep it private." in shown
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "backup" in path.name) == ["backup.sqlite3"]
    store.unlink()
    done = f"Restored the SQLite file {store} (items: 2, history: 1). You can start the service now.\n"
    assert run("restore", str(file)) == (0, done)
    assert content(store) == (["a", "b"], 1, LOCK)


def test_a_backup_of_an_unlocked_service_has_no_key(run, store, tmp_path):
    change(store, SetFact("lock_info", None))
    assert "lock key" not in run("backup", str(tmp_path / "backup.sqlite3"))[1]


def test_a_file_is_overwritten_only_if_that_is_wanted(run, store, tmp_path):
    file = tmp_path / "backup.sqlite3"
    run("backup", str(file))
    change(store, *items("c"))
    code, shown = run("backup", str(file))
    assert (code, "--replace" in shown) == (1, True)
    assert content(file)[0] == ["a", "b"]
    assert run("backup", str(file), "--replace")[0] == 0
    assert set(content(file)[0]) == {"a", "b", "c"}


def test_a_restore_keeps_what_it_replaces(run, store, tmp_path):
    file = tmp_path / "backup.sqlite3"
    run("backup", str(file))
    change(store, *items("c", "d", "e"))
    code, shown = run("restore", str(file))
    assert code == 1
    assert "is not empty (items: 5, history: 1): nothing was restored. Use --replace" in shown
    code, shown = run("restore", str(file), "--replace")
    assert code == 0
    assert content(store)[0] == ["a", "b"]
    (earlier,) = tmp_path.glob("backup.sqlite3-replaced-*")
    assert f"The earlier content of the SQLite file {store} is in {earlier}." in shown
    assert set(content(earlier)[0]) == {"a", "b", "c", "d", "e"}


def test_beside_a_service_a_backup_works_and_a_restore_is_refused(run, store, tmp_path):
    file = tmp_path / "backup.sqlite3"

    async def beside():
        service = SQLiteStore(store)
        await service.open()
        try:
            return await asyncio.to_thread(lambda: (run("backup", str(file)), run("restore", str(file), "--replace")))
        finally:
            await service.close()

    (backed_up, _), (restored, shown) = asyncio.run(beside())
    assert (backed_up, restored) == (0, 1)
    assert "Another service is using the store" in shown
    assert content(store)[0] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["backup", "/no/such/folder/b"], "There is no folder /no/such/folder"),
        (["restore", "/no/such/file"], "There is no backup /no/such/file"),
        (["restore", __file__], "test_backup.py is not a backup of a queue"),
        (["backup"], "the following arguments are required: FILE"),
    ],
)
def test_wrong_input_is_named_and_changes_nothing(run, store, words, reason):
    code, shown = run(*words)
    assert code != 0
    assert reason in shown
    assert content(store)[0] == ["a", "b"]


def test_the_store_may_be_missing(run, store, tmp_path):
    store.unlink()
    code, shown = run("backup", str(tmp_path / "backup.sqlite3"))
    assert (code, f"There is no queue store {store}" in shown) == (1, True)
    assert not (tmp_path / "backup.sqlite3").exists()


def test_help_lists_them(capsys):
    assert qserver.run(["-h"]) == 0
    assert "  backup FILE" in capsys.readouterr().out
    qserver.run(["-h", "restore"])
    assert "Stop the service first" in capsys.readouterr().out
