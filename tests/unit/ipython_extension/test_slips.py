"""Slips of the fingers: each is refused with what to type, and nothing is queued."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import RequestFailedError


def complaint(qs, line):
    with pytest.raises(UsageError) as caught:
        qs(line)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("add count([motor.setpont])", "There is no device or plan 'motor.setpont' (did you mean 'motor.setpoint'?)"),
        ('add count([det1]) --md sample={i["name"]}', "write --for TABLE and $column"),
        ("add scan([det1], motor, 0, {2 * i.pi}, 3)", "Only arithmetic is evaluated here, not attributes"),
        ("add count([det1]) --md sample=loop i", "Put text with spaces in quotes"),
        ("add count([det1]) -md sample=1", "Unknown option -md (did you mean '--md'?)"),
    ],
)
def test_a_slip_in_a_plan_is_refused(shell, qs, opened, line, message):
    shell.user_ns["i"] = 3
    assert message in complaint(qs, line)
    assert opened.do("status")["items_in_queue"] == 0


@pytest.mark.parametrize(
    ("line", "message", "marked"),
    [
        ("add count([det1], delay=1s)", "Numbers cannot have units here: write 1 without 's'", "s"),
        ("add scan([det1], motor, -1mm, 1, 5)", "Numbers cannot have units here: write 1 without 'mm'", "mm"),
        ("add mv(motor, 3.5 mm)", "Numbers cannot have units here: write 3.5 without 'mm'", "mm"),
        ("run count([det1], delay=0.5min)", "Numbers cannot have units here: write 0.5 without 'min'", "min"),
        ("add scan([det1], motor -1, 1, 5)", "A comma is missing: write motor, -1", "motor -1"),
        ("add scan([det1], motor - 1, 1, 5)", "'motor' means a device or plan here", "motor"),
        ("add scan([det1], motor +1, 2, 5)", "A comma is missing: write motor, 1", "motor +1"),
        ("move 1 99", "The queue has no position 99: its last position is 1", "99"),
        ("move 1 -3", "The queue has no position -3: its last position is 1", "-3"),
        ("add count([det1], num=$n) --for [1, 2]", "Expected rows, such as [{'x': 1}, {'x': 2}]", "[1, 2]"),
        ("add count([det1], num=$n) --for [{'n': x(1)}]", "Only arithmetic is evaluated here", "x(1)"),
    ],
)
def test_a_slip_is_marked_where_it_is(qs, opened, line, message, marked):
    for _ in range(2):
        opened.add("count", ["det1"])
    said, typed, carets = complaint(qs, line).splitlines()
    assert said.startswith(message)
    assert typed[carets.index("^") :][: carets.count("^")] == marked
    assert opened.do("status")["items_in_queue"] == 2


def test_names_that_begin_with_a_number_of_another_kind_are_read_as_before(qs, opened):
    added = qs("add count([det1], num=0x10, delay=1e-3)")
    assert added[0]["kwargs"] == {"num": 16, "delay": 0.001}


@pytest.mark.parametrize("command", ["add count([det1])", "run count([det1])", "edit 0"])
def test_arithmetic_in_metadata_may_be_text_and_needs_braces(qs, opened, command):
    qs("add count([det1])")
    before = opened.do("queue_get")["items"]
    line = f"{command} --md proposal=2026-114"
    message, typed, carets = complaint(qs, line).splitlines()
    assert message == (
        "2026-114 could be text or arithmetic. For text, write proposal='2026-114'; "
        "to compute it, write proposal={2026-114}"
    )
    assert typed.endswith(line)
    assert carets == " " * typed.index("2026") + "^" * len("2026-114")
    assert opened.do("queue_get")["items"] == before


@pytest.mark.parametrize("value", ["2026-11-29", "3-1", "1/3", "-5-1", "2**3", "1+2"])
def test_each_form_of_arithmetic_in_metadata_needs_braces(qs, opened, value):
    assert f"For text, write a='{value}'; to compute it, write a={{{value}}}" in complaint(
        qs, f"add count([det1]) --md a={value}"
    )
    assert opened.do("status")["items_in_queue"] == 0


@pytest.mark.parametrize("value", ["007", "10:30", "Cu-foil", "300K", "data/x", "2026-11-29T10:00", "1/0"])
def test_plain_text_in_metadata_that_is_no_value_is_refused_with_quotes_to_type(qs, opened, value):
    line = f"add count([det1]) --md mood=low id={value} n=3"
    message, typed, carets = complaint(qs, line).splitlines()
    assert message == f"{value} is not a number or a name. For text, write id='{value}'"
    assert carets == " " * typed.index(value) + "^" * len(value)
    assert opened.do("status")["items_in_queue"] == 0


def test_arithmetic_in_a_list_of_metadata_is_refused_too(qs, opened):
    assert "3-1 could be text or arithmetic: write '3-1' or {3-1}" in complaint(
        qs, "add count([det1]) --md runs=[3-1, 4]"
    )
    assert opened.do("status")["items_in_queue"] == 0


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("-5", -5),
        ("+0.5", 0.5),
        ("1e-3", 0.001),
        ("{3-1}", 2),
        ("{i+1}", 4),
        ("$i+1", 4),
        ("2*{i}", 6),
        ("[{3-1},$i*2,-1]", [2, 6, -1]),
        ("'2026-114'", "2026-114"),
        ("Cu", "Cu"),
        ("1_2", "1_2"),
        ("-1_2", "-1_2"),
        ("[1_2,3]", ["1_2", 3]),
        ("{1_2}", 12),
    ],
)
@pytest.mark.usefixtures("opened")
def test_numbers_names_quotes_and_arithmetic_in_braces_are_metadata(shell, qs, typed, value):
    shell.user_ns["i"] = 3
    assert qs(f"add count([det1]) --md a={typed}")[0]["meta"] == {"a": value}


@pytest.mark.usefixtures("opened")
def test_a_variable_in_braces_inside_of_text_is_not_replaced_and_a_note_says_so(shell, qs):
    shell.user_ns["i"] = 3
    added = qs('add count([det1]) --md sample="loop {i}"')
    assert added[0]["meta"] == {"sample": "loop {i}"}
    assert "{i} is not replaced" in " ".join(pretty(added).split())
    assert "{i} is not replaced" in added.html()


@pytest.mark.usefixtures("opened")
def test_a_variable_with_a_dollar_sign_inside_of_text_is_not_replaced_and_a_note_says_so(shell, qs):
    shell.user_ns["i"] = 3
    added = qs('add count([det1]) --md sample="S # $i"')
    assert added[0]["meta"] == {"sample": "S # $i"}
    printed = " ".join(pretty(added).split())
    assert "$i is not replaced. For its value, use a variable: label = f'S # {i}', then $label." in printed
    assert "replaced" not in pretty(qs('add count([det1]) --md price="5 $nobody"'))


@pytest.mark.usefixtures("opened")
def test_text_with_braces_that_name_no_variable_is_text(shell, qs):
    added = qs('add count([det1]) --md sample="loop {nobody}"')
    assert added[0]["meta"] == {"sample": "loop {nobody}"}
    assert "replaced" not in pretty(added)


@pytest.mark.usefixtures("opened")
def test_an_instruction_has_no_parameters_to_edit(qs):
    qs("add queue_stop")
    assert "Item 0 is queue_stop, which has no parameters" in complaint(qs, "edit 0 num=3")


@pytest.mark.usefixtures("opened")
def test_a_misspelled_parameter_of_a_scan_gets_a_suggestion(qs):
    qs("add scan([det1], motor, 0, 1, 3)")
    assert "scan has no parameter 'nmu' (did you mean 'num'?)" in complaint(qs, "edit 0 nmu=3")


@pytest.fixture
def plan_file(tmp_path):
    def write(*lines):
        path = tmp_path / "tonight.txt"
        path.write_text("\n".join(lines))
        return path

    return write


def test_a_device_that_does_not_exist_is_found_in_a_file_by_its_line(qs, opened, plan_file):
    path = plan_file("# tonight", "count([det1])", "", "scan([det1], mottor, 0, 1, 3)")
    assert f"{path}, line 4: There is no device or plan 'mottor'" in complaint(qs, f"add --file {path}")
    assert opened.do("status")["items_in_queue"] == 0


def test_several_plans_are_refused_in_the_words_for_one(shell, opened, capsys):
    shell.run_cell("%qs add count([det1]) nosuch([det1])")
    shown = " ".join(capsys.readouterr().out.split())
    assert "Refused: Not queued: nosuch([det1]): there is no plan nosuch that you may use" in shown


def test_what_the_service_refuses_in_a_file_is_found_by_its_line(qs, opened, plan_file):
    path = plan_file("# tonight", "count([det1])", "", "count([det1], nmu=3)")
    with pytest.raises(RequestFailedError, match="line 4 of the file: plan 'count' has no parameter 'nmu'"):
        qs(f"add --file {path}")


def test_all_mistakes_in_a_file_are_named_with_their_lines_in_order(qs, opened, plan_file):
    path = plan_file("count([det1], nmu=3)", "count([det1])", "scan([det1], mottor, 0, 1, 3)", "count([det1], num=)")
    told = complaint(qs, f"add --file {path}")
    found = [told.index(f"{path}, line {number}: ") for number in (1, 3, 4)]
    assert found == sorted(found)
    assert "line 1: plan 'count' has no parameter 'nmu'" in told
    assert f"{path}, line 2" not in told
    assert opened.do("status")["items_in_queue"] == 0


def test_a_warning_about_a_plan_of_a_file_names_its_line(qs, opened, plan_file):
    path = plan_file("# tonight", "count([det1])", "count([det1])")
    reply = opened.do(
        "queue_item_add_batch",
        items=[{"item_type": "plan", "name": "count", "args": [["det1"]]}] * 2,
        user="a",
        user_group="admin",
    )
    opened.answers["queue_item_add_batch"] = {
        **reply,
        "results": [{"success": True, "msg": ""}, {"success": True, "msg": "", "warnings": ["It may fail."]}],
    }
    assert "Line 3 of the file: It may fail." in pretty(qs(f"add --file {path}"))


def test_names_of_ipython_are_not_suggested_for_a_variable(shell, qs, opened):
    assert "did you mean" not in complaint(qs, "add count([det1], num=$opne)")


@pytest.mark.usefixtures("opened")
def test_places_that_exclude_each_other_are_pointed_at(qs):
    message, line, carets = complaint(qs, "add count([det1]) --front --back").splitlines()
    assert "cannot be combined" in message
    assert line[carets.index("^") : carets.rindex("^") + 1] == "--back"


@pytest.mark.usefixtures("opened")
def test_a_long_line_with_an_error_fits_into_a_terminal_of_80_columns(qs):
    shown = complaint(qs, f"add count([{', '.join(['det1'] * 20)}, detx])").splitlines()
    assert max(map(len, shown[1:])) <= 80
    assert shown[-2][shown[-1].index("^") :].startswith("detx")


@pytest.mark.usefixtures("opened")
def test_several_items_are_removed_in_one_sentence(qs):
    qs("add count([det1]) count([det1]) count([det1])")
    assert pretty(qs("rm 1-2")) == "Removed 2 items (%qs undo puts them back)."


@pytest.mark.usefixtures("opened")
def test_each_line_of_a_cell_shows_its_reply(shell, capsys):
    shell.run_cell("%qs add count([det1], num=1)\n%qs add count([det1], num=2)").raise_error()
    shown = capsys.readouterr().out
    assert shown.count("num=1") == 1
    assert shown.count("num=2") == 1


@pytest.mark.usefixtures("opened")
def test_a_table_above_the_last_line_of_a_cell_is_shown(shell, capsys):
    shell.run_cell("%qs add count([det1], num=7);\n%qs queue\n%qs history").raise_error()
    shown = capsys.readouterr().out
    assert shown.count("num=7") == 1
    assert shown.index("num=7") < shown.index("Nothing has run yet.")


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("code", ["%qs undo\n%qs undo", "for _ in range(2):\n    %qs undo"])
def test_each_undo_shows_what_it_has_undone(shell, capsys, code):
    shell.run_cell("%qs add count([det1], num=1) count([det1], num=2);\n%qs rm 1;\n%qs rm 0;").raise_error()
    assert capsys.readouterr().out == ""
    shell.run_cell(code).raise_error()
    shown = capsys.readouterr().out
    assert shown.count("Put back 1 plan") == 2
    assert shown.index("num=1") < shown.index("num=2")


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("code", ["%qs queue;\npass", "x = %qs queue\npass", "for _ in range(2):\n    %qs queue"])
def test_a_table_that_is_silent_kept_or_in_a_loop_is_not_shown(shell, capsys, code):
    shell.run_cell(code).raise_error()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("line", ["scan([det1], motor, 0, 1)", "rel_scan([det1], motor, -1, 1, num=None)"])
def test_a_scan_without_its_number_of_points_is_queued_with_a_warning(qs, opened, line):
    shown = " ".join(pretty(qs(f"add {line}")).split())
    assert "needs the number of points, as num=… or after the axes: the plan will fail unless this is fixed" in shown
    assert "It may fail: plan" in pretty(qs(f"check {line}"))
    assert "points" not in pretty(qs("edit 0 num=5"))
