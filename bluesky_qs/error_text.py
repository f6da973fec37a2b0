"""Makes text from user code, such as error messages, safe to show in a terminal and short enough to store."""

import re

#: Size limits for a message and a traceback in the result of a plan or task, in UTF-8 bytes.
LONGEST_MESSAGE = 10_000
LONGEST_TRACEBACK = 100_000

#: Characters that control a terminal, break lines where ``\n`` does not, change the direction of text, or cannot be
#: encoded (lone surrogates, which come from file names).
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: str) -> str:
    r"""Return the text with control characters written as escapes; tabs and line breaks are kept.

    >>> print(safe("status \x1b[2J\r\nsecond line"))
    status \x1b[2J
    second line
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def cut(text: str, limit: int, *, characters: int | None = None) -> str:
    """Return the text, or its beginning and its end if it has more than ``limit`` bytes in UTF-8.

    ``characters`` is the length of the whole text, if ``text`` is only a part of it.

    >>> cut("0123456789" * 5, 40)
    '0123456 … (50 characters) … 3456789'
    """
    data = text.encode(errors="backslashreplace")
    if len(data) <= limit:
        return text
    note = f" … ({len(text) if characters is None else characters} characters) … "
    half = (limit - len(note.encode())) // 2
    return f"{data[:half].decode(errors='ignore')}{note}{data[-half:].decode(errors='ignore')}"


def stored_message(text: str) -> str:
    """Return a message that is safe to show and short enough to store."""
    return _stored(text, LONGEST_MESSAGE)


def stored_traceback(text: str) -> str:
    """Return a traceback that is safe to show and short enough to store."""
    return _stored(text, LONGEST_TRACEBACK)


def _stored(text: str, limit: int) -> str:
    # The text may be many megabytes long, and most of it is left out.
    ends = text if len(text) <= 2 * limit else text[:limit] + text[-limit:]
    return cut(safe(ends), limit, characters=len(text))
