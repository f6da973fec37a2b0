"""Anything at all at the control socket: an answer to each request, in time, from a process that does not grow.

A run sends some requests; ``QS_TEST_REQUESTS=50000 pytest tests/e2e/test_fuzzing.py`` sends more.
"""

import json
import math
import os
import random

import msgspec
import psutil
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluesky_qs.api.method import METHODS

REQUESTS = int(os.environ.get("QS_TEST_REQUESTS", "200"))
#: Seconds of the processor that the manager may use for an answer. Clients wait for two seconds.
IN_TIME = 2.0
#: They end the service, or let what follows do so, or keep what follows out.
NOT_SENT = {"manager_stop", "manager_kill", "environment_open", "lock"}
NAMES = sorted(set(METHODS) - NOT_SENT)
WHO = {"user": "tester", "user_group": "primary"}

TEXTS = st.text(st.characters(), max_size=20)  # halves of surrogate pairs among them
NUMBERS = st.one_of(st.integers(), st.integers(-(10**400), 10**400), st.floats(), st.sampled_from([2**63, 2**64, -1]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def or_anything(*usual):
    return st.one_of(st.sampled_from(usual), VALUES)


ITEMS = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {
            "item_type": or_anything("plan", "instruction", "function"),
            "name": or_anything("quick", "run", "queue_stop"),
        },
        optional={
            "args": st.one_of(st.lists(VALUES, max_size=2), VALUES),
            "kwargs": st.one_of(
                st.dictionaries(or_anything("mark", "n").filter(lambda k: isinstance(k, str)), VALUES), VALUES
            ),
            "meta": VALUES,
            "properties": VALUES,
            "item_uid": TEXTS,
            "result": VALUES,
        },
    ),
)
PARAMETERS = {
    "item": ITEMS,
    "items": st.one_of(st.lists(ITEMS, max_size=3), VALUES),
    "user": or_anything("tester"),
    "user_group": or_anything("primary", "root"),
    "pos": or_anything("front", "back", 0, -1),
    "lock_key": or_anything(None, "key"),
}


@st.composite
def requests(draw):
    """Requests that are nearly right, so that they get far."""
    name = draw(st.sampled_from(NAMES))
    known = sorted(METHODS.find(name).parameters)
    given_ = draw(st.sets(st.sampled_from(known), max_size=5)) if known else set()
    if draw(st.booleans()):
        given_ |= WHO.keys() & set(known)
    params = {each: draw(PARAMETERS.get(each, VALUES)) for each in sorted(given_)}
    if draw(st.integers(0, 9)) == 0:
        params[draw(TEXTS)] = draw(VALUES)
    return {"method": name, "params": params}


class Line:
    """A client that says anything, and insists on an answer in time."""

    def __init__(self, service):
        self.service = service
        self.manager = service.find("bluesky_qs.manager")
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.connect(service.control)

    def ask(self, frame):
        before = self.used()
        self.socket.send(frame)
        assert self.socket.poll(60_000), f"no answer to {frame[:500]!r}; {self.service.output()[-3000:]}"
        answer = self.socket.recv()
        assert self.used() - before < IN_TIME, frame[:500]
        return answer

    def used(self):
        """Seconds of the processor that the manager has used."""
        times = self.manager.cpu_times()
        return times.user + times.system

    def ask_json(self, request):
        answer = json.loads(self.ask(request if isinstance(request, bytes) else json.dumps(request).encode()))
        if "manager_state" not in answer:
            assert isinstance(answer["success"], bool)
            assert answer["success"] is (not answer["msg"])
            assert len(answer["msg"]) < 20_000
        return answer

    def check(self):
        """It is still the same process, and nothing went wrong in it."""
        assert self.ask_json({"method": "status"})["manager_state"] == "idle"
        assert self.manager.is_running()
        assert self.service.find("bluesky_qs.manager").pid == self.manager.pid
        shown = self.service.output()
        assert "Unexpected error while answering a request" not in shown, shown[-5000:]
        assert "exception" not in shown.lower(), shown[-5000:]

    def memory(self):
        """Of the manager, in bytes, as the system sees it."""
        return psutil.Process(self.manager.pid).memory_info().rss


