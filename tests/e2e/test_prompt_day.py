"""A scientist's day at the prompt, in a real kernel: the queue, the history, TAB, colleagues, and odd documents."""

import re

import pytest

from tests.e2e.prompt_kernel import PATIENCE, completed


@pytest.fixture
def service(open_service):
    return open_service


_PLANS = """%%qs script
def bad():
    yield from bps.null()
    raise RuntimeError("the shutter did not open")

def odd(detectors):
    hints = {"dimensions": [[["nowhere", "x"], "gone"]], "gridding": 5}
    yield from bps.open_run({"hints": hints, "num_points": -4, "shape": "x", "motors": 7, "sample": {"name": None}})
    yield from bps.trigger_and_read(detectors)
    yield from bps.close_run()
"""


def shown(kernel, line):
    """What a line shows, as text; it is no error."""
    reply, displayed, printed = kernel.run(line)
    assert reply["status"] == "ok", reply
    return displayed.get("text/plain", printed)


def refused(kernel, line):
    """The one line of an error, as a user sees it."""
    reply, _, printed = kernel.run(line)
    assert reply["status"] == "error"
    return " ".join("".join([printed, *reply["traceback"]]).split())  # an error of usage is printed


def until_idle(kernel):
    """The texts of all displays and errors of a running cell, without updates, until it ends."""
    texts = []
    while (message := kernel.client.get_iopub_msg(timeout=PATIENCE))["content"].get("execution_state") != "idle":
        content = message["content"]
        if message["header"]["msg_type"] in ("execute_result", "display_data", "stream", "error"):
            parts = [content.get("text", ""), *content.get("traceback", ()), *content.get("data", {}).values()]
            texts.append(" ".join(" ".join(map(str, parts)).split()))
    return texts


def plans(kernel):
    """The rows of the queue, without the title."""
    return [line.strip() for line in shown(kernel, "%qs queue").splitlines()[2:]]


def test_the_history_tells_what_was_measured(kernel):
    kernel.run(_PLANS)
    kernel.run("%qs mode ignore_failures on")
    kernel.run("%qs add count([det1]) --md sample=S01")
    kernel.run("%qs add scan([det1], motor, -1, 1, 3) --md sample=S02")
    kernel.run("%qs add bad() --md sample=S03 operator='Ada'")
    assert shown(kernel, "%qs queue -n 1").endswith("… and 2 more")
    kernel.run("%qs start")
    kernel.run("%qs wait")
    title, headings, *rows = shown(kernel, "%qs history").splitlines()
    assert title == "3 plans: 2 completed, 1 failed"
    assert headings.split()[:3] == ["#", "plan", "sample"]
    assert "✗ failed" in rows[2]
    assert "RuntimeError: the shutter did not open" in rows[3]
    assert shown(kernel, "%qs history sample=S0? --since 1h --plan sc*").splitlines()[0].startswith("1 plan ran (")
    assert shown(kernel, "%qs history --failed").splitlines()[0] == "1 plan ran and failed"
    assert shown(kernel, "%qs history -n 1").splitlines()[0].startswith("The last plan of 3: 1 failed")
    assert "--md sample='S03' operator='Ada'" in shown(kernel, "%qs history --md")
    again = "Queued 2 plans at positions 0, 1.\n  --md sample=… again=1"
    assert shown(kernel, "%qs redo 0-1 num=2 --md again=1") == again


def test_several_plans_are_added_changed_moved_and_saved_at_once(kernel, tmp_path):
    kernel.run("samples = [{'name': 'a', 'x': 0}, {'name': 'b', 'x': 1.5}, {'name': 'c', 'x': 3}]")
    line = "%qs add scan([det1], motor, $x, $x+1, num=5) --for samples --md sample=$name"
    assert shown(kernel, line).splitlines() == ["Queued 3 scan plans at positions 0-2.", "  --md sample=…"]
    added = shown(kernel, "for n in (1, 2):\n    %qs add count([det1], num=$n)")
    assert added.splitlines() == [f"Queued at position {n + 2}: count([det1], num={n})" for n in (1, 2)]
    assert shown(kernel, "%qs move 3-4 front").startswith("Moved 2 items to positions 0, 1.")
    assert shown(kernel, "%qs edit 2-4 num=7") == "Changed 3 plans at positions 2-4."
    before = plans(kernel)
    assert before[2].startswith("2  scan([det1], motor, 0, 1, num=7)")
    assert shown(kernel, f"%qs save {tmp_path / 'tonight.txt'}").startswith("Saved 5 items to ")
    kernel.run("%qs clear")
    assert shown(kernel, f"%qs add --file {tmp_path / 'tonight.txt'}").startswith("Queued 5 plans at positions 0-4.")
    assert plans(kernel) == before


