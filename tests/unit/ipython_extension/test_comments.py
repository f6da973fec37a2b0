"""Lines that end in a comment."""

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.testing import Ask
from ipython_extension.words.free_text import without_comment
from ipython_extension.words.magics import help_lines


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("queue # why", "queue"),
        ("queue  #", "queue"),
        ("# nothing but a comment", ""),
        ("add count([det1])# at once", "add count([det1])"),
        ("add count([det1], md={'a': '# 1'}) # 2", "add count([det1], md={'a': '# 1'})"),
        ('add count([det1]) --md sample="# 1"', 'add count([det1]) --md sample="# 1"'),
        ("add count([det1]) --md sample=Si#1", "add count([det1]) --md sample=Si#1"),
        ("lock queue '# 1' # until 2", "lock queue '# 1'"),
        ("lock queue sample #7 # until 2", "lock queue sample #7"),
        ("lock queue sample #7", "lock queue sample #7"),
        ("lock all # until 2", "lock all"),
        ("answer # 1", "answer # 1"),
        ("answer yes # or no", "answer yes # or no"),
        ("input reply uid # 1", "input reply uid # 1"),
        ("queue get # the form of qserver", "queue get"),
        ("queue", "queue"),
    ],
)
def test_a_comment_is_left_out_unless_it_is_in_a_string_or_an_answer(line, rest):
    assert without_comment(line) == rest


@pytest.mark.parametrize(
    "line",
    ["open", "add count([det1])", "queue", "queue get", "history", "plans c*", "plan count", "mode loop on", "update",
     "check count([det1])", "log -n 3", "autostart off", "help add", "add?", ""],
)  # fmt: skip
def test_any_line_may_end_in_a_comment(qs, opened, line):
    assert qs(f"{line}  # it's a 'comment' (open [bracket)") is not None


def test_a_comment_after_a_semicolon_still_hides_the_result(qs, opened):
    assert qs("queue;  # quiet") is None


def test_an_answer_keeps_its_number_sign(qs, opened):
    opened.worker.on_script(Ask())
    opened.do("script_upload", script="input()")
    opened.wait_until(lambda status: status["input_pending"])
    qs("answer sample # 7")
    assert opened.worker.replies == ["sample # 7"]


def test_the_first_line_of_a_cell_may_end_in_a_comment(shell, opened):
    shell.run_cell("%%qs add --front  # first\ncount([det1])  # one\n# none\n", store_history=False).raise_error()
    assert opened.asked("queue_item_add_batch")[0]["pos"] == "front" if opened.asked("queue_item_add_batch") else True
    assert len(opened.do("queue_get")["items"]) == 1


def test_a_question_in_a_comment_is_no_request_for_help(shell, opened):
    assert help_lines(["%qs queue # why is it empty?\n"]) == ["%qs queue # why is it empty?\n"]
    result = shell.run_cell("%qs queue # why is it empty?", store_history=False)
    result.raise_error()
    assert pretty(result.result).startswith("The queue is empty")
