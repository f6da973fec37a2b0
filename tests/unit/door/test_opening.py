"""What a door is opened with: options before the configuration file before the environment, and what is refused."""

import pytest

from bluesky_qs.config.load import load_http
from bluesky_qs.config.schema import Http
from bluesky_qs.door.opening import prepare
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.errors import ConfigError, WrongOption
from tests.certificates import make_certificate

KEY = {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": "0123abc"}


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    """Where a generated key is kept."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "door.yml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def certificate(tmp_path):
    """A certificate for this computer and its key: two paths."""
    return make_certificate(tmp_path)


def refusal(http, environ=KEY):
    with pytest.raises(ConfigError) as caught:
        prepare(http, environ)
    return caught.value.message


def test_a_door_for_this_computer_needs_nothing_and_generates_a_key(data_folder):
    opening = prepare(Http(), {})
    assert (opening.settings.host, opening.settings.port) == ("127.0.0.1", 60610)
    assert opening.key_file is not None
    assert opening.key_file.is_relative_to(data_folder)
    assert opening.key_file.stat().st_mode & 0o777 == 0o600
    assert opening.settings.single_user.key == opening.key_file.read_text().strip()
    assert prepare(Http(), {}).settings.single_user.key == opening.settings.single_user.key
    assert opening.warnings == []


def test_a_key_of_the_environment_is_used_and_none_is_generated(data_folder):
    opening = prepare(Http(), KEY)
    assert opening.settings.single_user.key == "0123abc"
    assert opening.key_file is None
    assert not data_folder.exists()


@pytest.mark.parametrize("addr", ["*:60610", "0.0.0.0:60610", "192.0.2.1", "beamline:60610", "[::]:60610"])
def test_beyond_this_computer_a_door_without_a_sign_in_is_refused(addr):
    assert refusal(Http(addr=addr), {}).startswith(f"With {addr}, other computers can reach the HTTP door, but nobody")


def test_beyond_this_computer_a_door_without_tls_warns(certificate):
    (warning,) = prepare(Http(addr="*"), KEY).warnings
    assert "without TLS" in warning
    assert prepare(Http(addr="*", behind_proxy=True), KEY).warnings == []
    cert, key = certificate
    assert prepare(Http(addr="*", ssl_certfile=cert, ssl_keyfile=key), KEY).warnings == []


@pytest.fixture
def with_providers(file):
    """A configuration with a sign-in provider."""
    providers = "authentication: {providers: [{provider: a, authenticator: pam}]}"
    return file(f"{providers}\naccess: {{rules: [{{anyone: true, roles: [user]}}]}}")


@pytest.mark.parametrize(
    ("service", "warns"),
    [
        (ServiceSettings(control_addr="ipc:///run/control", others_addr="tcp://*:60615"), True),
        (ServiceSettings(control_addr="tcp://beamline:60615"), True),
        (ServiceSettings(control_addr="tcp://[2001:db8::1]:60615"), True),
        (ServiceSettings(control_addr="tcp://beamline:60615", public_key="=" * 40), False),
        (ServiceSettings(control_addr="ipc:///run/control", others_addr="tcp://127.0.0.1:60615"), False),
        (ServiceSettings(control_addr="ipc:///run/control", others_addr="ipc:///run/others"), False),
        (ServiceSettings(control_addr="tcp://localhost:60615"), False),
        (ServiceSettings(control_addr="tcp://[::1]:60615"), False),
    ],
)
def test_with_users_an_open_control_socket_is_a_warning(with_providers, service, warns):
    warnings = prepare(Http(config=with_providers), {}, service=service).warnings
    assert [f"control socket {service.others_addr or service.control_addr}:" in text for text in warnings] == [
        True
    ] * warns
    assert prepare(Http(), KEY, service=service).warnings == []  # there are no roles


def test_the_warning_about_an_open_socket_says_how_to_start_this_service(with_providers):
    ours = {"control_addr": "ipc:///run/control", "info_addr": "ipc:///run/feed"}
    service = ServiceSettings(**ours, others_addr="tcp://*:60715", others_info_addr="tcp://*:60726")
    (warning,) = prepare(Http(config=with_providers), {}, service=service).warnings
    assert "--zmq-control-addr tcp://127.0.0.1:60715 --zmq-info-addr tcp://127.0.0.1:60726," in warning


def test_a_configuration_with_providers_is_a_sign_in(with_providers):
    opening = prepare(Http(addr="*", config=with_providers), {})
    assert opening.settings.sign_in.providers[0]["provider"] == "a"
    assert opening.key_file is None


def test_mistakes_about_sign_in_are_named_with_the_file(file):
    path = file("authentication: {provider: a}")
    assert refusal(Http(config=path), {}).startswith(f"{path}: Section 'authentication'")


def test_options_win_over_the_file_and_the_file_over_the_environment(file):
    environ = {**KEY, "QSERVER_HTTP_ADDRESS_FOR_SERVER": "127.0.0.1:1"}
    path = file("uvicorn: {host: '::1', port: 2, root_path: /a/, proxy_headers: true, forwarded_allow_ips: 10.0.0.1}")
    assert prepare(Http(), environ).http.addr == "127.0.0.1:1"
    opening = prepare(Http(config=path), environ)
    assert opening.http.addr == "[::1]:2"
    assert (opening.settings.root_path, opening.settings.behind_proxy) == ("/a", True)
    assert opening.settings.proxies == ("10.0.0.1",)
    opening = prepare(Http(config=path, addr="127.0.0.1:3", root_path="/b"), environ)
    assert (opening.http.addr, opening.settings.root_path) == ("127.0.0.1:3", "/b")


def test_the_service_comes_from_the_options_then_the_file_then_the_environment(file, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", "tcp://environment:1")
    assert prepare(Http(), KEY).settings.services[0].control_addr == "tcp://environment:1"
    assert prepare(Http(config=file("uvicorn:")), KEY).settings.services[0].control_addr == "tcp://environment:1"
    path = file("qserver_zmq_configuration: {control_address: 'tcp://file:1'}")
    assert prepare(Http(config=path), KEY).settings.services[0].control_addr == "tcp://file:1"
    option = ServiceSettings(control_addr="tcp://option:1")
    assert prepare(Http(config=path), KEY, service=option).settings.services == (option,)


def test_certificates_that_cannot_be_used_are_refused_with_the_reason(certificate, tmp_path):
    cert, key = certificate
    other = tmp_path / "other.pem"
    other.write_text("hello")
    assert "--ssl-keyfile needs --ssl-certfile" in refusal(Http(ssl_keyfile=key))
    assert f"{tmp_path}/no.pem: No such file" in refusal(Http(ssl_certfile=f"{tmp_path}/no.pem"))
    assert "and its key cannot be used" in refusal(Http(ssl_certfile=cert))
    assert "and its key cannot be used" in refusal(Http(ssl_certfile=cert, ssl_keyfile=str(other)))


def test_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path):
    cert, key = make_certificate(tmp_path, b"secret")
    assert "the key must have no password" in refusal(Http(ssl_certfile=cert, ssl_keyfile=key))


def test_options_of_a_door_alone_are_checked_like_those_of_the_service():
    options = {"http.behind_proxy": "ON", "http.root_path": "/a", "http.addr": "8080"}
    assert load_http(options, {"QSERVER_HTTP_SERVER_CONFIG": "/x.yml"}) == Http(
        addr="8080", behind_proxy=True, root_path="/a", config="/x.yml"
    )
    with pytest.raises(WrongOption, match="option --http: 'a:b' has an invalid port"):
        load_http({"http.addr": "a:b"}, {})


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("", None),
        ("access: {user_group: staff}", "staff"),
        ("resource_access: {policy: DefaultResourceAccessControl, args: {default_group: test_user}}", "test_user"),
    ],
)
def test_the_group_of_the_single_user_is_a_setting(file, text, group):
    assert prepare(Http(config=file(text)), KEY).settings.single_user.user_group == group
