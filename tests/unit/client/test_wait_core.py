"""What is waited for and when a wait is over: without sockets, threads and sleeps."""

import pytest

from bluesky_qs import errors
from bluesky_qs.api.method import METHODS
from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError, WaitCancelError, WaitTimeoutError
from bluesky_qs.client.following import DOCUMENTS, GONE, POLL, SILENCE, Following, Listen, Send
from bluesky_qs.client.steps import drive, drive_async
from bluesky_qs.client.transport import Message
from bluesky_qs.client.wait import (
    WaitMonitor,
    fulfilled,
    idle,
    idle_or_paused,
    idle_or_running,
    item_ended,
    item_state,
    task_ended,
    task_uid_list,
    until,
)
from bluesky_qs.wire.info import DOCUMENT, INFO


class Scene:
    """Plays the service and the clock: answers requests, publishes messages, and lets listening take its time."""

    def __init__(self):
        self.time = 1000.0
        self.status = {"manager_state": "executing_queue", "running_item_uid": "a"}
        self.answers = {}
        self.published = []
        self.back_at = 0.0
        self.asked = []

    def now(self):
        return self.time

    def publish(self, after=0.1, **changes):
        """Publish a changed status some seconds after the previous message."""
        self.published.append((after, Message(INFO, {"msg": {"status": changes}})))

    def stale(self, after=0.1, **old):
        """Publish a status from before."""
        self.published.append((after, Message(INFO, {"msg": {"status": {**self.status, **old}, "stale": True}})))

    def document(self, name):
        self.published.append((0, Message(DOCUMENT, {"name": name})))

    def perform(self, step):
        return self.listen(step.timeout) if isinstance(step, Listen) else self.answer(step)

    def listen(self, timeout):
        if not self.published or self.published[0][0] > timeout:
            if self.published:
                self.published[0] = (self.published[0][0] - timeout, self.published[0][1])
            self.time += timeout
            return None
        after, message = self.published.pop(0)
        self.time += after
        if message.topic == INFO and "stale" not in message.payload["msg"]:
            self.status |= message.payload["msg"]["status"]
            message = Message(INFO, {"msg": {"status": dict(self.status)}})
        return message

    def answer(self, step):
        assert step.params.keys() <= set(METHODS[step.method].parameters)
        self.asked.append(step.method)
        if self.time < self.back_at:
            self.time += 2
            raise RequestTimeoutError("No answer")
        if step.method == "status":
            return dict(self.status)
        answer = self.answers[step.method]
        answer = answer(step.params) if callable(answer) else answer
        if answer.get("success") is False:
            raise RequestFailedError({"method": step.method}, answer)
        return answer

    def wait(self, check, *, timeout=None, monitor=None):
        monitor = monitor or WaitMonitor(now=self.now)
        monitor.start(timeout)
        return drive(until(check, "it", monitor, Following(now=self.now)), self.perform)


@pytest.fixture
def scene():
    return Scene()


@pytest.mark.parametrize(
    ("condition", "states"),
    [
        (idle, {"idle"}),
        (idle_or_paused, {"idle", "paused"}),
        (idle_or_running, {"idle", "executing_queue"}),
    ],
)
def test_a_condition_holds_in_its_states(condition, states):
    all_states = {"idle", "paused", "executing_queue", "closing_environment"}
    assert {state for state in all_states if condition({"manager_state": state})} == states


def test_the_first_status_is_requested_and_may_be_enough(scene):
    scene.status["manager_state"] = "idle"
    assert scene.wait(fulfilled(idle)) is True
    assert (scene.asked, scene.time) == (["status"], 1000.0)


def test_a_published_status_ends_a_wait_without_another_request(scene):
    scene.publish(manager_state="paused")
    scene.publish(manager_state="idle")
    scene.wait(fulfilled(idle))
    assert scene.asked == ["status"]
    assert scene.time == pytest.approx(1000.2)


