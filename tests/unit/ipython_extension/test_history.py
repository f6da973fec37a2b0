"""The history at the prompt: it shows what was measured, and finds it again."""

import re
import time

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty

from bluesky_qs import errors
from ipython_extension.shown.error_rendering import NotDone
from ipython_extension.shown.headings import ended_heading

STATUSES = ("completed", "failed", "aborted", "completed", "completed")


@pytest.fixture
def about_noon(monkeypatch):
    """A time zone where it is about noon: what happened in the last hours was today, and has a time without a date."""
    with monkeypatch.context() as there:
        there.setenv("TZ", f"NOON{time.gmtime().tm_hour - 12:+d}")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def measured(qs_manager, plan, about_noon):
    """Five plans of the last five hours: u0 to u4, with the samples S00 to S04."""
    now = time.time()

    def past(number):
        result = {
            "exit_status": STATUSES[number],
            "time_start": now - 3600 * (5 - number),
            "time_stop": now - 3600 * (5 - number) + 60,
            "scan_ids": [number + 7],
            "msg": "no beam" if STATUSES[number] == "failed" else "",
        }
        item = plan(("count", "scan")[number % 2], f"u{number}", ["det1"])
        meta = {"proposal": 1234, "sample": f"S0{number}"}
        return {**item, "meta": meta, "result": result}

    def fill(**more):
        qs_manager.fill(history=[{**past(n), **{key: value(n) for key, value in more.items()}} for n in range(5)])
        qs_manager.requests.clear()

    fill()
    return fill


def lines(shown):
    return pretty(shown).splitlines()


def row(shown, number):
    return next(line.split() for line in lines(shown) if line.split()[0] == str(number))


def complaint(qs, line):
    with pytest.raises(UsageError) as error:
        qs(line)
    return str(error.value)


@pytest.mark.usefixtures("measured")
def test_metadata_that_differs_has_a_column_and_failed_plans_are_marked(qs):
    shown = qs("history")
    assert lines(shown)[0] == "5 plans: 3 completed, 1 failed, 1 aborted"
    assert lines(shown)[1].split() == ["#", "plan", "sample", "ended", "started", "took", "scan"]
    assert row(shown, 0)[1:4] == ["count([det1])", "S00", "completed"]
    assert row(shown, 1)[1:5] == ["scan([det1])", "S01", "✗", "failed"]
    assert row(shown, 2)[1:5] == ["count([det1])", "S02", "✗", "aborted"]
    assert lines(shown)[-1] == "  All: proposal=1234"
    assert "<p>All: proposal=1234</p>" in shown.html()
    assert "<th" in shown.html()
    assert ">sample<" in shown.html()
    assert ">proposal<" not in shown.html()


@pytest.mark.usefixtures("measured")
def test_all_metadata_is_below_each_plan_if_wanted(qs):
    shown = qs("history --md")
    assert "sample" not in lines(shown)[1]
    assert [line.strip() for line in lines(shown) if "--md" in line] == [
        f"--md proposal=1234 sample='S0{number}'" for number in range(5)
    ]
    assert "--md proposal=1234 sample=&#x27;S00&#x27;" in shown.html()


def test_metadata_is_shown_whole_if_wanted_and_lines_break_at_blanks(qs, measured):
    measured(meta=lambda n: {"comment": "very " * 60 + str(n)})
    shown = lines(qs("history --md -n 1"))
    assert max(map(len, shown)) <= 80
    assert " ".join(" ".join(shown).split()).count("very") == 60


def test_columns_that_do_not_fit_are_named_and_the_line_keeps_its_width(qs, measured):
    meta = {"comment": "a long description of the measurement {}", "T": "{}", "sample": "S0{}", "holder": "holder {}"}
    measured(
        meta=lambda n: {key: value.format(n) for key, value in meta.items()},
        args=lambda n: [["det1", "det2"], "motor", n, n + 1, 101],
    )
    shown = qs("history")
    assert max(map(len, lines(shown))) <= 80
    heading = lines(shown)[1].split()
    assert "T" in heading
    assert "took" not in heading  # there is more room for metadata without it
    left_out = [key for key in meta if key not in heading]
    assert left_out[0] == "comment"
    note = f"Columns omitted: {', '.join(left_out)}, took (%qs history --md shows all metadata)"
    assert " ".join(pretty(shown).split()).endswith(note)
    assert ">comment<" in shown.html()


