"""What TAB offers, from what is at hand: without a single request."""

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.lib.pretty import pretty

from bluesky_qs.testing import Measure, ScriptedWorker

PARAMETERS = [
    {"name": "detectors", "kind": {"name": "POSITIONAL_OR_KEYWORD"}, "annotation": {"type": "__READABLE__"}},
    {"name": "num", "kind": {"name": "POSITIONAL_OR_KEYWORD"}, "default": "1"},
    {"name": "md", "kind": {"name": "KEYWORD_ONLY"}, "default": "None"},
]
DEVICES = {
    "det1": {"is_readable": True},
    "motor": {"is_readable": True, "is_movable": True, "components": {"setpoint": {"is_readable": True}}},
}


@pytest.fixture
def qs_worker():
    """A worker with few plans and devices."""
    plans = {"count": {"name": "count", "parameters": PARAMETERS}, "scan": {"name": "scan", "parameters": []}}
    return ScriptedWorker(plans=plans, devices=DEVICES)


@pytest.fixture
def offered(shell, qs_manager):
    """Texts that IPython's completer offers at the end of a cell."""

    def offer(text):
        before = len(qs_manager.requests)
        with provisionalcompleter():
            found = [text[: each.start] + each.text for each in shell.Completer.completions(text, len(text))]
        assert len(qs_manager.requests) == before, "TAB has asked the service"
        kept = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.$-")
        return [each[len(kept) :] for each in found]

    return offer


@pytest.fixture
def informed(qs, opened, plan):
    """The lists are at hand after any command that looks at them."""
    opened.fill([plan("count", "aaaa-1", ["det1"]), plan("scan", "bbbb-2")])
    qs("")
    qs("queue")


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("%qs ", {"add", "queue", "run", "history", "call", "help", "unlock"}),
        ("%qs environ", {"environment"}),
        ("%qs re pa", {"pause"}),
        ("%qs read motor --w", {"--watch"}),
        ("%qs where --", {"--watch"}),
        ("%qs que", {"queue"}),
        ("q = %qs hist", {"history"}),
        ("%qs queue ", {"get", "add", "item", "mode", "-n", "--until"}),
        ("%qs history ", {"--failed", "--search", "--plan", "-n"}),
        ("%qs re pause ", {"immediate", "deferred"}),
        ("%qs mode ", {"loop", "ignore_failures"}),
        ("%qs stop ", {"cancel"}),
        ("%qs lock ", {"env", "queue", "all", "info"}),
        ("%qs history --", {"--failed", "--search", "--plan", "--user", "--since", "--until", "--md"}),
        ("%qs history -", {"-n"}),
        ("%qs log -1 --", {"--grep", "--level"}),
        ("%qs log -1 --level ", {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}),
        ("%qs history --since ", {"yesterday", "today"}),
        ("%qs queue -", {"-n"}),
        ("%qs add count() --", {"--front", "--back", "--at", "--before", "--after", "--md"}),
        ("%qs call queue_item_m", {"queue_item_move", "queue_item_move_batch"}),
        ("%qs call queue_mode_set ", {"mode="}),
        ("%qs help ed", {"edit"}),
        ("%qs load s", {"sim"}),
        ("%%qs ", {"add", "script"}),
        ("%%qs script --", {"--background", "--update-re", "--keep-lists"}),
    ],
)
def test_words_and_options_are_completed_before_any_request(offered, text, some):
    assert some <= set(offered(text))


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("%qs read ", ["det1", "motor"]),
        ("%qs read det1 mo", ["motor"]),
        ("%qs read motor.se", ["motor.setpoint"]),
    ],
)
def test_devices_that_can_be_read_are_completed(informed, offered, text, some):
    assert offered(text) == some


@pytest.mark.parametrize(
    ("text", "all_of_them"),
    [
        ("%qs add c", ["count"]),
        ("%qs add ", ["count", "queue_stop", "scan"]),
        ("%qs check sc", ["scan"]),
        ("%qs devices motor.s", ["motor.setpoint"]),
        ("%qs run RE(co", ["count"]),
        ("%qs add count([de", ["det1"]),
        ("%qs add count([motor.", ["motor.setpoint"]),
        ("%qs add count([motor.s", ["motor.setpoint"]),
        ("%qs add count([det1], n", ["num="]),
        ("%qs add count([det1], num=1, ", ["md="]),
        ("%qs add count([det1], num=1, d", []),
        ("%qs add count([det1], num=", []),
        ("%qs add count([det1], md=", []),
        ("%qs add scan(", []),  # it has no parameters
        ("%qs add count() --front --", ["--dry-run", "--md", "--for"]),
        ("%qs add count() --md a=1 --a", ["--at", "--after"]),
        ("%qs add count([det1]) sc", ["scan"]),
        ("%qs add RE(count([de", ["det1"]),
        ("x = 1\n%qs add count([de", ["det1"]),
        ("%%qs add\n# first\ncount([de", ["det1"]),
        ("%%qs add\ncount([det1])\nsc", ["scan"]),
        ("%qs plan s", ["scan"]),
        ("%qs devices m", ["motor"]),
        ("%qs rm ", ["0", "1"]),
        ("%qs rm aa", ["aaaa-1"]),
        ("%qs add scan() --before ", ["0", "1"]),
        ("%qs edit 0 n", ["num="]),
        ("%qs edit aaaa-1 num=5 d", ["detectors="]),
        ("%qs edit 0 detectors=[m", ["motor"]),
        ("%qs move 0 be", ["before"]),
    ],
)  # fmt: skip
def test_plans_devices_parameters_and_items_are_offered_from_what_is_at_hand(offered, informed, text, all_of_them):
    assert sorted(offered(text)) == sorted(all_of_them)


