"""Who waits for which device, and what they get when it answers or does not."""

import json

import pytest

from bluesky_qs.worker.readings import Readings

VALUE = {"value": 1.5, "timestamp": 7.0, "units": "mm", "limits": None, "moving": False}


class Asked:
    """`Readings` with a clock to move; started reads and replies in lists."""

    def __init__(self):
        self.time = 100.0
        self.namespace = {"motor": object(), "det": object()}
        self.started = []
        self.replies = {}
        self.readings = Readings(self.started.append, self._reply, lambda: self.time)

    def _reply(self, uid, devices):
        assert uid not in self.replies
        self.replies[uid] = json.loads(devices)

    def ask(self, uid, *names, max_age=0.0, groups=()):
        self.readings.ask(uid, names, namespace=self.namespace, groups=dict(groups), max_age=max_age)

    def answer(self, name, answer=VALUE):
        device = next(each for each in self.started if each.name == name)
        self.started.remove(device)
        self.readings.ended(device, answer)

    def begin_all(self):
        for device in self.started:
            self.readings.begins(device)

    def later(self, seconds):
        self.time += seconds
        self.readings.check()


@pytest.fixture
def asked():
    return Asked()


def test_a_request_is_answered_when_its_last_device_has_answered(asked):
    asked.ask("a", "motor", "det")
    asked.answer("det")
    assert asked.replies == {}
    asked.answer("motor")
    assert asked.replies == {"a": {"motor": VALUE, "det": VALUE}}


def test_a_request_for_nothing_is_answered_at_once(asked):
    asked.ask("a")
    assert asked.replies == {"a": {}}


def test_callers_share_the_outstanding_read_of_a_device(asked):
    asked.ask("a", "motor")
    asked.ask("b", "motor")
    assert len(asked.started) == 1
    asked.answer("motor")
    assert asked.replies == {"a": {"motor": VALUE}, "b": {"motor": VALUE}}


def test_two_names_of_one_device_share_a_read(asked):
    asked.namespace["alias"] = asked.namespace["motor"]
    asked.ask("a", "motor", "alias")
    asked.answer("motor")
    assert asked.replies == {"a": {"motor": VALUE, "alias": VALUE}}
    assert asked.started == []


def test_an_answered_device_is_read_again_for_the_next_request(asked):
    asked.ask("a", "motor")
    asked.answer("motor")
    asked.ask("b", "motor")
    assert len(asked.started) == 1


def test_a_device_that_does_not_answer_gets_an_error_and_the_others_are_there(asked):
    asked.ask("a", "motor", "det")
    asked.begin_all()
    asked.answer("motor")
    asked.later(0.99)
    assert asked.replies == {}
    asked.later(0.01)
    assert asked.replies["a"] == {"motor": VALUE, "det": {"error": "no answer after 1 s", "last": None}}


def test_the_last_reading_comes_with_the_error(asked):
    asked.ask("a", "motor")
    asked.answer("motor")
    asked.ask("b", "motor")
    asked.begin_all()
    asked.later(1)
    assert asked.replies["b"]["motor"]["last"] == {"value": 1.5, "timestamp": 7.0}


def test_nobody_waits_for_a_device_that_is_known_not_to_answer(asked):
    asked.ask("a", "motor")
    asked.begin_all()
    asked.later(30)
    asked.ask("b", "motor")
    assert asked.replies["b"]["motor"]["error"] == "no answer after 30 s"
    assert len(asked.started) == 1
    asked.answer("motor")
    asked.ask("c", "motor")
    asked.answer("motor")
    assert asked.replies["c"]["motor"] == VALUE


def test_a_device_that_waits_for_a_thread_is_not_blamed(asked):
    asked.ask("a", "motor")
    asked.later(1)
    assert asked.replies["a"]["motor"]["error"] == "not read: too many other devices do not answer"


def test_watchers_share_a_reading_that_is_younger_than_a_second(asked):
    asked.ask("a", "motor", max_age=1)
    asked.answer("motor")
    asked.later(0.9)
    asked.ask("b", "motor", max_age=1)
    assert (asked.replies["b"], asked.started) == ({"motor": VALUE}, [])
    asked.later(0.1)
    asked.ask("c", "motor", max_age=1)
    assert len(asked.started) == 1


def test_the_link_thread_looks_again_when_the_earliest_device_is_due(asked):
    assert asked.readings.due() is None
    asked.ask("a", "motor")
    asked.later(0.4)
    asked.ask("b", "det")
    assert asked.readings.due() == pytest.approx(0.6)
    asked.answer("motor")
    assert asked.readings.due() == pytest.approx(1.0)
    asked.answer("det")
    assert asked.readings.due() is None


def test_a_name_that_a_script_has_deleted_is_an_error(asked):
    del asked.namespace["motor"]
    asked.ask("a", "motor.x")
    assert asked.replies["a"] == {"motor.x": {"error": "it is no longer in the worker namespace", "last": None}}


def test_a_replaced_device_has_no_last_reading_and_the_old_one_is_forgotten(asked):
    asked.ask("a", "motor")
    asked.answer("motor")
    asked.namespace["motor"] = object()
    asked.ask("b", "motor")
    asked.begin_all()
    asked.later(1)
    assert asked.replies["b"]["motor"]["last"] is None
    assert len(asked.readings._devices) == 1


def test_a_value_for_one_group_is_not_given_to_another_if_the_device_is_not_in_the_lists(asked):
    asked.ask("a", "det.cam", groups={"det.cam": "primary"}, max_age=1)
    asked.answer("det.cam")
    asked.ask("b", "det.cam", groups={"det.cam": "test"}, max_age=1)
    assert len(asked.started) == 1
