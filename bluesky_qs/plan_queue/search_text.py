"""Searches the history by words: parses the words in a request, and extracts the searchable text of an item."""

import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Self, cast

import msgspec

from bluesky_qs.errors import BadParams
from bluesky_qs.plan_queue.items import as_object

#: Maximum numbers of words in a search and of searched values in an item. A detector mask, for example, is not text.
MOST_WORDS, MOST_VALUES = 50, 2000
#: Maximum number of bytes in an item. The parameters of larger items are not searched, because reading them takes too
#: long.
MOST_BYTES = 250_000
#: The separator between two values. SQLite counts it as a word, so ``5.1`` is not found in ``[1.5, 1]``.
_BETWEEN = " \ue000 "


class Phrase(msgspec.Struct, frozen=True):
    """Consecutive words. The last one is only the beginning of a word, unless ``whole`` is true."""

    text: str
    whole: bool = False


class SearchWords(msgspec.Struct, frozen=True):
    """The phrases that an item must contain. All of them must occur."""

    phrases: tuple[Phrase, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse the words in a request. Each one finds words that begin with it; quoted text is matched exactly.

        >>> SearchWords.of('S03 "Cu foil"').phrases
        (Phrase(text='S03', whole=False), Phrase(text='Cu foil', whole=True))

        Raises
        ------
        BadParams
            There are no words, or too many.
        """
        parts = [(quoted or plain, bool(quoted)) for quoted, plain in re.findall(r'"([^"]*)"?|([^\s"]+)', text)]
        phrases = tuple(Phrase(part, whole) for part, whole in parts if any(map(str.isalnum, part)))
        if not phrases:
            raise BadParams(f"Parameter 'search' needs a word to look for, with letters or digits: search={text!r}")
        if len(phrases) > MOST_WORDS:
            raise BadParams(f"Parameter 'search' has {len(phrases)} words; the maximum is {MOST_WORDS}")
        return cls(phrases)


class _Message(msgspec.Struct):
    msg: Any = None


class _Named(msgspec.Struct):
    name: Any = None
    meta: Any = None
    result: _Message | None = None


class _Whole(_Named):
    args: Any = None
    kwargs: Any = None


def searched_text(item: bytes) -> str:
    """Return the searchable text of an item: its name, parameters and metadata, and the message in its result."""
    fields = _fields(item, _Named if len(item) > MOST_BYTES else _Whole)
    whole = fields if isinstance(fields, _Whole) else _Whole()
    message = fields.result.msg if fields.result else None
    values = chain(_values([fields.name, message]), _values([fields.meta]), _values([whole.args, whole.kwargs]))
    text = _BETWEEN.join(islice(values, MOST_VALUES))
    return text.encode(errors="replace").decode()  # a lone surrogate cannot be stored


def _values(roots: list[Any]) -> Iterator[str]:
    """Yield all keys and values as text, in order."""
    waiting: list[Any] = roots[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pairs = list(islice(as_object(value).items(), MOST_VALUES))
            waiting += (each for key, value in reversed(pairs) for each in (value, str(key)))
        elif isinstance(value, list):
            waiting += cast("list[Any]", value)[:MOST_VALUES][::-1]
        elif value is not None:
            yield str(value)


def _fields(item: bytes, kind: type[_Named]) -> _Named:
    try:
        return msgspec.json.decode(item, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # NaN and other extensions that only Python's json reads
    try:
        fields = as_object(json.loads(item))
    except (ValueError, RecursionError):
        return _Named()
    read = {key: fields.get(key) for key in kind.__struct_fields__ if key != "result"}
    return kind(**read, result=_Message(as_object(fields.get("result")).get("msg")))
