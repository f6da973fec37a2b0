import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from bluesky_qs.cli.monitor import changes
from bluesky_qs.cli.qserver import ExitCode, run
from bluesky_qs.config.schema import Network, Settings

ITEM = '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 1}}'


@pytest.fixture
def qserver(accepting, clean_environment, monkeypatch, capsys):
    """Runs a command line in this process; exit code, output, messages."""
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", accepting.control)
    monkeypatch.setenv("QSERVER_ZMQ_INFO_ADDRESS", accepting.info)

    def command(*arguments):
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


UIDS = [f"{n}b{n}c4444-0000-4000-8000-00000000000{n}" for n in range(4)]


@pytest.fixture
def logged(accepting):
    """A service with three items in the history and a running plan; it answers each log with the uid."""
    items = [{"name": "count", "item_uid": uid} for uid in UIDS[:3]]
    accepting.answers["history_get"] = lambda params: {"success": True, "msg": "", "items": items[-params["limit"] :]}
    accepting.answers["status"] = {"running_item_uid": UIDS[3], "extensions": ["limit", "item_uid"]}
    accepting.answers["console_get"] = lambda params: {
        "success": True,
        "msg": "",
        "messages": [{"time": 1.0, "msg": f"{params['item_uid']}\n", "seq": 1}],
        "last": 1,
    }


@pytest.mark.parametrize(
    ("named", "uid"),
    [
        ("-1", UIDS[2]),
        ("-3", UIDS[0]),
        (UIDS[1][:6], UIDS[1]),
        (UIDS[3][:4], UIDS[3]),
        (UIDS[0], UIDS[0]),
        ("7a7a7a7a", "7a7a7a7a"),
    ],
)
def test_a_log_is_that_of_the_plan_that_is_named_in_a_short_form(logged, qserver, named, uid):
    assert qserver("log", named) == (ExitCode.SUCCESS, f"{uid}\n", "")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("-4", "There is no item -4: the history has only 3 items"),
        ("12", "'12' is not a plan or task. Use -1 for the plan that ended last, or at least 4 characters of a uid"),
        ("4444", "2 items have a uid that begins with '4444': 44440, 44441"),
    ],
)
def test_a_name_of_a_log_that_fits_no_plan_is_an_error(logged, accepting, qserver, named, message):
    if named == "4444":
        items = [{"item_uid": "44440"}, {"item_uid": "44441"}, {"item_uid": "44440"}]
        accepting.answers["history_get"] = {"success": True, "msg": "", "items": items}
    code, out, err = qserver("log", named)
    assert (code, out) == (ExitCode.USAGE, "")
    assert message in err


def test_an_answer_is_printed_as_in_the_tutorials(accepting, qserver):
    accepting.answers["queue_item_add"] = lambda params: {
        "success": True,
        "msg": "",
        "qsize": 1,
        "item": {
            **params["item"],
            "user_group": params["user_group"],
            "user": params["user"],
            "item_uid": "0aa7f1be-3923-4d67-ba7b-b19d26ec6291",
        },
    }
    code, out, err = qserver("queue", "add", "plan", ITEM)
    first, _, rest = out.partition("\n")
    assert (code, err) == (ExitCode.SUCCESS, "")
    assert re.fullmatch(r"\d\d:\d\d:\d\d - MESSAGE:", first)
    assert rest == (
        "{'item': {'args': [['det1', 'det2']],\n"
        "          'item_type': 'plan',\n"
        "          'item_uid': '0aa7f1be-3923-4d67-ba7b-b19d26ec6291',\n"
        "          'kwargs': {'delay': 1, 'num': 10},\n"
        "          'name': 'count',\n"
        "          'user': 'qserver-cli',\n"
        "          'user_group': 'admin'},\n"
        " 'msg': '',\n"
        " 'qsize': 1,\n"
        " 'success': True}\n"
    )


def test_a_refusal_is_printed_and_has_its_exit_code(accepting, qserver):
    accepting.answers["environment_open"] = {
        "success": False,
        "msg": "Error: Invalid lock key: \nRE Manager is locked by qserver-cli at 07/25/2022 12:03:40",
        "error": "Locked",
    }
    code, out, err = qserver("environment", "open")
    assert code == ExitCode.REFUSED
    assert err == "No lock key was sent: give it with -k KEY (--lock-key KEY)\n"
    assert qserver("environment", "open", "-k", "wrong")[2] == ""
    assert out.partition("MESSAGE:\n")[2] == (
        "{'msg': 'Error: Invalid lock key: \\n'\n"
        "        'RE Manager is locked by qserver-cli at 07/25/2022 12:03:40',\n"
        " 'success': False}\n"
    )


