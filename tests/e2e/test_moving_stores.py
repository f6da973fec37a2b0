"""A site moves its queue from one store to the other and goes on with it."""

import json
import subprocess
import sys


def copy(service, *options):
    command = [sys.executable, "-m", "bluesky_qs", "copy-store", *options]
    subprocess.run(command, env=service.env, check=True, timeout=60)


def test_queue_history_modes_and_lock_move_to_redis_and_back(new_service, startup_dir, redis_server, tmp_path):
    options = ("--warm-worker", "OFF", "--startup-dir", str(startup_dir))
    address = f"redis://{redis_server.address}"
    first = new_service(*options).start()
    first.open()
    words = ("doctor", "--json", "--zmq-control-addr", first.control, "--store", str(first.home / "queue.sqlite3"))
    findings = {finding["name"]: finding for finding in json.loads(first.qserver(*words).stdout)}
    assert findings["service"]["level"] == findings["startup"]["level"] == findings["open files"]["level"] == "ok"
    done = first.add("quick", 1)
    first.do("queue_start")
    first.wait_idle()
    waiting = [first.add("quick", mark) for mark in (2, 3)]
    first.do("queue_mode_set", mode={"loop": True})
    first.do("lock", lock_key="key", queue=True, user="tester")
    locked = first.do("lock_info")
    history = first.history()
    first.stop()
    copy(first, "--from", str(first.home / "queue.sqlite3"), "--to", address)

    second = new_service(*options, "--redis-addr", redis_server.address, store=False).start()
    assert second.queue() == waiting
    assert second.history() == history
    assert [item["item_uid"] for item in history] == [done["item_uid"]]
    assert second.ask("status")["plan_queue_mode"]["loop"] is True
    assert second.do("lock_info") == locked
    second.do("queue_item_remove", lock_key="key", pos="back")
    # A backup of Redis beside the service, which must be stopped for a restore.
    saved, redis = str(tmp_path / "saved.sqlite3"), ("--redis-addr", redis_server.address)
    assert "items: 1, history: 1" in second.qserver("backup", saved, *redis).stdout
    second.env["QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER"] = second.control
    assert "Stop it first" in second.qserver("restore", saved, *redis, "--replace").stderr
    second.stop()
    redis_server.client.flushall()
    assert "(items: 1, history: 1). You can start" in second.qserver("restore", saved, *redis).stdout
    copy(second, "--from", address, "--to", str(first.home / "queue.sqlite3"), "--replace")

    first.restart()
    assert first.queue() == waiting[:1]
    assert first.history() == history
    first.do("unlock", lock_key="key")
    first.do("queue_mode_set", mode="default")
    first.open()
    first.do("queue_start")
    first.wait_idle()
    assert len(first.history()) == 2
