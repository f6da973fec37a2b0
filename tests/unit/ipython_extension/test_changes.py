"""Plans that are changed, queued again, or refused together."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import NotFound
from bluesky_qs.testing import Fail, Wait
from ipython_extension.shown.error_rendering import NotDone


def refused(qs, line):
    with pytest.raises(UsageError) as caught:
        qs(line)
    return str(caught.value)


@pytest.fixture
def scan(qs, qs_manager, plan):
    """A queued scan, whose motor, range and number of points the plan takes as ``*args``."""
    item = plan("scan", "uid-aaaa", ["det1"], "motor", -1, 1, 5) | {"meta": {"sample": "a"}}
    qs_manager.fill([item])
    qs("queue")
    return qs_manager


def test_the_whole_call_is_changed_in_its_place(qs, scan):
    assert pretty(qs("edit 0 count([det1], num=3)")) == "Changed at position 0: count([det1], num=3) --md sample='a'"
    (request,) = scan.asked("queue_item_update")
    assert (request["item"]["item_uid"], request["item"]["meta"]) == ("uid-aaaa", {"sample": "a"})
    assert "replace" not in request


def test_arguments_that_the_whole_call_has_not_are_gone(qs, scan):
    qs("edit 0 RE(count([det1]), user='b') --md run=7")
    item = scan.asked("queue_item_update")[0]["item"]
    assert (item["args"], "kwargs" in item) == ([["det1"]], False)
    assert item["meta"] == {"sample": "a", "user": "b", "run": 7}


def test_a_name_behind_args_that_may_be_given_already_is_refused_with_what_to_type(qs, scan, plan):
    scan.fill([plan("scan", "uid-aaaa", ["det1"], "motor", 5)])
    printed = refused(qs, "edit 0 num=9")
    assert "%qs edit 0 scan([det1], motor, 9) or %qs edit 0 scan([det1], motor, 5, num=9)" in printed
    assert not scan.asked("queue_item_update")


def test_the_number_of_points_behind_the_axes_of_a_scan_is_changed_in_its_place(qs, scan):
    qs("edit 0 num=9")
    item = scan.asked("queue_item_update")[0]["item"]
    assert (item["args"], item["kwargs"]) == ([["det1"], "motor", -1, 1, 9], {})


def test_a_scan_without_a_number_of_points_gets_one_by_name(qs, scan, plan):
    scan.fill([plan("scan", "uid-aaaa", ["det1"], "motor", -1, 1)])
    qs("edit 0 num=9")
    item = scan.asked("queue_item_update")[0]["item"]
    assert (item["args"], item["kwargs"]) == ([["det1"], "motor", -1, 1], {"num": 9})


def test_the_numbers_of_points_of_several_scans_are_changed_together(qs, scan, plan):
    scan.fill([plan("scan", f"uid-{n}", ["det1"], "motor", -1, 1, 5) for n in ["aaaa", "bbbb"]])
    qs("queue")
    qs("edit 0-1 num=9")
    assert [item["args"][-1] for item in scan.do("queue_get")["items"]] == [9, 9]


def test_the_advice_for_a_plan_of_the_history_keeps_its_metadata(qs, scan, plan):
    ran = plan("scan", "old-aaaa", ["det1"], "motor", 5) | {"meta": {"sample": "Si 111"}}
    scan.fill(history=[ran | {"result": {"exit_status": "completed"}}])
    assert "%qs add scan([det1], motor, 9) --md sample='Si 111' or %qs add" in refused(qs, "redo -1 num=9")


def test_a_name_behind_args_that_cannot_be_given_already_is_changed(qs, scan):
    qs("edit 0 md={'a': 1} detectors=[det1, det2]")
    item = scan.asked("queue_item_update")[0]["item"]
    assert (item["args"][0], item["kwargs"]) == (["det1", "det2"], {"md": {"a": 1}})


def test_a_name_behind_args_that_is_given_is_changed(qs, scan, plan):
    scan.fill([plan("scan", "uid-aaaa", ["det1"], "motor", -1, 1, num=5)])
    qs("edit 0 num=9")
    assert scan.asked("queue_item_update")[0]["item"]["kwargs"] == {"num": 9}


@pytest.mark.parametrize("typed", ["args=[motor, -1, 1, 5]", "*args=[1]", "stop=2"])
def test_the_refusal_explains_how_to_change_args(qs, scan, typed):
    assert "write the whole call: %qs edit 0 scan([det1], motor, -1, 1, 5)" in refused(qs, f"edit 0 {typed}")
    assert not scan.asked("queue_item_update")


def test_a_call_and_parameters_exclude_each_other(qs, scan):
    assert "Only --md can follow the plan" in refused(qs, "edit 0 count() num=3")
    assert "Which parameter? Write NAME=count()" in refused(qs, "edit 0 md={} count()")
    assert not scan.asked("queue_item_update")


@pytest.fixture
def failed(opened, plan):
    """A manager whose last plan has failed and is first in the queue again."""
    opened.worker.on_plan("scan", Fail("no beam"))
    opened.fill([plan("scan", "old-aaaa", ["det1"], "motor", 0, 1, 5)])
    opened.do("queue_start")
    opened.wait_until(lambda status: status["items_in_history"] == 1 and status["manager_state"] == "idle")
    return opened


def test_a_plan_that_is_in_the_queue_again_is_not_queued_twice(qs, failed):
    printed = pretty(qs("redo -1 --front"))
    again = "Already back in the queue at position 0; not queued again: scan([det1], motor, 0, 1, 5)"
    assert " ".join(printed.split()) == again
    failed.add("count", ["det1"], pos="front")
    assert "back in the queue at position 1; not queued again" in pretty(qs("redo -1"))
    failed.do("queue_clear")
    assert "it is in the queue again" not in pretty(qs("redo -1"))


def test_a_plan_that_runs_again_is_not_queued_twice(qs, failed):
    failed.worker.on_plan("scan", Wait())
    failed.do("queue_start")
    failed.wait_until(lambda _: failed.worker.is_waiting)
    assert "running again" in pretty(qs("redo -1"))
    assert not failed.asked("queue_item_add")


@pytest.mark.parametrize(
    ("option", "queue"),
    [("--front", ["scan", "count"]), ("--at 1", ["count", "scan"]), ("--before 0", ["scan", "count"]),
     ("", ["count", "scan"])],
)  # fmt: skip
def test_a_plan_of_the_history_is_queued_at_the_given_place(qs, failed, option, queue):
    failed.do("queue_clear")
    failed.add("count", ["det1"])
    qs(f"redo -1 {option}")
    assert [item["name"] for item in failed.do("queue_get")["items"]] == queue


def test_places_of_redo_exclude_each_other_and_nothing_else_is_taken(qs, failed):
    assert "cannot be combined" in refused(qs, "redo -1 --front --back")
    assert "Which parameter? Write NAME=0" in refused(qs, "redo -1 0")
    assert not failed.asked("queue_item_add")


def test_a_failed_plan_is_shown_as_requeued(qs, failed):
    assert pretty(qs("history")).splitlines()[-1] == "     no beam; back at the front of the queue"
    assert "  state    back at the front of the queue" in pretty(qs("item 0"))
    with pytest.raises(NotDone, match="no beam; it is back at the front of the queue"):
        qs("wait 0")
    failed.do("queue_clear")
    assert pretty(qs("history")).splitlines()[-1] == "     no beam"


def test_a_reason_that_ends_with_a_period_has_no_second_mark(qs, failed):
    failed.worker.on_plan("scan", Fail("no beam."))
    failed.do("queue_start")
    failed.wait_until(lambda status: status["items_in_history"] == 2 and status["manager_state"] == "idle")
    assert pretty(qs("history")).splitlines()[-1] == "     no beam; back at the front of the queue"


def test_the_place_is_shown_also_if_the_service_has_no_item_status(qs, failed):
    failed.answers["item_status"] = {"success": False, "msg": "Unknown method 'item_status'"}
    assert pretty(qs("history")).splitlines()[-1] == "     no beam; back at the front of the queue"


def test_a_copy_that_was_changed_is_another_plan(qs, failed):
    qs("edit 0 scan([det1], motor, 0, 1, 9)")
    assert pretty(qs("history")).splitlines()[-1] == "     no beam"
    assert "Queued number 0 again at position 1" in pretty(qs("redo -1"))


@pytest.mark.parametrize(("line", "wrong"), [("edit 0 num=3 nmu=4", "nmu=4"), ("edit 0 detectors=3", "detectors=3")])
@pytest.mark.usefixtures("opened")
def test_a_refused_value_of_an_edit_is_pointed_at(qs, line, wrong):
    qs("add count([det1])")
    with pytest.raises(RequestFailedError) as caught:
        qs(line)
    text, carets = caught.value.__notes__[0].split("\n")[-2:]
    assert text[carets.index("^") : carets.rindex("^") + 1] == wrong


def test_a_refusal_of_several_plans_of_the_history_names_the_wrong_ones(qs, opened, plan):
    result = {"result": {"exit_status": "completed"}}
    opened.fill(history=[plan(name, f"old-{name}", ["det1"]) | result for name in ("count", "nosuch", "count")])
    qs("history")
    with pytest.raises(RequestFailedError, match=r"^number 1, nosuch\(\[det1\]\): "):
        qs("redo 0-2")


@pytest.fixture
def failed_since(qs, opened):
    """A manager whose plan was added at the prompt, and has failed since then."""
    opened.worker.on_plan("count", Fail("no beam"))
    qs("add count([det1])")
    qs("queue")
    opened.do("queue_start")
    opened.wait_until(lambda status: status["items_in_history"] == 1 and status["manager_state"] == "idle")
    return opened


@pytest.mark.parametrize("line", ["rm 0", "edit 0 num=3", "move 0 front", "move 0 back"])
def test_the_position_of_a_plan_that_failed_is_that_of_the_requeued_item(qs, failed_since, line):
    new = failed_since.do("queue_get")["items"][0]["item_uid"]
    qs("history")
    assert [item["item_uid"] for item in qs(line)] == [new]


@pytest.mark.parametrize("line", ["rm 0", "edit 0 num=3"])
def test_a_plan_that_failed_unseen_is_named_before_the_requeued_item_is_used(qs, failed_since, line):
    with pytest.raises(NotFound, match=r"has run since then\. It is back in the queue at position 0 as a new item"):
        qs(line)
    new = failed_since.do("queue_get")["items"][0]["item_uid"]
    assert [item["item_uid"] for item in qs(line)] == [new]


def refuse(params):
    results = [
        {"success": False, "msg": "Plan validation failed: no"} if "kwargs" in item else {"success": True, "msg": ""}
        for item in params["items"]
    ]
    bad = [at for at, each in enumerate(results) if not each["success"]]
    listed = "; ".join(f"item {at}: Plan validation failed: no" for at in bad)
    lead = f"Failed to add all items: validation of {len(bad)} out of {len(results)} submitted items failed"
    return {"success": False, "msg": f"{lead}: {listed}", "items": params["items"], "results": results}


def test_refused_plans_of_a_cell_are_listed_with_their_lines(shell, qs_manager):
    qs_manager.answers["queue_item_add_batch"] = refuse
    cell = "%%qs add\n# alignment\ncount([det1])\nscan([det1],\n     motor, num='x')\n\ncount([det1], num='y')\n"
    error = shell.run_cell(cell).error_in_exec
    assert isinstance(error, RequestFailedError)
    assert str(error) == (
        "Failed to add all items: validation of 2 out of 3 submitted items failed: "
        "line 4, scan([det1], motor, num='x'): no; line 7, count([det1], num='y'): no"
    )


def test_plans_of_a_line_that_are_refused_are_quoted(qs, qs_manager):
    qs_manager.answers["queue_item_add_batch"] = refuse
    with pytest.raises(RequestFailedError, match=r"1 out of 2 submitted items failed: count\(num=2\): no$"):
        qs("add count() count(num=2)")


def test_only_some_of_many_refused_plans_are_listed(shell, qs_manager):
    qs_manager.answers["queue_item_add_batch"] = refuse
    error = shell.run_cell("%%qs add\n" + "count(num=2)\n" * 9).error_in_exec
    assert str(error).endswith("line 4, count(num=2): no; and 6 more")


def test_another_refusal_of_several_plans_stays_as_it_is(qs, qs_manager):
    qs_manager.answers["queue_item_add_batch"] = {"success": False, "msg": "Not now."}
    with pytest.raises(RequestFailedError, match=r"^Not now\.$"):
        qs("add count() count()")


def test_what_was_changed_at_the_end_of_a_long_plan_is_visible(qs, scan, plan):
    long = plan("scan", "uid-aaaa", ["det1", "det2", "det3"], "motor", -1.25, 1.25, "motor1", -2.5, 2.5, num=5)
    scan.fill([long])
    first, *more = pretty(qs("edit 0 num=1001")).splitlines()
    assert first == "Changed at position 0:"
    assert " ".join(line.strip() for line in more).endswith("-2.5, 2.5, num=1001)")
    assert all(line.startswith("  ") and len(line) <= 80 for line in more)


def test_redo_of_a_plan_above_the_last_table_says_where_it_is(qs, scan, plan):
    ran = [plan("count", f"old-{n}", ["det1"]) for n in range(3)]
    scan.fill(history=[item | {"result": {"exit_status": "completed"}} for item in ran])
    qs("history -n 1")
    assert "has no item 0: it has 2 (%qs history shows older plans)" in refused(qs, "redo 0")
