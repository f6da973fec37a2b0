"""What a service does with a damaged store, and that the recipe in docs/reliability.md brings the queue back."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_PAGE = 4096
_RECIPE = re.compile(r"### Get the queue back\n.*?```console\n(.*?)```", re.DOTALL)


@pytest.fixture
def backed_up(new_service):
    """A service with a long queue, of which there is a backup; and a change after the backup."""
    service = new_service("--warm-worker", "OFF").start()
    items = [{"item_type": "plan", "name": "count", "args": [["det1"]], "meta": {"note": "x" * 500}}] * 200
    service.do("queue_item_add_batch", items=items, user="tester", user_group="primary")
    made = service.qserver("backup", "tonight.backup", *service.store_args)
    assert made.returncode == 0, made.stderr
    service.backed_up = service.queue()
    service.add("count", ["det1"])
    return service


def follow_the_recipe(service):
    (lines,) = _RECIPE.findall(Path("docs/reliability.md").read_text())
    script = "\n".join(line.removeprefix("$ ") for line in lines.splitlines())
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["bash", "-ec", script], cwd=service.home, env={**service.env, "PATH": path}, check=True)


def cut_off(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite_the_header(path):
    with path.open("r+b") as file:
        file.write(b"\xff" * 100)


def zero_a_page(path):
    with path.open("r+b") as file:
        file.seek(_PAGE)
        file.write(bytes(_PAGE))


@pytest.mark.parametrize("damage", [cut_off, overwrite_the_header, zero_a_page])
def test_a_service_does_not_start_with_a_damaged_store_and_the_recipe_brings_the_queue_back(backed_up, damage):
    store = backed_up.home / "queue.sqlite3"
    assert backed_up.stop() == 0
    damage(store)
    before = store.read_bytes()
    assert backed_up.spawn().wait(60) != 0
    assert "The file is damaged" in backed_up.output()
    assert "Traceback" not in backed_up.output()
    assert store.read_bytes() == before
    follow_the_recipe(backed_up)
    backed_up.restart()
    assert backed_up.queue() == backed_up.backed_up


def test_a_store_without_its_log_of_changes_is_an_older_one_and_the_recipe_brings_the_queue_back(backed_up):
    queue = backed_up.queue()
    backed_up.kill_everything()
    (backed_up.home / "queue.sqlite3-wal").unlink()
    backed_up.restart()
    assert len(backed_up.queue()) < len(queue)
    backed_up.kill_everything()
    follow_the_recipe(backed_up)
    backed_up.restart()
    assert backed_up.queue() == backed_up.backed_up


def test_files_that_are_only_for_running_services_may_be_missing(backed_up):
    queue = backed_up.queue()
    backed_up.kill_everything()
    (backed_up.home / "queue.sqlite3-shm").unlink()
    (backed_up.home / "queue.sqlite3.lock").unlink()
    backed_up.restart()
    assert backed_up.queue() == queue


def test_derived_files_that_are_damaged_are_made_again(backed_up):
    queue = backed_up.queue()
    assert backed_up.stop() == 0
    files = sorted((backed_up.home / "queue.sqlite3.d").glob("*.sqlite3"))
    assert files
    for file in files:
        overwrite_the_header(file)
    backed_up.restart()
    assert backed_up.queue() == queue
    assert backed_up.do("history_get", search="count")["items"] == []
