"""The command line of the service, up to the start."""

import json
import signal
import subprocess
import sys

import pytest

from bluesky_qs.cli import http, http_door, setting_options, start_re_manager
from bluesky_qs.config.schema import fields
from bluesky_qs.door import check
from bluesky_qs.supervisor import app


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command with a service that only notes its settings."""
    started, keys = [], []

    def service(settings, *, notes, config=None, door_key=None):
        started.append(settings)
        keys.append(door_key)
        return 0

    monkeypatch.setattr(app, "run", service)
    for name in [variable for field in fields() for variable in field.setting.variables]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # of a generated key

    def start(*args):
        code = start_re_manager.main(args)
        return code, started[0] if started else None

    start.keys = keys
    return start


def test_every_setting_with_an_option_is_in_the_help(capsys):
    assert start_re_manager.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for field in fields():
        for option in field.setting.options:
            assert option in shown


def test_short_help_is_the_same(capsys):
    start_re_manager.main(["--help"])
    long = capsys.readouterr().out
    start_re_manager.main(["-h"])
    assert capsys.readouterr().out == long


@pytest.mark.parametrize(
    "args",
    [
        ["--no-such-option"],
        ["word"],
        ["--zmq-encoding"],
        ["--zmq-encoding", "xml"],
        ["--verbose", "--quiet"],
        ["--startup-dir", "a", "--startup-profile", "b"],
        ["--store", "a", "--redis-addr", "b"],
        ["--console-output", "maybe"],
        ["--zmq-control-addr", "nothing"],
    ],
)
def test_bad_command_line_is_2_with_a_message_and_without_a_start(run, capsys, args):
    code, settings = run(*args)
    assert (code, settings) == (2, None)
    assert "Error: " in capsys.readouterr().err


def test_bad_configuration_is_78_with_a_message_and_without_a_start(run, capsys, tmp_path):
    (tmp_path / "config.yml").write_text("network: {zmq_encoding: xml}")
    for path in (tmp_path / "config.yml", tmp_path / "missing.yml"):
        assert run("--config", str(path)) == (78, None)
        assert str(path) in capsys.readouterr().err


def test_a_bad_environment_variable_is_78(run, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_ENCODING_FOR_SERVER", "xml")
    assert run() == (78, None)


def test_values_stand_behind_a_blank_or_an_equals_sign(run):
    _, settings = run("--zmq-encoding=msgpack", "--device-max-depth", "3", "--zmq-addr=tcp://*:1")
    assert settings.network.zmq_encoding == "msgpack"
    assert settings.network.zmq_control_addr == "tcp://*:1"
    assert settings.startup.device_max_depth == 3


def test_a_long_option_may_be_cut_short_where_no_other_begins_like_it(run):
    _, settings = run("--zmq-control=tcp://*:1", "--startup-prof", "sim", "--permitted", "/a", "/b")
    assert settings.network.zmq_control_addr == "tcp://*:1"
    assert settings.startup.startup_profile == "sim"
    assert settings.worker.permitted_re_metadata_keys == ("/a", "/b")


def test_an_ambiguous_option_is_an_error_with_the_candidates(run, capsys):
    assert run("--startup", "sim") == (2, None)
    assert "--startup-dir" in capsys.readouterr().err


def test_several_values_may_stand_behind_one_option(run):
    _, settings = run("--permitted-re-metadata-keys", "/a", "/b/c", "--keep-re", "--preload=x", "y")
    assert settings.worker.permitted_re_metadata_keys == ("/a", "/b/c")
    assert settings.worker.preload == ("x", "y")
    assert settings.startup.keep_re


@pytest.mark.parametrize("option", ["--zmq-publish-info", "--zmq-stream-device-progress", "--zmq-stream-re-messages"])
@pytest.mark.parametrize("value", ["ON", "OFF"])
def test_options_of_the_newest_community_service_are_accepted(run, option, value):
    code, settings = run(option, value)
    assert code == 0
    assert getattr(settings.network, option.removeprefix("--").replace("-", "_")) == (value == "ON")


@pytest.mark.parametrize(("option", "level"), [("verbose", "VERBOSE"), ("quiet", "QUIET"), ("silent", "SILENT")])
def test_amount_of_logging_has_an_option_each(run, option, level):
    assert run(f"--{option}")[1].operation.console_logging_level == level


@pytest.mark.parametrize(("word", "value"), [("ON", True), ("OFF", False), ("on", True)])
def test_switches_are_on_or_off(run, word, value):
    assert run("--console-output", word)[1].operation.print_console_output is value


@pytest.fixture
def hangups():
    """The SIGHUPs that would have ended this process."""
    arrived = []
    before = signal.signal(signal.SIGHUP, lambda *_: arrived.append(True))
    yield arrived
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_while_the_options_of_the_door_are_checked_does_not_end_the_service(run, hangups, monkeypatch):
    def checked(options):
        signal.raise_signal(signal.SIGHUP)
        return check.Checked(options)

    monkeypatch.setattr(check, "checked", checked)
    assert run("--http")[0] == 0
    assert hangups == []
    signal.raise_signal(signal.SIGHUP)
    assert hangups == [True]


def test_a_hangup_while_the_program_of_a_door_is_imported_does_not_end_it(hangups, monkeypatch):
    monkeypatch.setattr(http_door, "main", lambda _: signal.raise_signal(signal.SIGHUP) or 0)
    assert http.main([]) == 0
    assert hangups == []


def test_what_a_door_imports_before_it_handles_hangups_is_little():
    code = "import sys; from bluesky_qs.cli import http; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not {"argparse", "bluesky_qs.config.schema"} & set(result.stdout.split())


def test_help_is_fast_because_it_imports_little():
    code = "import sys; from bluesky_qs.cli import start_re_manager; start_re_manager.main(['--help']); "
    code += "import json; print('\\n' + json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(json.loads(result.stdout.splitlines()[-1]))
    assert not loaded & {"zmq", "yaml", "asyncio", "logging", "pydantic", "redis", "IPython", "bluesky"}


def test_a_kernel_without_ipykernel_is_refused_with_what_to_install(run, monkeypatch, capsys):
    monkeypatch.setattr(start_re_manager, "find_spec", lambda _: None)
    assert run("--use-ipython-kernel", "ON") == (1, None)
    assert "needs the package ipykernel: pip install 'bluesky-qs[kernel]'" in capsys.readouterr().err
    assert run("--use-ipython-kernel", "OFF")[0] == 0


@pytest.mark.parametrize(
    ("args", "addr"),
    [
        ([], None),
        (["--http"], "127.0.0.1:60610"),
        (["--http", "--verbose"], "127.0.0.1:60610"),
        (["--http", "*:8080"], "*:8080"),
        (["--http=8080"], "8080"),
    ],
)
def test_http_with_and_without_an_address(run, monkeypatch, args, addr):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY", "chosen")
    code, settings = run(*args)
    assert (code, settings.http.addr) == (0, addr)


def test_http_takes_its_address_from_the_environment_too(run, monkeypatch):
    monkeypatch.setenv("QSERVER_HTTP_ADDRESS_FOR_SERVER", "127.0.0.1:8080")
    assert run()[1].http.addr == "127.0.0.1:8080"


def test_bad_address_of_the_http_door_is_refused(run, capsys):
    assert run("--http", "http://a") == (2, None)
    assert "option --http: 'http://a' is not an address like 127.0.0.1:60610" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["beamline", "/beamline/", "/", "/a b"])
def test_path_prefix_that_is_none_is_refused(run, path):
    assert run("--http", "--root-path", path) == (2, None)
    assert run("--http", "--root-path", "/a/b")[1].http.root_path == "/a/b"


@pytest.mark.parametrize("command", [start_re_manager, http])
def test_without_the_extra_a_door_is_refused_with_what_to_install(monkeypatch, capsys, command):
    monkeypatch.setattr(setting_options, "find_spec", lambda name: None if name == "uvicorn" else name)
    assert command.main(["--http"] if command is start_re_manager else []) == 1
    assert "The HTTP door needs more packages: pip install 'bluesky-qs[http]'" in capsys.readouterr().err


def test_a_service_without_a_door_needs_no_extra(run, monkeypatch):
    monkeypatch.setattr(setting_options, "find_spec", lambda name: None)
    assert run()[0] == 0


def test_a_generated_key_is_shown_and_a_chosen_one_is_not(run, monkeypatch, tmp_path):
    run("--http")
    assert run.keys == [next(tmp_path.rglob("http-key")).read_text().strip()]
    monkeypatch.setenv("QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY", "chosen")
    run("--http")
    assert run.keys[1] is None


def test_the_address_of_a_door_alone_needs_no_option_and_the_error_says_so(capsys):
    for words in (["--http", "8080"], ["--http=8080"]):
        assert http.main(words) != 0
        assert "Write the address alone: qserver-http ADDR" in capsys.readouterr().err
