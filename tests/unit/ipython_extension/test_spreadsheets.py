"""Spreadsheets at the prompt: plans in rows, rows for a plan on the line, an empty spreadsheet to fill in."""

import re
import sys

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.errors import QSError
from bluesky_qs.words.sheet_cells import write_xlsx

PLANS = [["plan", "detectors", "num", "md.sample"], ["count", "[det1]", "3", '"Si 111"'], ["# no"], ["count", "[det2]"]]
SAMPLES = [["name", "x"], ["S03", "1.5"], ["S04", "2"]]


def as_csv(rows):
    quoted = [",".join('"{}"'.format(cell.replace('"', '""')) for cell in row) for row in rows]
    return "\n".join(quoted).encode()


@pytest.fixture(params=[".csv", ".xlsx"])
def sheet(request, tmp_path):
    """Writes rows to a file of either kind; its path, which has a space."""

    def sheet(rows):
        path = tmp_path / f"my samples{request.param}"
        path.write_bytes(as_csv(rows) if request.param == ".csv" else write_xlsx(rows))
        return path

    return sheet


def items(manager):
    return manager.do("queue_get")["items"]


@pytest.mark.parametrize("command", ["add --file '{}'", "queue add spreadsheet '{}'"])
def test_the_rows_of_a_spreadsheet_are_queued(qs, opened, sheet, command):
    qs(command.format(sheet(PLANS)))
    first, second = items(opened)
    assert (first["kwargs"], first["meta"]) == ({"detectors": ["det1"], "num": 3}, {"sample": "Si 111"})
    assert second["kwargs"] == {"detectors": ["det2"]}


def test_options_follow_a_spreadsheet(qs, opened, sheet):
    qs("add count([det1])")
    qs(f"add --file '{sheet(PLANS)}' --front --md beam=9")
    assert [item.get("meta") for item in items(opened)] == [{"sample": "Si 111", "beam": 9}, {"beam": 9}, None]


def test_a_wrong_cell_is_named_and_nothing_is_queued(qs, opened, sheet):
    with pytest.raises(UsageError, match=r"row 5, column C \(num\): '1 \+ 1'"):
        qs(f"add --file '{sheet([*PLANS, ['count', '[det1]', '1 + 1']])}'")
    assert items(opened) == []


def test_in_a_terminal_the_errors_of_all_cells_are_broken_at_blanks(shell, opened, sheet, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shell.run_cell(f"%qs add --file '{sheet([*PLANS, ['count', '[det1]', '1 + 1'], ['count', '[det1]', '2-1']])}'")
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).splitlines()
    assert len(lines) > 4
    assert all(len(line) <= 80 or " " not in line for line in lines)
    shown = " ".join(lines)
    assert re.search(r"\(if it is text, put it in quotes: (['\"])2-1\1\)", shown)
    assert shown.count("UsageError") == 1
    assert items(opened) == []


@pytest.mark.parametrize("command", ["add --file '{}'", "queue add spreadsheet '{}'"])
def test_a_row_that_the_service_refuses_is_named(qs, opened, sheet, command):
    with pytest.raises(QSError, match=r"row 5.*: parameter 'num': 'many' is not an integer"):
        qs(command.format(sheet([*PLANS, ["count", "[det1]", "'many'"]])))
    assert items(opened) == []


def test_a_plan_is_queued_for_each_row_of_a_spreadsheet(qs, opened, sheet):
    qs(f"add scan([det1], motor, $x, {{x + 1}}, 3) --for '{sheet(SAMPLES)}' --front --md sample=$name")
    assert [item["args"] for item in items(opened)] == [[["det1"], "motor", 1.5, 2.5, 3], [["det1"], "motor", 2, 3, 3]]
    assert [item["meta"] for item in items(opened)] == [{"sample": "S03"}, {"sample": "S04"}]


@pytest.mark.parametrize(
    ("rows", "line", "message"),
    [
        ([*SAMPLES, ["S05"]], "count([det1], $x)", r"row 4, column x: the cell is empty"),
        (SAMPLES, "count([det1])", r"The plan uses no column of .*\. Its columns are name, x: write \$name"),
        ([["x"], ["a b"]], "count([det1], $x)", r"row 2, column A \(x\): 'a b': "),
        ([["x"], ["a"]], "count([det1], {x + 1})", r"row 2: Arithmetic needs numbers, not str"),
        ([["x"]], "count([det1], $x)", r"has no rows below the headings"),
    ],
)
def test_rows_that_do_not_fit_are_named(qs, opened, sheet, rows, line, message):
    with pytest.raises(UsageError, match=message):
        qs(f"add {line} --for '{sheet(rows)}'")
    assert items(opened) == []


def test_a_value_of_a_row_that_the_service_refuses_is_named(qs, opened, sheet):
    with pytest.raises(QSError, match=r"row 3, column n \('many'\): "):
        qs(f"add count([det1], num=$n) --for '{sheet([['n'], ['1'], ['many']])}'")


@pytest.mark.parametrize("option", ["--file", "count([det1], $x) --for"])
def test_a_spreadsheet_that_is_not_there_is_an_error_at_its_name(qs, opened, option):
    with pytest.raises(UsageError, match=r"nothing\.xlsx cannot be read: No such file or directory"):
        qs(f"add {option} nothing.xlsx")


def test_an_empty_spreadsheet_is_made_filled_in_and_queued(qs, opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pretty(qs("spreadsheet count")).startswith("Wrote count.csv. Fill in a row for each plan, then: %qs add")
    path = tmp_path / "count.csv"
    headings = path.read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    row = {"plan": "count", "detectors": "[det1]", "num": "4"}
    text = ",".join(row.get(heading, "") for heading in headings)
    path.write_text(path.read_text(encoding="utf-8-sig").rstrip().rpartition("\n")[0] + f"\n{text}\n")
    qs("add --file count.csv")
    assert items(opened)[0]["kwargs"] == {"detectors": ["det1"], "num": 4}
    with pytest.raises(UsageError, match=r"count\.csv already exists"):
        qs("spreadsheet count")
