"""The manager killed again and again while plans follow each other: each runs once and is recorded once."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import await_end

PLANS = 120


def mark(item):
    return item["args"][0]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_plan_runs_once_and_is_recorded_once_however_often_the_manager_dies(new_service, startup_dir, seed):
    rng = random.Random(seed)
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    items = [{"item_type": "plan", "name": "quick", "args": [n]} for n in range(PLANS)]
    service.do("queue_item_add_batch", items=items, user="tester", user_group="primary")
    service.do("queue_start")
    for target in sorted(rng.sample(range(1, PLANS - 20), 5)):
        service.wait(lambda s, n=target: s["items_in_history"] >= n, f"{target} plans have run")
        service.find("bluesky_qs.manager").kill()
    status = service.wait(lambda s: s["manager_state"] == "idle", "all plans have run")
    assert (status["items_in_queue"], status["items_in_history"], status["running_item_uid"]) == (0, PLANS, None)
    history = service.history()
    assert [mark(item) for item in history] == list(range(PLANS))
    assert {item["result"]["exit_status"] for item in history} == {"completed"}
    function = {"item_type": "function", "name": "what_ran"}
    uid = service.do("function_execute", item=function, user="tester", user_group="primary")["task_uid"]
    service.wait_idle()
    assert service.do("task_result", task_uid=uid)["result"]["return_value"] == list(range(PLANS))
    seqs = [event["seq"] for event in service.do("events_get", since=0, limit=100_000)["events"]]
    assert seqs == list(range(1, len(seqs) + 1))


def test_each_request_with_an_id_is_done_once_however_often_the_manager_dies_and_the_client_repeats(
    new_service, startup_dir
):
    rng = random.Random(5)
    service = new_service("--startup-dir", str(startup_dir), "--warm-worker", "OFF").start()
    service.open()
    kills = set(rng.sample(range(60), 4))

    def add(number):
        item = {"item_type": "plan", "name": "quick", "args": [number]}
        request = {"item": item, "user": "tester", "user_group": "primary", "request_id": f"add {number}"}
        while True:  # what a client does: until there is an answer
            try:
                return service.ask("queue_item_add", timeout=1, **request)
            except TimeoutError:
                continue

    with ThreadPoolExecutor(4) as threads:
        adding = []
        for number in range(60):
            adding.append(threads.submit(add, number))
            if number in kills:
                manager = service.find("bluesky_qs.manager")
                manager.kill()
                await_end([manager.pid])
                adding[-1].result()  # perhaps the reply of the one that was killed
                service.wait(lambda _: True, "the next manager replies")
        answers = [future.result() for future in adding]
    assert [answer["msg"] for answer in answers] == [""] * 60
    queue = service.queue()
    assert sorted(map(mark, queue)) == list(range(60))
    assert {item["item_uid"] for item in queue} == {answer["item"]["item_uid"] for answer in answers}
    assert [add(number) for number in range(60)] == answers
    service.kill_everything()
    service.restart()
    assert [add(number) for number in range(60)] == answers
    assert service.queue() == queue
