"""What a plan waits for, from the messages and status objects that the RunEngine handles."""

import json
from types import SimpleNamespace as Object

import numpy as np
import pytest
from bluesky.utils import Msg

from bluesky_qs.worker.waits import IN_CODE, LASTS, PlanWaits, Streaming, part_done

motor, other, det = Object(name="motor"), Object(name="other"), Object(name="det")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def waits(clock):
    return PlanWaits(clock)


class MoveStatus:
    """A status object like ophyd's."""

    def __init__(self, device, start=None):
        self.device = device
        self.start_pos = start
        self.done = False
        self.watchers = []

    def watch(self, watcher):
        self.watchers.append(watcher)

    def reach(self, current, initial=0.0, target=10.0, **more):
        for watcher in self.watchers:
            watcher(name=self.device.name, current=current, initial=initial, target=target, **more)


def moves(waits, *statuses, group="a"):
    """The plan sets the devices of the status objects to 10 and waits for them."""
    for status in statuses:
        waits.message(Msg("set", status.device, 10.0, group=group))
    waits.message(Msg("wait", None, group=group))
    waits.waiting(set(statuses))


def current(waits, place="scan.py, line 12"):
    return waits.current(lambda: place)


def test_a_short_wait_is_not_reported_and_nobody_is_asked_for_positions(waits, clock):
    status = MoveStatus(motor)
    moves(waits, status)
    clock.now += LASTS / 2
    assert (current(waits), waits.devices(), status.watchers) == (None, [], [])
    waits.waiting(None)
    assert current(waits) is None


def test_a_motor_is_reported_with_start_and_target(waits, clock):
    moves(waits, MoveStatus(motor, start=2.0))
    clock.now += LASTS
    wait = current(waits)
    assert (wait.kind, wait.devices, wait.start, wait.target) == ("motor", ["motor"], b"2.0", b"10.0")


def test_several_motors_have_lists_and_those_that_are_done_are_left_out(waits, clock):
    first, second, third = MoveStatus(motor, 1), MoveStatus(other, 2), MoveStatus(Object(name="third"), 3)
    moves(waits, first, second, third)
    clock.now += LASTS
    assert json.loads(current(waits).start) == [1, 2, 3]
    first.done = True
    assert (current(waits).devices, current(waits).target) == (["other", "third"], b"[10.0,10.0]")


def test_a_detector_is_a_trigger(waits, clock):
    waits.message(Msg("trigger", det, group="b"))
    waits.message(Msg("wait", None, group="b"))
    waits.waiting([Object(done=False)])
    clock.now += LASTS
    wait = current(waits)
    assert (wait.kind, wait.devices, wait.start) == ("trigger", ["det"], b"null")


def test_the_wait_is_over_when_the_engine_says_so(waits, clock):
    moves(waits, MoveStatus(motor))
    clock.now += 1
    assert current(waits)
    waits.waiting(None)
    assert current(waits) is None


def test_a_group_that_is_waited_for_in_turns_keeps_its_devices_and_its_beginning(waits, clock):
    moves(waits, MoveStatus(motor), group="flight")
    clock.now += 1
    began = current(waits).since
    waits.message(Msg("collect", det))
    assert current(waits) is None
    waits.message(Msg("wait", None, group="flight", error_on_timeout=False))
    assert (current(waits).devices, current(waits).since) == (["motor"], began)


def test_a_sleep_has_its_length_and_ends_by_itself(waits, clock):
    waits.message(Msg("sleep", None, 8))
    clock.now += 1
    wait = current(waits)
    assert (wait.kind, wait.start, json.loads(wait.target)) == ("sleep", b"0", 8.0)
    clock.now += 7.5
    assert current(waits) is None
    clock.now += IN_CODE
    assert current(waits).kind == "user_code"


def test_code_between_two_messages_is_reported_after_a_second_with_its_line(waits, clock):
    waits.message(Msg("checkpoint"))
    clock.now += IN_CODE - 0.01
    assert current(waits) is None
    clock.now += 0.02
    assert (current(waits).kind, current(waits).place) == ("user_code", "scan.py, line 12")


def test_the_line_is_looked_up_once_a_second(waits, clock):
    clock.now += IN_CODE
    assert current(waits, "line 1").place == "line 1"
    clock.now += 0.5
    assert current(waits, "line 2").place == "line 1"
    clock.now += 0.5
    assert current(waits, "line 2").place == "line 2"


def test_time_in_which_something_else_holds_the_plan_is_not_spent_in_code(waits, clock):
    waits.message(Msg("checkpoint"))
    clock.now += 60
    waits.held()
    clock.now += IN_CODE / 2
    assert current(waits) is None


