"""A worker whose environment is an IPython kernel: its startup code, its options, its event loops."""

import asyncio
import json
import os
import re
import select
import socket

import pytest
from jupyter_client import AsyncKernelClient

from bluesky_qs.errors import WrongState
from bluesky_qs.ipc.commands import KernelSpec, NeedMainThread, OpenEnvironment, PausePlan, StartupSpec
from bluesky_qs.ipc.reports import EnvironmentFailed, EnvironmentOpened, PlanEnded, StateChanged
from bluesky_qs.ipc.states import KERNEL_BUSY
from bluesky_qs.startup.find import find

ALL = {"allowed_plans": [None], "allowed_devices": [None], "allowed_functions": [None]}
PERMISSIONS = json.dumps({"user_groups": {"root": ALL, "admin": ALL}}).encode()
PLANS = """
import pathlib
import bluesky.plan_stubs as bps

def empty():
    yield from bps.null()

def steps(n=1000, delay=0.05):
    for _ in range(n):
        yield from bps.checkpoint()
        yield from bps.sleep(delay)

def until(file):
    while not pathlib.Path(file).exists():
        yield from bps.checkpoint()
        yield from bps.sleep(0.01)
"""


@pytest.fixture
def spec(tmp_path):
    """Makes the specification of a kernel whose connection file is in a temporary folder."""

    def make(**options):
        return KernelSpec(**{"connection_dir": str(tmp_path / "runtime"), "ipython_dir": str(tmp_path), **options})

    return make


@pytest.fixture
async def attach():
    """Attaches consoles to a kernel, given what its opening reported."""
    clients = []

    async def new(opened):
        client = AsyncKernelClient()
        client.load_connection_info(json.loads(opened.connection))
        client.start_channels()
        clients.append(client)
        await client.wait_for_ready(timeout=60)
        return client

    yield new
    for client in clients:
        client.stop_channels()


async def run(client, code):
    """Run code in a console; the kernel's answer."""
    return (await client.execute(code, reply=True, timeout=60))["content"]


