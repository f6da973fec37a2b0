"""Finds known names that are similar to a mistyped name, and phrases the suggestion."""

from collections.abc import Iterable, Sequence
from typing import Any

#: Longer strings are not names, and comparing them would keep the manager busy for minutes.
_LONGEST = 200
#: Number of letters needed to match the beginning of a word.
_BEGINNING = 3
#: Minimum of difflib's ratio for two names with most parts in common, such as queue_add and queue_item_add.
_MUCH_ALIKE = 0.75


def nearest(name: Any, choices: Iterable[str], count: int = 3) -> list[str]:
    """Return the choices that are similar to ``name``, best first; an empty list if nothing is close.

    A choice is close if at most one letter in three differs, if it begins with ``name``, or if it has most of its
    parts.

    >>> nearest("cuont", ["count", "scan"])
    ['count']
    >>> nearest("undo", ["unlock", "update"])
    []
    """
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST:
        return []
    from difflib import SequenceMatcher  # noqa: PLC0415 - only needed for a mistyped name

    word = name.casefold()
    matcher = SequenceMatcher(b=word)
    ranked: list[tuple[float, str]] = []
    for choice in dict.fromkeys(choices):
        folded = choice.casefold()
        matcher.set_seq1(folded)
        if len(word) >= _BEGINNING and folded.startswith(word):
            ranked.append((1.0 + matcher.ratio(), choice))
        # A quick upper limit of the ratio: words that share less than half of their letters are never close.
        elif matcher.quick_ratio() >= 0.5 and _close(word, folded, ratio := matcher.ratio()):  # noqa: PLR2004
            ranked.append((ratio, choice))
    ranked.sort(key=lambda each: -each[0])
    return [choice for _, choice in ranked[:count]]


def did_you_mean(near: Sequence[str]) -> str:
    """`` (did you mean 'det1' or 'det2'?)`` for the end of a sentence; empty if there are none.

    >>> did_you_mean(["det1", "det2"])
    " (did you mean 'det1' or 'det2'?)"
    """
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def _close(word: str, choice: str, ratio: float) -> bool:
    return ratio >= _MUCH_ALIKE or _steps(word, choice) <= max(1, max(len(word), len(choice)) // 3)


def _steps(one: str, other: str) -> int:
    """Return the number of single-letter edits: letters added, removed, replaced, or swapped with the next one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            steps = min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and (a, one[i - 2]) == (other[j - 2], b):
                steps = min(steps, last[j - 2] + 1)
            row.append(steps)
    return row[-1]
