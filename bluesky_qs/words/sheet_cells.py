"""The cells of spreadsheet files, in CSV and XLSX. Nothing is evaluated."""

import contextlib
import csv
import io
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from bluesky_qs.errors import QSError

#: Extensions of spreadsheet files.
SUFFIXES = (".csv", ".xlsx")
#: Maximum number of rows below the headings, and of bytes in the unpacked file.
MOST_ROWS = 10_000
LARGEST = 20_000_000
_MOST_PARTS = 1000
#: Maximum number of cells in an XLSX file. A used cell takes about 40 bytes; an empty cell takes less, but needs memory
#: too.
_MOST_CELLS = 1_000_000
#: Spreadsheet programs in some countries use semicolons, because numbers there contain commas.
_DELIMITERS = ",;\t"


class SpreadsheetError(QSError):
    """The spreadsheet is not valid."""


class Cell(NamedTuple):
    """A cell that is not empty: its stored value, or the reason why the value cannot be used."""

    value: str | int | float | bool
    problem: str = ""


class Sheet(NamedTuple):
    """A sheet: its cells by row and column, both counted from 1."""

    name: str
    rows: Mapping[int, Mapping[int, Cell]]


def is_spreadsheet(file_name: str) -> bool:
    """Whether the file is a spreadsheet, judging by its name."""
    return PurePath(file_name).suffix.lower() in SUFFIXES


