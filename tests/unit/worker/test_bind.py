import dataclasses
import enum
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bluesky.plans as bp
import msgspec
import pydantic
import pytest
from bluesky.protocols import Movable, Readable
from ophyd import Component, Device, Signal
from ophyd.sim import SynAxis
from ophyd_async.core import DeviceVector, soft_signal_rw

from bluesky_qs.errors import InvalidPlan, NotFound, NotPermitted
from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup.collect import collect
from bluesky_qs.startup.decorator import parameter_annotation_decorator
from bluesky_qs.worker.bind import bind_function, bind_plan


class Stage(Device):
    x = Component(SynAxis)
    late = Component(Signal, lazy=True)


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Gain(enum.IntEnum):
    LOW = 1


det1, det2, secret = (Signal(name=name) for name in ("det1", "det2", "secret"))
stage = Stage(name="stage")


def free(*args, **kwargs):
    yield from ()


def typed(
    a: str = "", b: list[Readable] | None = None, c: tuple[str, float] = ("", 1), d: Mode = Mode.FAST, e: Gain = 1
):
    yield from ()


def calls(f: Callable | None = None):
    yield from ()


@parameter_annotation_decorator(
    {
        "parameters": {
            "names": {"annotation": "typing.List[str]", "convert_device_names": True},
            "some": {"annotation": "typing.Union[str, Some]", "devices": {"Some": ["det1"]}},
            "never": {"convert_device_names": False, "convert_plan_names": False},
            "number": {"eval_expressions": True, "max": 10},
            "device": {"default": "secret"},
            "same": {"default": "det1"},
        }
    }
)
def decorated(names=(), some="", never=None, number=0, device=det1, same=det1):
    yield from ()


def helper(x):
    return x


NAMESPACE = {
    "det1": det1,
    "det2": det2,
    "secret": secret,
    "stage": stage,
    "free": free,
    "typed": typed,
    "calls": calls,
    "decorated": decorated,
    "helper": helper,
    "number": 5,
    "_private": helper,
}
PERMISSIONS = PermissionRules.from_dict(
    {
        "user_groups": {
            "root": {"allowed_plans": [None], "allowed_devices": [None], "allowed_functions": [None]},
            "primary": {
                "allowed_plans": [":.*"],
                "allowed_devices": [":?.*"],
                "forbidden_devices": ["secret"],
                "allowed_functions": ["helper", "missing", "number"],
            },
        }
    }
)


@pytest.fixture(scope="module")
def catalog():
    found = collect(NAMESPACE)
    return Catalog(found.plans, found.devices, PERMISSIONS)


@pytest.fixture
def bind(catalog):
    def bound(name, *args, **kwargs):
        return bind_plan({"name": name, "args": list(args), "kwargs": kwargs}, "primary", catalog, NAMESPACE)

    return bound


def test_names_in_parameters_without_annotation_become_objects(bind):
    bound = bind("free", "det1", ["det2", {"k": "stage.x", "det1": ("free",)}], other="stage.x.velocity")
    assert bound.plan is free
    assert bound.args == [det1, [det2, {"k": stage.x, "det1": (free,)}]]
    assert bound.kwargs == {"other": stage.x.velocity}


def test_other_strings_and_forbidden_names_stay_strings(bind):
    assert bind("free", "no_such", "secret", "stage.none", "det1 ").args == ["no_such", "secret", "stage.none", "det1 "]


def test_lazy_subdevice_is_made_when_it_is_named(bind):
    assert "late" not in stage._signals
    assert bind("free", "stage.late").args == [stage.late]


def test_annotated_parameters_convert_where_the_type_has_names(bind):
    bound = bind("typed", "det1", ["det1", "det2"], ["det1", 5])
    assert bound.args == ["det1", [det1, det2], ("det1", 5)]


@pytest.mark.parametrize("plan", [bp.list_scan, bp.rel_list_scan, bp.list_grid_scan, bp.rel_list_grid_scan])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 30])
def test_plans_of_bluesky_get_each_of_their_points(plan, size):
    names = {"det1": det1, "motor": SynAxis(name="motor"), "plan": plan}
    found = collect(names)
    item = {"name": "plan", "args": [["det1"], "motor", list(range(size)), "motor", [0.5] * size]}
    bound = bind_plan(item, "primary", Catalog(found.plans, found.devices, PERMISSIONS), names)
    assert bound.args == [[det1], names["motor"], list(range(size)), names["motor"], [0.5] * size]


