"""Sentences about autostart, from a status alone."""

import pytest

from ipython_extension.shown import autostart_text


def test_the_reason_in_the_status_is_shown_with_the_command_that_switches_autostart_on():
    status = {"queue_autostart_off_reason": "the last plan failed"}
    (sentence,) = autostart_text.switched_off(status)
    assert sentence == ("Autostart switched itself off: the last plan failed. To switch it on: %qs autostart on.")


@pytest.mark.parametrize("status", [{"queue_autostart_off_reason": None}, {}])
def test_without_a_reason_nothing_is_said(status):
    assert autostart_text.switched_off(status) == []
