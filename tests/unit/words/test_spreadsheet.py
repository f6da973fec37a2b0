"""Plans from spreadsheets: what each rule of the format accepts and refuses, in CSV and in XLSX."""

import csv
import io
import sys
import zipfile
from datetime import date

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluesky_qs.words import sheet_cells
from bluesky_qs.words.sheet_cells import SpreadsheetError, column_letters, write_csv, write_xlsx
from bluesky_qs.words.spreadsheet import (
    SheetItems,
    SheetPlan,
    naming_rows,
    read_items,
    read_rows,
    template,
    write_template,
)

HEADINGS = ["plan", "detectors", "num", "md.sample"]


def as_csv(*rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_xlsx(*rows, change=lambda sheet: None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    change(book.active)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.fixture(params=["a.csv", "a.xlsx"])
def items_of(request):
    """Reads rows as either kind of file."""
    make = as_csv if request.param == "a.csv" else as_xlsx
    return lambda *rows: list(read_items(make(*rows), request.param))


@pytest.fixture(params=["a.csv", "a.xlsx"])
def wrong(request):
    """The lines of the error after the first, for rows as either kind of file; the sheet is called S."""
    make = as_csv if request.param == "a.csv" else as_xlsx

    def wrong(*rows):
        with pytest.raises(SpreadsheetError) as refused:
            read_items(make(*rows), request.param)
        first, *lines = str(refused.value).splitlines()
        assert first.startswith(f"{request.param}: {len(lines)} cell")
        sheet = "a.csv" if request.param == "a.csv" else "Sheet"
        assert all(line.startswith(f"{sheet}, row ") for line in lines), lines
        return [line.removeprefix(f"{sheet}, ") for line in lines]

    return wrong


def refusal(data, name="a.xlsx"):
    with pytest.raises(SpreadsheetError) as refused:
        read_items(data, name)
    return str(refused.value)


def test_rows_are_plans_with_the_columns_as_parameters(items_of):
    assert items_of(HEADINGS, ["count", "[det1, det2]", 5, '"Si 111"'], ["sleep", "", "0.5", "S03"]) == [
        {
            "item_type": "plan",
            "name": "count",
            "kwargs": {"detectors": ["det1", "det2"], "num": 5},
            "meta": {"sample": "Si 111"},
        },
        {"item_type": "plan", "name": "sleep", "kwargs": {"num": 0.5}, "meta": {"sample": "S03"}},
    ]


def test_cells_are_written_as_in_a_plan(items_of):
    cells = {
        "-1.5": -1.5,
        "None": None,
        "True": True,
        "'a b'": "a b",
        "det1.val": "det1.val",
        "vec.axes[1]": "vec.axes.1",
        "{'a': [1, (2, x)]}": {"a": [1, [2, "x"]]},
        "()": [],
    }
    headings = [f"p{n}" for n in range(len(cells))]
    (item,) = items_of(["plan", *headings], ["p", *cells])
    assert item["kwargs"] == dict(zip(headings, cells.values(), strict=True))


def test_values_of_a_workbook_need_no_quotes_where_they_are_no_text():
    data = as_xlsx(["plan", "a", "b", "c", "d"], ["p", 1, 0.25, True, "5"])
    assert read_items(data, "a.xlsx")[0]["kwargs"] == {"a": 1, "b": 0.25, "c": True, "d": 5}


def test_an_empty_cell_is_not_given_and_an_empty_row_is_no_plan(items_of):
    assert items_of(["plan", "num"], ["count", ""], ["", ""], ["count", "  "], [None, None]) == [
        {"item_type": "plan", "name": "count"},
        {"item_type": "plan", "name": "count"},
    ]


def test_rows_that_begin_with_a_hash_are_skipped_whatever_they_contain(items_of):
    (item,) = items_of(["plan", "num"], ["# what it is", "how often?!"], ["#x", "$"], ["count", 3])
    assert item["kwargs"] == {"num": 3}


def test_the_instruction_can_be_a_row(items_of, wrong):
    assert items_of(["plan", "num"], ["queue_stop", ""])[0] == {"item_type": "instruction", "name": "queue_stop"}
    assert wrong(["plan", "num"], ["queue_stop", 1]) == ["row 2, column B (num): queue_stop has no parameters"]


def test_columns_before_a_star_are_given_by_position(items_of):
    rows = items_of(["detectors", "plan", "*args", "num"], ["[det1]", "scan", "[motor, -1, 1]", 5], ["[det2]", "count"])
    assert rows == [
        {"item_type": "plan", "name": "scan", "args": [["det1"], "motor", -1, 1], "kwargs": {"num": 5}},
        {"item_type": "plan", "name": "count", "kwargs": {"detectors": ["det2"]}},
    ]


def test_what_a_star_needs_is_checked(wrong):
    assert wrong(["plan", "detectors", "*args"], ["scan", "", "[motor]"], ["scan", "[det1]", "motor"]) == [
        "row 2, column B (detectors): it must not be empty, because the column *args has a value",
        "row 3, column C (*args): it must be a list, such as [motor, -1, 1]",
    ]


def test_all_wrong_cells_are_named_at_once_by_row_and_column(wrong):
    lines = wrong(
        ["plan", "detectors", "num"],
        ["count", "[det1", "5"],
        ["", "[det1]", "1 + 1"],
        ["a b", "det1, det2", "$n"],
        ["count", "f(x)", "Si 111", "stray"],
    )
    places = [line.partition(":")[0] for line in lines]
    assert places == [
        "row 2, column B (detectors)",
        "row 3, column A (plan)",
        "row 3, column C (num)",
        "row 4, column A (plan)",
        "row 4, column B (detectors)",
        "row 4, column C (num)",
        "row 5, column B (detectors)",
        "row 5, column C (num)",
        "row 5, column D",
    ]
    assert lines[1].endswith("the plan name is missing")
    assert lines[4].endswith("'det1, det2': a list needs brackets: [det1, det2]")
    assert ": text with spaces needs quotes: " in lines[7]
    assert lines[8].endswith("the column has no heading")


@pytest.mark.parametrize(
    "text", ["1 + 1", "2026-11-29", "$x", "{x}", "{x + 1}", "f(1)", "a if b else c", "[x for x in y]", "f'{1}'", "b'x'",
             "__import__('os').system('true')", "lambda: 1", "x.y()", "1j", "x" * 3 + "\0", "ǂx", "9" * 5000]
)  # fmt: skip
def test_nothing_is_evaluated(text):
    assert "row 2, column B (num): " in refusal(as_csv(["plan", "num"], ["count", text]), "a.csv")


@pytest.mark.parametrize(
    ("headings", "problem"),
    [
        (["num"], "row 1, column A (num): the first row must contain the headings, and one of them must be 'plan'"),
        (["plan", "num", "num"], "row 1, column C (num): the heading 'num' appears twice"),
        (["plan", "how many"], "row 1, column B (how many): 'how many' is not the name of a parameter"),
        (["plan", "md."], "row 1, column B (md.): 'md.' is not the name of a parameter"),
        (["plan", "5"], "row 1, column B (5): '5' is not the name of a parameter"),
    ],
)
def test_headings_are_checked(wrong, headings, problem):
    assert wrong(headings, ["count"]) == [problem]


def test_a_key_of_metadata_may_be_any_text(items_of):
    assert items_of(["plan", "md.beam energy (keV)"], ["count", 9])[0]["meta"] == {"beam energy (keV)": 9}


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_spreadsheet_without_plans_is_refused(name):
    data = as_csv(["plan"], ["# no"]) if name == "a.csv" else as_xlsx(["plan"], ["# no"])
    assert refusal(data, name).endswith("contains no plans")


def test_merged_cells_are_wrong():
    data = as_xlsx(["plan", "num"], ["count", 1], ["count", 2], change=lambda sheet: sheet.merge_cells("B2:B3"))
    assert "Sheet, row 2, column B (num): the cells B2:B3 are merged. Split them" in refusal(data)


def with_formula(stored):
    """A workbook with a formula in B2, and the value that a spreadsheet program has stored for it."""
    data = as_xlsx(["plan", "num"], ["count", "=1+2"])
    source, changed = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with source, zipfile.ZipFile(changed, "w") as target:
        for part in source.infolist():
            text = source.read(part)
            if part.filename.endswith("sheet1.xml"):
                assert b"<f>1+2</f><v></v>" in text or b"<f>1+2</f><v/>" in text or b"<f>1+2</f><v />" in text, text
                for empty in (b"<v></v>", b"<v/>", b"<v />"):
                    text = text.replace(b"<f>1+2</f>" + empty, b"<f>1+2</f>" + stored)
            target.writestr(part, text)
    return changed.getvalue()


def test_a_formula_counts_as_the_value_that_is_stored_for_it():
    assert read_items(with_formula(b"<v>3</v>"), "a.xlsx")[0]["kwargs"] == {"num": 3}


def test_a_formula_without_a_stored_value_is_wrong():
    assert "row 2, column B (num): the formula has no stored value" in refusal(with_formula(b""))


def test_errors_and_dates_of_a_spreadsheet_program_are_wrong():
    told = refusal(as_xlsx(["plan", "a", "b"], ["count", date(2026, 11, 29), "#DIV/0!"]))
    assert "column B (a): it is a date or a time" in told
    assert "column C (b): it shows the error #DIV/0!" in told


def test_only_the_first_sheet_is_read():
    book = openpyxl.Workbook()
    book.active.title = "tonight"
    book.active.append(["plan"])
    book.active.append(["count"])
    book.create_sheet("notes").append(["anything ?!"])
    file = io.BytesIO()
    book.save(file)
    items = read_items(file.getvalue(), "a.xlsx")
    assert (list(items), items.places) == ([{"item_type": "plan", "name": "count"}], ["tonight, row 2"])


def test_ten_thousand_rows_are_read_and_one_more_is_refused():
    rows = [["count", "[det1]"]] * 10_000
    assert len(read_items(as_csv(["plan", "detectors"], *rows), "a.csv")) == 10_000
    told = refusal(as_csv(["plan", "detectors"], *rows, rows[0]), "a.csv")
    assert told == "a.csv has more than 10000 rows. Split the file"


def test_a_workbook_with_too_many_rows_is_refused_without_reading_on(monkeypatch):
    monkeypatch.setattr(sheet_cells, "MOST_ROWS", 3)
    rows = [["count", 1]] * 3
    assert len(read_items(as_xlsx(["plan", "num"], *rows), "a.xlsx")) == 3
    data = as_xlsx(["plan", "num"], *rows, rows[0], ["count", date(2026, 11, 29)])
    assert refusal(data) == "a.xlsx has more than 3 rows. Split the file"


def test_empty_cells_that_would_fill_the_memory_are_refused_before_they_are_read():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b"<row>" + b"<c/>" * 1_000_001 + b"</row>")
    assert refusal(file.getvalue()) == "a.xlsx has more than 1000000 cells"


def test_a_file_that_grows_when_it_is_unpacked_is_refused_before_it_is():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", bytes(20_000_001))
    assert len(file.getvalue()) < 100_000
    assert refusal(file.getvalue()) == "a.xlsx is larger than 20 MB when unpacked"


def test_a_part_that_is_larger_than_it_says_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", bytes(50_000_000))
    lying = file.getvalue().replace((50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert "a.xlsx is not an XLSX file: " in refusal(lying)


def test_a_document_type_definition_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>')
    assert "it has a document type definition" in refusal(file.getvalue())


def test_cells_far_away_cost_nothing():
    def change(sheet):
        sheet["XFD9000"] = "stray"

    assert "row 9000, column XFD: the column has no heading" in refusal(as_xlsx(["plan"], ["count"], change=change))


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"plan\ncount\n", "a.txt", "a.txt is not a spreadsheet: its name must end in .csv or .xlsx"),
        (b"plan\n\xff\n", "a.csv", "a.csv is not in UTF-8"),
        (b'plan\n"count\n', "a.csv", "a.csv, line 2: unexpected end of data"),
        (b"plan\ncount\n", "a.xlsx", "a.xlsx is not an XLSX file: File is not a zip file"),
        (bytes(20_000_001), "a.csv", "a.csv is larger than 20 MB"),
        (b"", "a.csv", "the first row must contain the headings"),
    ],
)
def test_what_is_no_spreadsheet_is_refused_with_the_reason(data, name, message):
    assert message in refusal(data, name)


