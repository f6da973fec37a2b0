"""What somebody who waits sees."""

import re

import pytest
from IPython.utils.capture import capture_output

from ipython_extension.live.lines import PermanentLine
from ipython_extension.live.notebook_output import Notebook
from ipython_extension.live.progress_output import Terminal
from ipython_extension.shown.status_text import Bar
from ipython_extension.shown.tables import moment

#: In 2027.
NOW = 1_800_000_000.0
BAR = Bar("count([det1], num=10)", 0.4, "4/10  3.0 s")


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def screen(printed):
    """Lines as a terminal shows them: what follows a carriage return is written over what was there."""
    lines = []
    for line in printed.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_the_last_line_is_written_over(terminal, capsys):
    terminal.say("a long sentence about what goes on")
    terminal.say(BAR)
    assert screen(capsys.readouterr().out) == ["count([det1], num=10)  ████████░░░░░░░░░░░░  4/10  3.0 s"]


def test_lines_that_stay_are_above_it(terminal, capsys):
    terminal.say(BAR)
    terminal.put([PermanentLine("a row")])
    terminal.say("more")
    terminal.clear()
    assert screen(capsys.readouterr().out) == ["a row", ""]


def test_a_picture_replaces_the_previous_one_of_its_name_and_no_other(terminal, capsys):
    terminal.picture("Scan 1", "one\ntwo")
    terminal.say(BAR)
    terminal.picture("Scan 1", "three\nfour")
    assert "\x1b[2A\r\x1b[Jthree\nfour\n" in capsys.readouterr().out
    terminal.put([PermanentLine("a sentence")])
    terminal.picture("Scan 1", "five")
    terminal.picture("Scan 2", "six")
    assert capsys.readouterr().out == "a sentence\nfive\nsix\n"


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_line_is_never_wrapped(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", columns)
    Terminal().say(Bar("count(" + "det, " * 100 + ")", 0.99, "99/100  5 min 12 s  about 3 s to go"))
    (line,) = screen(capsys.readouterr().out)
    assert len(line) < int(columns)


def test_a_plan_of_unknown_length_has_no_bar():
    assert Bar.of({"running_item_progress": {"events": 3}}, "fly()").text(80) == "fly()  3"
    assert Bar.of({}, "fly()").text(80) == "fly()"


def test_the_time_to_go_is_worth_more_than_the_bar_in_a_narrow_terminal():
    bar = Bar("rel_grid_scan([det1, det2])", 0.1, "100/1000  1 min 23 s  about 12 min 20 s to go")
    assert bar.text(66).endswith("about 12 min 20 s to go")
    assert len(bar.text(66)) <= 66
    assert "█" in bar.text(100)


@pytest.fixture
def at_once(bare_shell, monkeypatch):
    """Updates of a notebook are not held back."""
    monkeypatch.setattr("ipython_extension.live.notebook_output._PATIENCE", 0.0)
    monkeypatch.setattr("ipython_extension.live.notebook_output._PERIOD", 0.0)


def test_a_notebook_has_one_display_with_the_bar_below_the_lines(at_once):
    notebook = Notebook()
    with capture_output() as captured:
        notebook.say(BAR)
        notebook.put([PermanentLine("#  motor", "heading"), PermanentLine("1  <0.5>")])
        notebook.say(BAR)
    (first, second) = captured.outputs
    assert "count([det1], num=10)" in first.data["text/html"]
    assert first.data["text/plain"] == ""  # a notebook that is saved meanwhile keeps this text
    assert second.data["text/plain"].split("\n") == ["#  motor", "1  <0.5>"]
    assert second.data["text/html"].index("1  &lt;0.5&gt;") < second.data["text/html"].index("<progress")
    assert "widget" not in str(second.data)
    # Where styles do not count, in a notebook that is not trusted, a bar of the past is not displayed.
    assert '<div style="display:none;' in second.data["text/html"]


def test_only_the_lines_are_left_in_a_notebook(at_once):
    notebook = Notebook()
    with capture_output() as captured:
        notebook.say(BAR)
        notebook.put([PermanentLine("a row")])
        notebook.clear()
        notebook.clear()
    assert notebook.place is None
    assert len(captured.outputs) == 2
    assert captured.outputs[-1].data["text/plain"] == "a row"
    assert "progress" not in captured.outputs[-1].data["text/html"]


def test_the_display_of_a_bar_is_free_for_the_result_and_has_the_last_words_until_then(at_once):
    notebook = Notebook()
    assert notebook.place is None
    with capture_output() as captured:
        notebook.say("Opening the environment  0.4 s")
        notebook.clear()
        Notebook(place=notebook.place).say("Pausing")
    assert captured.outputs[1].data["text/plain"] == "Opening the environment  0.4 s"
    assert "progress" not in captured.outputs[1].data["text/html"]
    assert len(captured.outputs) == 3
    assert [output.update for output in captured.outputs] == [False, True, True]


def test_a_line_that_is_silent_has_no_bar_in_a_notebook(at_once):
    notebook = Notebook(has_bar=False)
    with capture_output() as captured:
        notebook.say(BAR)
        notebook.clear()
    assert captured.outputs == []


def test_a_very_long_table_takes_several_displays_and_no_row_is_lost(at_once):
    notebook = Notebook()
    rows = [f"row {n}" for n in range(450)]
    with capture_output() as captured:
        for row in rows:
            notebook.put([PermanentLine(row)])
        notebook.clear()
    shown = [output.data["text/plain"].split("\n") for output in captured.outputs]
    assert [len(lines) for lines in shown] == [200, 200, 50]
    assert [line for lines in shown for line in lines] == rows


def test_no_bar_comes_below_the_output_of_user_code(at_once):
    notebook = Notebook()
    with capture_output() as captured:
        notebook.copy("printed by a script")
        notebook.say(BAR)
        notebook.clear()
    assert captured.outputs == []
    assert captured.stdout == "printed by a script\n"


def test_the_bar_of_a_notebook_stays_on_one_line(at_once):
    notebook = Notebook()
    with capture_output() as captured:
        notebook.say(BAR)
    shown = captured.outputs[0].data["text/html"]
    assert "white-space:pre;overflow:hidden" in shown.split("qs-progress")[-2]
    # In a narrow window only the plan is shortened.
    plan, rest = re.findall(r'<span style="([^"]*)">([^<]*)</span>', shown)
    assert "text-overflow:ellipsis" in plan[0]
    assert plan[1].endswith("count([det1], num=10)")
    assert rest == ("flex:none", "  4/10  3.0 s")


def test_a_notebook_that_keeps_the_bar_of_a_lost_kernel_says_nothing_that_becomes_wrong(at_once, monkeypatch):
    """Such a file is opened days later: a time of day is still true then, a time to go is not."""
    monkeypatch.setattr("time.time", lambda: NOW)
    progress = {"events": 14, "num_points": 100, "time_start": NOW - 14}
    notebook = Notebook()
    with capture_output() as captured:
        notebook.say(Bar.of({"running_item_progress": progress}, "count([det1], num=100)"))
    shown = captured.outputs[0].data["text/html"]
    assert f"At {moment(NOW, NOW)}: count([det1], num=100)  14/100" in re.sub("<[^>]*>", "", shown)
    assert f"end at about {moment(NOW + 86, NOW)}" in shown
    assert "to go" not in shown


def test_the_bar_of_a_notebook_is_renewed_before_it_goes_away_by_itself(at_once, monkeypatch):
    """Its style hides it soon after the latest update, also while a plan takes long for a point."""
    now = [NOW]
    monkeypatch.setattr("time.time", lambda: now[0])
    notebook = Notebook()
    with capture_output() as captured:
        for _ in range(3):
            notebook.say(BAR)
            notebook.say(BAR)
            now[0] += 1
    assert len(captured.outputs) == 3


def test_a_plan_that_still_runs_has_no_full_bar():
    """Between two runs of a plan, or while it cleans up, all points of the last run are there."""
    progress = {"events": 5, "num_points": 5, "time_start": 1.0}
    bar = Bar.of({"running_item_progress": progress}, "two_runs()")
    assert bar.done is None
    assert bar.details.startswith("5/5  ")
    assert Bar.of({"running_item_progress": {**progress, "events": 4}}, "two_runs()").done == 0.8


def test_a_notebook_has_more_room_for_tables_than_a_terminal(terminal, bare_shell):
    assert (Notebook().width, terminal.width) == (100, 80)
