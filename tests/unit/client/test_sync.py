import inspect
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bluesky_qs import errors
from bluesky_qs.api import METHODS
from bluesky_qs.client.codec import decode_response
from bluesky_qs.client.failures import ClientClosedError, refused_because
from bluesky_qs.client.items import BInst, BPlan
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.config.schema import Network, Settings
from bluesky_qs.wire.codec import encode
from bluesky_qs.wire.control import generate_keys

COUNT = BPlan("count", ["det1", "det2"], num=5)
UNKNOWN_ADMIN = {"success": False, "msg": "Unknown user group: 'admin'"}


def test_every_method_of_the_table_is_a_method_of_the_client():
    assert {name for name in METHODS if callable(getattr(REManagerAPI, name, None))} == set(METHODS)


def test_a_method_shows_signature_and_documentation_of_its_stub(RM):
    assert list(inspect.signature(RM.queue_item_add).parameters) == list(METHODS["queue_item_add"].parameters)
    assert "Says" not in str(inspect.signature(RM.queue_item_add))
    assert RM.queue_item_add.__doc__.startswith("Add an item to the queue")
    assert RM.queue_item_add.__name__ == "queue_item_add"
    assert "reload" in inspect.signature(RM.queue_get).parameters


def test_an_item_goes_out_with_user_and_group(accepting, RM):
    RM.user = "ana"
    RM.queue_item_add(COUNT, pos="front")
    assert accepting.asked("queue_item_add")[-1] == {
        "item": {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 5}},
        "pos": "front",
        "user": "ana",
        "user_group": "admin",
    }


def test_arguments_of_a_call_override_the_clients_defaults(accepting, RM):
    RM.queue_item_add(COUNT, user="bob", user_group="test_user")
    assert (accepting.asked("queue_item_add")[-1]["user"], accepting.asked("queue_item_add")[-1]["user_group"]) == (
        "bob",
        "test_user",
    )


def test_none_means_that_a_parameter_was_left_out(accepting, RM):
    RM.user = "ana"
    RM.queue_item_move(pos=0, uid=None, pos_dest="back", before_uid=None)
    assert accepting.asked("queue_item_move")[-1] == {"pos": 0, "pos_dest": "back", "user": "ana"}


def test_an_optional_parameter_of_ours_goes_out_if_the_service_lists_it(accepting, RM):
    RM.user = "ana"
    RM.queue_clear()
    RM.queue_item_remove(pos=0)
    assert accepting.requests == [
        ("status", {}),
        ("queue_clear", {"user": "ana"}),
        ("queue_item_remove", {"pos": 0, "user": "ana"}),
    ]


def test_a_service_that_does_not_list_an_optional_parameter_does_not_get_it(accepting, RM):
    accepting.answers["status"] = {"msg": "RE Manager v0.0.25"}
    RM.status()
    RM.queue_clear()
    assert accepting.requests == [("status", {}), ("queue_clear", {})]


def test_a_service_that_is_replaced_by_another_version_gets_the_request_again_as_it_takes_it(accepting, RM):
    RM.status()
    accepting.answers["status"] = {"msg": "RE Manager v0.0.25"}
    refused = {"success": False, "msg": "API request contains unsupported parameters: 'user'."}
    accepting.answers["queue_clear"] = lambda params: refused if params else {"success": True, "msg": ""}
    assert RM.queue_clear()["success"]
    assert accepting.asked("queue_clear")[-1] == {}


def test_a_request_with_an_id_is_sent_again_if_no_reply_arrives(accepting, RM):
    RM.status()
    replies = iter([None, {"success": True, "msg": ""}])
    accepting.answers["queue_clear"] = lambda params: next(replies)
    assert RM.queue_clear(request_id="one")["success"]
    assert [params["request_id"] for params in accepting.asked("queue_clear")] == ["one", "one"]


def test_a_request_without_an_id_is_sent_once(accepting, RM):
    RM.status()
    accepting.answers["queue_clear"] = None
    with pytest.raises(RM.RequestTimeoutError):
        RM.queue_clear()
    assert len(accepting.asked("queue_clear")) == 1


