"""Jobs for the main thread, and who has it between them."""

import threading

import pytest

from bluesky_qs.worker.jobs import Jobs


class Borrower:
    """Has the main thread until it is woken; what it is asked is noted."""

    def __init__(self):
        self.in_cell = False
        self.noted = []
        self._woken = threading.Event()

    def run(self):
        self.noted.append("run")
        assert self._woken.wait(10)
        self._woken.clear()
        self.in_cell = False

    def wake(self):
        self._woken.set()

    def leave(self):
        self.noted.append("leave")


@pytest.fixture
def jobs():
    return Jobs()


@pytest.fixture
def borrower(jobs):
    made = Borrower()
    jobs.lend(made)
    return made


def test_jobs_are_taken_in_their_order(jobs):
    first, second = (lambda: 1), (lambda: 2)
    jobs.put(first)
    jobs.put(second)
    jobs.put(None)
    assert [jobs.take(), jobs.take(), jobs.take()] == [first, second, None]
    assert not jobs.waiting


def test_a_job_takes_the_thread_from_its_borrower(jobs, borrower):
    job = lambda: None  # noqa: E731 - any
    threading.Thread(target=lambda: jobs.put(job)).start()
    assert jobs.take() is job
    assert borrower.noted[-1] == "leave"


def test_a_job_waits_for_a_cell_that_has_given_way(jobs, borrower):
    borrower.in_cell = True
    jobs.put(None)
    assert jobs.waiting
    assert jobs.take() is None
    assert borrower.noted == ["run", "leave"]
