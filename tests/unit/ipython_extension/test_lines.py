"""Lines as people type them, where a shell or Python would want them otherwise."""

import sys

import numpy as np
import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs import errors
from bluesky_qs.testing import Ask, Fail, Wait
from bluesky_qs.words.forms import QSERVER
from ipython_extension.live.progress_output import Terminal
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.tables import wrapped
from ipython_extension.words.vocabulary import WORDS

FAILED = {"exit_status": "failed", "msg": "no beam"}
_COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}


def usage_error(qs, line):
    with pytest.raises(UsageError) as caught:
        qs(line)
    return str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        """queue add plan '{"name": "count", "args": [["det1"]]}'""",
        """queue add plan {"name": "count", "args": [["det1"]]}""",
        """queue add plan {'name': 'count', 'args': [['det1']]}""",
        """call queue_item_add item={'item_type': 'plan', 'name': 'count', 'args': [['det1']]}""",
        """call queue_item_add item='{"item_type": "plan", "name": "count", "args": [["det1"]]}'""",
    ],
)
def test_brackets_need_no_quotes_here(qs, qs_manager, line):
    qs(line)
    assert qs_manager.asked("queue_item_add")[0]["item"] == _COUNT


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("lock all it's mine, don't touch", "it's mine, don't touch"),
        ("lock queue don't (back at 3)", "don't (back at 3)"),
        ('lock environment "it\'s aligning; the mirror"', "it's aligning; the mirror"),
        ("lock env back (soon", "back (soon"),
        ("lock environment back at  15:00", "back at  15:00"),
        ("lock env queue is mine", "queue is mine"),
        ("lock all who knows why?", "who knows why?"),
        ("lock environment back soon -k secret", "back soon"),
        ("lock env back soon -k secret", "back soon"),
        ("lock -k secret", None),
    ],
)
def test_an_apostrophe_in_a_note_is_one(qs, qs_manager, line, note):
    qs(line)
    assert qs_manager.asked("lock")[0].get("note") == note


@pytest.mark.parametrize("part", ["env", "environment", "queue", "all"])
@pytest.mark.parametrize("note", ["environment", "queue", "all", "info", "'queue'"])
@pytest.mark.parametrize("options", ["", " -k secret"])
def test_a_note_that_may_be_part_of_the_command_is_refused(qs, qs_manager, part, note, options):
    assert "To lock the environment and the queue: lock all" in usage_error(qs, f"lock {part} {note}{options}")
    assert not qs_manager.asked("lock")


@pytest.mark.parametrize("command", ["answer", "input reply {uid}"])
@pytest.mark.parametrize("text", ["yes", "-v is fine", "two  blanks", "--json -k key", "really?", "?", "it's", "lock"])
def test_the_rest_of_the_line_is_the_answer(qs, opened, command, text):
    opened.worker.on_script(Ask("Ready?"))
    opened.do("script_upload", script="x")
    uid = opened.wait_until(lambda status: status["input_pending"])["input_pending"]["input_uid"]
    qs(f"{command.format(uid=uid)} {text}")
    opened.wait_idle()
    assert opened.worker.replies == [text]


