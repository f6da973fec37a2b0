import json

import pytest

from bluesky_qs.api import METHODS
from bluesky_qs.words import helptext
from bluesky_qs.words.arguments import FileContents
from bluesky_qs.words.forms import MONITOR, QSERVER, SECTIONS, SPREADSHEET

COUNT = {"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 1}}
PLAN = {"item_type": "plan", **COUNT}
STOP = {"item_type": "instruction", "name": "queue_stop"}
TEXT = json.dumps(COUNT)

LINES = [
    # the user's tutorials
    (["status"], "status", {}),
    (["environment", "open"], "environment_open", {}),
    (["environment", "close"], "environment_close", {}),
    (["environment", "destroy"], "environment_destroy", {}),
    (["allowed", "plans"], "plans_allowed", {}),
    (["allowed", "functions"], "functions_allowed", {}),
    (["allowed", "devices"], "devices_allowed", {}),
    (["device", "read"], "device_read", {}),
    (["device", "read", "motor", "stage.x"], "device_read", {"names": ["motor", "stage.x"]}),
    (["queue", "clear"], "queue_clear", {}),
    (["queue", "get"], "queue_get", {}),
    (["queue", "add", "plan", TEXT], "queue_item_add", {"item": PLAN}),
    (["queue", "add", "plan", "front", TEXT], "queue_item_add", {"item": PLAN, "pos": "front"}),
    (["queue", "add", "instruction", "-2", "queue-stop"], "queue_item_add", {"item": STOP, "pos": -2}),
    (["queue", "dryrun", "plan", TEXT], "item_dry_run", {"item": PLAN}),
    (["queue", "dryrun"], "queue_dry_run", {}),
    (["queue", "dryrun", "background"], "queue_dry_run", {"run_in_background": True}),
    (["history", "clear"], "history_clear", {}),
    (["queue", "start"], "queue_start", {}),
    (["start"], "queue_start", {}),
    (["queue", "stop"], "queue_stop", {}),
    (["queue", "stop", "cancel"], "queue_stop_cancel", {}),
    (["re", "pause"], "re_pause", {}),
    (["re", "pause", "immediate"], "re_pause", {"option": "immediate"}),
    (["re", "resume"], "re_resume", {}),
    (["re", "stop"], "re_stop", {}),
    (["re", "abort"], "re_abort", {}),
    (["re", "halt"], "re_halt", {}),
    (["queue", "execute", "plan", TEXT], "queue_item_execute", {"item": PLAN}),
    (["history", "get"], "history_get", {}),
    (
        ["function", "execute", '{"name": "function_sleep", "args": [60], "kwargs": {}}', "background"],
        "function_execute",
        {
            "item": {"item_type": "function", "name": "function_sleep", "args": [60], "kwargs": {}},
            "run_in_background": True,
        },
    ),
    (["task", "status", "6d23"], "task_status", {"task_uid": "6d23"}),
    (["task", "result", "6d23"], "task_result", {"task_uid": "6d23"}),
    (["script", "upload", "test_script.py"], "script_upload", {"script": FileContents("test_script.py", "text")}),
    (["lock", "info"], "lock_info", {}),
    (["lock", "environment", "Do not unlock!"], "lock", {"environment": True, "note": "Do not unlock!"}),
    (["lock", "queue"], "lock", {"queue": True}),
    (["lock", "queue", ""], "lock", {"queue": True, "note": ""}),
    (["lock", "queue", "Queue"], "lock", {"queue": True, "note": "Queue"}),
    (["lock", "all"], "lock", {"environment": True, "queue": True}),
    (["unlock"], "unlock", {}),
    (["permissions", "get"], "permissions_get", {}),
    (
        ["permissions", "set", "new.yaml"],
        "permissions_set",
        {"user_group_permissions": FileContents("new.yaml", "yaml")},
    ),
    # the rest of what existing scripts say
    (["ping"], "ping", {}),
    (["config"], "config_get", {}),
    (["monitor"], MONITOR, {}),
    (["spreadsheet", "count"], SPREADSHEET, {"plan": "count"}),
    (["spreadsheet", "count", "a.xlsx"], SPREADSHEET, {"plan": "count", "file": "a.xlsx"}),
    (["queue", "add", "spreadsheet", "a.xlsx"], "queue_item_add_batch", {
        "items": FileContents("a.xlsx", "spreadsheet"),
    }),
    (["queue", "add", "spreadsheet", "front", "a.csv"], "queue_item_add_batch", {
        "items": FileContents("a.csv", "spreadsheet"), "pos": "front",
    }),
    (["environment", "update", "background"], "environment_update", {"run_in_background": True}),
    (["queue", "add", "plan", "3", TEXT], "queue_item_add", {"item": PLAN, "pos": 3}),
    (["queue", "add", "plan", "before", "u1", TEXT], "queue_item_add", {"item": PLAN, "before_uid": "u1"}),
    (["queue", "add", "plan", "after", "u1", TEXT], "queue_item_add", {"item": PLAN, "after_uid": "u1"}),
    (["queue", "add", "plan", "{'name': 'count', 'kwargs': {'md': None}}"], "queue_item_add", {
        "item": {"item_type": "plan", "name": "count", "kwargs": {"md": None}},
    }),
    (["queue", "update", "plan", TEXT], "queue_item_update", {"item": PLAN}),
    (["queue", "update", "plan", "u1", TEXT], "queue_item_update", {"item": {**PLAN, "item_uid": "u1"}}),
    (["queue", "replace", "plan", "u1", TEXT], "queue_item_update", {
        "item": {**PLAN, "item_uid": "u1"},
        "replace": True,
    }),
    (["queue", "update", "instruction", "u1", "queue-stop"], "queue_item_update", {"item": {**STOP, "item_uid": "u1"}}),
    (["queue", "execute", "instruction", "queue-stop"], "queue_item_execute", {"item": STOP}),
    (["queue", "autostart", "enable"], "queue_autostart", {"enable": True}),
    (["queue", "autostart", "disable"], "queue_autostart", {"enable": False}),
    (["queue", "mode", "set", "loop", "True", "ignore_failures", "False"], "queue_mode_set", {
        "mode": {"loop": True, "ignore_failures": False},
    }),
    (["queue", "mode", "set", "default"], "queue_mode_set", {"mode": "default"}),
    (["queue", "mode", "set"], "queue_mode_set", {"mode": {}}),
    (["queue", "mode", "set", "loop", "maybe"], "queue_mode_set", {"mode": {"loop": "maybe"}}),
    (["queue", "item", "get"], "queue_item_get", {}),
    (["queue", "item", "get", "-1"], "queue_item_get", {"pos": -1}),
    (["queue", "item", "get", "u1"], "queue_item_get", {"uid": "u1"}),
    (["queue", "item", "remove", "front"], "queue_item_remove", {"pos": "front"}),
    (["queue", "item", "move", "0", "-1"], "queue_item_move", {"pos": 0, "pos_dest": -1}),
    (["queue", "item", "move", "u1", "after", "u2"], "queue_item_move", {"uid": "u1", "after_uid": "u2"}),
    (["history", "get", "5"], "history_get", {"limit": 5}),
    (["history", "get", "search", "Cu", "S0"], "history_get", {"search": "Cu S0"}),
    (["history", "get", "5", "search", "Cu foil"], "history_get", {"limit": 5, "search": '"Cu foil"'}),
    (["history", "get", "--search", "Cu"], "history_get", {"search": "Cu"}),
    (["history", "clear", "10"], "history_clear", {"size": 10}),
    (["history", "clear", "u1"], "history_clear", {"item_uid": "u1"}),
    (["existing", "plans"], "plans_existing", {}),
    (["existing", "devices"], "devices_existing", {}),
    (["permissions", "reload"], "permissions_reload", {}),
    (["permissions", "reload", "lists"], "permissions_reload", {"restore_plans_devices": True}),
    (["re", "runs"], "re_runs", {}),
    (["re", "runs", "open"], "re_runs", {"option": "open"}),
    (["re", "metadata"], "re_metadata", {}),
    (["documents", "get"], "documents_get", {}),
    (["documents", "get", "0"], "documents_get", {"limit": 0}),
    (["documents", "get", "u1"], "documents_get", {"item_uid": "u1"}),
    (["documents", "get", "u1", "5"], "documents_get", {"item_uid": "u1", "limit": 5}),
    (["script", "upload", "x.py", "keep-lists", "background", "update-re"], "script_upload", {
        "script": FileContents("x.py", "text"),
        "update_lists": False,
        "run_in_background": True,
        "update_re": True,
    }),
    (["kernel", "interrupt", "plan", "task"], "kernel_interrupt", {"interrupt_task": True, "interrupt_plan": True}),
    (["manager", "stop"], "manager_stop", {}),
    (["manager", "stop", "safe", "off"], "manager_stop", {"option": "safe_off"}),
    (["manager", "kill", "test"], "manager_kill", {}),
    # ours
    (["queue", "add", "batch", "front", f"[{TEXT}, {json.dumps(STOP)}]"], "queue_item_add_batch", {
        "items": [PLAN, STOP],
        "pos": "front",
    }),
    (["queue", "item", "remove", "batch", "u1", "u2"], "queue_item_remove_batch", {"uids": ["u1", "u2"]}),
    (["queue", "item", "move", "batch", "u1", "u2", "before", "u3"], "queue_item_move_batch", {
        "uids": ["u1", "u2"],
        "before_uid": "u3",
    }),
    (["queue", "item", "status", "u1"], "item_status", {"item_uid": "u1"}),
    (["queue", "check", "plan", TEXT], "item_check", {"item": PLAN}),
    (["environment", "report"], "environment_report", {}),
    (["events", "get"], "events_get", {"since": 0}),
    (["events", "get", "7"], "events_get", {"since": 7}),
    (["console", "get", "7"], "console_get", {"since": 7}),
    (["input", "reply", "u1", "yes", "please"], "input_reply", {"input_uid": "u1", "text": "yes please"}),
    (["input", "reply", "u1", ""], "input_reply", {"input_uid": "u1", "text": ""}),
    (["input", "reply", "u1"], "input_reply", {"input_uid": "u1"}),
    (["call", "re_pause", "option=immediate"], "re_pause", {"option": "immediate"}),
    (["call", "history_get", "limit=5", "name='a b'"], "history_get", {"limit": 5, "name": "a b"}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "method", "params"), LINES, ids=[" ".join(words)[:40] for words, *_ in LINES])
def test_a_line_is_its_request(words, method, params):
    assert QSERVER.parse(words) == (method, params)


def test_every_method_has_a_command():
    assert {form.method for form in QSERVER.forms} - {MONITOR, SPREADSHEET, "call"} == set(METHODS)


def test_every_parameter_of_a_line_is_one_of_its_method():
    for words, method, params in LINES:
        if method not in (MONITOR, SPREADSHEET):
            assert set(params) <= set(METHODS[method].parameters), words


def test_no_two_forms_begin_with_the_same_words():
    words = [form.words for form in QSERVER.forms]
    assert len(set(words)) == len(words)


def test_help_shows_every_form_within_80_columns():
    text = helptext.overview(SECTIONS)
    assert max(map(len, text.splitlines())) <= 80
    for form in QSERVER.forms:
        assert form.usage in text
