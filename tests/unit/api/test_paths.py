"""Verb, path and scope of each method over HTTP: the community's as its clients know them, and ours as specified."""

import pytest

from bluesky_qs.api import METHODS
from bluesky_qs.api.paths import ALIASES, PATHS, derived

#: method, path, name of the 0MQ method, scope: as the clients of the community's server have them.
THEIRS = """
GET /ping ping read:status
GET /status status read:status
GET /config/get config_get read:config
POST /queue/autostart queue_autostart write:queue:control
POST /queue/mode/set queue_mode_set write:queue:control
GET /queue/get queue_get read:queue
POST /queue/clear queue_clear write:queue:edit
POST /queue/start queue_start write:queue:control
POST /queue/stop queue_stop write:queue:control
POST /queue/stop/cancel queue_stop_cancel write:queue:control
POST /queue/item/add queue_item_add write:queue:edit
POST /queue/item/execute queue_item_execute write:execute
POST /queue/item/add/batch queue_item_add_batch write:queue:edit
POST /queue/item/update queue_item_update write:queue:edit
POST /queue/item/remove queue_item_remove write:queue:edit
POST /queue/item/remove/batch queue_item_remove_batch write:queue:edit
POST /queue/item/move queue_item_move write:queue:edit
POST /queue/item/move/batch queue_item_move_batch write:queue:edit
GET /queue/item/get queue_item_get read:queue
GET /history/get history_get read:history
POST /history/clear history_clear write:history:edit
POST /environment/open environment_open write:manager:control
POST /environment/close environment_close write:manager:control
POST /environment/destroy environment_destroy write:manager:control
POST /environment/update environment_update write:queue:control
POST /re/pause re_pause write:plan:control
POST /re/resume re_resume write:plan:control
POST /re/stop re_stop write:plan:control
POST /re/abort re_abort write:plan:control
POST /re/halt re_halt write:plan:control
POST /re/runs re_runs read:monitor
GET /re/metadata re_metadata read:monitor
GET /plans/allowed plans_allowed read:resources
GET /devices/allowed devices_allowed read:resources
GET /plans/existing plans_existing read:resources
GET /devices/existing devices_existing read:resources
POST /permissions/reload permissions_reload write:config
GET /permissions/get permissions_get read:config
POST /permissions/set permissions_set write:permissions
POST /function/execute function_execute write:execute
POST /script/upload script_upload write:scripts
GET /task/status task_status read:monitor
GET /task/result task_result read:monitor
POST /kernel/interrupt kernel_interrupt write:queue:control
POST /lock lock write:lock
POST /unlock unlock write:lock
GET /lock/info lock_info read:lock
POST /manager/stop manager_stop write:manager:stop
POST /test/manager/kill manager_kill write:testing
"""
OURS = """
GET /item/status item_status read:queue
GET /item/check item_check read:queue
GET /events events_get read:monitor
GET /documents documents_get read:monitor
GET /environment/report environment_report read:monitor
GET /device/read device_read read:monitor
GET /item/dry/run item_dry_run read:queue
GET /queue/dry/run queue_dry_run read:queue
GET /console console_get read:console
GET /functions/allowed functions_allowed read:resources
POST /queue/undo queue_undo write:queue:edit
POST /queue/item/update/batch queue_item_update_batch write:queue:edit
POST /input/reply input_reply write:execute
"""
BODY_REQUIRED = """
queue/autostart queue/mode/set queue/item/execute queue/item/add/batch queue/item/update queue/item/remove
queue/item/remove/batch queue/item/move queue/item/move/batch permissions/set function/execute script/upload task/status
task/result lock unlock lock/info
"""


def rows(table):
    return [line.split() for line in table.strip().splitlines()]


@pytest.mark.parametrize(("verb", "path", "method", "scope"), rows(THEIRS) + rows(OURS))
def test_a_method_has_the_verb_path_and_scope_that_clients_know(verb, path, method, scope):
    assert PATHS[method][:3] == (method, verb, path)
    assert METHODS[method].scope == scope


def test_every_method_has_exactly_one_path():
    assert PATHS.keys() == METHODS.keys()
    places = [(path.verb, path.path) for path in PATHS.values()] + [(alias.verb, alias.path) for alias in ALIASES]
    assert len(set(places)) == len(places)


def test_only_the_community_s_methods_insist_on_a_body():
    assert {path.path[1:] for path in PATHS.values() if path.body_required} == set(BODY_REQUIRED.split())


def test_aliases_have_parameters_of_their_methods():
    for alias in ALIASES:
        METHODS[alias.method].arguments(alias.params)


def test_the_path_of_a_new_method_comes_from_its_name_and_scope():
    assert derived(METHODS["events_get"]) == ("events_get", "GET", "/events", False)
    assert derived(METHODS["queue_undo"]) == ("queue_undo", "POST", "/queue/undo", False)
