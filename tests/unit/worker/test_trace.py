"""Texts for exceptions of user code."""

import pytest

from bluesky_qs.errors import InvalidPlan
from bluesky_qs.worker.trace import sentence, traceback_text


def caught(function):
    with pytest.raises(ValueError) as info:
        function()
    error = info.value
    error.__traceback__ = error.__traceback__.tb_next  # without the frame of this function
    return error


def users():
    raise ValueError("not today")


@pytest.mark.parametrize(
    ("error", "expected_text"),
    [
        (ValueError("not today"), "ValueError: not today"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (InvalidPlan("The plan is not allowed"), "The plan is not allowed"),
        (OSError("no file \udcff"), "OSError: no file \\udcff"),
    ],
)
def test_an_error_is_one_sentence(error, expected_text):
    assert sentence(error) == expected_text


def test_a_traceback_starts_with_the_users_code():
    lines = traceback_text(caught(users)).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith("in users")
    assert lines[-1] == "ValueError: not today"


def test_an_error_of_ours_that_never_met_user_code_has_no_traceback():
    assert traceback_text(InvalidPlan("no")) == ""


def test_frames_of_bluesky_between_us_and_the_user_are_left_out():
    scope = {"__name__": "bluesky.run_engine", "users": users}
    exec("def call():\n    users()", scope)
    lines = traceback_text(caught(scope["call"])).splitlines()
    assert lines[1].endswith("in users")
