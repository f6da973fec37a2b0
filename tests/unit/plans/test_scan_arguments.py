"""A warning about a scan without its number of points, which its signature calls optional and its code does not."""

import pytest
from bluesky import plans
from ophyd.sim import det, motor, motor1

from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.plans.scan_arguments import is_scan, misfit
from bluesky_qs.startup.describe import describe

ONE, TWO = (motor, 0, 1), (motor, 0, 1, motor1, 0, 1)


@pytest.mark.parametrize("kwargs", [{}, {"num": 3}, {"num": None}])
@pytest.mark.parametrize(
    "args", [(), ONE, (*ONE, 3), (*ONE, 3, 4), TWO, (*TWO, 3), (*TWO, 3, 4), (motor,), (motor, 0)], ids=len
)
def test_the_warning_says_what_bluesky_itself_refuses(args, kwargs):
    try:
        next(iter(plans.scan([det], *args, **kwargs)))
        runs = True
    except (ValueError, TypeError, AttributeError):
        runs = False
    assert bool(misfit("scan", len(args), kwargs)) is not runs


def test_no_other_plan_is_meant():
    scans = {name for name in ("scan", "rel_scan") if is_scan(describe(name, getattr(plans, name)))}
    assert scans == {"scan", "rel_scan"}
    others = ("count", "grid_scan", "list_scan", "log_scan", "inner_product_scan", "x2x_scan", "tune_centroid")
    assert not [name for name in others if is_scan(describe(name, getattr(plans, name)))]

    def scan(detectors, *args, num=None):
        yield from ()

    assert not is_scan(describe("scan", scan))


def test_a_scan_without_its_number_of_points_is_accepted_with_a_warning():
    everything = {"allowed_plans": [None], "allowed_devices": [None]}
    described = {"scan": describe("scan", plans.scan).as_dict()}
    motors = {"motor": {"classname": "M", "module": "m", "is_readable": True, "is_movable": True, "is_flyable": False}}
    rules = PermissionRules.from_dict({"user_groups": {"root": everything, "primary": everything}})
    catalog = Catalog(described, motors, rules)
    item = {"name": "scan", "args": [["motor"], "motor", 0, 1]}
    catalog.check(item, "primary")
    (found,) = catalog.warnings(item, "primary")
    assert found.sentence == (
        "Plan 'scan' needs the number of points, as num=… or after the axes: the plan will fail unless this is fixed"
    )
    assert catalog.warnings({**item, "kwargs": {"num": 5}}, "primary") == []
