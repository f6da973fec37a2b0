"""What the SQLite file promises beyond the contract: one service, clear refusals, durability."""

import asyncio
import json
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from bluesky_qs.errors import StoreError
from bluesky_qs.plan_queue.changes import AddAnswer, AddHistory, AddUndo, PutItem, SetFact, Snapshot, TrimHistory
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.store import place, sqlite_history
from bluesky_qs.store.place import LockFile
from bluesky_qs.store.sqlite import SQLiteStore

COMMITTING = Path(__file__).with_name("committing.py")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "queue.sqlite3"


@contextmanager
def committing(path, how):
    """Another process that commits to the store for as long as this lasts, then is killed; its lines."""
    with subprocess.Popen([sys.executable, COMMITTING, path, how], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def loaded(path):
    store = SQLiteStore(path)
    await store.open()
    snapshot = await store.load()
    await store.close()
    return snapshot


async def pragma(store, name):
    return await store._run(lambda: store._file._connection.execute(f"PRAGMA {name}").fetchone()[0])


@pytest.mark.parametrize("lines", [1, 2, 3, 10, 41, 80, 121])
async def test_a_process_killed_amid_commits_loses_nothing_that_was_acknowledged(path, lines):
    with committing(path, "one") as process:
        shown = [line.split(" ", 1) for line in islice(process.stdout, lines)]
        process.kill()
        shown += [line.split(" ", 1) for line in process.stdout if line.endswith("\n")]
    store = SQLiteStore(path)
    await store.open()
    queue = PlanQueue.restore(await store.load())
    history = await store.read_history(queue.history.numbers)
    await store.close()
    have = [
        [json.loads(data) for data in queue.items_json()],
        [json.loads(data) for _, data in history],
        queue.running_uid,
    ]
    acknowledged = [json.loads(state) for word, state in shown if word == "done"] or [[[], [], None]]
    assert have in (acknowledged[-1], json.loads(shown[-1][1]))


@pytest.mark.parametrize("lines", [1, 20, 300])
async def test_a_process_killed_amid_commits_made_together_loses_and_doubles_nothing(path, lines):
    with committing(path, "many") as process:
        shown = list(islice(process.stdout, lines))
        process.kill()
        shown += [line for line in process.stdout if line.endswith("\n")]
    acknowledged = [json.loads(line.split(" ", 1)[1]) for line in shown]
    have = [item.uid for item in (await loaded(path)).items]
    assert len(set(have)) == len(have)
    assert set(acknowledged) <= set(have)


@pytest.mark.parametrize("lines", [1, 4, 21, 60, 141])
async def test_a_process_killed_amid_commits_has_for_each_change_what_its_undo_needs(path, lines):
    with committing(path, "undo") as process:
        shown = [line.split(" ", 1) for line in islice(process.stdout, lines)]
        process.kill()
        shown += [line.split(" ", 1) for line in process.stdout if line.endswith("\n")]
    snapshot = await loaded(path)
    events = [json.loads(event) for event in snapshot.events]
    records = [json.loads(record)["seq"] for record in snapshot.undo]
    assert records == [event["seq"] for event in events if event.get("change")]
    have = [[json.loads(data) for data in PlanQueue.restore(snapshot).items_json()], records]
    acknowledged = [json.loads(state) for word, state in shown if word == "done"]
    assert have in (*acknowledged[-1:], json.loads(shown[-1][1]))


@pytest.mark.parametrize("lines", [1, 9, 70, 200])
async def test_a_process_killed_amid_commits_has_the_answer_of_each_request_that_changed_something(path, lines):
    with committing(path, "answers") as process:
        shown = list(islice(process.stdout, lines))
        process.kill()
        shown += [line for line in process.stdout if line.endswith("\n")]
    snapshot = await loaded(path)
    answers = [json.loads(json.loads(answer)["reply"])["item"] for answer in snapshot.answers]
    assert sorted(answers) == sorted(item.uid for item in snapshot.items)
    assert {json.loads(line.removeprefix("done ")) for line in shown} <= set(answers)


async def test_a_file_of_an_older_version_is_used(path):
    store = SQLiteStore(path)
    await store.open()
    await store.commit([SetFact("lock_info", b"{}")])
    for table in ("undo", "answers"):
        await store._run(lambda table=table: store._file._connection.execute(f"DROP TABLE {table}"))
    await store.close()
    assert (await loaded(path)).undo == (await loaded(path)).answers == []
    again = SQLiteStore(path)
    await again.open()
    await again.commit([AddUndo(b'{"n": 1}'), AddAnswer(b'{"n": 2}')])
    await again.close()
    assert ((await loaded(path)).undo, (await loaded(path)).answers) == ([b'{"n": 1}'], [b'{"n": 2}'])


async def test_a_second_service_is_refused_with_the_name_of_the_file_and_the_process(path):
    with committing(path, "one") as process:
        process.stdout.readline()
        with pytest.raises(StoreError, match=rf"queue\.sqlite3 .*process {process.pid} .*queue\.sqlite3\.lock"):
            await SQLiteStore(path).open()


async def test_two_stores_of_one_process_are_kept_apart_too(path):
    first, second = SQLiteStore(path), SQLiteStore(path)
    await first.open()
    with pytest.raises(StoreError, match="Another service is using the store"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_a_tool_reads_and_changes_facts_beside_a_running_service(path):
    service, tool = SQLiteStore(path), SQLiteStore(path, beside_service=True)
    await service.open()
    await service.commit([SetFact("lock_info", b"{}"), SetFact("plan_queue_mode", b"{}")])
    await tool.open()
    assert set((await tool.load()).facts) == {"lock_info", "plan_queue_mode"}
    await tool.commit([SetFact("lock_info", None)])
    await tool.close()
    assert set((await service.load()).facts) == {"plan_queue_mode"}
    await service.commit([SetFact("stop_pending_info", b"{}")])
    await service.close()


async def test_a_tool_makes_no_store_where_there_is_none(path):
    with pytest.raises(StoreError, match=r"no queue store .*queue\.sqlite3"):
        await SQLiteStore(path, beside_service=True).open()
    assert not path.parent.exists()


async def test_a_store_reports_whether_it_is_new(path):
    first, second = SQLiteStore(path), SQLiteStore(path)
    await first.open()
    await first.close()
    await second.open()
    await second.close()
    assert (first.is_new, second.is_new) == (True, False)


async def test_folder_and_file_are_the_owners_alone(path):
    store = SQLiteStore(path)
    await store.open()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    await store.close()


async def test_every_commit_reaches_the_disk_before_it_is_acknowledged(path):
    store = SQLiteStore(path)
    await store.open()
    assert await pragma(store, "journal_mode") == "wal"
    assert await pragma(store, "synchronous") == 2  # FULL
    await store.close()


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(path):
    await loaded(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer version.*layout 99"):
        await SQLiteStore(path).open()
    assert path.read_bytes() == before


async def test_a_database_of_another_program_is_refused_and_left_alone(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE precious (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await SQLiteStore(path).open()
    assert path.read_bytes() == before


async def test_a_folder_in_place_of_the_file_is_an_error(path):
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="is a folder"):
        await SQLiteStore(path).open()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_text("precious words " * 1000)
    with pytest.raises(StoreError, match=r"not a database\. The file is damaged\. Move it away"):
        await SQLiteStore(path).open()
    assert path.read_text() == "precious words " * 1000


@pytest.mark.parametrize("queued", [True, False])
async def test_a_damaged_file_is_an_error_when_it_is_read(path, queued):
    store = SQLiteStore(path)
    await store.open()
    damaged = [PutItem(str(n), b"%d" % n, os.urandom(500)) for n in range(500)]
    await store.commit(damaged if queued else [AddHistory("", each.data) for each in damaged])
    await store.close()
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096 * 20)
    store = SQLiteStore(path)
    await store.open()
    with pytest.raises(StoreError, match="The file is damaged"):
        await store.read_history((await store.load()).history)
    if not queued:
        assert len((await store.load()).history) == 500
        with pytest.raises(StoreError, match="The file is damaged"):
            await store.history_size(range(500))
    await store.close()


async def test_an_opening_without_space_on_the_disk_leaves_no_file_behind(path, no_space_left):
    with no_space_left(), pytest.raises(StoreError):
        await SQLiteStore(path).open()
    assert not path.exists()
    assert await loaded(path) == Snapshot()


async def test_a_full_disk_is_logged_once_and_so_is_its_end(path, no_space_left, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs.store")
    store = SQLiteStore(path)
    await store.open()
    with no_space_left():
        for _ in range(2):
            with pytest.raises(StoreError):
                await store.commit([SetFact("lock_info", b"{}")])
    await store.commit([SetFact("lock_info", b"{}")])
    with pytest.raises(StoreError):  # this is the fault of the change, and no news of the store
        await store.commit([SetFact("\ud800", b"{}")])
    await store.close()
    refused, again = [record.getMessage() for record in caplog.records]
    assert refused.endswith("Changes are refused until it accepts them again.")
    assert again == f"The queue store {path} accepts changes again"


async def test_a_full_disk_keeps_no_manager_from_its_store_and_still_keeps_others_away(tmp_path, no_space_left):
    lock = LockFile(tmp_path / "queue.lock")
    with no_space_left():
        lock.take()
    with pytest.raises(StoreError, match="Another service is using the store"):
        LockFile(tmp_path / "queue.lock").take()
    lock.release()


async def test_a_link_to_a_store_that_is_in_use_is_refused(path, tmp_path):
    store = SQLiteStore(path)
    await store.open()
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(StoreError, match="Another service is using the store"):
        await SQLiteStore(tmp_path / "link").open()
    await store.close()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"/file/queue\.sqlite3 cannot be created: .*--store PATH"):
        await SQLiteStore(tmp_path / "file" / "queue.sqlite3").open()


async def test_a_store_that_is_not_open_refuses_everything(path):
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="not open"):
        await store.load()
    with pytest.raises(StoreError, match="not open"):
        await store.commit([SetFact("lock_info", b"{}")])
    with pytest.raises(StoreError, match="not open"):
        await store.read_history(range(1))
    with pytest.raises(StoreError, match="not open"):
        await store.find_history(["a"])


def older_version(path, *statements):
    """What a version does that does not know the table of the uids."""
    with sqlite3.connect(path) as db:
        for statement, *values in statements:
            db.executemany(statement, values)
    db.close()


def past(*numbers):
    return [json.dumps({"item_uid": f"u{number}"}).encode() for number in numbers]


def added(*numbers):
    return ["INSERT INTO history (data) VALUES (?)", *((data,) for data in past(*numbers))]


@pytest.mark.parametrize(
    ("statements", "left"),
    [
        ([], range(40)),
        ([added(40, 41)], range(42)),
        ([added(*range(40, 80))], range(80)),
        ([["DELETE FROM history WHERE number <= ?", (30,)], added(40)], range(30, 41)),
        ([["DELETE FROM history WHERE number <= ?", (40,)]], []),
        ([["DELETE FROM history WHERE number <= ?", (40,)], added(*range(100, 110))], range(100, 110)),
        ([["DELETE FROM history WHERE number <= ?", (40,)], added(*range(100, 170))], range(100, 170)),
        ([["DELETE FROM history WHERE number BETWEEN ? AND ?", (10, 30)]], [*range(9), *range(30, 40)]),
        ([["DROP TABLE history_uids", ()]], range(40)),
    ],
)
@pytest.mark.parametrize("hashed", [True, False])
async def test_items_are_found_whatever_an_older_version_did_meanwhile(path, monkeypatch, statements, left, hashed):
    monkeypatch.setattr(sqlite_history, "_HASHED", 10)
    monkeypatch.setattr(sqlite_history, "_SEARCHED", 7)
    store = SQLiteStore(path)
    await store.open()
    await store.commit([AddHistory("", data) for data in past(*range(40))])
    await store.close()
    older_version(path, *statements)
    if not hashed:
        monkeypatch.setattr(sqlite_history.HashTable, "add_older", lambda _: False)
    for _ in range(2):
        store = SQLiteStore(path)
        await store.open()
        if store._hashing is not None:
            await store._hashing
        rows = await store.read_history((await store.load()).history)
        assert [data for _, data in rows] == past(*left)
        uids = [f"u{number}" for number in range(200)]
        expected = {f"u{number}": row for number, row in zip(left, rows, strict=True)}
        assert await store.find_history(uids) == expected
        for uid in ("u0", "u9", "u33", "u39", "u40", "u105", "nowhere"):
            assert await store.find_history([uid]) == ({uid: expected[uid]} if uid in expected else {})
        await store.commit([AddHistory("", past(500)[0]), TrimHistory(len(left) + 1)])
        assert (await store.find_history(["u500"]))["u500"][1] == past(500)[0]
        await store.commit([TrimHistory(0), *(AddHistory("", data) for data in past(*left))])
        await store.close()


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [added(40, 41)],
        [["DELETE FROM history WHERE number <= ?", (40,)], added(*range(40, 60))],
        [["DROP TABLE history_uids", ()], ["DROP TABLE undo", ()], ["DROP TABLE answers", ()], added(40)],
    ],
)
async def test_a_file_is_open_for_reading_as_long_as_the_disk_is_full(path, no_space_left, caplog, statements):
    store = SQLiteStore(path)
    await store.open()
    kept = [PutItem("q1", b"\x01", b'{"item_uid": "q1"}'), SetFact("lock_info", b"{}")]
    await store.commit([*kept, *(AddHistory("", data) for data in past(*range(40)))])
    await store.close()
    older_version(path, *statements)
    caplog.clear()
    store = SQLiteStore(path)
    with no_space_left():
        await store.open()
        snapshot = await store.load()
        with pytest.raises(StoreError):
            await store.commit([AddHistory("", past(50)[0])])
    assert [item.uid for item in snapshot.items] == ["q1"]
    assert snapshot.facts == {"lock_info": b"{}"}
    rows = await store.read_history(snapshot.history)
    found = {json.loads(data)["item_uid"]: (number, data) for number, data in rows}
    assert await store.find_history([*found, "u99"]) == found
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "It is open for reading only, and nothing is lost. Changes are refused until" in warning
    await store.commit([AddHistory("", past(99)[0]), AddUndo(b"{}"), AddAnswer(b"{}")])
    found["u99"] = (snapshot.history.stop, past(99)[0])
    assert await store.find_history(list(found)) == found
    await store.close()
    assert len((await loaded(path)).history) == len(found)


