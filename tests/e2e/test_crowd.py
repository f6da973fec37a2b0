"""Several clients change a queue that runs, and the manager dies now and then: nothing vanishes, nothing runs twice."""

import random
import threading
from collections import Counter
from pathlib import Path

import pytest

WHO = {"user": "tester", "user_group": "primary"}


class Client(threading.Thread):
    """Asks at random; keeps what the service has acknowledged, and what it may have done without saying so."""

    def __init__(self, service, folder, seed, patience):
        super().__init__()
        self.service = service
        self.folder = folder
        self.rng = random.Random(seed)
        self.seed = seed
        self.patience = patience
        self.made = 0
        self.added = []
        self.removed = []
        self.unanswered = 0

    def run(self):
        for _ in range(80):
            self.rng.choice([self.add, self.add, self.add_batch, self.remove, self.move, self.execute])()

    def ask(self, method, **params):
        try:
            return self.service.ask(method, timeout=self.patience, **params)
        except TimeoutError:
            self.unanswered += 1
            return {"success": False}

    def item(self):
        self.made += 1
        path = self.folder / f"{self.seed}-{self.made}"
        return {"item_type": "plan", "name": "steps", "args": [1, self.rng.choice([0, 0.01]), str(path)]}

    def add(self):
        pos = self.rng.choice(["front", "back", 1, -1])
        answer = self.ask("queue_item_add", item=self.item(), pos=pos, **WHO)
        self.added += [answer["item"]] if answer["success"] else []

    def add_batch(self):
        items = [self.item() for _ in range(3)]
        answer = self.ask("queue_item_add_batch", items=items, pos="front", **WHO)
        self.added += answer["items"] if answer["success"] else []

    def execute(self):
        answer = self.ask("queue_item_execute", item=self.item(), **WHO)
        self.added += [answer["item"]] if answer["success"] else []

    def remove(self):
        answer = self.ask("queue_item_remove", pos=self.rng.choice(["front", "back"]))
        self.removed += [answer["item"]["item_uid"]] if answer["success"] else []

    def move(self):
        self.ask("queue_item_move", pos="back", pos_dest=self.rng.choice(["front", 1]))


@pytest.fixture(params=["SQLite", "Redis"])
def service(request, new_service, startup_dir):
    """A service with an open environment and autostart, on each kind of store."""
    args = ["--startup-dir", str(startup_dir), "--warm-worker", "OFF"]
    if request.param == "Redis":
        args += ["--redis-addr", request.getfixturevalue("redis_server").address]
    service = new_service(*args, store=request.param == "SQLite").start()
    service.open()
    service.do("queue_autostart", enable=True)
    return service


@pytest.mark.parametrize("kills", [0, 4])
def test_nothing_vanishes_and_nothing_runs_twice_while_many_change_a_queue_that_runs(service, tmp_path, kills):
    patience = 2.0 if kills else 60.0  # a manager that is killed takes requests with it
    clients = [Client(service, tmp_path, seed, patience) for seed in range(4)]
    for client in clients:
        client.start()
    for number in range(1, kills + 1):
        service.wait(lambda s, number=number: s["items_in_history"] > 15 * number, "some are done")
        service.find("bluesky_qs.manager").kill()
    for client in clients:
        client.join()
    service.wait(lambda s: (s["manager_state"], s["items_in_queue"]) == ("idle", 0), "all are done")
    history = service.history()
    ran = Counter(item["item_uid"] for item in history)
    added = {item["item_uid"] for client in clients for item in client.added}
    removed = Counter(uid for client in clients for uid in client.removed)
    unanswered = sum(client.unanswered for client in clients)
    assert max((ran + removed).values()) == 1  # nobody has seen an item in two places
    assert len(added - ran.keys() - removed.keys()) <= unanswered  # those that were removed without saying so
    assert len((ran + removed).keys() - added) <= 3 * unanswered  # those that were added without saying so
    assert {item["result"]["exit_status"] for item in history} == {"completed"}
    for item in history:
        assert Path(item["args"][2]).read_text() == "done\n"
    assert unanswered == 0 or kills
    assert service.ask("status")["queue_autostart_enabled"] is True