def test_a_request_id_is_not_sent_to_a_service_that_does_not_take_it(accepting, RM):
    accepting.answers["status"] = {"msg": "RE Manager v0.0.25"}
    with pytest.raises(errors.BadParams, match="does not support these parameters of queue_clear: request_id='one'"):
        RM.queue_clear(request_id="one")
    assert accepting.methods == ["status"]


def test_a_parameter_that_does_not_exist_is_an_error_at_the_call(accepting, RM):
    with pytest.raises(TypeError, match="positon"):
        RM.queue_item_add(COUNT, positon=1)
    assert accepting.requests == []


def test_the_community_names_are_the_same_methods(accepting, RM):
    RM.item_add(BInst("queue_stop"))
    RM.item_remove(pos=0)
    assert accepting.methods == ["queue_item_add", "status", "queue_item_remove"]


def test_modes_can_be_keywords(accepting, RM):
    RM.queue_mode_set(loop=True)
    assert accepting.asked("queue_mode_set")[-1]["mode"] == {"loop": True}
    RM.queue_mode_set(loop=False, ignore_failures=True, lock_key="k")
    sent = accepting.asked("queue_mode_set")[-1]
    assert (sent["mode"], sent["lock_key"]) == ({"loop": False, "ignore_failures": True}, "k")
    RM.queue_mode_set("default")
    assert accepting.asked("queue_mode_set")[-1]["mode"] == "default"
    RM.queue_mode_set(mode={"loop": True})
    assert accepting.asked("queue_mode_set")[-1]["mode"] == {"loop": True}


def test_answers_are_what_the_service_sent(accepting, RM):
    accepting.answers["queue_item_get"] = {"success": True, "msg": "", "item": {"name": "count"}, "extra": [1]}
    assert RM.queue_item_get() == accepting.answers["queue_item_get"]


def test_a_refusal_raises_the_class_that_the_answer_names(accepting, RM):
    accepting.answers["queue_item_add"] = {"success": False, "msg": "Plan 'x' is not allowed", "error": "InvalidPlan"}
    with pytest.raises(errors.InvalidPlan, match="Plan 'x' is not allowed") as caught:
        RM.queue_item_add(COUNT)
    assert isinstance(caught.value, RM.RequestFailedError)
    assert caught.value.response == accepting.answers["queue_item_add"]
    assert caught.value.request["method"] == "queue_item_add"
    assert pickle.loads(pickle.dumps(caught.value)).response == caught.value.response


def test_a_refusal_of_a_service_that_names_no_class_is_still_a_refusal(accepting, RM):
    accepting.answers["queue_start"] = {"success": False, "msg": "RE Worker environment is not open"}
    with pytest.raises(RM.RequestFailedError, match="not open") as caught:
        RM.queue_start()
    assert type(caught.value) is RM.RequestFailedError


def test_a_refusal_can_be_returned_instead(accepting, clean_environment):
    accepting.answers["queue_start"] = {"success": False, "msg": "no"}
    with REManagerAPI(accepting.control, request_fail_exceptions=False) as manager:
        assert manager.queue_start() == accepting.answers["queue_start"]


def test_a_client_that_returns_refusals_has_a_twin_that_raises_them(accepting, clean_environment):
    accepting.answers["queue_start"] = {"success": False, "msg": "no"}
    with REManagerAPI(accepting.control, request_fail_exceptions=False) as manager:
        twin = manager.raising()
        with pytest.raises(manager.RequestFailedError):
            twin.queue_start()
        twin.lock_key = "k"
        assert manager.lock_key == "k"
        assert manager.queue_start() == accepting.answers["queue_start"]


