"""Recognizes typing mistakes in plans that Python would read as something else: units, dates, missing commas."""

import ast
import re

#: A number with letters after it, except for Python's own numbers with letters, which are valid.
_GLUED = re.compile(r"(?<![\w.$])(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>[^\W\d_]+)(?![\w(.])")
#: Units that are recognized after a blank. Any other word after a blank may be a device, with a comma missing before
#: it.
_UNITS = "s|ms|us|µs|ns|min|h|mm|cm|m|um|µm|nm|deg|rad|mrad|urad|eV|keV|K|C|V|mV|A|mA|uA|nA|Hz|kHz|MHz|percent"
_APART = re.compile(rf"(?<![\w.$])(?P<number>\d+(?:\.\d*)?|\.\d+)\s+(?P<unit>{_UNITS})(?=\s*[,)\]}}]|\s*$)")
_SIGN = re.compile(r"\s+([-+])")


def unit_at(text: str, offset: int, start: int, end: int) -> tuple[str, int, int] | None:
    """The message about a number with a unit at the place where Python finds an error, and the offset and length of the
    unit.

    >>> unit_at("count([det1], delay=1s)", 20, 0, 23)
    ("Numbers cannot have units here: write 1 without 's'", 21, 1)
    """
    for pattern in (_GLUED, _APART):
        for found in pattern.finditer(text, start, end):
            if found.start() <= offset <= found.end():
                message = f"Numbers cannot have units here: write {found['number']} without {found['unit']!r}"
                return message, found.start("unit"), len(found["unit"])
    return None


def missing_comma(name: str, between: str, number: str) -> str:
    """The message about a device and a number with a sign, such as ``motor -1``; empty if this is arithmetic.

    >>> missing_comma("motor", " -", "1")
    'A comma is missing: write motor, -1'
    >>> missing_comma("motor", " - ", "1")
    ''
    """
    sign = _SIGN.fullmatch(between)
    return f"A comma is missing: write {name}, {sign[1].removeprefix('+')}{number}" if sign else ""


def has_only_numbers(node: ast.expr) -> bool:
    """Whether this is arithmetic on numbers, without a variable; a number with a sign is not arithmetic."""
    inner = list(ast.walk(node))
    return any(isinstance(each, ast.BinOp) for each in inner) and not any(
        isinstance(each, ast.Name | ast.Set) or (isinstance(each, ast.Constant) and isinstance(each.value, str))
        for each in inner
    )