def test_the_time_that_a_plan_took_is_worth_more_than_a_second_column_of_metadata(qs, measured):
    measured(meta=lambda n: {"sample": f"S0{n}", "holder": f"holder number {n}"}, user=lambda n: "bob")
    heading = lines(qs("history"))[1].split()
    assert ("sample" in heading, "holder" in heading, "took" in heading) == (True, False, True)


def test_a_plan_that_is_cut_anyway_keeps_more_than_half_of_the_line_beside_a_column_of_metadata(qs, measured):
    measured(args=lambda n: LONG if n == 1 else [["det1"]], meta=lambda n: {"sample": f"S0{n}", "holder": f"h{n}"})
    shown = lines(qs("history"))
    assert [name in shown[1].split() for name in ("sample", "holder", "took")] == [True, False, False]
    assert "scan([det1, det2], motor, -1.5, 1.5," in "".join(shown)


def test_the_names_of_many_omitted_columns_are_wrapped_and_never_cut(qs, measured):
    keys = [f"a_long_key_of_the_metadata_{n}" for n in range(6)]
    measured(meta=lambda n: dict.fromkeys(keys, f"value {n}"))
    shown = lines(qs("history"))
    assert max(map(len, shown)) <= 80
    assert all(key in " ".join(shown) for key in keys)
    assert " ".join(" ".join(shown).split()).endswith("shows all metadata)")


LONG = [["det1", "det2"], "motor", -1.5, 1.5, "motor1", -1.5, 1.5, 101]


@pytest.mark.parametrize(
    ("args", "sample", "headings"),
    [
        (LONG[:1], "S0{}", ["sample", "ended", "started", "took", "scan"]),
        (LONG[:2], "S0{}", ["sample", "ended", "started", "scan"]),
        (LONG[:2], "Si 111, batch{}", ["ended", "started", "took", "scan"]),
        (LONG, "S0{}", ["ended", "started", "took", "scan"]),  # the plan is cut in any case
    ],
)
def test_columns_give_way_before_a_plan_is_cut(qs, measured, args, sample, headings):
    result = {"exit_status": "completed", "time_start": 1.7e9, "time_stop": 1.7e9 + 5, "scan_ids": [7], "msg": ""}
    measured(args=lambda _: args, meta=lambda n: {"sample": sample.format(n)}, result=lambda _: result)
    shown = lines(qs("history"))
    assert shown[1].split() == ["#", "plan", *headings]
    assert all(len(line) <= 80 for line in shown)
    assert ("…" in "\n".join(shown)) is (args == LONG)
    omitted = [name for name in ("sample", "took") if name not in headings]
    note = f"Columns omitted: {', '.join(omitted)}" if omitted else "omitted"
    assert (note in " ".join(" ".join(shown).split())) is bool(omitted)


def test_a_key_whose_pattern_selects_the_plans_has_its_column_although_plans_are_cut(qs, measured):
    measured(
        args=lambda _: [["det1", "det2"], "motor1", -1.5, 1.5],
        kwargs=lambda _: {"num": 1001},
        meta=lambda n: {"sample": f"S0{n}", "holder": f"holder {n}"},
    )
    assert "sample" not in lines(qs("history --plan *"))[1].split()
    shown = lines(qs("history sample=S0*"))
    assert "sample" in shown[1].split()
    assert "holder" not in shown[1].split()
    assert max(map(len, shown)) <= 80


def test_two_columns_of_metadata_do_not_cut_the_ranges_of_a_scan(qs, measured):
    """Both had room beside shorter plans; a column that cuts nothing stays."""
    measured(
        args=lambda n: [["det1", "det2"], "motor", -1.5, 1.5] if n % 2 else [["det1"]],
        kwargs=lambda n: {"num": 31} if n % 2 else {},
        meta=lambda n: {"sample": f"S0{n}", "holder": f"A{n}", "T": 290 + n},
    )
    shown = lines(qs("history"))
    assert max(map(len, shown)) <= 80
    assert "scan([det1, det2], motor, -1.5, 1.5, num=31)" in shown[3]
    assert "…" not in "\n".join(shown)
    assert "Columns omitted: " in " ".join(shown)


def test_a_column_that_few_plans_have_is_shown_if_there_is_room(qs, measured):
    measured(meta=lambda n: {"T": 4} if n == 1 else {})
    shown = qs("history")
    assert lines(shown)[1].split()[2:6] == ["T", "ended", "started", "took"]
    assert "omitted" not in pretty(shown)
    assert ">T<" in shown.html()


