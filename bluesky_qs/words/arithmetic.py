"""Computes arithmetic in typed plans, on numbers and arrays, within limits."""

import ast
import sys
import warnings
from typing import Any

from bluesky_qs.plans.expressions import MOST_BITS, OPERATORS


def computed(op: ast.operator, a: Any, b: Any) -> Any:
    """The result of an operation.

    Raises
    ------
    ValueError
        There is no result, or the result cannot be sent. The message is the reason.
    """
    if type(a) is int and type(b) is int and isinstance(op, ast.Pow) and a.bit_length() * b > MOST_BITS:
        raise ValueError("This number is too large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = OPERATORS[type(op)](a, b)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ValueError(str(error).capitalize()) from None
    if isinstance(value, complex):
        raise ValueError("The result is not a real number")  # noqa: TRY004 - one error class for all operations without a result
    return value


def is_array(value: Any) -> bool:
    """Whether this is a NumPy array."""
    numpy = sys.modules.get("numpy")  # without NumPy there are no arrays
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_array_scalar(value: Any) -> bool:
    """Whether this is an element of a NumPy array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)
