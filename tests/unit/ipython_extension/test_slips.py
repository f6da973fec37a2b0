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
        ('add count([det1]) --md sample={i["name"]}', "Only arithmetic is evaluated here, not subscripts"),
        ("add scan([det1], motor, 0, {2 * i.pi}, 3)", "Only arithmetic is evaluated here, not attributes"),
        ("add count([det1]) --md sample=loop i", "Put text with blanks in quotes"),
        ("add count([det1]) -md sample=1", "Unknown option -md (did you mean '--md'?)"),
    ],
)
def test_a_slip_in_a_plan_is_refused(shell, qs, opened, line, message):
    shell.user_ns["i"] = 3
    assert message in complaint(qs, line)
    assert opened.do("status")["items_in_queue"] == 0


@pytest.mark.usefixtures("opened")
def test_a_variable_in_braces_inside_of_text_is_not_replaced_and_a_note_says_so(shell, qs):
    shell.user_ns["i"] = 3
    added = qs('add count([det1]) --md sample="loop {i}"')
    assert added[0]["meta"] == {"sample": "loop {i}"}
    assert "{i} is not replaced" in " ".join(pretty(added).split())
    assert "{i} is not replaced" in added.html()


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


def test_what_the_service_refuses_in_a_file_is_found_by_its_line(qs, opened, plan_file):
    path = plan_file("# tonight", "count([det1])", "", "count([det1], nmu=3)")
    with pytest.raises(RequestFailedError, match="line 4 of the file: plan 'count' has no parameter 'nmu'"):
        qs(f"add --file {path}")