@pytest.mark.parametrize("text", ["slow", "SLOW", "Mode.SLOW"])
def test_enum_members_may_be_given_by_value_or_name(bind, text):
    assert bind("typed", d=text, e="LOW").kwargs == {"d": Mode.SLOW, "e": Gain.LOW}


def test_flags_of_the_decorator_decide(bind):
    bound = bind("decorated", ["det1", "x"], "det1", ["det1", "free"], "2 * 3")
    assert bound.args == [[det1, "x"], det1, ["det1", "free"], 6]
    assert bind("decorated", some="det2").kwargs["some"] == "det2"


def test_value_is_checked_after_its_expressions_are_evaluated(bind):
    with pytest.raises(InvalidPlan, match="20 is greater than the maximum 10"):
        bind("decorated", number="2 * 10")


def test_default_of_the_decorator_is_passed_where_it_differs_from_the_header(bind):
    assert bind("decorated").kwargs == {"device": secret}
    assert bind("decorated", device="det2").kwargs == {"device": det2}


def test_callables_are_found_by_dotted_name(bind):
    assert bind("calls", "helper").args == [helper]
    assert bind("calls", "stage.x.set").args == [stage.x.set]
    assert bind("calls", None).args == [None]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "'missing' is not found in the worker namespace"),
        ("helpr", "parameter 'f': 'helpr' is not found in the worker namespace .*did you mean 'helper'"),
        ("stage.missing", "'stage.missing' is not found"),
        ("number", "'number' is not a function"),
        ("_private", "not the name of a function"),
        ("helper.__globals__.get", "not the name of a function"),
        ("helper()", "not the name of a function"),
    ],
)
def test_callables_that_are_none_are_refused(bind, name, words):
    with pytest.raises(InvalidPlan, match=words.replace("(", r"\(")):
        bind("calls", name)


def test_metadata_is_merged_and_earlier_objects_win(catalog):
    item = {"name": "free", "meta": [{"a": 1}, {"a": 2, "b": 3}]}
    assert bind_plan(item, "primary", catalog, NAMESPACE).metadata == {"a": 1, "b": 3}
    assert bind_plan({"name": "free", "meta": {"a": 1}}, "primary", catalog, NAMESPACE).metadata == {"a": 1}
    assert bind_plan({"name": "free"}, "primary", catalog, NAMESPACE).metadata == {}


def test_item_is_not_changed_by_binding(catalog):
    item = {"name": "free", "args": [["det1"]], "kwargs": {"k": {"a": "det2"}}, "meta": [{"a": 1}]}
    before = repr(item)
    bind_plan(item, "primary", catalog, NAMESPACE)
    assert repr(item) == before


def test_invalid_plan_is_refused_before_anything_is_looked_up(bind):
    with pytest.raises(InvalidPlan, match="Plan 'nothing' is not in the list of allowed plans"):
        bind("nothing")


def test_plan_that_has_left_the_namespace_is_named(catalog):
    with pytest.raises(InvalidPlan, match="Plan 'free' is not found in the worker namespace"):
        bind_plan({"name": "free"}, "primary", catalog, {})


def test_device_that_has_left_the_namespace_is_named(catalog):
    with pytest.raises(InvalidPlan, match="Device 'det1' is not found in the worker namespace"):
        bind_plan({"name": "free", "args": ["det1"]}, "primary", catalog, {"free": free})


def test_function_gets_its_arguments_as_they_are(catalog):
    item = {"name": "helper", "args": ["det1"], "kwargs": {"x": 1}}
    assert bind_function(item, "primary", catalog, NAMESPACE) == (helper, ["det1"], {"x": 1})


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        ({"name": "free"}, NotPermitted, "Function 'free' is not allowed"),
        ({"name": "missing"}, NotFound, "Function 'missing' is not found in the worker namespace"),
        ({"name": "number"}, NotFound, "Function 'number' is not found in the worker namespace"),
        ({}, InvalidPlan, "Function name is not specified"),
        ({"name": "helper", "args": 1}, InvalidPlan, "'args' must be a list"),
        ({"name": "helper", "kwargs": 1}, InvalidPlan, "'kwargs' must be an object"),
    ],
)
def test_function_that_cannot_be_called_is_refused(catalog, item, error, words):
    with pytest.raises(error, match=words):
        bind_function(item, "primary", catalog, NAMESPACE)


