"""Metadata typed after --md: commas, and what the replies show."""

import pytest
from IPython.core.error import UsageError
from IPython.lib.pretty import pretty


@pytest.mark.parametrize("typed", ["a=1, b=2", "a=1,b=2,", "a=1 , b=2", "a=1,\tb=2"])
def test_a_comma_after_a_value_is_not_part_of_it(qs, opened, typed):
    qs(f"add count([det1]) --md {typed} count([det2])")
    assert [item["meta"] for item in opened.do("queue_get")["items"]] == [{"a": 1, "b": 2}] * 2


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("elements=Cu,Zn", "elements=Cu,Zn could be a list or text. Write elements=['Cu', 'Zn'] or elements='Cu,Zn'"),
        ("t=1,000", "t=1,000 could be a list or text. Write t=[1, 0] or t='1,000'"),
        ("pos=$x,2", "pos=$x,2 could be a list or text. Write pos=[7, 2]"),
    ],
)
def test_a_comma_in_a_value_needs_brackets_or_quotes(qs, opened, shell, typed, message):
    shell.user_ns["x"] = 7
    with pytest.raises(UsageError) as raised:
        qs(f"add count([det1]) --md n=1 {typed}")
    first, line, carets = str(raised.value).splitlines()
    assert first == message
    assert carets.index("^") == line.index(typed.partition("=")[2])
    assert opened.do("status")["items_in_queue"] == 0


@pytest.mark.parametrize("typed", ["[Cu, Zn]", "'Cu,Zn'", "(1,2)"])
def test_commas_in_brackets_and_quotes_belong_to_the_value(qs, opened, typed):
    qs(f"add count([det1]) --md a={typed}, b=2")
    assert opened.do("queue_get")["items"][0]["meta"]["b"] == 2


def test_a_comma_after_a_changed_parameter_is_not_part_of_it(qs, opened):
    qs("add count([det1])")
    qs("edit 0 num=5, delay=1")
    assert opened.do("queue_get")["items"][0]["kwargs"] == {"num": 5, "delay": 1}


def test_the_reply_shows_the_metadata_that_was_stored(qs, opened):
    added = qs("add count([det1]) --md proposal='114-2' n=3")
    assert pretty(added) == "Queued at position 0: count([det1]) --md proposal='114-2' n=3"
    assert "count([det1]) --md proposal=&#x27;114-2&#x27; n=3</p>" in added.html()
    assert pretty(qs("edit 0 num=2")) == "Changed at position 0: count([det1], num=2) --md proposal='114-2' n=3"


@pytest.mark.usefixtures("opened")
def test_metadata_without_room_has_a_line_of_its_own_and_long_values_are_cut(qs):
    plan, note = "scan([det1, det2], motor, -1.5, 1.5, num=21)", "x" * 60
    first, second = pretty(qs(f"add {plan} --md note='{note}' n=3")).splitlines()
    assert first == f"Queued at position 0: {plan}"
    assert second == f"  --md note='{'x' * 38}… n=3"


@pytest.mark.usefixtures("opened")
def test_the_table_below_a_reply_shows_the_metadata_only_once(qs):
    qs("add count([det1]) --md sample='a'")
    qs("queue")
    shown = pretty(qs("add count([det2]) --front --md sample='b'")).splitlines()
    assert shown[0] == "Queued at position 0: count([det2])"
    assert [line.strip() for line in shown].count("--md sample='b'") == 1


@pytest.mark.usefixtures("opened")
def test_of_several_plans_the_reply_shows_the_values_that_are_the_same(qs):
    qs("add count([det1]) --md sample='a'")
    qs("add count([det1]) --md sample='b'")
    assert pretty(qs("edit 0-1 num=2 --md user='me'")).endswith("\n  --md sample=… user='me'")
    assert "--md" not in pretty(qs("rm 0-1"))


def test_what_leaves_the_metadata_of_several_plans_as_they_are_does_not_show_them(qs):
    qs("add count([det1]) count([det2]) --md sample='a'")
    assert pretty(qs("edit 0-1 num=2")) == "Changed 2 plans at positions 0, 1."
    assert pretty(qs("move 0-1 back")).splitlines()[1] == "2 items in the queue"


def test_the_metadata_of_a_plan_that_ran_without_the_queue_are_at_hand(qs, shell, opened):
    qs("run count([det1]) --md sample='a'")
    session = shell.magics_manager.registry["QSMagics"]._conversation()
    assert dict(session.metadata())["sample"] == "a"
