import contextlib
import functools
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from unittest.mock import MagicMock

import numpy as np
import pytest
import redis
import zmq
from bluesky.plan_stubs import mv
from bluesky.preprocessors import run_decorator
from bluesky.utils import Msg, MsgGenerator
from bluesky.utils import plan as plan_decorator
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO, Signal
from ophyd.areadetector.base import ADBase
from ophyd.areadetector.cam import CamBase
from ophyd.areadetector.detectors import DetectorBase
from ophyd.device import DynamicDeviceComponent
from ophyd.sim import SynAxis, SynSignalRO, hw
from pydantic import validate_call

from bluesky_qs.errors import StartupError
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup import registry
from bluesky_qs.startup.collect import collect
from bluesky_qs.startup.decorator import parameter_annotation_decorator


class Inner(Device):
    a = Component(Signal, value=0)
    _private = Component(Signal, value=0)


class Stage(Device):
    x = Component(SynAxis)
    inner = Component(Inner)
    group = DynamicDeviceComponent({"one": (Signal, None, {}), "two": (Signal, None, {})})
    far = Component(EpicsSignal, "NO:SUCH:PV", lazy=True)


@pytest.fixture(autouse=True)
def _forget_registered():
    registry.clear()
    yield
    registry.clear()


def names(tree):
    return {name: names(device.get("components", {})) for name, device in tree.items()}


def good(x=1):
    yield from ()


def test_plans_are_generator_functions_and_those_that_bluesky_marks():
    @plan_decorator
    def marked():
        return iter(())

    def function():
        return None

    class Beamline:
        def align(self):
            yield from ()

    namespace = {
        "good": good,
        "marked": marked,
        "mv": mv,
        "bound": Beamline().align,
        "partial": functools.partial(good, x=2),
        "function": function,
        "Beamline": Beamline,
        "generator": good(),
        "number": 5,
    }
    found = collect(namespace)
    assert list(found.plans) == ["good", "marked", "mv", "bound", "partial"]
    assert found.plans["good"]["properties"] == {"is_generator": True}
    assert found.plans["marked"]["properties"] == {"is_generator": False}
    assert found.problems == []


def test_devices_are_instances_that_are_readable_movable_or_flyable():
    class Flyer:
        def kickoff(self): ...

        def complete(self): ...

    class OnlyReads:
        def read(self): ...

    class WithOwnMethods:
        def __init__(self):
            self.set = lambda value: value

    Flyer.__module__ = OnlyReads.__module__ = WithOwnMethods.__module__ = "beamline"
    namespace = {
        "sig": Signal(name="sig"),
        "axis": SynAxis(name="axis"),
        "flyer": Flyer(),
        "own": WithOwnMethods(),
        "reads": OnlyReads(),
        "Signal": Signal,
        "event": threading.Event(),
        "var": ContextVar("var"),
        "mock": MagicMock(),
        "broker": zmq.Context.instance(),
        "store": redis.Redis(),
        3: Signal(name="no_name"),
        "a_set": {1},
        "module": sys,
    }
    devices = collect(namespace).devices
    assert {name: (d["is_readable"], d["is_movable"], d["is_flyable"]) for name, d in devices.items()} == {
        "sig": (True, True, False),
        "axis": (True, True, False),
        "flyer": (False, False, True),
        "own": (False, True, False),
    }
    assert (devices["sig"]["classname"], devices["sig"]["module"]) == ("Signal", "ophyd.signal")


def test_names_of_the_interpreter_are_not_listed():
    device = Signal(name="s")
    namespace = dict.fromkeys(["_", "__", "_12", "_i3", "__name__", "Out", "_hidden", "__own", "s"], device)
    assert list(collect(namespace).devices) == ["_hidden", "__own", "s"]


def test_components_are_described_without_being_instantiated():
    stage = Stage(name="stage")
    (described,) = collect({"stage": stage}).devices.values()
    assert names(described["components"]) == {
        "x": {"readback": {}, "setpoint": {}, "velocity": {}, "acceleration": {}, "unused": {}},
        "inner": {"a": {}},
        "group": {"one": {}, "two": {}},
        "far": {},
    }
    assert "far" not in stage._signals


@pytest.mark.parametrize(
    ("depth", "tree"),
    [(1, {}), (2, {"x": {}, "inner": {}, "group": {}, "far": {}})],
)
def test_depth_counts_levels(depth, tree):
    devices = collect({"stage": Stage(name="stage")}, device_max_depth=depth).devices
    assert names(devices) == {"stage": tree}


