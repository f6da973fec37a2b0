import pytest

from bluesky_qs.words import files
from bluesky_qs.words.arguments import FileContents
from bluesky_qs.words.forms import QSERVER
from bluesky_qs.words.grammar import UsageError


def refusal(*words):
    with pytest.raises(UsageError) as caught:
        QSERVER.parse(words)
    return caught.value


def test_a_misspelled_command_is_an_error_with_the_nearest_one():
    assert refusal("queu", "get").near == ("queue",)
    assert refusal("queue", "strat").near == ("start",)


def test_a_misplaced_word_is_an_error_with_the_right_line():
    assert refusal("pause").near == ("re pause",)


def test_an_incomplete_line_is_an_error_with_its_continuations():
    error = refusal("environment")
    assert error.message == "Command 'environment' is incomplete"
    assert error.usage == (
        "environment open",
        "environment close",
        "environment destroy",
        "environment update [background]",
        "environment report",
    )


def test_an_extra_word_is_an_error():
    error = refusal("queue", "stop", "cancl")
    assert (error.message, error.near) == ("Unexpected argument 'cancl' after 'queue stop'", ("cancel",))


def test_a_word_in_the_wrong_place_is_an_error():
    error = refusal("queue", "add", "plan", "{}", "front")
    assert error.message == "'front' is in the wrong place: it cannot follow 'queue add plan {}'"
    assert (error.near, error.usage) == ((), ("queue add plan [POSITION] ITEM",))


def test_a_word_is_never_suggested_for_itself():
    assert refusal("queue", "item", "remove", "front", "front").near == ()


def test_a_command_in_capital_letters_is_suggested_in_small_ones():
    assert refusal("QUEUE", "get").near == ("queue",)


def test_a_missing_argument_is_an_error_with_the_form():
    error = refusal("queue", "add", "plan", "front")
    assert (error.message, error.usage) == ("ITEM is missing", ("queue add plan [POSITION] ITEM",))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["queue", "add", "plan", "{name: count}"], "is not valid JSON"),
        (["queue", "add", "plan", "[1]"], "not an object"),
        (["queue", "add", "plan", '{"item_type": "function", "name": "f"}'], "of type 'function', not 'plan'"),
        (["queue", "add", "plan", "before"], "UID of an item"),
        (["queue", "add", "plan", "before", '{"name": "count"}'], "UID of an item"),
        (["queue", "add", "batch", "{}"], "not a list"),
        (["queue", "add", "batch", "[5]"], "An item must be an object"),
        (["queue", "add", "instruction", "queue-go"], "not an instruction"),
        (["queue", "update", "instruction", "u1"], "Give the UID of the item"),
        (["queue", "mode", "set", "loop"], "True or False"),
        (["queue", "autostart", "maybe"], "not one of enable|disable"),
        (["queue", "item", "move", "0", "there"], "not a position"),
        (["queue", "item", "move", "batch", "front"], "The UID is missing"),
        (["manager", "stop", "safe", "maybe"], "'on' or 'off'"),
        (["events", "get", "x"], "not a whole number"),
        (["call", "ping", "5=x"], "NAME=VALUE"),
        (["lock", "environment", "queue"], "'queue' cannot be the note of a lock."),
        (["lock", "queue", "environment"], "To lock the environment and the queue: lock all"),
        (["lock", "all", "info"], "lock all"),
        (["lock", "all", "all", "day"], "lock all"),
        (["lock", "environment", "back", "soon"], "'soon': put a note of several words in quotes."),
        (["lock", "environment", "back", "queue"], "lock all"),
    ],
)
def test_an_unexpected_argument_is_an_error(words, reason):
    error = refusal(*words)
    assert reason in error.message
    assert len(error.usage) == 1


def test_the_whole_refusal_as_text():
    assert refusal("re", "pause", "imediate").text("qserver") == (
        "Unexpected argument 'imediate' after 're pause' (did you mean 'immediate'?)\n"
        "Usage: qserver re pause [deferred|immediate]"
    )


def test_words_that_may_follow():
    assert set(QSERVER.next_words(["re"])) == {"pause", "resume", "stop", "abort", "halt", "runs", "metadata"}
    assert QSERVER.next_words(["re", "pause"]) == ["deferred", "immediate"]
    assert "queue" in QSERVER.next_words([])
    assert QSERVER.next_words(["nothing"]) == []


def test_a_file_stands_for_its_contents(tmp_path):
    (tmp_path / "script.py").write_text("print('µ')", encoding="utf-8")
    (tmp_path / "permissions.yaml").write_text("user_groups: {root: {}}")
    read = files.read(
        {
            "script": FileContents(str(tmp_path / "script.py"), "text"),
            "permissions": FileContents(str(tmp_path / "permissions.yaml"), "yaml"),
            "update_re": True,
        }
    )
    assert read == {"script": "print('µ')", "permissions": {"user_groups": {"root": {}}}, "update_re": True}


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfx = '\xc2\xb5'\n", b"# -*- coding: latin-1 -*-\nx = '\xb5'\n", b"x = '\xc2\xb5'\r\n"]
)
def test_a_script_is_read_as_python_reads_it(tmp_path, data):
    (tmp_path / "script.py").write_bytes(data)
    text = files.read({"script": FileContents(str(tmp_path / "script.py"), "text")})["script"]
    assert text.endswith("x = 'µ'\n")
    assert "\ufeff" not in text


def test_an_unreadable_file_is_an_error(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, kind, reason in [
        ("absent", "text", "Cannot read"),
        ("bad.yaml", "yaml", "not valid YAML"),
        ("binary", "text", "not a text file"),
    ]:
        with pytest.raises(UsageError, match=reason):
            files.read({"x": FileContents(str(tmp_path / name), kind)})
