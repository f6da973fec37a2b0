"""The view of device readings: a table with values, units, limits and times."""

import html
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ipython_extension.shown.display import View
from ipython_extension.shown.tables import Row, Table, moment, shortened

_NOTHING = "There are no movable devices that you may use."
_WIDE = 110
#: Maximum number of characters of a value.
_VALUE_WIDTH = 40
_HEADINGS = ("device", ">value", "units", "limits", "is", "time")
#: Whole numbers below this limit are shown with all their digits.
_ALL_DIGITS = 1e15
#: Other numbers have an exponent if they are below the first of these values, or too large for 6 digits.
_SMALL, _LARGE = 1e-4, 999_999.5
#: Columns that are omitted if they are empty.
_OPTIONAL = ("units", "limits", "is", "time")


class ReadingsView(View, dict[str, Any]):
    """Readings by device name, shown as a table. ``all_fields`` also shows a device's other data keys.

    ``note`` is a sentence below the table.
    """

    def __init__(self, devices: Mapping[str, Any], *, all_fields: bool = True, note: str = "") -> None:
        super().__init__(devices)
        self._all_fields = all_fields
        self._note = note

    def text(self, width: int) -> str:
        table = self._table().text(width) if self else _NOTHING
        return f"{table}\n  {self._note}" if self._note else table

    def html(self) -> str:
        table = self._table().html() if self else f"<p>{html.escape(_NOTHING)}</p>"
        return f"{table}<p>{html.escape(self._note)}</p>" if self._note else table

    def in_order(self, key: Callable[[str], Any]) -> "ReadingsView":
        """The same readings, sorted by a key that is computed from the device name."""
        return self._with(sorted(self, key=key), self._note)

    def fitted(self, width: int, height: int) -> str:
        """The text with only as many devices as fit, so that the next table can be drawn over it."""
        names = list(self)
        text = self.text(width)
        for count in range(min(len(names), height), 0, -1):
            if text.count("\n") < height:
                break
            text = self._with(names[:count], f"… {len(names) - count} more").text(width)
        return text

    def _with(self, names: Iterable[str], note: str) -> "ReadingsView":
        return ReadingsView({name: self[name] for name in names}, all_fields=self._all_fields, note=note)

    def brief(self, width: int | None) -> str:
        """The text to print for a line whose result IPython does not show."""
        return self.text(width or _WIDE)

    def _table(self) -> Table:
        rows = [row for name, reading in self.items() for row in _rows(name, reading, self._all_fields)]
        kept = [
            at for at, heading in enumerate(_HEADINGS) if heading not in _OPTIONAL or any(row.cells[at] for row in rows)
        ]
        rows = [row._replace(cells=tuple(row.cells[at] for at in kept)) for row in rows]
        return Table(tuple(_HEADINGS[at] for at in kept), rows, flexible=0)


def _rows(name: str, reading: Mapping[str, Any], all_fields: bool) -> Iterator[Row]:
    if "error" in reading:
        last = reading.get("last") or {}
        note = f"{reading['error']}; this is its last value" if last else str(reading["error"])
        yield Row((name, _value(last) if last else "", "", "", "", _time(last)), note=note, mark="failed")
        return
    yield Row((name, *_cells(reading), *_state(reading)))
    for key, field in (reading.get("fields") or {}).items() if all_fields else ():
        value, units = _cells(field)
        yield Row((f"· {key}", value, units, "", "", _time(field)))


def _cells(reading: Mapping[str, Any]) -> tuple[str, str]:
    return _value(reading), str(reading.get("units") or "")


def _state(reading: Mapping[str, Any]) -> tuple[str, str, str]:
    limits = reading.get("limits")
    shown = " … ".join(number_text(limit) for limit in limits) if limits else ""
    return shown, "moving" if reading.get("moving") else "", _time(reading)


def _value(reading: Mapping[str, Any]) -> str:
    value, shape = reading.get("value"), reading.get("shape")
    if shape:
        return f"array of {' by '.join(map(str, shape))}"
    if isinstance(value, int | float):
        return number_text(value)
    return "" if value is None else shortened(str(value), _VALUE_WIDTH)


def number_text(value: float) -> str:
    """A single value: whole numbers with all digits, others with 6 digits, and with an exponent if small or large."""
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < _ALL_DIGITS:
        return str(int(value))
    return f"{value:.6g}" if _SMALL <= abs(value) < _LARGE else f"{value:.3e}"


def _time(reading: Mapping[str, Any]) -> str:
    timestamp = reading.get("timestamp")
    try:
        return moment(timestamp) if timestamp else ""
    except (OverflowError, ValueError, OSError):  # a device's clock may be wrong
        return str(timestamp)
