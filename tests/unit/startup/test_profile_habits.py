"""Small profiles after the habits of beamlines: each loads, or fails with the exact place named."""

import subprocess
import sys
from pathlib import Path

import pytest

from bluesky_qs.startup import registry
from bluesky_qs.startup.failure import StartupFailed


def test_shells_namespace_is_handed_to_a_configuring_function(startup):
    namespace, _ = startup(
        {
            "00-startup.py": """
                from lightsource import configure_base
                configure_base(get_ipython().user_ns, 'xyz', bec=False)
                RE.md['beamline_id'] = 'XYZ'
                """,
            "lightsource.py": """
                from types import SimpleNamespace
                from IPython import get_ipython
                from bluesky.magics import BlueskyMagics

                def configure_base(user_ns, broker_name, *, bec=True, magics=True):
                    ipython = get_ipython()
                    if magics:
                        ipython.register_magics(BlueskyMagics)
                    ipython.set_custom_exc((BaseException,), print)
                    user_ns.update(RE=SimpleNamespace(md={}), db=broker_name)
                """,
        }
    )
    assert namespace["RE"].md == {"beamline_id": "XYZ"}
    assert namespace["db"] == "xyz"


def test_submodule_takes_objects_from_the_shell_while_it_is_imported(startup):
    namespace, _ = startup(
        {
            "00-base.py": "sd = ['baseline']",
            "10-devices.py": "from beamline.slits import slits, also",
            "beamline/__init__.py": "",
            "beamline/slits.py": """
                from IPython import get_ipython
                import IPython as ipy
                sd = get_ipython().user_ns['sd']
                sd.append('slits')
                slits = 'slits'
                also = ipy.get_ipython().user_ns['sd'] is sd
                """,
        }
    )
    assert namespace["sd"] == ["baseline", "slits"]
    assert namespace["also"]


def test_bare_shell_in_an_imported_module_that_is_called_later(startup):
    namespace, _ = startup(
        {"00.py": "from tools import user", "tools.py": "def user():\n    return get_ipython().user_ns['name']"}
    )
    namespace["name"] = "set later"
    assert namespace["user"]() == "set later"


def test_magics_called_as_methods(startup):
    namespace, report = startup(
        {
            "00.py": """
                from bluesky.run_engine import call_in_bluesky_event_loop

                ip = get_ipython()
                ip.run_line_magic('matplotlib', 'qt')
                ip.run_line_magic('load_ext', 'autoreload')
                ip.magic('autoreload 2')
                ip.magic('autoawait call_in_bluesky_event_loop')
                ipython = get_ipython()
                ipython.magic('load_ext autoreload')
                loaded = True
                """
        }
    )
    assert namespace["loaded"]
    assert report.problems == []


def test_prompt_of_the_proposal(startup):
    namespace, _ = startup(
        {
            "00.py": """
                from IPython.terminal.prompts import Prompts, Token

                class ProposalPrompt(Prompts):
                    def in_prompt_tokens(self, cli=None):
                        return [(Token.Prompt, '[123] ')]

                ip = get_ipython()
                ip.prompts = ProposalPrompt(ip)
                """
        }
    )
    assert namespace["ip"].prompts.in_prompt_tokens()[0][1] == "[123] "


def test_paths_built_from_the_profiles_location(startup):
    namespace, report = startup(
        {
            "00.py": """
                import os
                startup_dir = os.path.join(get_ipython().profile_dir.location, 'startup')
                with open(os.path.join(startup_dir, 'config.json')) as f:
                    config = f.read()
                """,
            "config.json": "{}\n",
        }
    )
    assert namespace["config"] == "{}\n"
    assert namespace["startup_dir"] == str(Path(report.files[0].file).parent)


def test_level_of_the_shells_log_and_display_of_floats(startup):
    namespace, _ = startup(
        {
            "00.py": """
                import logging
                get_ipython().log.setLevel(logging.ERROR)
                plain = get_ipython().display_formatter.formatters['text/plain']
                plain.for_type(float, lambda f, p, c: p.text('%g' % f))
                get_ipython().events.register('post_run_cell', lambda result: None)
                ok = True
                """
        }
    )
    assert namespace["ok"]


def test_ipython_file_with_magics_commands_and_questions(startup, capfd):
    namespace, report = startup(
        {
            "00.py": "version = 7",
            "10-interactive.ipy": """

                %matplotlib qt
                %load_ext autoreload
                files = !echo one; echo two
                !echo version $version and {version + 1}
                version?
                if version:
                    %env QS_TEST_IPY=set
                    where = %pwd
                total = sum([1,
                             2])
                %time answer = 42
                """,
        }
    )
    assert list(namespace["files"]) == ["one", "two"]
    assert capfd.readouterr().out.startswith("version 7 and 8\n")
    assert namespace["where"] == str(Path.cwd())
    assert (namespace["total"], namespace["answer"]) == (3, 42)
    assert report.problems == []