def test_area_detectors_are_not_expanded():
    class Detector(DetectorBase):
        cam = Component(CamBase, "cam:", lazy=True)

    assert issubclass(DetectorBase, ADBase)
    detector = Detector("NO:SUCH:", name="detector")
    assert names(collect({"detector": detector}).devices) == {"detector": {}}
    registry.register_device("detector", depth=2)
    assert names(collect({"detector": detector}).devices)["detector"]["cam"] == {}


def test_registered_devices_have_their_own_depth_or_are_left_out():
    registry.register_device("a")
    registry.register_device("b", depth=2)
    registry.register_device("c", exclude=True)
    devices = collect(dict.fromkeys("abcd", Stage(name="stage"))).devices
    assert [(name, bool(d.get("components"))) for name, d in devices.items()] == [
        ("a", False),
        ("b", True),
        ("d", True),
    ]
    assert "components" not in devices["b"]["components"]["inner"]
    assert "components" in devices["d"]["components"]["inner"]


def returning():
    return good()


def test_registered_plans_may_be_left_out_and_functions_that_return_plans_may_be_registered():
    registry.register_plan("other", exclude=True)
    registry.register_plan("returning")
    registry.register_plan("number")
    namespace = {"good": good, "other": good, "returning": returning, "unregistered": returning, "number": 5}
    assert list(collect(namespace).plans) == ["good", "returning"]


def test_names_that_are_registered_in_vain_are_reported_and_cost_nothing():
    registry.register_device("stagee", depth=2)
    registry.register_device("good")
    registry.register_plan("number")
    registry.register_plan("gone", exclude=True)
    registry.register_plan("helper", exclude=True)
    found = collect({"stage": Signal(name="s"), "good": good, "number": 5, "helper": print})
    assert (list(found.devices), list(found.plans)) == (["stage"], ["good"])
    assert [str(problem) for problem in found.problems] == [
        "'number': register_plan: there is no function with this name",
        "'gone': register_plan: there is no function with this name",
        "'stagee': register_device: there is no device with this name (did you mean 'stage'?)",
        "'good': register_device: there is no device with this name",
    ]


def test_alias_is_described_like_the_plan_and_named_after_the_alias():
    plans = collect({"good": good, "alias": functools.partial(good, 5)}).plans
    assert (plans["alias"]["name"], plans["alias"]["module"], plans["alias"]["parameters"]) == ("alias", __name__, [])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("a",), None), ((5,), TypeError), (("a", "1"), TypeError), (("a", -1), ValueError), (("a", 1, 1), TypeError)],
)
def test_registry_checks_its_arguments(arguments, error):
    name, depth, exclude = (*arguments, 1, False)[:3] if len(arguments) < 3 else arguments
    if error is None:
        registry.register_device(name, depth=depth, exclude=exclude)
        return
    with pytest.raises(error):
        registry.register_device(name, depth=depth, exclude=exclude)


class AsyncSignal:
    """As much of an ophyd-async device as is looked at; the package is no dependency."""

    __module__ = "ophyd_async.core"

    def __init__(self, **children):
        self._children = children
        vars(self).update(children)

    def read(self): ...

    def describe(self): ...

    def children(self):
        return iter(self._children.items())


def test_children_of_async_devices_are_their_subdevices():
    device = AsyncSignal(x=AsyncSignal(velocity=AsyncSignal()), _hidden=AsyncSignal())
    assert names(collect({"device": device}).devices) == {"device": {"x": {"velocity": {}}}}
    assert names(collect({"device": device}, device_max_depth=2).devices) == {"device": {"x": {}}}


class AsyncGroup:
    """What only groups devices: it can neither be read nor set."""

    __module__ = "ophyd_async.core"

    def __init__(self, **children):
        self._children = children
        vars(self).update(children)

    def children(self):
        return iter(self._children.items())


def test_what_only_groups_async_devices_is_there_for_their_sake():
    detector = AsyncSignal(driver=AsyncGroup(time=AsyncSignal()), empty=AsyncGroup())
    assert names(collect({"detector": detector}).devices) == {"detector": {"driver": {"time": {}}}}
    assert names(collect({"detector": detector}, device_max_depth=2).devices) == {"detector": {}}


def test_device_whose_children_fail_is_listed_without_them_and_reported():
    class Broken(AsyncSignal):
        def children(self):
            raise RuntimeError("not connected")

    found = collect({"broken": Broken(), "fine": AsyncSignal()})
    assert names(found.devices) == {"broken": {}, "fine": {}}
    assert "not connected" in str(found.problems[0])


@parameter_annotation_decorator({"parameters": {"nonsense": {"min": 1}}})
def contradicted(x):
    yield from ()


def test_plan_that_cannot_be_described_is_refused_with_its_place_and_reason():
    with pytest.raises(StartupError) as caught:
        collect({"good": good, "contradicted": contradicted})
    for word in ("'contradicted'", __file__, f"line {contradicted.__code__.co_firstlineno}", "'nonsense'"):
        assert word in str(caught.value)


