"""What a line costs: requests are counted, line by line, for all words."""

import pytest
from IPython.lib.pretty import pretty

from bluesky_qs.errors import QSError
from bluesky_qs.manager.execution.results import unreported
from bluesky_qs.testing import Ask
from ipython_extension.session import waiting
from ipython_extension.words import dispatch  # imports all words

#: The most that an accepted line sends that changes one thing.
_CHANGE = 2
#: Lines by word, and how many requests each may send once the lists are known. Of words that wait, or that look,
#: only what is sent is counted; of those that talk to no service nothing is sent.
_LINES = {
    "add": [
        ("add scan([det1, det1, motor, motor.setpoint], motor, -1, 1, num=5)", _CHANGE),
        ("add count([det1]) --front", _CHANGE),
        ("add count([det1]) --dry-run", _CHANGE),
    ],
    "rm": [("rm 0", _CHANGE), ("rm 0 1", _CHANGE), ("rm aaaa-1", 1)],
    "edit": [("edit 0 num=5", _CHANGE), ("edit 0 count([det1, motor])", _CHANGE)],
    "move": [
        ("move 0 back", _CHANGE),
        ("move 0 after 1", _CHANGE),
        ("move aaaa back", _CHANGE),
        ("move aaaa before cccc", _CHANGE),
    ],
    "redo": [("redo -1", _CHANGE), ("redo 0 --front", _CHANGE), ("redo hhhh --after 1", _CHANGE)],
    "clear": [("clear", _CHANGE)],
    "undo": [("undo", _CHANGE)],
    "save": [],
    "mode": [("mode loop on", _CHANGE)],
    "autostart": [("autostart on", _CHANGE), ("autostart off", _CHANGE)],
    "start": [("start", _CHANGE + 2)],  # whether the first plan can run
    "stop": [("stop", _CHANGE), ("stop cancel", _CHANGE)],
    "resume": [("resume", _CHANGE)],
    "lock": [("lock all", _CHANGE)],
    "answer": [("answer yes", _CHANGE)],
    "update": [("update", _CHANGE)],
    "queue": [("queue", 4)],  # how long the plans take
    "history": [("history", _CHANGE)],
    "item": [("item 0", 2), ("item aaaa", 3), ("item hhhh", _CHANGE), ("item -1", 2)],  # how long it takes
    "plans": [("plans", 2)],
    "devices": [("devices", 2)],
    "functions": [("functions", 1)],
    "read": [("read motor det1", 1)],
    "where": [("where", 1)],
    "plan": [("plan count", 2)],
    "check": [("check count([det1])", 1)],
    "dryrun": [("dryrun count([det1])", 1), ("dryrun", 3)],
    "log": [("log", 1)],
    "plot": [],
    "table": [],
    "load": [],
    "connect": [],
}
#: Words that wait, and how many requests they may send besides those that are made while waiting.
_WAITING = {
    "open": ("open", 8),
    "pause": ("pause now", _CHANGE),
    "finish": ("finish", 6),
    "abort": ("abort", 6),
    "halt": ("halt", 6),
    "close": ("close", 1),
    "destroy": ("destroy", 1),
    "run": ("run count([det1])", 1),
    "wait": ("wait", 2),
    "func": ("func function_sleep(0)", 2),
    "push": ("push x", 5),
}
#: The same in the form of qserver.
_OF_QSERVER = [
    ("queue get", 3),
    ("queue add plan {'name': 'count', 'args': [['det1']]}", _CHANGE),
    ("queue add plan front {'name': 'count', 'args': [['det1']]}", _CHANGE),
    ("queue add batch [{'name': 'count', 'args': [['det1']]}]", _CHANGE),
    ("queue item get 0", 3),  # how long it takes
    ("queue item remove uid aaaa-1", 1),
    ("queue item move uid aaaa-1 back", _CHANGE),
    ("queue clear", 1),
    ("queue mode set loop True", _CHANGE),
    ("queue autostart disable", 1),
    ("queue start", _CHANGE + 2),
    ("history get", _CHANGE),
    ("environment update", 1),
    ("lock all", 1),
    ("status", 1),
]

