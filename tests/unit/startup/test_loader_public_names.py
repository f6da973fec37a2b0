"""What startup code imports from the package: public names, devices of happi, the namespace for imported modules."""

import inspect
import subprocess
import sys

import pytest

import bluesky_qs
from bluesky_qs import is_ipython_mode, is_re_worker_active, load_devices_from_happi
from bluesky_qs.startup.namespace import get_user_ns, global_user_namespace, set_user_ns


def test_importing_the_package_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import bluesky_qs; print(*sorted(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["bluesky_qs", "bluesky_qs._version"]


@pytest.mark.parametrize("name", bluesky_qs.__all__)
def test_public_name_resolves(name):
    assert getattr(bluesky_qs, name)
    assert name in dir(bluesky_qs)


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bluesky_qs.nonsense  # noqa: B018


# --------------------------------------------------------------------------------------------------------------- where
@pytest.mark.parametrize(("value", "active"), [("1", True), ("0", False), ("", False), (None, False)])
def test_the_environment_variable_shows_whether_a_worker_is_active(monkeypatch, value, active):
    monkeypatch.delenv("_QSERVER_RE_WORKER_ACTIVE", raising=False)
    if value is not None:
        monkeypatch.setenv("_QSERVER_RE_WORKER_ACTIVE", value)
    assert is_re_worker_active() is active


def test_the_plain_workers_shell_is_no_ipython_mode(startup, monkeypatch):
    monkeypatch.setenv("_QSERVER_RE_WORKER_ACTIVE", "1")
    namespace, _ = startup({"00.py": "from bluesky_qs import is_ipython_mode\nget_ipython()\nmode = is_ipython_mode()"})
    assert namespace["mode"] is False


def test_worker_with_a_kernel_is_ipython(monkeypatch):
    monkeypatch.setenv("_QSERVER_RE_WORKER_ACTIVE", "1")
    monkeypatch.setenv("_QSERVER_RUNNING_IPYTHON_KERNEL", "1")
    assert is_ipython_mode()


def test_ipython_session_is_ipython():
    code = "from bluesky_qs import is_ipython_mode, is_re_worker_active as a; print(is_ipython_mode(), a())"
    command = [sys.executable, "-m", "IPython", "--no-banner", "--quick", "--HistoryManager.enabled=False", "-c", code]
    assert "True False" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


# ----------------------------------------------------------------------------------------------------------- namespace
@pytest.fixture
def user_ns(clean_process):
    namespace = {"x": 5}
    global_user_namespace.set_user_namespace(user_ns=namespace)
    return namespace


def test_functions_of_imported_modules_get_the_namespace(user_ns):
    @set_user_ns
    def f(n, user_ns):
        return user_ns["x"] * n

    assert f(2) == 10
    assert list(inspect.signature(f).parameters) == ["n"]
    assert get_user_ns() is user_ns


def test_plans_get_it_too_and_remain_plans(user_ns):
    @set_user_ns
    def plan(n, *, user_ns, ipython):
        yield (user_ns["x"], n, ipython)
        return "done"

    assert inspect.isgeneratorfunction(plan)
    assert list(plan(1)) == [(5, 1, None)]


def test_namespace_that_is_given_wins(user_ns):
    @set_user_ns
    def f(user_ns):
        return user_ns

    assert f(user_ns={}) == {}


# --------------------------------------------------------------------------------------------------------------- happi
@pytest.fixture
def happi(tmp_path, monkeypatch, clean_process):
    """A happi with three devices, two of which have the same name."""
    (tmp_path / "happi.py").write_text(
        "class Device:\n"
        "    def __init__(self, name): self.name = name\n"
        "class Found:\n"
        "    def __init__(self, name): self.name = name\n"
        "    def get(self): return Device(self.name)\n"
        "class Client:\n"
        "    @classmethod\n"
        "    def from_config(cls): return cls()\n"
        "    def search(self, name): return [Found(n) for n in ('mono-x', 'det', 'twin', 'twin') if n == name]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "happi", raising=False)
    yield
    sys.modules.pop("happi", None)


def test_devices_of_happi_are_put_into_the_namespace(happi):
    namespace = {}
    assert load_devices_from_happi(["det", ("mono-x", "mono_x")], namespace=namespace) == ["det", "mono_x"]
    assert (namespace["det"].name, namespace["mono_x"].name) == ("det", "mono_x")


@pytest.mark.parametrize(
    ("name", "reason"), [("twin", "has 2 device"), ("none", "has no device"), ("mono-x", "Python identifier")]
)
def test_device_that_cannot_be_loaded_leaves_the_namespace_alone(happi, name, reason):
    namespace = {}
    with pytest.raises((KeyError, ValueError), match=reason):
        load_devices_from_happi(["det", name], namespace=namespace)
    assert namespace == {}


def test_missing_happi_is_named():
    code = "import sys; sys.modules['happi'] = None; import bluesky_qs\n"
    code += "bluesky_qs.load_devices_from_happi(['a'], namespace={})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: happi is not installed" in done.stderr
