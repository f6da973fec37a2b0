import inspect
import json
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import bluesky_qs.aio
import bluesky_qs.http
import bluesky_qs.http.aio
from bluesky_qs import errors
from bluesky_qs.client import http_calls
from bluesky_qs.client.failures import ClientClosedError
from bluesky_qs.client.items import BPlan
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.testing import Wait

COUNT = BPlan("count", ["det1"], num=2)


async def done(value):
    return await value if inspect.isawaitable(value) else value


@pytest.fixture(params=["blocking", "asyncio"])
async def either(request, http_door):
    """A client over HTTP of either kind."""
    kind = {"blocking": REManagerAPI, "asyncio": bluesky_qs.aio.REManagerAPI}[request.param]
    manager = kind(http_server_uri=http_door.url)
    manager.set_authorization_key(api_key=http_door.key)
    yield manager
    await done(manager.close())


@pytest.fixture(params=["blocking", "asyncio"])
async def scripted_either(request, scripted):
    """A client of a scripted server, of either kind."""
    kind = {"blocking": REManagerAPI, "asyncio": bluesky_qs.aio.REManagerAPI}[request.param]
    manager = kind(http_server_uri=scripted.url, timeout=5)
    yield manager
    await done(manager.close())


def in_thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    return thread


async def test_a_plan_runs_and_its_wait_ends(either):
    await done(either.environment_open())
    await done(either.wait_for_idle(timeout=30))
    uid = (await done(either.item_add(COUNT)))["item"]["item_uid"]
    await done(either.queue_start())
    assert (await done(either.wait_for_item(uid, timeout=30)))["state"] == "completed"
    assert [item["name"] for item in (await done(either.history_get()))["items"]] == ["count"]


async def test_nan_in_a_plan_is_nan_in_the_queue(either):
    await done(either.item_add(BPlan("count", ["det1"], num=1, delay=float("nan"))))
    (item,) = (await done(either.queue_get()))["items"]
    assert math.isnan(item["kwargs"]["delay"])


async def test_refusals_have_the_classes_that_they_have_over_0mq(either):
    with pytest.raises(errors.WrongState) as caught:
        await done(either.queue_start())
    assert isinstance(caught.value, either.RequestFailedError)
    with pytest.raises(errors.InvalidPlan, match="did you mean"):
        await done(either.item_add(BPlan("count", ["det1"], nmu=2)))
    with pytest.raises(errors.BadParams, match="'no_such'"):
        await done(either.send_request(method="queue_get", params={"no_such": 1}))


async def test_a_service_that_is_down_is_an_error_of_both_worlds(either, qs_manager):
    await done(either.status())
    qs_manager.close()
    for _ in range(2):  # the first one may find out
        with pytest.raises(either.RequestTimeoutError):
            await done(either.status(reload=True))


def test_answers_are_those_of_0mq(http_RM, RM, qs_manager):
    qs_manager.open()
    for method in ("plans_allowed", "devices_allowed", "queue_get", "history_get", "permissions_get", "config_get"):
        assert getattr(http_RM, method)() == getattr(RM, method)()
    assert http_RM.status().keys() == RM.status().keys()


def test_user_and_group_are_those_of_the_sign_in(http_RM, qs_manager):
    http_RM.user, http_RM.user_group = "mallory", "root"
    item = http_RM.item_add(BPlan("count", ["det1"]), user="mallory")["item"]
    assert (item["user"], item["user_group"]) == ("UNAUTHENTICATED_SINGLE_USER", "primary")


def test_beside_a_shared_key_items_show_who_uses_the_client(http_RM):
    http_RM.user = "ada"
    http_RM.identify()
    assert http_RM.user == "UNAUTHENTICATED_SINGLE_USER (ada)"
    assert http_RM.item_add(COUNT)["item"]["user"] == http_RM.user
    http_RM.user = "bob"
    assert http_RM.item_add(COUNT)["item"]["user"] == "UNAUTHENTICATED_SINGLE_USER (bob)" == http_RM.user
    http_RM.plans_allowed()
    http_RM.identify()
    assert http_RM.user == "UNAUTHENTICATED_SINGLE_USER (bob)"
    with pickle.loads(pickle.dumps(http_RM)) as twin:
        assert twin.user == "bob"


def test_somebody_who_has_changed_the_item_is_noticed(http_RM):
    added = http_RM.item_add(COUNT)["item"]
    with pytest.raises(errors.ItemChanged) as caught:
        http_RM.item_update({**added, "kwargs": {"num": 3}}, expected={**added, "kwargs": {"num": 9}})
    assert caught.value.response["item"]["item_uid"] == added["item_uid"]


