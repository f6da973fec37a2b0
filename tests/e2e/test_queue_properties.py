"""Random sequences of everything that can be done to a queue, over the socket, beside a plain list; killed in between.

A run tries some sequences; ``QS_TEST_SEQUENCES=500 pytest tests/e2e/test_queue_properties.py`` tries more.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import psutil
import pytest
import zmq
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

SEQUENCES = int(os.environ.get("QS_TEST_SEQUENCES", "6"))
STEPS = 40
MISSING = "no-such-uid"
#: What is in the queue besides plans that complete.
KINDS = st.sampled_from(["quick", "quick", "quick", "fails", "queue_stop"])
PLACES = st.integers(0, 30)
POSITIONS = st.one_of(st.sampled_from(["front", "back"]), st.integers(-12, 12))


@dataclass
class Entry:
    """What the model knows of an item: its uid, what it does, and a number that nobody else has."""

    uid: str
    kind: str
    mark: int


class Refusal(Exception):
    """The model's: the request has to be refused."""


class Model:
    """The queue and the history as lists."""

    def __init__(self) -> None:
        self.queue: list[Entry] = []
        self.history: list[tuple[str, str]] = []
        self.loop = self.ignore_failures = False

    def find(self, uid: str | None) -> int:
        for place, entry in enumerate(self.queue):
            if entry.uid == uid:
                return place
        raise Refusal

    def place(self, pos: Any) -> int:
        """Of an item that exists."""
        place = {"front": 0, "back": -1}.get(pos, pos)
        if not -len(self.queue) <= place < len(self.queue):
            raise Refusal
        return place % len(self.queue)

    def insertion(self, where: dict[str, Any]) -> int:
        """Where `list.insert` would put it."""
        if len(where) > 1:
            raise Refusal
        if "before_uid" in where:
            return self.find(where["before_uid"])
        if "after_uid" in where:
            return self.find(where["after_uid"]) + 1
        pos = where.get("pos", "back")
        pos = {"front": 0, "back": len(self.queue)}.get(pos, pos)
        return max(0, len(self.queue) + pos) if pos < 0 else min(pos, len(self.queue))

    def insert(self, entries: list[Entry], where: dict[str, Any]) -> None:
        at = self.insertion(where)
        self.queue[at:at] = entries

    def move(self, source: dict[str, Any], where: dict[str, Any]) -> Entry:
        if len(source) != 1 or len(where) != 1:
            raise Refusal
        entry = self.queue[self.find(source["uid"]) if "uid" in source else self.place(source["pos"])]
        if "pos_dest" in where:
            to = self.place(where["pos_dest"])
            self.queue.remove(entry)
            self.queue.insert(to, entry)
        else:
            self.move_beside([entry], where, allow_itself=True)
        return entry

    def move_beside(self, entries: list[Entry], where: dict[str, Any], *, allow_itself: bool = False) -> None:
        uid = where.get("before_uid") or where["after_uid"]
        beside = self.queue[self.find(uid)]
        if beside in entries:
            if not allow_itself:
                raise Refusal
            return
        self.queue = [entry for entry in self.queue if entry not in entries]
        at = self.queue.index(beside) + ("after_uid" in where)
        self.queue[at:at] = entries

    def run(self, renew: Callable[[Entry], Entry]) -> None:
        """What the service does from the start of the queue to its stop."""
        while self.queue:
            entry = self.queue.pop(0)
            if entry.kind == "queue_stop":
                self.queue += [renew(entry)] if self.loop else []
                return
            failed = entry.kind == "fails"
            self.history.append((entry.uid, "failed" if failed else "completed"))
            if failed and not self.ignore_failures:
                self.queue.insert(0, renew(entry))
                return
            if self.loop:
                self.queue.append(renew(entry))