def test_an_archive_that_is_no_workbook_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("readme.txt", "hello")
    assert refusal(file.getvalue()).startswith("a.xlsx cannot be read as XLSX: ")


def test_csv_may_have_a_byte_order_mark_and_semicolons():
    text = "\ufeffplan;num;detectors\r\ncount;0.5;[det1, det2]\r\n"
    assert read_items(text.encode(), "A.CSV")[0]["kwargs"] == {"num": 0.5, "detectors": ["det1", "det2"]}


def test_a_decimal_comma_is_no_list():
    assert "'0,5': a list needs brackets" in refusal(b"plan;num\ncount;0,5\n", "a.csv")


def test_without_openpyxl_csv_works_and_xlsx_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert read_items(b"plan\ncount\n", "a.csv")
    assert "pip install 'bluesky-qs[spreadsheet]'" in refusal(b"", "a.xlsx")
    with pytest.raises(SpreadsheetError, match="need the package openpyxl"):
        write_xlsx([["a"]])


# ----------------------------------------------------------------------------------------------------- variables
def test_the_columns_of_a_table_for_a_line_are_variables():
    rows = read_rows(as_csv(["name", "x"], ["S03", 1.5], ["# no"], ["'Si 111'", ""]), "samples.csv")
    assert rows == [({"name": "S03", "x": 1.5}, "samples.csv, row 2"), ({"name": "Si 111"}, "samples.csv, row 4")]


