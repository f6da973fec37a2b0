"""The walk answers messages as the RunEngine does, and notes what they would do."""

import gc
import json
from types import SimpleNamespace

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from bluesky.callbacks import LiveTable
from bluesky.utils import Msg
from ophyd import SoftPositioner
from ophyd.sim import hw

from bluesky_qs.foresight.carried import Carried
from bluesky_qs.foresight.devices import DeviceFacts
from bluesky_qs.foresight.walk import Clock, Walk


@pytest.fixture
def sim(tmp_path):
    devices = hw(str(tmp_path))
    for name in ("motor", "motor1", "motor2"):
        getattr(devices, name).delay = 0
    return devices


def look(obj):
    """Facts about a simulated device, which may be read here."""
    if isinstance(obj, SoftPositioner):
        reading = {obj.name: {"value": obj.position, "timestamp": 0.0}}
        return DeviceFacts(obj.name, reading, {obj.name: {"dtype": "number", "units": "mm"}}, obj.name, obj.limits)
    if not hasattr(obj, "read"):
        return DeviceFacts(obj.name)
    hinted = (getattr(obj, "hints", None) or {}).get("fields") or [obj.name]
    return DeviceFacts(obj.name, obj.read(), obj.describe(), hinted[0])


def walked(plan, **options):
    walk = Walk(look, **options)
    walk.run(plan)
    report = walk.report()
    close(plan)
    return report


def close(plan):
    """End a plan that was cut off. Its clean-up may yield messages."""
    try:
        getattr(plan, "close", lambda: None)()
    except RuntimeError:
        gc.collect()


def ran(plan):
    """What a real RunEngine does with the plan: points by stream, runs, and positions."""
    engine, found = RunEngine({}), {"points": {}, "runs": 0, "moves": {}, "triggers": {}}
    streams = {}

    def document(name, doc):
        if name == "start":
            found["runs"] += 1
        elif name == "descriptor":
            streams[doc["uid"]] = doc["name"]
        elif name == "event":
            stream = streams[doc["descriptor"]]
            found["points"][stream] = found["points"].get(stream, 0) + 1

    def message(msg):
        if msg.command == "set":
            found["moves"].setdefault(msg.obj.name, []).append(msg.args[0])
        elif msg.command == "trigger":
            found["triggers"][msg.obj.name] = found["triggers"].get(msg.obj.name, 0) + 1

    engine.msg_hook = message
    engine(plan, document)
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join()
    engine.loop.close()
    return found


def nested(sim):
    """Two runs, one in the other, and a baseline."""

    @bpp.set_run_key_decorator("inner")
    def inner():
        yield from bp.count([sim.det2], num=2)

    @bpp.baseline_decorator([sim.motor2])
    @bpp.stage_decorator([sim.det1])
    @bpp.run_decorator()
    def outer():
        yield from bps.trigger_and_read([sim.det1])
        yield from inner()
        yield from bps.mv(sim.motor1, 2, sim.motor2, -2)
        yield from bps.trigger_and_read([sim.det1], name="after")

    return outer()


def moves_only(sim):
    yield from bps.mv(sim.motor, 3)
    yield from bps.mv(sim.motor, -2, sim.motor1, 1)
    yield from bps.sleep(0)


#: Class A of the table: plans that do not depend on measured values.
CLASS_A = {
    "count": lambda sim: bp.count([sim.det1, sim.det2], num=3),
    "scan": lambda sim: bp.scan([sim.det1], sim.motor, -1, 1, 7),
    "rel_scan": lambda sim: bp.rel_scan([sim.det1], sim.motor, -2, 1, 4),
    "list_scan": lambda sim: bp.list_scan([sim.det1], sim.motor, [1, 5, -3]),
    "rel_list_scan": lambda sim: bp.rel_list_scan([sim.det1], sim.motor, [1, 5, -3]),
    "log_scan": lambda sim: bp.log_scan([sim.det1], sim.motor, 1, 10, 3),
    "inner_product": lambda sim: bp.inner_product_scan([sim.det1], 3, sim.motor1, 0, 1, sim.motor2, 0, 2),
    "grid_scan": lambda sim: bp.grid_scan([sim.det1], sim.motor1, 0, 1, 3, sim.motor2, 0, 2, 2, True),
    "rel_grid_scan": lambda sim: bp.rel_grid_scan([sim.det1], sim.motor1, 0, 1, 2, sim.motor2, 0, 2, 2),
    "list_grid_scan": lambda sim: bp.list_grid_scan([sim.det1], sim.motor1, [1, 2], sim.motor2, [3, 5]),
    "spiral": lambda sim: bp.spiral([sim.det1], sim.motor1, sim.motor2, 0, 0, 1, 1, 0.5, 4),
    "spiral_fermat": lambda sim: bp.spiral_fermat([sim.det1], sim.motor1, sim.motor2, 0, 0, 1, 1, 0.5, 4),
    "spiral_square": lambda sim: bp.spiral_square([sim.det1], sim.motor1, sim.motor2, 0, 0, 1, 1, 3, 3),
    "x2x_scan": lambda sim: bp.x2x_scan([sim.det1], sim.motor1, sim.motor2, -1, 1, 3),
    "moves": moves_only,
    "nested runs": nested,
}


