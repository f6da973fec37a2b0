"""The agents of blop and bluesky-adaptive: their module ``queueserver``, with plans that their packages define."""

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
STARTUP = """
import sys
from pathlib import Path

sys.path.append({packages!r})  # our own packages come first

from bluesky import RunEngine
from bluesky.plan_stubs import close_run, open_run, null
from bluesky.plans import count
from ophyd.sim import det, motor

RE = RunEngine({{}})
{tutorial}


def failing_acquire(suggestions, actuators, sensors=None, *, md=None):
    yield from open_run(md=md)
    yield from null()
    raise ValueError("the shutter is closed")
"""


@pytest.fixture(params=["blop", "adaptive"])
def report(request, variant, environment, reached, startup_dir):
    """What the agent got."""
    agent = environment(request.param)
    package = {"blop": "blop", "adaptive": "bluesky_adaptive"}[request.param]
    service, *uri = reached(variant, "--startup-dir", str(startup_dir))
    found = STARTUP.format(packages=str(agent.packages), tutorial=tutorial(package, service.home / "proxy"))
    (startup_dir / "00-base.py").write_text(found)
    return agent.run("agent", package, service.control, service.info, *uri, service=service)


def tutorial(package, proxy):
    """The startup code of docs/agents.md, for this package and the proxy whose address is in a file."""
    code = re.search(r"```py\n(.*?)```", _PAGE.read_text(), re.DOTALL)[1]
    for theirs, ours in (("from blop.", f"from {package}."), ('"localhost:5577"', f"Path({str(proxy)!r}).read_text()")):
        assert theirs in code
        code = code.replace(theirs, ours)
    return code


@pytest.mark.parametrize("variant", ["0MQ", "HTTP", "our door"])
def test_an_agent_measures_where_it_wants_to_and_gets_every_end(report, variant):
    assert report["closed"] == "The queueserver environment is not open"
    assert report["optimizing"] == {
        "iterations": 3,
        "current": 3,
        "same uids": True,
        "statuses": ["completed"] * 3,
        "measured": [0, 0.5, 1, 1.5, 2, 2.5],
    }
    assert report["suggesting"] == {"uids": 1, "measured": 7.5, "item": "default_acquire"}
    assert "the shutter is closed" in report["failing"].pop("error")
    assert report["failing"] == {"failed": [0], "autostart": False, "back in the queue": 1}
    assert "Plan 'no_such_plan' is not in the list of allowed plans" in report["refusing"]["told"]
    assert report["refusing"]["ended"]
    assert report["stopping"] == {"ended early": True}
    misspelling = report["misspelling"]
    assert "'dett'" in misspelling["warnings"][0]
    assert "dett" in misspelling["told"]
    assert (misspelling["status"], misspelling["runs"]) == ("failed", 0)
    waiting = report["waiting"]
    assert waiting["told"] == "RuntimeError: The queue has stopped: the last plan failed"
    assert (waiting["after"], waiting["again"]) == ([1, False], 2)
    if variant != "HTTP":  # bluesky-httpserver has no `item_check`
        told = report["careful"].pop("told")
        assert told.startswith("ValueError: sensors: 'dett' is not the name of a device")
        assert "['det']" in told
        assert report["careful"] == {"after": [0, True], "again": 2, "error": "", "iterations": 10}