def test_an_unknown_name_is_an_error_before_the_plan_begins(bind):
    with pytest.raises(
        InvalidPlan, match=r"parameter 'b'\[1\]: 'dett1' is not the name of a device .*did you mean 'det1'"
    ):
        bind("typed", b=["det2", "dett1"])


@parameter_annotation_decorator(
    {
        "parameters": {
            "by_role": {"annotation": "dict[str, __READABLE__]"},
            "motor": {"annotation": "typing.Literal['none'] | __MOVABLE__"},
        }
    }
)
def nested(by_role=None, motor="none"):
    yield from ()


def test_an_unknown_name_is_an_error_at_any_depth():
    namespace = {**NAMESPACE, "nested": nested}
    found = collect(namespace)
    everything = {"allowed_plans": [None], "allowed_devices": [None]}
    permissions = PermissionRules.from_dict({"user_groups": {"root": everything, "primary": everything}})
    catalog = Catalog(found.plans, found.devices, permissions)

    def bound(**kwargs):
        return bind_plan({"name": "nested", "kwargs": kwargs}, "primary", catalog, namespace)

    assert bound(by_role={"dett1": "det1"}, motor="none").kwargs == {"by_role": {"dett1": det1}, "motor": "none"}
    # A device of another kind is up to the plan.
    assert bound(motor="det1").kwargs == {"motor": det1}
    with pytest.raises(InvalidPlan, match=r"parameter 'by_role'\['x'\]: 'dett1' is not the name of a device"):
        bound(by_role={"x": "dett1"})
    with pytest.raises(InvalidPlan, match=r"parameter 'motor': 'nome' is not the name of a device"):
        bound(motor="nome")


def test_plan_where_a_device_is_wanted_is_not_offered_again(bind):
    with pytest.raises(InvalidPlan) as refused:
        bind("typed", b=["free"])
    assert str(refused.value) == (
        "Plan validation failed: parameter 'b'[0]: 'free' is not the name of a device that you may use"
    )


def test_elements_of_a_vector_are_found_by_index():
    vector = DeviceVector({1: soft_signal_rw(float), 2: soft_signal_rw(float)})
    namespace = {"vector": vector, "free": free}
    found = collect(namespace)
    catalog = Catalog(found.plans, found.devices, PERMISSIONS)
    item = {"name": "free", "args": ["vector.2", "vector.3", "vector"]}
    assert bind_plan(item, "primary", catalog, namespace).args == [vector[2], "vector.3", vector]


def places(
    a: Any = None,
    l: list = (),  # noqa: E741
    la: list[Any] = (),
    i: Iterable | bool | None = None,
    o: object = None,
    m: Movable | Any = None,
    t: tuple = (),
    s: Sequence[object] = (),
    da: dict[str, Any] | None = None,
    n: list[list] = (),
    st: set[Any] = (),
):
    yield from ()


def texts(
    md: dict[str, Any] | None = None,
    d: dict | None = None,
    ds: dict[str, str] | None = None,
    ld: list[dict] = (),
    s: str = "",
    ls: list[str] = (),
    u: str | list[int] = "",
    k: dict[Any, int] | None = None,
):
    yield from ()


def untyped_metadata(md=None, *, other=None):
    yield from ()


def any_metadata(md: Any = None):
    yield from ()


@parameter_annotation_decorator({"parameters": {"md": {"convert_device_names": True}, "kept": {"annotation": "list"}}})
def as_the_author_says(md=None, kept=()):
    yield from ()


@parameter_annotation_decorator({"parameters": {"x": {"annotation": "list", "convert_device_names": False}}})
def texts_in_a_list(x=()):
    yield from ()


@pytest.fixture(scope="module")
def bind_anywhere():
    plans = [places, texts, untyped_metadata, any_metadata, as_the_author_says, texts_in_a_list, free]
    namespace = {"det1": det1, "det2": det2, "secret": secret, **{plan.__name__: plan for plan in plans}}
    found = collect(namespace)
    catalog = Catalog(found.plans, found.devices, PERMISSIONS)

    def bound(name, **kwargs):
        return bind_plan({"name": name, "kwargs": kwargs}, "primary", catalog, namespace).kwargs

    return bound