@pytest.mark.parametrize("make", CLASS_A.values(), ids=CLASS_A)
def test_a_plan_that_does_not_depend_on_readings_is_walked_exactly(sim, make):
    report = walked(make(sim))
    starts = {name: motor["start"] for name, motor in report["motors"].items()}
    real = ran(make(sim))
    assert (report["ok"], report["complete"], report["exact"]) == (True, True, True), report
    assert report["assumed"] == []
    assert report["stream_points"] == real["points"]
    assert report["points"] == sum(real["points"].values())
    assert report["runs"] == real["runs"]
    assert report["triggers"] == real["triggers"]
    assert set(report["motors"]) == set(real["moves"])
    for name, moves in real["moves"].items():
        motor, whole = report["motors"][name], [starts[name], *moves]
        assert (motor["min"], motor["max"]) == pytest.approx((min(whole), max(whole)))
        assert motor["end"] == pytest.approx(moves[-1])


def reads_detector(sim):
    value = yield from bps.rd(sim.det1)
    for _ in range(3 if value >= 0 else 1):
        yield from bps.null()


def monitors(sim):
    @bpp.monitor_during_decorator([sim.det1])
    @bpp.run_decorator()
    def plan():
        yield from bps.sleep(0)

    return plan()


#: Class B: plans that depend on measured values.
CLASS_B = {
    "adaptive_scan": (lambda sim: bp.adaptive_scan([sim.det], "det", sim.motor, 0, 5, 0.1, 1, 0.5, True), ["det"]),
    "tune_centroid": (lambda sim: bp.tune_centroid([sim.det], "det", sim.motor, -2, 2, 0.1, 5), ["det"]),
    "rd": (reads_detector, ["det1"]),
    "fly": (lambda sim: bp.fly([sim.flyer1]), []),
    "monitor": (monitors, []),
}


@pytest.mark.parametrize(("make", "assumed"), CLASS_B.values(), ids=CLASS_B)
def test_a_plan_that_depends_on_readings_ends_and_lists_them(sim, make, assumed):
    report = walked(make(sim))
    assert (report["complete"], report["exact"], report["errors"]) == (True, False, [])
    assert {each["device"] for each in report["assumed"]} >= set(assumed)
    assert assumed or report["warnings"]


def forever():
    while True:
        yield from bps.sleep(1)


#: Class C: plans that are cut off.
CLASS_C = {
    "tweak": (lambda sim: bp.tweak(sim.det, "det", sim.motor, 0.1, md={}), "input"),
    "input": (lambda _: bps.input_plan("Ready? "), "the plan asks for input: 'Ready?'"),
    "no prompt": (lambda _: bps.input_plan(), "the plan asks for input"),
    "endless": (lambda _: forever(), "the time limit of the dry run was reached"),
}


@pytest.mark.parametrize(("make", "reason"), CLASS_C.values(), ids=CLASS_C)
def test_a_plan_that_waits_for_people_or_does_not_end_is_cut_off(sim, make, reason):
    limit = iter([False, False, True])
    report = walked(make(sim), is_late=lambda: next(limit, True))
    assert (report["ok"], report["complete"], report["exact"]) == (None, False, False)
    assert reason in report["reason"]
    assert "''" not in report["reason"]


# ----------------------------------------------------------------------------------------------- errors and limits
def test_a_position_outside_the_limits_fails_as_in_a_real_run():
    slow = SoftPositioner(name="slow", limits=(-10, 10), init_pos=1)
    report = walked(bps.mv(slow, 11))
    assert report["ok"] is False
    assert "LimitError" in report["errors"][0]["msg"]
    assert report["motors"] == {}


