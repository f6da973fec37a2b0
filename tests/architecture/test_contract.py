"""The table of methods and everything that is derived from it say the same."""

import inspect
import typing

import pytest

from bluesky_qs.api import events, schema, values
from bluesky_qs.api.method import METHODS, Lock, Scope
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.ipc.states import EnvironmentState
from bluesky_qs.manager.edits import events as manager_events
from bluesky_qs.manager.worker.state import ManagerState
from bluesky_qs.plan_queue import events as changes

METHOD_LIST = sorted(METHODS.values(), key=lambda method: method.name)

#: The community's HTTP server asks for these; a method of ours beyond theirs is below the line.
SCOPES = {
    "ping": "read:status",
    "status": "read:status",
    "config_get": "read:config",
    "queue_autostart": "write:queue:control",
    "queue_mode_set": "write:queue:control",
    "queue_get": "read:queue",
    "queue_clear": "write:queue:edit",
    "queue_undo": "write:queue:edit",
    "queue_item_update_batch": "write:queue:edit",
    "queue_start": "write:queue:control",
    "queue_stop": "write:queue:control",
    "queue_stop_cancel": "write:queue:control",
    "queue_item_add": "write:queue:edit",
    "queue_item_execute": "write:execute",
    "queue_item_add_batch": "write:queue:edit",
    "queue_item_update": "write:queue:edit",
    "queue_item_remove": "write:queue:edit",
    "queue_item_remove_batch": "write:queue:edit",
    "queue_item_move": "write:queue:edit",
    "queue_item_move_batch": "write:queue:edit",
    "queue_item_get": "read:queue",
    "history_get": "read:history",
    "history_clear": "write:history:edit",
    "environment_open": "write:manager:control",
    "environment_close": "write:manager:control",
    "environment_destroy": "write:manager:control",
    "environment_update": "write:queue:control",
    "re_pause": "write:plan:control",
    "re_resume": "write:plan:control",
    "re_stop": "write:plan:control",
    "re_abort": "write:plan:control",
    "re_halt": "write:plan:control",
    "device_read": "read:monitor",
    "item_dry_run": "read:queue",
    "queue_dry_run": "read:queue",
    "estimates_get": "read:queue",
    "re_runs": "read:monitor",
    "re_metadata": "read:monitor",
    "plans_allowed": "read:resources",
    "functions_allowed": "read:resources",
    "devices_allowed": "read:resources",
    "plans_existing": "read:resources",  # the community's server lets anyone read them
    "devices_existing": "read:resources",
    "permissions_reload": "write:config",
    "permissions_get": "read:config",
    "permissions_set": "write:permissions",
    "function_execute": "write:execute",
    "script_upload": "write:scripts",
    "task_status": "read:monitor",
    "task_result": "read:monitor",
    "kernel_interrupt": "write:queue:control",
    "lock": "write:lock",
    "unlock": "write:lock",
    "lock_info": "read:lock",
    "manager_stop": "write:manager:stop",
    "manager_kill": "write:testing",
    # ------------------------------------
    "item_status": "read:queue",
    "item_check": "read:queue",
    "events_get": "read:monitor",
    "documents_get": "read:monitor",
    "environment_report": "read:monitor",
    "console_get": "read:console",
    "input_reply": "write:execute",
}

#: Keys of answers whose values come from the user or from user code.
USER_VALUES = {
    ("AssumedReading", "value"),
    ("Check", "arguments"),
    ("CheckedItem", "args"),
    ("CheckedItem", "kwargs"),
    ("CheckedItem", "meta"),
    ("CheckedItem", "properties"),
    ("DeviceReading", "value"),
    ("Document", "doc"),
    ("FieldReading", "value"),
    ("Finding", "value"),
    ("HistoryItem", "args"),
    ("HistoryItem", "kwargs"),
    ("HistoryItem", "meta"),
    ("HistoryItem", "properties"),
    ("Item", "args"),
    ("Item", "kwargs"),
    ("Item", "meta"),
    ("Item", "properties"),
    ("LastReading", "value"),
    ("Metadata", "re_metadata"),
    ("MotorRange", "end"),
    ("MotorRange", "start"),
    ("ParameterDescription", "default"),
    ("Result", "return_value"),
    ("RunningItem", "args"),
    ("RunningItem", "kwargs"),
    ("RunningItem", "meta"),
    ("TaskOutcome", "return_value"),
    ("WaitingFor", "start"),
    ("WaitingFor", "target"),
}


def names(method):
    return method.name


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_the_client_has_the_method_with_its_documentation(method):
    assert inspect.getdoc(getattr(REManagerAPI, method.name)).startswith(inspect.getdoc(method.stub))


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_a_method_that_a_lock_refuses_takes_the_key(method):
    assert (method.lock is Lock.NONE) or "lock_key" in method.parameters


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_the_first_line_of_the_documentation_is_a_sentence(method):
    first = inspect.getdoc(method.stub).splitlines()[0]
    assert first.endswith((".", ":")) or inspect.getdoc(method.stub).splitlines()[1]


def test_each_method_has_the_scope_that_the_community_asks_for():
    assert {method.name: method.scope for method in METHOD_LIST} == SCOPES
    assert set(SCOPES.values()) <= set(typing.get_args(Scope))


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_a_method_that_a_lock_refuses_is_not_for_readers(method):
    assert (method.lock is Lock.NONE) or method.scope.startswith("write:")


def test_only_values_of_users_are_of_any_type():
    found = set()
    for shape in schema.shapes():
        hints = typing.get_type_hints(shape)
        found |= {(shape.__name__, key) for key, hint in hints.items() if has_any(hint)}
    assert found == USER_VALUES


def test_states_in_the_status_are_those_of_the_manager_and_the_worker():
    assert typing.get_args(values.ManagerStateName) == tuple(map(str, ManagerState))
    assert typing.get_args(values.EnvironmentStateName) == tuple(map(str, EnvironmentState))


def test_every_event_of_the_manager_has_the_keys_that_the_contract_names():
    assert manager_events.LockChanged in made_events()
    made = {event.__struct_config__.tag: set(event.__struct_fields__) for event in made_events()}
    named = {}
    for shape in typing.get_args(events.AnyEvent):
        hints = typing.get_type_hints(shape)
        named[typing.get_args(hints["type"])[0]] = hints.keys() - {"type", "seq", "time"}
    assert made == named


def made_events():
    return [event for event in changes.Event.__subclasses__() if event.__struct_config__.tag]


def has_any(hint):
    return hint is typing.Any or (
        not typing.is_typeddict(hint) and any(has_any(each) for each in typing.get_args(hint) if each is not None)
    )
