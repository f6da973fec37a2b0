"""Warnings about arguments of bluesky's plans that their signatures accept and their code does not."""

import pytest
from bluesky import plans
from ophyd.sim import det, motor, motor1

from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.plans.scan_arguments import rule_of
from bluesky_qs.startup.describe import describe

DEVICES = {"det": det, "motor": motor, "motor1": motor1}
ONE, TWO = ("motor", 0, 1), ("motor", 0, 1, "motor1", 0, 1)
GRID = ("motor", 0, 1, 3, "motor1", 0, 1, 4)
NAMES = (
    "count",
    "scan",
    "rel_scan",
    "grid_scan",
    "rel_grid_scan",
    "list_scan",
    "rel_list_scan",
    "list_grid_scan",
    "rel_list_grid_scan",
    "log_scan",
    "rel_log_scan",
    "x2x_scan",
)


def described(name):
    return {**DEVICE, "is_movable": name != "det"}


DEVICE = {"classname": "D", "module": "m", "is_readable": True, "is_flyable": False}


@pytest.fixture(scope="module")
def catalog():
    everything = {"allowed_plans": [None], "allowed_devices": [None]}
    of_plans = {name: describe(name, getattr(plans, name)).as_dict() for name in NAMES}
    rules = PermissionRules.from_dict({"user_groups": {"root": everything, "primary": everything}})
    return Catalog(of_plans, {name: described(name) for name in DEVICES}, rules)


@pytest.fixture
def warnings(catalog):
    """The sentences about a plan that was accepted; None if it is refused."""

    def of(name, *args, **kwargs):
        item = {"name": name, "args": [["det"], *args], "kwargs": kwargs}
        if catalog.problems(item, "primary"):
            return None
        return [each.sentence for each in catalog.warnings(item, "primary")]

    return of


def points(name, args, kwargs):
    """How many points bluesky measures; -1 if it refuses the arguments."""
    args = [DEVICES.get(value, value) if isinstance(value, str) else value for value in args]
    # As the worker does it: an integer that arrives as a float becomes one where the plan says that it takes integers.
    if name != "rel_scan" and isinstance(kwargs.get("num"), float):
        kwargs = {**kwargs, "num": int(kwargs["num"])}
    try:
        return [message.command for message in getattr(plans, name)([det], *args, **kwargs)].count("save")
    except (ValueError, TypeError, AttributeError):
        return -1


@pytest.mark.parametrize("name", ["scan", "rel_scan"])
@pytest.mark.parametrize("kwargs", [{}, *({"num": num} for num in (3, None, 0, -5, 5.0))])
@pytest.mark.parametrize(
    "args",
    [
        (),
        ONE,
        (*ONE, 3),
        (*ONE, 0),
        (*ONE, -5),
        (*ONE, 5.0),
        (*ONE, "motor1"),
        (*ONE, 3, 4),
        TWO,
        (*TWO, 3),
        (*TWO, 3, 4),
        ("motor",),
        ("motor", 0),
        (-1, 1, "motor"),
        (-1, 1, "motor", 5),
        ("motor", None, 1, 5),
        ("motor", [0], 1, 5),
    ],
    ids=str,
)
def test_a_scan_is_warned_about_if_bluesky_refuses_it_or_measures_nothing(warnings, name, args, kwargs):
    assert bool(warnings(name, *args, **kwargs)) is (points(name, args, kwargs) <= 0)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("grid_scan", ("motor", 0, 1, 3)),
        ("grid_scan", GRID),
        ("grid_scan", (*GRID, False)),
        ("grid_scan", ()),
        ("grid_scan", ("motor", 0, 1)),
        ("grid_scan", (0, 1, "motor", 3)),
        ("grid_scan", ("motor", 0, 1, -3)),
        ("grid_scan", ("motor", 0, 1, 3.0)),
        ("list_scan", ("motor", [0, 1])),
        ("list_scan", ("motor", [0, 1], "motor1", [0, 1])),
        ("list_scan", ()),
        ("list_scan", ("motor",)),
        ("list_scan", ([0, 1], "motor")),
        ("list_scan", ("motor", 0, 1, 3)),
        ("list_grid_scan", ("motor", [0, 1], "motor1", [0, 1, 2])),
        ("list_grid_scan", ([0, 1], "motor")),
        ("rel_list_scan", ([0, 1], "motor")),
        ("rel_list_scan", ("motor", [0, 1])),
        ("rel_grid_scan", ("motor", 0, 1, 3)),
        ("log_scan", ("motor", 0, 1, 3)),
        ("log_scan", ("motor", 0, 1, -3)),
        ("log_scan", ("motor", 0, 1, 0)),
        ("rel_log_scan", ("motor", 0, 1, -3)),
        ("x2x_scan", ("motor", "motor1", 0, 1, 3)),
        ("x2x_scan", ("motor", "motor1", 0, 1, -3)),
        ("count", ()),
        ("count", (3,)),
        ("count", (0,)),
        ("count", (-5,)),
    ],
    ids=str,
)
def test_so_are_its_relatives(warnings, name, args):
    assert bool(warnings(name, *args)) is (points(name, args, {}) <= 0)


def test_a_plan_of_the_beamline_may_have_other_rules():
    def scan(detectors, *args, num=None):
        yield from ()

    assert rule_of(describe("scan", scan)) is None
    assert rule_of(describe("adaptive_scan", plans.adaptive_scan)) is None


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "sentence"),
    [
        (
            "scan",
            ONE,
            {},
            "Plan 'scan' needs the number of points, as num=… or after the axes",
        ),
        (
            "scan",
            (-1, 1, "motor", 5),
            {},
            "Parameter 'args'[0]: -1 is not a motor; scan takes a motor, start and stop for each axis",
        ),
        (
            "scan",
            (*ONE, 5.0),
            {},
            "Parameter 'args'[3]: 5.0 is not an integer, which the number of points must be",
        ),
        (
            "scan",
            ONE,
            {"num": -5},
            "Parameter 'num': -5 is not a number of points",
        ),
        ("count", (), {"num": -5}, "Parameter 'num': -5 is not a number of points"),
        ("count", (), {"num": None}, None),
        ("count", (), {"num": 5.0}, None),
    ],
)
def test_the_sentence_names_the_argument(warnings, name, args, kwargs, sentence):
    outlook = "the plan will measure nothing" if name == "count" else "the plan will fail unless this is fixed"
    assert warnings(name, *args, **kwargs) == ([f"{sentence}: {outlook}"] if sentence else [])


def test_the_warning_has_the_place_of_the_argument(catalog):
    for item, path in (
        ({"name": "scan", "args": [["det"], -1, 1, "motor", 5]}, (1,)),
        ({"name": "scan", "args": [["det"], *ONE], "kwargs": {"num": -5}}, ("num",)),
        ({"name": "count", "args": [["det"], -5]}, (1,)),
    ):
        (found,) = catalog.warnings(item, "primary")
        assert found.path == path