def test_limits_without_a_check_are_a_warning():
    axis = SimpleNamespace(name="axis", parent=None, set=lambda value: None)
    walk = Walk(lambda _: DeviceFacts("axis", {"axis": {"value": 0.0, "timestamp": 0.0}}, {}, "axis", (-1.0, 1.0)))
    walk.run([Msg("set", axis, 0), Msg("set", axis, 5)])
    assert walk.report()["ok"] is True
    assert walk.report()["warnings"] == ["axis cannot go to 5: its limits are -1 and 1 (point 1)"]


def test_limits_of_a_device_that_checks_them_in_a_coroutine_are_an_error():
    async def check_value(value):
        raise AssertionError

    axis = SimpleNamespace(name="axis", parent=None, set=lambda value: None, check_value=check_value)
    walk = Walk(lambda _: DeviceFacts("axis", {"axis": {"value": 0.0, "timestamp": 0.0}}, {}, "axis", (-1.0, 1.0)))
    walk.run([Msg("set", axis, 3)])
    assert "axis cannot go to 3: its limits are -1 and 1" in walk.report()["errors"][0]["msg"]


def test_the_clean_up_of_a_plan_that_fails_is_walked(sim):
    def fails():
        yield from bps.mv(sim.motor, 2)
        raise ValueError("no beam")

    report = walked(bpp.finalize_wrapper(fails(), bps.mv(sim.motor, -7)))
    assert report["motors"]["motor"]["end"] == -7
    assert "no beam" in report["errors"][0]["msg"]


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([Msg("save")], "no run is open"),
        ([Msg("open_run"), Msg("open_run")], "'close_run' message was not received"),
        ([Msg("close_run")], "no run open"),
        ([Msg("open_run"), Msg("create", name="a"), Msg("create", name="a")], "A second 'create'"),
        ([Msg("open_run"), Msg("save")], "'create' message must come before"),
        ([Msg("open_run"), Msg("create", name="a"), Msg("checkpoint")], "Cannot 'checkpoint'"),
        ([Msg("nonsense")], "'nonsense' is not a RunEngine command"),
        ([Msg("trigger", object())], "has no method 'trigger'"),
        ([Msg("kickoff", None)], "no run is open"),
    ],
)
def test_messages_that_the_run_engine_refuses_are_errors(messages, error):
    (found,) = walked(messages)["errors"]
    assert error in found["msg"]


def test_two_devices_with_the_same_data_keys_cannot_be_in_one_point(sim):
    plan = [Msg("open_run"), Msg("create", name="a"), Msg("read", sim.motor), Msg("read", sim.motor)]
    assert "same data keys" in walked(plan)["errors"][0]["msg"]


def test_commands_that_only_the_run_engine_knows_have_an_unknown_effect():
    report = walked([Msg("my_command")], commands=["my_command", "null"])
    assert (report["ok"], report["exact"]) == (True, False)
    assert "my_command" in report["warnings"][0]


def test_too_much_memory_is_no_error_of_the_plan():
    def eats():
        yield Msg("null")
        raise MemoryError

    assert walked(eats())["reason"] == "the plan needs more memory than a dry run may use"


# ------------------------------------------------------------------------------------------------- what plans see
def test_the_plan_sees_the_walked_positions(sim):
    def plan():
        yield from bps.mv(sim.motor, 5)
        assert (yield from bps.rd(sim.motor)) == 5
        reading = yield Msg("read", sim.motor)
        assert reading["motor_setpoint"]["value"] == 5

    report = walked(plan())
    assert (report["errors"], report["assumed"], report["exact"]) == ([], [], True)


def test_a_device_without_a_reading_has_neutral_values_of_its_type():
    described = {
        "x": {"dtype": "number"},
        "n": {"dtype": "integer"},
        "s": {"dtype": "string", "choices": ["in", "out"]},
        "b": {"dtype": "boolean"},
        "a": {"dtype": "array", "shape": [10, 20]},
    }
    device = SimpleNamespace(name="device", parent=None, read=lambda: None)
    walk = Walk(lambda _: DeviceFacts("device", {}, described))
    seen = {}

    def plan():
        yield Msg("open_run")
        yield Msg("create", name="primary")
        reading = yield Msg("read", device)
        seen.update({key: each["value"] for key, each in reading.items()})
        yield Msg("save")

    walk.run(plan())
    assert seen == {"x": 0.0, "n": 0, "s": "in", "b": False, "a": []}
    assert [each["field"] for each in walk.report()["assumed"]] == list(described)
    assert walk.report()["bytes"] == 8 * (4 + 200)