async def reply_to(client, message):
    """The kernel's answer to code that was sent before."""
    while (reply := await client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != message:
        pass
    return reply["content"]


async def open_at(driver, startup, kernel):
    """Open the environment on startup code of any kind; the report of that."""
    await driver.attach()
    await driver.ask(OpenEnvironment(startup, PERMISSIONS, kernel=kernel))
    return await driver.wait((EnvironmentOpened, EnvironmentFailed))


async def value(driver, expression, uid):
    """What an expression is in the namespace."""
    await driver.script(f"def shown():\n    return {expression}\n", uid=f"{uid}-script", update_lists=False)
    return json.loads((await driver.function("shown", uid=uid)).return_value)


# ------------------------------------------------------------------------------------------------- startup code
async def test_startup_code_has_a_real_shell_also_in_the_modules_that_it_imports(worker, spec):
    driver = worker(
        """
        import helper
        from bluesky_qs import is_ipython_mode, is_re_worker_active
        %config InteractiveShell.ast_node_interactivity = "all"
        listed = !echo one; echo two
        get_ipython().register_magic_function(lambda line: line * 2, magic_name="twice")
        doubled = get_ipython().run_line_magic("twice", "ab")
        here = [is_ipython_mode(), is_re_worker_active(), type(get_ipython()).__name__, list(listed), doubled]
        here += [get_ipython().ast_node_interactivity, helper.kind, get_ipython().user_ns is globals()]
        """
    )
    (driver.directory / "helper.py").write_text("kind = type(get_ipython()).__name__\n")
    await driver.open(kernel=spec())
    shell = "ZMQInteractiveShell"
    expected = [True, True, shell, ["one", "two"], "abab", "all", shell, True]
    assert await value(driver, "here", "a") == expected


async def test_modules_of_the_working_directory_can_be_imported_and_run(worker, spec):
    driver = worker(
        """
        import os
        os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optics"))
        import mirror_angles
        get_ipython().run_line_magic("run", "-m mirror_angles")
        ran_as = get_ipython().user_ns["own_name"]
        """
    )
    optics = driver.directory / "optics"
    optics.mkdir()
    (optics / "mirror_angles.py").write_text("own_name = __name__\n")
    await driver.open(kernel=spec())
    assert await value(driver, "[mirror_angles.own_name, ran_as]", "a") == ["mirror_angles", "__main__"]


async def test_cells_and_plans_share_the_main_module_and_dataclasses_of_it_can_be_pickled(worker, spec, attach):
    driver = worker(
        """
        import dataclasses, pickle, sys
        @dataclasses.dataclass
        class Sample:
            name: str
        kept = pickle.loads(pickle.dumps(Sample("A")))
        """
    )
    opened = await driver.open(kernel=spec())
    console = await attach(opened)
    assert (await run(console, "assert kept == Sample('A') and sys.modules['__main__'].Sample is Sample"))[
        "status"
    ] == "ok"
    assert await value(driver, "pickle.loads(pickle.dumps(kept)) == kept", "a")


@pytest.mark.parametrize("kind", ["script", "module"])
async def test_the_startup_files_of_a_profile_run_before_the_script_or_module_beside_it(worker, spec, tmp_path, kind):
    profile = tmp_path / "profile_beside"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("from_profile = 1\n")
    (tmp_path / "own_code.py").write_text("from_code = 2\n")
    driver = worker(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    code = {"script": str(tmp_path / "own_code.py")} if kind == "script" else {"module": "own_code"}
    (profile / "startup" / "01.py").write_text(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    opened = await open_at(driver, StartupSpec(profile_dir=str(profile), **code), spec())
    files = [run["file"].rpartition("/")[2] for run in json.loads(opened.report)["files"]]
    assert files == ["00.py", "01.py", "own_code.py"]
    assert await value(driver, "[from_profile, from_code]", "a") == [1, 2]


async def test_the_configuration_of_the_profile_is_in_force_and_its_lines_run_last(worker, spec, tmp_path):
    profile = tmp_path / "profile_configured"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("order = ['file']\n")
    (profile / "ipython_config.py").write_text(
        "c = get_config()\nc.InteractiveShellApp.exec_lines = [\"order.append('line')\"]\nc.TerminalIPythonApp.x = 1\n"
        "c.InteractiveShell.history_length = 77\n"
    )
    driver = worker()
    before = sorted(p.name for p in profile.iterdir())
    await open_at(driver, StartupSpec(directory=str(profile / "startup"), profile_dir=str(profile)), spec())
    printed = await value(driver, "[order, get_ipython().history_length, get_ipython().profile_dir.location]", "a")
    assert printed == [["file", "line"], 77, str(profile)]
    assert [name for name in sorted(p.name for p in profile.iterdir()) if "history" not in name] == before


async def test_what_the_configuration_asks_for_in_vain_is_reported(worker, spec, tmp_path):
    profile = tmp_path / "profile_configured"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("x = 1\n")
    late = profile / "late.py"
    late.write_text("\n1 / 0\n")
    (profile / "ipython_config.py").write_text(
        "c.InteractiveShellApp.extensions = ['no_such_extension']\n"
        "c.InteractiveShellApp.exec_lines = ['y = x + 1', 'y = nonsense', 'y = )']\n"
        f"c.InteractiveShellApp.exec_files = [{str(late)!r}, 'lost.py']\n"
    )
    opened = await open_at(worker(), StartupSpec(directory=str(profile / "startup"), profile_dir=str(profile)), spec())
    assert [problem["message"] for problem in json.loads(opened.report)["problems"]] == [
        "Error in loading extension: no_such_extension: ModuleNotFoundError: No module named 'no_such_extension'",
        "The line 'y = nonsense' in ipython_config.py failed: NameError: name 'nonsense' is not defined",
        "The line 'y = )' in ipython_config.py failed: SyntaxError: unmatched ')'",
        f"A file in ipython_config.py failed: {late}, line 2: ZeroDivisionError: division by zero",
        "File not found: 'lost.py'",
        "The startup code does not create a RunEngine named 'RE'; plans cannot run until one exists",
    ]


async def test_address_and_ports_of_the_configuration_are_used(worker, spec, tmp_path):
    profile = tmp_path / "profile_fixed"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("x = 1\n")
    (profile / "ipython_kernel_config.py").write_text("c.ConnectionFileMixin.ip = '127.0.0.2'\n")
    driver = worker()
    opened = await open_at(driver, StartupSpec(directory=str(profile / "startup"), profile_dir=str(profile)), spec())
    assert json.loads(opened.connection)["ip"] == "127.0.0.2"


async def test_a_folder_for_the_connection_file_that_cannot_be_is_named(worker, spec):
    driver = worker()
    failed = await open_at(
        driver, StartupSpec(directory=str(driver.directory)), spec(connection_dir="/proc/no/such/folder")
    )
    assert failed.message.startswith("The IPython kernel's connection file cannot be written (/proc/no/such/folder): ")


async def test_a_failure_of_startup_code_names_its_place_and_ends_the_process(worker, spec, tmp_path):
    driver = worker("x = 1\n\ndef late():\n    return EpicsMotr()\n\n%time y = late()\n", engine=False)
    failed = await open_at(driver, StartupSpec(directory=str(driver.directory)), spec())
    assert isinstance(failed, EnvironmentFailed)
    assert failed.message == "startup.py, line 4: NameError: name 'EpicsMotr' is not defined"
    assert await driver.exit_code() == 1
    assert list((tmp_path / "runtime").iterdir()) == []


async def test_the_simulated_beamline_is_the_same_in_plain_python_and_in_a_kernel(worker, spec):
    location = find()
    startup = StartupSpec(directory=location.directory, profile_dir=location.profile_dir)
    names = "{name: type(it).__name__ for name, it in list(globals().items()) if not name.startswith('_')}"
    printed = {}
    for mode, kernel in (("plain", None), ("kernel", spec())):
        driver = worker()
        opened = await open_at(driver, startup, kernel)
        printed[mode] = await value(driver, names, "a") | {
            "": json.loads(opened.lists.plans),
            " ": json.loads(opened.lists.devices),
        }
    ipython = {"In", "Out", "exit", "quit", "open", "get_ipython", "display"}
    plain, in_kernel = ({n: kind for n, kind in names.items() if n not in ipython} for names in printed.values())
    assert "RE" in plain
    assert plain == in_kernel


# ------------------------------------------------------------------------------------------------- options
async def test_the_kernel_listens_at_the_given_ports_and_writes_them_to_its_file(worker, spec, tmp_path, free_ports):
    ports = dict(zip(("shell", "iopub", "stdin", "hb", "control"), free_ports(5), strict=True))
    driver = worker()
    opened = await driver.open(kernel=spec(ports=ports, connection_file="my-kernel.json"))
    info = json.loads(opened.connection)
    assert {channel: info[f"{channel}_port"] for channel in ports} == ports
    assert (info["ip"], info["transport"], bool(info["key"])) == ("127.0.0.1", "tcp", True)
    assert json.loads((tmp_path / "runtime" / "my-kernel.json").read_text()) == info


async def test_a_named_connection_file_keeps_key_and_ports_for_the_next_kernel(worker, spec, tmp_path):
    connections = []
    for _ in range(2):
        driver = worker()
        connections.append((await driver.open(kernel=spec(connection_file="my-kernel.json"))).connection)
        await driver.close()
        assert await driver.exit_code() == 0
    assert json.loads(connections[0]) == json.loads(connections[1])
    assert (tmp_path / "runtime" / "my-kernel.json").stat().st_mode & 0o077 == 0


async def test_a_connection_file_without_a_chosen_name_goes_with_the_kernel(worker, spec, tmp_path):
    driver = worker()
    await driver.open(kernel=spec())
    await driver.close()
    assert await driver.exit_code() == 0
    assert list((tmp_path / "runtime").iterdir()) == []


async def test_a_connection_file_that_is_there_is_used_and_left(worker, spec, tmp_path, free_ports):
    shell, iopub, stdin, hb, control = free_ports(5)
    given = {"shell_port": shell, "iopub_port": iopub, "stdin_port": stdin, "hb_port": hb, "control_port": control}
    given |= {"ip": "127.0.0.1", "key": "chosen", "transport": "tcp", "signature_scheme": "hmac-sha256"}
    (tmp_path / "runtime").mkdir()
    file = tmp_path / "runtime" / "given.json"
    file.write_text(json.dumps(given))
    driver = worker()
    opened = await driver.open(kernel=spec(connection_file="given.json"))
    assert given.items() <= json.loads(opened.connection).items()
    await driver.close()
    assert await driver.exit_code() == 0
    assert file.exists()


async def test_with_auto_it_listens_at_this_hosts_address_and_warns(worker, spec):
    driver = worker()
    opened = await driver.open(kernel=spec(ip="auto"))
    ip = json.loads(opened.connection)["ip"]
    assert ip in {address[4][0] for address in socket.getaddrinfo(ip, None)}
    assert ip.startswith("127.") or f"listens on {ip}" in driver.text()


@pytest.mark.parametrize("channel", ["shell", "hb"])
async def test_a_port_in_use_fails_the_opening_in_one_sentence(worker, spec, channel):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        driver = worker()
        failed = await open_at(driver, StartupSpec(directory=str(driver.directory)), spec(ports={channel: port}))
    where = f"127.0.0.1:{port} ({channel} channel)"
    assert failed.message.startswith(f"The IPython kernel cannot listen on {where}: Address already in use. ")


async def test_a_port_of_the_connection_file_that_is_taken_is_named(worker, spec, tmp_path):
    first = worker()
    info = json.loads((await first.open(kernel=spec(connection_file="my-kernel.json"))).connection)
    second = worker()
    kernel = spec(connection_file="my-kernel.json")
    failed = await open_at(second, StartupSpec(directory=str(second.directory)), kernel)
    assert f"127.0.0.1:{info['shell_port']} (shell channel): Address already in use" in failed.message
    assert str(tmp_path / "runtime" / "my-kernel.json") in failed.message


# ------------------------------------------------------------------------------------------------- requests of consoles
async def test_code_that_has_arrived_from_a_console_has_the_kernel_before_it_runs(worker, spec, attach, tmp_path):
    driver = worker(PLANS)
    console = await attach(await driver.open(kernel=spec()))
    await driver.start("until", str(tmp_path / "go"))
    await driver.wait_engine("running")
    console.complete("x")
    await driver.ask(NeedMainThread())  # only code has the kernel
    typed = console.execute("x = 1")  # waits for the end of the plan

    async def arrived():
        while True:
            await driver.ask(NeedMainThread())

    with pytest.raises(WrongState, match=re.escape(KERNEL_BUSY)):
        await asyncio.wait_for(arrived(), 60)
    assert not any(isinstance(report, PlanEnded) for report in driver.received)
    (tmp_path / "go").touch()
    assert (await reply_to(console, typed))["status"] == "ok"


async def test_the_kernel_is_free_when_a_console_has_the_answer(worker, spec, attach):
    driver = worker()
    console = await attach(await driver.open(kernel=spec()))
    for code in ("x = 1", "1 / 0", "not python", "") * 3:
        await run(console, code)
        await driver.ask(NeedMainThread())


async def test_the_kernel_is_free_when_a_console_is_told_that_its_code_is_not_run(worker, spec, attach):
    driver = worker()
    console = await attach(await driver.open(kernel=spec()))
    aborted = 0
    while aborted < 30:  # what comes late, after the error, is run
        console.execute("1 / 0")
        behind = console.execute("x = 1")
        aborted += (await reply_to(console, behind))["status"] == "aborted"
        await driver.ask(NeedMainThread())


async def test_code_without_the_key_does_not_keep_the_kernel(worker, spec, attach):
    driver = worker()
    opened = await driver.open(kernel=spec())
    console = await attach(opened)
    console.session.key = b"guessed"
    console.execute("x = 1")
    console.session.key = json.loads(opened.connection)["key"].encode()
    await run(console, "y = 1")
    await driver.ask(NeedMainThread())
    assert await value(driver, "'x' in globals()", "a") is False


async def test_a_backend_that_cannot_be_used_is_a_problem_and_the_environment_opens(worker, spec):
    driver = worker()
    opened = await open_at(driver, StartupSpec(directory=str(driver.directory)), spec(matplotlib="no-such-backend"))
    messages = [problem["message"] for problem in json.loads(opened.report)["problems"]]
    assert messages[0].startswith("The matplotlib backend 'no-such-backend' cannot be used: ")


async def test_errors_that_ipython_shows_reach_console_and_report(worker, spec, tmp_path):
    (tmp_path / "macro.py").write_text("\nraise RuntimeError('no answer')\n")
    code = f"ip = get_ipython()\nip.run_line_magic('run', '{tmp_path}/macro.py')\nip.run_cell('undefined')\nafter = 1\n"
    driver = worker(code)
    opened = await open_at(driver, StartupSpec(directory=str(driver.directory)), spec())
    shown = [problem for problem in json.loads(opened.report)["problems"] if "IPython showed" in problem["message"]]
    assert [problem["message"].partition(" (")[0] for problem in shown] == [
        "RuntimeError: no answer",
        "NameError: name 'undefined' is not defined",
    ]
    assert (shown[0]["file"], shown[0]["line"]) == (str(tmp_path / "macro.py"), 2)
    assert await value(driver, "after", "a") == 1
    assert "RuntimeError: no answer" in driver.text()
    assert "interactiveshell.py" not in driver.text()


async def test_the_backend_is_chosen_before_the_startup_code_runs(worker, spec, tmp_path):
    driver = worker("chosen = list(get_ipython().enabled)\n")
    config = tmp_path / "profile_choosing"
    (config / "startup").mkdir(parents=True)
    # IPython without matplotlib: the shell's own function notes what it is asked for.
    (config / "noting.py").write_text(
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.enabled = []\n"
        "InteractiveShell.enable_matplotlib = lambda self, gui=None: self.enabled.append(gui)\n"
        "def load_ipython_extension(shell): pass\n"
    )
    (config / "ipython_config.py").write_text(
        f"import sys; sys.path.insert(0, {str(config)!r})\nc.InteractiveShellApp.extensions = ['noting']\n"
    )
    opened = await open_at(
        driver, StartupSpec(directory=str(driver.directory), profile_dir=str(config)), spec(matplotlib="agg")
    )
    assert isinstance(opened, EnvironmentOpened)
    assert await value(driver, "chosen", "a") == ["agg"]


# ------------------------------------------------------------------------------------------------- event loops
TOOLKIT = (
    PLANS
    + """
import os, select, time
import ipykernel.eventloops
from ipykernel.eventloops import register_integration

#: A named pipe: the loop of the GUI opens it the next time, and holds the main thread until a message comes.
gate = []

def shell_stream(kernel):
    get = getattr(ipykernel.eventloops, "get_shell_stream", lambda kernel: kernel.shell_stream)  # since 7
    return get(kernel)

@register_integration("toolkit")
def loop_toolkit(kernel):
    # As the loops of GUIs do: nothing but a message to the shell lets go of the main thread.
    stream = shell_stream(kernel)
    if gate:
        kernel.io_loop.add_callback(hold, stream, gate.pop())
        return
    os.write(has_begun, b".")
    while not stream.flush(limit=1):
        time.sleep(0.001)

def hold(stream, path):
    # Then the message, and the turn of the GUI, which is due after a millisecond, are both in the loop's next round.
    with open(path, "w") as opened:
        opened.write("held")
    select.select([stream.socket.FD], [], [], 20)
    time.sleep(0.01)
"""
)


@pytest.fixture
def gui():
    """A pipe on which the GUI tells that its loop has begun."""
    read, write = os.pipe()
    yield Gui(read, write)
    os.close(read)
    os.close(write)


class Gui:
    """The loop of the GUI, as seen from outside of the kernel."""

    def __init__(self, read, write):
        self._begun = read
        self.write = write

    async def wait(self):
        """Return when the loop has begun since the last call."""
        ready, _, _ = await asyncio.to_thread(select.select, [self._begun], [], [], 60)
        assert ready, "the loop of the GUI has not begun"
        os.read(self._begun, 65536)


@pytest.fixture
async def toolkit(worker, spec, attach, gui):
    """A worker with a GUI that has the main thread between messages, and a console of it."""
    driver = worker(f"has_begun = {gui.write}\n{TOOLKIT}", pass_fds=(gui.write,))
    console = await attach(await driver.open(kernel=spec()))
    await run(console, "get_ipython().kernel.eventloop = loop_toolkit")
    return driver, console


@pytest.fixture
def hold(toolkit, tmp_path):
    """Holds the main thread until the next message has arrived, just when the GUI is due again."""
    _, console = toolkit
    path = tmp_path / "gate"
    os.mkfifo(path)

    async def until_held():
        await run(console, f"gate.append({str(path)!r})")
        assert await asyncio.wait_for(asyncio.to_thread(path.read_text), 60) == "held"

    return until_held


async def test_a_plan_is_taken_up_while_a_gui_has_the_main_thread(toolkit, gui):
    driver, _ = toolkit
    for n in range(3):
        await gui.wait()
        assert (await driver.run("empty", uid=f"item-{n}")).exit_status == "completed"
    await gui.wait()
    await driver.close()
    assert await driver.exit_code() == 0


async def test_a_gui_does_not_begin_when_a_plan_has_just_been_announced(toolkit, hold):
    driver, _ = toolkit
    await hold()
    assert (await driver.run("empty")).exit_status == "completed"


async def test_a_gui_does_not_begin_when_a_message_has_just_been_received(toolkit, hold):
    _, console = toolkit
    await hold()
    assert (await run(console, "done = True"))["status"] == "ok"


async def test_a_gui_waits_while_a_cell_has_given_way(toolkit):
    _, console = toolkit
    assert (await run(console, "import asyncio; await asyncio.sleep(0.1)"))["status"] == "ok"


async def test_a_job_does_not_begin_while_a_cell_has_given_way(worker, spec, attach, tmp_path):
    driver = worker(
        PLANS + "\nimport asyncio\norder = []\ndef noting():\n    order.append('plan')\n    yield from empty()\n"
    )
    opened = await driver.open(kernel=spec())
    console = await attach(opened)
    typed = console.execute(
        f"order.append('begin')\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists():\n"
        "    await asyncio.sleep(0.01)\norder.append('end')"
    )
    await driver.wait(StateChanged, lambda r: r.state.environment == "reserved")
    await driver.start("noting")
    (tmp_path / "go").touch()
    assert (await driver.wait(PlanEnded)).exit_status == "completed"
    await reply_to(console, typed)
    assert await value(driver, "order", "a") == ["begin", "end", "plan"]
    assert "will start when the code in the IPython console" in driver.text()


async def test_a_pause_requested_while_a_plan_waits_does_not_pause_the_plan_of_the_console(
    worker, spec, attach, tmp_path
):
    driver = worker(PLANS)
    opened = await driver.open(kernel=spec())
    console = await attach(opened)
    console.execute(f"RE(until({str(tmp_path / 'go')!r}))")
    await driver.wait(StateChanged, lambda r: r.state.environment == "reserved" and r.state.engine == "running")
    await driver.start("steps")
    await driver.ask(PausePlan("immediate"))
    (tmp_path / "go").touch()
    paused = await driver.wait_engine("paused")
    assert (paused.state.item_uid, paused.state.environment) == ("item-1", "idle")


async def test_what_user_code_makes_of_the_event_loop_does_not_outlive_the_job(worker, spec, attach):
    driver = worker()
    opened = await driver.open(kernel=spec())
    console = await attach(opened)
    for n, code in enumerate(
        ["asyncio.set_event_loop(None)", "asyncio.run(asyncio.sleep(0))", "asyncio.new_event_loop()"]
    ):
        await driver.script(f"import asyncio\n{code}", uid=f"task-{n}")
        assert (await run(console, "await asyncio.sleep(0)"))["status"] == "ok"


# ------------------------------------------------------------------------------------------------- in reserve
async def test_the_kernel_is_starting_until_the_environment_is_open(worker, spec):
    driver = worker()
    opened = await driver.open(kernel=spec())
    states = [r.state for r in driver.received if isinstance(r, StateChanged)]
    assert {(s.kernel, s.environment.value) for s in states} == {("starting", "initializing")}
    assert (opened.state.kernel, opened.state.captured) == ("idle", False)


async def test_what_a_worker_in_reserve_imports_for_a_kernel_starts_no_thread_and_no_matplotlib(worker, spec):
    driver = worker(
        "import sys\nearly = [m for m in ('bluesky', 'ophyd', 'matplotlib', 'epics') if m in sys.modules]\n",
        "--preload",
        "bluesky_qs.worker.kernel",
        engine=False,
    )
    snapshot = await driver.attach()
    assert (snapshot.state.kernel, snapshot.connection) == ("disabled", b"{}")
    await driver.open(kernel=spec())
    assert await value(driver, "early", "a") == []
