"""Settings from the command line, configuration files and the environment."""

from importlib.util import find_spec

import pytest

from bluesky_qs.config.load import load, unknown_variables
from bluesky_qs.config.log_settings import PARTS
from bluesky_qs.config.schema import Settings, fields
from bluesky_qs.errors import ConfigError, WrongOption

KEY = "0123456789" * 4


@pytest.fixture
def config(tmp_path):
    def write(text, name="config.yml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def refusal(*args):
    with pytest.raises(ConfigError) as caught:
        load(*args)
    return caught.value.message


def test_without_settings_the_defaults_apply():
    assert load({}, {}).settings == Settings()


def test_every_setting_has_a_description_and_a_default_of_its_type():
    for field in fields():
        assert field.setting.text.endswith((".", ")."))


def test_each_source_wins_over_the_one_below(config):
    variable = {"QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER": "tcp://*:1"}
    path = config("network: {zmq_control_addr: 'tcp://*:2'}")
    option = {"network.zmq_control_addr": "tcp://*:3"}
    assert load({}, variable).settings.network.zmq_control_addr == "tcp://*:1"
    assert load({}, variable, path).settings.network.zmq_control_addr == "tcp://*:2"
    assert load(option, variable, path).settings.network.zmq_control_addr == "tcp://*:3"


def test_the_history_has_no_limit_unless_one_of_the_sources_sets_it(config):
    variable, path = {"QSERVER_HISTORY_LIMIT": "10"}, config("operation: {history_limit: 20}")
    assert load({}, {}).settings.operation.history_limit is None
    assert load({}, variable).settings.operation.history_limit == 10
    assert load({}, variable, path).settings.operation.history_limit == 20
    assert load({"operation.history_limit": "30"}, variable, path).settings.operation.history_limit == 30


def test_devices_are_excluded_from_reading_by_each_of_the_sources(config):
    variable, path = {"QSERVER_DEVICE_READ_EXCLUDE": "det1:stage.x"}, config("worker: {device_read_exclude: [det2]}")
    assert load({}, {}).settings.worker.device_read_exclude == ()
    assert load({}, variable).settings.worker.device_read_exclude == ("det1", "stage.x")
    assert load({}, variable, path).settings.worker.device_read_exclude == ("det2",)
    option = {"worker.device_read_exclude": ["sim_*"]}
    assert load(option, variable, path).settings.worker.device_read_exclude == ("sim_*",)


@pytest.mark.parametrize("name", [":^det", "det 1", "det..x"])
def test_what_cannot_be_a_device_is_not_excluded_from_reading(name):
    message = refusal({"worker.device_read_exclude": [name]}, {})
    assert message == (f"option --device-read-exclude: {name!r} is neither a device name nor a pattern with * and ?")


def test_newer_variable_wins_over_the_older_one():
    other = "9876543210" * 4
    environ = {"QSERVER_ZMQ_PRIVATE_KEY": other, "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": KEY}
    assert load({}, environ).settings.network.zmq_private_key == KEY
    assert load({}, {"QSERVER_ZMQ_PRIVATE_KEY": other}).settings.network.zmq_private_key == other


def test_empty_variable_counts_as_not_set():
    assert load({}, {"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": "", "QSERVER_CONFIG": ""}).settings == Settings()


def test_config_path_comes_from_the_environment_unless_given(config):
    path = config("network: {zmq_encoding: msgpack}")
    assert load({}, {"QSERVER_CONFIG": path}).settings.network.zmq_encoding == "msgpack"
    other = config("network: {zmq_encoding: json}", "other.yml")
    assert load({}, {"QSERVER_CONFIG": path}, other).settings.network.zmq_encoding == "json"


def test_files_of_a_folder_are_read_together(config, tmp_path):
    config("network: {zmq_encoding: msgpack}", "a.yml")
    config("network: {redis_name_prefix: x}\nworker: {warm_worker: OFF}", "b.yaml")
    config("not: [yaml", "c.txt")
    settings = load({}, {}, str(tmp_path)).settings
    assert (settings.network.zmq_encoding, settings.network.redis_name_prefix) == ("msgpack", "x")
    assert not settings.worker.warm_worker


def test_a_folder_without_files_gives_no_settings(tmp_path):
    assert load({}, {}, str(tmp_path)).settings == Settings()


def test_key_that_two_files_of_a_folder_set_is_refused(config, tmp_path):
    config("network: {zmq_encoding: msgpack}", "a.yml")
    config("network: {zmq_encoding: json}", "b.yml")
    message = refusal({}, {}, str(tmp_path))
    assert "network.zmq_encoding is set twice" in message
    assert "a.yml" in message
    assert "b.yml" in message


def test_variables_in_files_are_expanded(config):
    path = config("network:\n  zmq_publish_console: ${CONSOLE}\n  zmq_control_addr: tcp://*:${PORT}\n")
    network = load({}, {"CONSOLE": "ON", "PORT": "61000"}, path).settings.network
    assert network.zmq_publish_console
    assert network.zmq_control_addr == "tcp://*:61000"


def test_variable_that_is_not_set_is_named(config):
    path = config("network: {redis_addr: '${REDIS}'}")
    assert refusal({}, {}, path) == f"network.redis_addr in {path}: the environment variable REDIS is not set"


@pytest.mark.parametrize("inside", ["${Ek)F*+7zC5Du}", "${name}", "${}", "${HOME}", "${a${b}}"])
def test_a_private_key_may_contain_what_looks_like_a_variable(config, inside):
    key = ("1v6/" + inside).ljust(40, "#")
    path = config(f"network: {{zmq_private_key: '{key}'}}")
    assert load({}, {"HOME": "/root"}, path).settings.network.zmq_private_key == key


def test_a_private_key_may_be_in_a_variable(config):
    path = config("network: {zmq_private_key: '${SITE_KEY}'}")
    assert load({}, {"SITE_KEY": KEY}, path).settings.network.zmq_private_key == KEY
    assert refusal({}, {}, path) == f"network.zmq_private_key in {path}: the environment variable SITE_KEY is not set"


@pytest.mark.parametrize("name", ["network.zmq_private_key", "operation.emergency_lock_key"])
def test_no_part_of_a_key_is_shown_where_it_looks_like_a_variable(config, name):
    section, key = name.split(".")
    path = config(f"{section}: {{{key}: 'abc${{secret}}def'}}")
    assert refusal({}, {}, path) == f"{name} in {path}: an environment variable in the value is not set"


def test_braces_around_what_is_no_name_of_a_variable_stay(config):
    path = config("operation: {emergency_lock_key: 'a${b c}d'}\nnetwork: {redis_addr: 'redis://:p${+}w@host'}")
    settings = load({}, {}, path).settings
    assert settings.operation.emergency_lock_key == "a${b c}d"
    assert settings.network.redis_addr == "redis://:p${+}w@host"


def test_unknown_variables_get_a_warning_with_the_nearest_name():
    known = [name for field in fields() for name in field.setting.variables if name.startswith("QSERVER_")]
    known += ["QSERVER_CONFIG", "QSERVER_USER", "QSERVER_ZMQ_PUBLIC_KEY", "QSERVER_HTTP_SERVER_CONFIG", "PATH"]
    assert unknown_variables(dict.fromkeys(known, "x")) == []
    key = "QSERVER_ZMQ_PRIVATE_KEI"
    mistyped = {"QSERVER_STOER": "x", key: KEY, "PATH": "x"}
    assert unknown_variables(mistyped) == [
        "The environment variable QSERVER_STOER is unknown and ignored (did you mean 'QSERVER_STORE'?)",
        f"The environment variable {key} is unknown and ignored (did you mean 'QSERVER_ZMQ_PRIVATE_KEY'?)",
    ]
    assert unknown_variables({"QSERVER_X": "1"}) == ["The environment variable QSERVER_X is unknown and ignored"]


def test_unknown_key_is_refused_with_the_nearest_one(config):
    path = config("network: {zmq_control_address: x}")
    assert refusal({}, {}, path) == (
        f"Unknown key network.zmq_control_address in {path} (did you mean 'zmq_control_addr'?)"
    )


def test_a_key_in_the_wrong_section_is_an_error_with_the_right_one(config):
    assert "it belongs in startup.startup_dir" in refusal({}, {}, config("worker: {startup_dir: x}"))


def test_unknown_section_is_refused_with_the_nearest_one(config):
    assert "did you mean 'network'?" in refusal({}, {}, config("networks: {zmq_encoding: json}"))


def test_run_engine_section_is_refused_with_a_hint(config):
    assert "create the RunEngine in the startup code" in refusal({}, {}, config("run_engine: {use_persistent: true}"))


def test_config_path_that_does_not_exist_is_refused(tmp_path):
    assert "does not exist" in refusal({}, {}, str(tmp_path / "no"))


def test_broken_yaml_is_refused_with_its_line_and_without_its_text(config):
    message = refusal({}, {}, config(f"network:\n  zmq_private_key: {{{KEY}\nx: ["))
    assert "is not valid YAML, line " in message
    assert KEY not in message


@pytest.mark.parametrize("text", ["- a", "network: 5", "hello"])
def test_file_that_is_not_sections_of_keys_is_refused(config, text):
    assert "must contain keys and values" in refusal({}, {}, config(text))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("network.zmq_encoding", "xml", "option --zmq-encoding: 'xml' is not one of json, msgpack"),
        ("network.zmq_publish_console", "maybe", "option --zmq-publish-console: 'maybe' is not ON or OFF"),
        ("startup.device_max_depth", "-1", "option --device-max-depth: -1 is too small: the minimum is 0"),
        ("startup.device_max_depth", "1.5", "option --device-max-depth: '1.5' is not an integer"),
        ("operation.history_limit", "0", "option --history-limit: 0 is too small: the minimum is 1"),
        ("worker.ipython_hb_port", "70000", "option --ipython-hb-port: 70000 is too large: the maximum is 65535"),
        ("network.zmq_info_addr", "60625", "option --zmq-info-addr: '60625' is not an address like"),
        (
            "network.zmq_control_addr",
            "tcp://*:618155",
            "option --zmq-control-addr: 'tcp://*:618155' has an invalid port: it must be a number from 1 to 65535",
        ),
        (
            "network.zmq_control_addr",
            "tcp://localhost:0",
            "option --zmq-control-addr: 'tcp://localhost:0' has an invalid",
        ),
        ("network.zmq_info_addr", "tcp://localhost:6x", "option --zmq-info-addr: 'tcp://localhost:6x' has an invalid"),
        ("network.redis_addr", "localhost:abc", "option --redis-addr: 'localhost:abc' has an invalid port"),
        (
            "network.redis_addr",
            "http://localhost",
            "option --redis-addr: 'http://localhost' is not a Redis address",
        ),
        (
            "network.redis_addr",
            "redis://me:word@host:0/1",
            "option --redis-addr: 'redis://***@host:0/1' has an invalid",
        ),
        (
            "operation.store",
            "localhost:6379",
            "option --store: 'localhost:6379' is the address of a Redis server, not a",
        ),
        (
            "operation.store",
            "redis://host",
            "option --store: 'redis://host' is the address of a Redis server, not a path",
        ),
    ],
)
def test_bad_value_is_refused_with_its_option_and_itself(key, value, reason):
    assert refusal({key: value}, {}).startswith(reason)