def test_json_is_the_answer_complete(accepting, qserver):
    accepting.answers["environment_open"] = {"success": False, "msg": "no", "error": "Locked"}
    code, out, _ = qserver("--json", "environment", "open")
    assert (code, json.loads(out)) == (ExitCode.REFUSED, accepting.answers["environment_open"])


def test_plans_and_devices_are_shown_by_name(accepting, qserver):
    accepting.answers["plans_allowed"] = {"success": True, "msg": "", "plans_allowed": {"count": {"module": "x"}}}
    _, out, _ = qserver("allowed", "plans")
    assert "'plans_allowed': {'count': '{...}'}" in out


def test_the_words_are_printed_only_on_demand(qserver):
    assert qserver("-v", "queue", "get")[1].startswith("Arguments: ['queue', 'get']\n")
    assert "Arguments" not in qserver("queue", "get")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "key", "unlock"],
        ["unlock", "--lock-key", "key"],
        ["--lock-key=key", "unlock"],
        ["-kkey", "unlock"],
        ["-k=key", "unlock"],
        ["unlock", "--lock", "key"],
    ],
)
def test_options_stand_before_or_after_the_words(accepting, qserver, arguments):
    assert qserver(*arguments)[0] == ExitCode.SUCCESS
    assert accepting.asked("unlock")[-1] == {"lock_key": "key"}


def test_the_lock_key_goes_only_where_it_means_something(accepting, qserver):
    qserver("-k", "key", "status")
    qserver("-k", "key", "lock", "info")
    assert (accepting.asked("status")[-1], accepting.asked("lock_info")[-1]) == ({}, {"lock_key": "key"})


def test_a_negative_position_is_not_an_option(accepting, qserver):
    qserver("queue", "add", "instruction", "-2", "queue-stop")
    assert accepting.asked("queue_item_add")[-1]["pos"] == -2


def test_words_that_look_like_options_stand_behind_two_dashes(accepting, qserver):
    qserver("-k", "key", "lock", "queue", "--", "--careful--")
    assert accepting.asked("lock")[-1]["note"] == "--careful--"


def test_a_text_with_blanks_is_no_option(accepting, qserver):
    qserver("lock", "queue", "- do not touch -", "-k", "key")
    assert accepting.asked("lock")[-1]["note"] == "- do not touch -"


@pytest.mark.parametrize("option", ["-a", "--address", "--zmq-control-addr"])
def test_the_service_may_be_elsewhere(new_manager, qserver, option):
    elsewhere = new_manager()
    assert qserver(option, elsewhere.control, "ping")[0] == ExitCode.SUCCESS
    assert elsewhere.methods == ["ping"]


def test_messagepack_and_group_are_options(new_manager, qserver):
    service = new_manager(settings=Settings(network=Network(zmq_encoding="msgpack")))
    options = ("-a", service.control, "--zmq-encoding", "msgpack", "--user-group", "test_user")
    assert qserver(*options, "allowed", "plans")[0] == 0
    assert service.asked("plans_allowed") == [{"user_group": "test_user"}]


