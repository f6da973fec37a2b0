"""Words of the prompt, from a typed line to the request and to what is shown."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs.client.failures import RequestFailedError, RequestTimeoutError
from bluesky_qs.errors import NotFound, UnknownMethod
from bluesky_qs.testing import Fail, Measure, Return, Wait
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.status_text import has_value
from ipython_extension.words.vocabulary import CELLS, WORDS

#: The state of the manager that requests need.
_STATES = {
    "queue_stop": "running",
    "queue_stop_cancel": "running",
    "re_pause": "running",
    "re_resume": "paused",
    "re_stop": "paused",
    "re_abort": "paused",
    "re_halt": "paused",
}


def shown(view):
    return pretty(view)


def usage_error(qs, line):
    with pytest.raises(UsageError) as caught:
        qs(line)
    return str(caught.value)


def test_a_plan_is_queued_as_it_is_typed(qs, qs_manager):
    added = qs("add count([det1], num=3)")
    item = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 3}}
    assert qs_manager.asked("queue_item_add") == [{"item": item, "user": "ada", "user_group": "admin"}]
    assert shown(added) == "Queued at position 0: count([det1], num=3)"
    (queued,) = qs_manager.do("queue_get")["items"]
    assert added[0]["item_uid"] == queued["item_uid"]


def test_several_plans_are_queued_in_one_request(qs, qs_manager):
    qs("add count([det1]), scan([det1], motor, -1, 1, 5) queue_stop --front")
    (request,) = qs_manager.asked("queue_item_add_batch")
    assert [item["name"] for item in request["items"]] == ["count", "scan", "queue_stop"]
    assert request["pos"] == "front"


def test_metadata_goes_with_every_plan(qs, qs_manager):
    qs("add count([det1]) --md sample='Si 111' run={2 * 3}")
    assert qs_manager.asked("queue_item_add")[0]["item"]["meta"] == {"sample": "Si 111", "run": 6}


@pytest.mark.parametrize(
    ("option", "sent"),
    [
        ("--front", {"pos": "front"}),
        ("--at 1", {"pos": 1}),
        ("--at=-1", {"pos": -1}),
        ("--before 0", {"before_uid": "uid-aaaa"}),
    ],
)
def test_options_say_where(qs, qs_manager, option, sent, plan):
    qs_manager.fill([plan("count", "uid-aaaa"), plan("scan", "uid-bbbb")])
    qs(f"add {option} count([det1])")
    request = qs_manager.asked("queue_item_add")[0]
    assert {key: request[key] for key in sent} == sent


def test_variables_of_the_session_are_sent_as_values(shell, qs, qs_manager):
    shell.user_ns["n"] = 4
    qs("add count([det1], num={n + 1})")
    assert qs_manager.asked("queue_item_add")[0]["item"]["kwargs"] == {"num": 5}


def test_variables_of_a_function_are_seen_in_it(shell, qs_manager):
    shell.run_cell("def f(k):\n    %qs add count([det1], num=$k)\nf(6)").raise_error()
    assert qs_manager.asked("queue_item_add")[0]["item"]["kwargs"] == {"num": 6}


def test_a_variable_without_its_dollar_is_noticed(shell, qs, qs_manager):
    shell.user_ns["n"] = 4
    assert "write $n" in usage_error(qs, "add count([det1], num=n)")
    assert not qs_manager.asked("queue_item_add")


def test_a_misspelt_device_is_noticed_before_it_is_queued(qs):
    printed = usage_error(qs, "add count([dett1])")
    assert (
        "There is no device or plan 'dett1' (did you mean 'det1' or 'det'?). Put plain text in quotes: 'dett1'"
        in printed
    )
    qs("add count(['dett1'])")


def test_a_cell_queues_its_plans(shell, qs_manager):
    cell = "# alignment\ncount([det1])  # once\nscan([det1],\n     motor, -1, 1, num=5)\n"
    shell.run_cell(f"%%qs add\n{cell}").raise_error()
    assert [item["name"] for item in qs_manager.asked("queue_item_add_batch")[0]["items"]] == ["count", "scan"]


def test_a_fault_in_a_cell_is_shown_in_its_line(shell):
    result = shell.run_cell("%%qs add\ncount([det1])\nscan(f(x))\n")
    assert str(result.error_in_exec).splitlines()[1:] == ["    scan(f(x))", "         ^^^^"]


def test_the_queue_shows_what_one_would_type(qs, opened, plan):
    opened.worker.on_plan("count", Measure(num=2), Wait())
    opened.fill(
        [
            plan("count", "uid-cccc", ["det1"]),
            plan("count", "uid-aaaa", ["det1", "motor.setpoint"], num=3),
            plan("mv", "uid-bbbb", "motor", "text"),
        ]
    )
    opened.do("queue_start")
    opened.wait_until(lambda status: opened.worker.is_waiting and status["running_item_progress"])
    assert shown(qs("queue")).splitlines() == [
        "2 items in the queue",
        "  #  plan                                  state",
        "  ▶  count([det1])                         running 2/2",
        "  0  count([det1, motor.setpoint], num=3)  queued",
        "  1  mv(motor, 'text')                     queued",
    ]


def test_the_queue_names_the_users_if_a_plan_is_of_somebody_else(qs, opened, plan):
    opened.fill([plan("count", "uid-aaaa", ["det1"]), plan("count", "uid-bbbb", ["det1"]) | {"user": "bob"}])
    assert shown(qs("queue")).splitlines()[1:] == [
        "  #  plan              user  state",
        "  0  count([det1])     ada   queued",
        "  1  count([det1])     bob   queued",
    ]


def test_the_result_is_a_list_of_dictionaries(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa", num=3)])
    queue = qs("queue")
    assert [item["name"] for item in queue] == ["count"]
    assert queue["running_item"] == {}
    assert "<td" in queue._repr_html_()


def test_a_trailing_semicolon_silences(shell, qs):
    assert qs("queue;") is None
    assert qs("queue ;  ") is None
    shell.run_cell("q = %qs queue;").raise_error()
    assert shell.user_ns["q"] is None


def test_a_semicolon_in_a_text_does_not_silence(qs):
    assert qs("add count([det1], md={'note': 'a;'})") is not None


def test_long_tables_are_cut_to_the_rows_that_are_wanted(shell, qs, qs_manager, plan):
    qs_manager.fill([plan("count", f"uid-{i:04}", ["det1"]) for i in range(50)])
    shell.run_line_magic("config", "QSMagics.table_rows = 3")
    lines = shown(qs("queue")).splitlines()
    assert (len(lines), lines[-1].strip()) == (6, "… and 47 more")


def test_a_position_means_what_the_table_showed(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa"), plan("scan", "uid-bbbb")])
    qs("queue")
    qs_manager.add("count", ["det1"], pos="front")
    assert shown(qs("rm 1")) == "Removed: scan()"


def test_a_position_whose_item_has_gone_is_refused(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "uid-aaaa"), plan("scan", "uid-bbbb")])
    qs("queue")
    qs_manager.do("queue_item_remove", pos="front")
    with pytest.raises(NotFound, match=r"count\(\), which was shown at position 0, is no longer in the queue"):
        qs("rm 0")
    assert [item["item_uid"] for item in qs_manager.do("queue_get")["items"]] == ["uid-bbbb"]


def test_an_item_that_was_just_added_can_be_named_by_its_position(qs):
    qs("queue")
    qs("add count([det1]);")
    qs("add scan([det1], motor, -1, 1, 5);")
    assert shown(qs("rm 1")) == "Removed: scan([det1], motor, -1, 1, 5)"
    assert shown(qs("rm 0")) == "Removed: count([det1])"


def test_an_item_can_be_named_by_the_beginning_of_its_uid(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "aaaa-1"), plan("scan", "bbbb-2")])
    assert shown(qs("rm bbbb")) == "Removed: scan()"


def test_an_ambiguous_uid_shows_the_items(qs, qs_manager, plan):
    qs_manager.fill([plan("count", "aaaa-1"), plan("scan", "aaaa-2")])
    complaint = usage_error(qs, "rm aaaa")
    assert "aaaa-1  count()" in complaint
    assert "aaaa-2  scan()" in complaint


def test_a_plan_of_the_history_can_be_queued_again(qs, qs_manager, plan):
    qs_manager.fill(history=[{**plan("count", "aaaa-1", ["det1"]), "result": {"exit_status": "failed"}}])
    qs("redo -1")
    item = qs_manager.asked("queue_item_add")[0]["item"]
    assert item == {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {}}


def test_the_history_shows_how_plans_ended(qs, qs_manager, plan):
    good = {"exit_status": "completed", "time_start": 100.0, "time_stop": 290.0, "scan_ids": [3, 4, 5]}
    bad = {"exit_status": "failed", "time_start": 300.0, "time_stop": 300.5, "msg": "ValueError: no beam\nmore"}
    qs_manager.fill(
        history=[
            {**plan("count", "aaaa", ["det1"]), "result": good},
            {**plan("scan", "bbbb"), "result": bad},
        ]
    )
    lines = shown(qs("history")).splitlines()
    assert lines[0] == "2 plans: 1 completed, 1 failed"
    assert lines[2].split()[:3] == ["0", "count([det1])", "completed"]
    assert lines[2].endswith("3 min 10 s   3-5")
    assert lines[3].split()[2:4] == ["✗", "failed"]
    assert lines[4] == "     ValueError: no beam"
    assert [item["name"] for item in qs("history --failed")] == ["scan"]
    assert shown(qs("history -n 1")).splitlines()[0] == "The last plan of 2: 1 failed (-n N shows more)"


def test_the_state_is_one_sentence(qs, qs_manager):
    assert shown(qs("status")) == "Idle, the environment is closed (%qs open); the queue is empty."
    assert qs("status")["manager_state"] == "idle"
    qs_manager.open()
    assert shown(qs("status")) == "Idle, the environment is open; the queue is empty."
    qs_manager.do("queue_mode_set", mode={"loop": True})
    qs_manager.do("queue_autostart", enable=True)
    qs_manager.do("lock", lock_key="k", queue=True, user="bob")
    sentence, lock = shown(qs("status")).split("\n")
    assert sentence == "Idle, the environment is open; the queue is empty; loop mode; autostart is on; queue locked."
    assert lock.startswith("Locked (queue) by bob since ")


def test_the_state_shows_that_the_environment_is_opening(qs, qs_manager):
    qs_manager.worker.on_open(Wait())
    qs_manager.do("environment_open")
    assert shown(qs("status")) == "Opening the environment; the queue is empty."


def test_the_sentence_names_the_running_plan_and_its_progress(qs, opened):
    opened.worker.on_plan("count", Measure(num=4), Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.do("queue_stop")
    opened.wait_until(lambda status: opened.worker.is_waiting and status["running_item_progress"])
    sentence = shown(qs("")).splitlines()[0]
    assert sentence.startswith("Running count([det1]), 4 of 4 points, for ")
    assert sentence.endswith(" s; nothing more in the queue; the queue stops after this plan.")


@pytest.mark.parametrize(
    ("line", "method", "params"),
    [
        ("start", "queue_start", {}),
        ("stop", "queue_stop", {}),
        ("stop cancel", "queue_stop_cancel", {}),
        ("pause now", "re_pause", {"option": "immediate"}),
        ("resume", "re_resume", {}),
        ("finish", "re_stop", {}),
        ("abort", "re_abort", {}),
        ("halt", "re_halt", {}),
        ("clear", "queue_clear", {}),
        ("mode loop on ignore_failures off", "queue_mode_set", {"mode": {"loop": True, "ignore_failures": False}}),
        ("autostart on", "queue_autostart", {"enable": True}),
        ("update", "environment_update", {}),
        # lines of qserver
        ("re pause immediate", "re_pause", {"option": "immediate"}),
        ("re stop", "re_stop", {}),
        ("queue mode set loop True", "queue_mode_set", {"mode": {"loop": True}}),
        ("-k secret queue clear", "queue_clear", {"lock_key": "secret"}),
        ("queue stop --lock-key=secret --json", "queue_stop", {"lock_key": "secret"}),
        ("call queue_autostart enable=true", "queue_autostart", {"enable": True}),
    ],
)
def test_a_line_is_one_request(qs, opened, bring, line, method, params):
    bring(_STATES.get(method, "idle"))
    qs(line)
    assert opened.asked(method) == [params | {"user": "ada"}]


def test_a_line_of_qserver_queues_an_item(qs, qs_manager):
    added = qs("""queue add plan front '{"name": "count", "args": [["det1"]], "kwargs": {"num": 2}}'""")
    assert qs_manager.asked("queue_item_add")[0]["pos"] == "front"
    assert shown(added).splitlines()[0] == "Queued at position 0: count([det1], num=2)"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("opne", "did you mean 'open'"),
        ("queue gte", "did you mean 'get'"),
        ("histroy", "did you mean 'history'"),
        ("export", "did you mean 'history'"),
        ("skip", "did you mean 'rm'"),
        ("re paus", "did you mean 'pause'"),
        ("add count([det1]) --frnt", "did you mean '--front'"),
        ("add", "Expected a plan"),
        ("add count", "A plan is written as a call: count(…)"),
        ("mode loop maybe", "Expected on or off"),
        ("rm x", "at least 4 characters of a uid"),
        ("rm 7", "no item 7: it is empty"),
        ("open now", "%qs open takes no arguments"),
        ("pause immediately", "Expected now"),
        ("add --front --back count([det1])", "cannot be combined"),
        ("wait --timeout soon", "Expected a duration"),
    ],
)
def test_an_invalid_line_gets_suggestions(qs, qs_manager, line, hint):
    assert hint in usage_error(qs, line)
    assert not [
        name
        for name, _ in qs_manager.requests
        if name not in ("status", "queue_get", "plans_allowed", "devices_allowed", "functions_allowed")
    ]


@pytest.mark.parametrize("line", ["count([det1])", "count", "count ([det1])"])
def test_a_plan_that_is_typed_as_a_command_is_recognized(qs, opened, line):
    qs("status")
    assert "it is a plan: %qs add count(…) queues it" in usage_error(qs, line)


def test_an_unknown_method_is_an_error_with_the_nearest_name(qs):
    with pytest.raises(UnknownMethod, match="queue_autostart"):
        qs("call queue_autostrt enable=1")


def test_a_refusal_is_one_line(shell, capsys):
    result = shell.run_cell("%qs start")
    assert isinstance(result.error_in_exec, RequestFailedError)
    assert capsys.readouterr().out == "Refused: The environment is not open (%qs open).\n"


def test_a_refusal_is_raised_for_a_client_that_returns_them(shell, qs, qs_manager):
    shell.user_ns["RM"].request_fail_exceptions = False
    qs_manager.answers["queue_start"] = {"success": False, "msg": "Not now."}
    with pytest.raises(RequestFailedError, match="Not now"):
        qs("start")


def test_silence_names_the_address_and_what_to_start(shell, capsys):
    shell.run_line_magic("config", "QSMagics.timeout = 0.05")
    shell.run_line_magic("config", "QSMagics.control_addr = 'tcp://127.0.0.1:9'")
    result = shell.run_cell("%qs status")
    assert isinstance(result.error_in_exec, RequestTimeoutError)
    printed = capsys.readouterr().out
    assert "tcp://127.0.0.1:9" in printed
    assert "start-re-manager" in printed
    assert "sets the address" not in printed
    assert "Traceback" not in printed


def test_silence_at_the_usual_address_names_connect(shell, capsys, monkeypatch):
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", "tcp://127.0.0.1:9")
    shell.run_line_magic("config", "QSMagics.timeout = 0.05")
    shell.run_cell("%qs status")
    shown = " ".join(capsys.readouterr().out.split())
    assert "%qs connect HOST:PORT, or %qs connect https://… for an HTTP server" in shown


def test_connecting_elsewhere_changes_nothing_without_an_answer(shell, qs, qs_manager):
    shell.run_line_magic("config", "QSMagics.timeout = 0.05")
    with pytest.raises(RequestTimeoutError):
        qs("connect 127.0.0.1:9")
    shell.run_line_magic("config", "QSMagics.timeout = 10")
    assert f"at {qs_manager.control}, as grace" in shown(qs(f"connect {qs_manager.control} --user grace"))
    assert shell.user_ns["RM"].user == "grace"


def test_plans_and_devices_are_listed_by_pattern(qs):
    assert list(qs("plans cou?t")) == ["count"]
    assert list(qs("devices mot?r")) == ["motor"]
    assert "motor.setpoint" in qs("devices motor.*")
    assert "Take one or more readings" in shown(qs("plans"))


def test_a_plan_is_described(qs):
    described = shown(qs("plan count"))
    assert described.splitlines()[0] == "count(detectors, num=1, delay=0.0, *, per_shot=None, md=None)"
    assert "detector" in described
    with pytest.raises(NotFound, match="did you mean 'count'"):
        qs("plan cuont")


def test_help_is_there_for_all_and_for_one(qs):
    assert "%qs open" in shown(qs("help"))
    assert "--before ID" in shown(qs("help add"))
    assert "re pause" in shown(qs("help re"))


def test_opening_waits_and_shows_the_lists_and_omitted_objects(qs, qs_manager):
    left_out = [{"name": "odd", "file": "a.py", "line": 3, "reason": "its decorator contradicts it"}]
    qs_manager.answers["environment_report"] = {"report": {"success": True, "left_out": left_out}}
    lines = shown(qs("open")).splitlines()
    worker = qs_manager.worker
    assert lines[0].endswith(f"{len(worker.plans)} plans, {len(worker.devices)} devices.")
    assert lines[1] == "  Left out: odd: its decorator contradicts it"


def test_a_failed_opening_is_shown_from_the_report(shell, qs_manager, capsys):
    trace = "Traceback (most recent call last):\n  File ...\nNameError: x\n"
    qs_manager.worker.on_open(Fail("a.py, line 3: NameError: x", trace))
    shell.run_cell("%qs open")
    assert (
        capsys.readouterr().out == f"{trace}Failed: The environment could not be opened: a.py, line 3: NameError: x.\n"
    )


def test_a_plan_that_fails_now_is_an_error_with_its_reason(qs, opened):
    opened.worker.on_plan("count", Fail("ValueError: no beam"))
    with pytest.raises(NotDone, match=r"count\(\[det1\]\) failed: ValueError: no beam"):
        qs("run count([det1])")


def test_a_plan_that_completes_is_shown_with_its_scan_id(qs, opened):
    opened.worker.scan_id = 6
    printed = shown(qs("run count([det1])"))
    assert printed.startswith("Completed in ")
    assert printed.endswith(" s, scan 7: count([det1])")


@pytest.mark.parametrize("value", [1.5, [1, 2], [], "text", {"x": None}, False])
def test_the_value_of_a_plan_is_the_value_of_the_line_that_runs_it(qs, opened, value):
    opened.worker.on_plan("count", Return(value))
    assert qs("run count([det1])") == value
    assert shown(qs("item -1")).splitlines()[-1] == f"  returned {value!r}"


def test_a_plan_that_returns_nothing_gives_its_item(qs, opened):
    opened.worker.on_plan("count", Return(None))
    item = qs("run count([det1])")
    assert item["result"]["exit_status"] == "completed"
    assert item["result"]["return_value"] is None
    assert "returned" not in shown(qs("item -1"))


def test_the_uids_of_its_runs_are_no_value_of_a_plan():
    runs = {"run_uids": ["u1", "u2"]}
    assert not any(has_value({**runs, "return_value": value}) for value in ("u1", ["u1", "u2"]))
    assert has_value({**runs, "return_value": "u3"})


def test_a_value_that_is_only_a_text_is_shown_with_the_item(qs, qs_manager, plan):
    result = {"exit_status": "completed", "return_value": "<Fit 3>", "return_value_is_text": True}
    qs_manager.fill(history=[{**plan("count", "uid-aaaa"), "result": result}])
    qs("history")
    assert shown(qs("item -1")).splitlines()[-1] == "  returned <Fit 3>"


@pytest.mark.parametrize("asked", ["%qs?", "%%qs?", "%qs ?", "%qs??", "%qs help"])
def test_every_form_of_help_lists_all_commands(shell, asked):
    result = shell.run_cell(asked)
    result.raise_error()
    assert shown(result.result).startswith("%qs  ")


@pytest.mark.parametrize("asked", ["%qs help add", "%qs add?", "%qs add ?"])
def test_every_form_of_help_shows_one_command(shell, asked):
    result = shell.run_cell(asked)
    result.raise_error()
    assert shown(result.result).startswith("%qs add PLAN")


def test_every_word_is_in_the_help(qs):
    printed = shown(qs("help"))
    assert [name for name in WORDS if f"%qs {name} " not in printed] == []
    assert [name for name in CELLS if f"%%qs {name} " not in printed] == []