async def test_a_file_whose_log_has_changes_is_not_read_without_them(path, no_space_left):
    with committing(path, "many") as process:
        process.stdout.readline()
        process.kill()
    with no_space_left(), pytest.raises(StoreError):
        await SQLiteStore(path).open()
    assert (await loaded(path)).items


async def test_uids_with_the_same_hash_are_told_apart(path, monkeypatch):
    monkeypatch.setattr(sqlite_history, "_hash", lambda _: 7)
    store = SQLiteStore(path)
    await store.open()
    await store.commit([AddHistory("", data) for data in past(*range(5))])
    assert await store.find_history(["u1", "u4", "u9"]) == {"u1": (2, past(1)[0]), "u4": (5, past(4)[0])}
    await store.close()


async def test_a_change_that_cannot_be_stored_is_refused_alone(path):
    store = SQLiteStore(path)
    await store.open()
    good, bad, later = [
        asyncio.create_task(store.commit([PutItem(uid, uid.encode(errors="replace"), b"{}")]))
        for uid in ("good", "bad\ud800", "later")
    ]
    await asyncio.wait([good, bad, later])
    assert [type(task.exception()) for task in (good, bad, later)] == [type(None), StoreError, type(None)]
    await store.close()
    assert [item.uid for item in (await loaded(path)).items] == ["good", "later"]


