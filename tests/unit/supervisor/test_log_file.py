"""The log file: how it is replaced, and that nothing stops the service."""

import contextlib
import errno
import stat

import pytest

from bluesky_qs.errors import ConfigError
from bluesky_qs.supervisor import log_file
from bluesky_qs.supervisor.log_file import LogFile
from bluesky_qs.supervisor.terminal import FileWriter


@pytest.fixture
def new_file(tmp_path):
    files = []

    def new(limit=100, count=2):
        files.append(LogFile(tmp_path / "logs" / "qs.log", limit, count))
        return files[-1]

    yield new
    for file in files:
        with contextlib.suppress(OSError):  # closed by the test
            file.close()


def write(file, text):
    assert file.write(memoryview(text.encode())) == len(text.encode())


def content(file):
    """Of each file in the folder, by its name."""
    return {path.name: path.read_text() for path in file.path.parent.iterdir()}


def test_a_full_file_is_numbered_and_the_oldest_one_goes(new_file):
    file = new_file(limit=10, count=2)
    for text in ("first\n", "second\n", "third\n", "fourth\n"):
        write(file, text)
    assert content(file) == {"qs.log": "fourth\n", "qs.log.1": "third\n", "qs.log.2": "second\n"}


def test_without_old_files_a_full_one_is_emptied(new_file):
    file = new_file(limit=10, count=0)
    write(file, "first\n")
    write(file, "second\n")
    assert content(file) == {"qs.log": "second\n"}


def test_a_file_is_continued_after_a_restart(new_file):
    file = new_file()
    write(file, "first\n")
    file.close()
    next_one = LogFile(file.path, 100, 2)
    write(next_one, "second\n")
    next_one.close()
    assert content(file) == {"qs.log": "first\nsecond\n"}


def test_only_the_owner_reads_it_unless_somebody_changes_that_for_good(new_file):
    file = new_file(limit=10)
    write(file, "first\n")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.path.chmod(0o640)
    write(file, "second\n")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


def test_two_services_do_not_write_to_one_file(new_file):
    new_file()
    with pytest.raises(ConfigError, match="Another service writes to the log file"):
        new_file()


def test_a_file_that_cannot_be_opened_is_an_error_of_the_start(tmp_path):
    (tmp_path / "qs.log").mkdir()
    with pytest.raises(ConfigError, match=r"cannot be written: Is a directory. Choose another --log-file"):
        LogFile(tmp_path / "qs.log", 100, 1)


def test_what_a_full_disk_does_not_take_is_counted(new_file, monkeypatch, caplog):
    file = new_file(limit=1000)
    write(file, "before\n")
    with monkeypatch.context() as full:

        def refuse(fd, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(log_file.os, "write", refuse)
        write(file, "lost\n")
        write(file, "lost as well\n")
    write(file, "after\n")
    note = "\n[18 bytes of the log are missing here, because the file could not be written]\n"
    assert file.path.read_text() == f"before\n{note}after\n"
    assert [record.getMessage() for record in caplog.records] == [
        f"The log file {file.path} cannot be written: No space left on device"
    ]


def test_everything_is_in_the_file_when_the_writer_is_closed(tmp_path):
    writer = FileWriter(LogFile(tmp_path / "qs.log", 10_000_000, 1))
    for number in range(1000):
        writer.write(b"%d\n" % number)
    writer.close(timeout=10)
    assert (tmp_path / "qs.log").read_text().split() == [str(number) for number in range(1000)]
    assert not (tmp_path / "qs.log.1").exists()