@pytest.mark.parametrize("address", ["host", "host:1", "host/2", "h:1/2", "redis://:a:b@h:1", "unix:///x:y", "[::1]:6"])
def test_addresses_of_redis_are_taken(address):
    assert load({"network.redis_addr": address}, {}).settings.network.redis_addr == address


@pytest.mark.parametrize(
    ("control", "info"),
    [
        ("tcp://*:61815", "tcp://*:61815"),
        ("tcp://localhost:61815", "tcp://127.0.0.1:61815"),
        ("tcp://*:61815", "tcp://10.1.2.3:61815"),
        ("ipc:///tmp/socket", "ipc:///tmp/socket"),
        ("tcp://*:60625", None),
    ],
)
def test_one_address_for_both_sockets_is_refused_with_both_origins(control, info):
    message = refusal({"network.zmq_control_addr": control, "network.zmq_info_addr": info}, {})
    assert f"both have the same one: option --zmq-control-addr: {control}; " in message
    assert message.endswith(
        f"option --zmq-info-addr: {info}" if info else "network.zmq_info_addr by default: tcp://*:60625"
    )


def test_one_port_of_two_interfaces_and_ports_that_the_system_chooses_are_two_addresses():
    for control, info in (("tcp://10.1.2.3:61815", "tcp://10.1.2.4:61815"), ("tcp://*:*", "tcp://*:*")):
        network = load({"network.zmq_control_addr": control, "network.zmq_info_addr": info}, {}).settings.network
        assert (network.zmq_control_addr, network.zmq_info_addr) == (control, info)


