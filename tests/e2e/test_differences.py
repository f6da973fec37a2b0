"""The page for sites that switch names the differences between both services. Here they are, on both."""

import pytest

CODE = """
import collections.abc, enum, typing
import numpy as np
from bluesky import RunEngine
from bluesky.plan_stubs import null
from bluesky.protocols import Movable
from ophyd.sim import det, motor

RE = RunEngine({"offsets": np.array([1, 2])})
got = None

class Color(enum.Enum):
    RED = "red"

def keep(value):
    global got
    got = value
    yield from null()

def kept():
    return type(got).__name__

def number(n: int): yield from keep(n)
def real(x: float): yield from keep(x)
def flag(on: bool): yield from keep(on)
def anything(x: typing.Any): yield from keep(x)
def labelled(md=None): yield from keep(md["place"])
def keyed(x: dict[Movable, float]): yield from keep(next(iter(x)))
def moved(x: Movable): yield from keep(x)
def colored(x: Color): yield from keep(x)
def paired(x: tuple[int, int]): yield from keep(x)
def failing():
    yield from null()
    raise ValueError("no beam")
def several():
    return {1, 2}
def answer():
    yield from null()
    return 42
"""
OBJECT_AS_DEFAULT = "\n\ndef aligned(axis=motor): yield from keep(axis)\n"
WHO = {"user": "tester", "user_group": "primary"}


@pytest.fixture(params=["theirs", "ours"])
def side(request):
    """Which service the test asks."""
    return request.param


@pytest.fixture
def serve(side, request, new_service):
    """Makes the service of this side."""

    def make(*args):
        if side == "ours":
            return new_service(*args, "--warm-worker", "OFF")
        foreign, redis_server = request.getfixturevalue("foreign"), request.getfixturevalue("redis_server")
        command = (str(foreign.parent / "start-re-manager"),)
        return new_service(*args, "--redis-addr", redis_server.address, store=False, command=command)

    return make


@pytest.fixture
def service(serve, startup_dir):
    """A running service with an open environment."""
    for file in startup_dir.glob("*.py"):
        file.unlink()
    (startup_dir / "startup.py").write_text(CODE)
    service = serve("--startup-dir", str(startup_dir)).start()
    service.open()
    return service


def plan(name, *args, **kwargs):
    return {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}


def ended(service, item):
    """How a plan ended; "refused" if it did not begin."""
    if not service.ask("queue_item_execute", item=item, **WHO)["success"]:
        return {"exit_status": "refused"}
    service.wait_idle()
    return service.history()[-1]["result"]


def value_of(service, name):
    task = service.do("function_execute", item={"item_type": "function", "name": name}, **WHO)["task_uid"]
    service.wait(lambda s: service.do("task_status", task_uid=task)["status"] == "completed", "the task is done")
    service.wait_idle()
    return service.do("task_result", task_uid=task)["result"]["return_value"]


def received(service, item):
    """The type of the value that a plan gets, or how it ended without."""
    status = ended(service, item)["exit_status"]
    return value_of(service, "kept") if status == "completed" else status


RECEIVED = [
    (plan("number", 3.0), "refused", "int"),
    (plan("real", True), "bool", "refused"),
    (plan("flag", 1), "int", "refused"),
    (plan("anything", "motor"), "str", "SynAxis"),
    (plan("labelled", md={"place": "motor"}), "SynAxis", "str"),
    (plan("keyed", {"motor": 1.0}), "str", "SynAxis"),
    (plan("moved", "motr"), "str", "failed"),
    (plan("colored", "red"), "str", "Color"),
    (plan("paired", [1, 2]), "list", "tuple"),
]


def test_plans_get_these_values(service, side):
    found = [received(service, item) for item, _, _ in RECEIVED]
    assert found == [theirs if side == "theirs" else ours for _, theirs, ours in RECEIVED]


def test_replies_differ_in_this(service, side):
    def queue_with(pos):
        service.do("queue_clear")
        for number in range(3):
            service.add("number", number)
        service.add("number", 9, pos=pos)
        return [item["args"][0] for item in service.queue()]

    found = {
        "keys of a refusal": set(service.ask("environment_open")),
        "at -1": queue_with(-1),
        "at -2": queue_with(-2),
        "warnings": bool(service.do("queue_item_add", item=plan("moved", "motr"), **WHO).get("warnings")),
        "metadata": service.ask("re_metadata")["re_metadata"].get("offsets"),
        "a set": value_of(service, "several"),
        "a plan's value": ended(service, plan("answer")).get("return_value"),
        "failure": ended(service, plan("failing"))["msg"],
    }
    theirs = {
        "keys of a refusal": {"success", "msg"},
        "at -1": [0, 1, 2, 9],
        "at -2": [0, 1, 9, 2],
        "warnings": False,
        "metadata": None,
        "a set": None,
        "a plan's value": None,
        "failure": "Plan failed: no beam",
    }
    ours = {
        "keys of a refusal": {"success", "msg", "error"},
        "at -1": [0, 1, 9, 2],
        "at -2": [0, 9, 1, 2],
        "warnings": True,
        "metadata": [1, 2],
        "a set": [1, 2],
        "a plan's value": 42,
        "failure": "ValueError: no beam",
    }
    assert found == (theirs if side == "theirs" else ours)


def test_the_environment_opens_with_a_device_as_a_default(serve, side, startup_dir):
    (startup_dir / "00-base.py").write_text(CODE + OBJECT_AS_DEFAULT)
    service = serve("--startup-dir", str(startup_dir)).start()
    service.do("environment_open")
    service.wait_idle()
    assert service.ask("status")["worker_environment_exists"] is (side == "ours")


def test_a_mistake_in_the_permissions_at_the_start(serve, side, startup_dir):
    permissions = startup_dir / "user_group_permissions.yaml"
    permissions.write_text(permissions.read_text().replace('":.*"', '":(("'))
    service = serve("--startup-dir", str(startup_dir))
    if side == "theirs":
        service.start().open()
        assert "Unknown user group: 'primary'" in service.ask("plans_allowed", user_group="primary")["msg"]
    else:
        assert service.spawn().wait(60) == 78
        assert "user_group_permissions.yaml" in service.output()
