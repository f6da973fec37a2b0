"""The order of the queue after a change, which a line computes from the order before it."""

import pytest

from ipython_extension.session.placing import placed_in

ITEMS = [{"item_uid": uid} for uid in "abcd"]


def order(items, where, queue=ITEMS):
    found = placed_in(queue, [{"item_uid": uid} for uid in items], where)
    return found and "".join(item["item_uid"] for item in found)


@pytest.mark.parametrize(
    ("items", "where", "expected"),
    [
        ("x", {"pos": "front"}, "xabcd"),
        ("xy", {"pos": "back"}, "abcdxy"),
        ("x", {}, "abcdx"),
        ("x", {"pos": 1}, "axbcd"),
        ("x", {"pos": 99}, "abcdx"),
        ("x", {"before_uid": "c"}, "abxcd"),
        ("xy", {"after_uid": "d"}, "abcdxy"),
        ("a", {"pos": 2}, "bcad"),
        ("d", {"after_uid": "a"}, "adbc"),
        ("ab", {"before_uid": "d"}, "cabd"),
        ("x", {"pos": -1}, None),
        ("x", {"after_uid": "gone"}, None),
        ("a", {"before_uid": "a"}, None),
    ],
)
def test_items_are_at_the_place_that_the_request_names(items, where, expected):
    assert order(items, where) == expected
