"""Reading devices at the prompt: tables, errors, and watching."""

import time
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import QSError
from bluesky_qs.testing import Wait
from ipython_extension.shown.readings_view import ReadingsView, number_text
from ipython_extension.shown.tables import moment
from ipython_extension.words.dispatch import reading

MOTOR = {
    "value": 2.5,
    "units": "mm",
    "timestamp": 1.0,
    "limits": [-1.0, 10.0],
    "moving": True,
    "fields": {"motor_setpoint": {"value": 5, "units": "mm", "timestamp": 1.0}},
}


@pytest.fixture
def three_tables(monkeypatch):
    """Ends a watch with Ctrl-C after three tables; other threads keep their clock."""
    tables = []

    def sleep(_seconds):
        tables.append(1)
        if len(tables) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(reading, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))


def test_a_reading_has_value_units_limits_and_time(qs, opened):
    opened.worker.readings["motor"] = MOTOR
    at = moment(1.0)
    assert pretty(qs("read motor")).splitlines() == [
        f"  device            value  units  limits   is      {'time':<{len(at)}}".rstrip(),
        f"  motor               2.5  mm     -1 … 10  moving  {at}",
        f"  · motor_setpoint      5  mm                      {at}",
    ]


def test_columns_without_content_are_left_out():
    found = {"value": 1, "units": None, "timestamp": None, "limits": None, "moving": None}
    assert pretty(ReadingsView({"det1": found})).split() == ["device", "value", "det1", "1"]


def test_a_device_that_does_not_answer_is_shown_with_its_last_value():
    view = ReadingsView(
        {
            "hangs": {"error": "no answer after 1 s", "last": {"value": 3.25, "timestamp": 1.0}},
            "never": {"error": "no answer after 1 s", "last": None},
        }
    )
    assert [" ".join(line.split()) for line in pretty(view).splitlines()[1:]] == [
        f"hangs 3.25 {moment(1.0)}",
        "no answer after 1 s; this is its last value",
        "never",
        "no answer after 1 s",
    ]


