"""What is known of the running item while it runs."""

import pytest

from bluesky_qs.manager.execution.running import CurrentItem


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def time(self):
        return 1000.0 + self.now

    def monotonic(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(clock):
    return CurrentItem("uid", clock)


def test_pauses_add_up_and_the_present_one_has_its_start(run, clock):
    run.paused()
    clock.now = 5.0
    assert (run.time_paused, run.paused_since) == (0.0, 1000.0)
    run.resumed()
    assert (run.time_paused, run.paused_since) == (5.0, None)
    clock.now = 7.0
    run.paused()
    clock.now = 10.0
    run.resumed()
    assert run.time_paused == 8.0


def test_an_item_found_paused_by_a_new_manager_resumes_without_a_known_start(run):
    run.resumed()
    assert (run.time_paused, run.paused_since) == (0.0, None)


def test_a_waiting_pause_is_passed_on_once(run):
    run.waiting_pause = "immediate"
    assert (run.take_waiting_pause(), run.take_waiting_pause()) == ("immediate", None)


def test_a_pause_that_came_by_itself_replaces_the_waiting_one(run):
    run.waiting_pause = "deferred"
    run.paused()
    assert run.waiting_pause is None


def test_a_pause_that_began_before_this_manager_is_measured_from_its_start(run, clock):
    clock.now = 20.0
    run.paused(since=1008.0)
    assert run.paused_since == 1008.0
    clock.now = 25.0
    run.resumed()
    assert run.time_paused == 17.0
