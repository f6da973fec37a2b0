"""The runtime directory."""

import pytest

from bluesky_qs.config.schema import Network, Settings
from bluesky_qs.errors import StartupError
from bluesky_qs.ipc.runtime import SOCKET_PATH_LIMIT, RuntimeDir
from bluesky_qs.supervisor.rundir import OwnedDir, remove_stale

NOBODY = 4_194_304 + 1  # more than a pid can be


def test_settings_are_the_same_for_every_process(tmp_path):
    rundir = RuntimeDir(tmp_path)
    settings = Settings(network=Network(zmq_private_key="key"))
    rundir.save_settings(settings)
    assert RuntimeDir.of_link(rundir.worker_link(3)).load_settings() == settings


def test_folder_with_too_long_a_name_for_sockets_is_not_used(tmp_path, monkeypatch):
    base = tmp_path / ("x" * SOCKET_PATH_LIMIT)
    base.mkdir()
    monkeypatch.setenv("TMPDIR", str(base))
    owned = OwnedDir.make()
    assert str(owned.path.parent) == "/tmp"
    assert owned.path.stat().st_mode & 0o777 == 0o700
    owned.release()
    assert not owned.path.exists()


def test_if_no_runtime_directory_can_be_made_the_error_has_the_reasons(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/no/such/folder")
    monkeypatch.setattr("bluesky_qs.supervisor.rundir._TMP", "/not/this")
    with pytest.raises(StartupError, match=r"/no/such/folder/.*No such file or directory; /not/this/"):
        OwnedDir.make()


def test_stale_one_is_removed_unless_it_is_locked(tmp_path):
    stale, locked = (tmp_path / f"bluesky-qs-{NOBODY}-0000000{number}" for number in range(2))
    stale.mkdir()
    owned = OwnedDir(locked)
    remove_stale(tmp_path)
    assert not stale.exists()
    assert locked.exists()
    owned.release()


def test_symbolic_link_of_that_name_is_not_followed(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    (tmp_path / f"bluesky-qs-{NOBODY}-00000000").symlink_to(other)
    remove_stale(tmp_path)
    assert (other / "file").exists()