def column_letters(column: int) -> str:
    """Return a column's letters: A for 1, AA for 27."""
    letters = ""
    while column > 0:
        column, place = divmod(column - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def read_sheet(data: bytes, file_name: str) -> Sheet:
    """Return the cells of a CSV file, or of the first sheet of a workbook.

    Raises
    ------
    SpreadsheetError
        The file is not a CSV or XLSX file, is too large, or cannot be read.
    """
    name = PurePath(file_name).name
    if not is_spreadsheet(name):
        raise SpreadsheetError(f"{name} is not a spreadsheet: its name must end in .csv or .xlsx")
    if len(data) > LARGEST:
        raise SpreadsheetError(f"{name} is larger than {LARGEST // 1_000_000} MB")
    return _csv(data, name) if name.lower().endswith(".csv") else _xlsx(data, name)


def _check_row(number: int, name: str) -> None:
    if number > MOST_ROWS + 1:
        raise SpreadsheetError(f"{name} has more than {MOST_ROWS} rows. Split the file")


def write_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a CSV file with these rows. Its byte order mark tells spreadsheet programs that it is in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def write_xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """Return an XLSX file with these rows. All cells are text.

    Raises
    ------
    SpreadsheetError
        The package openpyxl is missing.
    """
    book = _openpyxl().Workbook()
    sheet = book.active
    for number, row in enumerate(rows, start=1):
        for column, text in enumerate(row, start=1):
            if text:
                cell = sheet.cell(number, column, text)
                cell.data_type = "s"  # even if it begins with an equals sign
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - an optional package, and slow to import
    except ImportError:
        raise SpreadsheetError(
            "XLSX files need the package openpyxl: pip install 'bluesky-qs[spreadsheet]'. CSV files need no package"
        ) from None
    return openpyxl


# ----------------------------------------------------------------------------------------------------------- CSV
def _csv(data: bytes, name: str) -> Sheet:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpreadsheetError(f"{name} is not in UTF-8. Save it as “CSV UTF-8”") from None
    rows: dict[int, dict[int, Cell]] = {}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for number, fields in enumerate(reader, start=1):
            found = {column: Cell(field.strip()) for column, field in enumerate(fields, start=1) if field.strip()}
            if found:
                _check_row(number, name)
                rows[number] = found
    except csv.Error as error:
        raise SpreadsheetError(f"{name}, line {reader.line_num}: {error}") from None
    return Sheet(name, rows)


def _delimiter(text: str) -> str:
    headings = text.partition("\n")[0]
    return next((each for each in _DELIMITERS if each in headings), ",")


# ---------------------------------------------------------------------------------------------------------- XLSX
def _xlsx(data: bytes, name: str) -> Sheet:
    openpyxl = _openpyxl()
    _check_package(data, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about parts of the file that are not used
        try:
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
            try:
                return _first_sheet(book.worksheets[0], name)
            finally:
                book.close()
        except SpreadsheetError:
            raise
        except Exception as error:  # noqa: BLE001 - any, because openpyxl raises what a damaged file leads to
            raise SpreadsheetError(f"{name} cannot be read as XLSX: {str(error) or type(error).__name__}") from None


def _first_sheet(sheet: Any, name: str) -> Sheet:
    rows: dict[int, dict[int, Cell]] = {}
    formulas: set[tuple[int, int]] = set()
    with _parsed(sheet, data_only=False) as parser:
        for number, cells in parser.parse():
            for cell in cells:
                found = _FORMULA if cell["data_type"] == "f" else _cell(cell)
                if found is _FORMULA:
                    formulas.add((number, cell["column"]))
                if found is not None:
                    _check_row(number, name)
                    rows.setdefault(number, {})[cell["column"]] = found
        merged = parser.merged_cells
    if formulas:
        _put_stored_values(sheet, formulas, rows)
    for each in merged.mergeCell if merged else ():
        rows.setdefault(each.min_row, {})[each.min_col] = Cell("", f"the cells {each.coord} are merged. Split them")
    return Sheet(str(sheet.title), {row: dict(sorted(rows[row].items())) for row in sorted(rows)})


@contextlib.contextmanager
def _parsed(sheet: Any, *, data_only: bool) -> Iterator[Any]:
    """Return a parser for the sheet that yields one row at a time.

    openpyxl's own reader fills gaps with empty cells, and a small file may declare a billion of them. Reading the whole
    sheet into objects takes three times as long and more memory. Therefore, this uses the underlying parser.
    """
    from openpyxl.worksheet._reader import WorkSheetParser  # noqa: PLC0415 - see `_openpyxl`

    book = sheet.parent
    with sheet._get_source() as source:  # noqa: SLF001
        parser: Any = WorkSheetParser(
            source,
            sheet._shared_strings,  # noqa: SLF001
            data_only=data_only,
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        parser.parse_formula = lambda _element: "="
        yield parser


def _put_stored_values(sheet: Any, formulas: set[tuple[int, int]], rows: dict[int, dict[int, Cell]]) -> None:
    """Replace the formulas with their stored values."""
    with _parsed(sheet, data_only=True) as parser:
        for number, cells in parser.parse():
            for cell in cells:
                if (number, cell["column"]) in formulas:
                    stored = _FORMULA if cell["value"] is None else _cell(cell)
                    if stored is None:
                        del rows[number][cell["column"]]
                    else:
                        rows[number][cell["column"]] = stored


def _check_package(data: bytes, name: str) -> None:
    """Refuse a file that needs too much memory, before it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            problem = _problem(package)
    except Exception as error:  # noqa: BLE001 - any, because zipfile raises what a damaged file leads to
        raise SpreadsheetError(f"{name} is not an XLSX file: {error}") from None
    if problem:
        raise SpreadsheetError(f"{name} {problem}")


def _problem(package: zipfile.ZipFile) -> str:
    parts = package.infolist()
    # Python unpacks each part only up to its declared size.
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > LARGEST:
        return f"is larger than {LARGEST // 1_000_000} MB when unpacked"
    # Parts with their own definitions can grow while they are read. Spreadsheet programs do not write such parts.
    for part in parts:
        text = package.read(part).replace(b"\0", b"")
        if b"<!DOCTYPE" in text:
            return "is not a regular XLSX file: it has a document type definition"
        if text.count(b"<c") > _MOST_CELLS:
            return f"has more than {_MOST_CELLS} cells"
    return ""


_FORMULA = Cell("", "the formula has no stored value. Open and save the file in a spreadsheet program")


def _cell(cell: Mapping[str, Any]) -> Cell | None:
    """Return the cell that the parser describes; None if it is empty."""
    match cell["value"]:
        case None:
            return None
        case str() as value if cell["data_type"] == "e" or value in _ERRORS:
            return Cell("", f"it shows the error {value}")
        case str() as value:
            return Cell(value.strip()) if value.strip() else None
        case bool() | int() | float() as value:
            return Cell(value)
        case _:
            return Cell("", "it is a date or a time. Format the cell as text, and put the text in quotes")


_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"})