def test_variables_are_offered_after_a_dollar_and_in_braces(shell, offered, informed):
    shell.user_ns.update(npoints=5, nobody=print)
    assert offered("%qs add count([det1], num=$np") == ["$npoints"]
    assert offered("%qs add count([det1], num={np") == ["npoints"]


def test_a_whole_call_is_offered_to_edit_as_to_add(offered, qs, informed):
    assert offered("%qs edit 0 nu") == ["num="]
    assert offered("%qs edit 0 count([de") == ["det1"]
    assert offered("%qs edit 0 count([det1], nu") == ["num="]
    assert offered("%qs redo -1 --fr") == ["--front"]


def test_what_was_made_here_is_offered_to_be_pushed(shell, offered):
    shell.run_cell("def wiggle(): ...\nwidth = 3\nfrom os.path import join as with_join").raise_error()
    assert set(offered("%qs push wi")) == {"wiggle", "width"}


def test_detectors_are_offered_where_detectors_are_expected(offered, qs, informed, update):
    update(
        devices={"det1": {"is_readable": True}, "shutter": {"is_readable": False}},
        plans={
            "count": {"name": "count", "parameters": PARAMETERS},
            "odd": {"name": "odd", "parameters": [{"name": "what", "kind": {"name": "POSITIONAL_OR_KEYWORD"}}]},
        },
    )
    qs("queue")
    assert offered("%qs add count([") == ["det1"]
    assert set(offered("%qs add odd(")) == {"what=", "det1", "shutter", "count", "odd"}


@pytest.mark.parametrize("annotation", [{"type": "__MOVABLE__ | typing.Any"}, {}])
def test_motors_are_offered_where_motors_are_expected_and_nothing_for_their_positions(
    offered, qs, informed, update, annotation
):
    args = {"name": "args", "kind": {"name": "VAR_POSITIONAL"}, "annotation": annotation}
    update(plans={"grid": {"name": "grid", "parameters": [PARAMETERS[0], args]}})
    qs("queue")
    assert offered("%qs add grid([det1], ") == ["motor"]
    update(plans={"grid": {"name": "grid", "parameters": [PARAMETERS[0], args, {**PARAMETERS[2], "name": "num"}]}})
    qs("queue")
    assert offered("%qs add grid([det1], ") == ["motor", "num="]
    update(plans={"grid": {"name": "grid", "parameters": [PARAMETERS[0], args]}})
    qs("queue")
    assert offered("%qs add grid([det1], motor, ") == []
    assert offered("%qs add grid([det1], motor, -1, 1, m") == ["motor"]


def test_nothing_is_offered_in_strings_and_elsewhere_python_is_left_alone(shell, offered, informed):
    shell.user_ns["detour"] = 1
    assert "count" not in offered("%qs add count(md={'a': 'co")
    assert "detour" in offered("x = de")
    assert "det1" not in offered("x = de")


@pytest.mark.parametrize(
    "text",
    ["%qs xyz", "%qs history zz", "%qs add nosuch", "%qs add count(md={'a': 'det", "%qs start "],
)
def test_nothing_is_offered_where_nothing_fits(shell, offered, informed, text):
    shell.user_ns.update(xyzzy=1, zzz=2, nosuchthing=3, detour=4)
    assert offered(text) == []


def test_own_words_come_before_lines_of_qserver(offered):
    first = offered("%qs ")
    assert first == sorted(first)
    assert not {"environment", "allowed", "re"} & set(first)
    assert offered("%qs re") == ["read", "redo", "resume"]


