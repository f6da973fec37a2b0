"""What a real terminal shows: colors, lines that end between words, and plots made of text."""

import re
import sys

import pexpect
import pytest

_PROMPT = r"In \[\d+\]: "
_PATIENCE = 60
_RED, _GREEN, _DIM, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
_WHY = "the shutter of the second hutch did not open although it was asked to do so three times in a row"
_UNSET = ("NO_COLOR", "COLUMNS", "LINES", "DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
_BAD_PLAN = f"""def bad():
    yield from bps.null()
    raise RuntimeError({_WHY!r})
"""


class Prompt:
    """IPython in a terminal of 80 columns; texts keep their colors."""

    def __init__(self, service, theme="linux", **env):
        arguments = ["-m", "IPython", "--no-banner", "--simple-prompt", f"--colors={theme}"]
        own = {name: value for name, value in service.env.items() if name not in _UNSET}
        own |= {"IPYTHONDIR": str(service.home / "ipython"), "TERM": "xterm", "QSERVER_USER": "ada"}
        self.child = pexpect.spawn(
            sys.executable,
            arguments,
            env={**own, **env},
            dimensions=(30, 80),
            encoding="utf-8",
            timeout=_PATIENCE,
            echo=False,
        )
        self.child.expect(_PROMPT)
        self.type("%load_ext bluesky_qs")

    def type(self, line):
        """Type a line; what is printed until the next prompt comes back."""
        self.child.sendline(line)
        self.child.expect(_PROMPT)
        return self.child.before.replace("\r\n", "\n")

    def close(self):
        self.child.close(force=True)


@pytest.fixture
def service(open_service):
    return open_service


@pytest.fixture
def new_prompt(service):
    prompts = []

    def make(*args, **env):
        prompts.append(Prompt(service, *args, **env))
        return prompts[-1]

    yield make
    for prompt in prompts:
        prompt.close()


@pytest.fixture
def failing(service, new_prompt):
    """A prompt, after a plan has failed; it is at the front of the queue again."""
    service.do("script_upload", script=_BAD_PLAN)
    service.wait_idle()
    prompt = new_prompt()
    prompt.failure = prompt.type("%qs run bad()")
    return prompt


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_failed_plans_are_red_and_headings_dim(failing):
    lines = failing.type("%qs history").splitlines()
    heading, row, note = (next(line for line in lines if word in line) for word in ("ended", "bad()", "shutter"))
    assert _DIM in heading
    assert _RED in row
    assert _RED in note
    assert row.endswith(_PLAIN)


def test_long_messages_end_between_words_and_nothing_is_lost(failing):
    for shown in (failing.type("%qs history"), failing.failure):
        lines = [line for line in plain(shown).splitlines() if 'File "' not in line and "raise" not in line]
        assert max(map(len, lines)) <= 80
    assert _WHY in " ".join(plain(failing.type("%qs history")).split())


def test_the_traceback_of_a_plan_has_the_colors_of_ipython(failing):
    assert "RuntimeError" in plain(failing.failure)
    own = failing.type("1 / 0")
    (color,) = re.findall(r"(\x1b\[[0-9;]+m)ZeroDivisionError\x1b", own)[-1:]
    assert f"{color}RuntimeError" in failing.failure
    assert f"{_RED}bad() failed.{_PLAIN}" in failing.failure


def test_a_running_plan_is_green(service, new_prompt):
    service.add("count", ["det1"], num=1000, delay=1)
    service.do("queue_start")
    service.wait(lambda status: status["running_item_uid"], "a running plan")
    shown = new_prompt().type("%qs queue")
    (row,) = [line for line in shown.splitlines() if "count(" in line]
    assert _GREEN in row
    assert f"{_GREEN}Running" in new_prompt().type("%qs status")


@pytest.mark.parametrize(
    ("theme", "env", "lines"),
    [
        ("nocolor", {}, []),
        ("linux", {"NO_COLOR": "1"}, []),
        ("linux", {"TERM": "dumb"}, []),
        ("linux", {}, ["%colors NoColor"]),
    ],
)
def test_nothing_has_a_color_if_the_user_wants_none(service, new_prompt, theme, env, lines):
    prompt = new_prompt(theme, **env)
    for line in lines:
        prompt.type(line)
    shown = [prompt.type(f"%qs {line}") for line in ("run count([det1])", "history", "status", "resume")]
    assert "Refused: " in shown[-1] or "Error: " in shown[-1]
    assert "\x1b[3" not in "".join(shown)
    assert _DIM not in "".join(shown)


def test_what_goes_to_a_file_has_no_color(service, new_prompt):
    prompt = new_prompt()
    prompt.type("%qs run count([det1])")
    prompt.type("h = %qs history")
    prompt.type("import contextlib, io; from IPython.lib.pretty import pretty")
    prompt.type('exec("with contextlib.redirect_stdout(io.StringIO()): text = pretty(h)")')
    shown = prompt.type("print(ascii(text))")
    assert "count([det1])" in shown
    assert "x1b" not in shown


def test_a_terminal_without_a_display_plots_with_text_as_points_arrive(service, new_prompt):
    service.add("count", ["det"], num=8, delay=0.4)
    service.do("queue_start")
    service.wait(lambda status: status["running_item_uid"], "a running plan")
    prompt = new_prompt()
    shown = prompt.type("%qs plot")
    assert "Plotted scan" in shown
    assert any(0x2800 < ord(char) < 0x2900 for char in shown)
    prompt.type("%qs wait")
    last = plain(prompt.type("%qs plot")).splitlines()
    assert re.fullmatch(r"Scan \d+: count", last[0])
    assert any(line.split() == ["det", "event"] for line in last)
