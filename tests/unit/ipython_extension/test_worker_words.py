"""Words that run code in the worker, lock, and show the console: from a typed line to the request."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import NotFound, QSError
from bluesky_qs.testing import Ask, Fail, NewLists, Return
from ipython_extension.shown.error_rendering import NotDone


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / ".config" / "qserver" / "default_lock_key.txt"


def test_a_parameter_of_a_queued_plan_is_changed(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa", ["det1"], num=3)])
    assert pretty(qs("edit 0 num=5 --md sample='Si 111'")) == (
        "Changed at position 0: count([det1], num=5) --md sample='Si 111'"
    )
    (request,) = qs_manager.asked("queue_item_update")
    assert request["item"]["item_uid"] == "uid-aaaa"
    assert request["item"]["meta"] == {"sample": "Si 111"}


def test_a_parameter_given_by_its_position_is_changed_there(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa", ["det1"], 3)])
    assert pretty(qs("edit 0 num=5 detectors=[motor]")) == "Changed at position 0: count([motor], 5)"


def test_the_item_that_is_shown_is_the_one_that_is_there_now(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa", ["det1"], 3)])
    qs("queue")
    qs("edit 0 num=5")
    assert qs("item 0")["args"] == [["det1"], 5]


def test_an_edit_without_a_value_shows_the_expected_form(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa")])
    with pytest.raises(UsageError, match="Expected NAME=VALUE, or the whole plan"):
        qs("edit 0")
    with pytest.raises(UsageError, match="Expected a value"):
        qs("edit 0 num= 5")


def test_a_function_returns_its_value(qs, opened):
    opened.worker.on_function("function_sleep", Return({"x": 1}))
    assert qs("func function_sleep('motor', n=2)") == {"x": 1}
    item = {"item_type": "function", "name": "function_sleep", "args": ["motor"], "kwargs": {"n": 2}}
    (request,) = opened.asked("function_execute")
    assert (request["item"], request["run_in_background"]) == (item, False)


def test_a_function_that_fails_is_an_error_with_its_traceback(qs, opened):
    opened.worker.on_function("function_sleep", Fail("ValueError: no", "Traceback…\n"))
    with pytest.raises(NotDone, match=r"function_sleep\(\): ValueError: no") as caught:
        qs("func function_sleep()")
    assert caught.value.detail == "Traceback…\n"


def test_a_task_in_the_background_is_not_waited_for(qs, opened):
    answer = qs("func function_sleep() --background")
    assert f"%qs task result {answer['task_uid'][:8]}" in pretty(answer)
    assert opened.asked("task_result") == []


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("", {"update_re": False, "update_lists": True, "run_in_background": False}),
        ("--update-re --keep-lists", {"update_re": True, "update_lists": False, "run_in_background": False}),
        ("--background", {"update_re": False, "update_lists": True, "run_in_background": True}),
    ],
)
def test_a_cell_is_run_as_a_script(shell, opened, options, sent):
    shell.run_cell(f"%%qs script {options}\nx = '{{1}} $y'\n%time\n").raise_error()
    assert opened.asked("script_upload") == [{"script": "x = '{1} $y'\n%time\n", "user": "ada", **sent}]


def test_a_script_with_an_unknown_option_is_not_run(shell, qs_manager):
    result = shell.run_cell("%%qs script --backgrund\n1")
    assert "did you mean '--background'" in str(result.error_in_exec)
    assert qs_manager.asked("script_upload") == []


def test_a_function_of_the_session_is_pushed_and_can_be_queued(shell, qs, opened):
    shell.run_cell("def wiggle(n=3):\n    yield from []\n", store_history=True).raise_error()
    opened.worker.on_script(NewLists(plans={"wiggle": {"name": "wiggle"}}))
    assert pretty(qs("push wiggle")) == "wiggle can be queued now."
    assert "def wiggle(n=3):" in opened.asked("script_upload")[0]["script"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            "scan",
            "scan replaces the plan of the same name in the worker, for everybody, until the environment is opened",
        ),
        ("scan count", "scan, count replace the plans of the same name in the worker, for everybody, until"),
        ("motor", "motor replaces the device of the same name in the worker, for everybody, until"),
    ],
)
def test_a_push_says_what_it_replaces_for_everybody(shell, qs, opened, names, sentence):
    source = "".join(f"def {name}(n=3):\n    yield from []\n" for name in ("scan", "count")) + "motor = 3\n"
    shell.run_cell(source, store_history=True).raise_error()
    assert sentence in " ".join(pretty(qs(f"push {names}")).split())


def test_missing_names_are_shown_as_the_line_to_type(shell, qs, opened):
    shell.run_cell("n = 2\ndef f(): return n\n", store_history=True).raise_error()
    opened.worker.on_script(Fail("NameError: needed by the pushed definitions: n", "…"))
    with pytest.raises(NotDone, match=r"The worker has no n\. Push it too: %qs push n f") as caught:
        qs("push f")
    assert caught.value.detail == ""


def test_a_missing_name_that_this_session_does_not_have_is_a_misspelling(shell, qs, opened):
    shell.run_cell("def f(): return motr\n", store_history=True).raise_error()
    opened.worker.on_script(Fail("NameError: needed by the pushed definitions: motr", "…"))
    with pytest.raises(NotDone, match=r"Neither the worker nor this session has motr \(did you mean 'motor'"):
        qs("push f")


def test_a_call_is_pushed_by_its_name(qs):
    with pytest.raises(QSError, match=r"Give the name alone: %qs push f$"):
        qs("push f(1)")


def test_locking_takes_the_key_of_the_key_file_and_keeps_it(shell, qs, qs_manager, key_file):
    printed = pretty(qs("lock env 'mirror, back at 15:00'"))
    assert printed.startswith("Locked (environment) by you since ")
    assert printed.endswith(": mirror, back at 15:00.")
    key = key_file.read_text()
    (request,) = qs_manager.asked("lock")
    assert (request["lock_key"], request["environment"], request["note"]) == (key, True, "mirror, back at 15:00")
    assert shell.user_ns["RM"].lock_key == key
    qs("unlock")
    assert qs_manager.asked("unlock") == [{"lock_key": key}]


@pytest.mark.parametrize(
    ("line", "parts", "note"),
    [
        ("lock", {"environment": True, "queue": True}, None),
        ("lock all", {"environment": True, "queue": True}, None),
        ("lock queue mine for now", {"queue": True}, "mine for now"),
        ("lock environment", {"environment": True}, None),
    ],
)
def test_a_lock_is_on_what_the_line_names(shell, qs, qs_manager, line, parts, note):
    shell.user_ns["RM"].lock_key = "secret"
    qs(line)
    (request,) = qs_manager.asked("lock")
    assert {key for key in ("environment", "queue") if request.get(key)} == set(parts)
    assert (request.get("note"), request["lock_key"]) == (note, "secret")


def test_a_note_needs_what_is_locked_before_it(qs, qs_manager):
    with pytest.raises(UsageError, match="Expected env or environment or queue or all"):
        qs("lock 'my note'")
    assert qs_manager.asked("lock") == []


@pytest.mark.parametrize(
    "line",
    [
        'call queue_mode_set mode={"loop": true}',
        "call queue_mode_set mode={'loop': True}",
        """call queue_mode_set mode='{"loop": true}'""",
        """call queue_mode_set 'mode={"loop": true}'""",
    ],
)
def test_a_value_in_brackets_needs_no_quotes_and_may_have_them(qs, qs_manager, line):
    qs(line)
    assert [sent["mode"] for sent in qs_manager.asked("queue_mode_set")] == [{"loop": True}]


def test_the_log_shows_the_last_lines_as_a_terminal_would(qs, qs_manager):
    for text in ("one\ntwo\n", "10%\r90%\r", "done\n"):
        qs_manager.say(text)
    assert pretty(qs("log -n 2")) == "two\ndone"
    assert qs("log").splitlines()[-3:] == ["one", "two", "done"]


@pytest.mark.parametrize("word", ["edit", "log", "func", "push", "load", "lock", "unlock", "call"])
def test_help_knows_the_word(qs, word):
    assert f"%qs {word}" in pretty(qs("help"))
    assert f"%qs {word}" in pretty(qs(f"help {word}"))


def test_help_for_a_cell_word(qs):
    assert "%%qs script [--background]" in pretty(qs("help script"))


def ask(manager, prompt, *, secret):
    manager.worker.on_script(Ask(prompt, secret))
    manager.do("script_upload", script="input()")
    manager.wait_until(lambda status: status["input_pending"])


def test_an_input_prompt_of_user_code_is_shown_and_answered(qs, opened, monkeypatch):
    with pytest.raises(NotFound, match="No user code is waiting for input"):
        qs("answer yes")
    ask(opened, "Shutter open? ", secret=False)
    assert "user code is waiting for input: 'Shutter open?' (%qs answer)" in pretty(qs("status"))
    qs("answer yes, it is")
    opened.wait_idle()
    ask(opened, "Password: ", secret=True)
    monkeypatch.setattr("ipython_extension.words.service.getpass", lambda prompt: f"typed at {prompt}")
    qs("answer")
    opened.wait_idle()
    assert opened.worker.replies == ["yes, it is", "typed at Password: "]