def test_metadata_that_was_seen_is_offered_after_md(qs, opened, offered, plan):
    first = plan("count", "aaaa-1") | {"meta": {"sample": "Si 111", "mood": "low"}}
    opened.fill([first, plan("scan", "bbbb-2") | {"meta": [{"run": 3}]}])
    qs("queue")
    assert set(offered("%qs add count() --md ")) == {"sample=", "mood=", "run="}
    assert offered("%qs add count() --md mood=low sa") == ["sample="]
    assert offered("%qs add count() --md run=") == ["3"]
    assert offered("%qs run count() --md sample=") == ["'Si 111'"]
    assert offered("%%qs add --md mo") == ["mood="]
    assert "mood=" not in offered("%qs add count() --md mood=low --at ")


@pytest.mark.parametrize("looks", [("history", "history --plan nothing"), ("",)])
def test_metadata_of_plans_that_no_table_shows_any_more_is_offered(qs, opened, offered, plan, looks):
    result = {"exit_status": "completed", "time_start": 1.0, "time_stop": 2.0}
    opened.fill(history=[plan("count", f"{n}-1") | {"meta": {"sample": f"S{n}"}, "result": result} for n in range(2)])
    for line in looks:
        qs(line)
    assert set(offered("%qs add count() --md sample=")) == {"S0", "S1"}


def test_metadata_that_was_seen_is_offered_to_find_plans_in_the_history(qs, opened, offered, plan):
    opened.fill(history=[plan("count", "aaaa-1") | {"meta": {"sample": "Si 111", "mood": "low"}}])
    qs("history")
    assert {"sample=", "mood="} <= set(offered("%qs history "))
    assert offered("%qs history sample=") == ["'Si 111'"]
    assert "count" in offered("%qs history --plan ")


def test_fields_are_offered_to_plot(shell, offered, informed):
    assert offered("%qs plot mo") == []  # no run was seen
    keys = {"motor": {"dtype": "number", "shape": []}, "image": {"dtype": "array", "shape": [9, 9]}, "mean": None}
    session = shell.magics_manager.registry["QSMagics"]._conversation()
    session.take_document({"name": "descriptor", "doc": {"data_keys": keys}})
    assert offered("%qs plot ") == ["motor"]


def test_of_a_scan_that_is_named_only_its_own_fields_are_offered_to_plot(qs, opened, offered):
    for field in ("temperature", "signal"):
        opened.worker.on_plan("scan", Measure({field: 1.0}))
        qs("run scan()")
    assert offered("%qs plot -1 ") == ["signal"]  # the plan that ran last, in no table yet
    uids = [item["item_uid"] for item in qs("history")]
    assert offered("%qs plot -1 ") == offered("%qs plot 1 ") == offered(f"%qs plot {uids[1]} ") == ["signal"]
    assert offered("%qs plot -2 ") == offered("%qs plot 0 ") == offered("%qs plot 0 temp") == ["temperature"]
    assert offered("%qs plot 0 temperature ") == []  # each once
    qs("history -n 1")
    assert offered("%qs plot -2 ") == ["temperature"]  # although no table shows it now
    assert {"temperature", "signal"} < set(offered("%qs plot "))
    assert offered("%qs plot -3 ") == []


def test_variables_are_offered_after_a_dollar_wherever_a_value_is_typed(shell, offered, informed):
    shell.user_ns.update(npoints=5, nobody=print)
    assert offered("%qs edit 0 num=$np") == ["$npoints"]
    assert offered("%qs add count() --md points=$np") == ["$npoints"]


def test_positions_are_completed_with_the_text_of_their_plans(shell, informed):
    with provisionalcompleter():
        offers = list(shell.Completer.completions("%qs rm ", 7))
    assert [(each.text, each.type) for each in offers] == [("0", "count([det1])"), ("1", "scan()")]


@pytest.mark.usefixtures("informed")
@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("%qs functions ", ["function_sleep"]),
        ("%qs devices mo", ["motor"]),
        ("%qs devices motor.", ["motor.setpoint"]),
        ("%qs plans co", ["count"]),
        ("%qs plans count ", []),
        ("%qs add count() --at ", []),
        ("%qs mode ", ["loop", "ignore_failures"]),
        ("%qs mode loop ", ["on", "off"]),
        ("%qs mode loop on ", ["ignore_failures"]),
        ("%qs help unl", ["unlock"]),
        ("%qs lock e", ["env"]),
        ("%qs move ", ["0", "1"]),
        ("%qs move 0 ", ["front", "back", "before", "after"]),
        ("%qs move 0 after ", ["1"]),
        ("%qs move 0-1 before ", []),
        ("%qs wait --timeout ", []),
        ("%qs redo ", []),
        ("%qs history --user ", ["ada"]),
    ],
)
def test_only_what_fits_is_offered(offered, text, offers):
    assert offered(text) == offers


