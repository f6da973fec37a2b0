"""What a request has to be before any handler sees it."""

import json
import typing
from types import SimpleNamespace

import pytest

from bluesky_qs.api.method import METHODS, Lock, expanded_signature
from bluesky_qs.errors import WrongState
from bluesky_qs.manager.edits.locking import LockBook
from bluesky_qs.manager.requests import handlers
from bluesky_qs.manager.requests.dispatch import HANDLERS, Dispatcher
from bluesky_qs.wire.codec import Encoded

#: Answered by the dispatcher itself.
ALWAYS_AT_HAND = {"ping", "status"}


@pytest.fixture
def dispatcher():
    ctx = SimpleNamespace(lock=LockBook(None), queue=[])
    dispatcher = Dispatcher(ctx, lambda: Encoded(b'{"manager_state": "idle"}'), "json")
    dispatcher.ready.set()
    return dispatcher


async def ask(dispatcher, request):
    frame = request if isinstance(request, bytes) else json.dumps(request).encode()
    return json.loads(await dispatcher.answer(frame))


def test_every_method_of_the_contract_has_a_handler():
    assert handlers
    assert set(METHODS) - ALWAYS_AT_HAND == set(HANDLERS)


def shape(signature):
    """Names, kinds, defaults and types of the parameters, but for the context and the key of the lock."""
    return [
        (name, parameter.kind, parameter.default, bare(parameter.annotation))
        for name, parameter in signature.parameters.items()
        if name not in ("ctx", "lock_key", "request_id")
    ]


def bare(annotation):
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


@pytest.mark.parametrize("name", sorted(set(METHODS) - ALWAYS_AT_HAND - {"lock", "unlock", "lock_info"}))
def test_a_handler_has_the_signature_of_its_stub_without_the_key_of_the_lock(name):
    handler, method = expanded_signature(HANDLERS[name]), METHODS[name]
    ignores_user = "user" in method.extensions and "user" not in handler.parameters
    aside = ("user",) if ignores_user else ()
    assert shape(handler) == [each for each in shape(method.signature) if each[0] not in aside]
    assert ("lock_key" in method.parameters) == (method.lock is not Lock.NONE)


def test_every_method_that_a_lock_can_refuse_takes_the_user_who_sends_it():
    can_be_refused = {name for name, method in METHODS.items() if method.lock is not Lock.NONE}
    assert {name for name in can_be_refused if "user" not in METHODS[name].parameters} == set()
    assert "user" in METHODS["queue_start"].extensions
    assert "user" not in METHODS["queue_item_add"].extensions  # every service has it there


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (b"\xff\x00garbage", "Failed to decode the request: JSON decode error: "),
        (b"", "Failed to decode the request: JSON decode error: "),
        (b"[" * 100_000, "Failed to decode the request: JSON decode error: "),
        ([1, 2], "Invalid request format: the request is not an object: a list"),
        ({"met": "status"}, "Invalid request format: method is not specified: an object with the keys 'met'"),
        ({"method": 5}, "Invalid request format: method is not a string: a number"),
        ({"method": "status", "x": 1}, "Invalid request format: unsupported keys: 'x'"),
        ({"method": "no_such"}, "Unknown method 'no_such'"),
        ({"method": "queue_gett"}, "did you mean 'queue_get'"),
        ({"method": "queue_get", "params": [1]}, "Invalid request format: params is not an object: a list"),
        (
            {"method": "queue_get", "params": {"a": 1, "b": 2}},
            "API request contains unsupported parameters: 'a', 'b'. Supported parameters: []",
        ),
        ({"method": "queue_start", "params": {"lock_key": ""}}, "Lock key must be a non-empty string: lock_key=''"),
        ({"method": "queue_start", "params": {"lock_key": 7}}, "Lock key must be a non-empty string: lock_key=***"),
        ({"method": "re_pause", "params": {"option": "now"}}, "Option 'now' is not supported."),
        (
            {"method": "queue_item_add", "params": {"user": "me", "user_group": "admin"}},
            "request contains no item info",
        ),
    ],
)
async def test_an_invalid_request_is_refused_with_name_and_value(dispatcher, request_, sentence):
    answer = await ask(dispatcher, request_)
    assert answer["success"] is False
    assert sentence in answer["msg"]


