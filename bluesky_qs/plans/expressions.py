"""Evaluates arithmetic in strings: literals, lists, tuples, dicts and sums, but no names, calls or attributes."""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

_LONGEST = 10_000
#: Maximum number of bits in an integer result.
MOST_BITS = 4096
#: The operations that are evaluated.
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class NotAnExpression(ValueError):
    """The text is not an expression that `evaluate` accepts."""


def evaluate(text: str) -> Any:
    """Return the value of an expression made of literals.

    Raises
    ------
    NotAnExpression
        The text contains something else, or a result is too large.
    """
    if len(text) > _LONGEST:
        raise NotAnExpression(f"longer than {_LONGEST} characters")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as err:
        raise NotAnExpression(str(err)) from None


def evaluated(value: Any) -> Any:
    """Return ``value`` with every string that is an expression replaced with the expression's value."""
    match value:
        case str():
            try:
                return evaluate(value)
            except NotAnExpression:
                return value
        case list() | tuple():
            return type(value)(evaluated(element) for element in value)
        case dict():
            return {key: evaluated(element) for key, element in value.items()}
        case _:
            return value


def _value(node: ast.expr) -> Any:  # noqa: PLR0911 - one return for each kind of expression
    match node:
        case ast.Constant(value=value) if value is not ...:
            return value
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_value(element) for element in elements)
        case ast.Dict(keys=keys, values=values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_number(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return _computed(op, _number(left), _number(right))
        case _:
            raise NotAnExpression(f"{type(node).__name__} is not allowed here")


def _key(node: ast.expr | None) -> Any:
    if node is None:
        raise NotAnExpression("'**' is not allowed here")
    return _value(node)


def _number(node: ast.expr) -> int | float | complex:
    value = _value(node)
    if isinstance(value, bool) or not isinstance(value, int | float | complex):
        raise NotAnExpression(f"{value!r} is not a number")
    return value


def _computed(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Pow) and isinstance(left, int) and isinstance(right, int):
        # The size is estimated before the computation, because 9**9**9 would take hours.
        bits = abs(right) * max(1, left.bit_length())
    elif isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() + right.bit_length()
    else:
        bits = 0
    if bits > MOST_BITS:
        raise NotAnExpression("the number is too large")
    result = OPERATORS[type(op)](left, right)
    if isinstance(result, float) and not math.isfinite(result):
        raise NotAnExpression("the number is too large")
    return result
