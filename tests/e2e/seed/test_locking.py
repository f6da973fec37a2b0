"""Tutorial: Locking RE Manager."""

import re
import signal
import subprocess
import sys

import pytest

NOTE = "The environment is locked. Do not unlock environment!"
FREE = {
    "emergency_lock_key_is_set": False,
    "environment": False,
    "note": None,
    "queue": False,
    "time": None,
    "time_str": "",
    "user": None,
}
COUNT = """queue add plan '{"name": "count", "args": [["det1"]]}'"""


def locked(shown, **what):
    """Compare what is shown of a lock; everything of it but the time is known."""
    info = shown["lock_info"]
    assert isinstance(info["time"], float)
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", info["time_str"])
    known = FREE | {"user": "qserver-cli", "time": info["time"], "time_str": info["time_str"]}
    assert info == known | what


def refusal(info, emergency="not set"):
    note = f"\nNote: {info['note']}" if info["note"] else ""
    return (
        "Error: Invalid lock key: \n"
        f"RE Manager is locked by qserver-cli at {info['time_str']}\n"
        f"Environment is locked: {info['environment']}\n"
        f"Queue is locked:       {info['queue']}\n"
        f"Emergency lock key:    {emergency}{note}"
    )


@pytest.mark.over_http_too
def test_the_manager_is_locked_used_with_the_key_and_unlocked(qserver):
    service, uid = qserver.service, qserver.UID
    first = qserver.shows("status", {"lock": {"environment": False, "queue": False}, "lock_info_uid": uid})
    free = {"lock_info": FREE, "lock_info_uid": first["lock_info_uid"], **qserver.ACCEPTED}
    assert qserver("lock info") == free

    answer = qserver.shows(f"--lock-key userlockkey lock environment '{NOTE}'", qserver.ACCEPTED)
    locked(answer, environment=True, note=NOTE)
    assert answer["lock_info_uid"] != first["lock_info_uid"]
    qserver.shows("status", {"lock": {"environment": True, "queue": False}, "lock_info_uid": answer["lock_info_uid"]})
    assert qserver("lock info") == answer

    text = refusal(answer["lock_info"])
    assert qserver("--lock-key someinvalidkey lock info", code=2) == answer | {"msg": text, "success": False}
    assert qserver("--lock-key userlockkey lock info") == answer

    assert qserver("environment open", code=2) == {"msg": text, "success": False}
    qserver.accepts("--lock-key userlockkey environment open")
    service.wait_idle()
    qserver.accepts("--lock-key userlockkey environment close")
    service.wait_idle()

    answer = qserver.shows("--lock-key userlockkey lock queue", qserver.ACCEPTED)
    locked(answer, queue=True)
    assert qserver(COUNT, code=2)["msg"] == refusal(answer["lock_info"])
    assert qserver(f"--lock-key userlockkey {COUNT}")["qsize"] == 1

    locked(qserver.shows("--lock-key userlockkey lock all", qserver.ACCEPTED), environment=True, queue=True)
    shown = qserver.shows(
        "--lock-key userlockkey unlock", {"lock_info": FREE, "lock_info_uid": uid, **qserver.ACCEPTED}
    )
    assert shown == qserver("lock info")


def test_the_key_is_not_changed_without_unlocking(qserver):
    qserver("-k userlockkey lock all")
    before = qserver("lock info")
    assert "RE Manager was locked with a different key" in qserver("-k other lock queue", code=2)["msg"]
    assert "Invalid lock key" in qserver("-k other unlock", code=2)["msg"]
    assert qserver("lock info") == before
    qserver("-k userlockkey unlock")
    qserver("-k other lock queue")


@pytest.mark.over_http_too
def test_the_key_is_never_shown(qserver):
    qserver("-k userlockkey lock all the-note")
    printed = [
        qserver.service.qserver(*line.split()) for line in ("lock info", "status", "-k wrong lock info", "queue clear")
    ]
    assert "userlockkey" not in "".join(done.stdout + done.stderr for done in printed) + qserver.service.output()


def test_the_emergency_key_unlocks(new_service, terminal):
    service = new_service("--warm-worker", "OFF", env={"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "emlockkey"})
    qserver = terminal(service.start())
    locked(qserver("--lock-key key-to-forget lock environment"), environment=True, emergency_lock_key_is_set=True)
    shown = qserver("--lock-key emlockkey environment open", code=2)  # it unlocks and does no more than that
    assert shown["msg"] == refusal(qserver("lock info")["lock_info"], emergency="set")
    qserver("--lock-key emlockkey unlock")
    assert qserver("lock info")["lock_info"] == FREE | {"emergency_lock_key_is_set": True}


@pytest.fixture(params=["embedded", "redis"])
def stored(request, new_service):
    """A service with one of the stores, and the options that name the store to other commands."""
    if request.param == "embedded":
        service = new_service("--warm-worker", "OFF")
        return service.start(), service.store_args
    options = ("--redis-addr", request.getfixturevalue("redis_server").address)
    return new_service("--warm-worker", "OFF", *options, store=False).start(), options


@pytest.mark.parametrize("running", [True, False], ids=["beside-the-service", "after-its-end"])
def test_a_lost_key_is_cleared_from_the_store(stored, terminal, running):
    service, options = stored
    qserver = terminal(service)
    before = qserver("--lock-key key-to-forget lock environment")
    if not running:
        service.stop(signal.SIGINT)
        service.restart()
        assert qserver("lock info") == before
        service.stop(signal.SIGINT)
    command = [sys.executable, "-m", "bluesky_qs", "qserver-clear-lock", *options]
    subprocess.run(command, env=service.env, check=True, timeout=60)
    if running:
        assert qserver("lock info") == before
        service.stop(signal.SIGINT)
    service.restart()
    assert qserver("lock info")["lock_info"] == FREE
    qserver.accepts("environment open")
