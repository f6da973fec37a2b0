"""Warnings about keys of an item that the service ignores."""

import pytest

from bluesky_qs.plan_queue.items import KNOWN_KEYS
from bluesky_qs.plans.item_keys import unknown_keys


def sentences(item, parameters=("detectors", "num", "delay", "md")):
    return [warning.sentence for warning in unknown_keys(item, KNOWN_KEYS, parameters)]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("kwarg", "Unknown item key 'kwarg' (did you mean 'kwargs'?): it is ignored"),
        ("arg", "Unknown item key 'arg' (did you mean 'args'?): it is ignored"),
        ("md", "Unknown item key 'md' (did you mean 'meta'?): it is ignored"),
        ("params", "Unknown item key 'params' (did you mean 'kwargs'?): it is ignored"),
        ("delay", "Unknown item key 'delay', a parameter of 'count': it is ignored; put it in 'kwargs'"),
        ("priority", "Unknown item key 'priority': it is ignored"),
    ],
)
def test_a_key_that_is_ignored_gets_a_warning(key, sentence):
    assert sentences({"item_type": "plan", "name": "count", key: 1}) == [sentence]


def test_all_keys_of_an_item_from_the_history_are_known():
    assert sentences({**dict.fromkeys(KNOWN_KEYS), "result": {}}) == []