def test_magics_need_no_percent_sign_in_an_ipython_file(startup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace, _ = startup(
        {
            "00.py": "env = 'a name of the beamline, no magic'",
            "10.ipy": f"""
                cd -q {tmp_path / "profile_test"}
                if True:
                    cd -q startup
                pwd
                time = 5
                time - 1
                env
                """,
        }
    )
    assert Path.cwd() == tmp_path / "profile_test" / "startup"
    assert namespace["time"] == 5


def test_lines_keep_their_numbers_after_magics_that_span_lines(startup):
    with pytest.raises(StartupFailed) as caught:
        startup({"00.ipy": "\n\n%env QS_TEST_LONG=a \\\n   b\nx = !echo \\\n  hello\n\nundefined\n"})
    assert caught.value.line == 8 - 2  # the fixture takes the empty lines at the top away
    assert "    undefined\n" in caught.value.traceback


def test_python_file_with_a_magic_line_loads_too(startup):
    namespace, _ = startup({"00.py": "a = 1\n%matplotlib inline\nb = 2"})
    assert namespace["b"] == 2


def test_division_on_a_line_of_its_own_is_not_taken_for_a_call(startup):
    with pytest.raises(StartupFailed, match=r"00\.py, line 2: SyntaxError"):
        startup({"00.py": "a = b = 1\n/ a b\n"})


def test_quotes_and_brackets_of_commands_do_not_hide_what_follows(startup, capfd):
    namespace, _ = startup(
        {
            "00.ipy": """
                !printf "it's\\n"
                a = !echo '('
                !echo (1 # ) || true
                text = '''
                %not_a_magic
                '''
                !echo "[" last
                """
        }
    )
    assert capfd.readouterr().out == "it's\n[ last\n"
    assert list(namespace["a"]) == ["("]
    assert "%not_a_magic" in namespace["text"]


def test_many_magics_in_one_file(startup):
    namespace, _ = startup({"00.ipy": "%env QS_TEST_MANY=1\n" * 600 + "done = True"})
    assert namespace["done"]


def test_file_that_awaits_at_its_top_level(startup):
    namespace, _ = startup(
        {"00.ipy": "import asyncio\nasync def connect():\n    return 'connected'\nstate = await connect()\n"}
    )
    assert namespace["state"] == "connected"


def test_cell_magic_takes_the_whole_file(startup, capfd):
    startup({"00.ipy": "%%bash\necho from bash\n"})
    assert capfd.readouterr().out == "from bash\n"


def test_other_files_are_run_by_magic(startup):
    namespace, _ = startup(
        {
            "00.py": """
                import os
                def reload_macros(name='macros.txt.py'):
                    get_ipython().magic('run -i ' + os.path.join(get_ipython().profile_dir.startup_dir, 'm', name))
                reload_macros()
                """,
            "m/macros.txt.py": "macro = 1",
        }
    )
    assert namespace["macro"] == 1


def test_plans_with_odd_signatures_are_no_obstacle(startup):
    namespace, _ = startup(
        {
            "00.py": """
                class Motor: pass
                m = Motor()
                def _hidden_plan(*args, md=None, **kwargs):
                    yield from ()
                def plan(a, /, b=m, *rest, c: 'no such type' = lambda x: x, d=float('nan'), **others) -> None:
                    yield from ()
                """
        }
    )
    assert list(namespace["plan"](1)) == []


def test_device_that_raises_in_its_constructor_is_located_in_the_users_code(startup):
    with pytest.raises(StartupFailed) as caught:
        startup(
            {
                "00-devices.py": """
                    from ophyd import Component as Cpt, Device, Signal

                    class Slits(Device):
                        gap = Cpt(Signal, value=0)

                        def __init__(self, *args, **kwargs):
                            super().__init__(*args, **kwargs)
                            if self.gap.get() == 0:
                                raise RuntimeError('the slits are closed')

                    slits = Slits('XF:', name='slits')
                    """
            }
        )
    assert (Path(caught.value.file).name, caught.value.line) == ("00-devices.py", 9)
    assert "line 11" in caught.value.traceback


def test_device_that_fails_in_the_library_is_located_where_it_is_made(startup):
    with pytest.raises(StartupFailed, match=r"^00\.py, line 2: KeyError: ") as caught:
        startup({"00.py": "from ophyd import Device\nd = Device(name='d', child_name_separator='.', kind='nonsense')"})
    assert "ophyd" in caught.value.traceback


def test_code_that_was_written_for_the_other_package(in_fresh_process):
    out = in_fresh_process(
        {
            "00.py": """
                from bluesky_queueserver import is_re_worker_active, is_ipython_mode
                import bluesky_queueserver.manager.profile_tools as tools
                from bluesky_queueserver.manager.profile_tools import set_user_ns, global_user_namespace
                modes = is_re_worker_active(), is_ipython_mode(), tools.is_re_worker_active()
                from lab import answer
                """,
            "lab.py": """
                from bluesky_queueserver.manager.profile_tools import set_user_ns
                @set_user_ns
                def answer(n, user_ns, ipython):
                    return user_ns['modes'], ipython, n
                """,
        },
        "print(namespace['modes'], namespace['answer'](1))",
    )
    assert out == "(True, False, True) ((True, False, True), None, 1)\n"


def test_the_other_package_gets_the_namespace_if_it_is_installed(startup):
    namespace, _ = startup(
        {
            "00.py": """
                from bluesky_queueserver.manager.profile_tools import global_user_namespace
                from bluesky_queueserver import is_re_worker_active
                """,
            "bluesky_queueserver/__init__.py": "def is_re_worker_active(): return 'its own'",
            "bluesky_queueserver/manager/__init__.py": "",
            "bluesky_queueserver/manager/profile_tools.py": """
                class Told:
                    def set_user_namespace(self, *, user_ns, use_ipython=False):
                        self.received = user_ns, use_ipython
                global_user_namespace = Told()
                """,
        }
    )
    assert namespace["is_re_worker_active"]() == "its own"
    shown, use_ipython = namespace["global_user_namespace"].received
    assert shown is namespace
    assert use_ipython is False


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("from bluesky_queueserver import ReManager", "bluesky_queueserver.ReManager"),
        ("import bluesky_queueserver.manager.profile_ops", "bluesky_queueserver.manager.profile_ops"),
        ("from bluesky_queueserver.manager.profile_ops import x", "bluesky_queueserver.manager.profile_ops"),
        ("from bluesky_queueserver.manager import profile_ops", "bluesky_queueserver.manager.profile_ops"),
    ],
)
def test_what_the_other_package_has_and_ours_has_not_is_named_with_what_there_is(startup, line, what):
    with pytest.raises(StartupFailed) as caught:
        startup({"00.py": line})
    message = caught.value.message
    assert message.startswith(
        f"00.py, line 1: ModuleNotFoundError: '{what}' is part of bluesky_queueserver and not provided"
    )
    assert "bluesky_queueserver.manager.annotation_decorator (parameter_annotation_decorator)" in message


