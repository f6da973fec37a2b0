"""The search index beside a real store: kills, damage and a full folder cost nothing but the index."""

import shutil
import signal

import pytest


@pytest.fixture(params=["SQLite", "Redis"])
def service(request, new_service, startup_dir):
    """A running service with light startup code and three plans in its history, on each kind of store."""
    args = ["--startup-dir", str(startup_dir), "--warm-worker", "OFF"]
    if request.param == "Redis":
        args += ["--redis-addr", request.getfixturevalue("redis_server").address]
    service = new_service(*args, store=request.param == "SQLite").start()
    service.open()
    for _ in range(3):
        service.add("quick")
    service.do("queue_start")
    service.wait_idle()
    assert found(service) == [0, 1, 2]
    return service


def found(service, words="qui"):
    page = service.do("history_get", search=words)
    assert page["index_complete"]
    return page["positions"]


def file_of(service):
    (file,) = service.home.rglob("*.d/history-index.sqlite3")
    return file


def test_a_killed_manager_leaves_an_index_that_the_next_one_uses(service):
    file = file_of(service)
    inode = file.stat().st_ino
    service.find("bluesky_qs.manager").kill()
    assert found(service) == [0, 1, 2]
    service.stop(signal.SIGTERM)
    service.start()
    assert found(service) == [0, 1, 2]
    assert file_of(service).stat().st_ino == inode


def test_what_becomes_of_the_file_costs_nothing_but_the_file(service):
    file = file_of(service)
    old = file.read_bytes()
    for number, damage in enumerate(("missing", "damaged", "older"), start=3):
        history = service.history()
        service.stop(signal.SIGTERM)
        match damage:
            case "missing":
                shutil.rmtree(file.parent)
            case "damaged":
                file.write_bytes(b"x" * 10_000)
            case "older":
                for each in file.parent.glob("history-index.*"):
                    each.unlink()
                file.write_bytes(old)
        service.start()
        assert service.history() == history, damage
        assert service.do("history_get", search="quick", limit=2)["positions"] == [number - 2, number - 1], damage
        service.open()
        service.add("quick")
        service.do("queue_start")
        service.wait_idle()
        assert found(service) == list(range(number + 1)), damage