@pytest.fixture
def network_disk(tmp_path, monkeypatch):
    """The temporary folder looks like a mounted network disk."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n")
    return lambda: monkeypatch.setattr(place, "_MOUNTS", mounts)


async def test_on_a_network_disk_a_safe_journal_is_used_and_logged(path, network_disk, caplog):
    network_disk()
    store = SQLiteStore(path)
    await store.open()
    assert await pragma(store, "journal_mode") == "delete"
    assert await pragma(store, "synchronous") == 3  # EXTRA
    assert "network file system (nfs4)" in caplog.text
    assert "--store PATH" in caplog.text
    await store.commit([SetFact("lock_info", b"{}")])
    await store.close()


async def test_a_store_that_was_copied_to_a_network_disk_is_converted(path, network_disk):
    store = SQLiteStore(path)
    await store.open()
    await store.commit([SetFact("lock_info", b"{}")])
    await store.close()
    network_disk()
    store = SQLiteStore(path)
    await store.open()
    assert await pragma(store, "journal_mode") == "delete"
    assert await store.load() == Snapshot(facts={"lock_info": b"{}"})
    await store.close()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/etc/x", None),
        ("/home/user/x", "nfs4"),
        ("/home/user/local/x", None),
        ("/home2/x", None),
        ("/mnt/my disk/x", "cifs"),
        ("/fuse/x", "sshfs"),
        ("/twice/x", None),
    ],
)
def test_the_innermost_mount_decides_whether_a_path_is_on_the_network(path, found):
    mounts = """/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/user/local xfs rw 0 0
//server/share /mnt/my\\040disk cifs rw 0 0
user@host: /fuse fuse.sshfs rw 0 0
server:/x /twice nfs rw 0 0
/dev/sdc1 /twice ext4 rw 0 0
"""
    assert place.network_file_system(Path(path), mounts) == found


def test_the_default_path_is_in_the_users_data_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert place.default_store_path() == tmp_path / "bluesky_qs" / "queue.sqlite3"
