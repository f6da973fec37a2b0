"""What a real worker process tells of a running plan: its documents and its progress."""

import json

from bluesky_qs.ipc.commands import ForgetDocuments
from bluesky_qs.ipc.reports import DocumentReport, ProgressReport
from bluesky_qs.worker.report import PERIOD

MEASURING = """
import time
import numpy
import bluesky.plan_stubs as bps
from bluesky import Msg

class Detector:
    name, parent = "det", None
    def __init__(self, value): self.value = value
    def read(self): return {"det": {"value": self.value, "timestamp": 1.0}}
    def describe(self): return {"det": {"source": "x", "dtype": "number", "shape": []}}
    def read_configuration(self): return {}
    def describe_configuration(self): return {}

def measure(n, value=1, stream="primary", md=None):
    det = Detector(numpy.zeros(1000) if value == "image" else numpy.float64(value))
    yield from bps.open_run({"num_points": n, **(md or {})})
    for _ in range(n):
        yield from bps.checkpoint()
        yield from bps.create(stream)
        yield from bps.read(det)
        yield from bps.save()
    yield from bps.close_run()
"""


async def test_progress_counts_the_events_that_the_plan_announced(worker):
    driver = worker(MEASURING)
    await driver.open()
    done = await driver.run("measure", 50)
    progress = [r for r in driver.received if isinstance(r, ProgressReport)]
    assert (progress[-1].item_uid, progress[-1].events, progress[-1].num_points) == ("item-1", 50, 50)
    assert driver.received.index(progress[-1]) < len(driver.received) - 1  # the end of the plan comes after it
    assert len(progress) <= 2 + (done.time_stop - done.time_start) / PERIOD  # throttled


async def test_baseline_events_are_no_progress(worker):
    driver = worker(MEASURING)
    await driver.open()
    await driver.run("measure", 5, stream="baseline")
    assert not any(isinstance(r, ProgressReport) for r in driver.received)


async def test_documents_are_sent_as_json_with_large_arrays_left_out(worker):
    driver = worker(MEASURING)
    await driver.open()
    await driver.run("measure", 1, 2.5)
    documents = {r.name: json.loads(r.document) for r in driver.received if isinstance(r, DocumentReport)}
    assert list(documents) == ["start", "descriptor", "event", "stop"]
    assert documents["event"]["data"] == {"det": 2.5}
    driver.received.clear()
    driver._given_out = 0
    await driver.run("measure", 1, "image", uid="next")
    (event,) = [json.loads(r.document) for r in driver.received if isinstance(r, DocumentReport) and r.name == "event"]
    assert event["data"] == {"det": None}


async def test_another_manager_gets_the_documents_that_are_not_stored(worker):
    driver = worker(MEASURING)
    await driver.open()
    await driver.run("measure", 3)
    sent = [(r.name, r.number) for r in driver.received if isinstance(r, DocumentReport)]
    assert sent == [("start", 1), ("descriptor", 2), ("event", 3), ("event", 4), ("event", 5), ("stop", 6)]
    await driver.ask(ForgetDocuments("item-1", 4))
    driver.received.clear()
    driver._given_out = 0
    await driver.attach()
    await driver.wait(DocumentReport, lambda r: r.name == "stop")
    again = [(r.name, r.number) for r in driver.received if isinstance(r, DocumentReport)]
    assert again == [("event", 5), ("stop", 6)]


async def test_documents_that_are_no_json_do_not_fail_the_plan(worker):
    driver = worker(MEASURING + "\ndef odd():\n    yield from measure(1, md={'odd': {3}, 'what': print})\n")
    await driver.open()
    done = await driver.run("odd")
    assert (done.exit_status, done.message) == ("completed", "")
    starts = [json.loads(r.document) for r in driver.received if isinstance(r, DocumentReport) and r.name == "start"]
    assert (starts[0]["odd"], starts[0]["what"]) == ([3], "<built-in function print>")