def test_a_missing_reply_is_an_error_with_the_address_and_the_command_to_start(accepting, clean_environment):
    accepting.answers["queue_start"] = None
    with REManagerAPI(accepting.control, timeout_recv=0.05) as manager:
        with pytest.raises(TimeoutError, match="start-re-manager") as caught:
            manager.queue_start()
        assert accepting.control in str(caught.value)
        assert isinstance(caught.value, manager.RequestTimeoutError)
        manager.status()  # the next request is not held up by the answer that did not come


def test_a_request_that_timed_out_is_not_carried_out_later(accepting, RM, clean_environment):
    accepting.stop()
    with REManagerAPI(accepting.control, timeout_recv=0.05) as hasty, pytest.raises(TimeoutError):
        hasty.queue_start()
    accepting.start()
    RM.status()
    assert accepting.methods == ["status"]


def test_a_client_works_after_a_restart_of_the_service(accepting, RM):
    RM.status()
    accepting.stop()
    accepting.start()
    assert RM.status()["manager_state"] == "idle"


def test_threads_ask_at_the_same_time(accepting, clean_environment):
    accepting.answers["queue_clear"] = None  # never answered: the thread that asks must not hold up the other
    with REManagerAPI(accepting.control, timeout_recv=1) as manager:

        def hang():
            with pytest.raises(TimeoutError):
                manager.queue_clear()

        thread = threading.Thread(target=hang)
        thread.start()
        accepting.wait_asked("queue_clear")
        assert manager.status()["manager_state"] == "idle"
        assert thread.is_alive()
        thread.join()


def test_a_group_that_nobody_chose_becomes_primary_where_admin_is_unknown(accepting, RM):
    accepting.answers["queue_item_add"] = lambda params: (
        UNKNOWN_ADMIN if params["user_group"] == "admin" else {"success": True, "msg": ""}
    )
    RM.queue_item_add(COUNT)
    RM.queue_item_add(COUNT)
    assert [params["user_group"] for _, params in accepting.requests] == ["admin", "primary", "primary"]
    assert RM.user_group == "primary"


def test_a_group_that_somebody_chose_is_not_replaced(accepting, RM):
    accepting.answers["queue_item_add"] = UNKNOWN_ADMIN
    RM.user_group = "admin"
    with pytest.raises(RM.RequestFailedError, match="Unknown user group: 'admin'"):
        RM.queue_item_add(COUNT)
    assert len(accepting.requests) == 1


def test_if_neither_group_exists_the_first_refusal_is_raised(accepting, RM):
    accepting.answers["plans_allowed"] = lambda params: {
        "success": False,
        "msg": f"Unknown user group: {params['user_group']!r}",
    }
    with pytest.raises(RM.RequestFailedError, match="'admin'"):
        RM.plans_allowed()
    assert RM.user_group == "admin"


def test_the_user_of_a_pause_goes_to_a_service_that_lists_the_parameter(qs_manager, RM):
    RM.user = "grace"
    qs_manager.answers["re_pause"] = {"success": True, "msg": ""}
    RM.re_pause("immediate")
    assert qs_manager.asked("re_pause")[-1] == {"option": "immediate", "user": "grace"}


@pytest.mark.parametrize("extensions", [{}, {"extensions": []}])
def test_the_user_of_a_pause_does_not_go_to_a_service_that_would_refuse_it(accepting, RM, extensions):
    accepting.answers["status"] = {"manager_state": "executing_queue", **extensions}
    RM.re_pause("immediate")
    assert accepting.asked("re_pause")[-1] == {"option": "immediate"}
    with pytest.raises(errors.BadParams, match="user='grace'"):  # the caller wants it
        RM.re_pause("immediate", user="grace")
    assert len(accepting.asked("re_pause")) == 1


def test_the_lock_key_goes_where_a_lock_may_refuse(accepting, RM):
    RM.lock_key = "secret"
    RM.environment_open()
    RM.unlock()
    RM.lock_info()
    RM.status()
    sent = {method: params.get("lock_key") for method, params in accepting.requests}
    assert sent == {"environment_open": "secret", "unlock": "secret", "lock_info": None, "status": None}


