"""What the tests of dry runs in a real worker share."""

import json
import uuid

from bluesky_qs.ipc.commands import DryRun, RunFunction
from bluesky_qs.ipc.reports import DryRunEnded, TaskEnded
from tests.process.worker.conftest import PERMISSIONS


def plan(name, *args, **kwargs):
    """A plan as an item of the queue."""
    item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
    return item | {"item_uid": "dry", "user_group": "admin"}


async def dry_runs(driver, *items, seconds=60.0, for_each=60.0, excluded=(), carried=b"{}"):
    """The reports of some plans, walked one after the other, and where devices are then."""
    uid, permissions = str(uuid.uuid4()), json.dumps(PERMISSIONS).encode()
    command = DryRun(uid, json.dumps(items).encode(), permissions, seconds, for_each, list(excluded), carried)
    await driver.ask(command)
    ended = await driver.wait(DryRunEnded, lambda report: report.uid == uid)
    assert ended.refusal == "", ended.refusal
    assert len(ended.reports) == len(items)
    return [json.loads(report) for report in ended.reports], ended.carried


async def dry_run(driver, name, *args, seconds=60.0, **kwargs):
    """The report of one plan."""
    (report,), _ = await dry_runs(driver, plan(name, *args, **kwargs), seconds=seconds, for_each=seconds)
    return report


async def call(driver, name):
    """Call a function of the environment; return its value."""
    uid = str(uuid.uuid4())
    item = {"item_type": "function", "name": name, "user_group": "admin"}
    await driver.ask(RunFunction(uid, json.dumps(item).encode(), background=False))
    ended = await driver.wait(TaskEnded, lambda report: report.task_uid == uid)
    assert ended.success, ended.traceback
    return json.loads(ended.return_value)
