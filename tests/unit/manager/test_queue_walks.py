"""Walks of queued plans: how many there are, and which plans are walked again."""

import asyncio
import json

import pytest

from bluesky_qs.errors import Refused
from bluesky_qs.foresight.report import Findings
from bluesky_qs.foresight.runs import Runs
from bluesky_qs.manager.estimates.dry_run_requests import WalkReports
from bluesky_qs.manager.estimates.queue_walks import QueueWalks
from bluesky_qs.manager.estimates.walk_cache import Planned
from bluesky_qs.manager.loop.slices import Slices
from bluesky_qs.testing import Clock


class Worker:
    """Walks plans at once, and notes which. ``to`` in the arguments of a plan is where it leaves the motor.

    Attributes
    ----------
    requests
        Numbers of the plans that were to be walked, by request.
    reports
        Changes of reports, by number of the plan.
    """

    def __init__(self, clock):
        self.clock = clock
        self.requests = []
        self.reports = {}
        self.refusal = ""
        self.reached = 100
        self.seconds = 0.0

    async def until_free(self):
        """Nobody else wants a dry run."""

    async def walk(self, items, _permissions, _seconds, *, carried, settings):
        self.requests.append([item["kwargs"]["number"] for item in items])
        self.clock.advance(self.seconds)
        if self.refusal:
            raise Refused(self.refusal)
        reports, at = [], json.loads(carried)["positions"].get("motor", 0.0)
        for item in items:
            report = {**Findings(Runs()).report(slept=0.0), **self.reports.get(item["kwargs"]["number"], {})}
            if (to := item["kwargs"].get("to")) is not None:
                report["motors"] = {"motor": {"start": at, "min": 0.0, "max": 9.0, "end": to, "units": None}}
                at = to
            reports.append(json.dumps(report).encode())
        return WalkReports(reports, min(self.reached, len(items)))

    @property
    def walked(self):
        return [number for request in self.requests for number in request]


@pytest.fixture
async def clock():
    clock = Clock(still=True)
    clock.drive(asyncio.get_running_loop())
    return clock


@pytest.fixture
async def worker(clock):
    return Worker(clock)


@pytest.fixture
async def walks(worker):
    return QueueWalks(worker, lambda: b"{}")


def plan(number, to=None, uid=None):
    """A plan; those with the same number have the same parameters."""
    kwargs = {"number": number, **({} if to is None else {"to": to})}
    return {"item_type": "plan", "name": "p", "kwargs": kwargs, "item_uid": uid or f"u{number}", "user_group": "g"}


async def look(walks, plans, carried=None):
    """One round; the uids of the plans with a walk."""
    items = [json.dumps({**item, "item_uid": f"{item['item_uid']}-{n}"}).encode() for n, item in enumerate(plans)]
    planned = [Planned.of(data) for data in items]
    return await walks.walk(items, planned, carried=carried or {}, settings={}, slices=Slices())


async def test_new_plans_are_walked_some_in_each_request_and_never_again(walks, worker):
    queue = [plan(number) for number in range(65)]
    found = await look(walks, queue)
    assert (len(found.walks), found.reached, found.is_whole) == (65, 65, True)
    assert [len(request) for request in worker.requests] == [30, 30, 5]
    for _ in range(3):
        await look(walks, queue)
    assert len(worker.walked) == 65


async def test_equal_plans_are_walked_once_from_each_start(walks, worker):
    found = await look(walks, [plan(1, to=5.0)] * 500)
    assert len(found.walks) == 500
    assert worker.requests == [[1], [1]], "from 0, and from 5"


async def test_of_many_plans_only_the_new_one_is_walked(walks, worker):
    queue = [plan(number, to=1.0) for number in range(20)]
    await look(walks, queue)
    worker.requests.clear()
    await look(walks, [*queue[:7], plan(99, to=1.0), *queue[7:]])
    assert worker.requests == [[99]]


