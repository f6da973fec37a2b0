"""Whatever is typed after ``%qs``: a result, a usage error or the service's refusal; nothing of it is ever run here."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from bluesky_qs.errors import QSError

_WORDS = (
    "add", "queue", "get", "rm", "move", "history", "-n", "--failed", "item", "plans", "plan", "count", "status",
    "mode", "loop", "on", "call", "queue_mode_set", "mode={'loop': true}", "help", "re", "pause", "immediate", "redo",
    "--md", "a=1", "a=", "--at", "--before", "front", "before", "0", "-1", "99", "uid-0001", "count([det1])", "$n",
    "{n}", "{", "(", "'", '"', "#", ";", ",", "?", "-k", "--lock-key=", "clear", "autostart", "start", "queue_stop",
    "permissions", "set", "/nowhere", "lock", "environment", "--", "connect", "[", "devices", "*.*", "check", "\x00",
    "edit", "num=5", "detectors=[det1", "log", "func", "f()", "--background", "push", "n", "load", "unlock", "all",
    "plot", "documents", "task", "result", "sample=S*", "--since", "yesterday", "14:30", "--until", "2h",
    "--plan", "--user",
)  # fmt: skip
#: Text that would run the canary if any of it were evaluated.
_CANARIES = (
    "canary()", "$canary()", "{canary()}", "{canary}", "$canary", "canary.x", "$canary.x", "canary[0]", "{canary[0]}",
    "f'{canary()}'", "[canary() for _ in (1,)]", "lambda: canary()", "(canary())", "*canary", "**canary", "-canary",
    "canary == 1", "{canary + 1}", "`canary()`", "!canary()", "%canary", "a=canary()", "--md", "--at", "num=",
)  # fmt: skip
_SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)


class Canary:
    """Sings at whatever is done with it."""

    def sing(self, *args, **kwargs):
        raise AssertionError("something that was typed has been run")

    __call__ = __getitem__ = __iter__ = __add__ = __eq__ = __neg__ = __bool__ = __len__ = __index__ = __float__ = sing
    __str__ = __format__ = keys = x = property(sing)
    __hash__ = object.__hash__


@pytest.fixture(scope="module")
def canary():
    return Canary()


def outcome(act):
    try:
        act()
    except (UsageError, QSError) as error:
        return str(error)
    return "done"


@_SETTINGS
@given(line=st.one_of(st.lists(st.sampled_from(_WORDS)).map(" ".join), st.text()))
def test_any_line_gives_a_result_or_a_clear_error(shell, qs_manager, line, plan):
    if "connect" in line:
        line = line.replace("connect", "conect")  # it would leave the manager
    qs_manager.fill([plan("count", "uid-0001", ["det1"])])
    assert outcome(lambda: shell.run_line_magic("qs", line))


@_SETTINGS
@given(
    word=st.sampled_from(["add", "run", "check", "edit 0", "func", "call queue_mode_set", "push", "lock env", "rm"]),
    parts=st.lists(st.one_of(st.sampled_from(_CANARIES), st.sampled_from(("count(", ")", "[", "]", ",", "{", "}")))),
)
def test_nothing_of_a_line_is_evaluated(shell, opened, canary, word, parts, plan):
    shell.user_ns["canary"] = canary
    opened.fill([plan("count", "uid-0001", ["det1"])])
    assert outcome(lambda: shell.run_line_magic("qs", f"{word} {' '.join(parts)}"))


@_SETTINGS
@given(
    word=st.sampled_from(["add", "script", "script --keep-lists", "add --front", "other"]),
    cell=st.one_of(st.text(), st.lists(st.sampled_from((*_CANARIES, "count(", ")", "\n"))).map(" ".join)),
)
def test_nothing_of_a_cell_is_evaluated(shell, canary, word, cell):
    shell.user_ns["canary"] = canary
    assert outcome(lambda: shell.run_cell_magic("qs", word, cell))


@_SETTINGS
@given(
    line=st.one_of(
        st.lists(st.sampled_from((*_WORDS, *_CANARIES, "count(", ")", ",", "det"))).map(" ".join), st.text()
    ),
    start=st.sampled_from(["%qs ", "q = %qs ", "%%qs add\n", "%%qs "]),
)
def test_tab_neither_fails_nor_evaluates_nor_asks(shell, qs_manager, canary, line, start):
    shell.user_ns["canary"] = canary
    context = _Context(start + line)
    before = len(qs_manager.requests)
    shell.magics_manager.registry["QSMagics"].matches(context)
    assert len(qs_manager.requests) == before


class _Context:
    """Where a completer says that the cursor is."""

    def __init__(self, text):
        self.full_text = text
        lines = text.split("\n")
        self.cursor_line = len(lines) - 1
        self.text_until_cursor = lines[-1]


def test_the_completer_itself_is_content(shell):
    with provisionalcompleter():
        assert [each.text for each in shell.Completer.completions("%qs hist", 8)] == ["history"]