def started(new_service, startup_dir, *args, **options):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF", *args, **options).start()
    service.open()  # so that the plans are known
    service.do("environment_close")
    service.wait_idle()
    return service


@pytest.fixture
def line(new_service, startup_dir):
    line = Line(started(new_service, startup_dir))
    yield line
    line.context.destroy(linger=0)


@pytest.fixture
def packed(new_service, startup_dir):
    line = Line(started(new_service, startup_dir, "--zmq-encoding", "msgpack", encoding="msgpack"))
    yield line
    line.context.destroy(linger=0)


def try_all(strategy, one):
    @settings(max_examples=REQUESTS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(value):
        one(value)

    run()


def test_requests_that_are_nearly_right_get_an_answer_each(line):
    try_all(requests(), line.ask_json)
    line.check()


def test_requests_of_any_shape_get_an_answer_each(line):
    shapes = st.one_of(
        VALUES, st.fixed_dictionaries({"method": or_anything(*NAMES)}, optional={"params": VALUES, "x": VALUES})
    )
    try_all(shapes, line.ask_json)
    line.check()


def test_any_bytes_get_an_answer_each(line):
    try_all(st.one_of(st.binary(), requests().map(lambda request: json.dumps(request).encode()[:-3])), line.ask_json)
    line.check()


def test_any_bytes_get_an_answer_each_in_messagepack(packed):
    def one(frame):
        answer = msgspec.msgpack.decode(packed.ask(frame))
        assert "manager_state" in answer or answer["success"] is (not answer["msg"])

    small = VALUES.filter(lambda value: "\\ud" not in json.dumps(value) and "Infinity" not in json.dumps(value))
    values = st.recursive(
        st.one_of(st.none(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary(max_size=20)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(), st.binary(), st.integers(-5, 5)), inner)
        ),
        max_leaves=10,
    )
    item = st.fixed_dictionaries(
        {
            "item_type": st.just("plan"),
            "name": st.just("quick"),
            "args": st.lists(values, max_size=1),
            "meta": st.one_of(values, small.filter(lambda v: not isinstance(v, int)).map(str)),
        }
    )
    add = item.map(lambda item: msgspec.msgpack.encode({"method": "queue_item_add", "params": {"item": item, **WHO}}))
    try_all(st.one_of(st.binary(), add, values.map(msgspec.msgpack.encode)), one)
    packed.service.do("queue_get")
    assert packed.manager.is_running()


NESTED = 100_000
CONTENTS = {
    "not a number": [math.nan, math.inf, -math.inf, -0.0, 5e-324],
    "huge numbers": [10**4000, -(2**64), 2**63],
    "unicode": ["\x00\x1b[31m", "\u202e", "\ufeff", "\U0001d4b3", "e\u0301" * 50, "\ud800 alone"],
    "keys": {"": 1, "a.b": {"$ref": 2}, "__class__": "x", "\ud83d": 1, "item_uid": 5},
    "long text": "x" * 10_000_000,
    "many": list(range(300_000)),
    "wide": {str(n): n for n in range(50_000)},
    "nested": json.loads("[" * 90 + "]" * 90),
}