#: The history of a first line: a plan that failed, and one that completed.
_PAST = [("ffff-1", "failed"), ("hhhh-1", "completed")]
#: Words that want a plan that runs, and those that want one that is paused.
_RUNNING, _PAUSED = {"stop"}, {"resume", "finish", "abort", "halt"}


@pytest.fixture
def known(qs, opened, plan):
    """A manager with a queue and a history, both shown, so that lists and positions are known."""
    queue = [plan("count", f"{letter * 4}-1", ["det1"]) for letter in "abc"]
    opened.fill(queue, [plan("count", "hhhh-1", ["det1"])])
    for line in ("history", "queue"):
        qs(line)
    opened.requests.clear()
    return opened


@pytest.mark.parametrize(("line", "limit"), [each for lines in _LINES.values() for each in lines])
def test_a_line_sends_few_requests(qs, known, bring, line, limit):
    word = line.split()[0]
    if word == "answer":
        known.worker.on_script(Ask())
        known.do("script_upload", script="input()")
        known.wait_until(lambda status: status["input_pending"])
    bring("running" if word in _RUNNING else "paused" if word in _PAUSED else "idle")
    qs(line)
    assert 1 <= len(known.requests) <= limit, known.methods


@pytest.mark.parametrize(("line", "limit"), _OF_QSERVER)
def test_a_line_of_qserver_sends_as_few(qs, known, line, limit):
    qs(line)
    assert 1 <= len(known.requests) <= limit, known.methods


#: First lines of a session that know the lists only; no table was shown. `redo` fetches the history besides.
_FIRST = [
    ("move 0 back", _CHANGE),
    ("move 0 after 1", _CHANGE),
    ("move 0 before -1", _CHANGE),
    ("move aaaa after cccc", _CHANGE),
    ("rm 0", _CHANGE),
    ("rm 0 1", _CHANGE),
    ("rm aaaa", _CHANGE),
    ("edit 0 num=5", _CHANGE),
    ("edit aaaa num=5", _CHANGE),
    ("add count([det1]) --front", _CHANGE),
    ("add count([det1]) --at 1", _CHANGE),
    ("add count([det1]) --after 1", _CHANGE),
    ("add count([det1]) --before cccc", _CHANGE),
    ("redo -1", _CHANGE),
    ("redo -1 --front", _CHANGE),
    ("redo hhhh --at 1", _CHANGE),
    ("redo hhhh --after 1", _CHANGE + 1),
    ("redo ffff --front", _CHANGE + 1),
    ("item 0", 2),  # how long it takes
    ("item aaaa", 3),
    ("item hhhh", _CHANGE),
    ("item ffff", _CHANGE),
]


@pytest.mark.parametrize(("line", "limit"), _FIRST)
def test_a_first_line_sends_as_few(qs, opened, plan, line, limit):
    past = [plan("count", uid, ["det1"]) | {"result": {"exit_status": status}} for uid, status in _PAST]
    opened.fill([plan("count", f"{letter * 4}-1", ["det1"]) for letter in "abc"], past)
    qs("status")  # now the lists are known, and no table was shown
    opened.requests.clear()
    qs(line)
    assert 1 <= len(opened.requests) <= limit, opened.methods


@pytest.mark.parametrize("line", ["redo 0 --front", "redo 0 --at 1", "redo ffff --after 1"])
def test_a_plan_that_failed_is_queued_again_with_two_requests(qs, opened, plan, line):
    opened.fill([plan("count", "aaaa-1"), plan("count", "bbbb-1")], [_failed(plan)])
    for each in ("queue", "history"):
        qs(each)
    opened.requests.clear()
    qs(line)
    assert len(opened.requests) <= _CHANGE, opened.methods


def test_an_item_that_is_back_in_the_queue_costs_two_requests(qs, opened, plan):
    failed = _failed(plan)
    opened.fill([{**failed, "item_uid": "back-1"}], [failed])
    qs("status")
    opened.requests.clear()
    assert "back at the front of the queue" in pretty(qs("item ffff"))
    assert len(opened.requests) <= _CHANGE, opened.methods


