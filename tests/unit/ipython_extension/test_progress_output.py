"""What somebody who waits sees."""

import pytest
from IPython.utils.capture import capture_output

from ipython_extension.live.progress_output import Notebook, Terminal
from ipython_extension.shown.status_text import Bar

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
    terminal.put("a row")
    terminal.say("more")
    terminal.clear()
    assert screen(capsys.readouterr().out) == ["a row", ""]


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_line_is_never_wrapped(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", columns)
    Terminal().say(Bar("count(" + "det, " * 100 + ")", 0.99, "99/100  5 min 12 s  about 3 s to go"))
    (line,) = screen(capsys.readouterr().out)
    assert len(line) < int(columns)


def test_a_plan_of_unknown_length_has_no_bar():
    assert Bar.of({"running_item_progress": {"events": 3}}, "fly()").text(80) == "fly()  3"
    assert Bar.of({}, "fly()").text(80) == "fly()"


@pytest.mark.parametrize(
    ("expected_text", "text"),
    [
        (Bar("count([det1])", 0.5, "1/2"), "In progress: count([det1])"),
        ("Opening the environment  0.4 s  Loading a.py", "In progress: Opening the environment"),
    ],
)
def test_a_console_without_widgets_shows_what_is_under_way(bare_shell, monkeypatch, expected_text, text):
    monkeypatch.setattr("ipython_extension.live.progress_output._PATIENCE", 0.0)
    stage = Notebook()
    with capture_output() as captured:
        stage.say(expected_text)
    (shown,) = captured.outputs
    assert shown.data["text/plain"] == text
    assert "application/vnd.jupyter.widget-view+json" in shown.data
    stage.clear()