def test_an_id_of_another_request_is_refused_as_over_0mq(http_RM):
    http_RM.item_add(COUNT, request_id="one")
    with pytest.raises(errors.RequestIdReused, match="was used for another request"):
        http_RM.queue_clear(request_id="one")


def test_an_address_in_the_environment_does_not_turn_the_client_to_http(http_door, qs_manager, monkeypatch):
    monkeypatch.setenv("QSERVER_HTTP_SERVER_URI", http_door.url)
    monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEY", http_door.key)
    with bluesky_qs.REManagerAPI() as over_zmq, bluesky_qs.http.REManagerAPI() as over_http:
        assert (over_zmq.protocol.name, over_http.protocol.name) == ("ZMQ", "HTTP")
        assert over_http.status()["manager_state"] == "idle"


def test_a_key_may_be_in_a_file(http_door, monkeypatch, tmp_path):
    (tmp_path / "key").write_text(f"{http_door.key}\n")
    monkeypatch.setenv("QSERVER_HTTP_SERVER_API_KEYFILE", str(tmp_path / "key"))
    with REManagerAPI(http_server_uri=http_door.url) as manager:
        assert manager.status()["manager_state"] == "idle"
    (tmp_path / "key").write_text("two words")
    with pytest.raises(errors.ConfigError, match="must contain an API key and nothing else"):
        REManagerAPI(http_server_uri=http_door.url)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("localhost:60610", "should look like http://localhost:60610"),
        ("ftp://host", "should look like http://localhost:60610"),
        ("http://", "should look like http://localhost:60610"),
        ("http://host:port", "should look like http://localhost:60610"),
        ("http://ana:secret@host", "must not contain a name or a password"),
        ("http://host/?api_key=secret", "must not contain a '\\?'"),
    ],
)
def test_an_address_that_is_none_is_an_error_at_once(address, sentence):
    with pytest.raises(errors.ConfigError, match=sentence) as caught:
        REManagerAPI(http_server_uri=address)
    assert "secret" not in str(caught.value) or "secret" in sentence


def test_a_pickled_client_has_the_same_server_and_key(http_RM):
    twin = pickle.loads(pickle.dumps(http_RM))
    with twin:
        assert twin.settings == http_RM.settings
        assert twin.status()["manager_state"] == "idle"


def test_no_text_of_a_client_shows_its_key(http_RM, http_door):
    shown = [repr(thing) for thing in (http_RM, http_RM.settings, http_RM.authorization_keys, vars(http_RM))]
    assert [text for text in shown if http_door.key in text] == []


def test_threads_share_a_client(http_RM):
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: http_RM.status(), range(40)))
    assert {status["manager_state"] for status in statuses} == {"idle"}


def test_a_client_that_another_thread_closes_says_so(scripted, scripted_RM):
    arrived, end = threading.Event(), threading.Event()

    def answer(_):
        arrived.set()
        end.wait(30)

    scripted.answers["GET", "/api/status"] = answer
    raised = []

    def ask():
        try:
            scripted_RM.status()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    thread = in_thread(ask)
    assert arrived.wait(30)
    scripted_RM.close()
    end.set()
    thread.join()
    assert [type(error) for error in raised] == [ClientClosedError]


def test_a_wait_survives_a_restart_of_the_door(http_RM, http_door, qs_manager, monkeypatch):
    qs_manager.worker.on_plan("count", Wait())
    qs_manager.open()
    uid = http_RM.item_add(COUNT)["item"]["item_uid"]
    http_RM.queue_start()
    qs_manager.wait_until(lambda _: qs_manager.worker.is_waiting)
    ends, begun, ask = [], threading.Event(), http_RM.ask_cached

    def noted(*args, **kwargs):
        reply = ask(*args, **kwargs)
        begun.set()
        return reply

    monkeypatch.setattr(http_RM, "ask_cached", noted)
    thread = in_thread(lambda: ends.append(http_RM.wait_for_item(uid, timeout=60)))
    assert begun.wait(30)
    http_door.stop()
    qs_manager.worker.proceed()
    qs_manager.wait_idle()
    http_door.start()
    thread.join()
    assert [end["state"] for end in ends] == ["completed"]


def test_a_request_that_reads_is_repeated_when_a_kept_connection_was_closed(scripted, scripted_RM):
    answers = [{"msg": "one"}, None, {"msg": "two"}]
    scripted.answers["GET", "/api/status"] = lambda _: answers.pop(0)
    assert [scripted_RM.status()["msg"] for _ in range(2)] == ["one", "two"]


