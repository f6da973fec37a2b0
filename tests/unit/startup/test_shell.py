"""The shell that startup code gets in plain Python: IPython's own, without a terminal."""

import builtins
import logging
import sys
from pathlib import Path

import IPython
import pytest
from bluesky.magics import BlueskyMagics
from bluesky.protocols import Flyable, Movable, Readable
from IPython.core.getipython import get_ipython as imported_before
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class, register_line_magic
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.prompts import Prompts

from bluesky_qs.startup.find import find
from bluesky_qs.startup.loader import load
from bluesky_qs.startup.shell import get_ipython, installed, uninstall

#: What IPython's own shell has only while it is at a prompt.
AT_A_PROMPT = {"prompt_for_code", "rl_next_input"}


@pytest.fixture
def code(tmp_path):
    startup = tmp_path / "profile_x" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("")
    return find(startup_profile="x", ipython_dir=str(tmp_path))


@pytest.fixture
def shell(code, clean_process):
    with installed(code, {"a": 1}, []) as lazy:
        yield lazy.shell


# --------------------------------------------------------------------------------------------------- how it is reached
def test_every_way_to_the_shell_leads_to_the_same_one(shell):
    from IPython import get_ipython as imported_after  # noqa: PLC0415 - the time of the import is the question

    assert builtins.get_ipython() is shell
    assert shell.user_ns["get_ipython"]() is shell
    assert imported_before() is imported_after() is IPython.get_ipython() is shell
    assert InteractiveShell.initialized()
    assert InteractiveShell.instance() is TerminalInteractiveShell.instance() is shell


def test_the_end_of_the_process_leaves_the_namespace_alone(shell):
    shell._atexit_once()
    assert shell.user_ns["a"] == 1


def test_it_is_gone_afterwards(code, clean_process):
    main = sys.modules["__main__"]
    with installed(code, {}, []) as lazy:
        assert lazy.shell is not None
    assert get_ipython() is None
    assert imported_before() is None
    assert not hasattr(builtins, "get_ipython")
    assert sys.modules["__main__"] is main
    uninstall()  # twice is once


def test_ipython_is_imported_only_for_code_that_asks_for_the_shell(in_fresh_process):
    out = in_fresh_process(
        {
            "00.py": "import sys\nbefore = 'IPython' in sys.modules",
            "01.py": "shell = get_ipython()\nimport local",
            "local.py": "import IPython\nseen = IPython.get_ipython()",
        },
        "print(namespace['before'], namespace['local'].seen is namespace['shell'])",
    )
    assert out == "False True\n"


def test_a_module_that_imports_ipython_first_finds_the_shell(in_fresh_process):
    out = in_fresh_process(
        {
            "00.py": "import local",
            "local.py": "from IPython.core.interactiveshell import InteractiveShell\n"
            "shell = InteractiveShell.instance() if InteractiveShell.initialized() else None\n",
        },
        "print(type(namespace['local'].shell).__name__, namespace['local'].shell.user_ns is namespace)",
    )
    assert out == "TerminalInteractiveShell True\n"


def test_it_answers_as_the_shell_of_a_terminal(shell):
    assert type(shell).__name__ == "TerminalInteractiveShell"
    assert isinstance(shell, TerminalInteractiveShell)
    assert not hasattr(shell, "kernel")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        shell.nonsense  # noqa: B018


def test_every_public_attribute_of_ipythons_shell_exists(shell):
    public = {name for name in dir(InteractiveShell) if not name.startswith("_")}
    assert {name for name in public if not hasattr(shell, name)} <= AT_A_PROMPT


# -------------------------------------------------------------------------------------------------------- what it does
def test_user_ns_is_the_namespace(shell):
    local = 5
    shell.user_ns["b"] = 2
    shell.push({"c": 3})
    shell.push("local")
    shell.ex("d = a + b + c + local")
    assert (shell.ev("d"), local) == (11, 5)


def test_a_cell_returns_its_result_and_its_error(shell, capsys):
    assert shell.run_cell("a + 1").result == 2
    failed = shell.run_cell("1 / 0")
    assert not failed.success
    assert isinstance(failed.error_in_exec, ZeroDivisionError)
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().out


def test_nothing_is_created_in_the_profile(shell, code):
    shell.run_cell("x = 1", store_history=True)
    assert [path.name for path in Path(code.profile_dir).iterdir()] == ["startup"]
    assert shell.profile_dir.location == code.profile_dir
    assert shell.profile_dir.startup_dir == code.directory
    assert shell.profile == "x"


def test_config_takes_settings_and_knows_no_kernel(shell):
    shell.config.TerminalInteractiveShell.colors = "Linux"
    assert "IPKernelApp" not in shell.config


def test_prompts_can_be_set(shell):
    class Beamline(Prompts):
        pass

    shell.prompts = Beamline(shell)
    assert isinstance(shell.prompts, Beamline)


def test_display_prints(shell, capsys):
    builtins.display(1, "b")
    assert capsys.readouterr().out == "1\n'b'\n"


def test_neither_the_shell_nor_its_parts_pass_for_devices(shell):
    for thing in (shell, shell.events, shell.display_formatter):
        assert not isinstance(thing, Readable | Flyable | Movable)


# -------------------------------------------------------------------------------------------------------------- magics
def test_magics_are_registered_in_each_of_ipythons_ways(shell):
    @magics_class
    class Beamline(Magics):
        @line_magic
        def energy(self, line):
            return f"{line} {self.shell.user_ns['a']}"

    @register_line_magic
    def hello(line):
        return f"hello {line}"

    shell.register_magics(Beamline)
    shell.register_magics(BlueskyMagics)
    shell.register_magic_function(lambda line, cell: line + cell.upper(), "cell", "shout")
    assert shell.run_line_magic("energy", "eV") == "eV 1"
    assert shell.magic("%hello you") == "hello you"
    assert shell.run_cell_magic("shout", "l", "body") == "lBODY"
    assert shell.find_line_magic("mov") is not None


