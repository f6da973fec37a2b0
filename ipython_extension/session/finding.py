"""Finds items by their position in the last table or by the beginning of their uid."""

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from IPython.core.error import UsageError

from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.shown.tables import plural, ranges
from ipython_extension.typed.line import Line, LineWord

#: Number of uid characters that are enough to find an item, and number that tables and messages show.
_SHORTEST_UID, _SHOWN_UID = 4, 8
#: A position or the beginning of a uid. No field of a plan has this form.
_POSITION, _UID = re.compile(r"-?\d{1,9}"), re.compile(r"(?=[a-f-]*\d)[\da-f]{4}[\da-f-]*")
_WORDS = {"first": 0, "last": -1}
_RANGE = re.compile(r"\d{1,3}-\d{1,3}")


def _integer(text: str) -> int | None:
    """The text as a position; None if it is not one. ``last`` is -1, and ``first`` is 0."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        return int(text)
    except ValueError:
        return None


def position_of(text: str, seen: Mapping[int, Item]) -> int | None:
    """The text as a position in the last table; None if it is the beginning of a uid.

    A uid can begin with eight digits, so eight or more digits are always a uid. Fewer digits are a uid only if the
    table has no such position and shows exactly one item whose uid begins with them.
    """
    position = _integer(text)
    if position is None or len(text) < _SHORTEST_UID or not text.isdigit():
        return position
    is_uid_shown = position not in seen and only_one(text, seen.values()) is not None
    return None if len(text) >= _SHOWN_UID or is_uid_shown else position


def is_position(text: str) -> bool:
    """Whether a text is a position rather than a field."""
    return _POSITION.fullmatch(text) is not None


def is_uid(text: str) -> bool:
    """Whether a text is the beginning of a uid rather than a field."""
    return _UID.fullmatch(text) is not None


def only_one(text: str, seen: Iterable[Item]) -> Item | None:
    """The item in the last table whose uid begins with the text, if there is exactly one."""
    found = {item["item_uid"]: item for item in seen if item["item_uid"].startswith(text)}
    return found.popitem()[1] if len(found) == 1 and len(text) >= _SHORTEST_UID else None


def shown_at(line: Line, token: LineWord, position: int, seen: Mapping[int, Item]) -> Item:
    """The item at a position in the last table. Negative positions count from the end: -1 is the last."""
    numbers = sorted(seen)
    if position in seen:
        return seen[position]
    if -len(numbers) <= position < 0:
        return seen[numbers[position]]
    there = f"it has {ranges(numbers)}" if numbers else "it is empty"
    if numbers and numbers[-1] == len(numbers) - 1:
        there = f"its last item is {numbers[-1]}"
    elif numbers and 0 <= position < numbers[0]:
        there += " (%qs history shows older plans)"
    raise line.fault(f"The last table has no item {position}: {there}", token.start)


def counted_back(line: Line, token: LineWord, newest: Sequence[Item], back: int) -> Item:
    """The item at place ``back`` from the end of the history: 1 is the newest item, the last one in ``newest``."""
    if back <= len(newest):
        return newest[-back]
    ran = f"The history has only {plural(len(newest), 'plan')}"
    raise line.fault(ran if newest else "The history is empty: no plan has run yet", token.start, len(token.text))


def by_beginning(line: Line, token: LineWord, items: Sequence[Item], known: Callable[[], Container[str]]) -> Item:
    """The one item whose uid begins with the token."""
    if _RANGE.fullmatch(token.text):
        raise line.fault("Only one item is allowed here; give one position", token.start, len(token.text))
    if len(token.text) < _SHORTEST_UID:
        raise line.fault(f"Expected a position, or at least {_SHORTEST_UID} characters of a uid", token.start)
    found = {item["item_uid"]: item for item in items if item["item_uid"].startswith(token.text)}
    if not found:
        raise line.fault(f"No item has a uid that begins with {token.text!r}", token.start)
    if len(found) > 1:
        names = known()
        plans = "".join(f"\n    {uid}  {plan_text(item, names)}" for uid, item in found.items())
        complaint = line.fault(f"{len(found)} items have a uid that begins with {token.text!r}", token.start)
        raise UsageError(f"{complaint}{plans}")
    return next(iter(found.values()))
