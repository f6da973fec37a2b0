"""Name patterns, with which permissions and annotations select plans, devices and functions.

A plain string is an exact name, with dots for a subdevice. A string that begins with ``:`` contains regular
expressions, one for each level of the device tree. Each one is matched anywhere in the name at its level.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from bluesky_qs.nearest import did_you_mean, nearest


class BadPattern(ValueError):
    """A name pattern is invalid."""


class _Matcher(Protocol):
    """Returns whether the pattern matches the object with this path of names and this description."""

    def __call__(self, path: Sequence[str], description: Mapping[str, Any]) -> bool: ...


_KINDS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "__READABLE__": lambda d: bool(d.get("is_readable")),
    "__FLYABLE__": lambda d: bool(d.get("is_flyable")),
    "__DETECTOR__": lambda d: bool(d.get("is_readable")) and not d.get("is_movable"),
    "__MOTOR__": lambda d: bool(d.get("is_readable")) and bool(d.get("is_movable")),
}
#: Parts can be elements of a device vector: ``stage.axes.1``.
_NAME = re.compile(r"[^\W\d]\w*(\.([^\W\d]\w*|\d+))*")
_DEPTH = re.compile(r"depth=(\d+)")


class Names:
    """A selection of some or all plans or functions by name.

    Raises
    ------
    BadPattern
        An element is neither a name nor a one-part pattern. (The first element may be None.)
    """

    def __init__(self, elements: Iterable[str | None], *, bare: bool = False) -> None:
        self.all, texts = _first_is_none(elements)
        #: Elements that are regular expressions without a colon. Only ``bare`` allows these.
        self.bare = list(filter(is_bare, texts)) if bare else []
        texts = [text for text in texts if text not in self.bare]
        self._exact = frozenset(_plain(text) for text in texts if not text.startswith(":"))
        patterns = [_flat_pattern(text) for text in texts if text.startswith(":")]
        self._search = (*patterns, *(_regex(text, text) for text in self.bare))

    def __contains__(self, name: str) -> bool:
        return self.all or name in self._exact or any(search(name) for search in self._search)


class DeviceNames:
    """A selection of some or all devices and subdevices by name.

    Raises
    ------
    BadPattern
        An element is neither a name nor a pattern. (The first element may be None.)
    """

    def __init__(self, elements: Iterable[str | None], *, bare: bool = False) -> None:
        self.all, texts = _first_is_none(elements)
        #: Elements that are regular expressions without a colon. Only ``bare`` allows these.
        self.bare = list(filter(is_bare, texts)) if bare else []
        self._matchers = tuple(_bare_matcher(text) if text in self.bare else _device_matcher(text) for text in texts)
        #: True if no device can match.
        self.none = not self.all and not self._matchers

    def match(self, path: Sequence[str], description: Mapping[str, Any]) -> bool:
        """Return whether the device with this path of names is selected."""
        return self.all or any(matches(path, description) for matches in self._matchers)


def key_hint(key: Any, known: Sequence[str]) -> str:
    """`` (did you mean 'annotation'?)`` for messages about an unknown key; the known keys if none is similar."""
    return did_you_mean(nearest(key, known, 1)) or f"; known keys are: {', '.join(known)}"


def is_name(text: str) -> bool:
    """Return whether a plan, function, device or subdevice can have this name. Subdevice names contain dots."""
    # Most names pass the first test, which is five times faster.
    return text.isidentifier() or _NAME.fullmatch(text) is not None


def is_bare(text: str) -> bool:
    """Return whether this is a regular expression without a colon, as in old files: ``^_``."""
    return not text.startswith(":") and _split_kind(text)[0] is None and not is_name(text)


def is_name_of_part(text: str) -> bool:
    """Return whether a subdevice can have this name. An element of a device vector has its index as its name."""
    return text.isidentifier() or text.isdecimal()


def _first_is_none(elements: Iterable[str | None]) -> tuple[bool, list[str]]:
    texts: list[str] = []
    for place, element in enumerate(elements):
        if element is None and place == 0:
            return True, []
        if not isinstance(element, str) or not element.strip():
            raise BadPattern(f"element {place} must be a name or a pattern, not {element!r}")
        # Other programs also accept spaces around a name in quotes.
        texts.append(element if element.startswith(":") else element.strip())
    return False, texts


def _plain(text: str) -> str:
    if not is_name(text):
        raise BadPattern(f"{text!r} is not a name (a pattern begins with ':')")
    return text


def _flat_pattern(text: str) -> Callable[[str], Any]:
    parts = _parts(text)
    if len(parts) != 1:
        raise BadPattern(f"pattern {text!r} for plans or functions has {len(parts)} parts; only one is allowed")
    # These signs refer to device levels and have no meaning here.
    return _regex(parts[0].lstrip("+-?"), text)


def _bare_matcher(text: str) -> _Matcher:
    search = _regex(text, text)

    def matches(path: Sequence[str], description: Mapping[str, Any]) -> bool:  # noqa: ARG001 - any kind of device
        return search(".".join(path)) is not None

    return matches


@lru_cache(4096)
def _device_matcher(text: str) -> _Matcher:
    kind, levels = _split_kind(text)
    if not levels.startswith(":"):
        exact = tuple(_plain(levels).split("."))

        def matches(path: Sequence[str], description: Mapping[str, Any]) -> bool:
            return tuple(path) == exact and (kind is None or kind(description))

        return matches

    parts = _parts(levels)
    limit = None
    depth = _DEPTH.fullmatch(parts[-1])
    if depth:
        if len(parts) < 2 or not parts[-2].startswith("?"):  # noqa: PLR2004 - the part before the last
            raise BadPattern(f"pattern {text!r}: ':depth=N' may only follow a part that begins with '?'")
        limit = int(depth[1])
        parts.pop()
        if limit < 1:
            raise BadPattern(f"pattern {text!r}: the depth must be at least 1")
    rest = _regex(parts.pop()[1:], text) if parts[-1].startswith("?") else None
    if any(part.startswith("?") for part in parts):
        raise BadPattern(
            f"pattern {text!r}: only the last part may begin with '?'; only ':depth=N' may follow it, "
            f"not ':{levels.rpartition(':')[2]}'"
        )
    searches = [_regex(part.removeprefix("-").removeprefix("+"), text) for part in parts]
    listed = [not part.startswith("-") for part in parts]

    def matches_levels(path: Sequence[str], description: Mapping[str, Any]) -> bool:
        levels = len(searches)
        if len(path) > levels:
            below = path[levels:]
            if rest is None or (limit is not None and len(below) > limit):
                return False
            at_end = rest(".".join(below)) is not None
        else:
            at_end = listed[len(path) - 1]
        return (
            at_end
            and all(search(name) for search, name in zip(searches, path, strict=False))
            and (kind is None or kind(description))
        )

    return matches_levels


def _split_kind(text: str) -> tuple[Callable[[Mapping[str, Any]], bool] | None, str]:
    found = re.match(r"(__[A-Z]+__)(:.*|$)", text, re.DOTALL)
    if not found:
        return None, text
    kind = _KINDS.get(found[1])
    if kind is None:
        raise BadPattern(f"pattern {text!r}: unknown prefix; the prefixes are {', '.join(_KINDS)}")
    return kind, found[2] or ":?.*"


def _parts(text: str) -> list[str]:
    # The colon in "(?:" belongs to the regular expression.
    parts = re.split(r"(?<!\(\?):", text[1:])
    if not all(part.lstrip("+-?") for part in parts):
        raise BadPattern(f"pattern {text!r} has an empty part")
    return parts


def _regex(expression: str, text: str) -> Callable[[str], Any]:
    try:
        return re.compile(expression).search
    except (re.error, RecursionError, OverflowError) as err:
        raise BadPattern(f"pattern {text!r} is not a regular expression: {err}") from None