def _failed(plan):
    times = {"time_start": 1.0, "time_stop": 2.0}
    result = unreported("failed", "no beam", now=2.0) | {"run_uids": ["r"], "scan_ids": [1], **times}
    return plan("count", "ffff-1", ["det1"]) | {"result": result}


@pytest.fixture
def while_waiting(known, monkeypatch):
    """Counts the requests that are made while waiting."""
    spans = []

    class Counted(waiting.ProgressWait):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.span = [len(known.requests)] * 2
            self.clear_stage, self.clear = self.clear, self.end
            spans.append(self.span)

        def end(self):
            self.span[1] = len(known.requests)
            self.clear_stage()

    monkeypatch.setattr(waiting, "ProgressWait", Counted)
    return lambda: sum(end - begin for begin, end in spans)


@pytest.mark.parametrize(("line", "limit"), _WAITING.values())
def test_a_line_that_waits_sends_few_requests_besides(qs, shell, known, bring, while_waiting, line, limit):
    shell.user_ns["x"] = 1
    if line == "open":
        qs("close")
    if line == "pause now" or line in _PAUSED:
        bring("running" if line == "pause now" else "paused")
    known.requests.clear()
    before = while_waiting()
    qs(line)
    waited = while_waiting() - before
    assert waited >= 1
    assert 1 <= len(known.requests) - waited <= limit, known.methods


def test_every_word_is_counted():
    needs_a_notebook = {"widget"}
    assert set(_LINES) | set(_WAITING) | needs_a_notebook == set(dispatch.WORDS)
    assert set(dispatch.CELLS) == {"add", "script"}


@pytest.mark.parametrize("options", ["", " --front"])
@pytest.mark.parametrize("lines", [1, 50])
def test_a_cell_of_any_length_sends_three_requests_at_most(shell, known, options, lines):
    cell = "scan([det1, motor, motor.setpoint], motor, -1, 1, num=5)\n" * lines
    shell.run_cell(f"%%qs add{options}\n{cell}", store_history=False).raise_error()
    assert len(known.requests) <= 3, known.methods


def test_a_name_that_is_new_is_found_although_the_lists_are_known(qs, known, update):
    update(devices={"new": {"is_readable": True}})
    qs("add count([new, new, new])")
    assert known.methods.count("status") == 1


def test_unknown_names_of_a_service_without_lists_cost_one_look(qs, known, update):
    update(plans={}, devices={})
    qs("queue")
    known.requests.clear()
    with pytest.raises(QSError, match="not in the list of allowed plans"):
        qs("add count([a, b, c, d])")
    assert len(known.requests) <= _CHANGE


def test_positions_before_added_items_are_looked_at_when_they_are_needed(qs, known):
    uid = known.add("count", ["det1"])["item_uid"]
    qs("add count([det1])")
    assert known.methods == ["queue_item_add"]
    assert qs("item 3")["item_uid"] == uid


@pytest.mark.parametrize(
    "line",
    [
        "move 0 after 1",
        "move -1 before 0",
        "move aaaa after cccc",
        "move cccc before aaaa",
        "add count([det2]) --after 1",
        "add count([det2]) count([det3]) --before cccc",
    ],
)
def test_the_table_after_a_change_is_the_queue_of_the_service(qs, opened, plan, line):
    opened.fill([plan("count", f"{letter * 4}-1", ["det1"]) for letter in "abc"])
    shown = qs(line).queue
    assert opened.methods.count("queue_get") == 1
    assert list(shown) == opened.do("queue_get")["items"]


def test_the_queue_is_fetched_again_when_somebody_else_changed_it_meanwhile(qs, opened, plan):
    items = [plan("count", f"{letter * 4}-1", ["det1"]) for letter in "abc"]
    opened.fill(items)
    opened.answers["queue_item_move"] = {"success": True, "msg": "", "qsize": 4, "item": items[0]}
    qs("move 0 after 1")
    assert opened.methods.count("queue_get") == 2
