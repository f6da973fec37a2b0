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
    assert f"The queue stops after this plan{pending} (to cancel the stop: %qs stop cancel)." in printed


def test_a_stop_that_is_canceled_is_reported(qs, running, printed, at_looks):
    stop(running, user="grace")

    at_looks(
        lambda _: any("stops after" in text for text in printed),
        lambda _: running.do("queue_stop_cancel"),
        lambda _: any("canceled" in text for text in printed),
        lambda _: running.worker.proceed(),
    )
    shown = pretty(qs("wait"))
    assert "The queue stop was canceled." in printed
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


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (2, 3, "Running 2 items; then a stop item stops the queue, with 3 items left (%qs start starts them)."),
        (1, 1, "Running 1 item; then a stop item stops the queue, with 1 item left (%qs start starts it)."),
        (1, 0, "Running 1 item; then a stop item stops the queue."),
        (0, 1, "The first item is a stop item, which stops the queue at once, with 1 item left (%qs start starts it)."),
    ],
)
def test_a_start_says_where_a_stop_item_stops_the_queue(qs, opened, before, after, sentence):
    for _ in range(before):
        opened.add("count", ["det1"])
    add_stop_item(opened)
    for _ in range(after):
        opened.add("count", ["det1"])
    assert " ".join(pretty(qs("start")).split()) == sentence


def test_in_a_closed_environment_the_queue_is_not_started_by_start_alone(qs, running):
    stop(running, user="ada")
    running.worker.proceed()
    running.wait_idle()
    closed = {**running.do("status"), "worker_environment_exists": False}
    running.answers["status"] = closed
    shown = " ".join(pretty(qs("")).split())
    assert "%qs open opens the environment, then %qs start starts the queue again." in shown


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


@pytest.mark.parametrize("missing", [1, 2])
def test_the_reason_is_reported_before_the_service_has_stored_the_event_of_the_end(qs, running, missing):
    """The events that the queue runs and that it is idle are stored after the reason, and may be late."""
    stop(running, user="ada")
    running.worker.proceed()
    running.wait_idle()
    stored = running.do("events_get")
    reason = max(at for at, event in enumerate(stored["events"]) if event["type"] == "queue_stop_pending_changed")
    kept = stored["events"][: reason + 1]
    if missing > 1:
        kept = [event for event in kept if event.get("manager_state") not in ("starting_queue", "executing_queue")]
    running.answers["events_get"] = {**stored, "events": kept}
    shown = " ".join(pretty(qs("wait")).split())
    assert "The queue has stopped, because you requested it. %qs start starts it again." in shown


def test_a_pending_stop_is_reported_with_the_right_name_when_its_event_is_late(qs, running, printed, at_looks):
    running.do("queue_stop", user="grace")
    running.do("queue_stop_cancel")
    early = running.do("events_get")
    running.do("queue_stop", user="ada")
    running.answers["events_get"] = early
    at_looks(
        None,
        lambda _: running.answers.pop("events_get"),
        None,
        lambda _: any("stops after" in text for text in printed),
        lambda _: running.worker.proceed(),
    )
    qs("wait")
    assert [text for text in printed if "stops after" in text] == [
        "The queue stops after this plan, as you requested (to cancel the stop: %qs stop cancel)."
    ]
