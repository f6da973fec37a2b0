"""The configuration file of a door: sections of the community's server, and some of our own."""

import pytest

from bluesky_qs.door.configuration import Configuration, read
from bluesky_qs.door.settings import ServiceSettings
from bluesky_qs.errors import ConfigError

PUBLIC_KEY = "=E0[czQkp!!%0TL1LCJ5X[<wjYD[iV+p[yuaI0an"


@pytest.fixture
def file(tmp_path):
    def write(text, name="door.yml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def refusal(path, environ=None):
    with pytest.raises(ConfigError) as caught:
        read(path, environ or {})
    return caught.value.message


def test_without_a_file_everything_has_its_default():
    assert read(None, {}) == Configuration()


def test_the_service_of_the_community_s_section(file):
    path = file("""
qserver_zmq_configuration:
  control_address: tcp://a:1
  info_address: tcp://a:2
  encoding: msgpack
  public_key: ${PUBLIC}
""")
    expected = ServiceSettings(
        control_addr="tcp://a:1", info_addr="tcp://a:2", encoding="msgpack", public_key=PUBLIC_KEY
    )
    assert read(path, {"PUBLIC": PUBLIC_KEY}).services == (expected,)


def test_several_services_have_names_and_the_first_is_the_default(file):
    path = file("""
instruments:
  tomography: {control_address: "tcp://a:1", info_address: "tcp://a:2"}
  small-angle: {control_address: "tcp://b:1", info_address: "tcp://b:2"}
""")
    first, second = read(path, {}).services
    assert (first.name, first.control_addr) == ("tomography", "tcp://a:1")
    assert (second.name, second.info_addr) == ("small-angle", "tcp://b:2")


def test_key_of_the_environment_is_not_for_one_of_several_services(file, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_PUBLIC_KEY", PUBLIC_KEY)
    several = file("instruments: {a: {control_address: 'tcp://a:1', info_address: 'tcp://a:2'}}", "several.yml")
    assert read(several, {}).services[0].public_key is None
    assert read(file("qserver_zmq_configuration:"), {}).services[0].public_key == PUBLIC_KEY


def test_sections_about_sign_in_are_passed_on_with_their_variables_replaced(file):
    path = file("authentication: {providers: [{provider: a, args: {password: '${SECRET}'}}]}\ndatabase: {uri: b}")
    assert read(path, {"SECRET": "x"}).sign_in == {
        "authentication": {"providers": [{"provider": "a", "args": {"password": "x"}}]},
        "database": {"uri": "b"},
    }


def test_files_of_a_folder_belong_together(file, tmp_path):
    file("allow_origins: [https://a]", "a.yml")
    file("uvicorn: {port: 1}", "b.yaml")
    configuration = read(str(tmp_path), {})
    assert (configuration.allow_origins, configuration.uvicorn.port) == (("https://a",), 1)
    file("uvicorn: {port: 2}", "c.yml")
    assert "Section 'uvicorn' is defined twice" in refusal(str(tmp_path))


@pytest.mark.parametrize(
    "key",
    [
        "server_configuration.custom_routers",
        "server_configuration.custom_modules",
        "uvicorn.workers",
        "uvicorn.ssl_ciphers",
    ],
)
def test_what_is_not_supported_is_refused_by_name(file, key):
    section, _, name = key.partition(".")
    assert refusal(file(f"{section}: {{{name}: [x]}}")).startswith(f"{key} in ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uvicron: {port: 1}", "did you mean 'uvicorn'?"),
        ("uvicorn: {prot: 1}", "Object contains unknown field `prot`"),
        ("uvicorn: {port: x}", "Expected `int | null`, got `str` - at `$.port`"),
        ("allow_origins: x", "Section 'allow_origins'"),
        ("instruments: {a: {control_address: x}}", "instruments.a"),
        ("instruments: {'a b': {control_address: x, info_address: y}}", "The name 'a b'"),
        (
            "instruments: {'2bm': {control_address: x, info_address: y}}",
            "must consist of letters, digits, '-' and '_', and must not start with a digit",
        ),
        ("instruments: {}\nqserver_zmq_configuration: {}", "Keep only one of them"),
        ("database: {uri: '${NO}'}", "The environment variable NO, used in section 'database'"),
        ("- x", "must contain keys and values"),
    ],
)
def test_mistakes_are_named(file, text, message):
    path = file(text)
    assert message in refusal(path)
    assert path in refusal(path)