def test_a_request_with_an_id_is_repeated_until_a_new_server_answers(scripted, scripted_RM):
    scripted.answers["GET", "/api/status"] = {"msg": "", "extensions": ["request_id"]}
    answers = [None, None, {"success": True, "msg": ""}]
    scripted.answers["POST", "/api/queue/start"] = lambda _: answers.pop(0)
    assert scripted_RM.queue_start(request_id="once")["success"]
    bodies = [got.body for got in scripted.got if got.path == "/api/queue/start"]
    assert bodies == ['{"request_id": "once"}'] * 3


async def test_a_request_that_changes_something_gets_an_id_by_itself(scripted, scripted_either):
    scripted.answers["GET", "/api/status"] = {"msg": "", "extensions": ["request_id"]}
    answers = [None, None, {"success": True, "msg": ""}, {"success": True, "msg": ""}]
    scripted.answers["POST", "/api/queue/start"] = lambda _: answers.pop(0)
    for _ in range(2):
        assert (await done(scripted_either.queue_start()))["success"]
    ids = [json.loads(got.body)["request_id"] for got in scripted.got if got.path == "/api/queue/start"]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert [len(each) for each in ids] == [32] * 4
    scripted.answers["GET", "/api/queue/get"] = {"success": True, "msg": ""}
    await done(scripted_either.queue_get(reload=True))
    assert scripted.got[-1].body == "{}"


def test_the_id_of_a_request_without_an_answer_is_in_the_error(scripted, scripted_RM, monkeypatch):
    monkeypatch.setattr(http_calls, "PAUSES", (0.0,))
    scripted.answers["GET", "/api/status"] = {"msg": "", "extensions": ["request_id"]}
    scripted.answers["POST", "/api/queue/start"] = lambda _: None
    with pytest.raises(scripted_RM.HTTPRequestError, match="unknown whether it carried out the request") as caught:
        scripted_RM.queue_start()
    scripted.answers["POST", "/api/queue/start"] = {"success": True, "msg": ""}
    assert scripted_RM.send_request(**caught.value.request)["success"]
    bodies = [got.body for got in scripted.got if got.path == "/api/queue/start"]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


def test_whoever_may_not_read_the_status_may_still_write(scripted, scripted_RM):
    lacking = {"detail": "Not enough permissions. Requires scopes ['read:status']. Request had scopes []"}
    scripted.answers["GET", "/api/status"] = (401, lacking)
    scripted.answers["POST", "/api/queue/start"] = {"success": True, "msg": ""}
    assert [scripted_RM.queue_start()["success"] for _ in range(2)] == [True, True]
    assert [(got.path, got.body) for got in scripted.got] == [
        ("/api/status", "{}"), ("/api/queue/start", "{}"), ("/api/queue/start", "{}"),
    ]  # fmt: skip


def test_a_request_that_changes_something_is_not_repeated_by_a_service_without_ids(scripted, scripted_RM):
    scripted.answers["GET", "/api/status"] = {"msg": ""}
    scripted.answers["POST", "/api/queue/start"] = lambda _: None
    with pytest.raises(scripted_RM.HTTPRequestError, match="unknown whether it carried out the request"):
        scripted_RM.queue_start()
    assert [got.path for got in scripted.got].count("/api/queue/start") == 1


def test_any_route_can_be_requested(scripted, scripted_RM):
    scripted.answers["POST", "/api/custom"] = [1, 2]
    sent = scripted_RM.send_request(method=("POST", "/api/custom"), params={"a": 1}, url_params={"q": "x y"})
    assert sent == [1, 2]
    assert scripted.got[-1][:2] == ("POST", "/api/custom?q=x+y")
    assert scripted.got[-1].body == '{"a": 1}'
    scripted_RM.send_request(method=["post", "api/custom"], data={"name": "ana"})
    assert scripted.got[-1].body == "name=ana"
    for wrong in (("GET",), 5, ("GET", "/api/x", 1)):
        with pytest.raises(errors.BadParams, match="a name or"):
            scripted_RM.send_request(method=wrong)
    with pytest.raises(errors.BadParams, match="Unknown method 'no_such'"):
        scripted_RM.send_request(method="no_such")


def test_over_0mq_a_request_is_a_name_and_parameters(RM):
    with pytest.raises(errors.BadParams, match="Over 0MQ"):
        RM.send_request(method=("GET", "/api/status"))
    with pytest.raises(errors.ConfigError, match="http_server_uri"):
        RM.login("ana", password="x")


@pytest.mark.parametrize("module", [bluesky_qs.http, bluesky_qs.http.aio])
def test_the_modules_use_this_computer_without_an_address(module, clean_environment):
    settings = module.REManagerAPI().settings
    assert (settings.server_uri, settings.timeout, settings.timeout_login) == ("http://localhost:60610", 5.0, 60.0)
