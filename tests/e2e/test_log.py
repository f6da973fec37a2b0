"""The log of a whole service: its file, its format, its levels, and its first lines."""

import json
import os
import signal

import pytest


@pytest.fixture
def logged(new_service):
    """A service with a log file in its home, stopped after it was used; the lines of the file."""

    def run(*options, **settings):
        service = new_service("--warm-worker", "OFF", "--log-file", "logs/qs.log", *options, **settings).start()
        service.open()
        service.do("script_upload", script="print('of the worker')\nraise RuntimeError('no light')")
        service.wait_idle()
        assert service.stop() == 0
        return service, (service.home / "logs" / "qs.log").read_text().splitlines()

    return run


def test_the_file_has_all_lines_of_all_processes_and_says_where_everything_is(logged):
    service, lines = logged()
    assert sorted(lines) == sorted(service.output().splitlines())
    text = "\n".join(lines)
    assert "of the worker\n" in text
    for place in (
        "Configuration: no file",
        f"Log: {service.home}/logs/qs.log (up to 10 MB, and 5 full files)",
        "Sockets between the processes: /",
        f"Status, events, console and documents: {service.info}",
        f"The queue is kept in SQLite file {service.home}/queue.sqlite3",
        f"Index, documents and logs of plans: {service.home}/queue.sqlite3.d",
        "Startup code: /",
        "Permissions: /",
        f"ZeroMQ server is waiting on {service.control}",
    ):
        assert place in text


def test_the_file_of_the_configuration_is_named(new_service):
    service = new_service("--config", "qs.yml", "--warm-worker", "OFF")
    (service.home / "qs.yml").write_text("log:\n  levels: [manager=WARNING]\n")
    service.start()
    service.wait_shown("Configuration: qs.yml")
    assert service.stop() == 0
    assert "bluesky_qs.manager" not in service.output()
    assert "bluesky_qs.supervisor" in service.output()


def test_json_lines_are_for_programs(logged):
    _, lines = logged("--log-format", "json")
    entries = [json.loads(line) for line in lines]
    assert all(entry.keys() == {"time", "level", "logger", "message"} for entry in entries)
    assert {"level": "INFO", "logger": "output", "message": "of the worker"} in [
        {key: entry[key] for key in ("level", "logger", "message")} for entry in entries
    ]
    assert {"bluesky_qs.supervisor.app", "bluesky_qs.manager.app"} <= {entry["logger"] for entry in entries}


def test_clients_get_text_while_the_log_is_json(new_service):
    service = new_service("--warm-worker", "OFF", "--log-format", "json").start()
    console = "".join(message["msg"] for message in service.do("console_get")["messages"])
    assert "bluesky_qs.manager.app] Startup code: " in console


def test_a_part_of_the_service_can_log_more(logged):
    _, lines = logged("--quiet", "--log-level", "worker=DEBUG", "manager.ending=INFO")
    loggers = {line.split()[3].rstrip("]") for line in lines if line.startswith(("[I ", "[D "))}
    assert any(logger.startswith("bluesky_qs.worker") for logger in loggers)
    assert {each for each in loggers if not each.startswith("bluesky_qs.worker")} == {"bluesky_qs.manager.ending"}


def test_lines_for_the_journal_have_priorities(new_service):
    service = new_service("--warm-worker", "OFF")
    with service.log.open("ab") as log:
        status = os.fstat(log.fileno())
    service.env["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    service.start()
    assert service.stop(signal.SIGINT) == 0
    lines = service.output().splitlines()
    assert [line for line in lines if not line.startswith(("<6>[I ", "<4>[W "))] == []
    assert any("The queue is kept in" in line for line in lines)
