"""What the documentation shows can be done: its scripts run, its startup code is accepted."""

import re
import subprocess
import sys
from pathlib import Path

import bluesky_qs

_DOCS = Path(bluesky_qs.__file__).parents[1] / "docs"
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks(page):
    """The Python on a page, block by block."""
    return _BLOCK.findall((_DOCS / page).read_text())


def run_page(service, page):
    """Run the Python of a page as one script; what it printed."""
    script = service.home / "page.py"
    script.write_text("\n".join(blocks(page)))
    ran = subprocess.run(
        [sys.executable, script],
        env=service.env,
        cwd=service.home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_scripts_run_from_the_first_to_the_last(service):
    printed = run_page(service, "scripts.md")
    lines = printed.splitlines()
    assert lines[0].startswith("completed ['"), printed
    assert "stopped waiting; the plan is still running" in lines
    assert "Plan validation failed: parameter 'num': 'many' is not an integer or None" in printed
    assert lines[-1] == "completed"


def test_the_cookbook_runs_from_the_first_to_the_last(service):
    printed = run_page(service, "cookbook.md")
    assert printed.splitlines()[:3] == ["scan completed "] * 2 + ["completed"], printed
    assert "motr" in printed


def test_the_agents_do_not_wait_for_data_that_never_come(service):
    lines = run_page(service, "agents.md").splitlines()
    place, warning, queued, ended, reason = lines
    assert place == "best position: 0.0"
    assert "'dett' is not the name of a device" in warning
    assert "'det'" in warning
    assert queued == "items in the queue: 0"
    assert ended.startswith("failed False the last plan failed")
    assert reason == "None"


def test_the_startup_code_opens_and_means_what_is_said(new_service, tmp_path):
    folder = tmp_path / "startup"
    folder.mkdir()
    text = (_DOCS / "startup-code.md").read_text()
    for name, content in re.findall(r"```\w+\n# startup/(\S+)\n(.*?)```", text, re.DOTALL):
        (folder / name).write_text(content)
    assert len(list(folder.iterdir())) == 3
    service = new_service("--warm-worker", "OFF", "--startup-dir", str(folder)).start()
    service.open()
    report = service.do("environment_report")["report"]
    assert report["left_out"] == []
    guests = {"user": "tester", "user_group": "guests"}
    allowed = service.do("plans_allowed", user_group="guests")["plans_allowed"]
    assert sorted(allowed) == ["align", "expose"]
    assert [p.get("description") for p in allowed["align"]["parameters"]][2] == "Center of the scan (mm)."
    assert sorted(service.do("devices_allowed", user_group="guests")["devices_allowed"]) == ["det1", "det2", "motor"]
    assert "internal" not in service.do("devices_existing")["devices_existing"]
    plans = [
        {"item_type": "plan", "name": "align", "args": ["det1", "motor"], "kwargs": {"how": "fast"}},
        {"item_type": "plan", "name": "expose", "args": [["det1", "det2"], 0.1]},
    ]
    service.do("queue_item_add_batch", items=plans, **guests)
    wrong = {"item_type": "plan", "name": "expose", "args": [["motor"], 5000]}
    assert "Plan validation failed" in service.ask("queue_item_add", item=wrong, **guests)["msg"]
    service.do("queue_start")
    service.wait_idle()
    assert [item["result"]["exit_status"] for item in service.history()] == ["completed", "completed"]