@pytest.mark.parametrize(
    ("parameter", "given", "expected"),
    [
        ("a", "det1", det1),
        ("a", {"det1": ["det1", "remark"]}, {"det1": [det1, "remark"]}),
        ("a", "secret", "secret"),
        ("l", ["det1", 5, "free"], [det1, 5, free]),
        ("la", ["det1", "remark"], [det1, "remark"]),
        ("i", ["det2"], [det2]),
        ("i", True, True),
        ("o", ["det1"], [det1]),
        ("m", "det1", det1),
        ("m", "remark", "remark"),
        ("m", ["det1"], [det1]),
        ("t", ["det1", 1], (det1, 1)),
        ("s", ["det1"], [det1]),
        ("da", {"det1": "det1"}, {"det1": det1}),
        ("n", [["det1"], [1]], [[det1], [1]]),
        ("st", ["det1", "remark"], {det1, "remark"}),
    ],
)
def test_where_anything_fits_names_become_objects_as_without_a_type(bind_anywhere, parameter, given, expected):
    assert bind_anywhere("places", **{parameter: given}) == {parameter: expected}


@pytest.mark.parametrize(
    "given",
    [
        {"md": {"sample": "det1", "more": ["det1"]}},
        {"d": {"a": "det1"}},
        {"ds": {"a": "det1"}},
        {"ld": [{"a": "det1"}]},
        {"s": "det1"},
        {"ls": ["det1"]},
        {"u": "det1"},
        {"k": {"det1": 1}},
    ],
)
def test_metadata_bare_dictionaries_and_texts_stay_texts(bind_anywhere, given):
    assert bind_anywhere("texts", **given) == given


def test_metadata_stays_text_unless_the_decorator_changes_that(bind_anywhere):
    metadata = {"sample": "det1"}
    assert bind_anywhere("untyped_metadata", md=metadata, other=metadata) == {"md": metadata, "other": {"sample": det1}}
    assert bind_anywhere("any_metadata", md=metadata) == {"md": metadata}
    assert bind_anywhere("as_the_author_says", md=metadata, kept=["det1"]) == {"md": {"sample": det1}, "kept": [det1]}
    assert bind_anywhere("texts_in_a_list", x=["det1"]) == {"x": ["det1"]}


def by_device(moves: Mapping[Movable, Any], limits: dict[Movable | str, float] | None = None):
    yield from ()


def one(device: Readable | None = None, value: Movable | Any = None, untyped=None):
    yield from ()


class Camera(Device):
    cam = Component(Stage)
    text = "no device"

    @property
    def broken(self):
        raise AttributeError("not connected")


camera = Camera(name="camera")


@pytest.fixture(scope="module")
def bind_unlisted():
    """Bind a plan where the lists are two levels deep; `few` may use the camera and its part ``cam.x`` only."""
    namespace = {"stage": stage, "camera": camera, "by_device": by_device, "one": one, "free": free}
    found = collect(namespace, device_max_depth=2)
    few = {"allowed_plans": [None], "allowed_devices": ["camera", "camera.cam.x"]}
    groups = {"root": {"allowed_plans": [None], "allowed_devices": [None]}, "few": few}
    permissions = PermissionRules.from_dict(
        {"user_groups": groups | {"primary": PERMISSIONS.as_dict()["user_groups"]["primary"]}}
    )
    catalog = Catalog(found.plans, found.devices, permissions)

    def bound(name, group="primary", **kwargs):
        return bind_plan({"name": name, "kwargs": kwargs}, group, catalog, namespace).kwargs

    return bound


def test_keys_of_dictionaries_become_devices(bind_unlisted):
    assert bind_unlisted("by_device", moves={"stage.x": 1.0, "camera.cam.x": [2]}) == {
        "moves": {stage.x: 1.0, camera.cam.x: [2]}
    }
    assert bind_unlisted("by_device", moves={}, limits={"stage.x": 1, "remark": 2})["limits"] == {
        stage.x: 1,
        "remark": 2,
    }
    with pytest.raises(InvalidPlan, match="'nosuch' is not the name of a device"):
        bind_unlisted("by_device", moves={"nosuch": 1.0})