def test_name_that_a_module_of_ours_has_not_is_named(startup):
    with pytest.raises(StartupFailed, match=r"00\.py, line 1: ImportError: .*'load_worker_startup'"):
        startup({"00.py": "from bluesky_queueserver.manager.profile_tools import load_worker_startup"})


def test_code_that_does_without_what_is_not_there_runs(startup):
    namespace, _ = startup(
        {"00.py": "try:\n    import bluesky_queueserver.manager.comms\nexcept ImportError:\n    without = True"}
    )
    assert namespace["without"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%timeti 1", "Line magic function `%timeti` not found"),
        ("get_ipython().run_line_magic('nosuch', '')", "%nosuch"),
    ],
)
def test_a_mistyped_magic_fails_at_its_place_as_in_ipython(startup, line, message):
    with pytest.raises(StartupFailed, match=r"00\.ipy, line 3: UsageError: ") as failed:
        startup({"00.ipy": f"%matplotlib inline\n\n{line}\n"})
    assert message in failed.value.message


def test_real_shell_is_used_where_there_is_one(tmp_path, write_files):
    folder = write_files(
        tmp_path / "startup",
        {
            "00.py": "from IPython import get_ipython\nkind = type(get_ipython()).__name__",
            "10.ipy": "%load_ext autoreload\nwhere = %pwd\nbare = get_ipython() is not None and __file__",
        },
    )
    code = (
        "from bluesky_qs.startup.find import find\n"
        "from bluesky_qs.startup.loader import load\n"
        f"report = load(find(startup_dir={str(folder)!r}), get_ipython().user_ns, shell_exists=True)\n"
        "print(kind, where, bare, report.problems)"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--quick", "--HistoryManager.enabled=False", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["TerminalInteractiveShell", str(tmp_path), str(folder / "10.ipy"), "[]"]


def test_what_is_registered_with_the_other_package_is_registered_with_ours(startup, monkeypatch):
    monkeypatch.setattr(registry, "plans", {})
    monkeypatch.setattr(registry, "devices", {})
    startup(
        {
            "00.py": """
                from bluesky_queueserver import register_plan
                from bluesky_queueserver.manager.profile_ops import register_device

                register_plan("helper", exclude=True)
                register_device("det", depth=2)
                """,
            "bluesky_queueserver/__init__.py": "from .manager.profile_ops import register_plan, register_device",
            "bluesky_queueserver/manager/__init__.py": "",
            "bluesky_queueserver/manager/profile_ops.py": """
                def register_plan(*_, **__): raise RuntimeError("nobody reads this registry")

                register_device = register_plan
                """,
        }
    )
    assert (registry.plans, registry.devices) == ({"helper": True}, {"det": (2, False)})
