"""The queue driven from a notebook's kernel, against a real service."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from tests.e2e.prompt_kernel import PATIENCE, completed


@pytest.fixture
def service(open_service):
    return open_service


def test_a_notebook_opens_adds_runs_and_sees_tables(kernel):
    kernel.run("%qs close")
    assert "Environment open" in kernel.run("%qs open")[1]["text/html"]
    kernel.run("n = 2")
    kernel.run("%%qs add\ncount([det1], num=$n)  # twice\nscan([det1], motor, -1, 1, num=3)")
    queue = kernel.run("%qs queue")[1]
    assert ">count([det1], num=2)</td>" in queue["text/html"]
    assert "scan([det1], motor, -1, 1, num=3)" in queue["text/plain"]
    kernel.run("%qs start")
    assert "completed" in kernel.run("%qs wait")[1]["text/html"]


def test_stripes_of_a_table_follow_its_items_and_all_is_in_one_typeface(kernel):
    kernel.run("%qs add count([det1]) count([det2]) count([det1], num=2) --md sample='Si'")
    shown = kernel.run("%qs queue")[1]["text/html"]
    shades = re.findall(r"<tr[^>]*background-color:([^\"]+)", shown)  # three items, each with its metadata below
    assert shades[0::2] == shades[1::2]
    assert shades[0] == shades[4] != shades[2]
    assert shown.startswith('<div style="font-family:monospace;')
    assert "<code" not in shown


def test_a_refusal_stops_the_notebook_with_one_line(kernel):
    kernel.run("%qs close")
    reply, _, _ = kernel.run("%qs start")
    assert reply["status"] == "error"
    assert reply["evalue"] == "RE Worker environment does not exist. Open it first."
    assert len(reply["traceback"]) == 1
    assert kernel.run("%qs strat")[0]["ename"] == "UsageError"


def test_a_wait_can_be_interrupted_and_the_notebook_stops(kernel, service):
    kernel.run("%qs add count([det1], num=1000, delay=1)")
    kernel.run("%qs start")
    waiting = kernel.client.execute("%qs wait", allow_stdin=False)
    while "1/1000" not in str(kernel.client.get_iopub_msg(timeout=PATIENCE)["content"]):
        pass
    kernel.manager.interrupt_kernel()
    while (reply := kernel.client.get_shell_msg(timeout=PATIENCE))["parent_header"]["msg_id"] != waiting:
        pass
    assert reply["content"]["ename"] == "Detached"
    assert "<progress" not in last_update(kernel)
    assert service.ask("status")["manager_state"] == "executing_queue"


def last_update(kernel):
    """The HTML of the last display before the kernel is idle."""
    shown = ""
    while (message := kernel.client.get_iopub_msg(timeout=PATIENCE))["content"].get("execution_state") != "idle":
        shown = message["content"].get("data", {}).get("text/html", shown)
    return shown


def test_the_kernel_completes_plans_devices_and_parameters(kernel):
    assert completed(kernel, "%qs hist")[0] == ["history"]
    kernel.run("%qs plans")  # TAB sends no requests
    kernel.run("%qs devices")
    assert completed(kernel, "%qs add rel_g") == (["rel_grid_scan"], "rel_g")
    assert completed(kernel, "%qs add count([det1], nu") == (["num="], "nu")
    assert completed(kernel, "%qs add count([sim_bundle_A.mtrs.x") == (["sim_bundle_A.mtrs.x"], "sim_bundle_A.mtrs.x")
    assert "det1" in completed(kernel, "%%qs add\n# two\ncount([de")[0]


def test_the_bar_is_below_the_table_in_one_display_and_leaves_nothing_behind(kernel):
    _, outputs, data = kernel.watch("%qs run count([det1], num=3, delay=0.5)")
    assert [output["msg_type"] for output in outputs] == ["display_data", "execute_result"]
    with_bars = [each for each in data if "<progress" in each["text/html"]]
    assert any("/3" in each["text/html"].rpartition("qs-progress")[2] for each in with_bars)
    assert not [each for each in with_bars if "/3" in each["text/plain"]]  # which a notebook saved meanwhile keeps
    assert all("</pre>" not in each["text/html"].partition("<progress")[2] for each in with_bars)
    assert not any(mime.startswith("application/") for each in data for mime in each)
    table = outputs[0]["data"]
    assert [line.split()[0] for line in table["text/plain"].splitlines()] == ["Scan", "#", "1", "2", "3"]
    assert "progress" not in table["text/html"]


def test_a_reply_takes_the_place_of_the_progress_and_no_display_stays_empty(kernel):
    kernel.run("import ipython_extension.live.notebook_output as output; output._PATIENCE = 0")
    kernel.run("%qs close")
    (shown,) = kernel.watch("%qs open")[1]
    assert shown["data"]["text/plain"].startswith("Environment open")
    assert "Environment open" in shown["data"]["text/html"]
    kernel.run("%qs add count([det1], num=1000, delay=0.1)")
    kernel.run("%qs start")
    (paused,) = kernel.watch("reply = %qs pause")[1]
    assert paused["data"]["text/plain"].startswith("Paused at ")
    (again,) = kernel.watch("reply")[1]
    assert (again["msg_type"], again["data"]["text/plain"][:9]) == ("execute_result", "Paused at")
    outputs = kernel.watch("%qs resume\n%qs abort\n%qs destroy\n%qs open\nx = %qs func function_sleep(0)")[1]
    shown = [output.get("text") or output["data"]["text/plain"] for output in outputs]
    assert all(each.strip() for each in shown)
    assert [each.split()[1] for each in shown[:4]] == ["plan", "plan", "environment", "open"]
    assert kernel.watch("%qs close;")[1] == []


def test_a_notebook_that_was_run_and_saved_has_the_finished_table_without_any_widget(service):
    cells = ["%load_ext bluesky_qs\n%qs open", "%qs run scan([det1], motor, -1, 1, num=25)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    env = {**service.env, "IPYTHONDIR": str(service.home / "ipython"), "QSERVER_USER": "ada"}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute(env=env)
    nbformat.validate(notebook)
    assert "widget" not in nbformat.writes(notebook)
    table, _ = notebook.cells[1].outputs
    lines = table.data["text/plain"].splitlines()
    assert [line.split()[0] for line in lines[2:] if "#" not in line] == [str(n) for n in range(1, 26)]
    assert len([line for line in lines if line.split()[:2] == ["#", "time"]]) == 2  # again after a screenful
    assert all(line.strip() in table.data["text/html"] for line in lines)


def test_a_console_that_cannot_update_a_display_prints_the_table(kernel):
    _, outputs, _ = kernel.watch("%qs run count([det1], num=2)", is_console=True)
    assert {output["msg_type"] for output in outputs} == {"stream", "execute_result"}
    printed = "".join(output["text"] for output in outputs if output["msg_type"] == "stream")
    assert "# " in printed
    assert "\x1b" not in printed


def test_a_notebook_sees_the_table_of_the_running_scan(kernel):
    _, (table, result), _ = kernel.watch("%qs run scan([det1], motor, -1, 1, num=3)")
    lines = table["data"]["text/plain"].splitlines()
    assert lines[1].split() == ["#", "time", "motor", "det1"]
    assert lines[-1].split()[0] == "3"
    assert ": scan([det1], motor, -1, 1, num=3)</p>" in result["data"]["text/html"]


def test_a_notebook_sees_a_plot_grow(kernel, service):
    kernel.run("import matplotlib.pyplot")  # takes its time, and the plan does not wait for it
    kernel.run("%qs add scan([det1], motor, -1, 1, num=20)")
    kernel.run("%qs add count([det1], num=20, delay=0.3)")
    kernel.run("%qs start")
    service.wait(lambda s: s["items_in_history"] == 1 and s["running_item_uid"], "the second plan")
    pictures = []

    def note(message):
        if message["header"]["msg_type"] in ("display_data", "update_display_data"):
            pictures.extend(filter(None, [message["content"]["data"].get("image/png")]))

    kernel.client.execute_interactive("%qs plot", output_hook=note, timeout=PATIENCE)
    assert len(set(pictures)) > 1
    kernel.run("%qs wait")
    assert "image/png" in kernel.run("%qs plot")[1]  # the last scan, where none is running


def test_a_plot_without_matplotlib_names_the_missing_package(kernel):
    kernel.run("import sys; sys.modules['matplotlib'] = None")
    assert kernel.run("%qs plot")[0]["evalue"].startswith("Plots need matplotlib")


_TICKING = """
import asyncio
ticked = asyncio.Event()
async def tick():
    while True:
        ticked.set()
        await asyncio.sleep(0.01)