def test_with_the_locked_api_disabled_the_key_only_locks_and_unlocks(accepting, RM):
    RM.lock_key = "secret"
    RM.enable_locked_api = False
    RM.environment_open()
    RM.lock_all(note="mine")
    assert "lock_key" not in accepting.asked("environment_open")[-1]
    assert accepting.asked("lock")[-1] == {
        "lock_key": "secret",
        "environment": True,
        "queue": True,
        "note": "mine",
        "user": RM.user,
    }


def test_a_list_is_downloaded_again_only_when_its_uid_changed(qs_manager, RM):
    item = qs_manager.add("count", ["det1"])
    RM.queue_get()["items"].clear()  # what a caller does to an answer is not in the next one
    assert RM.queue_get()["items"] == [item]
    assert qs_manager.methods.count("queue_get") == 1
    qs_manager.add("count", ["det2"])
    RM.queue_get()
    assert qs_manager.methods.count("queue_get") == 2
    RM.queue_get(reload=True)
    assert qs_manager.methods.count("queue_get") == 3


def test_lists_of_two_groups_are_not_confused(RM):
    everything = RM.plans_allowed("admin")["plans_allowed"]
    assert set(RM.plans_allowed("test_user")["plans_allowed"]) < set(everything)
    assert RM.plans_allowed("admin")["plans_allowed"] == everything


def test_arrays_go_out_as_lists_and_nan_stays(accepting, RM):
    RM.queue_item_add(BPlan("list_scan", ["det"], "motor", np.array([1.5, 2.5]), np.int64(3), float("nan")))
    args = accepting.asked("queue_item_add")[-1]["item"]["args"]
    assert args[2:4] == [[1.5, 2.5], 3]
    assert np.isnan(args[4])


def test_what_has_no_json_form_is_refused_by_its_type(accepting, RM):
    with pytest.raises(errors.BadParams, match="set"):
        RM.queue_item_add(BPlan("count", {1, 2}))
    assert accepting.requests == []


def test_settings_survive_pickling(accepting, clean_environment):
    manager = REManagerAPI(accepting.control, user="ana", user_group="test_user", lock_key="k", timeout_recv=7)
    manager.enable_locked_api, manager.default_lock_key_path = False, "/keys/mine.txt"
    with pickle.loads(pickle.dumps(manager)) as copy:
        assert (copy.enable_locked_api, copy.default_lock_key_path) == (False, manager.default_lock_key_path)
        assert (copy.settings, copy.user, copy.user_group, copy.lock_key) == (
            manager.settings,
            "ana",
            "test_user",
            "k",
        )
        assert copy.status()["manager_state"] == "idle"


def test_addresses_come_from_arguments_then_from_the_environment(monkeypatch, clean_environment):
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", "tcp://beamline:1")
    monkeypatch.setenv("QSERVER_ZMQ_INFO_ADDRESS", "beamline:2")
    monkeypatch.setenv("QSERVER_ZMQ_ENCODING", "msgpack")
    monkeypatch.setenv("QSERVER_USER", "ana")
    monkeypatch.setenv("QSERVER_USER_GROUP", "staff")
    manager = REManagerAPI()
    assert (manager.settings.control_addr, manager.settings.info_addr) == ("tcp://beamline:1", "tcp://beamline:2")
    assert (manager.settings.encoding, manager.user, manager.user_group) == ("msgpack", "ana", "staff")
    assert REManagerAPI("tcp://other:1", user="bob").settings.control_addr == "tcp://other:1"
    assert REManagerAPI("other").settings.control_addr == "tcp://other:60615"
    assert REManagerAPI(zmq_info_addr="other").settings.info_addr == "tcp://other:60625"


def test_constructor_takes_what_scripts_of_the_community_give(accepting, clean_environment):
    manager = REManagerAPI(
        zmq_control_addr=accepting.control,
        zmq_info_addr=accepting.info,
        timeout_recv=1,
        timeout_send=1,
        console_monitor_poll_timeout=1,
        console_monitor_max_msgs=10,
        console_monitor_max_lines=10,
        zmq_public_key=None,
        request_fail_exceptions=True,
        status_expiration_period=1,
        status_polling_period=1,
    )
    with manager:
        assert manager.status()["manager_state"] == "idle"
    with pytest.raises(TypeError, match="zmq_adress"):
        REManagerAPI(zmq_adress="x")