@pytest.mark.parametrize("parameter", ["device", "value", "untyped"])
def test_devices_below_the_lists_are_found(bind_unlisted, parameter):
    assert bind_unlisted("one", **{parameter: "camera.cam.x"}) == {parameter: camera.cam.x}
    assert bind_unlisted("one", "few", **{parameter: "camera.cam.x"}) == {parameter: camera.cam.x}


@pytest.mark.parametrize("name", ["camera.cam.nosuch", "camera.cam.x.name", "camera.cam._signals", "camera.cam.read"])
def test_what_is_no_device_below_the_lists_fails_the_plan_where_a_device_is_expected(bind_unlisted, name):
    for parameter in ("device", "value"):
        with pytest.raises(InvalidPlan, match="is not the name of a device"):
            bind_unlisted("one", **{parameter: name})
    assert bind_unlisted("one", untyped=name) == {"untyped": name}


def test_devices_below_the_lists_need_a_permission(bind_unlisted):
    with pytest.raises(InvalidPlan, match=r"'camera\.cam\.late' is not the name of a device that you may use"):
        bind_unlisted("one", "few", device="camera.cam.late")
    assert bind_unlisted("one", "few", untyped="camera.cam.late") == {"untyped": "camera.cam.late"}


@dataclasses.dataclass
class Region:
    start: float
    stop: float = 1.0
    file: Path | None = None


class Settings(pydantic.BaseModel):
    gain: int
    regions: list[Region] = []


class Speed(enum.Enum):
    SLOW = 0.5
    NORMAL = 1.0


@dataclasses.dataclass
class Step:
    motor: Movable
    to: float = 0.0
    also: "list[Readable] | None" = None
    mode: Mode = Mode.FAST
    note: str = ""
    anything: Any = None
    md: Any = None
    next: "Step | None" = None


