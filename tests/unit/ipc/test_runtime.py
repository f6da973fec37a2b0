"""The runtime directory, and the files elsewhere that go with it."""

import pytest

from bluesky_qs.ipc.runtime import RuntimeDir


@pytest.fixture
def rundir(tmp_path):
    (tmp_path / "run").mkdir()
    return RuntimeDir(tmp_path / "run")


@pytest.fixture
def elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "kernel.json"
    file.write_text("{}")
    return file


def test_what_a_worker_made_elsewhere_goes_when_the_worker_is_cleared_away(rundir, elsewhere):
    link = rundir.worker_link(1)
    assert RuntimeDir.of_link(link).path == rundir.path
    rundir.own(link, elsewhere)
    rundir.clear(rundir.worker_link(2))
    assert elsewhere.exists()
    rundir.clear(link)
    assert not elsewhere.exists()
    assert list(rundir.path.iterdir()) == []
    rundir.clear(link)  # twice does no harm


def test_what_a_worker_made_for_later_ones_goes_with_the_directory(rundir, elsewhere):
    rundir.own_for_all(elsewhere)
    rundir.clear(rundir.worker_link(1))
    assert elsewhere.exists()
    rundir.remove()
    assert not elsewhere.exists()


def test_what_workers_made_elsewhere_goes_with_the_directory(rundir, elsewhere):
    rundir.own(rundir.worker_link(1), elsewhere)
    rundir.remove()
    assert not elsewhere.exists()
    assert not rundir.path.exists()
