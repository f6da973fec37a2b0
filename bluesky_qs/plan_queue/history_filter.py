"""Selects history items for a request, by exit status, name, user, time, metadata and scan id."""

import fnmatch
import json
import math
import re
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, cast

import msgspec

from bluesky_qs.errors import BadParams
from bluesky_qs.plan_queue.items import as_object


class _Result(msgspec.Struct):
    exit_status: Any = None
    time_start: Any = None
    scan_ids: Any = None


class _Fields(msgspec.Struct):
    """The fields of an item that a filter compares. The arguments are skipped, because they can be megabytes long."""

    name: Any = None
    user: Any = None
    meta: Any = None
    result: _Result | None = None


class HistoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The values that an item must have; None accepts any value.

    Attributes
    ----------
    name
        A test for the plan's name.
    metadata
        For each key, a test for the text of its value.
    """

    exit_statuses: frozenset[str] | None = None
    name: Callable[[str], object] | None = None
    user: str | None = None
    since: float | None = None
    until: float | None = None
    metadata: dict[str, Callable[[str], object]] = {}
    scan_id: int | None = None
    #: Strings to look for in the JSON text, because that is faster than decoding it. One string of each group must
    #: occur.
    _words: tuple[tuple[bytes, ...], ...] = ()

    @classmethod
    def of(
        cls,
        *,
        exit_status: str | Sequence[str] | None = None,
        name: str | None = None,
        user: str | None = None,
        since: float | None = None,
        until: float | None = None,
        metadata: Mapping[str, str] | None = None,
        scan_id: int | None = None,
    ) -> Self:
        """Return the filter for the parameters of a request.

        Raises
        ------
        BadParams
            A time is not a finite number, or ``since`` is later than ``until``.
        """
        for parameter, value in (("since", since), ("until", until)):
            if value is not None and not math.isfinite(value):
                msg = f"Parameter '{parameter}' must be a Unix time: {parameter}={value}"
                raise BadParams(msg)
        if since is not None and until is not None and since > until:
            msg = f"Parameter 'since' is later than 'until': since={since:.15g}, until={until:.15g}"
            raise BadParams(msg)
        statuses = [exit_status] if isinstance(exit_status, str) else exit_status
        is_pattern = name is not None and set(name) & set("*?[")
        wanted = [statuses, None if name is None or is_pattern else [name]]
        words = [tuple(map(_quoted, values)) for values in wanted if values is not None]
        if user is not None:
            # A display name may follow; a client's name may stand in parentheses at the end.
            words.append((_quoted(user)[:-1], b" (" + _quoted(user)[1:-1] + b')"'))
        if scan_id is not None:
            words.append((str(scan_id).encode(),))
        return cls(
            exit_statuses=None if statuses is None else frozenset(statuses),
            name=None if name is None else re.compile(fnmatch.translate(name)).match,
            user=user,
            since=since,
            until=until,
            metadata={key: _pattern(pattern) for key, pattern in (metadata or {}).items()},
            scan_id=scan_id,
            _words=(*words, *((_quoted(key),) for key in metadata or ())),
        )

    @property
    def words(self) -> tuple[tuple[bytes, ...], ...]:
        """The strings that rule out most items by a search in the JSON text: one string of each group must occur."""
        return self._words

    @property
    def accepts_all(self) -> bool:
        """Whether every item is accepted."""
        return not self._words and self.name is None and self.since is None and self.until is None

    def accepts_json(self, data: bytes) -> bool:
        """Return whether an item has the wanted values.

        A search in the text rules out most items, because the text is exactly what ``json.dumps`` returns.
        """
        return all(any(word in data for word in words) for words in self._words) and self._accepts(_fields(data))

    def accepts(self, item: Mapping[str, Any]) -> bool:
        """Return whether a decoded item has the wanted values."""
        return self._accepts(_fields_of(item))

    def _accepts(self, item: _Fields) -> bool:
        result = item.result or _Result()
        return (
            (self.exit_statuses is None or result.exit_status in self.exit_statuses)
            and (self.name is None or (isinstance(item.name, str) and bool(self.name(item.name))))
            and (self.user is None or is_user(item.user, self.user))
            and self._is_in_time(result.time_start)
            and (not self.metadata or self._has_metadata(item.meta))
            and (self.scan_id is None or self.scan_id in as_list(result.scan_ids))
        )

    def _is_in_time(self, began: Any) -> bool:
        if self.since is None and self.until is None:
            return True
        if not isinstance(began, int | float):
            return False
        return (self.since is None or began >= self.since) and (self.until is None or began <= self.until)

    def _has_metadata(self, meta: Any) -> bool:
        merged = merged_metadata(meta)
        return all(key in merged and fits(str(merged[key])) for key, fits in self.metadata.items())


def as_list(value: Any) -> list[Any]:
    """Return the value if it is a list; otherwise an empty list."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def is_user(shown: Any, wanted: str) -> bool:
    """Return whether an item shows this user.

    The user's name may be the whole text, the name before ``"Display Name <mail>"``, or a client's name beside a shared
    key.

    >>> is_user('jdoe "John Doe"', "jdoe"), is_user("jdoe <john@example.org>", "jdoe"), is_user("jdoe2", "jdoe")
    (True, True, False)
    >>> is_user("UNAUTHENTICATED_SINGLE_USER (jdoe)", "jdoe")
    True
    """
    return isinstance(shown, str) and (
        shown == wanted or shown.startswith((f'{wanted} "', f"{wanted} <")) or shown.endswith(f" ({wanted})")
    )


def merged_metadata(meta: Any) -> Mapping[str, Any]:
    """Return the metadata of an item, given as an object or as a list in which earlier objects take precedence."""
    parts = cast("list[Any]", meta) if isinstance(meta, list) else [meta]
    return ChainMap(*map(as_object, parts))


def _pattern(text: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(text), re.IGNORECASE).match


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


def _fields(data: bytes) -> _Fields:
    try:
        return msgspec.json.decode(data, type=_Fields)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # NaN and other extensions that only Python's json reads
    try:
        return _fields_of(as_object(json.loads(data)))
    except (ValueError, RecursionError):
        return _Fields()


def _fields_of(item: Mapping[str, Any]) -> _Fields:
    result = as_object(item.get("result"))
    return _Fields(
        item.get("name"),
        item.get("user"),
        item.get("meta"),
        _Result(result.get("exit_status"), result.get("time_start"), result.get("scan_ids")),
    )