async def test_after_a_move_only_plans_that_start_elsewhere_are_walked(walks, worker):
    queue = [plan(number, to=float(number)) for number in range(20)]
    await look(walks, queue)
    worker.requests.clear()
    await look(walks, [queue[15], *queue[:15], *queue[16:]])
    assert sorted(worker.walked) == [0, 15, 16]


async def test_plans_that_end_leave_nothing_to_walk(walks, worker):
    queue = [plan(number, to=float(number)) for number in range(20)]
    await look(walks, queue)
    for done in range(10):
        await look(walks, queue[done + 1 :], carried={"motor": float(done)})  # it runs
        walks.moved({"motor": float(done)})  # it has ended
        await look(walks, queue[done + 1 :])
    assert len(worker.walked) == 20


async def test_after_a_failed_plan_only_the_first_that_moves_the_motor_is_walked(walks, worker):
    queue = [plan(0), *(plan(number, to=float(number)) for number in range(1, 20))]
    await look(walks, queue)
    worker.requests.clear()
    walks.moved(None)
    await look(walks, queue)
    assert worker.requests == [[1]]


async def test_a_walk_that_was_cut_off_is_not_repeated(walks, worker):
    worker.reports[3] = {"complete": False, "ok": None, "reason": "it was not complete after 10 s"}
    queue = [plan(1, to=1.0), plan(3, to=3.0), plan(4)]
    await look(walks, queue)
    for start in (5.0, 6.0):
        walks.moved(None)
        await look(walks, queue[1:], carried={"motor": start})
    assert worker.walked.count(3) == 1


async def test_plans_that_were_not_reached_are_asked_for_again(walks, worker):
    worker.reached = 2
    worker.reports[2] = {"complete": False, "ok": None, "reason": "the time was over"}
    found = await look(walks, [plan(0), plan(1), plan(2)])
    assert worker.requests == [[0, 1, 2], [2]]
    assert len(found.walks) == 3


async def test_a_refusal_is_kept_for_longer_and_longer(walks, worker, clock):
    await look(walks, [plan(0)])
    worker.refusal = "not now"
    for _ in range(5):
        found = await look(walks, [plan(0), plan(1), plan(2)])
        assert list(found.walks) == ["u0-0"], "known walks stay"
    assert (worker.requests[1:], walks.refusal) == ([[1, 2]], "not now")
    delays = []
    for _ in range(10):
        delays.append(round(walks.later(), 3))
        clock.advance(delays[-1] + 0.001)
        await look(walks, [plan(0), plan(1), plan(2)])
    assert delays == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]
    worker.refusal = ""
    clock.advance(300.0)
    await look(walks, [plan(0), plan(1), plan(2)])
    assert (walks.refusal, walks.later()) == ("", None)


async def test_code_that_runs_again_and_again_does_not_keep_the_worker_walking(walks, worker, clock):
    queue = [plan(number) for number in range(10)]
    worker.seconds = 4.0
    await look(walks, queue)
    for _ in range(11):
        clock.advance(1.0)
        walks.outdate()
        found = await look(walks, queue)
        assert len(found.walks) == 10, "the walks of the code before"
    assert len(worker.walked) == 10
    assert walks.later() == pytest.approx(1.0)
    clock.advance(1.0)
    await look(walks, queue)
    assert len(worker.walked) == 20
    assert walks.later() is None


async def test_quick_walks_are_renewed_at_once_after_code_has_run(walks, worker):
    queue = [plan(0), plan(1)]
    await look(walks, queue)
    walks.outdate()
    await look(walks, queue)
    assert worker.walked == [0, 1, 0, 1]


async def test_a_long_queue_is_walked_in_rounds(walks, worker):
    worker.seconds = 1.5
    queue = [plan(number) for number in range(120)]
    rounds = [await look(walks, queue) for _ in range(2)]
    assert [(found.reached, found.is_whole) for found in rounds] == [(60, False), (120, True)]
    assert len(worker.walked) == 120


async def test_only_the_first_items_are_walked(walks, worker):
    found = await look(walks, [plan(number) for number in range(1200)])
    assert (len(found.walks), found.reached) == (1000, 1000)
    assert len(worker.walked) == 1000
