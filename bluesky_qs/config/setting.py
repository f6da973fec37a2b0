"""The properties of a setting."""

import re
from collections.abc import Callable
from typing import NamedTuple


class Setting(NamedTuple):
    """The properties of a setting besides its type and default.

    Attributes
    ----------
    text
        Description, for ``--help`` and the documentation.
    options
        Command line options, the preferred one first.
    variables
        Environment variables, the preferred one first.
    metavar
        Placeholder for the value in ``--help``.
    minimum, maximum
        Limits of a number.
    path
        The value is a path; ``~`` is expanded, and the path becomes absolute.
    secret
        The value never appears in a message.
    pattern, expected
        Pattern of valid values, and its description in words.
    fault
        Function that returns the reason why a value is invalid, as text that follows the value; ``""`` for a valid one.
    bare
        Value that the option means if it is given without one; None if the option needs a value.
    """

    text: str
    options: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    metavar: str = "TEXT"
    minimum: int | None = None
    maximum: int | None = None
    path: bool = False
    secret: bool = False
    pattern: re.Pattern[str] | None = None
    expected: str = ""
    fault: Callable[[str], str] | None = None
    bare: str | None = None