def test_invalid_plans_may_be_left_out_and_are_reported():
    found = collect({"contradicted": contradicted, "good": good}, ignore_invalid_plans=True)
    assert list(found.plans) == ["good"]
    (problem,) = found.problems
    assert (problem.name, problem.file, problem.line) == (
        "contradicted",
        __file__,
        contradicted.__code__.co_firstlineno,
    )


class Trap:
    @property
    def root(self):
        raise RuntimeError("not connected")

    dotted_name = ""


def test_plan_whose_type_raises_is_listed_without_the_check(caplog):
    class TrapType(type):
        @property
        def __supertype__(cls):
            raise RuntimeError("not connected")

    def trapped(x: TrapType("T", (), {})):
        yield from ()

    found = collect({"trapped": trapped, "good": good})
    assert list(found.plans) == ["trapped", "good"]
    assert "RuntimeError: not connected" in caplog.text


ENDLESS = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize("default", [Trap(), ENDLESS, re.IGNORECASE | re.DOTALL, np.zeros(3), Trap, {Trap(): 1}])
def test_no_default_makes_a_plan_unusable(default):
    def plan(x=default):
        yield from ()

    (parameter,) = collect({"plan": plan}).plans["plan"]["parameters"]
    assert parameter["default"] == "..."


@pytest.mark.parametrize(
    ("default", "text"), [(np.int64(3), "3"), (np.float32(0.5), "0.5"), ([np.uint8(1), np.float64(2)], "[1, 2.0]")]
)
def test_numbers_of_numpy_are_described_as_numbers(default, text):
    def plan(x=default):
        yield from ()

    (parameter,) = collect({"plan": plan}).plans["plan"]["parameters"]
    assert parameter["default"] == text


@pytest.mark.parametrize(
    "words",
    [{"annotation": "NoSuchType"}, {"annotation": "D", "devices": {"D": [":("]}}, {"min": 5, "max": 1}],
)
def test_decorator_that_cannot_be_understood_costs_its_plan_only(words):
    @parameter_annotation_decorator({"parameters": {"x": words}})
    def bad(x=1):
        yield from ()

    found = collect({"good": good, "bad": bad}, ignore_invalid_plans=True)
    assert list(found.plans) == ["good"]
    (problem,) = found.problems
    assert (problem.name, problem.file) == ("bad", __file__)
    assert "parameter 'x'" in problem.reason


def test_patterns_of_the_decorator_are_written_out_as_names():
    @parameter_annotation_decorator(
        {
            "parameters": {
                "device": {"annotation": "D", "devices": {"D": ["no_such", ":-^stage$:?^x$", "__MOTOR__:^m"]}},
                "then": {"annotation": "P", "plans": {"P": [":^goo", "elsewhere"]}},
                "any": {"annotation": "A", "devices": {"A": (None,)}},
            }
        }
    )
    def choose(device, then, any):  # noqa: A002
        yield from ()

    namespace = {"stage": Inner(name="stage"), "m1": SynAxis(name="m1"), "good": good, "choose": choose}
    device, then, every = (
        each["annotation"] for each in collect(namespace, device_max_depth=1).plans["choose"]["parameters"]
    )
    assert device["devices"] == {"D": ["no_such", "m1"]}
    assert then["plans"] == {"P": ["good", "elsewhere"]}
    assert every["devices"] == {"A": ["stage", "m1"]}
    described = collect({**namespace, "stage": Stage(name="stage")}).plans["choose"]["parameters"][0]
    assert described["annotation"]["devices"] == {"D": ["no_such", "stage.x", "m1"]}


def test_plans_that_root_forbids_are_no_reason_to_refuse():
    permissions = PermissionRules.from_dict(
        {"user_groups": {"root": {"allowed_plans": [None], "forbidden_plans": ["contradicted"]}}}
    )
    found = collect({"contradicted": contradicted, "good": good}, permissions=permissions)
    assert list(found.plans) == ["good"]
    assert found.problems == []


def test_defaults_are_named_as_the_namespace_names_them():
    motor = SynAxis(name="ophyd_name")

    def plan(device=motor, inner=good):
        yield from ()

    parameters = collect({"m": motor, "plan": plan, "good": good}).plans["plan"]["parameters"]
    assert [parameter["default"] for parameter in parameters] == ["'m'", "'good'"]


def test_simulated_hardware_is_described_whole():
    devices = collect(vars(hw())).devices
    assert {"det", "det1", "motor", "flyer1", "pseudo3x3", "img"} <= set(devices)