@pytest.mark.parametrize(
    ("headings", "problem"),
    [
        (["plan", "x"], "column A (plan): a table for --for cannot contain plans; write the plan on the line"),
        (["x", "md.y"], "column B (md.y): 'md.y' cannot be a variable name"),
    ],
)
def test_the_headings_of_such_a_table_are_names(headings, problem):
    with pytest.raises(SpreadsheetError, match="wrong") as refused:
        read_rows(as_csv(headings, [1, 2]), "a.csv")
    assert problem in str(refused.value)


# ----------------------------------------------------------------------------------------------------- templates
SCAN = {
    "name": "scan",
    "description": "\n    Scan over one motor.\n\n    More.",
    "parameters": [
        {
            "name": "detectors",
            "description": "list of\n   devices",
            "kind": {"name": "POSITIONAL_OR_KEYWORD"},
            "annotation": {"type": "collections.abc.Sequence[__READABLE__]"},
        },
        {"name": "args", "kind": {"name": "VAR_POSITIONAL"}},
        {"name": "num", "default": "None", "annotation": {"type": "typing.Optional[int]"}, "description": "=points"},
        {"name": "more", "kind": {"name": "VAR_KEYWORD"}},
    ],
}


def test_a_template_has_the_parameters_and_what_they_mean():
    headings, texts, row = template(SCAN)
    assert headings == ["plan", "detectors", "*args", "num"]
    assert texts[:2] == ["# Scan over one motor.", "list of devices (Sequence[readable]; required)"]
    assert texts[3] == " =points (Optional[int]; default: None)"
    assert row == ["scan", "", "", ""]


