"""Help for commands: for all of them, or for those that begin with some words."""

import textwrap
from collections.abc import Mapping, Sequence

from bluesky_qs.words.grammar import Form

_WIDTH = 80
_COLUMN = 39

LEGEND = """\
POSITION  front, back, before UID, after UID, or N: 0 is the front; an added
          item goes before the one at N, a moved one ends at N (-1: the last)
SOURCE    N, front, back or UID
ITEM      a JSON object or a Python dictionary, in single quotes:
          '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 5}}'
ITEMS     a list of items
ID        -1: the plan that ended last; or the uid of a plan or task; or its
          beginning, if the plan is running or in the history
KEY       loop, ignore_failures"""


def overview(sections: Mapping[str, Sequence[Form]]) -> str:
    """Return the help for all forms, by section."""
    parts = [title + "\n" + "\n".join(map(entry, forms)) for title, forms in sections.items()]
    return "\n\n".join([*parts, LEGEND])


def entry(form: Form) -> str:
    """Return one form and its summary, in two columns."""
    usage = f"  {form.usage}"
    meaning = textwrap.wrap(summary(form), _WIDTH - _COLUMN)
    if len(usage) < _COLUMN:
        usage = f"{usage:<{_COLUMN}}{meaning.pop(0)}"
    return "\n".join([usage, *(" " * _COLUMN + line for line in meaning)])


def summary(form: Form) -> str:
    """Return the summary of a form, or the first sentence of its method's docstring."""
    if form.summary:
        return form.summary
    from bluesky_qs.api import METHODS  # noqa: PLC0415 - only needed for help

    first = (METHODS[form.method].stub.__doc__ or "").strip().partition("\n\n")[0].replace("``", "'")
    return " ".join(first.split()).partition(". ")[0].rstrip(".")