def test_run_has_its_options(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "macro.py").write_text("import sys, neighbor\nargs, name = sys.argv[1:], __name__\n")
    (tmp_path / "neighbor.py").write_text("")
    shell.user_ns["folder"] = str(tmp_path)
    shell.run_line_magic("run", "-n $folder/macro.py 12 'two words'")
    assert (shell.user_ns["args"], shell.user_ns["name"]) == (["12", "two words"], "macro")
    shell.run_line_magic("run", "-m neighbor")


# ----------------------------------------------------------------------------- what has no meaning without a terminal
def test_what_needs_a_terminal_is_ignored_and_logged_once(shell, caplog):
    caplog.set_level(logging.INFO, "bluesky_qs")
    for _ in range(3):
        shell.run_line_magic("matplotlib", "qt5")
        shell.run_line_magic("gui", "qt")
        shell.ask_exit()
        shell.mainloop()
    assert [record.getMessage().partition(" has no effect")[0] for record in caplog.records] == [
        "%matplotlib qt5",
        "the event loop of qt",
        "ask_exit()",
        "mainloop()",
    ]


def test_a_backend_without_windows_is_chosen(shell):
    shell.run_line_magic("matplotlib", "agg")
    import matplotlib as mpl  # noqa: PLC0415 - chosen by the magic

    assert mpl.get_backend().lower() == "agg"


# ----------------------------------------------------------------------------------- errors that IPython shows itself
def test_an_error_in_a_macro_is_in_the_report_and_the_files_go_on(startup, capsys):
    namespace, report = startup(
        {
            "00.py": """
                from pathlib import Path
                get_ipython().run_line_magic("run", f"-i {Path(__file__).parent}/macros/stage.py")
                after = True
                """,
            "macros/stage.py": "moved = 1\nraise RuntimeError('no answer')",
        }
    )
    assert namespace["after"]
    assert namespace["moved"] == 1
    assert "RuntimeError: no answer" in capsys.readouterr().out
    (problem,) = report.problems
    assert problem.message.startswith("RuntimeError: no answer (")
    assert (problem.file.rpartition("/")[2], problem.line) == ("stage.py", 2)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("get_ipython().run_cell('1/0')", "ZeroDivisionError: "),
        ("get_ipython().run_cell('x = = 1')", "SyntaxError: "),
        ("get_ipython().run_cell('%nosuch')", "UsageError: "),
        ("get_ipython().showtraceback()", None),
    ],
)
def test_each_kind_of_shown_error_is_in_the_report_once(startup, line, error):
    _, report = startup({"00.py": line})
    assert [problem.message.partition(error)[1] for problem in report.problems if error] == ([error] if error else [])


def test_what_is_shown_after_the_opening_is_not_collected(startup):
    namespace, report = startup({"00.py": "ip = get_ipython()"})
    namespace["ip"].run_cell("1/0")
    assert report.problems == []


# ------------------------------------------------------------------------------------------ the profile's configuration
@pytest.fixture
def profile(tmp_path, write_files, monkeypatch):
    """Load a profile with this configuration: ``namespace, report = profile(config, files)``."""

    def load_profile(config, files=None):
        write_files(tmp_path / "profile_c", {"ipython_config.py": config})
        write_files(tmp_path / "profile_c" / "startup", {"00.py": "from_startup = 1", **(files or {})})
        write_files(tmp_path / "ext", {"good_ext.py": "def load_ipython_extension(ip): ip.push({'extended': True})"})
        monkeypatch.syspath_prepend(str(tmp_path / "ext"))
        namespace = {}
        return namespace, load(find(startup_profile="c", ipython_dir=str(tmp_path)), namespace)

    return load_profile


def test_extensions_lines_and_files_of_the_configuration_run(profile, clean_process, tmp_path):
    (tmp_path / "last.py").write_text("from_file = from_line + 1")
    namespace, report = profile(
        f"""
        c.InteractiveShellApp.extensions = ["good_ext", "bluesky_qs"]
        c.InteractiveShellApp.exec_lines = ["from_line = from_startup + 1"]
        c.InteractiveShellApp.exec_files = [{str(tmp_path / "last.py")!r}]
        """
    )
    assert namespace["extended"]
    assert namespace["from_file"] == 3
    assert "RM" not in namespace  # `%qs` is for people at a prompt
    assert report.problems == []


def test_what_the_configuration_asks_for_and_cannot_be_had_is_in_the_report(profile, clean_process):
    namespace, report = profile(
        """
        c.InteractiveShellApp.extensions = ["no_such_ext"]
        c.InteractiveShellApp.exec_lines = ["1/0"]
        c.InteractiveShellApp.exec_files = ["no_such_file.py"]
        """
    )
    assert namespace["from_startup"] == 1
    assert [problem.message for problem in report.problems] == [
        "Error in loading extension: no_such_ext: ModuleNotFoundError: No module named 'no_such_ext'",
        "The line '1/0' in ipython_config.py failed: ZeroDivisionError: division by zero",
        "File not found: 'no_such_file.py'",
    ]


def test_modules_of_the_working_directory_can_be_imported(startup):
    namespace, _ = startup(
        {
            "00.py": """
                import os
                os.chdir(os.path.join(os.path.dirname(__file__), "optics"))
                import mirror_angles
                """,
            "optics/mirror_angles.py": "pitch = 3",
        }
    )
    assert namespace["mirror_angles"].pitch == 3