def test_a_user_column_without_room_is_named(qs, measured, monkeypatch):
    measured(user=lambda n: "bob" if n == 3 else "ada", meta=lambda n: {"sample": f"S0{n}", "holder": f"h{n}"})
    monkeypatch.setenv("COLUMNS", "200")
    assert lines(qs("history"))[1].endswith("user")
    monkeypatch.setenv("COLUMNS", "50")
    shown = lines(qs("history"))
    assert "user" not in shown[1]
    assert "Columns omitted: sample, holder, took, user (" in " ".join(" ".join(shown).split())


def test_a_key_that_few_plans_have_leaves_the_columns_to_the_others(qs, measured):
    comment = {"comment": "the second try"}
    measured(meta=lambda n: {"sample": f"S0{n}", **(comment if n == 1 else {})})
    heading = lines(qs("history"))[1].split()
    assert (heading[2:4], "took" in heading) == (["sample", "ended"], True)


def test_users_have_a_column_only_if_somebody_else_ran_a_plan(qs, measured):
    assert ">user<" not in qs("history").html()
    measured(user=lambda n: "bob" if n == 3 else "ada")
    assert ">user<" in qs("history").html()


def test_the_user_who_aborted_a_plan_of_mine_is_named(qs, measured):
    aborted = {"exit_status": "aborted", "time_start": 1.0, "time_stop": 2.0, "scan_ids": [], "msg": ""}
    measured(result=lambda n: {**aborted, "ended_by": "bob" if n == 3 else "ada"})
    assert [line.strip() for line in lines(qs("history")) if "by " in line] == ["aborted by bob"]


def test_a_user_who_aborted_the_last_plan_is_called_you_wherever_it_is_reported(qs, measured):
    aborted = {"exit_status": "aborted", "time_start": 1.0, "time_stop": 2.0, "scan_ids": [], "msg": ""}
    measured(result=lambda n: {**aborted, "ended_by": "bob" if n == 3 else "ada"})
    assert "Last: count([det1]) aborted by you " in pretty(qs(""))
    qs("history")
    assert "ended    aborted by you" in pretty(qs("item -1"))
    assert "ended    aborted by bob" in pretty(qs("item 3"))
    assert ended_heading(qs("item -1"), (), "ada", 80).startswith("count(['det1']): aborted by you at ")
    with pytest.raises(NotDone, match=r"scan\(\[det1\]\) was aborted by bob before this wait"):
        qs("wait 3")
    with pytest.raises(NotDone, match=r"was aborted by you before this wait"):
        qs("wait 4")


def test_plans_without_metadata_have_an_empty_cell_and_lists_of_metadata_are_merged(qs, measured):
    meta = [[{"sample": "S01"}, {"sample": "no", "T": 4}], {"sample": "S02"}, {}, None, "odd"]
    measured(meta=lambda n: meta[n])
    shown = qs("history")
    assert row(shown, 0)[1:5] == ["count([det1])", "S01", "4", "completed"]
    assert row(shown, 1)[1:5] == ["scan([det1])", "S02", "✗", "failed"]
    assert row(shown, 3)[1:3] == ["scan([det1])", "completed"]
    assert [line.strip() for line in lines(qs("history --md")) if "--md" in line] == [
        "--md sample='S01'; sample='no' T=4",
        "--md sample='S02'",
    ]


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("line", "numbers", "title"),
    [
        ("history sample=S03", [3], "1 plan ran (sample=S03)"),
        ("history sample=s0[34] --plan count", [4], "1 plan ran (sample=s0[34], --plan count)"),
        ("history 'sample=S0?' proposal=1234 -n 2", [3, 4],
         "The last 2 plans (sample=S0?, proposal=1234): 2 completed; older ones match too (-n N shows more)"),
        ("history --failed", [1, 2], "2 plans: 1 failed, 1 aborted"),
        ("history --failed --plan scan", [1], "1 plan ran and failed (--plan scan, --failed)"),
        ("history --failed -n 1", [2], "The last plan: 1 aborted; older ones match too (-n N shows more)"),
        ("history --since 150m", [3, 4], "2 plans ran (--since 150m)"),
        ("history --since 210m --until 90m", [2, 3], "2 plans: 1 completed, 1 aborted (--since 210m, --until 90m)"),
        ("history --user ada -n 5", [0, 1, 2, 3, 4], "5 plans: 3 completed, 1 failed, 1 aborted (--user ada)"),
        ("history --search S0 scan", [1, 3], "2 plans: 1 completed, 1 failed (--search S0 scan)"),
        ('history --search count "no beam"', [], 'No plan in the history matches --search count "no beam".'),
        ('history --search "no beam" --failed', [1], '1 plan ran and failed (--search "no beam", --failed)'),
        ("history --search det1 sample=S0[12] -n 5", [1, 2],
         "2 plans: 1 failed, 1 aborted (--search det1, sample=S0[12])"),
        ("history scan_id=10", [3], "1 plan ran (scan_id=10)"),
        ("history scan_id=8 --plan scan", [1], "1 plan ran and failed (scan_id=8, --plan scan)"),
        ("history scan_id=1", [], "No plan in the history matches scan_id=1."),
        ("history -n 3", [2, 3, 4], "The last 3 plans of 5: 2 completed, 1 aborted (-n N shows more)"),
        ('history sample="S03" # a comment', [3], "1 plan ran (sample=S03)"),
    ],
)  # fmt: skip
def test_plans_are_selected_by_the_service_with_one_request(qs, qs_manager, line, numbers, title):
    qs("status")  # the session knows the lists
    qs_manager.requests.clear()
    shown = qs(line)
    assert shown.numbers == numbers
    assert lines(shown)[0] == title
    again = ["history_get"] if '"' in line and not numbers else []  # whether the words match without quotes
    assert [method for method in qs_manager.methods if method != "queue_get"] == ["history_get", *again]
    assert qs_manager.asked("history_get")[0]["limit"] <= 21


