"""How long a plan stood still."""

from types import SimpleNamespace

from bluesky_qs.ipc.states import Waiting
from bluesky_qs.worker.standstill import Standstill, SuspenderWatch, Suspension

ENGINE = SimpleNamespace(suspenders=[])


class Suspender:
    def __init__(self, reason, signal):
        self.tripped, self._reason, self._sig, self.asked = True, reason, SimpleNamespace(name=signal), 0

    def get_futures(self):
        self.asked += 1
        return [], self._reason


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


def test_during_a_pause_its_reason_is_that_of_the_suspenders_that_have_tripped_now():
    standstill = Standstill(now=lambda: 5.0)
    standstill.plan_begins()
    suspended = SimpleNamespace(suspenders=[Suspender("shutter is high", "shutter")])
    standstill.changed_by(message("_start_suspender", None, None, "shutter is high"), suspended)
    standstill.engine_changed("paused", "bob")
    assert standstill.state()["waiting"].reason == "shutter is high"
    standstill.suspenders_changed([])
    assert standstill.state()["waiting"] == Waiting("pause", 5.0, user="bob")
    standstill.suspenders_changed([Suspension("no beam", ["beam"])])
    assert standstill.state()["waiting"] == Waiting("pause", 5.0, "no beam", ["beam"], "bob")
    standstill.engine_changed("running", None)
    standstill.suspenders_changed([])
    assert standstill.state()["waiting"].kind == "suspender"


def test_a_suspension_without_a_suspender_stays_the_reason_of_a_pause():
    """Code of the environment has requested it, and nobody knows when it ends."""
    standstill = Standstill(now=lambda: 5.0)
    standstill.plan_begins()
    standstill.changed_by(message("_start_suspender", None, None, "waiting for the robot"), ENGINE)
    standstill.engine_changed("paused", "bob")
    standstill.suspenders_changed([Suspension("no beam", ["beam"])])
    assert standstill.state()["waiting"].reason == "waiting for the robot; no beam"


def test_suspenders_are_asked_for_their_reasons_only_when_others_have_tripped():
    watch, suspender = SuspenderWatch(), Suspender("no beam", "beam")
    engine = SimpleNamespace(suspenders=[suspender])
    assert watch.changed(engine) == [Suspension("no beam", ["beam"])]
    assert watch.changed(engine) is None
    suspender.tripped = False
    assert watch.changed(engine) == []
    assert watch.changed(engine) is None
    watch.forget()
    assert watch.changed(engine) == []
    assert suspender.asked == 1


def test_a_pause_that_ends_with_an_abort_counts():
    times = iter((5.0, 12.0, 13.0))
    standstill = Standstill(now=lambda: next(times))
    standstill.engine_changed("paused", None)
    standstill.engine_changed("aborting", None)
    assert standstill.time_paused == 7.0
