"""The log of one plan or task at the prompt."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.store.memory import MemoryStore
from bluesky_qs.testing import Fail, Print, Wait
from bluesky_qs.testing.sync import Manager


@pytest.fixture
def qs_manager(monkeypatch, tmp_path):
    """A manager whose store has a folder, with an open environment."""
    store = MemoryStore()
    store.state_folder = tmp_path
    with Manager(store=store) as manager:
        for name, value in manager.environ.items():
            monkeypatch.setenv(name, value)
        manager.open()
        yield manager


@pytest.fixture
def ran(qs_manager):
    """Two plans that ran: their uids."""
    uids = []
    for text in ("first\n", "moving motor\nWARNING:root:no beam\n"):
        qs_manager.worker.on_plan("count", Print(text))
        uids.append(qs_manager.add("count", ["det1"])["item_uid"])
        qs_manager.do("queue_start")
        qs_manager.wait_until(lambda status: status["manager_state"] == "idle" and not status["items_in_queue"])
    return uids


def lines_below_the_heading(log):
    heading, _, text = pretty(log).partition("\n")
    assert heading.startswith("count([det1]): completed at ")
    return text


def test_a_plan_is_named_by_its_number_or_its_uid(qs, ran):
    first, second = ran
    assert lines_below_the_heading(qs("log -1")) == "moving motor\nWARNING:root:no beam"
    assert lines_below_the_heading(qs("log 0")) == "first"
    assert lines_below_the_heading(qs(f"log {first}")) == "first"
    assert lines_below_the_heading(qs(f"log {second[:8]}")).startswith("moving motor")


def test_the_last_plan_is_the_one_that_ended_last_although_an_older_table_was_shown(qs, qs_manager, ran):
    qs("history")
    qs_manager.worker.on_plan("count", Print("third\n"), Fail("no beam"))
    qs_manager.add("count", ["det2"])
    qs_manager.do("queue_start")
    qs_manager.wait_idle()
    heading, text = pretty(qs("log -1")).split("\n")
    assert heading.startswith("count([det2]): failed at ")
    assert " took " in heading
    assert text == "third"
    assert qs("log -2") == "moving motor\nWARNING:root:no beam\n"
    assert qs("log -1") == "third\n"


def test_lines_are_selected(qs, ran):
    assert qs("log -1 --grep MOTOR") == "moving motor\n"
    assert lines_below_the_heading(qs("log -1 --level warning")) == "WARNING:root:no beam"
    assert lines_below_the_heading(qs("log -1 --level ERROR")) == "No line matches."
    assert lines_below_the_heading(qs("log -1 -n 1")) == "WARNING:root:no beam"
    assert pretty(qs("log --grep motor")) == "moving motor"


def test_the_running_plan_and_a_task_have_logs(qs, qs_manager):
    qs_manager.worker.on_plan("count", Print("begins\n"), Wait())
    uid = qs_manager.add("count", ["det1"])["item_uid"]
    qs_manager.do("queue_start")
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)
    assert pretty(qs(f"log {uid[:6]}")) == "begins"
    qs_manager.worker.on_function("function_sleep", Print("sleeping\n"), Wait())
    task = qs("func function_sleep(1) --background")["task_uid"]
    assert pretty(qs(f"log {task[:8]}")) == "sleeping"


def test_a_traceback_in_the_log_of_a_plan_is_folded_unless_asked(qs, qs_manager):
    inner = '  File "/lib/site-packages/bluesky/run_engine.py", line {}, in _run\n    step()\n'
    own = '  File "/home/ada/plans.py", line 7, in my_plan\n    raise ValueError\n'
    trace = f"Traceback (most recent call last):\n{inner.format(1)}{inner.format(2)}{own}ValueError: no beam\nmore\n"
    qs_manager.worker.on_plan("count", Print(f"begins\n{trace}"), Fail("no beam"))
    qs_manager.add("count", ["det1"])
    qs_manager.do("queue_start")
    qs_manager.wait_idle()
    shown = pretty(qs("log -1")).splitlines()[1:]
    assert shown[:3] == ["begins", "Traceback (most recent call last):", "  … 2 frames in the code of bluesky"]
    assert shown[-1] == "more"
    assert "run_engine.py" in qs("log -1")  # the text itself is whole
    assert "run_engine.py" in pretty(qs("log -1 --full"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("log -1 --level LOUD", "--level takes DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'"),
        ("log 0 1", "log takes only one plan or task"),
        ("log -1 -f", "This plan or task is not running, so it has no new output: leave out -f"),
        ("log --grep motor -f", "-f without a plan shows all output"),
        ("log 7", "The last table has no item 7"),
        ("log abcdef", "No item has a uid that begins with 'abcdef'"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(qs, ran, line, message):
    with pytest.raises(UsageError, match=message):
        qs(line)


def test_a_log_that_is_no_longer_kept_is_an_error_with_the_uid(qs, ran, tmp_path):
    assert qs("log -1") == "moving motor\nWARNING:root:no beam\n"  # so the file is there
    next((tmp_path / "logs").glob(f"*{ran[1]}.log")).unlink()
    with pytest.raises(RequestFailedError, match=f"this item has no log.*{ran[1]}"):
        qs("log -1")


def test_the_log_of_a_running_plan_is_followed_to_its_end(qs, qs_manager, capsys):
    qs_manager.worker.on_plan("count", Print("begins\n"), Wait(), Print("moving\n"), Print("ends\n"))
    uid = qs_manager.add("count", ["det1"])["item_uid"]
    qs_manager.do("queue_start")
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)

    def proceed():
        try:
            qs_manager.wait_asked("console_get", 4)  # the command follows already
            qs_manager.say("something else\n")
        finally:
            qs_manager.worker.proceed()

    with ThreadPoolExecutor() as threads:
        ending = threads.submit(proceed)
        assert qs(f"log {uid} -f") is None
        ending.result()
    assert capsys.readouterr().out == "begins\nmoving\nends\n"


def test_a_line_of_qserver_works_unchanged(qs, ran):
    assert qs(f"log {ran[1]} --grep motor") == "moving motor\n"


def test_long_logs_say_where_lines_are_missing(qs, qs_manager, ran):
    messages = [{"time": 1.0, "msg": f"line {seq}\n", "seq": seq} for seq in (1, 2, 9)]
    qs_manager.answers["console_get"] = {"success": True, "msg": "", "messages": messages, "last": 9}
    lines = pretty(qs("log -1")).splitlines()[1:]
    assert [line[:24] for line in lines] == ["line 1", "line 2", "[... lines are missing h", "line 9"]