@pytest.mark.parametrize("line", ["lock?", "lock env?", "answer?", "input reply?"])
def test_a_question_mark_after_a_command_asks_for_help(qs, qs_manager, line):
    assert line.split()[0].rstrip("?") in pretty(qs(line))
    assert qs_manager.requests == []


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("queue add plan {'name': ['count'}", "'}' does not close '['"),
        ("call status x='abc", "The string is never closed"),
        ("remove 0", "did you mean 'rm'?"),
        ("histroy", "Unknown %qs command 'histroy' (did you mean 'history'?)"),
        ("destory", "Unknown %qs command 'destory' (did you mean 'destroy'"),
        ("wait 3 min", "wait takes one item. Write a time limit without a space: 3m"),
        ("wait 90 seconds", "Write a time limit without a space: 90s"),
        ("queue item foo", "Unexpected argument 'foo' after 'queue item'"),
        ("queue item", "Command 'queue item' is incomplete"),
        ("env open", "did you mean 'environment'?"),
        ("move 0 somewhere", "Expected front, back, a position, before ID or after ID, not 'somewhere'"),
        ("history -n 0", "-n takes a number of 1 or more, not 0"),
        ("history 3", "Expected KEY=VALUE"),
        ("log -n -1", "-n takes a number of 1 or more, not -1"),
        ("func sleep", "Write a function call: sleep(…)"),
    ],
)
def test_a_bad_line_is_explained(qs, qs_manager, line, hint, plan):
    qs_manager.fill([plan("count", "uid-aaaa")])
    assert hint in usage_error(qs, line)


@pytest.mark.parametrize("word", ["run", "check"])
def test_a_second_plan_is_pointed_at(qs, word):
    printed = usage_error(qs, f"{word} count([det1]) scan([det1])").splitlines()
    assert printed[2].index("^") == printed[1].index("scan(")


def test_a_cell_needs_a_word_behind_the_magic(shell, qs_manager):
    with pytest.raises(UsageError, match="Expected %%qs add or %%qs script\n    %%qs"):
        shell.run_cell_magic("qs", "", "add count([det1])")
    assert not qs_manager.asked("queue_item_add")


def test_positions_may_be_parted_by_commas(qs, qs_manager, plan):
    qs_manager.fill([plan("count", f"uid-{at}aaa") for at in range(4)])
    qs("queue")
    qs("rm 0,1, 3")
    assert qs_manager.asked("queue_item_remove_batch")[0]["uids"] == ["uid-0aaa", "uid-1aaa", "uid-3aaa"]


def test_an_array_without_its_dollar_is_noticed(shell, qs):
    shell.user_ns |= {"x": np.arange(3.0), "scan": object()}
    assert "To use this session's variable, write $x" in usage_error(qs, "add scan([det1], motor, x)")
    assert "Attributes are not evaluated" in usage_error(qs, "add scan([det1], motor, x.T)")


def test_variables_of_a_script_are_seen_in_its_functions(shell, qs_manager, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "delay = 0.5\n"
        "def queue():\n"
        "    n = 7\n"
        "    get_ipython().run_line_magic('qs', 'add count([det1], num={n + 1}, delay=$delay)')\n"
        "queue()\n"
    )
    shell.run_cell(f"%run {script}").raise_error()
    assert qs_manager.asked("queue_item_add")[0]["item"]["kwargs"] == {"num": 8, "delay": 0.5}


def test_names_below_a_listed_device_are_left_to_the_service(qs, qs_manager):
    qs("add count([motor.setpoint, motor.setpoint.deeper, det1.val])")
    assert qs_manager.asked("queue_item_add")


@pytest.mark.parametrize(
    ("line", "method"), [("add bp.count([det1])", "queue_item_add"), ("run RE(bp.count([det1]))", "queue_item_execute")]
)
def test_a_plan_with_its_module_is_explained(shell, opened, capsys, line, method):
    shell.run_cell("%qs queue")
    shell.run_cell(f"%qs {line}")
    assert opened.asked(method)
    printed = capsys.readouterr().out.splitlines()[-3:]
    assert printed[0].endswith("The service knows this plan as count; leave out bp.")
    assert printed[2] == " " * printed[1].index("bp.count") + "^" * len("bp.count")


def test_a_refused_lock_leaves_no_key_behind(shell, qs, qs_manager):
    manager = shell.user_ns["RM"]
    qs_manager.do("lock", lock_key="k", queue=True, user="bob")
    for line in ("lock all", "lock queue"):
        with pytest.raises(errors.Locked):
            qs(line)
    with pytest.raises(errors.BadParams, match="Request contains no lock key"):
        qs("unlock")
    assert (manager.read_default_lock_key(), manager.lock_key) == (None, None)
    qs_manager.do("unlock", lock_key="k")
    qs("lock all")
    assert manager.read_default_lock_key() == manager.lock_key is not None
    qs("unlock")


