"""How many digits the values of one field have: in live tables, in tables of finished plans, and on plot axes.

If a device reports its precision, each number has this many decimals, or an exponent if it is small, so a value
looks the same everywhere. Otherwise, and for positions, all numbers in a column have the same number of decimals:
enough for all significant digits.
"""

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import floor, isfinite, log10
from typing import Any

from ipython_extension.live.runs import one_line

NARROWEST, WIDEST = 10, 16
#: Maximum number of decimals that a device may request.
_DECIMALS = 10
#: Digits of the largest number in a column: minimum, usual maximum, and maximum for telling positions apart.
_COARSE, _FINE, _FINEST = 3, 6, 7
#: Extra digits that printed rows may have, so that the decimal points stay aligned.
_SPARE = 1
#: Numbers below 10 to this power are written with an exponent.
_TINY = -5
#: Minimum number of significant digits. If the device's decimals would show fewer, the number has an exponent.
_ENOUGH = 2
#: Maximum number of characters of a tick label without an exponent, and of digits of one with an exponent.
_LABEL, _EXACT = 9, 14
#: A position counts as zero if it is below these fractions of a step: it is then a rounding error or readback noise.
_ROUNDING, _FINEST_READBACK, _READBACK = 1e-10, 1e-8, 1e-2
#: Characters of a number with an exponent, not counting its decimals: ``1.e-09``.
_EXPONENT = 6