async def test_a_string_of_ten_megabytes_is_refused_with_a_short_sentence(dispatcher):
    answer = await ask(dispatcher, {"method": "x" * 10_000_000})
    assert answer["success"] is False
    assert len(answer["msg"]) < 500


async def test_a_failed_answer_has_the_methods_other_keys(dispatcher):
    answer = await ask(dispatcher, {"method": "queue_item_add", "params": {"item": {"a": 1}}})
    assert answer["item"] == {"a": 1, "item_uid": answer["item"]["item_uid"]}
    assert answer["qsize"] == 0


async def test_a_locked_queue_refuses_before_the_parameters_are_looked_at(dispatcher):
    dispatcher._ctx.lock.apply(key="k", environment=False, queue=True, user="me", note=None, now=0.0)
    answer = await ask(dispatcher, {"method": "queue_item_add", "params": {}})
    assert answer["error"] == "Locked"


async def test_status_ignores_parameters_and_is_answered_at_once(dispatcher):
    frame = json.dumps({"method": "status", "params": {"x": 1}}).encode()
    assert json.loads(dispatcher.answer_now(frame)) == {"manager_state": "idle"}


async def test_an_item_that_is_named_status_is_no_request_for_the_status(dispatcher):
    assert dispatcher.answer_now(json.dumps({"method": "queue_get", "params": {"status": 1}}).encode()) is None


async def test_an_error_in_a_handler_is_answered_and_the_next_request_too(dispatcher):
    del dispatcher._ctx.lock
    answer = await ask(dispatcher, {"method": "queue_get"})
    assert answer["success"] is False
    assert "Unexpected error in the manager" in answer["msg"]
    assert (await ask(dispatcher, {"method": "status"}))["manager_state"] == "idle"


async def test_the_log_of_an_error_in_a_handler_does_not_contain_the_lock_key(dispatcher, monkeypatch, caplog):
    def fail(ctx, **params):
        raise RuntimeError("no such thing")

    monkeypatch.setitem(HANDLERS, "unlock", fail)
    assert (await ask(dispatcher, {"method": "unlock", "params": {"lock_key": "se-cret"}}))["success"] is False
    assert "no such thing" in caplog.text
    assert "se-cret" not in caplog.text


@pytest.mark.parametrize(
    "request_",
    [
        {"methd": "unlock", "params": {"lock_key": "se-cret"}},
        {"method": {"unlock": "se-cret"}},
        {"method": "unlock", "params": ["se-cret"]},
        {"method": "unlock", "params": "se-cret"},
        ["unlock", "se-cret"],
        "se-cret",
        {"method": "unlock", "lock_key": "se-cret"},
        {"method": "unlock", "params": {"key": "se-cret"}},
        {"method": "queue_get", "params": {"lock_key": "se-cret"}},
        {"method": "unlock", "params": {"lock_key": ["se-cret"]}},
        {"method": "lock_info", "params": {"lock_key": {"a": "se-cret"}}},
        {"method": "unlock", "params": {"lock_key": "se-cret\ud800"}},
        {"method": "lock_info", "params": {"lock_key": "se-cret"}},
        {"method": "queue_start", "params": {"lock_key": "se-cret"}},
        {"method": "lock", "params": {"lock_key": "se-cret", "user": "me", "queue": "yes"}},
        {"method": "lock", "params": {"lock_key": "se-cret"}},
    ],
    ids=str,
)
async def test_no_refusal_contains_the_lock_key_wherever_it_was_put(dispatcher, request_, caplog):
    dispatcher._ctx.lock.apply(key="other", environment=True, queue=True, user="me", note=None, now=0.0)
    frame = json.dumps(request_).encode()
    reply = await dispatcher.answer(frame)
    assert json.loads(reply)["success"] is False
    assert b"se-cret" not in reply
    assert "se-cret" not in caplog.text


