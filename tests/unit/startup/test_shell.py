import builtins
import logging
import sys
from pathlib import Path

import IPython
import pytest
from bluesky.magics import BlueskyMagics
from bluesky.protocols import Flyable, Movable, Readable, Stageable, Triggerable
from IPython.core.getipython import get_ipython as imported_before
from IPython.core.magic import Magics, line_magic, magics_class, register_line_magic
from IPython.terminal.prompts import Prompts

from bluesky_qs.startup.shell import Nothing, get_ipython, standing_in, uninstall


@pytest.fixture
def shell(tmp_path, clean_process):
    ran = []
    with standing_in({"a": 1}, profile_dir=tmp_path / "profile_x", run_file=ran.append) as shell:
        shell.ran = ran
        yield shell


# --------------------------------------------------------------------------------------------------- how it is reached
def test_it_is_there_bare_and_in_the_namespace(shell):
    assert builtins.get_ipython() is shell
    assert shell.user_ns["get_ipython"]() is shell


def test_it_is_what_ipython_gives_to_whoever_imported_the_function_before_or_after(tmp_path, clean_process):
    with standing_in({}, profile_dir=tmp_path, run_file=print) as shell:
        from IPython import get_ipython as imported_after  # noqa: PLC0415 - when it is imported is the question

        assert imported_before() is shell
        assert imported_after() is shell
        assert IPython.get_ipython() is shell
        assert IPython.core.getipython.get_ipython() is shell
    assert imported_before() is None


def test_it_is_gone_afterwards(tmp_path, clean_process):
    with standing_in({}, profile_dir=tmp_path, run_file=print):
        pass
    assert get_ipython() is None
    assert not hasattr(builtins, "get_ipython")
    uninstall()  # twice is once


def test_ipython_is_not_imported_until_the_code_does_and_is_patched_then(in_fresh_process):
    out = in_fresh_process(
        {
            "00.py": "import sys\nshell = get_ipython()\nbefore = 'IPython' in sys.modules\nimport local",
            "local.py": "import IPython\nseen = IPython.get_ipython()",
        },
        "print(namespace['before'], namespace['local'].seen is namespace['shell'])",
    )
    assert out == "False True\n"


# -------------------------------------------------------------------------------------------------------- what it does
def test_user_ns_is_the_namespace(shell):
    shell.user_ns["b"] = 2
    shell.push({"c": 3})
    shell.ex("d = a + b + c")
    assert shell.ev("d") == 6


def test_names_are_pushed_from_the_caller(shell):
    local = 5
    shell.push("local")
    assert shell.user_ns["local"] == local


def test_cells_run_in_the_namespace(shell):
    shell.run_cell("e = a + 1\n%matplotlib inline\n")
    assert shell.user_ns["e"] == 2


def test_profile_dir_has_a_location(shell, tmp_path):
    assert shell.profile_dir.location == str(tmp_path / "profile_x")
    assert shell.profile_dir.startup_dir == str(tmp_path / "profile_x" / "startup")
    assert shell.profile == "x"


def test_level_of_its_log_can_be_set(shell):
    level = shell.log.level
    shell.log.setLevel("ERROR")
    shell.log.setLevel(level)
    assert isinstance(shell.log, logging.Logger)


def test_config_takes_settings_and_knows_no_kernel(shell):
    shell.config.TerminalInteractiveShell.colors = "Linux"
    assert "IPKernelApp" not in shell.config


def test_commands_run_with_names_of_the_namespace_put_in(shell, capfd):
    assert shell.system("echo $a {a + 1}") == 0
    assert capfd.readouterr().out == "1 2\n"
    shell.system("exit 3")
    assert shell.user_ns["_exit_code"] == 3


def test_braces_that_are_no_python_are_left_to_the_command(shell, capfd):
    shell.system("printf '%s\\n' '{print a b}'")
    assert capfd.readouterr().out == "{print a b}\n"


def test_output_of_a_command_is_a_list_of_lines(shell):
    lines = shell.getoutput("printf 'x\\ny\\n'")
    assert (list(lines), lines.s) == (["x", "y"], "x y")


def test_attributes_that_a_shell_does_not_have_are_not_there(shell):
    assert not hasattr(shell, "kernel")
    assert not hasattr(shell, "read")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        shell.nonsense  # noqa: B018


# ------------------------------------------------------------------------------------------------------------- magics
def test_function_registered_as_a_magic_is_called(shell):
    shell.register_magic_function(lambda line: line * 2, "line", "twice")
    assert shell.run_line_magic("twice", "ab") == "abab"
    assert shell.magic("%twice x") == "xx"
    assert shell.find_line_magic("twice")("y") == "yy"