def test_the_user_of_items_is_an_option(qs_manager, qserver, monkeypatch):
    monkeypatch.setenv("QSERVER_USER", "ada")
    for options in ((), ("--user", "grace")):
        qserver("-a", qs_manager.control, *options, "queue", "add", "plan", '{"name": "count", "args": [["det1"]]}')
    assert [asked["user"] for asked in qs_manager.asked("queue_item_add")] == ["ada", "grace"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["queue"], "Command 'queue' is incomplete\nUsage: qserver queue start\n"),
        (["queu", "get"], "(did you mean 'queue'?)"),
        (["lock", "info", "-k", ""], "Option -k: Lock key must be a non-empty string"),
        (["lock", "queue", "caf\udce9", "-k", "k"], "'caf\\udce9' is not valid text in the encoding of this terminal"),
        (["nonsense"], "Unknown command 'nonsense'\n'qserver -h' lists all commands and options"),
        (["--zmq-encoding", "xml", "status"], "Unknown encoding 'xml'"),
        (["-a", "nowhere://x", "status"], "Cannot connect to 'nowhere://x'"),
        (["-a", "tcp://host", "status"], "An address looks like tcp://localhost:60615"),
        (
            ["-a", "tcp://host:99999", "status"],
            "'tcp://host:99999' has an invalid port: it must be a number from 1 to 65535",
        ),
        (
            ["-a", "host:618x", "status"],
            "'host:618x' has an invalid port: it must be a number from 1 to 65535, not '618x'",
        ),
        (["script", "upload", "/no/such/file"], "Cannot read '/no/such/file': No such file or directory"),
        (["queue", "add", "plan", "{'name': 'p', 'args': [{1, 2}]}"], "type set"),
        (["call", "queue_gt"], "Unknown method 'queue_gt' (did you mean 'queue_get'"),
        (["lock", "environment", "queue", "-k", "k"], "lock all"),
        (["lock", "all", "back", "at", "15:00", "-k", "k"], "put a note of several words in quotes"),
    ],
)
def test_wrong_words_are_told_and_nothing_is_sent(accepting, qserver, arguments, said):
    code, out, err = qserver(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert said in err
    assert accepting.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jsn", "status"], "No such option: --jsn (did you mean '--json'?)"),
        (["status", "--lock-key"], "Option --lock-key needs a value"),
        (["status", "--json=5"], "Option --json takes no value"),
        (["status", "--zmq", "json"], "(did you mean '--zmq-control-addr' or '--zmq-info-addr' or '--zmq-encoding'?"),
        (["status", "-t", "soon"], "Option -t needs a number of seconds, not 'soon'"),
        ([], "Usage: qserver [OPTIONS] COMMAND"),
        (["-k", "key"], "Usage: qserver [OPTIONS] COMMAND"),
        (["lock", "all", "aligning"], "Request contains no lock key: give one with -k KEY (--lock-key KEY)\n"),
        (["unlock"], "Request contains no lock key"),
    ],
)
def test_wrong_options_and_a_missing_key_or_command_are_2(accepting, qserver, arguments, said):
    code, out, err = qserver(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert accepting.requests == []


def test_a_mode_that_is_not_named_stays(qs_manager, qserver):
    qs_manager.answers.clear()  # the real ones
    qs_manager.do("queue_mode_set", mode={"loop": True})
    assert qserver("queue", "mode", "set")[0] == 0
    assert qs_manager.do("status")["plan_queue_mode"]["loop"]
    code, out, _ = qserver("queue", "mode", "set", "loop", "maybe")
    assert code == 2
    assert "Failed to set queue mode" in out


def test_no_answer_says_where_and_what_to_start(qserver):
    code, out, err = qserver("-a", "tcp://127.0.0.1:1", "-t", "0.05", "status")
    assert (code, out) == (ExitCode.NO_ANSWER, "")
    assert "tcp://127.0.0.1:1" in err
    assert "start-re-manager" in err
    assert "sets the address" not in err


def test_no_answer_from_the_usual_address_says_what_sets_it(qserver, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", "tcp://127.0.0.1:1")
    assert "(QSERVER_ZMQ_CONTROL_ADDRESS sets the address.)" in qserver("-t", "0.05", "status")[2]


def test_help_shows_everything_or_what_one_asks_for(qserver):
    code, out, _ = qserver("-h")
    assert code == ExitCode.SUCCESS
    assert max(map(len, out.splitlines())) <= 80
    assert "queue add plan [POSITION] ITEM" in out
    assert "--lock-key" in out
    assert qserver("environment", "-h")[1].count("environment ") >= 5


def test_a_script_and_permissions_are_read_from_files(accepting, qserver, tmp_path):
    (tmp_path / "s.py").write_text("x = 1")
    (tmp_path / "p.yaml").write_text("user_groups: {root: {}}")
    qserver("script", "upload", str(tmp_path / "s.py"), "background")
    qserver("permissions", "set", str(tmp_path / "p.yaml"))
    sent = accepting.asked("script_upload")[-1]
    assert (sent["script"], sent["run_in_background"]) == ("x = 1", True)
    assert accepting.asked("permissions_set")[-1]["user_group_permissions"] == {"user_groups": {"root": {}}}


def test_a_spreadsheet_is_queued(qs_manager, qserver, tmp_path):
    qs_manager.answers.clear()
    qs_manager.open()
    path = tmp_path / "a.csv"
    path.write_text('plan,detectors,num\ncount,[det1],3\n# later\ncount,"[det1, det2]",\n')
    assert qserver("queue", "add", "spreadsheet", "front", str(path))[0] == 0
    queue = qs_manager.do("queue_get")["items"]
    assert [item["kwargs"] for item in queue] == [{"detectors": ["det1"], "num": 3}, {"detectors": ["det1", "det2"]}]
    path.write_text("plan,detectors,num\ncount,[det1],'many'\n")
    code, out, _ = qserver("queue", "add", "spreadsheet", str(path))
    assert (code, "a.csv, row 2, column C (num): " in " ".join(out.replace("'\n", "").split())) == (2, True), out
    path.write_text("plan,detectors\ncount,[det9]\n")
    code, out, _ = qserver("queue", "add", "spreadsheet", str(path))
    assert (code, "Added 1 item, with warnings: a.csv, row 2: " in out) == (0, True), out
    path.write_text("plan,num\ncount,[1\n")
    code, _, said = qserver("queue", "add", "spreadsheet", str(path))
    assert (code, "a.csv, row 2, column B (num): '[1': " in said) == (1, True), said


def test_an_empty_spreadsheet_is_written_once(qs_manager, qserver, tmp_path):
    qs_manager.answers.clear()
    qs_manager.open()
    path = str(tmp_path / "count.xlsx")
    code, out, _ = qserver("spreadsheet", "count", path)
    assert (code, out.startswith(f"Wrote {path}. Fill in a row")) == (0, True)
    assert qserver("spreadsheet", "count", path)[::2] == (
        1,
        f"{path} already exists. Remove it, or choose another name\n",
    )
    assert "did you mean 'count'?" in qserver("spreadsheet", "cuont")[2]


def test_the_monitor_shows_what_changed():
    before = {"manager_state": "idle", "items_in_queue": 1, "time": "1", "status_uid": "a"}
    after = {"manager_state": "idle", "items_in_queue": 0, "time": "2", "status_uid": "b"}
    assert changes(before, after) == {"items_in_queue": 0}


def process(*arguments, **environment):
    environment = {**os.environ, **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "bluesky_qs", "qserver", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_monitor_follows_the_service_until_interrupted(accepting):
    monitor = process("--json", "monitor", "-a", accepting.control, "--zmq-info-addr", accepting.info)
    arrived = threading.Event()

    def read():
        for line in monitor.stdout:
            if json.loads(line).get("items_in_queue") == 1:
                arrived.set()

    reader = threading.Thread(target=read)
    reader.start()
    accepting.wait_subscribed()
    accepting.wait_asked("status")
    accepting.answers.clear()
    accepting.add("count", ["det1"])
    assert arrived.wait(20)
    monitor.send_signal(signal.SIGINT)
    assert monitor.wait(20) == 0
    reader.join()
    monitor.stderr.close()
    monitor.stdout.close()


def test_the_command_is_also_one_of_the_package(accepting):
    done = process("status", QSERVER_ZMQ_CONTROL_ADDRESS=accepting.control)
    out, err = done.communicate(timeout=20)
    assert (done.returncode, err) == (0, "")
    assert "'manager_state': 'idle'" in out


@pytest.mark.parametrize("words", [["-h"], ["status"]])
def test_what_a_terminal_cannot_show_is_no_error(accepting, words):
    accepting.answers["status"] = {"msg": "5 µm …", "manager_state": "idle"}
    done = process(*words, "-a", accepting.control, PYTHONIOENCODING="ascii")
    _, err = done.communicate(timeout=20)
    assert (done.returncode, err) == (0, "")


def test_a_file_that_is_not_there_is_told_in_one_line(accepting, qserver):
    assert qserver("script", "upload", "/no/such/file")[2].count("\n") == 1


def test_a_command_that_does_not_exist_is_told():
    done = subprocess.run(
        [sys.executable, "-m", "bluesky_qs", "qservr"], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert "start-re-manager" in done.stderr
