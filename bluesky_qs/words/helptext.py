"""What the lines mean, for reading: all of them, or those that begin with some words."""

import textwrap
from collections.abc import Mapping, Sequence

from bluesky_qs.words.grammar import Form

_WIDTH = 80
_COLUMN = 40

LEGEND = """\
POSITION  front, back, N (0 is the front, -1 before the last), before UID, after UID
SOURCE    N, front, back or UID
ITEM      a JSON object or a Python dictionary, in single quotes:
          '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 5}}'
ITEMS     a list of them
KEY       loop, ignore_failures"""


def overview(sections: Mapping[str, Sequence[Form]]) -> str:
    """All forms, by section, with what each does."""
    parts = [title + "\n" + "\n".join(map(entry, forms)) for title, forms in sections.items()]
    return "\n\n".join([*parts, LEGEND])


def entry(form: Form) -> str:
    """One form and what it does, in two columns."""
    usage = f"  {form.usage}"
    meaning = textwrap.wrap(summary(form), _WIDTH - _COLUMN)
    first = [f"{usage:<{_COLUMN}}{meaning[0]}"] if len(usage) < _COLUMN else [usage, " " * _COLUMN + meaning[0]]
    return "\n".join(first + [" " * _COLUMN + line for line in meaning[1:]])


def summary(form: Form) -> str:
    """What a form does: in its own words, else in those of its method."""
    if form.summary:
        return form.summary
    from bluesky_qs.api import METHODS  # noqa: PLC0415 - help is rare, and a line is read without the contract

    return (METHODS[form.method].stub.__doc__ or "").partition("\n\n")[0].replace("``", "'").replace("\n", " ").strip()