def test_settings_that_cannot_work_are_named(clean_environment):
    with (
        REManagerAPI("nowhere://x") as manager,
        pytest.raises(errors.ConfigError, match="Cannot connect to 'nowhere://x'"),
    ):
        manager.status()
    with pytest.raises(errors.ConfigError, match="public key is not valid: it has 5 characters, but must have 40"):
        REManagerAPI(zmq_public_key="short")


def test_the_address_that_the_service_binds_to_means_this_host(new_manager, clean_environment):
    port = new_manager().control.rpartition(":")[2]
    with REManagerAPI(f"tcp://*:{port}") as manager:
        assert manager.status()["manager_state"] == "idle"


def test_messagepack_is_spoken_where_it_is_configured(new_manager, clean_environment):
    service = new_manager(settings=Settings(network=Network(zmq_encoding="msgpack")))
    with REManagerAPI(service.control, zmq_encoding="msgpack") as manager:
        assert manager.status()["manager_state"] == "idle"


def test_an_answer_of_another_encoding_is_recognised():
    with pytest.raises(errors.ConfigError, match="Does the service use msgpack"):
        decode_response(encode({"success": False}, "msgpack"), "json")


def test_curve_needs_the_public_key_only(new_manager, clean_environment):
    public, private = generate_keys()
    service = new_manager(settings=Settings(network=Network(zmq_private_key=private)))
    with REManagerAPI(service.control, zmq_public_key=public) as manager:
        assert manager.status()["manager_state"] == "idle"
    with REManagerAPI(service.control, timeout_recv=0.1) as stranger, pytest.raises(TimeoutError):
        stranger.status()


def test_a_waiting_call_fails_when_the_client_is_closed(accepting, RM):
    accepting.answers["queue_start"] = None
    with ThreadPoolExecutor(1) as threads:
        request = threads.submit(RM.queue_start)
        accepting.wait_asked("queue_start")
        RM.close()
        assert isinstance(request.exception(10), ClientClosedError)
    assert RM.status()["manager_state"] == "idle"


def test_a_closed_client_opens_again(accepting, RM):
    RM.status()
    RM.close()
    assert RM.status()["manager_state"] == "idle"


def test_no_thread_is_left_behind(accepting, clean_environment):
    before = set(threading.enumerate())
    with REManagerAPI(accepting.control, zmq_info_addr=accepting.info) as manager:
        manager.status()
        manager.console_monitor.enable()
        manager.system_info_monitor.enable()
    assert set(threading.enumerate()) == before


def test_any_request_can_be_sent_as_it_is(accepting, RM):
    RM.send_request(method="queue_item_add", params={"item": {}})
    assert accepting.requests == [("queue_item_add", {"item": {}})]


def test_a_forked_process_asks_on_sockets_of_its_own(accepting):
    code = f"""
import os
from bluesky_qs import REManagerAPI
RM = REManagerAPI({accepting.control!r})
RM.status()
if (child := os.fork()) == 0:
    RM.status()
    RM.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
RM.status()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert accepting.methods == ["status"] * 3


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        ({"success": False, "msg": "whatever", "error": "UnknownUserGroup"}, True),
        ({"success": False, "msg": "Item 'Unknown user group' is refused", "error": "InvalidPlan"}, False),
        ({"success": False, "msg": "Unknown user group: 'x'"}, True),  # bluesky-queueserver has no codes
        ({"success": True, "msg": "Unknown user group: 'x'"}, False),
    ],
)
def test_the_code_gives_the_reason_of_a_refusal_and_the_text_only_without_a_code(answer, unknown):
    assert refused_because(errors.UnknownUserGroup, answer) is unknown