def test_without_a_key_unlock_says_whom_to_ask(shell, qs_manager, capsys):
    qs_manager.do("lock", lock_key="k", queue=True, user="bob")
    shell.run_cell("%qs unlock")
    asked = 'Ask bob to unlock. If you have the key: RM.lock_key = "…"'
    assert " ".join(capsys.readouterr().out.split()).endswith(f"This session has no key for the lock. {asked}")
    qs_manager.do("unlock", lock_key="k")
    shell.run_cell("%qs unlock")
    assert "Nothing is locked, and this session has no lock key." in capsys.readouterr().out


def test_a_lock_whose_key_cannot_be_kept_can_be_unlocked_here(shell, qs, tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    shell.user_ns["RM"].default_lock_key_path = tmp_path / "gone" / "key.txt"
    with pytest.raises(errors.ConfigError, match="Cannot write the lock key") as caught:
        qs("lock all")
    assert caught.value.__notes__ == [
        "The service is locked. Only this session has the key, so unlock it here (%qs unlock)."
    ]
    qs("unlock")


def test_a_lock_is_shown_with_user_and_reason(shell, qs_manager, capsys):
    qs_manager.do("lock", lock_key="k", environment=True, queue=True, user="bob", note="beamtime 42")
    shell.run_cell("%qs clear")
    shown = capsys.readouterr().out
    assert shown.startswith("Refused: The environment and the queue have been locked by bob since ")
    assert shown.endswith(': beamtime 42. Ask bob to unlock. If you have the key: RM.lock_key = "…"\n')
    assert "True" not in shown


def test_autostart_without_argument_shows_its_state(qs, qs_manager):
    qs_manager.do("queue_autostart", enable=True)
    assert pretty(qs("autostart")) == "Autostart is on."
    assert not qs_manager.asked("queue_autostart")


def test_no_plan_is_explained(qs, qs_manager):
    assert pretty(qs("plans COUNT*")) == "No plan matches 'COUNT*' (did you mean 'count' or 'count_bundle_test'?)."
    qs_manager.answers["plans_allowed"] = {"plans_allowed": {}, "plans_allowed_uid": "p1"}
    assert "Open the environment first (%qs open)" in pretty(qs("plans"))


def test_markup_of_docstrings_is_not_shown(qs, update):
    printed = (
        "Hook, see :func:`bluesky.plan_stubs.one_nd_step` (the default), of ``motor``.\n.. code-block:: python\n  a"
    )
    kind = {"name": "POSITIONAL_OR_KEYWORD"}
    parameters = [{"name": "n", "kind": kind, "description": printed}]
    update(plans={"count": {"name": "count", "description": printed, "parameters": parameters}})
    shown = " ".join(pretty(qs("plan count")).split())
    assert shown.count("see bluesky.plan_stubs.one_nd_step (the default), of motor. a") == 2
    assert "`" not in shown
    assert "::" not in shown


def test_a_wait_shows_the_plans_since_the_start_even_if_they_have_ended(qs, opened, plan):
    opened.worker.on_plan("count", Fail("no beam"))
    opened.fill([plan("count", "uid-bbbb", ["det1"])], [plan("scan", "uid-aaaa") | {"result": FAILED}])
    qs("start")
    opened.wait_until(lambda status: status["items_in_history"] == 2 and status["manager_state"] == "idle")
    with pytest.raises(NotDone) as error:
        qs("wait")
    printed = pretty(error.value.view)
    assert "1 plan failed" not in printed
    assert "count([det1])" in printed
    assert "no beam" in printed
    assert "scan()" not in printed
    assert "count([det1])" not in pretty(qs("wait"))


def test_a_wait_that_shows_no_table_does_not_change_what_positions_mean(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa")], [plan("scan", "uid-bbbb")])
    qs("queue")
    qs("wait")
    assert qs("item 0")["item_uid"] == "uid-aaaa"


@pytest.mark.parametrize(("word", "method"), [("abort", "re_abort"), ("finish", "re_stop"), ("resume", "re_resume")])
def test_a_plan_that_is_about_to_pause_is_waited_for(qs, opened, at_looks, word, method):
    opened.worker.on_plan("count", Wait(), Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    opened.do("re_pause", option="deferred")
    if word == "resume":  # the others pause the plan at once
        at_looks(lambda _: opened.worker.proceed())
    qs(word)
    assert opened.asked(method) == [{"user": "ada"}]


def test_the_name_of_the_client_has_to_be_one(shell, caplog):
    shell.run_line_magic("config", "QSMagics.name = '3x'")
    assert "must be a variable name, not '3x'" in caplog.text
    assert "RM" in shell.user_ns


@pytest.mark.usefixtures("qs_manager")
def test_another_group_has_to_exist(qs, shell):
    with pytest.raises(shell.user_ns["RM"].RequestFailedError, match="Unknown user group"):
        qs("connect --group nogroup")
    assert shell.user_ns["RM"].user_group == "admin"


@pytest.mark.parametrize(
    ("address", "expected_text"), [("host:port", "is not a number"), ("udp://host", "is not an address")]
)
def test_an_invalid_address_is_an_error(qs, qs_manager, address, expected_text):
    with pytest.raises(Exception, match=expected_text):
        qs(f"connect {address}")
    assert not qs_manager.requests


def test_in_a_terminal_lines_are_broken_at_blanks(shell, opened, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shell.run_cell("%qs add count([dett1])")
    opened.do("queue_mode_set", mode={"loop": True})
    opened.do("queue_autostart", enable=True)
    opened.do("lock", lock_key="k", queue=True, user="bob")
    shell.run_cell("%qs status")
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).splitlines()
    assert len(lines) == 8
    assert max(map(len, lines)) <= 80
    assert "queue locked." in lines
    assert [line for line in lines if line.startswith("Locked (queue) by bob since ")]


def test_a_line_as_wide_as_the_terminal_is_broken_behind_the_prompt(shell, running, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shell.run_cell("%qs pause now")
    out = capsys.readouterr().out
    assert "%qs resume resumes the plan" in " ".join(out.split())
    assert 1 < max(map(len, out.splitlines())) <= 80


def test_broken_lines_keep_their_indent_and_long_words():
    text = f"  metadata {'x' * 12} and more\nshort"
    assert wrapped(text, 20) == f"  metadata\n  {'x' * 12} and\n  more\nshort"


def test_the_terminals_interrupt_mark_fits_behind_the_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    Terminal().say("x" * 200)
    assert len(capsys.readouterr().out.strip("\r")) + len("^C") < 80


def test_only_five_words_begin_lines_of_the_prompt_and_of_qserver():
    assert set(WORDS) & {form.words[0] for form in QSERVER.forms} == {"queue", "history", "lock", "start", "log"}


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("queue", "item_check"),  # the prompt's queue also says which plans could not run now
        ("queue get", "queue_get"),
        ("history --failed", "history_get"),
        ("history get 1", "history_get"),
        ("lock", "lock"),
        ("lock env aligning", "lock"),
        ("lock environment aligning", "lock"),
        ("lock info", "lock_info"),
        ("start", "queue_start"),
        ("start --json", "queue_start"),
        ("start -k secret", "queue_start"),
        ("--json queue get", "queue_get"),
    ],
)
def test_a_word_of_both_is_taken_by_what_follows_it(qs, opened, line, method):
    opened.add("count", ["det1"])
    qs(line)
    assert method in opened.methods