class Beam(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    shutter: Readable = pydantic.Field(alias="fast_shutter")
    name: str = ""
    steps: list[Step] = []


class Shot(msgspec.Struct, rename="camel"):
    detectors: list[Readable]
    gain_now: Gain = Gain.LOW
    beam: Beam | None = None
    file: Path | None = None
    inner: "Shot | None" = None


class Point(msgspec.Struct, array_like=True):
    motor: Movable
    to: float = 0.0


File = typing.NewType("File", Path)


def builds(
    f: File | None = None,
    p: Path | None = None,
    r: Region | None = None,
    rs: list[Region] = (),
    m: Settings | None = None,
    by: dict[str, Path] | None = None,
    ps: str | Path = "",
    l: typing.Literal[Mode.FAST] | None = None,  # noqa: E741
    lg: typing.Literal[Gain.LOW] | None = None,
    g: Gain | None = None,
    gs: list[Gain] = (),
    ng: int | Speed | None = None,
    v: Speed | None = None,
    by_gain: dict[Gain, int] | None = None,
    step: Step | None = None,
    steps: dict[str, list[Step]] | None = None,
    beam: Beam | None = None,
    shot: Shot | None = None,
    points: list[Point] = (),
):
    yield from ()


axis = SynAxis(name="axis")


@pytest.fixture(scope="module")
def bind_built():
    namespace = {"builds": builds, "det1": det1, "det2": det2, "axis": axis, "secret": secret}
    found = collect(namespace)
    catalog = Catalog(found.plans, found.devices, PERMISSIONS)

    def bound(**kwargs):
        return bind_plan({"name": "builds", "kwargs": kwargs}, "primary", catalog, namespace).kwargs

    return bound


@pytest.mark.parametrize(
    ("parameter", "given", "expected"),
    [
        ("p", "/data/det1", Path("/data/det1")),
        ("p", "det1", Path("det1")),
        ("f", "/data", Path("/data")),
        ("p", None, None),
        ("r", {"start": 2, "file": "a.txt"}, Region(2, file=Path("a.txt"))),
        ("r", None, None),
        ("rs", [{"start": 1}, {"start": 2, "stop": 3}], [Region(1), Region(2, 3)]),
        ("m", {"gain": 5, "regions": [{"start": 1}]}, Settings(gain=5, regions=[Region(1)])),
        ("by", {"a": "/b"}, {"a": Path("/b")}),
        ("ps", "text", "text"),
        ("l", "fast", Mode.FAST),
        ("lg", 1, Gain.LOW),
        ("lg", "LOW", Gain.LOW),
        ("g", 1, Gain.LOW),
        ("g", 1.0, Gain.LOW),
        ("g", "1", Gain.LOW),
        ("g", "Gain.LOW", Gain.LOW),
        ("gs", [1, "LOW"], [Gain.LOW, Gain.LOW]),
        ("ng", 1, 1),
        ("ng", 0.5, Speed.SLOW),
        ("v", 1, Speed.NORMAL),
        ("v", 0.5, Speed.SLOW),
        ("v", "SLOW", Speed.SLOW),
        ("by_gain", {"1": 5}, {Gain.LOW: 5}),
        ("step", {"motor": "axis", "to": 3, "also": ["det1"], "note": "det1"}, Step(axis, 3, [det1], note="det1")),
        ("step", {"motor": "axis", "mode": "slow", "anything": "det1"}, Step(axis, mode=Mode.SLOW, anything=det1)),
        ("step", {"motor": "axis", "md": "det1", "next": {"motor": "axis"}}, Step(axis, md="det1", next=Step(axis))),
        ("steps", {"det1": [{"motor": "axis"}]}, {"det1": [Step(axis)]}),
        ("beam", {"fast_shutter": "det1", "name": "det1"}, Beam(fast_shutter=det1, name="det1")),
        (
            "beam",
            {"fast_shutter": "det1", "steps": [{"motor": "axis"}]},
            Beam(fast_shutter=det1, steps=[Step(axis)]),
        ),
        (
            "shot",
            {"detectors": ["det1", "det2"], "gainNow": 1, "file": "/det1"},
            Shot([det1, det2], Gain.LOW, file=Path("/det1")),
        ),
        (
            "shot",
            {"detectors": [], "beam": {"fast_shutter": "det1"}, "inner": {"detectors": ["det1"]}},
            Shot([], beam=Beam(fast_shutter=det1), inner=Shot([det1])),
        ),
        ("points", [["axis", 1], ["axis"]], [Point(axis, 1), Point(axis)]),
    ],
)
def test_objects_are_built_before_the_plan_begins(bind_built, parameter, given, expected):
    built = bind_built(**{parameter: given})[parameter]
    assert built == expected
    assert type(built) is type(expected)


@pytest.mark.parametrize(
    ("parameter", "given", "word"),
    [
        ("r", {}, "start"),
        ("r", {"strt": 1}, "strt"),
        ("m", {"gain": "much"}, "gain"),
        ("rs", [{"stop": 1}], "start"),
        ("g", 2, "2 is not one of 'LOW', '1'"),
        ("g", True, "True is not one of"),
        ("v", 0.25, "0.25 is not one of"),
        ("shot", {"detectors": ["det1"], "gainNow": 7}, "7"),
        ("shot", {}, "detectors"),
    ],
)
def test_an_object_that_cannot_be_built_fails_the_plan_with_its_parameter(bind_built, parameter, given, word):
    with pytest.raises(InvalidPlan, match=f"(?s)parameter '{parameter}': .*{word}"):
        bind_built(**{parameter: given})


@pytest.mark.parametrize(
    ("parameter", "given", "words"),
    [
        ("step", {"motor": "axs"}, "parameter 'step'['motor']: 'axs' is not the name of a device"),
        ("step", {"motor": 5}, "parameter 'step'['motor']: 5 is not the name of a device"),
        ("step", {"motor": "axis", "to": "far"}, "parameter 'step'['to']: 'far' is not a number"),
        ("step", {"motor": "axis", "also": ["det1", "nothing"]}, "'step'['also'][1]: 'nothing' is not the name of a"),
        ("steps", {"a": [{"motor": "axis", "next": {"motor": "b"}}]}, "'steps'['a'][0]['next']['motor']: 'b' is not"),
        ("beam", {"fast_shutter": "dett1"}, "'beam'['fast_shutter']: 'dett1' is not the name of a device"),
        ("shot", {"detectors": ["secret"]}, "'shot'['detectors'][0]: 'secret' is not the name of a device"),
        ("points", [["axis"], ["nothing"]], "'points'[1][0]: 'nothing' is not the name of a device"),
    ],
)
def test_a_wrong_value_in_a_field_fails_the_plan_with_its_place(bind_built, parameter, given, words):
    with pytest.raises(InvalidPlan) as caught:
        bind_built(**{parameter: given})
    assert words in str(caught.value)
