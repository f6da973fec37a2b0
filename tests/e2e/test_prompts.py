"""Questions of user code, through the whole service: nobody there, or somebody who answers."""

import json
import subprocess
import sys

import pytest
import zmq

pytestmark = pytest.mark.in_both_modes

STARTUP = """
import getpass
from bluesky.plan_stubs import null


def asks():
    yield from null()
    if input("Is the sample loaded? ") != "yes":
        raise ValueError("then load it")


def log_in():
    return len(getpass.getpass("Token: "))
"""


@pytest.fixture
def asking(new_service, startup_dir):
    """Starts a service whose startup code has plans and functions that ask."""
    (startup_dir / "10-asks.py").write_text(STARTUP)

    def start(*args, opened=True):
        service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", *args).start()
        if opened:
            service.open()
        return service

    return start


def question(service):
    status = service.wait(lambda s: s["input_pending"], "a question")
    return status["input_pending"]


@pytest.mark.in_both_modes
def test_a_plan_that_asks_fails_at_once_where_nobody_is_to_answer(asking):
    service = asking()
    service.add("asks")
    service.do("queue_start")
    status = service.wait_idle()
    assert status["input_pending"] is None
    result = service.history()[0]["result"]
    assert result["exit_status"] == "failed"
    assert "input() asks 'Is the sample loaded? '" in result["msg"]
    assert "--worker-input error" in result["msg"]


@pytest.mark.in_both_modes
def test_a_question_is_in_the_status_and_the_console_and_is_answered_with_qserver(asking):
    service = asking("--worker-input", "ask")
    item = service.add("asks")
    service.do("queue_start")
    asked = question(service)
    assert (asked["prompt"], asked["item_uid"], asked["task_uid"]) == ("Is the sample loaded? ", item["item_uid"], None)
    assert asked["input_uid"] in service.qserver("status").stdout
    done = service.qserver("input", "reply", asked["input_uid"], "yes")
    assert done.returncode == 0, done.stderr
    status = service.wait_idle()
    assert status["input_pending"] is None
    assert service.history()[0]["result"]["exit_status"] == "completed"
    service.wait(lambda s: "Is the sample loaded? \n" in service.output(), "the question on the console")
    service.wait(lambda s: f"qserver input reply {asked['input_uid']} TEXT" in service.output(), "how to answer it")
    shown = [e["input_pending"] for e in service.do("events_get", since=0)["events"] if e["type"] == "input_changed"]
    assert shown == [asked, None]
    again = service.qserver("input", "reply", asked["input_uid"], "yes")
    assert again.returncode == 2
    assert "No input prompt with the uid" in again.stdout


def test_a_question_is_published_at_once(asking):
    service = asking("--worker-input", "ask")
    with service._context.socket(zmq.SUB) as news:
        news.connect(service.info)
        news.subscribe(b"QS_Event")
        service.do("function_execute", item={"name": "log_in"}, user="tester", user_group="primary")
        while True:
            assert news.poll(60_000)
            event = json.loads(news.recv_multipart()[1])
            if event["type"] == "input_changed":
                break
    assert event["input_pending"]["prompt"] == "Token: "
    assert event["input_pending"]["secret"] is True


def test_a_question_and_its_answer_survive_the_managers_death(asking):
    service = asking("--worker-input", "ask")
    service.add("asks")
    service.do("queue_start")
    asked = question(service)
    killed = service.find("bluesky_qs.manager")
    killed.kill()
    killed.wait(60)
    assert question(service) == asked
    service.do("input_reply", input_uid=asked["input_uid"], text="no")
    service.wait_idle()
    assert "then load it" in service.history()[0]["result"]["msg"]


def test_an_answer_that_was_accepted_is_in_the_next_status(asking):
    service = asking("--worker-input", "ask")
    service.add("asks")
    service.do("queue_start")
    service.do("input_reply", input_uid=question(service)["input_uid"], text="yes")
    assert service.ask("status")["input_pending"] is None


def test_a_question_is_gone_with_the_environment(asking):
    service = asking("--worker-input", "ask")
    service.add("asks")
    service.do("queue_start")
    asked = question(service)
    service.do("environment_destroy")
    status = service.wait(lambda s: s["worker_environment_state"] == "closed", "destroyed")
    assert status["input_pending"] is None
    answer = service.ask("input_reply", input_uid=asked["input_uid"], text="yes")
    assert answer["msg"] == "RE Worker environment does not exist."


def test_a_lock_keeps_others_from_answering(asking):
    service = asking("--worker-input", "ask")
    service.add("asks")
    service.do("queue_start")
    asked = question(service)
    service.do("lock", lock_key="key", environment=True, user="tester")
    assert not service.ask("input_reply", input_uid=asked["input_uid"], text="yes")["success"]
    service.do("input_reply", input_uid=asked["input_uid"], text="yes", lock_key="key")
    service.wait_idle()


def test_a_password_that_is_typed_unseen_is_nowhere_to_be_read(asking):
    service = asking("--worker-input", "ask", "--verbose")
    task = service.do("function_execute", item={"name": "log_in"}, user="tester", user_group="primary")["task_uid"]
    asked = question(service)
    command = [sys.executable, "-m", "bluesky_qs", "qserver", "--verbose", "input", "reply", asked["input_uid"]]
    done = subprocess.run(
        command,
        input="battery staple\n",
        env=service.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    service.wait_idle()
    assert service.do("task_result", task_uid=task)["result"]["return_value"] == len("battery staple")
    service.wait(lambda s: f"The task {task} is completed" in service.output(), "the log of the task")
    everything = service.output() + done.stdout + done.stderr + json.dumps(service.do("events_get", since=0))
    assert "Token: " in everything
    assert "battery" not in everything


def test_startup_code_that_asks_waits_for_its_answer(asking, startup_dir):
    (startup_dir / "20-name.py").write_text("beamline = input('Which beamline? ')\ndef name(): return beamline")
    service = asking("--worker-input", "ask", opened=False)
    service.do("environment_open")
    asked = question(service)
    assert (asked["prompt"], asked["item_uid"], asked["task_uid"]) == ("Which beamline? ", None, None)
    service.do("input_reply", input_uid=asked["input_uid"], text="XYZ")
    assert service.wait_idle()["worker_environment_exists"]


def test_startup_code_that_waits_for_input_fails_with_its_line(asking, startup_dir):
    (startup_dir / "20-name.py").write_text("\nbeamline = input('Which beamline? ')\n")
    service = asking(opened=False)
    service.do("environment_open")
    assert not service.wait_idle()["worker_environment_exists"]
    report = service.do("environment_report")["report"]
    assert (report["file"].rpartition("/")[2], report["line"]) == ("20-name.py", 2)
    assert "--worker-input error" in report["message"]