@pytest.mark.parametrize("name", ["scan.csv", "scan.xlsx"])
def test_a_written_template_is_read_again(tmp_path, name):
    write_template(tmp_path / name, "scan", {"scan": SCAN})
    assert list(read_items((tmp_path / name).read_bytes(), name)) == [{"item_type": "plan", "name": "scan"}]
    with pytest.raises(SpreadsheetError, match="exists"):
        write_template(tmp_path / name, "scan", {"scan": SCAN})


def test_a_template_for_an_unknown_plan_or_file_is_refused(tmp_path):
    with pytest.raises(SpreadsheetError, match=r"no allowed plan 'scna'.*did you mean 'scan'"):
        write_template(tmp_path / "a.csv", "scna", {"scan": SCAN})
    with pytest.raises(SpreadsheetError, match=r"must end in \.csv or \.xlsx"):
        write_template(tmp_path / "a.ods", "scan", {"scan": SCAN})
    with pytest.raises(SpreadsheetError, match="cannot be written: No such file"):
        write_template(tmp_path / "no" / "a.csv", "scan", {"scan": SCAN})


def test_a_refusal_names_rows():
    results = [{"success": True, "msg": ""}, {"success": False, "msg": "Plan validation failed: no"}]
    reply = {"success": False, "msg": "item 2", "results": results}
    items = SheetItems([SheetPlan({}, "S, row 2"), SheetPlan({}, "S, row 5")])
    assert naming_rows(reply, items)["msg"] == "Failed to add all items: S, row 5: no"
    accepted = {"success": True, "msg": "", "results": results[:1]}
    assert naming_rows(accepted, items) == accepted


