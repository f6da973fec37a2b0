"""A real worker reports what a command has changed before it replies, so no reply arrives before the status."""

import msgspec
import pytest
import zmq

from bluesky_qs.ipc.commands import Attach, PausePlan, RunScript
from bluesky_qs.ipc.frames import CommandFrame, FromServer, ReplyFrame, Report
from bluesky_qs.ipc.reports import StateChanged, WorkerReport
from bluesky_qs.testing import Service

PATIENCE_MS = 60_000
TESTER = {"user": "tester", "user_group": "primary"}
CODE = """
import threading
from bluesky import plan_stubs as bps

released = threading.Event()

def wait_until_told():
    return released.wait(60)

def tell():
    released.set()

def stay():
    while not released.is_set():
        yield from bps.sleep(0.01)
"""


class Peer:
    """A socket in the place of the manager's, which sees the order of all messages."""

    def __init__(self, address):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)
        self.number = 0

    def reported_before_reply(self, command):
        """The reports that arrive before the reply to a command."""
        self.number += 1
        self.socket.send(msgspec.msgpack.encode(CommandFrame(self.number, 0, command)))
        reports = []
        while True:
            assert self.socket.poll(PATIENCE_MS), reports
            message = msgspec.msgpack.decode(self.socket.recv(), type=FromServer)
            match message:
                case Report(_, body):
                    reports.append(msgspec.msgpack.decode(body, type=WorkerReport))
                case ReplyFrame(self.number):
                    return reports

    def close(self):
        self.socket.close(linger=0)


@pytest.fixture
async def opened(worker):
    """A worker with an open environment, and its peer."""
    driver = worker(CODE)
    await driver.open()
    await driver.drop_link()
    peer = Peer(driver.address)
    peer.reported_before_reply(Attach())
    yield driver, peer
    peer.close()
    driver.attach_link()


def states(reports):
    return [report.state for report in reports if isinstance(report, StateChanged)]


async def test_a_task_is_reported_before_the_reply_to_its_start(opened):
    _, peer = opened
    reports = peer.reported_before_reply(RunScript("a", "released.wait(60)", False, False, False))
    assert states(reports)[-1].environment == "executing_task"


async def test_a_deferred_pause_is_reported_before_the_reply_to_its_request(worker):
    driver = worker(CODE)
    await driver.open()
    await driver.start("stay")
    await driver.wait_engine("running")
    await driver.drop_link()
    peer = Peer(driver.address)
    peer.reported_before_reply(Attach())
    reports = peer.reported_before_reply(PausePlan("deferred"))
    assert states(reports)[-1].pause_pending
    peer.close()
    driver.attach_link()


def test_background_functions_are_counted_as_soon_as_their_requests_are_answered(startup):
    with Service(startup(CODE)) as service:
        service.open()
        groups = service.do("permissions_get")["user_group_permissions"]
        groups["user_groups"]["primary"]["allowed_functions"] = [":.*"]
        service.do("permissions_set", user_group_permissions=groups)
        item = {"item_type": "function", "name": "wait_until_told"}
        counted = []
        for _ in range(20):
            service.do("function_execute", item=item, run_in_background=True, **TESTER)
            counted.append(service.do("status")["worker_background_tasks"])
        assert counted == list(range(1, 21))
        service.do("function_execute", item={**item, "name": "tell"}, run_in_background=True, **TESTER)
        service.wait_until(lambda status: not status["worker_background_tasks"])
