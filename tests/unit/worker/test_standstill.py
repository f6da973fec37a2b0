"""How long a plan stood still."""

from types import SimpleNamespace

from bluesky_qs.ipc.states import Waiting
from bluesky_qs.worker.standstill import Standstill

ENGINE = SimpleNamespace(suspenders=[])


def message(command, *args):
    return SimpleNamespace(command=command, args=args)


def test_pauses_and_suspensions_are_counted_apart():
    times = iter(range(0, 1000, 10))
    standstill = Standstill(now=lambda: float(next(times)))
    standstill.plan_begins()
    standstill.engine_changed("paused", "bob")  # at 0
    standstill.engine_changed("running", None)  # at 10
    standstill.changed_by(message("_start_suspender", None, None, "no beam"), ENGINE)
    standstill.changed_by(message("_resume_from_suspender"), ENGINE)
    assert standstill.time_paused == 10.0
    assert standstill.time_suspended == 10.0


def test_a_pause_during_a_suspension_has_its_reason():
    standstill = Standstill(now=lambda: 5.0)
    standstill.plan_begins()
    standstill.changed_by(message("_start_suspender", None, None, "no beam"), ENGINE)
    standstill.engine_changed("paused", "bob")
    assert standstill.state()["waiting"] == Waiting("pause", 5.0, "no beam", [], "bob")
    standstill.engine_changed("running", None)
    standstill.changed_by(message("_resume_from_suspender"), ENGINE)
    standstill.engine_changed("paused", "bob")
    assert standstill.state()["waiting"] == Waiting("pause", 5.0, user="bob")


def test_a_pause_that_ends_with_an_abort_counts():
    times = iter((5.0, 12.0, 13.0))
    standstill = Standstill(now=lambda: next(times))
    standstill.engine_changed("paused", None)
    standstill.engine_changed("aborting", None)
    assert standstill.time_paused == 7.0
