"""Queues a plan for each row of a table, such as a sample list. In the plan, ``$name`` stands for a column."""

import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, cast

from IPython.core.error import UsageError

from bluesky_qs.client.failures import RequestFailedError, failure
from bluesky_qs.words.planexpr import ExpressionError, can_be_sent, place_of, value_at
from bluesky_qs.words.scanner import TokenKind
from bluesky_qs.words.sheet_cells import is_spreadsheet
from bluesky_qs.words.spreadsheet import read_rows
from ipython_extension.typed.line import Line, LineWord, pointing
from ipython_extension.words.saved import read_sheet_file
from ipython_extension.words.typed_plans import TypedPlan

_OPTION = "--for"
_LEAD = "Plan validation failed: "
_VARIABLE = re.compile(r"\$([^\W\d]\w*)")
_IN_BRACES = re.compile(r"\{([^{}:]*)\}")
_NAME = re.compile(r"[^\W\d]\w*")


class PlanOfRow(NamedTuple):
    """A plan and its row."""

    plan: TypedPlan
    place: str
    row: Mapping[str, Any]


class TableRow(NamedTuple):
    """A table row and its place."""

    values: Mapping[str, Any]
    place: str


def table_word(line: Line) -> LineWord | None:
    """The word after ``--for`` anywhere on the line; None if there is none."""
    tokens = line.scanned.tokens
    for token, following in pairwise(tokens):
        if token.kind is TokenKind.OPTION and token.text == _OPTION:
            word = Line(line.text, following.start).word("a table")
            return LineWord(word.text.lstrip("$"), word.start)
    return None


def rows_of(line: Line, token: LineWord) -> list[TableRow]:
    """The rows of a spreadsheet, or of the variable with this name: a list of dictionaries, or a DataFrame.

    Raises
    ------
    UsageError
        It is not such a table, it is empty, none of its columns is used, or a value in a used column is missing or
        unsuitable.
    """
    name = token.text
    from_file = is_spreadsheet(name)
    if name.startswith("["):
        rows = [TableRow(row, f"row {number}") for number, row in enumerate(_typed(line, token))]
        name = "the table"
    elif from_file:
        rows = [TableRow(*row) for row in read_sheet_file(line, token, read_rows)]
    else:
        rows = [TableRow(row, f"row {number}") for number, row in enumerate(_variable(line, token))]
    columns = list(dict.fromkeys(str(column) for row in rows for column in row.values))
    used = [column for column in columns if column in _names(line.text)]
    if not used:
        raise line.fault(
            f"The plan uses no column of {name}. Its columns are {', '.join(columns)}: write ${columns[0]}", token.start
        )
    for row in rows:
        for column in used:
            if reason := _unusable(row.values, column, "the cell is empty" if from_file else _NO_COLUMN):
                where = row.place if from_file else f"{row.place.capitalize()} of {name}"
                raise UsageError(f"{where}, column {column}: {reason}")
    return rows


def _typed(line: Line, token: LineWord) -> list[Mapping[str, Any]]:
    """The rows of a table that was typed on the line: ``[{"x": 1}, {"x": 2}]``."""
    with pointing():
        table = value_at(line.text, token.start, token.start + len(token.text), session=line.session)
    rows = _rows(table)
    if not rows:
        raise line.fault("Expected rows, such as [{'x': 1}, {'x': 2}]", token.start, len(token.text))
    return rows


def _variable(line: Line, token: LineWord) -> list[Mapping[str, Any]]:
    name = token.text
    if name not in line.session:
        raise line.fault(f"This session has no variable {name!r}", token.start, len(name))
    table = line.session[name]
    rows = _rows(table)
    if rows is None:
        kind = type(table).__name__
        raise line.fault(f"{name} is of type {kind}; --for takes a list of dictionaries or a DataFrame", token.start)
    if not rows:
        raise line.fault(f"{name} has no rows", token.start)
    return rows


def plans_of_rows(line: Line, rows: Sequence[TableRow], read: Callable[[Line], list[TypedPlan]]) -> Iterator[PlanOfRow]:
    """The line's plans for each row. The row's columns take precedence over the session's variables."""
    for row, place in rows:
        variables = ChainMap(dict(row), cast("dict[str, Any]", line.session))
        try:
            plans = read(Line(line.text, line.at, session=variables, objection=line.objection))
        except UsageError as error:
            raise UsageError(f"{re.sub('^row', 'Row', place)}: {error}") from None
        yield from (PlanOfRow(plan, place, row) for plan in plans)


@contextmanager
def naming_rows(line: Line, plans: Sequence[PlanOfRow]) -> Iterator[None]:
    """Name the rows and columns with errors in a refusal of these plans."""
    try:
        yield
    except RequestFailedError as error:
        results = error.response.get("results") or ()
        wrong = [(plan, result) for plan, result in zip(plans, results, strict=False) if result.get("msg")]
        if not wrong:
            raise
        reasons = [_reason(line, plan, result) for plan, result in wrong[:3]]
        more = [f"and {len(wrong) - len(reasons)} more rows"] if len(wrong) > len(reasons) else []
        raise failure(error.request, {**error.response, "msg": "; ".join([*reasons, *more])}) from None


def _reason(line: Line, plan: PlanOfRow, result: Mapping[str, Any]) -> str:
    columns: list[str] = []
    for finding in (result.get("errors") or ())[:1]:
        try:
            offset, length = place_of(line.text, plan.plan.start, finding["path"])
        except (ExpressionError, KeyError):
            continue
        columns = [name for name in _names(line.text[offset : offset + length]) if name in plan.row]
    named = "".join(f", column {name} ({plan.row[name]!r})" for name in columns)
    return f"{plan.place}{named}: {str(result['msg']).removeprefix(_LEAD)}"


def _rows(table: Any) -> list[Mapping[str, Any]] | None:
    if isinstance(table, list | tuple):
        elements = cast("Sequence[Any]", table)
        return list(elements) if all(isinstance(row, Mapping) for row in elements) else None
    if hasattr(table, "columns") and hasattr(table, "to_dict"):
        return list(table.to_dict("records"))
    return None


def _names(text: str) -> list[str]:
    inside = " ".join(_IN_BRACES.findall(text))
    return list(dict.fromkeys([*_VARIABLE.findall(text), *_NAME.findall(inside)]))


_NO_COLUMN = "the row has no such column"


def _unusable(row: Mapping[str, Any], column: str, absent: str) -> str:
    if column not in row:
        return absent
    value = row[column]
    if value is not None and not can_be_sent(value):
        return f"a value of type {type(value).__name__} cannot be sent"
    return "the cell is empty" if isinstance(value, float) and value != value else ""  # noqa: PLR0124 - NaN
