"""Commands that end with free text, in which a question mark does not ask for help; comments at the end of a line."""

import re
from collections.abc import Sequence

#: The number of words before the text.
TEXT_BEGINS = {"lock": 2, "answer": 1, "input": 3}
#: Commands whose text goes to user code unchanged.
_ANSWERS = ("answer", "input")
#: In a note, ``#7`` may be a sample number, so a comment needs a space after ``#``.
_COMMENT_IN_NOTE = re.compile(r"#(?!\S)")


def has_text(words: Sequence[str]) -> bool:
    """Whether the line ends with free text."""
    return bool(words) and len(words) > TEXT_BEGINS.get(words[0], len(words))


def without_comment(line: str) -> str:
    """The line after ``%qs``, without the ``# comment`` at its end. An answer to user code keeps everything.

    >>> without_comment("add count([det1], md={'a': '#1'})  # first")
    "add count([det1], md={'a': '#1'})"
    >>> without_comment("lock queue sample #7 is in  # until 2")
    'lock queue sample #7 is in'
    """
    if "#" not in line:
        return line
    from bluesky_qs.words.scanner import TokenKind, scan  # noqa: PLC0415 - loading the extension does not need it

    words = line.split()
    is_text = has_text(words)
    if is_text and words[0] in _ANSWERS:
        return line
    for token in scan(line).tokens:
        if token.kind is not TokenKind.COMMENT:
            continue
        at = token.start
        if is_text and (found := _COMMENT_IN_NOTE.search(line, at)) is not None:
            at = found.start()
        elif is_text:
            return line
        return line[:at].rstrip()
    return line