def test_cell_magic_gets_line_and_body(shell):
    def shout(line, cell):
        return line + cell.upper()

    shell.register_magic_function(shout, magic_kind="cell")
    assert shell.run_cell_magic("shout", "l", "body") == "lBODY"


def test_class_of_magics_is_made_when_first_used(shell):
    made = []

    @magics_class
    class Beamline(Magics):
        def __init__(self, shell):
            made.append(shell)

        @line_magic
        def where(self, line):
            return f"at {line}"

    shell.register_magics(Beamline)
    assert made == []
    assert shell.run_line_magic("where", "home") == "at home"
    assert made == [shell]


@pytest.mark.parametrize("registered", ["class", "instance"])
def test_magics_that_leave_their_making_to_ipython_work(shell, registered):
    @magics_class
    class Beamline(Magics):
        @line_magic
        def energy(self, line):
            return f"{line} {self.shell.user_ns['a']}"

    shell.register_magics(Beamline if registered == "class" else Beamline(shell))
    assert shell.run_line_magic("energy", "eV") == "eV 1"
    assert shell.config.PlainTextFormatter.float_precision is not None  # code may look at the configuration


def test_decorator_of_ipython_registers_magics(shell):
    @register_line_magic
    def hello(line):
        return f"hello {line}"

    assert shell.run_line_magic("hello", "you") == "hello you"


def test_magics_of_bluesky_can_be_registered(shell):
    shell.register_magics(BlueskyMagics)
    assert shell.find_line_magic("mov") is not None


def test_run_runs_a_file(shell, tmp_path):
    shell.magic(f"run -i {tmp_path}/macro")
    shell.run_line_magic("run", f"{tmp_path}/other.py")
    assert shell.ran == [tmp_path / "macro.py", tmp_path / "other.py"]


def test_environment_and_folder_can_be_changed(shell, monkeypatch, tmp_path):
    monkeypatch.chdir("/")
    monkeypatch.setenv("QS_TEST", "")
    shell.run_line_magic("env", "QS_TEST=x$a")
    shell.run_line_magic("cd", str(tmp_path))
    assert shell.run_line_magic("env", "QS_TEST") == "x1"
    assert shell.run_line_magic("pwd", "") == str(tmp_path)


def test_cell_of_a_command_interpreter_is_run(shell, capfd):
    shell.run_cell_magic("bash", "", "echo one\necho two\n")
    assert capfd.readouterr().out == "one\ntwo\n"


# ---------------------------------------------------------------------------------------- what means nothing without it
def test_what_means_nothing_is_said_once(shell, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(3):
        shell.run_line_magic("matplotlib", "qt5")
        shell.magic("load_ext autoreload")
        shell.events.register("post_execute", print)
        shell.ask_exit()
    said = [r.getMessage() for r in caplog.records if "there is no IPython shell" in r.getMessage()]
    assert [text.split()[0] for text in said] == [
        "%matplotlib",
        "%load_ext",
        "get_ipython().events",
        "get_ipython().ask_exit",
    ]


def test_formatters_and_other_parts_take_every_use(shell):
    plain = shell.display_formatter.formatters["text/plain"]
    plain.for_type(dict, lambda d, p, cycle: None)
    plain.float_precision = 3
    shell.display_formatter.formatters["text/html"] = None
    with shell.hooks as hooks:
        assert not hooks
    assert list(shell.history_manager.get_range()) == []
    assert "x" not in shell.magics_manager.magics["line"]
    assert repr(shell.events.register) == "<get_ipython().events.register: does nothing without an IPython shell>"


def test_prompts_can_be_set(shell):
    class Beamline(Prompts):
        pass

    shell.prompts = Beamline(shell)
    assert isinstance(shell.prompts, Beamline)


def test_banner_is_a_text(shell):
    shell.banner1 = shell.banner1 + "Welcome"
    assert shell.banner1 == "Welcome"


def test_neither_the_shell_nor_its_parts_pass_for_devices(shell):
    for thing in (shell, shell.events, Nothing("x")):
        assert not isinstance(thing, Readable | Flyable | Movable | Stageable | Triggerable)


def test_display_prints(shell, capsys):
    builtins.display(1, "b")
    assert capsys.readouterr().out == "1 b\n"


def test_run_hands_arguments_over(tmp_path, clean_process):
    seen = []
    with standing_in({}, profile_dir=tmp_path, run_file=lambda path: seen.append((path, sys.argv))) as shell:
        before = sys.argv
        shell.run_line_magic("run", "-i macro.py 12 'two words'")
    assert seen == [(Path("macro.py"), ["macro.py", "12", "two words"])]
    assert sys.argv is before
