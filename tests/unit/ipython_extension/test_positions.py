"""What a position means: the item that was last shown there, in whichever table or line."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import NotFound
from bluesky_qs.testing import Fail, Wait
from ipython_extension.shown.error_rendering import NotDone

GOOD = {"exit_status": "completed", "time_start": 100.0, "time_stop": 109.1, "scan_ids": [1]}
BAD = {"exit_status": "failed", "msg": "no beam", "time_start": 200.0, "time_stop": 201.0}


@pytest.fixture
def past(qs_manager, plan):
    """Three plans that ran, the second of which failed."""
    ran = [
        plan("count", "old-0", ["det1"]) | {"result": GOOD},
        plan("scan", "old-1", ["det1"], "motor", 0, 1, 5) | {"result": BAD},
        plan("count", "old-2", ["det1"]) | {"result": GOOD},
    ]
    qs_manager.fill(history=ran)
    return ran


def refused(qs, line):
    with pytest.raises(UsageError) as caught:
        qs(line)
    return str(caught.value)


@pytest.mark.parametrize("position", ["1", "-1"])
def test_positions_shown_by_add_count_as_the_last_table(qs, qs_manager, position, past, plan):
    qs_manager.fill([plan("scan", "uid-aaaa")], past)
    qs("history -n 3;")
    added = qs("add count([det1], num=7)")
    assert pretty(added).startswith("Queued at position 1")
    assert qs(f"item {position}")["item_uid"] == added[0]["item_uid"]
    assert qs("item 0")["item_uid"] == "uid-aaaa"


def test_adding_to_a_queue_that_others_have_changed_shows_it_as_it_is(qs, qs_manager, plan):
    qs_manager.fill([plan("scan", "uid-aaaa")])
    qs("queue")
    qs_manager.fill([plan("count", "uid-bbbb"), plan("count", "uid-cccc")])
    qs("add count([det1])")
    assert qs("item 0")["item_uid"] == "uid-bbbb"
    assert qs("item -2")["item_uid"] == "uid-cccc"


def test_the_table_after_a_plan_was_added_in_front_has_the_state_of_the_paused_plan(qs, bring):
    bring("paused")
    qs("queue")
    row = next(line for line in pretty(qs("add count([det1]) --front")).splitlines() if "▶" in line)
    assert "paused" in row


def test_many_plans_are_added_without_asking_for_the_queue_each_time(qs, qs_manager):
    for _ in range(3):
        qs("add count([det1]);")
    assert not qs_manager.asked("queue_get")


@pytest.mark.parametrize("line", ["edit 0 num=4", "move 0 front"])
def test_positions_shown_by_a_change_count_as_the_last_table(qs, qs_manager, line, past, plan):
    qs_manager.fill([plan("count", "uid-aaaa", ["det1"])], past)
    qs("queue;")
    qs("history;")
    qs(line)
    assert qs("item -1")["item_uid"] == "uid-aaaa"


def test_a_plan_that_was_run_is_the_last_item_even_if_it_failed(qs, opened, past, plan):
    opened.worker.on_plan("count", Fail("no beam"))
    opened.fill([plan("scan", "uid-aaaa")], past)
    qs("queue")
    with pytest.raises(NotDone, match=r"count\(\[det1\]\) failed: no beam"):
        qs("run count([det1])")
    assert qs("item -1")["result"]["exit_status"] == "failed"
    assert qs("item 0")["item_uid"] == "uid-aaaa"
    qs("queue")
    assert qs("item -1")["item_uid"] == "uid-aaaa"


def test_a_requeued_plan_that_ran_again_is_shown_with_its_last_result(qs, opened):
    opened.add("count", ["det1"])
    for message in ("no beam", "no air"):
        opened.worker.on_plan("count", Fail(message))
        qs("queue;")
        opened.do("queue_start")
        opened.wait_idle()
        assert qs("item 0")["result"]["msg"] == message


def test_a_plan_that_a_line_of_qserver_runs_is_the_last_item(qs, opened, past):
    qs("history")
    executed = qs("queue execute plan {'name': 'count', 'args': [['det1']]}")
    assert qs("item -1")["item_uid"] == executed["item_uid"]


@pytest.mark.usefixtures("past")
def test_a_plan_that_was_run_is_run_again_by_redo(qs, opened):
    qs("history")
    qs("run count([det1], num=5)")
    again = pretty(qs("redo -1"))
    assert " ".join(again.split()) == "Queued number 3 again at position 0: count([det1], num=5)"
    assert opened.asked("queue_item_add")[0]["item"]["kwargs"] == {"num": 5}
    assert pretty(qs("redo 2 num=7")).startswith("Queued number 2 again with changes at position 1:")


@pytest.mark.usefixtures("past")
def test_a_redo_that_needs_a_whole_call_suggests_a_line_that_queues_it(qs):
    qs("history")
    complaint = refused(qs, "redo 1 stop=80")
    assert "%qs add scan(" in complaint
    assert "%qs edit" not in complaint


@pytest.mark.usefixtures("past")
def test_a_wait_for_an_ended_item_reports_its_end(qs):
    qs("history")
    printed = pretty(qs("wait 0"))
    assert printed.startswith("Completed before this wait (")
    assert " ".join(printed.split()).endswith("in 9.1 s, scan 1: count([det1])")
    with pytest.raises(NotDone, match=r"scan\(.*\) failed before this wait \(.*\): no beam"):
        qs("wait 1")


@pytest.mark.usefixtures("past")
def test_the_history_holds_and_numbers_the_rows_that_it_shows(qs):
    assert [item["item_uid"] for item in qs("history -n 2")] == ["old-1", "old-2"]
    assert qs("item 1")["item_uid"] == "old-1"
    assert qs("item -1")["item_uid"] == "old-2"
    assert "no item 0: it has 1, 2" in refused(qs, "item 0")
    assert "The history has only 3 plans" in refused(qs, "redo -4")


def test_the_history_may_be_empty(qs):
    assert "no plan has run yet" in refused(qs, "redo -1")


@pytest.mark.usefixtures("past")
def test_negative_numbers_count_back_from_the_newest_plan_whichever_rows_were_shown(qs, qs_manager):
    qs("history --failed")
    assert qs("item -1")["item_uid"] == "old-2"
    assert "no item 2: it has 1" in refused(qs, "redo 2")
    assert pretty(qs("redo -2 num=7 --back")).startswith("Queued number 1 again with changes")
    assert qs_manager.asked("queue_item_add")[0]["item"]["name"] == "scan"


@pytest.mark.usefixtures("past")
def test_the_newest_plan_may_have_ended_after_the_table_was_shown(qs, opened):
    qs("history")
    opened.add("count", ["det2"])
    opened.do("queue_start")
    opened.wait_idle()
    assert "Queued number 3 again at position 0: count([det2])" in " ".join(pretty(qs("redo -1")).split())
    assert "Queued number 2 again" in pretty(qs("redo 2"))


@pytest.mark.usefixtures("past")
def test_rows_that_a_long_table_leaves_out_have_not_been_shown(shell, qs):
    shell.run_line_magic("config", "QSMagics.table_rows = 2")
    history = qs("history")
    assert pretty(history).splitlines()[0] == "The last 2 plans of 3: 1 completed, 1 failed (-n N shows more)"
    assert "no item 0" in refused(qs, "item 0")


@pytest.mark.parametrize("named", ["0", "uid-a"])
def test_an_item_that_has_begun_to_run_is_shown_as_running(qs, opened, named, plan):
    opened.worker.on_plan("count", Wait())
    opened.fill([plan("count", "uid-aaaa", ["det1"])])
    qs("queue")
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    with pytest.raises(NotFound, match=r"count\(.*\).* is running now"):
        qs(f"rm {named}")
    assert opened.worker.is_waiting


@pytest.mark.parametrize(
    ("line", "order"), [("move last front", "201"), ("move first back", "120"), ("move 0 before last", "102")]
)
def test_the_ends_of_the_queue_have_names(qs, qs_manager, plan, line, order):
    qs_manager.fill([plan("count", f"uid-{at}{at}{at}{at}") for at in range(3)])
    qs("queue")
    qs(line)
    assert [item["item_uid"][-1] for item in qs_manager.do("queue_get")["items"]] == list(order)


@pytest.mark.usefixtures("past")
def test_the_last_plan_of_the_history_has_a_name(qs):
    assert "Queued number 2 again" in pretty(qs("redo last"))


@pytest.mark.parametrize(("place", "end"), [("99", "back"), ("-99", "front")])
def test_an_item_that_is_queued_beyond_the_end_says_so(qs, qs_manager, plan, place, end):
    qs_manager.fill([plan("count", "uid-aaaa")])
    note = f"The queue had no position {place}: queued at the {end}."
    assert note in pretty(qs(f"add count([det1]) --at {place}"))
    assert "had no position" not in pretty(qs("add count([det1]) --at 2"))


@pytest.fixture
def four(qs, qs_manager, plan):
    qs_manager.fill([plan("count", f"uid-{at}{at}{at}{at}") for at in range(4)])
    qs("queue")
    return qs_manager


@pytest.mark.parametrize(
    ("typed", "meant"), [("1-3", [1, 2, 3]), ("0,2", [0, 2]), ("0, 2-3", [0, 2, 3]), ("0-1 1-2", [0, 1, 2])]
)
def test_several_positions_are_removed_in_one_request(qs, four, typed, meant):
    qs(f"rm {typed}")
    assert [params["uids"] for params in four.asked("queue_item_remove_batch")] == [
        [f"uid-{at}{at}{at}{at}" for at in meant]
    ]


@pytest.mark.parametrize(
    ("typed", "expected_text"),
    [
        ("all", "%qs clear"),
        ("*", "%qs clear"),
        ("2-9", "no item 4: its last item is 3"),
        ("3-1", "Write the range as 1-3"),
    ],
)
def test_positions_that_are_none_are_refused_before_anything_is_removed(qs, four, typed, expected_text):
    assert expected_text in refused(qs, f"rm {typed}")
    assert not four.asked("queue_item_remove_batch")


def test_digits_and_a_dash_may_begin_a_uid(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "12345678-1234-a"), plan("scan", "12345678-9")])
    assert pretty(qs("rm 12345678-1234")) == "Removed: count()"


DIGITS, QUEUED = "24174881-5b3f-4a1e-9d51-0c9a3d1f7e52", "31415926-5b3f-4a1e-9d51-0c9a3d1f7e52"


@pytest.fixture
def of_digits(qs_manager, plan):
    """One plan that ran and one in the queue, whose uids begin with eight digits."""
    qs_manager.fill([plan("count", QUEUED, ["det1"])], [plan("count", DIGITS, ["det1"]) | {"result": GOOD}])


@pytest.mark.parametrize("length", [8, 6, 4])
def test_digits_of_a_uid_that_no_table_has_as_a_position_are_the_uid(qs, of_digits, length):
    qs("history;")
    assert qs(f"item {DIGITS[:length]}")["item_uid"] == DIGITS
    assert pretty(qs(f"redo {DIGITS[:length]}")) == "Queued number 0 again at position 1: count([det1])"
    qs("queue;")
    assert qs(f"item {QUEUED[:length]}")["item_uid"] == QUEUED


def test_eight_digits_are_a_uid_before_any_table_was_shown(qs, qs_manager, of_digits):
    assert qs(f"item {QUEUED[:8]}")["item_uid"] == QUEUED
    qs(f"rm {QUEUED[:8]}")
    assert qs_manager.do("queue_get")["items"] == []


def test_few_digits_are_a_position_if_the_table_has_it(qs, qs_manager, plan):
    qs_manager.fill([plan("count", f"{at:08}-5b3f-4a1e-9d51-0c9a3d1f7e52", ["det1"], num=at) for at in range(1002)])
    qs("queue;")
    assert qs("item 1000")["kwargs"] == {"num": 1000}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("item 5000", "The last table has no item 5000: its last item is 0"),
        ("item 50005000", "No item has a uid that begins with '50005000'"),
    ],
)
def test_digits_that_are_neither_say_so(qs, of_digits, line, message):
    qs("queue;")
    assert message in refused(qs, line)
