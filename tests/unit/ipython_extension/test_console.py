"""The console while it prints: new output, and the output of one task."""

import pytest

from bluesky_qs.client.sync import REManagerAPI
from ipython_extension.live.console import ConsoleTail, TaskOutput

_BEGIN = "[I 2026-11-22 11:07:34,328 bluesky_qs.worker.tasks] Starting the task u-1: script\n"
_END = "[I 2026-11-22 11:07:34,639 bluesky_qs.worker.tasks] The task u-1 is completed\n"
_OTHER = "[I 2026-11-22 11:07:30,250 bluesky_qs.manager.worker.environment] Starting the RE Worker environment ...\n"


def test_only_the_lines_of_the_task_are_taken():
    output = TaskOutput("u-1")
    assert output.take(_OTHER + _BEGIN + "hello\n") == "hello\n"
    assert output.take("there\n" + _END + _OTHER) == "there\n"
    assert output.has_ended


@pytest.mark.parametrize("size", [1, 7, 50])
def test_it_does_not_matter_where_messages_are_cut(size):
    text = _OTHER + _BEGIN + "a\nb\n" + _END + "later\n"
    output = TaskOutput("u-1")
    assert "".join(output.take(text[at : at + size]) for at in range(0, len(text), size)) == "a\nb\n"


def test_what_the_service_logs_meanwhile_is_left_out():
    assert TaskOutput("u-1").take(f"{_BEGIN}a\n{_OTHER}[b] c\n{_END}") == "a\n[b] c\n"


def test_a_last_line_without_an_end_is_taken_too():
    assert TaskOutput("u-1").take(f"{_BEGIN}no end{_END}") == "no end"


def test_the_tail_of_a_client_is_what_is_printed_from_now_on(qs_manager):
    qs_manager.say("before\n")
    with REManagerAPI() as rm:
        tail = ConsoleTail(rm)
        assert tail.new() == ""
        qs_manager.say("one\n")
        qs_manager.say("two\n")
        assert tail.new() == "one\ntwo\n"
        qs_manager.say('[I 2026-11-30 08:00:00 bluesky_qs.door.audit] {"user":"ada","method":"environment_open"}\n')
        assert tail.last_line() == "two"
