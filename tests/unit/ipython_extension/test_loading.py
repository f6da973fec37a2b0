"""Loading and unloading: what it leaves in the session, and what it does not do."""

import subprocess
import sys
import threading

import pytest

from bluesky_qs.client.sync import REManagerAPI


def test_loading_registers_the_magics_and_the_client(shell):
    assert shell.find_line_magic("qs")
    assert shell.find_cell_magic("qs")
    assert isinstance(shell.user_ns["RM"], REManagerAPI)


def test_loading_sends_nothing_and_leaves_no_thread(bare_shell, qs_manager):
    before = threading.active_count()
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    assert threading.active_count() == before
    assert qs_manager.requests == []


@pytest.mark.parametrize("again", ["load_ext", "reload_ext"])
def test_loading_twice_is_the_same_as_once(shell, again):
    count = len(shell.configurables)
    shell.run_line_magic(again, "ipython_extension")
    assert len(shell.configurables) == count
    assert shell.find_line_magic("qs")


def test_loading_keeps_what_the_name_holds(bare_shell):
    bare_shell.user_ns["RM"] = "mine"
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    assert bare_shell.user_ns["RM"] == "mine"


def test_unloading_takes_everything_away(bare_shell):
    shell = bare_shell
    transformers = list(shell.input_transformers_cleanup)
    shell.run_line_magic("load_ext", "ipython_extension")
    shell.run_line_magic("unload_ext", "ipython_extension")
    assert shell.find_line_magic("qs") is None
    assert shell.find_cell_magic("qs") is None
    assert "RM" not in shell.user_ns
    assert shell.input_transformers_cleanup == transformers
    assert not [each for each in shell.configurables if type(each).__name__ == "QSMagics"]


def test_unloading_leaves_a_client_that_the_user_put_there(shell):
    shell.user_ns["RM"] = "mine"
    shell.run_line_magic("unload_ext", "ipython_extension")
    assert shell.user_ns["RM"] == "mine"


def test_in_a_worker_loading_does_nothing(bare_shell, monkeypatch):
    monkeypatch.setenv("_QSERVER_RE_WORKER_ACTIVE", "1")
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    assert bare_shell.find_line_magic("qs") is None
    assert "RM" not in bare_shell.user_ns


def test_bluesky_qs_forwards_the_extension(bare_shell):
    bare_shell.run_line_magic("load_ext", "bluesky_qs")
    assert bare_shell.find_line_magic("qs")


def test_settings_made_before_loading_count(bare_shell):
    bare_shell.config.QSMagics.control_addr = "tcp://elsewhere:1"
    bare_shell.config.QSMagics.name = "queue"
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    assert bare_shell.user_ns["queue"].settings.control_addr == "tcp://elsewhere:1"


def test_settings_made_after_loading_count(shell, qs, qs_manager):
    shell.run_line_magic("config", "QSMagics.user = 'grace'")
    qs("add count([det1])")
    assert qs_manager.do("queue_get")["items"][0]["user"] == "grace"
    assert shell.user_ns["RM"].user == "grace"


def test_a_client_of_the_user_is_the_one_that_is_used(shell, qs, qs_manager):
    shell.user_ns["RM"] = REManagerAPI(qs_manager.control, user="grace", request_fail_exceptions=False)
    qs("add count([det1])")
    assert qs_manager.do("queue_get")["items"][0]["user"] == "grace"
    shell.user_ns["RM"].close()


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S; before = set(sys.modules); "
        "S.instance().run_line_magic('load_ext', 'ipython_extension'); print(*set(sys.modules) - before)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"pydantic", "redis", "yaml", "numpy", "bluesky", "ophyd"}
    assert "ipython_extension.words.dispatch" not in run.stdout.split()
