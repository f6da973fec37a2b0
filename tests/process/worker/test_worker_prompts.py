"""Questions of user code in a real worker process: refused, passed over, or answered by the manager."""

import json

import pytest

from bluesky_qs.errors import NotFound
from bluesky_qs.ipc.commands import ContinuePlan, OpenEnvironment, PausePlan, ReplyInput, StartupSpec
from bluesky_qs.ipc.reports import EnvironmentOpened, PlanEnded, StateChanged, TaskEnded

CODE = """
import getpass, sys
import bluesky.plan_stubs as bps

answers = []

def asking():
    yield from bps.open_run()
    answers.append(input("Is the sample loaded? "))
    yield from bps.close_run()

def asking_bluesky():
    yield from bps.checkpoint()
    answers.append((yield from bps.input_plan("Which sample? ")))

def quiet():
    yield from bps.null()

def ask(prompt=""):
    return input(prompt)

def password():
    return len(getpass.getpass("Token: "))

def read():
    return [sys.stdin.readline(), sys.stdin.isatty()]

def lines():
    return list(sys.stdin)

def ask_in_fork():
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(ask, ("Who is there? ",))

def debug():
    breakpoint()
    return "went on"

def without_answer():
    try:
        return input()
    except EOFError:
        return "as in a batch job"

def what_was_answered():
    return answers
"""


def value(done):
    assert done.success, done.message
    return json.loads(done.return_value)


async def asked(driver, before=None):
    """The question that waits, another one than that before."""
    changed = await driver.wait(StateChanged, lambda r: r.state.input not in (None, before))
    return changed.state.input


async def answered(driver, text, before=None):
    """Answer the next question; the question comes back."""
    question = await asked(driver, before)
    await driver.ask(ReplyInput(question.input_uid, text))
    return question


# ------------------------------------------------------------------------------------------------------------ error
async def test_a_question_is_an_error_at_once_that_names_the_policy_and_the_option(worker):
    driver = worker(CODE)
    await driver.open()
    done = await driver.run("asking")
    assert done.exit_status == "failed"
    assert "input() asks 'Is the sample loaded? '" in done.message
    assert "--worker-input error" in done.message
    assert "--worker-input ask" in done.message
    assert 'answers.append(input("Is the sample loaded? "))' in done.traceback
    assert (await driver.run("asking_bluesky", uid="item-2")).exit_status == "failed"


@pytest.mark.parametrize(
    ("function", "expected_text"),
    [
        ("ask", "input() asks for input"),
        ("password", "getpass() asks 'Token: '"),
        ("read", "Reading from sys.stdin"),
        ("lines", "Reading from sys.stdin"),
        ("debug", "breakpoint()"),
    ],
)
async def test_whatever_reads_from_a_terminal_is_refused(worker, function, expected_text):
    driver = worker(CODE)
    await driver.open()
    done = await driver.function(function)
    assert not done.success
    assert expected_text in done.message


async def test_code_that_can_do_without_an_answer_sees_the_end_of_a_file(worker):
    driver = worker(CODE)
    await driver.open()
    assert value(await driver.function("without_answer")) == "as in a batch job"


# ---------------------------------------------------------------------------------------------------------- default
async def test_questions_are_passed_over_with_an_empty_text(worker):
    driver = worker(CODE)
    await driver.open(input_policy="default")
    for function, result in [("ask", ""), ("password", 0), ("read", ["", False]), ("lines", []), ("debug", "went on")]:
        assert value(await driver.function(function, uid=function)) == result
    assert (await driver.run("asking")).exit_status == "completed"
    assert (await driver.run("asking_bluesky", uid="item-2")).exit_status == "completed"
    assert value(await driver.function("what_was_answered", uid="last")) == ["", ""]
    assert "input() asks 'Is the sample loaded? ': answered with an empty string" in driver.text()