def test_a_refusal_names_the_columns_of_the_arguments_that_the_service_names():
    data = b'plan,detectors,md.a,*args,num\nscan,[det1],x,"[motor, -1, 1]",5\n'
    items = read_items(data, "a.csv")
    assert items[0]["args"] == [["det1"], "motor", -1, 1]
    paths = [[0, 0], [2], [3], ["num"], [], ["other"]]
    result = {"success": False, "msg": "no", "errors": [{"path": path} for path in paths]}
    msg = naming_rows({"success": False, "msg": "", "results": [result]}, items)["msg"]
    columns = "column B (detectors), column D (*args), column E (num)"
    assert msg == f"Failed to add all items: a.csv, row 2, {columns}: no"


def test_rows_that_were_added_with_warnings_are_named():
    items = read_items(b"plan,detectors\ncount,[det1]\ncount,[det9]\n", "a.csv")
    results = [{"success": True, "msg": ""}, {"success": True, "msg": "", "warnings": ["One", "Two"]}]
    reply = {"success": True, "msg": "", "results": results}
    assert naming_rows(reply, items) == {**reply, "msg": "Added 2 items, with warnings: a.csv, row 3: One; Two"}


def test_columns_have_letters_as_in_spreadsheet_programs():
    assert [column_letters(n) for n in (1, 26, 27, 702, 703, 16384)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]


# ---------------------------------------------------------------------------------------------------- properties
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "ǂ" not in repr(value) and "\ud800" not in repr(value))
NAMES = st.sampled_from(["num", "detectors", "delay", "x_1"])
KEYS = st.sampled_from(["sample", "a b", "plan"])
ITEMS = st.lists(
    st.builds(
        lambda name, kwargs, meta: {
            "item_type": "plan",
            "name": name,
            **({"kwargs": kwargs} if kwargs else {}),
            **({"meta": meta} if meta else {}),
        },
        st.sampled_from(["count", "scan", "my.plan"]),
        st.dictionaries(NAMES, VALUES, max_size=4),
        st.dictionaries(KEYS, VALUES, max_size=2),
    ),
    min_size=1,
    max_size=6,
)


def rows_with(items):
    names = sorted({name for item in items for name in item.get("kwargs", ())})
    keys = sorted({key for item in items for key in item.get("meta", ())})
    yield ["plan", *names, *(f"md.{key}" for key in keys)]
    for item in items:
        cells = [(item.get("kwargs", {}), name) for name in names] + [(item.get("meta", {}), key) for key in keys]
        yield [item["name"], *(ascii(values[key]) if key in values else "" for values, key in cells)]


@settings(deadline=None)
@given(ITEMS)
def test_items_that_are_written_to_csv_are_read_again(items):
    assert list(read_items(write_csv(list(rows_with(items))), "a.csv")) == items


@settings(deadline=None, max_examples=20)
@given(ITEMS)
def test_items_that_are_written_to_xlsx_are_read_again(items):
    assert list(read_items(write_xlsx(list(rows_with(items))), "a.xlsx")) == items


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.sampled_from(["a.csv", "a.xlsx"]))
def test_any_other_bytes_are_refused_in_words(data, name):
    told = outcome(data, name)
    assert told == "read" or told.startswith((f"{name} ", f"{name}:", f"{name},"))


def outcome(data, name):
    try:
        read_items(data, name)
    except SpreadsheetError as error:
        return str(error)
    return "read"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_in_a_cell_is_a_value_or_a_wrong_cell(text):
    told = outcome(as_csv(["plan", "num"], ["count", text]), "a.csv")
    assert told == "read" or told.startswith(("a.csv: 1 cell is wrong\na.csv, row 2, column B (num): ", "a.csv, line"))


def test_the_limits_are_those_of_the_documentation():
    assert (sheet_cells.MOST_ROWS, sheet_cells.LARGEST) == (10_000, 20_000_000)
