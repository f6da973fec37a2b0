"""The limits of requests: size, nesting, and the lengths of names, texts and lists.

They are far beyond what people send, and keep a mistake or an attack from filling memory and logs.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from bluesky_qs.api.method import shown
from bluesky_qs.errors import BadParams, RequestError

#: Bytes of a request. An item may have 256 MB, and a batch has several. See also `wire.control.LARGEST_MESSAGE`.
LARGEST_REQUEST = 512_000_000
#: Levels of lists and objects in a parameter. An item has a lower limit of its own.
DEEPEST = 110
#: Elements of a list that is a parameter: items of a batch, uids, names of devices.
LONGEST_LIST = 100_000
#: Characters of names, uids, keys of locks and positions.
LONGEST_NAME = 1_000
#: Characters of other texts, such as notes and words to search for.
LONGEST_TEXT = 10_000
#: The parameters that have a limit of their own.
LONGEST: dict[str, int] = {
    "script": 16_000_000,
    "text": 1_000_000,  # the answer to input()
    **dict.fromkeys(("note", "search", "name", "grep"), LONGEST_TEXT),
}
#: Characters of a plan that is typed as text.
LONGEST_PLAN = 100_000
#: Named parameters of an item, and its positional ones.
MOST_KWARGS, MOST_ARGS = 1_000, 100_000
_ITEMS = frozenset(("item", "items", "expected"))
_NAMES_IN_ITEM = ("item_type", "name", "item_uid", "user", "user_group")
_CONTAINERS = (dict, list)


def check_size(frame: bytes) -> None:
    """Check the size of a request.

    Raises
    ------
    RequestError
        Gives the size and the limit.
    """
    if len(frame) > LARGEST_REQUEST:
        size, limit = f"{len(frame):_}".replace("_", " "), f"{LARGEST_REQUEST:_}".replace("_", " ")
        raise RequestError(f"The request is too large: {size} bytes, at most {limit}. Send it in several parts")


def check_limits(params: Mapping[str, Any]) -> None:
    """Check the parameters of a request.

    Raises
    ------
    BadParams
        Names the parameter that is beyond a limit, with its value, shortened, and the limit.
    """
    for name, value in params.items():
        if isinstance(value, str):
            _check_text(name, name, value, LONGEST.get(name, LONGEST_NAME))
        elif isinstance(value, _CONTAINERS):
            _check_container(name, cast("dict[str, Any] | list[Any]", value))


def _check_container(name: str, value: dict[str, Any] | list[Any]) -> None:
    if isinstance(value, list):
        _check_list(name, value)
    if _is_deeper(value, DEEPEST):
        raise BadParams(f"Parameter '{name}' is nested too deeply: more than {DEEPEST} levels: {shown(name, value)}")
    if name == "metadata" and isinstance(value, dict):
        for text in (*value, *value.values()):
            if isinstance(text, str):
                _check_text(name, "a key or pattern", text, LONGEST_TEXT)
    if name in _ITEMS:
        for place, item in [(name, value)] if isinstance(value, dict) else _placed(name, value):
            if isinstance(item, dict):
                _check_item(name, place, cast("dict[str, Any]", item))


def _check_list(name: str, value: list[Any]) -> None:
    if len(value) > LONGEST_LIST:
        raise BadParams(f"Parameter '{name}' has too many elements: {len(value)}, at most {LONGEST_LIST}")
    for number, element in enumerate(value):
        if isinstance(element, str):
            _check_text(name, f"{name}[{number}]", element, LONGEST_NAME)


def _placed(name: str, items: list[Any]) -> Iterable[tuple[str, Any]]:
    return ((f"{name}[{number}]", item) for number, item in enumerate(items))


def _check_item(name: str, place: str, item: dict[str, Any]) -> None:
    for key in _NAMES_IN_ITEM:
        value = item.get(key)
        if isinstance(value, str) and len(value) > LONGEST_NAME:
            _check_text(name, f"{place}[{key!r}]", value, LONGEST_NAME)
    args, kwargs = item.get("args"), item.get("kwargs")
    if isinstance(args, list) and len(cast("list[Any]", args)) > MOST_ARGS:
        count = len(cast("list[Any]", args))
        raise BadParams(f"Parameter '{name}': {place}['args'] has too many elements: {count}, at most {MOST_ARGS}")
    if isinstance(kwargs, dict):
        named = cast("dict[Any, Any]", kwargs)
        if len(named) > MOST_KWARGS:
            raise BadParams(
                f"Parameter '{name}': {place}['kwargs'] has too many parameters: {len(named)}, at most {MOST_KWARGS}"
            )
        for key in named:
            if isinstance(key, str):
                _check_text(name, f"a name in {place}['kwargs']", key, LONGEST_NAME)


def _check_text(name: str, place: str, value: str, limit: int) -> None:
    if len(value) > limit:
        where = "" if place == name else f": {place}"
        raise BadParams(
            f"Parameter '{name}'{where} is too long: {len(value)} characters, at most {limit}: {shown(name, value)}"
        )


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether lists and objects in the value are nested in more levels, counting the value."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [each for container in level for each in _elements(container) if isinstance(each, _CONTAINERS)]
        if not level:
            return False
    return True


def _elements(container: Any) -> Iterable[Any]:
    return cast("dict[Any, Any]", container).values() if isinstance(container, dict) else cast("list[Any]", container)
