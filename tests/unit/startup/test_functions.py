"""The functions of a namespace, as people read about them who want to call one."""

import functools
from collections.abc import Generator

import pytest
from bluesky.utils import Msg

from bluesky_qs.startup.collect import collect
from bluesky_qs.startup.functions import functions


def set_gain(gain: int, *, channel=1):
    """Set the gain of the amplifier.

    It takes a second.
    """


def bare():
    pass


def plan():
    yield


def returns_a_plan() -> Generator[Msg, None, None]:
    return plan()


class Odd:
    def __repr__(self):
        raise RuntimeError("no text")

    def method(self, x):
        """Do it."""


def listed(**namespace):
    return functions(namespace, plans=())


def test_a_function_has_its_parameters_and_the_first_line_of_its_docstring():
    assert listed(set_gain=set_gain, bare=bare, do=Odd().method, high=functools.partial(set_gain, 9)) == {
        "bare": {"signature": "()", "description": ""},
        "do": {"signature": "(x)", "description": "Do it."},
        "high": {"signature": "(*, channel=1)", "description": "Set the gain of the amplifier."},
        "set_gain": {"signature": "(gain: int, *, channel=1)", "description": "Set the gain of the amplifier."},
    }


@pytest.mark.parametrize("value", [plan, functools.partial(plan), returns_a_plan, Odd, Odd(), 3, pytest, functools])
def test_what_is_no_function_or_is_a_plan_is_not_listed(value):
    assert listed(value=value) == {}


def test_private_names_and_listed_plans_are_left_out():
    assert functions({"_set": set_gain, "__x": set_gain, "a.b": set_gain, 7: set_gain, "p": set_gain}, {"p"}) == {}


def test_a_function_whose_parameters_cannot_be_written_is_listed_without_them():
    def strange(x=Odd()):  # noqa: B008
        pass

    strange.__doc__ = 7
    assert listed(strange=strange) == {"strange": {"signature": "(…)", "description": ""}}


def test_long_texts_are_cut():
    def long(x="y" * 1000):
        pass

    long.__doc__ = "z" * 1000
    assert all(len(text) == 200 and text.endswith("…") for text in listed(long=long)["long"].values())


def test_they_are_collected_beside_plans_and_devices():
    found = collect({"set_gain": set_gain, "plan": plan})
    assert (list(found.plans), list(found.functions)) == (["plan"], ["set_gain"])