def test_a_search_for_whole_words_that_finds_nothing_says_that_beginnings_match(qs, measured):
    shown = " ".join(pretty(qs('history --search "S0"')).split())
    assert shown == (
        'No plan in the history matches --search "S0". In quotes, words must be whole. '
        "Without quotes there are matches: --search S0."
    )
    assert pretty(qs('history --search "S9"')) == 'No plan in the history matches --search "S9".'


def test_a_search_says_that_older_plans_may_be_missing_while_the_index_is_made(qs, qs_manager, measured):
    found = qs_manager.do("history_get", search="S04")
    qs_manager.answers["history_get"] = {**found, "index_complete": False}
    note = "The search index is being rebuilt, so older plans may be missing."
    assert note in pretty(qs("history --search S04"))
    assert note in qs("history --search S04").html()
    assert note not in pretty(qs("history sample=S04"))
    qs_manager.answers["history_get"] = {**found, "items": [], "positions": [], "index_complete": False}
    assert pretty(qs("history --search S09")) == f"No plan in the history matches --search S09. {note}"


def test_a_scan_id_that_several_plans_have_gets_a_note(qs, qs_manager, plan):
    result = {"exit_status": "completed", "scan_ids": [5], "time_start": 1.0, "time_stop": 2.0}
    qs_manager.fill(history=[{**plan("count", f"u{n}"), "result": result} for n in range(2)])
    shown = qs("history scan_id=5")
    assert shown.numbers == [0, 1]
    assert lines(shown)[-1].strip() == "Several plans have the scan id 5: the counter was reset in between."


def test_a_scan_id_is_a_number(qs):
    assert "A scan id must be a number, not 'x5'" in complaint(qs, "history --plan count scan_id=x5")


@pytest.mark.usefixtures("measured")
def test_plans_are_found_by_a_pattern_of_their_names(qs):
    assert qs("history --plan s*").numbers == [1, 3]
    assert qs("history --plan scan").numbers == [1, 3]


@pytest.mark.usefixtures("measured")
def test_a_misspelled_key_of_metadata_gets_a_suggestion_although_no_plan_was_shown_before(qs):
    assert pretty(qs("history smaple=S03")) == (
        "No plan in the history matches smaple=S03. No plan has the metadata key 'smaple' (did you mean 'sample'?)."
    )
    assert pretty(qs("history smaple=S03 sample=S04")).count("metadata key") == 1


def test_of_a_long_history_the_newest_plans_are_searched_for_a_key(qs, measured, monkeypatch):
    measured(meta=lambda n: {"holder" if n < 2 else "sample": "A"})
    monkeypatch.setattr("ipython_extension.session.history_pages.MANY", 3)
    assert "None of the last 3 plans has the metadata key 'holdr'." in pretty(qs("history holdr=A"))