def test_a_status_that_was_published_before_the_first_reply_does_not_end_a_wait(scene):
    def times(status):
        seen.append((status["time"], status["manager_state"]))
        return status["manager_state"] == "idle"

    seen = []
    scene.status["time"] = 500.0
    scene.stale(time=499.9, manager_state="idle")
    scene.publish(time=501.0)
    scene.publish(time=502.0, manager_state="idle")
    scene.wait(fulfilled(times))
    assert seen == [
        (500.0, "executing_queue"),
        (500.0, "executing_queue"),
        (501.0, "executing_queue"),
        (502.0, "idle"),
    ]
    assert scene.asked == ["status", "status"]


def test_a_wait_ends_after_the_clock_of_the_service_was_set_back(scene):
    scene.status["time"] = 500.0
    scene.publish(time=100.0)
    scene.publish(time=101.0, manager_state="idle")
    scene.wait(fulfilled(idle))
    assert scene.asked == ["status", "status"]


def test_while_the_channel_is_silent_the_status_is_requested_regularly(scene):
    seen = []

    def third(status):
        seen.append(scene.time - 1000)
        return len(seen) == 4

    scene.wait(fulfilled(third))
    assert seen == pytest.approx([0, SILENCE, SILENCE + POLL, SILENCE + 2 * POLL])


def test_a_message_makes_the_channel_count_as_audible_again(scene):
    scene.publish(after=SILENCE + 0.1)
    scene.publish(after=SILENCE - 0.1, manager_state="idle")
    scene.wait(fulfilled(idle))
    assert scene.asked == ["status", "status"]


def test_a_wait_has_a_limit_and_its_error_names_the_condition(scene):
    with pytest.raises(WaitTimeoutError, match="Still waiting for it after 3 s"):
        scene.wait(fulfilled(idle), timeout=3)
    assert scene.time == pytest.approx(1003)


def test_a_cancelled_wait_ends_at_the_next_look(scene):
    monitor = WaitMonitor(now=scene.now)

    def cancelling(_status):
        monitor.cancel()
        return False

    with pytest.raises(WaitCancelError, match="The wait for it was canceled"):
        scene.wait(fulfilled(cancelling), monitor=monitor)


def test_a_restart_is_waited_out(scene):
    def idle_and_then_restarting(status):
        scene.back_at = 1000 + GONE - 5
        return status["manager_state"] == "idle"

    scene.publish(after=GONE, manager_state="idle")
    scene.wait(fulfilled(idle_and_then_restarting))
    assert scene.asked.count("status") > 2


def test_a_service_that_stays_unreachable_ends_the_wait(scene):
    def goes_down(_status):
        scene.back_at = 2000
        return False

    with pytest.raises(RequestTimeoutError):
        scene.wait(fulfilled(goes_down))
    assert GONE < scene.time - 1000 < GONE + 3


def test_without_a_service_a_wait_does_not_begin(scene):
    scene.back_at = 2000
    with pytest.raises(RequestTimeoutError):
        scene.wait(fulfilled(idle))
    assert scene.asked == ["status"]


def test_the_state_of_an_item_is_requested_only_after_a_change(scene):
    states = iter(["queued", "completed"])
    scene.answers["item_status"] = lambda _: {"status": {"state": next(states)}}
    scene.publish(items_in_queue=5)
    scene.publish(plan_history_uid="2", running_item_uid=None, manager_state="idle")
    assert scene.wait(item_ended("a")) == {"state": "completed"}
    assert scene.asked.count("item_status") == 2


def test_a_request_that_was_lost_in_a_restart_is_repeated(scene):
    def item_status(_params):
        if scene.asked.count("item_status") == 1:
            raise RequestTimeoutError("No answer")
        return {"status": {"state": "completed"}}

    scene.answers["item_status"] = item_status
    scene.publish()
    assert scene.wait(item_ended("a")) == {"state": "completed"}


def test_an_item_that_the_service_does_not_know_ends_the_wait(scene):
    scene.answers["item_status"] = {"status": {"state": "not_found"}}
    with pytest.raises(errors.NotFound, match="Item with UID 'a' is not in the queue"):
        scene.wait(item_ended("a"))


