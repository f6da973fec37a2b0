"""Converts a typed expression, which may contain ``$name`` and indices such as ``vec.axes.1``, to one that Python can
parse.

Each character that Python does not accept is replaced with one letter, so that all offsets stay the same.
"""

import re
from typing import NamedTuple

from bluesky_qs.words.scanner import ExpressionError, TokenKind, leaves, scan

#: Replaces ``$``: a letter of the same width that no name begins with.
MARK = "ǂ"
_NAME_BEFORE = re.compile(r"\w\Z")
_JOINED = 'Text and $ cannot be joined: assign them to a variable first, such as label = f"S{n}", and write $label'
_INDEX = re.compile(r"\.(\d+)(?![^.])")
_NAME_WITH_INDEX = re.compile(r"(?<![\w.])[^\W\d]\w*(?:\.\w+)*?\.\d+(?:\.\w+)*(?!\w)")


class Parseable(NamedTuple):
    """Text that Python can parse, and the offsets of the indices in it. The first digit of each index is replaced."""

    text: str
    indices: frozenset[int]


def parseable(text: str, start: int, end: int) -> Parseable:
    """Return ``text[start:end]`` in a form that Python can parse. Offsets of indices are those in ``text``.

    >>> parseable("p($x, vec.1)", 0, 12)
    Parseable(text='p(ǂx, vec._)', indices=frozenset({10}))

    Raises
    ------
    ExpressionError
        A quote or a bracket is not closed, a ``$`` follows a letter or digit, or the text contains the letter that
        replaces ``$``.
    """
    code = text[start:end]
    if MARK in code:
        raise ExpressionError(f"The character {MARK} cannot be used", text, start + code.index(MARK))
    scanned = scan(code)
    if scanned.faults:
        fault = scanned.faults[0]
        raise ExpressionError(fault.message, text, start + fault.offset)
    characters, indices = list(code), list[int]()
    for token in leaves(scanned.tokens):
        if token.kind in (TokenKind.QUOTED, TokenKind.COMMENT):
            continue
        for dollar in re.finditer(r"\$", token.text):
            place = token.start + dollar.start()
            if _NAME_BEFORE.search(code, 0, place):
                raise ExpressionError(_JOINED, text, start + place)
            characters[place] = MARK
        for name in _NAME_WITH_INDEX.finditer(token.text):
            indices += [token.start + name.start() + index.start(1) for index in _INDEX.finditer(name[0])]
    for index in indices:
        characters[index] = "_"
    return Parseable("".join(characters), frozenset(start + index for index in indices))


def has_index(name: str) -> bool:
    """Whether this is the name of a vector element, or of a part of one."""
    return _INDEX.search(name) is not None


def written(name: str) -> str:
    """Return a device name as it is written in Python: ``vec.axes[1]`` for ``vec.axes.1``."""
    return _INDEX.sub(r"[\1]", name)
