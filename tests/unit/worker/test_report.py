"""The worker's state and the reports that wait, sent over a real link."""

import time

import msgspec
import pytest
import zmq

from bluesky_qs.ipc.commands import Attach, WorkerCommand
from bluesky_qs.ipc.frames import CommandFrame, FromServer
from bluesky_qs.ipc.link import ServerEnd
from bluesky_qs.ipc.reports import (
    DocumentReport,
    PlanEnded,
    ProgressReport,
    RunsChanged,
    StateChanged,
    TaskEnded,
    WorkerReport,
)
from bluesky_qs.ipc.states import EncodedLists, RunState
from bluesky_qs.worker.report import DOCUMENTS_WAITING, FINISHED_KEPT, FINISHED_SIZE_KEPT, PERIOD, Reports


class Link:
    """A worker's end of a link, and a socket in the place of the manager's."""

    def __init__(self):
        self.reports = Reports()
        self.context = zmq.Context()
        self.server = ServerEnd(
            self.context, "inproc://worker", WorkerCommand, lambda _: self.server.adopt(self.reports.documents())
        )
        self.manager = self.context.socket(zmq.DEALER)
        self.manager.connect("inproc://worker")
        self.manager.send(msgspec.msgpack.encode(CommandFrame(1, 0, Attach())))
        self.server.receive()
        self.manager.recv()

    def arrived(self, count):
        """That many reports, in their order."""
        reports = []
        for _ in range(count):
            assert self.manager.poll(5000)
            frame = msgspec.msgpack.decode(self.manager.recv(), type=FromServer)
            reports.append(msgspec.msgpack.decode(frame.body, type=WorkerReport))
        return reports

    def attached(self):
        """Attach another time: the documents that follow the reply."""
        self.manager.send(msgspec.msgpack.encode(CommandFrame(2, 0, Attach())))
        self.server.receive()
        assert self.manager.poll(5000)
        self.manager.recv()
        return self.arrived(len(self.reports.documents()))

    def send(self):
        return self.reports.send(self.server)

    def close(self):
        self.manager.close(linger=0)
        self.server.socket.close(linger=0)
        self.context.term()


@pytest.fixture
def link():
    made = Link()
    yield made
    made.close()


def plan_ended(state):
    return PlanEnded("item", "completed", [], [], 0.0, 1.0, "", "", state)


def test_nothing_waits_at_first(link):
    assert link.send() is None


def test_a_state_that_does_not_differ_is_not_reported(link):
    link.reports.update(engine="idle")
    link.reports.update(engine="idle")
    link.send()
    link.reports.update(engine="idle")
    link.reports.update(engine="running")
    link.send()
    assert [r.state.engine for r in link.arrived(2)] == ["idle", "running"]


def test_of_several_states_in_a_row_only_the_last_is_sent(link):
    link.reports.update(engine="running")
    link.reports.update(engine="pausing")
    link.reports.update(engine="paused")
    link.send()
    link.reports.finish(plan_ended, engine="idle")
    link.send()
    state, done = link.arrived(2)
    assert (state.state.engine, done.state.engine) == ("paused", "idle")


def test_states_around_other_reports_keep_their_place(link):
    link.reports.update(engine="running")
    link.reports.finish(plan_ended, engine="idle")
    link.reports.update(engine="running")
    link.send()
    assert [type(r) for r in link.arrived(3)] == [StateChanged, PlanEnded, StateChanged]


