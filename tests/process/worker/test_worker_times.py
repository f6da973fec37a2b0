"""A real worker reports the times of a plan after its end."""

import json

from bluesky_qs.ipc.reports import PlanTimes

STARTUP = """
import threading
import bluesky.plan_stubs as bps
from bluesky.utils import Msg

class Status:
    def __init__(self, obj, seconds):
        self.obj = obj
        self.done, self.success, self._callbacks = False, True, []
        threading.Timer(seconds, self._finish).start()
    def _finish(self):
        self.done = True
        for each in self._callbacks:
            each(self)
    def add_callback(self, callback):
        self._callbacks.append(callback) if not self.done else callback(self)
    def exception(self, timeout=None):
        return None

class Motor:
    parent = None
    def __init__(self, name):
        self.name, self.at = name, 0.0
    def set(self, value):
        seconds, self.at = 0.05 + abs(value - self.at) / 20, value
        return Status(self, seconds)

one, other = Motor("one"), Motor("other")

def moves():
    for number in range(3):
        yield Msg("set", one, float(number), group="a")
        yield Msg("set", other, 4.0 * number, group="a")
        yield Msg("wait", None, group="a")
    yield Msg("sleep", None, 0.02)

def fails():
    yield Msg("set", one, 0.0, group="a")
    yield Msg("wait", None, group="a")
    raise ValueError("no beam")
"""


async def times_of(driver, uid):
    report = await driver.wait(PlanTimes, lambda report: report.item_uid == uid)
    return json.loads(report.times)


async def test_the_times_of_a_plan_follow_its_end_with_each_action_of_a_group(worker):
    driver = worker(STARTUP)
    await driver.open()
    await driver.run("moves", uid="item-1")
    found = await times_of(driver, "item-1")
    actions = {(command, device, amount): sample for command, device, amount, _, *sample in found["actions"]}
    assert actions["set", "one", 1.0][0] == 2
    assert 0 < actions["set", "one", 1.0][1] < actions["set", "other", 4.0][1]
    assert found["work"]["slept"] == 0.02
    messages = {(command, device): sample for command, device, *sample in found["messages"]}
    assert messages["wait", ""][0] == 3
    assert messages["wait", ""][1] < actions["set", "other", 4.0][1], "the moves do not count as time of the message"


async def test_a_failed_plan_has_times_too_and_positions_carry_on(worker):
    driver = worker(STARTUP)
    await driver.open()
    await driver.run("moves", uid="item-1")
    assert (await driver.run("fails", uid="item-2")).exit_status == "failed"
    found = await times_of(driver, "item-2")
    assert [action[:3] for action in found["actions"]] == [["set", "one", 2.0]]
