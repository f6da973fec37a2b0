"""The service decides whether a plan is valid; the prompt shows where in the line its errors are."""

import pytest
from IPython.core.error import UsageError

from bluesky_qs.errors import InvalidPlan
from ipython_extension.typed.line import pointer


def finding(path, reason="is not a whole number", parameter="num"):
    return {"parameter": parameter, "value": None, "reason": reason, "suggestions": [], "path": path}


def refusal(*paths, msg="Failed to add an item: Plan validation failed: parameter 'num': 'x' is not a whole number"):
    errors = [finding(path) for path in paths]
    return {"success": False, "msg": msg, "error": "InvalidPlan", "errors": errors}


def shown(error):
    """The last two lines that IPython shows of an error."""
    return error._render_traceback_()[-2:]


@pytest.mark.parametrize(
    ("call", "path", "wrong"),
    [
        ("count([det1], 'x')", [1], "'x'"),
        ("count([det1, motor], num=5)", [0, 1], "motor"),
        ("count([det1], num='x')", ["num"], "num='x'"),
        ("count([det1], md={'a': [1, det1]})", ["md", "a", 1], "det1"),
        ("RE(count([det1], num='x'), sample='Si')", ["num"], "num='x'"),
        ("count(*[det1, det1], num=5)", [1], "*[det1, det1]"),
        ("count([det1], **{'num': 0})", ["num"], "{'num': 0}"),
        ("count([*[det1], motor])", [0, 1], "[*[det1], motor]"),
        ("count()", [], "count"),
    ],
)
@pytest.mark.parametrize(
    ("word", "method"), [("add", "queue_item_add"), ("run", "queue_item_execute"), ("edit 0", "queue_item_update")]
)
def test_carets_are_under_what_the_service_refuses(qs, qs_manager, word, method, call, path, wrong, plan):
    qs_manager.fill([plan("count", "aaaa-1", ["det1"])])
    qs_manager.answers[method] = refusal(path)
    with pytest.raises(InvalidPlan) as caught:
        qs(f"{word} {call}")
    line = f"%qs {word} {call}"
    assert "\n".join(shown(caught.value)) == pointer(line, line.rindex(wrong), len(wrong))


def test_a_refusal_is_short_and_names_the_parameter(qs):
    with pytest.raises(InvalidPlan) as caught:
        qs("add count([det1], nmu=2)")
    assert caught.value._render_traceback_() == [
        "Refused: Not queued: plan count has no parameter 'nmu' (did you mean 'num'?)",
        "    %qs add count([det1], nmu=2)",
        "                          ^^^^^",
    ]


def test_the_line_of_a_cell_that_is_wrong_is_shown(shell):
    result = shell.run_cell("%%qs add\ncount([det1])\ncount([det1], num='x')", store_history=False)
    assert shown(result.error_in_exec) == ["    count([det1], num='x')", "                  ^^^^^^^"]


def test_a_service_that_does_not_say_where_is_no_problem(qs, qs_manager):
    qs_manager.answers["queue_item_add"] = {
        "success": False,
        "msg": "Failed to add an item: Plan validation failed: no",
    }
    with pytest.raises(Exception, match="Plan validation failed") as caught:
        qs("add count([det1])")
    assert caught.value._render_traceback_() == ["Refused: Not queued: no"]


@pytest.mark.parametrize("word", ["add", "check"])
def test_the_kind_of_a_device_is_the_services_to_judge(qs, qs_manager, word):
    qs(f"{word} count([motor.setpoint, motor.setpoint.x, det1])")
    assert qs_manager.asked("queue_item_add") or qs_manager.asked("item_check")


def test_check_shows_warnings(qs, qs_manager):
    warning = finding([0, 0], "is a device that cannot be read", "detectors")
    qs_manager.answers["item_check"] = {"results": [{"success": True, "msg": "", "warnings": [warning]}]}
    assert "may fail" in qs("check count([motor])").text(80)


def test_check_points_at_what_is_wrong(qs):
    with pytest.raises(InvalidPlan) as caught:
        qs("check count([det1], num='x')")
    assert shown(caught.value) == ["    %qs check count([det1], num='x')", "                            ^^^^^^^"]


_AXIS = {"is_readable": True, "is_movable": True, "is_flyable": False, "components": {}}
_GROUP = {"is_readable": False, "is_movable": False, "is_flyable": False}
_VECTOR = {"vec": _GROUP | {"components": {"axes": _GROUP | {"components": {"1": _AXIS, "2": _AXIS}}}}, "flat": _AXIS}


def test_an_element_of_a_vector_is_queued_and_shown_as_it_was_typed(qs, opened, update):
    update(devices=_VECTOR)
    shown = qs("add count([vec.axes[1], vec.axes.2])")
    (request,) = opened.asked("queue_item_add")
    assert request["item"]["args"] == [["vec.axes.1", "vec.axes.2"]]
    assert "count([vec.axes[1], vec.axes[2]])" in shown.text(80)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("vec.axes[12]", "There is no device 'vec.axes[12]' (did you mean 'vec.axes[1]' or 'vec.axes[2]'?)"),
        ("vec[1]", "There is no device 'vec[1]'"),
        ("things[0]", "There is no device 'things[0]'. Elements of variables are not evaluated: assign the value"),
    ],
)
def test_an_element_that_is_not_there_is_refused(shell, qs, opened, update, typed, message):
    update(devices=_VECTOR)
    shell.user_ns["things"] = [1]
    with pytest.raises(UsageError) as caught:
        qs(f"add count([{typed}])")
    assert message in " ".join(str(caught.value).split())
    assert opened.asked("queue_item_add") == []