# -------------------------------------------------------------------------------------------------------------- ask
async def test_a_plan_continues_with_the_reply_to_its_prompt(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start("asking")
    question = await asked(driver)
    assert (question.prompt, question.item_uid, question.task_uid) == ("Is the sample loaded? ", "item-1", None)
    assert (await driver.attach()).state.input == question
    await driver.ask(ReplyInput(question.input_uid, "yes"))
    done = await driver.wait(PlanEnded)
    assert (done.exit_status, done.state.input) == ("completed", None)
    assert value(await driver.function("what_was_answered")) == ["yes"]
    assert "Is the sample loaded? \n" in driver.text()
    assert f"qserver input reply {question.input_uid} TEXT" in driver.text()


async def test_an_answer_is_taken_once(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start_function("ask")
    question = await answered(driver, "mine")
    with pytest.raises(NotFound, match=question.input_uid):
        await driver.ask(ReplyInput(question.input_uid, "mine too"))
    assert value(await driver.wait(TaskEnded)) == "mine"


async def test_a_plan_that_asks_with_blueskys_own_message_can_be_paused_and_asks_again(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start("asking_bluesky")
    first = await asked(driver)
    assert first.prompt == "Which sample? "
    await driver.ask(PausePlan("immediate"))
    paused = await driver.wait(StateChanged, lambda r: r.state.engine == "paused")
    assert paused.state.input is None
    await driver.ask(ContinuePlan("resume"))
    second = await answered(driver, "the red one")
    assert second.input_uid != first.input_uid
    assert (await driver.wait(PlanEnded)).exit_status == "completed"


async def test_an_immediate_pause_ends_a_question_for_which_the_run_engine_stands_still(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start("asking")
    await asked(driver)
    await driver.ask(PausePlan("immediate"))
    done = await driver.wait(PlanEnded)
    assert done.exit_status == "failed"
    assert "'Is the sample loaded? ' was canceled: an immediate pause was requested" in done.message
    assert (await driver.run("quiet", uid="item-2")).exit_status == "completed"


async def test_passwords_are_neither_shown_nor_logged(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start_function("password")
    question = await answered(driver, "correct horse")
    assert question.secret
    assert question.prompt == "Token: "
    assert value(await driver.wait(TaskEnded)) == len("correct horse")
    assert "Token: " in driver.text()
    assert "horse" not in driver.text()


async def test_a_forked_process_cannot_ask_and_does_not_wait(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    done = await driver.function("ask_in_fork")
    assert "'Who is there? ', but a process forked by the worker cannot ask clients" in done.message


async def test_lines_of_standard_input_are_requested_from_clients(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start_function("read")
    await answered(driver, "a line")
    assert value(await driver.wait(TaskEnded)) == ["a line\n", False]


async def test_several_questions_are_shown_one_after_the_other_each_with_who_asks(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start_function("ask", "first", uid="a", background=True)
    first = await asked(driver)
    await driver.start_function("ask", "second", uid="b", background=True)
    await driver.start("asking")
    assert (first.prompt, first.task_uid, first.item_uid) == ("first", "a", None)
    await driver.ask(ReplyInput(first.input_uid, "1"))
    others, question = {}, first
    for _ in range(2):
        question = await answered(driver, "2", before=question)
        others[question.prompt] = (question.task_uid, question.item_uid)
    assert others == {"second": ("b", None), "Is the sample loaded? ": (None, "item-1")}


async def test_closing_cancels_the_question_of_a_background_task(worker):
    driver = worker(CODE)
    await driver.open(input_policy="ask")
    await driver.start_function("ask", "for ever?", background=True)
    await asked(driver)
    await driver.close()
    assert await driver.exit_code() == 0


async def test_startup_code_may_ask(worker):
    driver = worker("name = input('Beamline? ')")
    await driver.attach()
    startup = StartupSpec(directory=str(driver.directory))
    await driver.ask(OpenEnvironment(startup, b'{"user_groups": {"root": {}}}', input_policy="ask"))
    question = await answered(driver, "XYZ")
    assert (question.prompt, question.item_uid, question.task_uid) == ("Beamline? ", None, None)
    assert (await driver.wait(EnvironmentOpened)).state.input is None