def test_bad_value_is_refused_with_its_variable():
    environ = {"QSERVER_USE_IPYTHON_KERNEL": "perhaps"}
    assert refusal({}, environ) == "environment variable QSERVER_USE_IPYTHON_KERNEL: 'perhaps' is not ON or OFF"


@pytest.mark.parametrize("key", [KEY[1:], f"{KEY}x", f"{KEY[:-1]} "])
def test_bad_private_key_is_refused_without_being_shown(config, key):
    for args in (
        ({}, {"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": key}),
        ({}, {}, config(f"network: {{zmq_private_key: '{key}'}}")),
        ({}, {}, config(f"network: {{zmq_private_key: ['{key}']}}")),
    ):
        message = refusal(*args)
        assert "private_key" in message.lower()
        assert key[:8] not in message


def test_secrets_are_not_described():
    loaded = load({}, {"QSERVER_ZMQ_PRIVATE_KEY": KEY, "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "em"})
    assert loaded.described() == [
        "network.zmq_private_key = *** (environment variable QSERVER_ZMQ_PRIVATE_KEY)",
        "operation.emergency_lock_key = *** (environment variable QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER)",
    ]


def test_password_in_a_redis_address_is_not_described():
    loaded = load({"network.redis_addr": "redis://me:word@host:1/2"}, {})
    assert loaded.described() == ["network.redis_addr = 'redis://***@host:1/2' (option --redis-addr)"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("startup_dir", "startup_profile"),
        ("startup_dir", "startup_module"),
        ("startup_dir", "startup_script"),
        ("startup_module", "startup_script"),
    ],
)
def test_two_sources_of_startup_code_are_refused(first, second):
    message = refusal({f"startup.{first}": "a", f"startup.{second}": "b"}, {})
    assert message == f"Give only one of: option --{first}; option --{second}".replace("_", "-")


@pytest.mark.parametrize("other", ["startup_module", "startup_script"])
def test_profile_may_stand_beside_module_or_script(other):
    settings = load({"startup.startup_profile": "sim", f"startup.{other}": "b"}, {}).settings
    assert settings.startup.startup_profile == "sim"
    assert getattr(settings.startup, other) is not None


def test_startup_code_of_the_command_line_wins_over_that_of_the_file(config):
    settings = load({"startup.startup_script": "/b.py"}, {}, config("startup: {startup_dir: /a}")).settings
    assert settings.startup.startup_dir is None
    assert settings.startup.startup_script == "/b.py"


def test_relative_and_home_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    startup = load({"startup.startup_dir": "../code", "startup.ipython_dir": "~/ipy"}, {}).settings.startup
    assert startup.startup_dir == str(tmp_path.parent / "code")
    assert startup.ipython_dir == "/home/me/ipy"


@pytest.mark.parametrize(
    ("options", "environ", "address"),
    [
        ({}, {}, None),
        ({"network.redis_addr": "host:1"}, {}, "host:1"),
        ({"network.redis_name_prefix": "x"}, {}, "localhost:6379"),
        ({"network.redis_name_prefix": ""}, {}, "localhost:6379"),
        ({}, {"QSERVER_REDIS_ADDR": "host"}, "host"),
    ],
)
def test_any_redis_option_chooses_redis(options, environ, address):
    assert load(options, environ).settings.network.redis_addr == address


def test_redis_address_in_the_file_chooses_redis(config):
    assert load({}, {}, config("network: {redis_addr: host}")).settings.network.redis_addr == "host"


@pytest.mark.parametrize("redis", ["redis_addr", "redis_name_prefix"])
def test_store_with_a_redis_option_is_refused(redis):
    message = refusal({"operation.store": "/a", f"network.{redis}": "b"}, {})
    assert message == f"Give only one of: option --store; option --{redis}".replace("_", "-")


def test_store_of_the_command_line_wins_over_redis_in_the_environment():
    settings = load({"operation.store": "/a"}, {"QSERVER_REDIS_ADDR": "host"}).settings
    assert settings.operation.store == "/a"
    assert settings.network.redis_addr is None


def test_redis_of_the_command_line_wins_over_a_store_in_the_environment():
    settings = load({"network.redis_addr": "host"}, {"QSERVER_STORE": "/a"}).settings
    assert settings.operation.store is None
    assert settings.network.redis_addr == "host"


def test_an_ipython_folder_alone_means_its_default_profile(config):
    path = config("startup: {ipython_dir: /beamline}")
    for loaded in (load({"startup.ipython_dir": "/beamline"}, {}), load({}, {}, path)):
        assert loaded.settings.startup.startup_profile == "default"
        assert any("startup.startup_profile = 'default' (" in line for line in loaded.described())


@pytest.mark.parametrize("code", ["startup_dir", "startup_profile", "startup_module", "startup_script"])
def test_an_ipython_folder_beside_startup_code_chooses_nothing(code):
    startup = load({"startup.ipython_dir": "/beamline", f"startup.{code}": "/x"}, {}).settings.startup
    assert startup.startup_profile == ("/x" if code == "startup_profile" else None)


def test_the_variable_for_the_ipython_folder_chooses_no_profile():
    startup = load({}, {"IPYTHONDIR": "/beamline"}).settings.startup
    assert (startup.ipython_dir, startup.startup_profile) == ("/beamline", None)


def test_metadata_keys_are_separated_by_colons_in_the_environment():
    settings = load({}, {"QSERVER_PERMITTED_RE_METADATA_KEYS": "/a/b:/c"}).settings
    assert settings.worker.permitted_re_metadata_keys == ("/a/b", "/c")


def test_all_metadata_may_be_shown_unless_the_keys_are_limited(config):
    assert Settings().worker.permitted_re_metadata_keys == ("/",)
    for nothing in ("[]", "''", "['']"):
        path = config(f"worker: {{permitted_re_metadata_keys: {nothing}}}")
        assert load({}, {}, path).settings.worker.permitted_re_metadata_keys == ()


@pytest.mark.parametrize(
    ("level", "fault"),
    [
        ("manager", "is not like manager=DEBUG"),
        ("manger=DEBUG", "did you mean 'manager'"),
        ("manager=LOUD", "has none of the levels DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_levels_of_parts_are_checked(level, fault):
    with pytest.raises(WrongOption, match=fault):
        load({"log.levels": (level,)}, {})


def test_levels_of_parts_are_those_of_packages():
    for part in PARTS:
        assert find_spec(f"bluesky_qs.{part}") is not None