task = asyncio.create_task(tick())
"""
_IN_THE_LOOP = """
await asyncio.sleep(0)
assert asyncio.get_running_loop().is_running()
%qs run count([det1], num=2)
"""
_STILL_TICKING = """
ticked.clear()
await asyncio.wait_for(ticked.wait(), 30)
assert not task.done()
"""
_IN_A_THREAD = """
from threading import Thread
ip = get_ipython()
thread = Thread(target=lambda: ip.run_line_magic("qs", "run count([det1])"))
thread.start()
thread.join()
"""


def test_the_loop_of_the_kernel_may_be_running(kernel):
    kernel.run(_TICKING)
    reply, shown, _ = kernel.run(_IN_THE_LOOP)
    assert reply["status"] == "ok"
    assert "Completed" in shown["text/html"]
    assert kernel.run(_STILL_TICKING)[0]["status"] == "ok"


def test_threads_and_scripts_may_use_it_too(kernel, service):
    assert kernel.run(_IN_A_THREAD)[0]["status"] == "ok"
    (service.home / "beamtime.ipy").write_text("%qs run count([det1], num=2)\n")
    assert kernel.run(f"%run {service.home}/beamtime.ipy")[0]["status"] == "ok"
    assert len(service.history()) == 2


def test_what_a_cell_defines_is_pushed(kernel):
    kernel.run("from bluesky.plan_stubs import null\nclass Twice:\n    times = 2")
    kernel.run("def idle_twice():\n    for _ in range(Twice.times):\n        yield from null()")
    assert "idle_twice can be queued now" in kernel.run("%qs push idle_twice Twice")[1]["text/html"]
    assert "Completed" in kernel.run("%qs run idle_twice()")[1]["text/html"]


def test_a_function_gives_its_value_to_a_variable(kernel):
    kernel.run("%%qs script --keep-lists\nseen = []\nprint('made')")
    reply, _, printed = kernel.run("x = %qs func function_sleep(0.1)\nprint(x['success'])")
    assert reply["status"] == "ok"
    assert printed.endswith("True\n")


def test_replies_of_a_cell_have_one_alignment(kernel):
    """A notebook indents what is printed, and does not indent HTML."""
    _, (first, last), _ = kernel.watch("%qs add count([det1])\n%qs add count([det2])")
    assert (first["msg_type"], last["msg_type"]) == ("display_data", "execute_result")
    assert first["data"]["text/plain"] == "Queued at position 0: count([det1])"
    assert "Queued at position 0: count([det1])</pre>" in first["data"]["text/html"]
    _, outputs, _ = kernel.watch("for _ in range(3):\n    %qs add count([det1])")
    assert {output["msg_type"] for output in outputs} == {"stream"}  # notebooks hide the rest of many displays


def test_a_notebook_uses_its_room_and_shows_failures_in_red(kernel):
    reply, _, _ = kernel.run("%qs add count([det1], num='x', and_a_long_name=1, and_another=2, even_one_more=3)")
    colors = re.compile(r"\x1b\[[0-9;]*m")
    assert 60 < max(len(colors.sub("", line)) for line in "\n".join(reply["traceback"]).splitlines()) <= 80
    names = "det1, det2, noisy_det, motor, motor1, motor2, rand"
    _, (table, _), _ = kernel.watch(f"%qs run count([{names}])")
    heading = table["data"]["text/plain"].splitlines()[2]
    assert 80 < len(heading) <= 100
    kernel.run("%qs add scan([det1], motor, 0, 1)\n%qs start\n%qs wait")
    assert re.search(r'<tr class="qs-failed" style="[^"]*;color:#c62828', kernel.run("%qs history")[1]["text/html"])
