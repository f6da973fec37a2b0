"""Chapters for what only bluesky-queueserver-api has, or what needs a service of a certain kind."""

import getpass
from pathlib import Path

from common import BFunc, add, done, opened, refused


async def names_and_keys(RM):
    """Who asks, and the key that is kept in a file."""
    RM.set_user_name_to_login_name()
    assert RM.user == getpass.getuser()
    RM.default_lock_key_path = Path.home() / "keys" / "default.yaml"
    key = RM.get_default_lock_key(new_key=True)
    RM.lock_key = key
    await done(RM.lock_all())
    RM.lock_key = "another"
    RM.enable_locked_api = True
    with refused(RM, "Invalid lock key"):
        await add(RM, 1)
    RM.lock_key = RM.get_default_lock_key()
    await add(RM, 1)
    await done(RM.unlock())
    RM.set_default_lock_key("my-own-key")
    assert RM.get_default_lock_key() == "my-own-key"
    assert (await done(RM.status()))["lock"] == {"environment": False, "queue": False}


async def monitors_in_detail(RM):
    """What a monitor keeps can be limited, thrown away, and switched off."""
    assert RM.protocol.name in ("ZMQ", "HTTP")
    RM.console_monitor.text_max_lines = 50
    RM.console_monitor.enable()
    RM.system_info_monitor.enable()
    await done(RM.system_info_monitor.next_msg(timeout=30))
    await opened(RM)
    text = await printed(RM, "print(*range(100), sep='\\n')\nprint('that is all')", "that is all")
    # The log of the service is in the console too: its lines about the script may follow.
    assert [line for line in text.splitlines() if not line.startswith("[")][-1] == "that is all"
    assert len((await done(RM.console_monitor.text())).splitlines()) <= 50
    RM.console_monitor.clear()
    assert "that is all" not in await done(RM.console_monitor.text())
    RM.system_info_monitor.clear()
    for monitor in (RM.console_monitor, RM.system_info_monitor):
        monitor.disable()
        await done(monitor.disable_wait(timeout=30))
        assert not monitor.enabled


async def printed(RM, script, last):
    """Run a script; the text up to the last line that it prints."""
    await done(RM.script_upload(script))
    text = ""
    while last + "\n" not in text:
        text += (await done(RM.console_monitor.next_msg(timeout=30)))["msg"]
    await done(RM.wait_for_idle(timeout=30))
    return text.rstrip("\n")


BUSY = """
import time

def wait_for_interrupt():
    try:
        print("begun", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        return "interrupted"
"""


async def kernel(RM):
    """With the worker in an IPython kernel."""
    await opened(RM)
    status = await done(RM.status())
    assert (status["ip_kernel_state"], status["ip_kernel_captured"]) == ("idle", False)
    info = (await done(RM.config_get()))["config"]["ip_connect_info"]
    assert {"key", "shell_port", "iopub_port"} <= info.keys()
    groups = (await done(RM.permissions_get()))["user_group_permissions"]
    groups["user_groups"][RM.user_group]["allowed_functions"] = [":.*"]
    await done(RM.permissions_set(groups))
    await done(RM.script_upload(BUSY))
    await done(RM.wait_for_idle(timeout=30))
    RM.console_monitor.enable()
    RM.system_info_monitor.enable()
    await done(RM.system_info_monitor.next_msg(timeout=30))
    uid = (await done(RM.function_execute(BFunc("wait_for_interrupt"))))["task_uid"]
    await done(RM.wait_for_condition(lambda s: s["worker_environment_state"] == "executing_task", timeout=30))
    with refused(RM, "Not allowed to interrupt running task"):
        await done(RM.kernel_interrupt())
    while (await done(RM.task_result(uid)))["status"] == "running":
        await done(RM.kernel_interrupt(interrupt_task=True))
        await done(RM.wait_for_completed_task(uid, timeout=30))
    result = (await done(RM.task_result(uid)))["result"]
    assert result["return_value"] == "interrupted" or "KeyboardInterrupt" in result["traceback"], result
