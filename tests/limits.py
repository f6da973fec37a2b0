"""Requests of a length that the test chooses, with the limit of this length and the words about it."""

from typing import Any

import pytest

from bluesky_qs.api import limits

WHO = {"user": "me", "user_group": "primary"}


def plan(**changes):
    return {"item_type": "plan", "name": "count", "args": [["det1"]], **changes}


def nested(levels):
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def add(item):
    return "queue_item_add", {"item": item, **WHO}


#: By the beginning of the refusal: a request with this length, and the limit of the length.
CASES = {
    "Parameter 'lock_key' is too long": (
        lambda n: ("lock", {"lock_key": "k" * n, "user": "me", "queue": True}),
        limits.LONGEST_NAME,
    ),
    "Parameter 'user' is too long": (lambda n: ("queue_clear", {"user": "u" * n}), limits.LONGEST_NAME),
    "Parameter 'uid' is too long": (lambda n: ("queue_item_get", {"uid": "u" * n}), limits.LONGEST_NAME),
    "Parameter 'note' is too long": (
        lambda n: ("lock", {"lock_key": "k", "user": "me", "queue": True, "note": "n" * n}),
        limits.LONGEST_TEXT,
    ),
    "Parameter 'search' is too long": (lambda n: ("history_get", {"search": "s" * n}), limits.LONGEST_TEXT),
    "Parameter 'metadata': a key or pattern is too long": (
        lambda n: ("history_get", {"metadata": {"sample": "s" * n}}),
        limits.LONGEST_TEXT,
    ),
    "Parameter 'text' is too long": (lambda n: ("input_reply", {"input_uid": "1", "text": "t" * n}), 1_000_000),
    "Parameter 'script' is too long": (lambda n: ("script_upload", {"script": "#" * n}), 16_000_000),
    "Parameter 'uids' has too many elements": (
        lambda n: ("queue_item_remove_batch", {"uids": ["u"] * n, "ignore_missing": True}),
        limits.LONGEST_LIST,
    ),
    "Parameter 'uids': uids[1] is too long": (
        lambda n: ("queue_item_remove_batch", {"uids": ["a", "u" * n]}),
        limits.LONGEST_NAME,
    ),
    "Parameter 'user_group_permissions' is nested too deeply": (
        lambda n: ("permissions_set", {"user_group_permissions": {"user_groups": nested(n - 1)}}),
        limits.DEEPEST,
    ),
    "Parameter 'item': item['name'] is too long": (lambda n: add(plan(name="n" * n)), limits.LONGEST_NAME),
    "Parameter 'item': item['item_uid'] is too long": (lambda n: add(plan(item_uid="n" * n)), limits.LONGEST_NAME),
    "Parameter 'item': item['args'] has too many elements": (lambda n: add(plan(args=[1] * n)), limits.MOST_ARGS),
    "Parameter 'item': item['kwargs'] has too many parameters": (
        lambda n: add(plan(kwargs={f"k{number}": 1 for number in range(n)})),
        limits.MOST_KWARGS,
    ),
    "Parameter 'item': a name in item['kwargs'] is too long": (
        lambda n: add(plan(kwargs={"k" * n: 1})),
        limits.LONGEST_NAME,
    ),
    "The item is nested more than 100 levels deep": (lambda n: add(plan(meta={"a": nested(n - 2)})), 100),
}

each_limit = pytest.mark.parametrize(
    ("words", "request_of", "limit"), [(w, *rest) for w, rest in CASES.items()], ids=CASES
)


def check(words, limit, at_limit, beyond):
    """Compare the replies to a request at the limit, and to one beyond it."""
    assert words not in at_limit["msg"]
    assert beyond["success"] is False
    assert words in beyond["msg"]
    assert str(limit) in beyond["msg"]
    assert len(beyond["msg"]) < 1000
