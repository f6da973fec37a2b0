"""A wait says why the queue stops or has stopped: at a stop item, or because somebody requested it."""

import pytest
from IPython.lib.pretty import pretty

pytestmark = pytest.mark.over_http_too

AT_ITEM = "The queue has stopped at its stop item. %qs start starts it again."


def stop(manager, **who):
    manager.add("scan", ["det1"], "motor", 0, 1, 5)
    manager.do("queue_stop", **who)


def add_stop_item(manager, **place):
    item = {"item_type": "instruction", "name": "queue_stop"}
    manager.do("queue_item_add", item=item, user="ada", user_group="admin", **place)


@pytest.mark.parametrize(
    ("user", "pending", "stopped"),
    [
        ("grace", ", as grace requested", "grace requested it"),
        ("ada", ", as you requested", "you requested it"),
        (None, "", "a stop was requested"),
    ],
)
def test_a_requested_stop_is_reported_when_it_is_pending_and_at_the_end(
    qs, running, printed, at_looks, user, pending, stopped
):
    stop(running, **({"user": user} if user else {}))
    at_looks(None, None, lambda _: running.worker.proceed())
    shown = pretty(qs("wait"))
    assert f"The queue has stopped, because {stopped}. %qs start starts it again." in shown.replace("\n", " ")
    assert f"The queue stops after this plan{pending} (%qs stop cancel cancels it)." in printed


def test_a_stop_that_is_canceled_is_reported(qs, running, printed, at_looks):
    stop(running, user="grace")

    at_looks(
        lambda _: any("stops after" in text for text in printed),
        lambda _: running.do("queue_stop_cancel"),
        lambda _: any("canceled" in text for text in printed),
        lambda _: running.worker.proceed(),
    )
    shown = pretty(qs("wait"))
    assert "The stop of the queue was canceled." in printed
    assert "has stopped" not in shown


def test_a_stop_item_is_reported(qs, running, at_looks):
    add_stop_item(running)
    running.add("count", ["det1"])
    at_looks(None, lambda _: running.worker.proceed())
    assert AT_ITEM in pretty(qs("wait"))


def test_a_stop_item_at_the_front_is_reported(qs, opened):
    add_stop_item(opened)
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_idle()
    assert AT_ITEM in pretty(qs("wait"))


def test_without_a_stop_there_is_no_reason(qs, opened):
    opened.add("count", ["det1"])
    assert "has stopped" not in pretty(qs("wait"))


def test_a_stop_before_the_environment_was_reopened_is_no_reason(qs, opened):
    add_stop_item(opened)
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_idle()
    opened.do("environment_close")
    opened.wait_idle()
    assert "has stopped" not in pretty(qs("wait"))