class Sequence(RuleBasedStateMachine):
    """The service beside the model."""

    service: Any

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.marks = count(1)
        #: Uids of the lists, and what the lists were then; forgotten at a kill, after which uids are new.
        self.seen: list[tuple[str, Any]] = []

    @initialize()
    def begin(self) -> None:
        self.do("queue_clear")
        self.do("history_clear")
        self.do("queue_mode_set", mode="default")

    # ------------------------------------------------------------------------------------------------- the two sides
    def do(self, method: str, **params: Any) -> dict[str, Any]:
        return self.service.do(method, **params)

    def both(self, method: str, of_model: Callable[[], Any], **params: Any) -> tuple[dict[str, Any], Any]:
        """Ask the service and the model; they must agree on whether it is refused."""
        before = list(self.model.queue)
        answer = self.service.ask(method, **params)
        try:
            result = of_model()
        except Refusal:
            self.model.queue = before
            assert answer["success"] is False, (method, params, answer)
            assert answer["msg"]
            return answer, None
        assert answer["success"] is True, (method, params, answer["msg"])
        assert answer.get("qsize", len(self.model.queue)) == len(self.model.queue)
        return answer, result

    def new_item(self, kind: str) -> tuple[dict[str, Any], Entry]:
        mark = next(self.marks)
        if kind == "queue_stop":
            item = {"item_type": "instruction", "name": kind, "meta": {"mark": mark}}
        else:
            item = {"item_type": "plan", "name": kind, "args": [str(mark)], "meta": {"mark": mark}}
        return item, Entry("", kind, mark)

    def uid(self, place: int) -> str:
        """Of a queued item, or of none."""
        return self.model.queue[place].uid if place < len(self.model.queue) else MISSING

    def where(self, name: str, place: int, pos: Any) -> dict[str, Any]:
        match name:
            case "pos" | "pos_dest":
                return {name: pos}
            case "both":
                return {"pos": 0, "before_uid": self.uid(place)}
            case "nowhere":
                return {}
            case _:
                return {name: self.uid(place)}

    def renewed(self, entry: Entry) -> Entry:
        """The item under a new uid, which `compare` reads from the service."""
        return Entry("", entry.kind, entry.mark)

    # --------------------------------------------------------------------------------------------- what users do
    @rule(
        kinds=st.lists(KINDS, min_size=1, max_size=5),
        name=st.sampled_from(["pos", "pos", "before_uid", "after_uid", "nowhere", "nowhere", "both"]),
        place=PLACES,
        pos=POSITIONS,
        batch=st.booleans(),
    )
    def add(self, kinds: list[str], name: str, place: int, pos: Any, *, batch: bool) -> None:
        made = [self.new_item(kind) for kind in (kinds if batch else kinds[:1])]
        where = self.where(name, place, pos)
        entries = [entry for _, entry in made]
        who = {"user": "tester", "user_group": "primary"}
        items = [item for item, _ in made]
        params = {"items": items} if batch else {"item": items[0]}
        method = "queue_item_add_batch" if batch else "queue_item_add"
        answer, _ = self.both(method, lambda: self.model.insert(entries, where), **params, **where, **who)
        if answer["success"]:
            for entry, item in zip(entries, answer["items"] if batch else [answer["item"]], strict=True):
                assert item["meta"] == {"mark": entry.mark}
                entry.uid = item["item_uid"]

    @rule(place=PLACES, kind=KINDS, replace=st.booleans())
    def update(self, place: int, kind: str, *, replace: bool) -> None:
        item, entry = self.new_item(kind)
        entry.uid = item["item_uid"] = self.uid(place)

        def put() -> None:
            self.model.queue[self.model.find(entry.uid)] = entry

        who = {"user": "tester", "user_group": "primary"}
        answer, _ = self.both("queue_item_update", put, item=item, replace=replace, **who)
        if answer["success"]:
            assert (answer["item"]["item_uid"] != entry.uid) is replace
            entry.uid = answer["item"]["item_uid"]

    @rule(
        method=st.sampled_from(["queue_item_get", "queue_item_remove"]),
        by_uid=st.booleans(),
        place=PLACES,
        pos=POSITIONS,
    )
    def get_or_remove(self, method: str, place: int, pos: Any, *, by_uid: bool) -> None:
        params = {"uid": self.uid(place)} if by_uid else {"pos": pos}

        def take() -> Entry:
            at = self.model.find(params["uid"]) if by_uid else self.model.place(pos)
            return self.model.queue[at] if method == "queue_item_get" else self.model.queue.pop(at)

        answer, entry = self.both(method, take, **params)
        assert answer["item"].get("item_uid") == (entry.uid if entry else None)

    @rule(places=st.lists(PLACES, max_size=5), ignore_missing=st.booleans())
    def remove_batch(self, places: list[int], *, ignore_missing: bool) -> None:
        uids = [self.uid(place) for place in places]

        def take() -> list[Entry]:
            if not ignore_missing and (MISSING in uids or len(set(uids)) < len(uids)):
                raise Refusal
            known = {entry.uid: entry for entry in self.model.queue}
            taken = [known[uid] for uid in dict.fromkeys(uids) if uid in known]
            self.model.queue = [entry for entry in self.model.queue if entry not in taken]
            return taken

        answer, taken = self.both("queue_item_remove_batch", take, uids=uids, ignore_missing=ignore_missing)
        assert [item["item_uid"] for item in answer["items"]] == [entry.uid for entry in taken or []]

    @rule(
        by_uid=st.booleans(),
        source=PLACES,
        pos=POSITIONS,
        name=st.sampled_from(["pos_dest", "pos_dest", "before_uid", "after_uid", "nowhere"]),
        place=PLACES,
        pos_dest=POSITIONS,
    )
    def move(self, source: int, pos: Any, name: str, place: int, pos_dest: Any, *, by_uid: bool) -> None:
        what = {"uid": self.uid(source)} if by_uid else {"pos": pos}
        where = self.where(name, place, pos_dest)
        answer, entry = self.both("queue_item_move", lambda: self.model.move(what, where), **what, **where)
        assert answer["item"].get("item_uid") == (entry.uid if entry else None)

    @rule(
        places=st.lists(PLACES, max_size=5),
        name=st.sampled_from(["pos_dest", "before_uid", "after_uid"]),
        place=PLACES,
        end=st.sampled_from(["front", "back"]),
        reorder=st.booleans(),
    )
    def move_batch(self, places: list[int], name: str, place: int, end: str, *, reorder: bool) -> None:
        uids = [self.uid(each) for each in places]
        where = self.where(name, place, end)

        def move() -> list[Entry]:
            if len(set(uids)) < len(uids):
                raise Refusal
            entries = [self.model.queue[self.model.find(uid)] for uid in uids]
            if reorder:
                entries.sort(key=self.model.queue.index)
            if "pos_dest" in where:
                others = [entry for entry in self.model.queue if entry not in entries]
                self.model.queue = [*entries, *others] if end == "front" else [*others, *entries]
            else:
                self.model.move_beside(entries, where)
            return entries

        answer, moved = self.both("queue_item_move_batch", move, uids=uids, reorder=reorder, **where)
        assert [item["item_uid"] for item in answer["items"]] == [entry.uid for entry in moved or []]

    @precondition(lambda self: len(self.model.queue) > 20)
    @rule()
    def clear(self) -> None:
        self.do("queue_clear")
        self.model.queue.clear()

    @rule(loop=st.booleans(), ignore_failures=st.booleans())
    def set_mode(self, *, loop: bool, ignore_failures: bool) -> None:
        self.do("queue_mode_set", mode={"loop": loop, "ignore_failures": ignore_failures})
        self.model.loop, self.model.ignore_failures = loop, ignore_failures

    @rule(size=st.integers(-1, 6))
    def trim_history(self, size: int) -> None:
        self.do("history_clear", size=size)
        self.model.history = self.model.history[-size:] if size > 0 else []

    @precondition(lambda self: self.model.history)
    @rule(data=st.data())
    def drop_old_history(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.model.history) - 1))
        self.do("history_clear", item_uid=self.model.history[at][0])
        del self.model.history[: at + 1]

    # ------------------------------------------------------------------------------------------------------ execution
    @rule()
    def run_queue(self) -> None:
        stops = any(entry.kind == "queue_stop" for entry in self.model.queue)
        if self.model.loop and not stops:  # it would run for ever
            self.set_mode(loop=False, ignore_failures=self.model.ignore_failures)
        self.ensure_open()
        self.do("queue_start")
        self.service.wait_idle()
        self.model.run(self.renewed)

    def ensure_open(self) -> None:
        if not self.service.ask("status")["worker_environment_exists"]:
            self.service.open()

    # ---------------------------------------------------------------------------------------------------------- kills
    @rule(
        busy=st.sampled_from(["idle", "running", "adding"]),
        everything=st.booleans(),
        number=st.integers(1, 40),
        answers=st.integers(0, 40),
    )
    def kill(self, busy: str, number: int, answers: int, *, everything: bool) -> None:
        """One kind of step, so that most steps are none of it: they take long."""
        self.seen = []
        match busy:
            case "idle":
                self.strike(everything=everything)
            case "running":
                self.kill_while_a_plan_runs(everything=everything)
            case _:
                self.kill_while_items_are_added(number, answers, everything=everything)

    def strike(self, *, everything: bool) -> None:
        """Kill the manager, which is replaced, or all that there is, and start anew."""
        if everything:
            self.service.kill_everything()
            self.service.restart()
        else:
            manager = self.service.find("bluesky_qs.manager")
            manager.kill()
            psutil.wait_procs([manager], timeout=60)

    def kill_while_a_plan_runs(self, *, everything: bool) -> None:
        """All of it: the plan is in the queue again, and made short. The manager alone: the plan does not notice."""
        self.ensure_open()
        self.do("queue_mode_set", mode="default")
        self.model.loop = self.model.ignore_failures = False
        item, entry = self.new_item("steps")
        item |= {"args": [10_000 if everything else 25, 0.02]}
        stop, second = self.new_item("queue_stop")
        who = {"user": "tester", "user_group": "primary"}
        added = self.do("queue_item_add_batch", items=[item, stop], pos="front", **who)["items"]
        entry.uid, second.uid = (one["item_uid"] for one in added)
        self.do("queue_start")
        done = len(self.model.history) + 1
        self.service.wait(lambda s: s["re_state"] == "running" or s["items_in_history"] == done, "the plan runs")
        self.strike(everything=everything)
        self.service.wait_idle()
        self.model.history.append((entry.uid, "failed" if everything else "completed"))
        if everything:
            again = self.service.queue()[0]
            assert (again["name"], again["meta"]) == ("steps", {"mark": entry.mark})
            self.do("queue_item_update", item={**again, "args": [1, 0]}, user="tester", user_group="primary")
            self.model.queue[:0] = [self.renewed(entry), second]

    def kill_while_items_are_added(self, number: int, answers: int, *, everything: bool) -> None:
        """What was acknowledged is there; of the rest there may be what was next.

        The others are added again: how many the kill left must not decide what comes next, or a sequence cannot be
        repeated.
        """
        made = [self.new_item("quick") for _ in range(number)]
        with zmq.Context() as context, context.socket(zmq.DEALER) as requests:
            requests.linger = 0
            requests.connect(self.service.control)
            for item, _ in made:
                params = {"item": item, "user": "tester", "user_group": "primary"}
                requests.send_multipart([b"", json.dumps({"method": "queue_item_add", "params": params}).encode()])
            acknowledged = []
            while len(acknowledged) < min(answers, number):
                assert requests.poll(60_000)
                acknowledged.append(json.loads(requests.recv_multipart()[-1])["item"]["item_uid"])
            self.strike(everything=everything)
        self.service.wait_idle()
        there = self.service.queue()[len(self.model.queue) :]
        assert [item["meta"]["mark"] for item in there] == [entry.mark for _, entry in made[: len(there)]]
        assert [item["item_uid"] for item in there[: len(acknowledged)]] == acknowledged
        for item, _ in made[len(there) :]:
            there.append(self.do("queue_item_add", item=item, user="tester", user_group="primary")["item"])
        self.model.queue += [Entry(item["item_uid"], "quick", item["meta"]["mark"]) for item in there]

    # ------------------------------------------------------------------------------------------------------ what holds
    @invariant()
    def compare(self) -> None:
        """The same items in the same order under the same uids; each uid of a list tells when it has changed."""
        queue, past = self.do("queue_get"), self.do("history_get")
        history = past["items"]
        now = [(queue["plan_queue_uid"], queue["items"]), (past["plan_history_uid"], history)]
        for (uid, content), (uid_seen, content_seen) in zip(now, self.seen or now, strict=True):
            assert (uid == uid_seen) is (content == content_seen)
        self.seen = now
        assert queue["running_item"] == {}
        assert [item["meta"]["mark"] for item in queue["items"]] == [entry.mark for entry in self.model.queue]
        known = {entry.uid for entry in self.model.queue} | {uid for uid, _ in self.model.history}
        for item, entry in zip(queue["items"], self.model.queue, strict=True):
            if not entry.uid:
                assert item["item_uid"] not in known
                entry.uid = item["item_uid"]
            assert (item["item_uid"], item["name"]) == (entry.uid, entry.kind)
        assert len({item["item_uid"] for item in queue["items"]}) == len(queue["items"])
        assert [(item["item_uid"], item["result"]["exit_status"]) for item in history] == self.model.history
        status = self.service.ask("status")
        assert (status["items_in_queue"], status["items_in_history"]) == (len(queue["items"]), len(history))
        assert status["plan_queue_uid"] == queue["plan_queue_uid"]
        assert status["plan_queue_mode"] == {"loop": self.model.loop, "ignore_failures": self.model.ignore_failures}


@pytest.fixture(params=["SQLite", "Redis"])
def service(request, new_service, startup_dir):
    """A running service whose plans are known, on each kind of store."""
    args = ["--startup-dir", str(startup_dir), "--warm-worker", "OFF"]
    if request.param == "Redis":
        args += ["--redis-addr", request.getfixturevalue("redis_server").address]
    service = new_service(*args, store=request.param == "SQLite").start()
    service.open()
    return service


def test_the_queue_is_always_what_a_plain_list_would_be(service):
    run_state_machine_as_test(
        type("Sequence", (Sequence,), {"service": service}),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make one shorter takes hours of restarts
            suppress_health_check=list(HealthCheck),
        ),
    )