def test_large_and_odd_values_are_shown_in_their_cell():
    view = ReadingsView(
        {
            "image": {"value": None, "shape": [512, 256]},
            "text": {"value": "x" * 80, "timestamp": 1e300},
            "nan": {"value": float("nan")},
        }
    )
    text = pretty(view)
    assert "array of 512 by 256" in text
    assert "nan" in text
    assert "1e+300" in text
    assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (1234567.0, "1234567"),
        (1234567.5, "1.235e+06"),
        (0.000012345, "1.234e-05"),
        (999999.6, "1.000e+06"),
        (3, "3"),
        (True, "True"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_has_six_digits_or_an_exponent_and_whole_numbers_have_all_digits(value, text):
    assert number_text(value) == text


def test_the_result_is_a_dictionary(qs, opened):
    opened.worker.readings["motor"] = MOTOR
    assert qs("read motor, det1")["motor"]["value"] == 2.5
    assert qs("device read motor")["motor"]["limits"] == [-1.0, 10.0]


def test_where_shows_what_moves_without_other_fields(qs, opened):
    opened.worker.readings["motor"] = MOTOR
    shown = qs("where")
    assert "motor1" in shown
    assert "det1" not in shown
    assert "motor_setpoint" not in pretty(shown)


def test_where_nothing_moves_there_is_a_sentence():
    assert pretty(ReadingsView({})) == "There are no movable devices that you may use."


def test_devices_are_read_while_a_plan_runs(qs, running):
    assert qs("read motor")["motor"]["value"] == 0.0


@pytest.mark.over_http_too
def test_devices_are_read_over_http(qs, opened):
    opened.worker.readings["motor"] = MOTOR
    assert qs("read motor det1")["motor"]["value"] == 2.5
    assert "motor1" in qs("where")


def test_watching_shows_the_table_again_until_ctrl_c(qs, opened, capsys, three_tables):
    assert qs("read motor --watch") is None
    assert capsys.readouterr().out.count("device") == 3
    asked = [command for command in opened.worker.commands if type(command).__name__ == "ReadDevices"]
    assert [command.max_age for command in asked] == [1.0, 1.0, 1.0]


def test_where_can_be_watched(qs, opened, capsys, three_tables):
    assert qs("where --watch") is None
    assert capsys.readouterr().out.count("motor1") >= 3


def test_a_watched_table_fits_into_the_terminal():
    view = ReadingsView({name: {"value": 1} for name in "abcd"})
    assert view.fitted(80, 5) == view.text(80)
    shown = [line.split() for line in view.fitted(80, 4).splitlines()]
    assert shown == [["device", "value"], ["a", "1"], ["b", "1"], ["…", "2", "more"]]


def test_in_a_short_terminal_the_moving_device_comes_first_then_what_changed_last(
    qs, opened, capsys, monkeypatch, three_tables
):
    monkeypatch.setattr(reading, "terminal_height", lambda: 6)
    opened.worker.readings.update({"motor2": {"value": 1.0}, "motor3": {"value": 2.0, "moving": True}})
    rounds = iter([{"motor2": {"value": 1.5}}, {"motor3": {"value": 2.0, "moving": False}}])
    sleep = reading.time.sleep
    monkeypatch.setattr(
        reading.time, "sleep", lambda seconds: (opened.worker.readings.update(next(rounds, {})), sleep(seconds))
    )
    qs("where motor* --watch")
    tables = capsys.readouterr().out.strip("\n").split("  device")[1:]
    shown = [[line.split()[0] for line in table.splitlines()[1:] if line] for table in tables]
    assert shown == [["motor3", "motor", "…"], ["motor3", "motor2", "…"], ["motor2", "motor", "…"]]


def test_signals_are_not_shown_unless_asked(qs, opened, update):
    signal = {"is_readable": True, "is_movable": True, "classname": "SynSignal"}
    update(devices={"motor": {**signal, "classname": "SynAxis"}, "img": signal, "energy": signal})
    opened.worker.readings["energy"] = {"value": 7.1, "limits": [5.0, 20.0]}
    shown = qs("where")
    assert list(shown) == ["motor", "energy"]
    assert pretty(shown).splitlines()[-1] == "  1 signal is not shown (%qs where --all)."
    assert "not shown" in shown.html()
    assert list(qs("where --all")) == ["motor", "img", "energy"]
    assert list(qs("where img")) == ["img"]


def test_names_and_patterns_select_what_is_shown(qs, opened):
    assert list(qs("where motor")) == ["motor"]
    assert list(qs("where det1, motor_*hints1")) == ["det1", "motor_empty_hints1", "motor_no_hints1"]
    with pytest.raises(QSError, match=r"No movable device matches det\*"):
        qs("where det*")


def test_names_may_be_in_brackets_as_in_a_plan(qs, opened):
    assert list(qs("read [motor, det1]")) == ["motor", "det1"]


@pytest.mark.parametrize(
    ("line", "said"),
    [("read", "Which device?"), ("read motor --wach", "--wach"), ("read []", "Which device?")],
)
def test_a_line_that_is_not_valid_is_explained(qs, opened, line, said):
    with pytest.raises(UsageError, match=said):
        qs(line)


def test_an_unknown_device_is_named_with_similar_ones(qs, opened):
    with pytest.raises(UsageError) as caught:
        qs("read det1 [motr]")
    assert str(caught.value).splitlines() == [
        "There is no device 'motr'. Did you mean motor or motor1?",
        "    %qs read det1 [motr]",
        "                   ^^^^",
    ]
    with pytest.raises(UsageError, match=r"no device .zebra.\. %qs devices lists them\."):
        qs("where zebra")


def test_with_the_environment_closed_the_error_says_what_to_do(qs, qs_manager, capsys):
    with pytest.raises(QSError):
        qs("where")
    assert "The environment is not open (%qs open)." in capsys.readouterr().out


def test_while_the_environment_opens_the_error_says_so(qs, qs_manager):
    qs_manager.worker.on_open(Wait())
    qs_manager.do("environment_open")
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)
    with pytest.raises(QSError, match="Try again when it is open"):
        qs("where")
    qs_manager.worker.proceed()
