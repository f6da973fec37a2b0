"""A real IPython shell that speaks to a whole manager with a scripted worker."""

import atexit

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from bluesky_qs.client.info import StatusFeed
from bluesky_qs.door.settings import SingleUser
from bluesky_qs.testing import NewLists, Wait

HTTP_KEY = "k3yOfTheTests"


@pytest.fixture
def bare_shell(tmp_path, monkeypatch):
    """A shell of its own, without the extension."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))  # where the lock key's file is
    monkeypatch.delenv("_QSERVER_RE_WORKER_ACTIVE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.colors = "nocolor"
    yield shell
    shell.run_line_magic("unload_ext", "ipython_extension")
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    InteractiveShell.clear_instance()


@pytest.fixture
def plan():
    """Makes plans as they are stored, for `bluesky_qs.testing.Manager.fill`."""

    def make(name, uid, *args, **kwargs):
        item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
        return item | {"item_uid": uid, "user": "ada", "user_group": "admin"}

    return make


@pytest.fixture
def opened(qs_manager):
    """A manager whose environment is open."""
    qs_manager.open()
    return qs_manager


@pytest.fixture
def running(opened):
    """A manager whose plan runs until the test says otherwise."""
    opened.worker.on_plan("count", Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    return opened


@pytest.fixture
def bring(opened):
    """Brings the manager into a state: idle with a plan in the queue, running or paused."""

    def bring(state):
        if not opened.do("status")["items_in_queue"]:
            opened.add("count", ["det1"])
        if state in ("running", "paused"):
            opened.worker.on_plan("count", Wait())
            opened.do("queue_start")
            opened.wait_until(lambda _: opened.worker.is_waiting)
        if state == "paused":
            opened.do("re_pause", option="immediate")
            opened.wait_until(lambda status: status["manager_state"] == "paused")

    return bring


@pytest.fixture
def update(opened):
    """Gives the worker other plans or devices."""

    def update(**lists):
        opened.worker.on_update(NewLists(**lists))
        opened.do("environment_update")
        opened.wait_idle()

    return update


@pytest.fixture
def at_looks(monkeypatch):
    """Lets the test act before the looks of somebody who waits: one action for each look, or None.

    An action is given the status at the look before. One that returns False is done again at the next look: it waits
    for a status that may be published late.
    """
    monkeypatch.setattr("ipython_extension.session.waiting._LOOK", 0.01)
    monkeypatch.setattr("ipython_extension.words.waits._SHORT_PAUSE", 0.0)
    next_status = StatusFeed.next_status

    def set_actions(*actions):
        rest = list(actions)
        last = {}

        def look(self, seconds):
            if rest and (rest[0] is None or rest[0](last) is not False):
                del rest[0]
            status = next_status(self, seconds)
            last.update(status or {})
            return status

        monkeypatch.setattr(StatusFeed, "next_status", look)

    return set_actions


@pytest.fixture
def printed(monkeypatch):
    """What a wait prints above its progress line."""
    texts = []
    for stage in ("Nowhere", "Terminal"):  # it depends on how the tests are run which one a shell has
        monkeypatch.setattr(
            f"ipython_extension.live.progress_output.{stage}.put",
            lambda _self, lines: texts.extend(line.printed for line in lines),
        )
    return texts


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("over_http_too") and "protocol" in metafunc.fixturenames:
        metafunc.parametrize("protocol", ["0MQ", "HTTP"], indirect=True)


@pytest.fixture
def protocol(request):
    """How the shell reaches the manager: ``0MQ``, or ``HTTP`` too (marker ``over_http_too``)."""
    return getattr(request, "param", "0MQ")


@pytest.fixture
def shell(bare_shell, qs_manager, monkeypatch, protocol, request):
    """A shell with the extension, which speaks to a whole manager."""
    if protocol == "HTTP":
        user = SingleUser(key=HTTP_KEY, name="ada", user_group="admin")
        door = request.getfixturevalue("new_http_door")(qs_manager, single_user=user)
        monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEY", HTTP_KEY)
        bare_shell.config.QSMagics.http_server_uri = door.url
    monkeypatch.setenv("QSERVER_USER", "ada")
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    return bare_shell


@pytest.fixture
def qs(shell):
    """Runs a line after ``%qs`` against a whole manager; the result comes back, an error is raised."""

    def run(line):
        result = shell.run_cell(f"%qs {line}", store_history=False)
        result.raise_error()
        return result.result

    return run