def test_an_item_holds_anything_that_json_can_write_and_runs(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    line = Line(service)
    for content, value in CONTENTS.items():
        item = {"item_type": "plan", "name": "quick", "args": [value], "meta": {"held": value}}
        answer = line.ask_json({"method": "queue_item_add", "params": {"item": item, **WHO}})
        assert answer["success"], (content, answer["msg"])
        held = answer["item"]
        assert json.dumps(held["args"][0]) == json.dumps(held["meta"]["held"]) == json.dumps(value), content
    for content, held in zip(CONTENTS, service.queue(), strict=True):
        assert json.dumps(held["args"][0]) == json.dumps(held["meta"]["held"]) == json.dumps(CONTENTS[content]), content
    service.do("queue_start")
    service.wait_idle()
    for content, past in zip(CONTENTS, service.history(), strict=True):
        assert json.dumps(past["args"][0]) == json.dumps(CONTENTS[content]), content
        assert past["result"]["exit_status"] == "completed", (content, past["result"]["msg"])
    service.kill_everything()
    service.restart()
    for content, past in zip(CONTENTS, service.history(), strict=True):
        assert json.dumps(past["meta"]["held"]) == json.dumps(CONTENTS[content]), content
    line.context.destroy(linger=0)


def test_what_is_too_deep_or_too_long_is_refused(line):
    for content in ("[" * NESTED + "]" * NESTED, '{"a":' * NESTED + "1" + "}" * NESTED, "[" * NESTED, "9" * 5000):
        item = f'{{"item_type": "plan", "name": "quick", "args": [{content}]}}'
        frame = f'{{"method": "queue_item_add", "params": {{"item": {item}}}}}'
        assert line.ask_json(frame.encode())["success"] is False, content[:10]
    line.check()


def test_the_manager_does_not_grow_with_the_requests(line):
    rng = random.Random(5)
    item = {"item_type": "plan", "name": "quick", "meta": {"text": "x" * 1000}}
    kinds = [
        {"method": "status"},
        {"method": "queue_get"},
        {"method": "history_get"},
        {"method": "plans_allowed", "params": {"user_group": "primary"}},
        {"method": "queue_item_add", "params": {"item": item, **WHO}},
        {"method": "queue_item_add", "params": {"item": item, **WHO, "pos": "front"}},
        {"method": "queue_item_add", "params": {"item": {**item, "name": "no_such_plan"}, **WHO}},
        {"method": "queue_item_remove"},
        {"method": "queue_item_remove", "params": {"pos": "front"}},
        {"method": "no_such_method"},
        {"method": "queue_item_move", "params": {"pos": "front", "pos_dest": "back"}},
        {"method": "task_status", "params": {"task_uid": "none"}},
    ]

    def some(number):
        for _ in range(number):
            line.ask_json(rng.choice(kinds))
            line.ask(rng.randbytes(50))
        line.ask_json({"method": "queue_clear"})

    some(500)
    before = line.memory()
    some(max(3000, REQUESTS))
    assert line.memory() - before < 12_000_000  # the events that are kept, up to their limit, take some of it
    line.check()


def test_the_manager_does_not_keep_what_large_requests_needed(line):
    def one():
        for name in ("quick", "no_such_plan"):
            item = {"item_type": "plan", "name": name, "args": ["x" * 10_000_000]}
            line.ask_json({"method": "queue_item_add", "params": {"item": item, **WHO}})
            line.ask(b"x" * 10_000_000)
        line.ask_json({"method": "queue_clear"})

    for _ in range(10):  # until the records for undo have their full size
        one()
    before = line.memory()
    for _ in range(15):
        one()
    assert line.memory() - before < 50_000_000
    line.check()


def test_numbers_beyond_all_bounds_get_an_answer(line):
    for name in NAMES:
        for parameter in METHODS.find(name).parameters:
            for number in (10**400, -(10**400), 2**63, -1.5e308):
                line.ask_json({"method": name, "params": {parameter: number}})
    line.check()


ODD = """
def odd_value():
    return {"path": "\\udcff", "n": float("nan")}

def odd_error():
    raise ValueError("no file \\udcff")
"""


def test_odd_characters_of_user_code_reach_the_client(new_service, startup_dir):
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    line = Line(service)
    service.do("script_upload", script=ODD)
    service.wait_idle()
    results = []
    for name in ("odd_value", "odd_error"):
        uid = service.do("function_execute", item={"item_type": "function", "name": name}, **WHO)["task_uid"]
        service.wait_idle()
        results.append(service.do("task_result", task_uid=uid)["result"])
    assert results[0]["return_value"]["path"] == "\udcff"
    assert results[1]["msg"] == "ValueError: no file \\udcff"
    service.add("fails", "no file \udcff")
    service.do("queue_start")
    service.wait_idle()
    assert service.history()[0]["result"]["msg"] == "ValueError: no file \\udcff"
    assert service.queue()[0]["args"] == ["no file \udcff"]
    assert service.find("bluesky_qs.manager").pid == line.manager.pid
    line.context.destroy(linger=0)