class Column:
    """The values of one field.

    Parameters
    ----------
    field
        The field; its name is the heading.
    key
        The field's entry in the descriptor.
    is_moved
        Whether the plan moves it. If so, neighboring positions must look different.
    """

    def __init__(self, field: str, key: Mapping[str, Any], *, is_moved: bool) -> None:
        self.field = field
        self.width = min(max(len(field), NARROWEST), WIDEST)
        precision = key.get("precision")
        is_usable = isinstance(precision, int) and not isinstance(precision, bool) and 0 <= precision <= _DECIMALS
        self._precision: int | None = precision if is_usable else None
        self._is_moved = is_moved
        self._largest = self._smallest = self._step = 0.0
        self._decimals = 0
        self._has_signs = False
        self._last: float | None = None
        self._is_first_page = True
        self._printed: int | None = None
        self._has_printed = False

    def take(self, value: Any) -> None:
        """Take a value into account."""
        if not isinstance(value, float) or not isfinite(value):
            return
        self._largest = max(self._largest, abs(value))
        if value:
            self._smallest = min(self._smallest or abs(value), abs(value))
        self._has_signs = self._has_signs or value < 0
        self._decimals = max(self._decimals, _decimals(value))
        if self._last is not None and value != self._last:
            step = abs(value - self._last)
            self._step = min(self._step or step, step)
        self._last = value

    def now(self, value: Any) -> str:
        """The value, with the number of digits that suits all values so far."""
        return self._text(value, self._digits())

    def next_printed(self, value: Any) -> str:
        """The value, with as many digits as in the rows printed above, unless that no longer suits."""
        best = self._digits()
        is_moved_little = self._precision is not None and 0 < self._largest < _least(self._precision, _COARSE)
        if self._is_moved and self._is_first_page and is_moved_little:
            best = None  # larger numbers may follow, for which the device's digits are enough
        if not self._has_printed or not self._suits(self._printed, best):
            self._printed, self._has_printed = best, True
        return self._text(value, self._printed)

    def ticks(self, values: Sequence[Decimal]) -> list[str]:
        """Tick labels for this field's axis; they have exponents if the values in a table have them."""
        largest = max(values, key=abs)
        decimals = max(_decimals_of(value) for value in values)
        labels = [f"{value:.{decimals}f}" for value in values]
        if "e" not in self.now(float(largest)) and max(map(len, labels)) <= _LABEL:
            return labels
        places = min(max(_digits_after_first(value) for value in values), _EXACT)
        return [f"{float(value):.{places}e}" if value else "0" for value in values]

    def begin_page(self) -> None:
        """Choose new digits, because a heading separates the next rows from those above."""
        self._is_first_page = self._last is None
        self._has_printed = False

    def _suits(self, printed: int | None, best: int | None) -> bool:
        if printed is None and best is not None:
            # The rows above have exponents. Keep exponents if the smallest number would have few digits without one.
            return self._smallest < 10.0 ** (_COARSE - 1 - best) and not self._is_an_error(best)
        if printed is None or best is None:
            return printed is best
        return best <= printed <= best + _SPARE and self._fits(printed)

    def _digits(self) -> int | None:
        """The number of decimals; None for numbers with an exponent."""
        if self._largest == 0:
            return self._precision or 0
        order = floor(log10(self._largest))
        decimals = min(self._decimals, _FINE - 1 - order)
        if self._precision is not None and self._precision >= _COARSE - 1 - order:
            decimals = self._precision
        if self._is_moved and self._step:
            decimals = max(decimals, min(-floor(log10(self._step)), _FINEST - 1 - order))
        decimals = max(decimals, 0)
        while decimals and not self._fits(decimals):
            decimals -= 1
        has_digits = decimals + order + 1 >= min(_COARSE, self._decimals + order + 1)
        is_readable = self._fits(decimals) and has_digits and order > _TINY
        return decimals if is_readable and not self._loses(decimals) else None

    def _loses(self, decimals: int) -> bool:
        """Whether the smallest number would look like zero. If so, the whole column has exponents."""
        return not self._is_an_error(decimals) and self._smallest > 0 and float(f"{self._smallest:.{decimals}f}") == 0

    def _is_an_error(self, decimals: int) -> bool:
        """Whether the smallest number is a position of zero with a rounding error or readback noise."""
        if not self._is_moved or not self._step:
            return False
        part = self._smallest / self._step
        return part < _ROUNDING or (decimals == self._precision and _FINEST_READBACK < part < _READBACK)

    def _fits(self, decimals: int) -> bool:
        return len(f"{-self._largest if self._has_signs else self._largest:.{decimals}f}") <= self.width

    def _text(self, value: Any, digits: int | None) -> str:
        match value:
            case None:
                return "–"  # noqa: RUF001 - an omitted array, or no number
            case bool() | str():
                return one_line(str(value))
            case int():
                is_short = len(str(value)) <= self.width or abs(value) > sys.float_info.max
                return str(value) if is_short else _fitting(value, self.width)
            case float():
                return self._number(value, digits)
            case list():
                return f"[{len(value)}]"
            case _:
                return "…"

    def _number(self, value: float, digits: int | None) -> str:
        if not isfinite(value):
            return str(value)
        if self._follows_device:
            text = _with_precision(value, self._precision or 0, self.width)
        elif digits is None:
            most = _FINE - 2 if self._precision is None or self._is_moved else _COARSE - 1
            places = max(min(most, self.width - _EXPONENT - self._has_signs), 0)
            text = "0" if value == 0 else f"{value:.{places}e}"
        else:
            text = f"{value:.{digits}f}"
            if value != 0 and float(text) == 0:
                text = self._not_zero(value, digits)
        return text if len(text) <= self.width else _fitting(value, self.width)

    @property
    def _follows_device(self) -> bool:
        """Whether each number gets as many decimals as the device requests.

        Many devices are not configured, and request no decimals although their numbers have them.
        """
        return not self._is_moved and self._precision is not None and bool(self._precision or not self._decimals)

    def _not_zero(self, value: float, digits: int) -> str:
        """The text for a position that is too small for its column's digits. It must not look like zero.

        If the device requests the digits, the text says that the number is smaller than the last digit can show
        (``<0.001``), so that the column stays aligned.
        """
        if digits != self._precision:
            return f"{value:.{_COARSE - 1}e}"
        return f"{'<' if value > 0 else '>-'}{10.0**-digits:.{digits}f}"


def _with_precision(value: float, precision: int, width: int) -> str:
    """The number with this many decimals; with an exponent if it would have too few digits or be too long."""
    text = f"{value:.{precision}f}"
    has_enough = abs(value) >= _least(precision, _ENOUGH) or float(text) == value
    return text if has_enough and len(text) <= width else f"{value:.{_COARSE - 1}e}"


def _least(decimals: int, digits: int) -> float:
    """The smallest number that still has this many significant digits when it is written with this many decimals."""
    return 10.0 ** (digits - 1 - decimals)


def _decimals_of(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _digits_after_first(value: Decimal) -> int:
    """The number of significant digits after the first one."""
    return len(value.normalize().as_tuple().digits) - 1


def _decimals(value: float) -> int:
    """The number of decimals in the shortest form with at most six digits."""
    return _decimals_of(Decimal(f"{value:.{_FINE}g}").normalize())


def _fitting(value: float, width: int) -> str:
    """Format with as many digits as fit, because cutting off the end would remove the exponent."""
    texts = [f"{value:.{digits}g}" for digits in range(_FINE, 0, -1)]
    return next((text for text in texts if len(text) <= width), texts[-1])