def test_plans_of_the_history_and_their_parameters_are_offered_to_redo(qs, opened, offered, plan):
    opened.fill(history=[plan("count", "aaaa-1", ["det1"])])
    qs("history")
    qs("queue")
    assert offered("%qs redo ") == ["0"]
    assert offered("%qs redo 0 n") == ["num="]
    assert offered("%qs redo -1 n") == ["num="]


def test_unloading_ends_the_offers(shell, offered):
    shell.run_line_magic("unload_ext", "ipython_extension")
    assert "edit" not in offered("%qs ed")


@pytest.fixture
def with_choices(qs, opened, update, plan):
    """A plan whose parameters have few values."""
    types = {"how": "typing.Literal['fast', 'fine', 3]", "snake": "typing.Optional[bool]", "mode": "Mode"}
    parameters = [
        {"name": name, "kind": {"name": "POSITIONAL_OR_KEYWORD"}, "annotation": {"type": kind}}
        for name, kind in types.items()
    ]
    parameters[2]["annotation"]["enums"] = {"Mode": ["on", "off"]}
    update(plans={"align": {"name": "align", "parameters": parameters}})
    opened.fill([plan("align", "aaaa-1")])
    qs("queue")


@pytest.mark.usefixtures("with_choices")
@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("%qs add align(how=", ["'fast'", "'fine'", "3"]),
        ("%qs add align(how=fi", ["'fine'"]),
        ("%qs add align(snake=", ["True", "False"]),
        ("%qs add align('fast', T", ["True"]),
        ("%qs run align(mode=", ["'on'", "'off'"]),
        ("%qs edit 0 how=", ["'fast'", "'fine'", "3"]),
        ("%qs edit 0 how='fast' snake=F", ["False"]),
    ],
)
def test_the_values_of_a_type_that_has_few_are_offered(shell, text, offers):
    with provisionalcompleter():
        assert {each.text for each in shell.Completer.completions(text, len(text))} == set(offers)


def test_functions_are_offered_where_they_are_known_and_nothing_else(shell, qs, opened, offered):
    assert offered("%qs func fu") == []  # nothing of IPython's
    qs("status")
    with provisionalcompleter():
        assert [each.text for each in shell.Completer.completions("%qs func fu", 11)] == ["function_sleep("]


def test_functions_that_may_be_called_are_offered(qs, opened, offered):
    qs("status")
    assert offered("%qs func fu") == ["function_sleep("]
    assert offered("%qs func function_sleep(1) fu") == []


def test_a_pushed_function_that_may_not_be_called_is_not_offered(shell, qs, opened, offered):
    qs("status")
    shell.run_cell("def last_position(name): return 1").raise_error()
    qs("push last_position")
    assert offered("%qs func ") == ["function_sleep("]


def test_tables_and_files_are_offered_where_add_takes_them(shell, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tonight.txt").touch()
    shell.user_ns.update(samples=[{"x": 1}], salary=3)
    assert offered("%qs add count([det1]) --for sa") == ["samples"]
    assert offered("%qs add --file ton") == ["tonight.txt"]
    assert "undo" in offered("%qs un")


def test_spreadsheets_are_tables_too(offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("sat.csv", "sat.xlsx", "sat.txt"):
        (tmp_path / name).touch()
    assert offered("%qs add count([det1]) --for sa") == ["sat.csv", "sat.xlsx"]


def test_the_parameters_that_several_plans_have_in_common_are_offered(offered, qs, opened, plan, update):
    detectors = {"name": "detectors", "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1}}
    args = {"name": "args", "kind": {"name": "VAR_POSITIONAL", "value": 2}}
    by_name = {"kind": {"name": "KEYWORD_ONLY", "value": 3}, "default": "None"}
    described, snake = [detectors, args, {"name": "md", **by_name}], {"name": "snake_axes", **by_name}
    plans = {"scan": described, "grid_scan": [*described, snake]}
    update(plans={name: {"name": name, "parameters": parameters} for name, parameters in plans.items()})
    grid = ["grid_scan", ["det1"], "motor", 0, 1, 3, "motor", 0, 1, 3]
    opened.fill([plan(grid[0], "aaaa-1", *grid[1:]), plan(grid[0], "bbbb-2", *grid[1:]), plan("scan", "cccc-3")])
    qs("")
    qs("queue")
    assert offered("%qs edit 0-1 ") == ["detectors=", "md=", "snake_axes="]
    assert offered("%qs edit 0,1 sn") == ["snake_axes="]
    assert offered("%qs edit 0-2 ") == ["detectors=", "md="]
    assert offered("%qs edit 7-9 ") == []
    assert pretty(qs("edit 0-1 detectors=[det1, motor]")) == "Changed 2 plans at positions 0, 1."
    assert [item["args"][:2] for item in opened.do("queue_get")["items"][:2]] == [[["det1", "motor"], "motor"]] * 2