def test_progress_is_held_back_for_a_period_and_only_the_latest_is_sent(link, monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    link.reports.progress(ProgressReport("item", 1, 10))
    assert link.send() is None
    link.reports.progress(ProgressReport("item", 2, 10))
    link.reports.progress(ProgressReport("item", 3, 10))
    delay = link.send()
    assert delay == pytest.approx(PERIOD)
    now += PERIOD
    assert link.send() is None
    assert [r.events for r in link.arrived(2)] == [1, 3]


def test_the_last_progress_goes_out_before_the_end_of_the_plan(link):
    link.reports.progress(ProgressReport("item", 1, 2))
    link.send()
    link.reports.progress(ProgressReport("item", 2, 2))
    link.reports.finish(plan_ended, engine="idle")
    assert link.send() is None
    first, last, done = link.arrived(3)
    assert (first.events, last.events, done.item_uid) == (1, 2, "item")


def test_documents_wait_for_one_message_but_keep_their_order_among_the_others(link):
    link.reports.document(DocumentReport("item", "start", b"{}"))
    link.send()
    link.reports.document(DocumentReport("item", "event", b"{}"))
    assert link.send() is not None
    link.reports.runs([RunState("a", 1, is_open=False, exit_status="success")])
    link.reports.document(DocumentReport("item", "stop", b"{}"))
    link.send()
    kinds = [getattr(r, "name", type(r)) for r in link.arrived(4)]
    assert kinds == ["start", "event", RunsChanged, "stop"]


def test_events_beyond_the_bound_are_left_out_and_nothing_else_is(link):
    for _ in range(DOCUMENTS_WAITING + 10):
        link.reports.document(DocumentReport("item", "event", b"{}"))
    link.reports.document(DocumentReport("item", "stop", b"{}"))
    link.reports.finish(plan_ended, engine="idle")
    link.send()
    received = link.arrived(DOCUMENTS_WAITING + 2)
    assert (received[-2].name, type(received[-1])) == ("stop", PlanEnded)


def test_reports_are_kept_and_documents_and_progress_are_not(link):
    link.reports.document(DocumentReport("item", "start", b"{}"))
    link.reports.progress(ProgressReport("item", 1, 2))
    link.reports.finish(plan_ended, engine="idle")
    link.send()
    assert link.server.unacknowledged == 1


def test_another_manager_gets_the_documents_that_are_not_stored_before_the_other_reports(link):
    for number, name in enumerate(("start", "event", "event", "stop"), 1):
        link.reports.document(DocumentReport("item", name, b"{}", number=number))
    link.reports.finish(plan_ended, engine="idle")
    link.send()
    link.arrived(5)
    link.reports.forget_documents("item", 2)
    assert [report.number for report in link.attached()] == [3, 4]
    (done,) = link.arrived(1)
    assert done.item_uid == "item"


def test_a_report_that_cannot_be_encoded_takes_no_other_with_it(link, caplog):
    link.reports.finish(lambda state: PlanEnded(object(), "failed", [], [], 0.0, 1.0, "", "", state), engine="idle")
    link.reports.update(engine="running")
    link.send()
    (state,) = link.arrived(1)
    assert state.state.engine == "running"
    assert "Could not send a report" in caplog.text


def test_only_a_foreground_task_is_the_environments_state(link):
    link.reports.update(environment="idle")
    link.reports.task_started("a", background=True)
    link.reports.task_started("b", background=False)
    assert link.reports.state.environment == "executing_task"
    assert {uid: background for uid, (_, background) in link.reports.snapshot().running_tasks.items()} == {
        "a": True,
        "b": False,
    }
    for uid in "ab":
        link.reports.task_finished(uid, lambda s, uid=uid: TaskEnded(uid, True, "", "", b"null", 0.0, 1.0, s))
    link.send()
    *_, first, second = link.arrived(3)
    assert (first.state.environment, second.state.environment) == ("executing_task", "idle")


def test_a_change_of_the_lists_is_reported_once():
    reports = Reports()
    assert reports.lists(EncodedLists(b"{}", b"{}"))
    assert not reports.lists(EncodedLists(b"{}", b"{}"))
    assert reports.lists(EncodedLists(b'{"a": {}}', b"{}"))
    assert reports.snapshot().lists == EncodedLists(b'{"a": {}}', b"{}")


def test_runs_are_forgotten_with_their_plan():
    reports = Reports()
    reports.runs([RunState("a", 1, is_open=True, exit_status=None)])
    reports.forget_runs()
    assert reports.snapshot().runs == []


def finish_task(reports, uid, value=b"null"):
    reports.task_started(uid, background=True)
    reports.task_finished(uid, lambda state: TaskEnded(uid, True, "", "", value, 0.0, 1.0, state))


def finished(reports):
    return [done.task_uid for done in reports.snapshot().finished_tasks]


def test_the_latest_results_of_tasks_are_there_for_the_next_manager():
    reports = Reports()
    for n in range(FINISHED_KEPT + 2):
        finish_task(reports, str(n))
    assert finished(reports) == [str(n) for n in range(2, FINISHED_KEPT + 2)]


def test_large_results_are_kept_until_they_are_too_much_together():
    reports = Reports()
    half = b"1" * (FINISHED_SIZE_KEPT // 2)
    for uid in "abc":
        finish_task(reports, uid, half)
    assert finished(reports) == ["b", "c"]
    finish_task(reports, "d", half * 3)
    assert finished(reports) == ["d"]
