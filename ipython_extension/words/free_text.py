"""Commands that end with any text, in which a question mark is no request for help."""

from collections.abc import Sequence

#: The number of words before the text.
TEXT_BEGINS = {"lock": 2, "answer": 1, "input": 3}


def has_text(words: Sequence[str]) -> bool:
    """Whether the line ends with such a text."""
    return bool(words) and len(words) > TEXT_BEGINS.get(words[0], len(words))