def test_messages_that_nobody_waits_for_do_not_pile_up(waits):
    for n in range(5000):
        waits.message(Msg("set", motor, n, group=n))
    assert len(waits._groups) <= 1000


@pytest.mark.parametrize(("fraction", "module"), [(0.25, "ophyd.status"), (0.75, "ophyd_async.core")])
def test_the_fraction_of_ophyd_remains_and_that_of_ophyd_async_is_done(waits, clock, fraction, module):
    kind = type("Status", (MoveStatus,), {"__module__": module})
    status = kind(motor)
    moves(waits, status)
    clock.now += 3
    waits.devices()
    status.reach("half open", initial=None, target=None, fraction=fraction)
    (device,) = waits.devices()
    assert device.progress()["fraction"] == 0.75
    assert device.progress()["time_remaining"] == pytest.approx(1)


def test_fraction_and_time_to_go_are_computed_from_the_positions(waits, clock):
    status = MoveStatus(motor)
    moves(waits, status)
    clock.now += 4
    waits.devices()
    status.reach(2.0, unit="mm", precision=2, fraction=0.1)
    progress = waits.devices()[0].progress()
    assert (progress["fraction"], progress["time_elapsed"]) == (pytest.approx(0.2), 4)
    assert progress["time_remaining"] == pytest.approx(16)
    clock.now += 4  # it does not move any more
    assert waits.devices()[0].progress()["time_remaining"] == pytest.approx(32)
    assert current(waits).unit == "mm"


def test_the_devices_own_time_to_go_is_taken(waits, clock):
    status = MoveStatus(motor)
    moves(waits, status)
    clock.now += 1
    waits.devices()
    status.reach(2.0, time_remaining=30)
    clock.now += 5
    assert waits.devices()[0].progress()["time_remaining"] == 25


@pytest.mark.parametrize(
    ("initial", "current", "target", "part"),
    [
        (0, 5, 10, 0.5),
        (10, 7, 0, 0.3),
        (0, 11, 10, 0.9),
        (0, -2, 10, 0.0),
        ((0, 0), (3, 0), (6, 0), 0.5),
        (np.array([0.0, 0.0]), np.array([0.0, 4.0]), np.array([0.0, 8.0]), 0.5),
        (5, 5, 5, None),
        (None, 5, 10, None),
        ("in", "in", "out", None),
        (0, float("nan"), 10, None),
        ((0, 0), 3, 5, None),
    ],
)
def test_the_part_of_a_move_that_is_done(initial, current, target, part):
    assert part_done(initial, current, target) == (None if part is None else pytest.approx(part))


def messages_of(waits):
    return [json.loads(text) for text in waits.info()]


@pytest.fixture
def streaming(clock):
    return PlanWaits(clock, Streaming(progress=True, messages=True))


def test_nothing_is_published_in_the_communitys_form_unless_it_is_set_up(waits):
    moves(waits, MoveStatus(motor))
    assert waits.info() == []


def test_progress_has_the_first_and_the_last_position_and_then_its_end(streaming):
    status = MoveStatus(motor)
    moves(streaming, status)
    for position in (0.0, 2.0, 10.0):
        status.reach(position, fraction=0.5, unit="mm")
    streaming.waiting(None)
    found = [message["device_progress"] for message in messages_of(streaming) if "device_progress" in message]
    assert [each.get("current") for each in found] == [0.0, 10.0, None]
    assert found[1] == {
        "name": "motor",
        "current": 10.0,
        "initial": 0.0,
        "target": 10.0,
        "unit": "mm",
        "precision": None,
        "fraction": 0.5,
        "time_elapsed": None,
        "time_remaining": None,
        "done": True,
    }
    assert found[2] == {"completed": True}
    assert streaming.info() == []


def test_a_position_is_published_once(streaming):
    status = MoveStatus(motor)
    moves(streaming, status)
    status.reach(2.0)
    assert len(messages_of(streaming)) == 3
    assert messages_of(streaming) == []


def test_messages_of_the_engine_have_names_instead_of_devices(streaming):
    streaming.message(Msg("set", motor, 1.5, group="a"))
    streaming.message(Msg("stage", None, other, run="one"))
    first, second = [message["re_message"] for message in messages_of(streaming)]
    assert first.pop("time") > 0
    assert first == {"command": "set", "obj": "motor", "args": [1.5], "kwargs": {"group": "a"}, "run": None}
    assert (second["obj"], second["args"], second["run"]) == (None, ["other"], "one")


def test_a_large_message_is_published_without_its_arguments(streaming):
    streaming.message(Msg("set", motor, "x" * 20_000))
    (message,) = messages_of(streaming)
    assert message["re_message"]["args"] == ["…"]
