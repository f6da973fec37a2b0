"""Who sent a request: events and the log name the user, if the client does."""

import logging

import pytest


@pytest.mark.parametrize(
    ("method", "params", "event"),
    [
        ("queue_autostart", {"enable": True}, "autostart_changed"),
        ("queue_mode_set", {"mode": {"loop": True}}, "mode_changed"),
        ("permissions_set", {"user_group_permissions": {"user_groups": {"root": {}}}}, "permissions_changed"),
    ],
)
async def test_the_event_of_a_change_names_the_user(manager, caplog, method, params, event):
    caplog.set_level(logging.INFO)
    await manager.do(method, user="grace", **params)
    events = (await manager.do("events_get"))["events"]
    assert [each for each in events if each["type"] == event][-1]["user"] == "grace"
    assert [record for record in caplog.messages if "user='grace'" in record]


async def test_without_a_user_the_event_names_nobody(manager):
    await manager.do("queue_autostart", enable=True)
    events = (await manager.do("events_get"))["events"]
    assert [each.get("user", "nobody") for each in events if each["type"] == "autostart_changed"] == ["nobody"]


async def test_a_method_that_records_nobody_accepts_the_user_too(manager):
    await manager.do("environment_open", user="grace")
    await manager.until(lambda status: status["worker_environment_exists"])