def test_objects_whose_attributes_raise_are_neither_plans_nor_devices():
    class Proxy:
        def __getattribute__(self, name):
            raise RuntimeError("not bound")

    found = collect({"proxy": Proxy(), "good": good, "sig": Signal(name="sig")})
    assert (list(found.plans), list(found.devices), found.problems) == (["good"], ["sig"], [])


def test_devices_that_only_group_others_are_listed_and_elements_of_vectors_have_their_index():
    class Table(AsyncGroup):
        pass

    table = Table(height=AsyncSignal(), legs=AsyncGroup())
    table.legs._children = {1: AsyncSignal(), 2: AsyncSignal(), "no_attribute": AsyncSignal()}
    devices = collect({"table": table, "empty": AsyncGroup(), "Table": Table}).devices
    assert names(devices) == {"table": {"height": {}, "legs": {"1": {}, "2": {}}}, "empty": {}}
    assert devices["table"] == {
        "classname": "Table",
        "module": __name__,
        "is_readable": False,
        "is_movable": False,
        "is_flyable": False,
        "components": devices["table"]["components"],
    }


def test_signals_of_ophyd_that_are_read_only_cannot_be_moved():
    class Shutter(EpicsSignalRO):
        def set(self, value): ...

    class Panel(Device):
        temperature = Component(EpicsSignalRO, "NO:SUCH:PV", lazy=True)
        shutter = Component(Shutter, "NO:SUCH:PV", lazy=True)
        current = Component(EpicsSignal, "NO:SUCH:PV", lazy=True)
        constant = Component(SynSignalRO)

    devices = collect({"panel": Panel(name="panel"), "constant": SynSignalRO(name="constant")}).devices
    assert not devices["constant"]["is_movable"]
    parts = devices["panel"]["components"]
    assert [name for name, device in parts.items() if device["is_movable"]] == ["shutter", "current"]
    assert all(device["is_readable"] for device in parts.values())


def test_names_that_are_no_python_names_are_not_listed_and_reported():
    found = collect(
        {"front-end": SynAxis(name="a"), "2theta": SynAxis(name="b"), "my plan": good, "a b": 5, "ok": good}
    )
    assert (list(found.devices), list(found.plans)) == ([], ["ok"])
    assert [(problem.name, problem.reason.partition(",")[0]) for problem in found.problems] == [
        ("front-end", "this device is not listed"),
        ("2theta", "this device is not listed"),
        ("my plan", "this plan is not listed"),
    ]


def _logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Routine:
    """Aligns the beam."""

    def __call__(self, num: int = 1):
        yield from ()


class Beamline:
    @_logged
    def align(self, num: int = 1):
        yield from ()


def _said_to_return_a_plan() -> MsgGenerator[None]:
    return good()


def _said_in_text() -> "Iterator[Msg]":
    return good()


UNSEEN = {
    "checked": validate_call(good),
    "wrapped": _logged(good),
    "partly": functools.partial(_logged(good), 1),
    "instance": Routine(),
    "bound": Beamline().align,
    "returned": _said_to_return_a_plan,
    "text": _said_in_text,
}


@contextlib.contextmanager
def _shutter_open():
    yield


def _makes_plans() -> Callable[[], MsgGenerator]:
    return good


def test_what_looks_like_a_plan_and_is_none_is_reported_with_how_to_register_it():
    found = collect({**UNSEEN, "good": good})
    assert list(found.plans) == ["good"]
    assert {problem.name for problem in found.problems} == set(UNSEEN)
    for problem in found.problems:
        assert problem.reason.endswith(f"to list it: register_plan('{problem.name}')")
        assert problem.file == __file__
        assert problem.line > 0


def test_after_their_registration_they_are_plans():
    for name in UNSEEN:
        registry.register_plan(name)
    found = collect(UNSEEN)
    assert (list(found.plans), found.problems) == (list(UNSEEN), [])
    assert found.plans["instance"]["description"] == "Aligns the beam."
    for name in ("instance", "bound"):
        (parameter,) = found.plans[name]["parameters"]
        assert (parameter["name"], parameter["annotation"]) == ("num", {"type": "int"})


def test_what_does_not_look_like_a_plan_is_not_reported():
    registry.register_plan("hidden", exclude=True)
    root = {"root": {"allowed_plans": [None], "forbidden_plans": [":^_"]}}
    namespace = {
        "shutter_open": _shutter_open,
        "makes_plans": _makes_plans,
        "run_decorator": run_decorator,
        "returning": returning,
        "hidden": _logged(good),
        "_private": _logged(good),
        "Routine": Routine,
        "number": 5,
        "stage": Stage(name="stage"),
    }
    assert collect(namespace, permissions=PermissionRules.from_dict({"user_groups": root})).problems == []