def test_clear_rm_move_and_edit_are_undone(kernel):
    kernel.run("%qs add count([det1], num=1) count([det1], num=2) count([det1], num=3)")
    before = plans(kernel)
    for line in ("clear", "rm 0-1", "move 2 front", "edit 1 num=9"):
        kernel.run(f"%qs {line}")
        changed = shown(kernel, "%qs queue")
        assert shown(kernel, "%qs undo").splitlines()[0].startswith(("Put back", "Undid the"))
        assert plans(kernel) == before != changed.splitlines()[2:]
    assert "%qs undo does not remove them. To remove them: %qs rm 0-2" in refused(kernel, "%qs undo")


def test_tab_offers_what_fits_and_nothing_else(kernel):
    kernel.run("%qs run scan([det1], motor, -1, 1, 3) --md sample=S01")
    kernel.run("number = 3")
    first = completed(kernel, "%qs ")[0]
    assert {"add", "queue", "undo"} <= set(first)
    assert "script" not in first
    assert "upload" not in first
    assert completed(kernel, "%qs add count([det1]) --md sam")[0] == ["sample="]
    assert completed(kernel, "%qs add count([det1], $num")[0] == ["$number"]
    assert completed(kernel, "%qs plot -1 mot")[0] == ["motor", "motor_setpoint"]
    assert completed(kernel, "%qs func ")[0] == ["function_sleep("]
    assert shown(kernel, "%qs functions").splitlines()[0] == "1 function"
    for line in ("%qs pause x", "%qs undo x", "%qs foo ", "%qs add count([det1]) --zz", "%qs move 0 up"):
        assert completed(kernel, line)[0] == []


def test_what_colleagues_do_is_told_once_and_what_is_open_stays_open(kernel, service):
    assert shown(kernel, "%qs open").startswith("The environment is already open")
    service.do("lock", lock_key="k", queue=True, user="grace", note="aligning the mirror")
    assert re.search(r"Locked \(queue\) by grace since .*: aligning the mirror\.", shown(kernel, "%qs"))
    service.do("unlock", lock_key="k")
    kernel.run("%qs add count([det1], num=1000, delay=1)")
    kernel.run("%qs start")
    kernel.client.execute("%qs wait", allow_stdin=False)
    while "1/1000" not in str(kernel.client.get_iopub_msg(timeout=PATIENCE)["content"]):
        pass
    service.do("re_pause", option="immediate", user="grace")
    service.wait(lambda status: status["manager_state"] == "paused", "the pause")
    service.do("re_abort", user="grace")
    told = until_idle(kernel)
    assert len([each for each in told if "aborted by grace; back at the front of the queue" in each]) == 1
    assert len([each for each in told if "The queue has stopped, because grace aborted the last plan." in each]) == 1


def test_comments_slips_and_odd_documents_break_nothing(kernel):
    kernel.run(_PLANS)
    assert shown(kernel, "%qs queue  # what is next?").startswith("The queue is empty")
    slip = refused(kernel, "%qs undoo")
    assert "did you mean 'undo'?" in slip
    assert "unlock" not in slip
    assert "did you mean" not in refused(kernel, "%qs push count")  # of the worker only
    kernel.run("def count(detectors):\n    yield from bps.null()")
    assert "count replaces the plan of the same name in the worker, for everybody" in shown(kernel, "%qs push count")
    assert re.search(r"scan \d+: odd\(\[det1\]\)", shown(kernel, "%qs run odd([det1])"))
    assert "det1" in shown(kernel, "%qs table -1")
    assert "Plotted scan " in shown(kernel, "%qs plot -1")
    assert shown(kernel, "%qs history").splitlines()[0] == "1 plan ran"
