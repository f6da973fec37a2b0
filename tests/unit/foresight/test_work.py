"""The work of a plan: the same from a walk and from a real run."""

import json
from collections import Counter

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import pytest
from bluesky import RunEngine
from bluesky.utils import Msg
from ophyd import Component, Device, Signal, SoftPositioner
from ophyd.sim import hw

from bluesky_qs.foresight.devices import DeviceFacts
from bluesky_qs.foresight.walk import Walk
from bluesky_qs.foresight.work import Follower, Member, Work, rounded
from bluesky_qs.worker.timing import Memory, PlanTiming


class Camera(Device):
    """A detector with an exposure."""

    exposure = Component(Signal, value=0.1, kind="config")
    value = Component(Signal, value=1.0, kind="hinted")


@pytest.fixture
def devices(tmp_path):
    simulated = hw(str(tmp_path))
    simulated.motor.delay = 0
    simulated.camera = Camera(name="camera")
    simulated.stage = SoftPositioner(name="stage", init_pos=1.0)
    return simulated


def look(obj):
    if isinstance(obj, SoftPositioner):
        return DeviceFacts(obj.name, {obj.name: {"value": obj.position, "timestamp": 0.0}}, {}, obj.name)
    return DeviceFacts(obj.name, obj.read(), obj.describe(), obj.name)


def walked(plan):
    walk = Walk(look)
    walk.run(plan)
    report = walk.report()
    assert report["errors"] == []
    return Work.from_json(json.loads(json.dumps(report["work"])))


def timed(plan, memory=None):
    engine, timing = RunEngine({}), PlanTiming(memory or Memory())
    engine.msg_hook, engine.waiting_hook = timing.message, timing.waiting
    engine(plan, timing.document)
    timing.end()
    return json.loads(json.dumps(timing.found()))


def test_a_real_run_and_a_walk_wait_for_the_same(devices):
    def plan():
        yield from bps.mv(devices.stage, 3.0)
        yield from bps.mv(devices.camera.exposure, 0.5)
        yield from bps.sleep(0.01)
        yield from bp.count([devices.camera, devices.det1], num=3)
        yield from bp.list_scan([devices.camera], devices.stage, [3.0, 5.0])

    before = walked(plan())
    times = timed(plan())
    after = Work.from_json(times["work"])
    assert before.counts == after.counts
    assert (before.slept, before.starts["stage"]) == (after.slept, after.starts["stage"]) == (0.01, 1.0)

    def plainly(work):
        found = {}
        for members, number in work.waits.items():
            key = tuple((m.command, m.device, m.amount) for m in members if m.device != "camera_exposure")
            found[key] = found.get(key, 0) + number
        return found

    assert plainly(before) == plainly(after)
    assert plainly(after)[("set", "stage", 2.0),] == 2
    assert plainly(after)[("trigger", "camera", None), ("trigger", "det1", None)] == 3
    assert before.ends["camera"]["camera_exposure"] == after.ends["camera"]["camera_exposure"] == 0.5
    assert times["events"] == 5


def test_times_add_up_to_the_time_of_the_plan(devices):
    devices.motor.delay = 0.05
    times = timed(bp.scan([devices.det1], devices.motor, 0, 1, 3))
    actions = Counter()
    for command, device, _, _, number, *_ in times["actions"]:
        actions[command, device] += number
    assert actions == {("set", "motor"): 3, ("trigger", "motor"): 3, ("trigger", "det1"): 3}
    moves = [(number, mean) for command, _, _, _, number, mean, _ in times["actions"] if command == "set"]
    assert sum(number for number, _ in moves) == 3
    assert all(0.04 < mean < 1 for _, mean in moves)
    messages = {tuple(each[:2]): each[2:] for each in times["messages"]}
    assert messages["wait", ""][1] < 0.04, "the time of the move does not count as the time of the message"


def test_settings_that_only_documents_show_are_known_for_the_next_plan(devices):
    memory = Memory()
    timed(bp.count([devices.camera]), memory)
    work = Work.from_json(timed(bp.count([devices.camera]), memory)["work"])
    (members,) = work.waits
    assert work.settings[members[0].settings] == {"camera_exposure": 0.1}


def test_a_pause_is_no_part_of_any_time():
    now = [0.0]
    timing = PlanTiming(Memory(), now=lambda: now[0])
    timing.message(Msg("null"))
    now[0] = 5.0
    timing.held()
    now[0] = 100.0
    timing.message(Msg("null"))
    now[0] = 101.0
    timing.end()
    assert timing.found()["messages"] == [["begin", "", 1, 0.0, 0.0], ["null", "", 1, 1.0, 0.0]]


def test_a_plan_of_which_too_much_is_missing_is_not_used(monkeypatch):
    monkeypatch.setattr("bluesky_qs.worker.timing._MOST_WAITING", 3)
    timing = PlanTiming(Memory())
    for _ in range(5):
        timing.message(Msg("null"))
    assert timing.found() is None


def test_many_different_distances_are_rounded_ever_more_coarsely():
    follower = Follower({"m": 0.0})
    motor = type("Motor", (), {"name": "m", "parent": None})()
    for number in range(5000):
        follower.message(Msg("set", motor, number * 1.2345e-3 * number, group="g"))
        follower.wait_for(follower.awaited(Msg("wait", None, group="g")))
    assert sum(follower.work.waits.values()) == 5000
    assert len(follower.work.waits) < 1600


def test_many_different_texts_and_settings_take_no_more_room():
    follower = Follower()
    sample = type("Sample", (), {"name": "sample", "parent": None})()
    for number in range(5000):
        follower.message(Msg("set", sample, f"sample {number}", group="g"))
        follower.wait_for(follower.awaited(Msg("wait", None, group="g")))
    assert sum(follower.work.waits.values()) == 5000
    assert len(follower.work.waits) < 2600


def test_settings_of_earlier_plans_count_until_the_plan_changes_them():
    work = Work()
    work.settings.append({"exposure": 2.0})
    work.wait_for((Member("trigger", "det", None, 0),))
    work.wait_for((Member("trigger", "det", None, 1),))
    found = Work.from_json(work.to_json(), {"det": {"exposure": 1.0, "gain": 3.0}})
    settings = [found.settings[members[0].settings] for members in found.waits]
    assert settings == [{"exposure": 1.0, "gain": 3.0}, {"exposure": 2.0, "gain": 3.0}]


@pytest.mark.parametrize(
    ("value", "digits", "expected"), [(1.23456, 3, 1.23), (98765.0, 2, 99000.0), (0.0, 3, 0.0), (3.1, 0, 4.0)]
)
def test_distances_are_rounded(value, digits, expected):
    assert rounded(value, digits) == expected
