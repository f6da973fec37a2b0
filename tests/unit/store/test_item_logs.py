"""The files with what each item printed: bounds, order, damage."""

import pytest

from bluesky_qs.store.item_logs import HALF, LogFolder, read_log

KB = 1000 * "x"


@pytest.fixture
def logs(tmp_path):
    return LogFolder(tmp_path, 200_000_000)


def written(logs, uid, start, *texts):
    log = logs.log(uid, start)
    log.begin()
    for text in texts:
        before = log.size
        log.add(text, start)
        logs.grown(log, before)
    log.end()
    return log.path


def read(path):
    return "".join(message.msg for message in read_log(path))


def test_a_log_has_what_was_written(logs):
    path = written(logs, "one", 5.0, "a\n", "b\n")
    assert [(each.seq, each.time, each.msg) for each in read_log(path)] == [(1, 5.0, "a\n"), (2, 5.0, "b\n")]
    assert logs.find("one") == path
    assert logs.find("two") is None


def test_an_item_that_has_printed_nothing_has_an_empty_log(logs):
    assert read_log(written(logs, "one", 5.0)) == []


def test_of_a_long_log_the_first_and_the_last_half_are_kept(logs, tmp_path):
    path = written(logs, "long", 5.0, *(f"{number:04d}{KB}" for number in range(5000)))
    numbers = [int(each.msg[:4]) for each in read_log(path)]
    first = [number for number in numbers if number < 2500]
    last = [number for number in numbers if number >= 2500]
    assert first == list(range(len(first)))
    assert last == list(range(5000 - len(last), 5000))
    assert 0.9 * HALF < 1004 * len(first) <= HALF
    assert 0.9 * HALF < 1004 * len(last) <= HALF
    assert sum(file.stat().st_size for file in (tmp_path / "logs").iterdir()) < 3.1 * HALF
    assert [each.seq for each in read_log(path)][-1] == 5000


def test_a_log_that_is_just_too_long_has_everything(logs):
    count = HALF // 1000 + 10
    path = written(logs, "long", 5.0, *(f"{number:04d}{KB}" for number in range(count)))
    assert [each.seq for each in read_log(path)] == list(range(1, count + 1))


def test_the_oldest_logs_go_when_all_need_too_much(tmp_path):
    logs = LogFolder(tmp_path, 20_000)
    paths = [written(logs, f"item-{number}", number, 5 * KB) for number in range(6)]
    assert [path.exists() for path in paths] == [False, False, False, True, True, True]
    assert logs.find("item-0") is None


def test_empty_logs_count_too(tmp_path):
    logs = LogFolder(tmp_path, 20_000)
    paths = [written(logs, f"item-{number}", number) for number in range(10)]
    assert sum(path.exists() for path in paths) == 4


def test_a_log_that_is_being_written_is_not_removed(tmp_path):
    logs = LogFolder(tmp_path, 10_000)
    log = logs.log("long", 1)
    log.begin()
    written(logs, "other", 2, 20 * KB)
    assert log.path.exists()
    logs.drop(3)
    assert log.path.exists()
    log.end()


def test_logs_of_an_earlier_service_are_found_and_count(logs, tmp_path):
    path = written(logs, "one", 5.0, "a\n")
    again = LogFolder(tmp_path, 10_000)
    assert again.find("one") == path
    written(again, "two", 6.0, 9 * KB)
    assert not path.exists()


def test_logs_older_than_the_oldest_plan_are_dropped(logs):
    paths = [written(logs, f"item-{number}", number + 0.25, "a\n") for number in range(4)]
    logs.drop(2.25)
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_all_files_of_a_log_are_removed(logs, tmp_path):
    written(logs, "long", 5.0, *(KB for _ in range(2000)))
    assert len(list((tmp_path / "logs").iterdir())) == 3
    logs.drop(6.0)
    assert list((tmp_path / "logs").iterdir()) == []


@pytest.mark.parametrize("uid", ["../../etc/passwd", "a b", "", "µ", "x" * 300])
def test_any_uid_has_a_file_in_the_folder(logs, tmp_path, uid):
    path = written(logs, uid, 5.0, "a\n")
    assert path.parent == tmp_path / "logs"
    assert read(logs.find(uid)) == "a\n"


@pytest.mark.parametrize("damage", [b"", b"\x00\xff\n", b'{"time": 1}\n', b'{"time":1,"msg":"cut', b"[]\n\n"])
def test_lines_that_cannot_be_read_are_skipped(logs, damage):
    path = written(logs, "one", 5.0, "a\n", "b\n")
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(first + b"\n" + damage + b"\n" + rest)
    assert read(path) == "a\nb\n"


def test_a_missing_end_costs_only_itself(logs):
    path = written(logs, "long", 5.0, *(KB for _ in range(2000)))
    path.with_name(path.name + ".2").unlink()
    assert read(path).startswith(KB)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_log(path)


class Torn:
    """A file on a disk that becomes full within a line."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        self._file.write(data[:10])
        raise OSError(28, "No space left on device")


def test_a_message_that_could_not_be_written_is_missing_and_nothing_else(logs):
    log = logs.log("one", 5.0)
    log.begin()
    log.add("a\n", 5.0)
    whole = log._file
    log._file = Torn(whole)
    with pytest.raises(OSError, match="No space left"):
        log.add("lost\n", 5.0)
    log._file = whole
    log.add("b\n", 5.0)
    log.end()
    assert [(each.seq, each.msg) for each in read_log(log.path)] == [(1, "a\n"), (3, "b\n")]


def test_the_files_are_private(logs):
    path = written(logs, "one", 5.0, "a\n")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "logs").mkdir()
    other = tmp_path / "logs" / "notes.txt"
    other.write_text("mine")
    LogFolder(tmp_path, 0).drop(10.0)
    assert other.read_text() == "mine"