def test_an_item_is_running_until_the_service_knows_what_comes_next(scene):
    scene.status["running_item_uid"] = None
    scene.answers["item_status"] = {"status": {"state": "failed"}}
    assert drive(item_state("a"), scene.perform) == {"state": "running"}
    scene.status["manager_state"] = "idle"
    assert drive(item_state("a"), scene.perform) == {"state": "failed"}


@pytest.mark.parametrize(
    ("uid", "state"), [("r", "running"), ("q", "queued"), ("h", "aborted"), ("nobody", "not_found")]
)
def test_without_item_status_the_queue_and_the_history_are_requested(scene, uid, state):
    scene.answers = {
        "item_status": {"success": False, "msg": "Unknown method 'item_status'"},
        "queue_get": {"running_item": {"item_uid": "r"}, "items": [{"item_uid": "q"}]},
        "history_get": {"items": [{"item_uid": "h", "result": {"exit_status": "aborted"}}]},
    }
    assert drive(item_state(uid), scene.perform)["state"] == state


def test_another_refusal_is_an_error(scene):
    scene.answers["item_status"] = {"success": False, "msg": "Too busy"}
    with pytest.raises(RequestFailedError, match="Too busy"):
        scene.wait(item_ended("a"))


def test_the_first_of_several_tasks_ends_the_wait(scene):
    ended = iter(["running", "completed"])
    scene.answers["task_status"] = lambda _: {"status": {"t1": "running", "t2": next(ended)}}
    scene.publish(task_results_uid="2")
    assert scene.wait(task_ended(["t1", "t2"], expired=True)) == {"t2": "completed"}


def test_an_expired_task_counts_only_if_wished(scene):
    scene.answers["task_status"] = {"status": {"t1": "not_found"}}
    assert scene.wait(task_ended(["t1"], expired=True)) == {"t1": "not_found"}
    with pytest.raises(WaitTimeoutError):
        scene.wait(task_ended(["t1"], expired=False), timeout=1)


def test_tasks_are_given_as_one_or_several():
    assert task_uid_list("t1") == ["t1"]
    assert task_uid_list(("t1", "t2")) == ["t1", "t2"]
    with pytest.raises(errors.BadParams, match="task_uid is empty"):
        task_uid_list([])


def test_documents_are_passed_on_and_earlier_ones_requested_at_the_first_message(scene):
    got = []
    following = Following(lambda message, asked: got.append((message["name"], asked)), now=scene.now)
    scene.answers["documents_get"] = {"documents": [{"name": "start"}]}
    scene.document("descriptor")
    scene.document("event")
    scene.publish(after=0, manager_state="idle")
    status = drive(following.next_status(1), scene.perform)
    assert status["manager_state"] == "idle"
    assert got == [("start", True), ("descriptor", False), ("event", False)]


def test_a_flood_of_documents_does_not_hold_the_status_back(scene):
    following = Following(lambda *_: None, now=scene.now)
    scene.answers["documents_get"] = {"documents": []}
    for _ in range(DOCUMENTS + 1):
        scene.document("event")
    assert drive(following.next_status(1), scene.perform) is None
    assert len(scene.published) == 1


def test_a_service_that_keeps_no_documents_can_be_followed(scene):
    following = Following(lambda *_: None, now=scene.now)
    scene.answers["documents_get"] = {"success": False, "msg": "Unknown method 'documents_get'"}
    scene.publish(manager_state="idle")
    assert drive(following.next_status(1), scene.perform)["manager_state"] == "idle"


async def test_the_same_steps_serve_both_kinds_of_client(scene):
    async def perform(step):
        return scene.perform(step)

    scene.status["manager_state"] = "idle"
    monitor, following = WaitMonitor(now=scene.now), Following(now=scene.now)
    assert await drive_async(until(fulfilled(idle), "it", monitor, following), perform) is True


def test_an_error_is_raised_where_the_step_stands_and_others_pass():
    def procedure():
        try:
            yield Send("status", {})
        except RequestTimeoutError:
            return "caught"

    def silent(_step):
        raise RequestTimeoutError

    def broken(_step):
        raise ZeroDivisionError

    assert drive(procedure(), silent) == "caught"
    with pytest.raises(ZeroDivisionError):
        drive(procedure(), broken)