async def test_half_a_character_in_place_of_an_item_is_refused_by_name(dispatcher):
    params = {"items": ["\ud800", {}], "user": "me", "user_group": "primary"}
    answer = await ask(dispatcher, {"method": "item_check", "params": params})
    assert (answer["success"], answer["error"]) == (False, "BadParams")
    assert answer["msg"] == "items=['\\ud800', {}] is not valid Unicode text (contains a lone surrogate)"


async def test_an_error_that_holds_a_text_is_answered_without_it(dispatcher, monkeypatch):
    def fail(ctx, **params):
        raise UnicodeEncodeError("utf-8", "se-cret", 0, 1, "odd")

    monkeypatch.setitem(HANDLERS, "unlock", fail)
    answer = await ask(dispatcher, {"method": "unlock", "params": {"lock_key": "se-cret"}})
    assert answer["msg"] == (
        "Unexpected error in the manager: UnicodeEncodeError: "
        "'utf-8' codec can't encode character '\\x73' in position 0: odd"
    )


@pytest.mark.parametrize(("method", "name"), [("lock", "user"), ("script_upload", "script"), ("queue_item_get", "uid")])
async def test_text_that_utf8_cannot_hold_is_refused_by_name(dispatcher, method, name):
    answer = await ask(dispatcher, {"method": method, "params": {name: "x\ud800"}})
    assert answer["success"] is False
    beginning = "Failed to get an item: " if method == "queue_item_get" else ""
    assert answer["msg"].startswith(f"{beginning}{name}='x\\ud800' is not valid Unicode text")


@pytest.mark.parametrize(
    ("method", "params", "beginning"),
    [
        ("queue_item_add", {}, "Failed to add an item: Incorrect request format: request contains no item info"),
        ("queue_item_get", {"x": 1}, "Failed to get an item: API request contains unsupported parameters: 'x'"),
        ("queue_item_remove", {"pos": "x"}, "Failed to remove an item: Position 'x' is not supported."),
        ("queue_item_move", {"pos_dest": 1.5}, "Failed to move the item: Position 1.5 is not supported."),
        (
            "queue_item_move_batch",
            {"uids": [], "pos_dest": 0},
            "Failed to move the batch of items: Destination 0 is not",
        ),
        ("queue_item_remove_batch", {}, "Failed to remove a batch of items: Request does not contain the list of UIDs"),
    ],
)
async def test_every_refusal_of_a_method_begins_alike(dispatcher, method, params, beginning):
    answer = await ask(dispatcher, {"method": method, "params": params})
    assert answer["success"] is False
    assert answer["msg"].startswith(beginning)


async def test_the_lock_is_described_for_any_fault_of_the_key(dispatcher):
    dispatcher._ctx.lock.apply(key="mine", environment=True, queue=False, user="me", note=None, now=1.0)
    for key in ("other", "", 7):
        answer = await ask(dispatcher, {"method": "lock_info", "params": {"lock_key": key}})
        assert (answer["success"], answer["lock_info"]["user"]) == (False, "me")
        assert answer["lock_info_uid"] == dispatcher._ctx.lock.uid


async def test_a_message_is_no_longer_than_anybody_reads(dispatcher, monkeypatch):
    def refuse(ctx):
        raise WrongState("a" * 1_000_000 + "z")

    monkeypatch.setitem(HANDLERS, "queue_get", refuse)
    message = (await ask(dispatcher, {"method": "queue_get"}))["msg"]
    assert len(message) < 11_000
    assert message.startswith("aaa")
    assert message.endswith("z")


async def test_an_answer_that_cannot_be_written_is_an_answer_still(dispatcher, monkeypatch):
    monkeypatch.setitem(HANDLERS, "queue_get", lambda ctx: {"items": object()})
    answer = await ask(dispatcher, {"method": "queue_get"})
    assert (answer["success"], answer["error"]) == (False, "QSError")
    assert answer["msg"].startswith("Unexpected error in the manager: ")