@pytest.mark.parametrize(
    "use",
    [
        lambda each: each["value"],
        lambda each: each.get("value"),
        dict,
        lambda each: list(each.items()),
        lambda each: list(each.values()),
        lambda each: {**each},
        lambda each: each.pop("value"),
    ],
)
def test_every_way_to_look_at_a_value_is_noted(sim, use):
    def plan():
        reading = yield Msg("read", sim.det1)
        use(reading["det1"])

    assert [each["field"] for each in walked(plan())["assumed"]] == ["det1"]


def test_time_passes_for_a_plan_that_sleeps():
    clock = Clock()
    report = walked(bps.sleep(3600), clock=clock)
    assert clock.ahead == 3600
    assert report["estimate"]["parts"]["sleep"] == 3600
    assert report["estimate"]["seconds"] is None


def test_devices_that_the_group_may_not_use_are_named(sim):
    walk = Walk(lambda obj: look(obj)._replace(is_permitted=obj is not sim.motor))
    walk.run(bp.scan([sim.det1], sim.motor, 0, 1, 2))
    assert walk.report()["warnings"] == ["The plan uses motor, which you may not use: ask the beamline staff"]


def test_a_subscription_makes_a_plan_inexact_unless_it_only_shows_documents(sim):
    assert walked([Msg("subscribe", None, LiveTable(["det1"]), "all")])["exact"] is True
    report = walked([Msg("subscribe", None, print, "all")])
    assert report["exact"] is False
    assert "print" in report["warnings"][0]


def test_what_a_call_was_blocked_for_makes_the_result_unknown(sim):
    walk = Walk(look)
    walk.run([Msg("null")])
    walk.findings.block("open('x')", "")
    assert (walk.report()["ok"], walk.report()["exact"]) == (None, False)


def test_a_stream_with_other_devices_than_before_is_an_error_as_in_a_real_run(sim):
    def plan():
        yield from bps.open_run()
        yield from bps.trigger_and_read([sim.det1])
        yield from bps.trigger_and_read([sim.det2])

    assert "Mismatched objects read" in walked(plan())["errors"][0]["msg"]
    with pytest.raises(RuntimeError, match="Mismatched objects read"):
        ran(plan())


def test_the_position_of_a_motor_is_no_measured_value(sim):
    assert walked(further(sim.motor))["exact"] is True
    assert walked(bps.rd(sim.det1))["exact"] is False


def further(motor):
    """A move by 1 from the walked position, which relative plans only see in a dry run of the worker."""
    start = yield from bps.rd(motor)
    yield from bps.mv(motor, start + 1)


def test_the_next_plan_begins_where_the_last_one_has_ended(sim):
    walk = Walk(look)
    walk.run(bp.list_scan([sim.det1], sim.motor, [3, 4]))
    assert walk.report()["points"] == 2
    walk.next()
    walk.run(further(sim.motor))
    report = walk.report()
    assert (report["points"], report["motors"]["motor"]["start"], report["motors"]["motor"]["max"]) == (0, 4, 5)


def test_positions_can_be_given_to_another_walk(sim):
    walk = Walk(look)
    walk.run(bps.mv(sim.motor, 3, sim.motor1, 2.5))
    walk.next()
    carried = Carried.of(json.loads(json.dumps(walk.carried.as_json())))
    other = Walk(look, carried=carried)
    other.run(further(sim.motor))
    assert other.report()["motors"]["motor"] | {"units": None} == {
        "start": 3,
        "min": 3.0,
        "max": 4.0,
        "end": 4,
        "units": None,
    }


def test_what_follows_a_plan_that_was_cut_off_is_not_exact(sim):
    walk = Walk(look)
    walk.run(bps.input_plan("Go?"))
    walk.next()
    walk.run(bps.mv(sim.motor, 1))
    assert (walk.report()["exact"], walk.report()["ok"]) == (False, True)
    walk.next()
    walk.run(bp.count([sim.det1]))
    assert walk.report()["exact"] is True


def test_a_plan_that_is_cut_off_has_announced_its_points(sim):
    def plan(number):
        yield from bps.open_run({} if number is None else {"num_points": number})
        for _ in range(3):
            yield from bps.trigger_and_read([sim.det1])
        yield from bps.input_plan("Continue? ")

    assert [walked(plan(number))["announced"] for number in (10, 2, None)] == [10, 3, None]
    assert walked(bp.count([sim.det1], num=5))["announced"] is None, "no run is open"
