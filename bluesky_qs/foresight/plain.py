"""Converts values from user code to numbers for JSON."""

import math
from typing import Any


def finite(value: Any) -> float | None:
    """Return the value as a number; None if it is not one finite number. Arrays with one element are numbers."""
    if not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
