"""Questions of user code, without a process around them."""

import builtins
import contextlib
import getpass
import pdb  # noqa: T100 - under test
import select
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from bluesky_qs.errors import NotFound
from bluesky_qs.startup import imports
from bluesky_qs.worker.prompts import LONGEST, PATIENCE, InputRefused, Prompts
from bluesky_qs.worker.report import Reports


@pytest.fixture
def reports():
    return Reports()


@pytest.fixture
def installed(reports, monkeypatch):
    """``installed(policy)``: what `Prompts` puts in the place of Python's own is taken back after the test."""
    changed = ((builtins, "input"), (getpass, "getpass"), (sys, "stdin"), (sys, "breakpointhook"), (pdb, "set_trace"))
    for owner, name in changed:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.delitem(sys.modules, "bluesky.utils", raising=False)

    def install(policy):
        prompts = Prompts(reports)
        prompts.install(policy)
        return prompts

    yield install
    imports.forget("bluesky.utils")
    imports.forget("pdb")


@pytest.fixture
def thread():
    with ThreadPoolExecutor() as threads:
        yield threads.submit


def asked(reports):
    """The question in the state, as soon as it is there."""
    while reports.state.input is None:
        assert select.select([reports.wakeup], [], [], 5)[0]
    return reports.state.input


def test_a_refusal_is_logged_if_the_code_hides_it(installed, caplog):
    installed("error")
    with contextlib.suppress(EOFError):
        input("Name? ")
    assert "input() asks 'Name? ': refused (--worker-input error)" in caplog.text


def test_refusal_is_the_end_of_a_file_to_code_that_expects_one(installed):
    installed("error")
    with pytest.raises(EOFError, match=r"^input\(\) asks 'Name\? ', and nobody can answer.* --worker-input error\."):
        input("Name? ")
    with pytest.raises(InputRefused, match=r"^Reading from sys\.stdin asks for input"):
        next(sys.stdin)


def test_empty_answers_end_a_loop_over_standard_input(installed):
    installed("default")
    assert [*sys.stdin, sys.stdin.read(), sys.stdin.readlines(), input(), getpass.getpass()] == ["", [], "", ""]


def test_standard_input_still_has_a_file_descriptor_for_processes_that_inherit_it(installed):
    installed("error")
    assert sys.stdin.fileno() == 0
    assert sys.stdin.readable()
    assert not sys.stdin.isatty()


def test_lines_are_cut_to_the_requested_length(installed, reports, thread):
    prompts = installed("ask")
    answer = thread(sys.stdin.readline, 3)
    prompts.reply(asked(reports).input_uid, "abcdef")
    assert answer.result(5) == "abc"


def test_question_is_shown_as_far_as_it_can_be_sent(installed, reports, thread):
    prompts = installed("ask")
    answer = thread(input, "\ud800" + "x" * 5000)
    question = asked(reports)
    assert question.prompt.startswith("\\ud800xxx")
    assert len(question.prompt) == LONGEST
    prompts.reply(question.input_uid, "")
    assert answer.result(5) == ""


def test_pause_leaves_the_questions_of_tasks_alone(installed, reports, thread):
    prompts = installed("ask")
    answer = thread(prompts.of_task, "task-1", input)
    question = asked(reports)
    prompts.cancel("a pause", all_of_them=False)
    assert reports.state.input == question
    prompts.cancel("the end")
    assert reports.state.input is None
    with pytest.raises(InputRefused, match="was canceled: the end"):
        answer.result(5)


def test_a_reply_without_a_prompt_is_refused(installed):
    with pytest.raises(NotFound, match="'q1'"):
        installed("ask").reply("q1", "yes")


def test_a_debugger_is_refused_by_name_if_nobody_can_answer(installed):
    installed("error")
    for ask, name in ((pdb.set_trace, "pdb.set_trace()"), (breakpoint, "breakpoint()")):
        with pytest.raises(InputRefused) as refused:
            ask()
        assert str(refused.value).startswith(f"{name} asks for input, and nobody can answer")


def test_debugger_does_not_wait_where_empty_texts_are_answers(installed):
    installed("default")
    assert pdb.set_trace() is None  # noqa: T100 - under test


def test_code_that_does_not_accept_an_empty_reply_does_not_loop_forever(installed):
    installed("default")
    answers = []
    with pytest.raises(InputRefused, match=r"^input\(\) asks 'Sample\? ' repeatedly, because it does not accept"):  # noqa: PT012 - a loop as users write it
        while not (name := input("Sample? ")):
            answers.append(name)
    assert answers == [""] * PATIENCE
    assert input("Sample name? ") == ""  # another question is another matter