@pytest.mark.parametrize(
    ("line", "last"),
    [
        ("history -n 3", "  All: sample=F1, T=300"),
        ("history -n 1", "  Metadata: sample=F1, T=300"),
        ("history sample=F1", "  All: T=300"),
        ("history sample=F*", "  All: sample=F1, T=300"),
    ],
)
def test_metadata_that_all_plans_have_is_shown_once(qs, measured, line, last):
    measured(meta=lambda _: {"sample": "F1", "T": 300})
    assert lines(qs(line))[-1] == last
    assert f"<p>{last.strip()}</p>" in qs(line).html()
    assert "All:" not in pretty(qs(f"{line} --md"))


def test_conditions_that_nothing_matches_are_repeated(qs, measured):
    assert pretty(qs("history sample=X --since 2h")) == "No plan in the history matches sample=X, --since 2h."
    assert pretty(qs("history --plan cuont")).endswith("matches --plan cuont (did you mean 'count'?).")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("history --since yesterdy", "--since yesterdy is not a time. Examples: yesterday, today, 14:30, 2h, "),
        ("history --until 2026-11-28 25:00", "--until 2026-11-28 25:00 is not a time"),
        ("history --since today --until yesterday", "--since today is not before --until yesterday"),
        ("history --since 1h --until 2h", "--since 1h is not before --until 2h"),
        ("history -n x", "-n takes a number of 1 or more, not x"),
        ("queue -n 0", "-n takes a number of 1 or more, not 0"),
        ("history --search", "Expected a value for --search"),
        ("history --search --failed", "Expected a search word"),
        ("history --search '…'", "Expected a search word, with letters or digits"),
        ("history --plan", "Expected a value for --plan"),
        ("history sample=", "Expected a value after sample="),
        ("history S03", "or an option such as --search S03"),
        ("history --smaple S03", "Unknown option --smaple"),
    ],
)
def test_an_error_names_the_option_and_the_value(qs, line, message):
    assert message in complaint(qs, line)


@pytest.mark.usefixtures("measured")
def test_a_filtered_table_keeps_the_positions_of_the_whole_history(qs, qs_manager):
    qs("history sample=S03")
    assert qs("item 3")["item_uid"] == "u3"
    qs("redo 3")
    assert qs_manager.asked("queue_item_add")[0]["item"]["meta"]["sample"] == "S03"


@pytest.mark.usefixtures("measured")
def test_a_service_without_pages_is_shown_as_far_as_it_can(qs, qs_manager):
    whole = qs_manager.do("history_get")
    qs_manager.answers["status"] = {**qs_manager.do("status"), "extensions": []}
    qs_manager.answers["history_get"] = lambda params: whole if not params else {"success": False, "msg": "no pages"}
    assert qs("history -n 2").numbers == [3, 4]
    assert qs("history --failed").numbers == [1, 2]
    with pytest.raises(errors.BadParams, match="metadata="):
        qs("history sample=S03")
    assert qs("item 1")["item_uid"] == "u1"


def test_a_long_history_is_searched_for_a_uid_page_by_page(qs, qs_manager, plan, monkeypatch):
    monkeypatch.setattr("ipython_extension.session.history_pages.MANY", 2)
    qs_manager.fill(history=[plan("count", f"uid-{n}") for n in range(5)])
    assert qs("item uid-0")["item_uid"] == "uid-0"
    assert [params.get("before") for params in qs_manager.asked("history_get")] == [None, "uid-3", "uid-1"]


def test_the_first_items_of_a_long_queue(qs, qs_manager, plan):
    qs_manager.fill([plan("count", f"uid-{n}", ["det1"]) for n in range(5)])
    shown = lines(qs("queue -n 2"))
    assert shown[-1] == "  … and 3 more"
    assert [line.split()[0] for line in shown[2:-1]] == ["0", "1"]
    assert qs("item 4")["item_uid"] == "uid-4"
    assert "queue takes only -n N" in complaint(qs, "queue 3")


def test_the_help_of_history_shows_each_option(qs):
    text = re.sub(r"\s+", " ", pretty(qs("help history")))
    for option in (
        "KEY=VALUE",
        "--search",
        "--plan",
        "--user",
        "--since",
        "--until",
        "--failed",
        "-n",
        "--md",
        "yesterday",
        "2h",
    ):
        assert option in text
