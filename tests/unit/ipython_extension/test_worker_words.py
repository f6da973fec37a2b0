"""Words that run code in the worker, lock, and show the console: from a typed line to the request."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import NotFound
from ipython_extension.shown.error_rendering import NotDone


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / ".config" / "qserver" / "default_lock_key.txt"


def test_a_parameter_of_a_queued_plan_is_changed(qs, fake):
    fake.queue = [fake.plan("count", "uid-aaaa", ["det1"], num=3)]
    assert pretty(qs("edit 0 num=5 --md sample='Si 111'")) == "Changed at position 0: count([det1], num=5)"
    (request,) = fake.asked("queue_item_update")
    assert request["item"]["item_uid"] == "uid-aaaa"
    assert request["item"]["meta"] == {"sample": "Si 111"}


def test_a_parameter_given_by_its_position_is_changed_there(qs, fake):
    fake.queue = [fake.plan("count", "uid-aaaa", ["det1"], 3)]
    assert pretty(qs("edit 0 num=5 detectors=[motor]")) == "Changed at position 0: count([motor], 5)"


def test_the_item_that_is_shown_is_the_one_that_is_there_now(qs, fake):
    fake.queue = [fake.plan("count", "uid-aaaa", ["det1"], 3)]
    qs("queue")
    qs("edit 0 num=5")
    assert qs("item 0")["args"] == [["det1"], 5]


def test_an_edit_without_a_value_says_what_is_expected(qs, fake):
    fake.queue = [fake.plan("count", "uid-aaaa")]
    with pytest.raises(UsageError, match="NAME=VALUE is expected here"):
        qs("edit 0")
    with pytest.raises(UsageError, match="A value is expected here"):
        qs("edit 0 num= 5")


def test_a_function_returns_its_value(qs, fake):
    fake.task = {"return_value": {"x": 1}}
    assert qs("func position('motor', n=2)") == {"x": 1}
    item = {"item_type": "function", "name": "position", "args": ["motor"], "kwargs": {"n": 2}}
    (request,) = fake.asked("function_execute")
    assert (request["item"], request["run_in_background"]) == (item, False)


def test_a_function_that_fails_is_an_error_with_its_traceback(qs, fake):
    fake.task = {"success": False, "msg": "ValueError: no", "traceback": "Traceback…\n"}
    with pytest.raises(NotDone, match=r"position\(\): ValueError: no") as caught:
        qs("func position()")
    assert caught.value.detail == "Traceback…\n"


def test_a_task_in_the_background_is_not_waited_for(qs, fake):
    assert "%qs task result task-1" in pretty(qs("func position() --background"))
    assert fake.asked("task_result") == []


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("", {"update_re": False, "update_lists": True, "run_in_background": False}),
        ("--update-re --keep-lists", {"update_re": True, "update_lists": False, "run_in_background": False}),
        ("--background", {"update_re": False, "update_lists": True, "run_in_background": True}),
    ],
)
def test_a_cell_is_run_as_a_script(shell, fake, options, sent):
    shell.run_cell(f"%%qs script {options}\nx = '{{1}} $y'\n%time\n").raise_error()
    assert fake.asked("script_upload") == [{"script": "x = '{1} $y'\n%time\n", **sent}]


def test_a_script_with_an_unknown_option_is_not_run(shell, fake):
    result = shell.run_cell("%%qs script --backgrund\n1")
    assert "did you mean '--background'" in str(result.error_in_exec)
    assert fake.asked("script_upload") == []


def test_a_function_of_the_session_is_pushed_and_can_be_queued(shell, qs, fake):
    shell.run_cell("def scan(n=3):\n    yield from []\n", store_history=True).raise_error()
    assert pretty(qs("push scan")) == "scan can be queued now."
    assert "def scan(n=3):" in fake.asked("script_upload")[0]["script"]


def test_what_the_worker_lacks_is_told_as_the_line_to_type(shell, qs, fake):
    shell.run_cell("n = 2\ndef f(): return n\n", store_history=True).raise_error()
    fake.task = {"success": False, "msg": "NameError: needed by what is pushed: n", "traceback": "…"}
    with pytest.raises(NotDone, match=r"The worker has no n\. Push it too: %qs push n f") as caught:
        qs("push f")
    assert caught.value.detail == ""


def test_locking_takes_the_key_of_the_key_file_and_keeps_it(shell, qs, fake, key_file):
    assert pretty(qs("lock env 'mirror, back at 15:00'")) == "Locked (environment) by ada at now: mirror, back at 15:00"
    key = key_file.read_text()
    (request,) = fake.asked("lock")
    assert (request["lock_key"], request["environment"], request["note"]) == (key, True, "mirror, back at 15:00")
    assert shell.user_ns["RM"].lock_key == key
    qs("unlock")
    assert fake.asked("unlock") == [{"lock_key": key}]


@pytest.mark.parametrize(
    ("line", "parts", "note"),
    [
        ("lock", {"environment": True, "queue": True}, None),
        ("lock all", {"environment": True, "queue": True}, None),
        ("lock queue mine for now", {"queue": True}, "mine for now"),
        ("lock environment", {"environment": True}, None),
    ],
)
def test_a_lock_is_on_what_the_line_names(shell, qs, fake, line, parts, note):
    shell.user_ns["RM"].lock_key = "secret"
    qs(line)
    (request,) = fake.asked("lock")
    assert {key for key in ("environment", "queue") if request.get(key)} == set(parts)
    assert (request.get("note"), request["lock_key"]) == (note, "secret")


def test_a_note_needs_what_is_locked_before_it(qs, fake):
    with pytest.raises(UsageError, match="env or environment or queue or all is expected"):
        qs("lock 'my note'")
    assert fake.asked("lock") == []


@pytest.mark.parametrize(
    "line",
    [
        'call queue_mode_set mode={"loop": true}',
        "call queue_mode_set mode={'loop': True}",
        """call queue_mode_set mode='{"loop": true}'""",
        """call queue_mode_set 'mode={"loop": true}'""",
    ],
)
def test_a_value_in_brackets_needs_no_quotes_and_may_have_them(qs, fake, line):
    qs(line)
    assert fake.asked("queue_mode_set") == [{"mode": {"loop": True}}]


def test_the_log_shows_the_last_lines_as_a_terminal_would(qs, fake):
    messages = [{"msg": "one\ntwo\n", "seq": 1}, {"msg": "10%\r90%\r", "seq": 2}, {"msg": "done\n", "seq": 3}]
    fake.answers["console_get"] = {"messages": messages, "last": 3}
    assert pretty(qs("log -n 2")) == "two\ndone"
    assert qs("log").splitlines() == ["one", "two", "done"]


@pytest.mark.parametrize("word", ["edit", "log", "func", "push", "load", "lock", "unlock", "call"])
def test_help_knows_the_word(qs, word):
    assert f"%qs {word}" in pretty(qs("help"))
    assert f"%qs {word}" in pretty(qs(f"help {word}"))


def test_help_for_a_cell_word(qs):
    assert "%%qs script [--background]" in pretty(qs("help script"))


def test_a_question_of_running_code_is_told_and_answered(qs, fake, monkeypatch):
    with pytest.raises(NotFound, match="No running code asks anything"):
        qs("answer yes")
    fake.status["input_pending"] = {"input_uid": "q-1", "prompt": "Shutter open? ", "secret": False}
    assert "running code asks 'Shutter open?' (%qs answer)" in pretty(qs("status"))
    qs("answer yes, it is")
    fake.status["input_pending"]["secret"] = True
    monkeypatch.setattr("ipython_extension.words.service.getpass", lambda prompt: f"typed at {prompt}")
    qs("answer")
    assert [request["text"] for request in fake.asked("input_reply")] == ["yes, it is", "typed at Shutter open? "]
