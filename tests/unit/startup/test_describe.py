import ast
import dataclasses
import enum
import functools
import logging
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import annotated_types
import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.protocols
import msgspec
import ophyd
import ophyd_async.core
import ophyd_async.sim
import pydantic
import pytest
from bluesky.protocols import Checkable, Flyable, Movable, NamedMovable, Readable, Stageable
from ophyd.sim import motor1

from bluesky_qs.plans.catalog import Catalog
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.startup import header
from bluesky_qs.startup.decorator import parameter_annotation_decorator
from bluesky_qs.startup.describe import CannotDescribe, describe, place_of


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Gain(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Unheard:
    pass


def described(plan, names=None):
    return {parameter["name"]: parameter for parameter in describe("plan", plan, names).as_dict()["parameters"]}


def type_of(annotation):
    def plan(x): ...

    plan.__annotations__["x"] = annotation
    return described(plan)["x"].get("annotation", {}).get("type")


def test_description_has_the_keys_that_carry_something():
    def plan(a, /, b: int = 5, *args, c=None, **kwargs):
        """A plan.

        Parameters
        ----------
        b : int
            A number.
        """
        yield from ()

    assert describe("measure", plan).as_dict() == {
        "name": "measure",
        "module": __name__,
        "description": "A plan.",
        "parameters": [
            {"name": "a", "kind": {"name": "POSITIONAL_ONLY", "value": 0}},
            {
                "name": "b",
                "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1},
                "default": "5",
                "description": "A number.",
                "annotation": {"type": "int"},
            },
            {"name": "args", "kind": {"name": "VAR_POSITIONAL", "value": 2}},
            {"name": "c", "kind": {"name": "KEYWORD_ONLY", "value": 3}, "default": "None"},
            {"name": "kwargs", "kind": {"name": "VAR_KEYWORD", "value": 4}},
        ],
        "properties": {"is_generator": True},
    }


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (None, "None"),
        (list, "list"),
        (typing.Any, "typing.Any"),
        (list[int], "list[int]"),
        (typing.List[str], "typing.List[str]"),  # noqa: UP006 - as many profiles write it
        (Sequence[Readable], "collections.abc.Sequence[__READABLE__]"),
        (typing.Sequence[Movable], "typing.Sequence[__MOVABLE__]"),
        (Movable[float], "__MOVABLE__"),
        (NamedMovable, "__MOVABLE__"),
        (Flyable, "__FLYABLE__"),
        (Stageable | Checkable, "__DEVICE__"),
        (int | None, "int | None"),
        (None | float, "None | float"),
        (int | str | None, "int | str | None"),
        (list[float | None], "list[float | None]"),
        (Movable | typing.Any, "__MOVABLE__ | typing.Any"),
        (Mode | None, "Mode | None"),
        (Iterable | bool, "collections.abc.Iterable[typing.Any] | bool"),
        (tuple[()], "tuple[()]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (dict[str, typing.Any], "dict[str, typing.Any]"),
        (typing.Literal["a", 1], "typing.Literal['a', 1]"),
        (typing.Annotated[int, "steps"], "int"),
        (typing.NewType("Seconds", float), "float"),
        (Callable, "__CALLABLE__"),
        (Callable[[int], str] | None, "__CALLABLE__ | None"),
        (Iterable, "collections.abc.Iterable[typing.Any]"),
        ("int | None", "int | None"),
        ("typing.List[__READABLE__]", "typing.List[__READABLE__]"),
        ("Sequence['Movable']", "collections.abc.Sequence[__MOVABLE__]"),
    ],
)
def test_types_are_described_as_text(annotation, text):
    assert type_of(annotation) == text


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there Optional and Union are the same as X | Y")
@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (typing.Optional[float], "typing.Optional[float]"),  # noqa: UP045
        (typing.Union[None, float], "typing.Optional[float]"),
        (typing.Union[int, str], "typing.Union[int, str]"),
        (typing.Union[None, int, str], "typing.Union[NoneType, int, str]"),
        (typing.Optional[list[int | str]], "typing.Optional[list[int | str]]"),  # noqa: UP045
        ("typing.Optional[float]", "typing.Optional[float]"),
    ],
)
def test_optional_and_union_stay_as_they_are_written(annotation, text):
    assert type_of(annotation) == text


@pytest.mark.parametrize(
    ("plan", "parameter", "text"),
    [
        (bp.count, "num", "int | None"),
        (bp.count, "delay", "float | collections.abc.Iterable[float]"),
        (bp.grid_scan, "snake_axes", "collections.abc.Iterable[typing.Any] | bool | None"),
        (bps.mv, "args", "__MOVABLE__ | typing.Any"),
        (bps.mv, "timeout", "float | None"),
    ],
)
def test_plans_of_bluesky_have_the_types_that_clients_know_from_the_community_service(plan, parameter, text):
    assert described(plan)[parameter]["annotation"]["type"] == text


@pytest.mark.parametrize(
    "annotation", [Unheard, list[Unheard], Unheard | None, "NoSuchName", "1 +", typing.TypeVar("T")]
)
def test_type_without_words_is_as_if_absent(annotation):
    assert type_of(annotation) is None


def test_type_without_words_is_warned_about_once(caplog, monkeypatch):
    monkeypatch.setattr(header, "_warned", set())
    with caplog.at_level(logging.WARNING):
        type_of(Unheard)
        type_of(Unheard)
    assert [record.getMessage().count("Unheard") for record in caplog.records] == [1]


class Odd(enum.Enum):
    ONE = "one"
    PAIR = (1, 2)


class Rate(enum.Enum):
    SLOW = 0.5
    FAST = 2
    QUICK = FAST


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@pytest.mark.parametrize(
    ("default", "names", "text"),
    [
        (Odd.PAIR, ["ONE", "PAIR"], "'PAIR'"),
        (Rate.FAST, ["SLOW", "FAST", "QUICK", "0.5", "2"], "'FAST'"),
        (Access.WRITE, ["READ", "WRITE", "1", "2"], "'WRITE'"),
        (Access.READ | Access.WRITE, ["READ", "WRITE", "1", "2"], "..."),
        (Mode.SLOW, ["fast", "slow", "FAST", "SLOW"], "'slow'"),
    ],
)
def test_enums_are_listed_by_names_and_by_values_that_are_strings_or_numbers(default, names, text):
    def plan(x: type(default) = default): ...

    parameter = described(plan)["x"]
    assert list(parameter["annotation"]["enums"].values()) == [names]
    assert parameter["default"] == text


def test_enums_are_listed_by_their_values_or_names():
    def plan(mode: Mode, gain: list[Gain]): ...

    parameters = described(plan)
    assert parameters["mode"]["annotation"] == {"type": "Mode", "enums": {"Mode": ["fast", "slow", "FAST", "SLOW"]}}
    assert parameters["gain"]["annotation"] == {
        "type": "list[Gain]",
        "enums": {"Gain": ["LOW", "HIGH", "1", "2"]},
    }


def test_defaults_are_described_by_repr_name_or_dots():
    det = Unheard()

    def plan(a="x", b=(1, 2.5), c=det, d=[det], e=Unheard(), f={"k": Unheard()}, g=Mode.FAST, h=Gain.HIGH): ...  # noqa: B006, B008

    defaults = {name: parameter["default"] for name, parameter in described(plan, {id(det): "det1"}).items()}
    assert defaults == {
        "a": "'x'",
        "b": "(1, 2.5)",
        "c": "'det1'",
        "d": "['det1']",
        "e": "...",
        "f": "...",
        "g": "'fast'",
        "h": "'HIGH'",
    }


def test_subdevice_as_default_is_described_by_its_dotted_name():
    def plan(signal=motor1.velocity): ...

    assert described(plan, {id(motor1): "m1"})["signal"]["default"] == "'m1.velocity'"


def test_names_are_converted_where_the_type_asks_for_them():
    def plan(dets: list[Readable], name: str, f: Callable | None = None): ...

    parameters = described(plan)
    assert parameters["dets"]["convert_device_names"] is True
    assert "convert_device_names" not in parameters["name"]
    assert parameters["f"]["eval_expressions"] is True


def test_decorator_overrides_header_and_docstring():
    @parameter_annotation_decorator(
        {
            "description": "Other words.",
            "parameters": {
                "x": {
                    "description": "Another x.",
                    "annotation": "typing.List[Dets]",
                    "devices": {"Dets": ("det1", ":^m")},
                    "default": ["det1"],
                    "min": 0,
                    "step": 0.5,
                }
            },
        }
    )
    def plan(x: Unheard = None, y: int = 1):
        """Words.

        Parameters
        ----------
        x : Unheard
            An x.
        """

    description = describe("plan", plan).as_dict()
    assert description["description"] == "Other words."
    assert description["parameters"][0] == {
        "name": "x",
        "kind": {"name": "POSITIONAL_OR_KEYWORD", "value": 1},
        "default": "['det1']",
        "description": "Another x.",
        "annotation": {"type": "typing.List[Dets]", "devices": {"Dets": ["det1", ":^m"]}},
        "min": "0",
        "step": "0.5",
    }


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ({"parameters": {"z": {}}}, "no parameter 'z'"),
        ({"parameters": {"x": {"default": 5}}}, "'x' has a default here but not in the plan's header"),
    ],
)
def test_decorator_that_contradicts_the_header_is_refused(annotation, words):
    @parameter_annotation_decorator(annotation)
    def plan(x): ...

    with pytest.raises(CannotDescribe, match=words):
        describe("plan", plan)


def test_attribute_of_the_other_package_is_honoured_and_checked():
    def plan(x): ...

    plan._custom_parameter_annotation_ = {"parameters": {"x": {"annotation": "str"}}}
    assert described(plan)["x"]["annotation"] == {"type": "str"}
    plan._custom_parameter_annotation_ = {"parameters": {"x": {"annotation": "Nonsense"}}}
    with pytest.raises(CannotDescribe, match="Nonsense"):
        describe("plan", plan)


def test_place_is_that_of_the_wrapped_function():
    def plan(): ...

    @functools.wraps(plan)
    def wrapper(): ...

    line = plan.__code__.co_firstlineno
    assert place_of(wrapper) == (__file__, line)
    assert place_of(functools.partial(plan)) == (__file__, line)
    assert place_of(print) == ("", 0)


@pytest.mark.parametrize("module", [bp, bps])
def test_all_plans_of_bluesky_are_described_and_can_be_checked(module):
    plans = {
        name: describe(name, plan).as_dict()
        for name, plan in vars(module).items()
        if callable(plan) and getattr(plan, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    permissions = PermissionRules.from_dict({"user_groups": {"root": {"allowed_plans": [None]}}})
    catalog = Catalog(plans, {}, permissions)
    assert len(plans) > 20
    for name in plans:
        catalog.signature(name, "root")


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("count", [["det1"]], {"num": 5, "delay": 1.5, "md": {"a": 1}}),
        ("count", [["det1"]], {"num": None, "delay": [1, 2], "per_shot": "one_shot"}),
        ("scan", [["det1"], "motor", -1, 1, 10], {}),
        ("scan", [["det1"], "motor", -1, 1], {"num": 10}),
        ("list_scan", [["det1"], "motor1", [1, 2], "motor2", [3, 4]], {}),
        ("grid_scan", [["det1"], "motor1", 0, 1, 3, "motor2", 0, 1, 3], {"snake_axes": True}),
        ("log_scan", [["det1"], "motor", 1, 2, 5], {}),
    ],
)
def test_plans_of_bluesky_take_the_arguments_that_users_give(name, args, kwargs):
    plans = {name: describe(name, getattr(bp, name)).as_dict()}
    catalog = Catalog(plans, {}, PermissionRules.from_dict({"user_groups": {"root": {"allowed_plans": [None]}}}))
    catalog.check({"name": name, "args": args, "kwargs": kwargs}, "root")


def test_docstring_that_is_no_text_is_none():
    def plan(x): ...

    plan.__doc__ = 5
    assert "description" not in describe("plan", plan).as_dict()


Tree = typing.Union[tuple["Tree", ...], dict[int, "Tree"], float]


class Raises:
    """An object, not even a class, whose attributes raise."""

    def __getattribute__(self, name):
        raise RuntimeError("no connection")


class RaisingMeta(type):
    def __getattribute__(cls, name):
        raise OSError(f"no {name}")


class RaisingType(metaclass=RaisingMeta):
    pass


# By name, because pytest would read the attributes of the types.
UNREADABLE = {
    "alias": (Tree, "refers to itself"),
    "alias as text": ("list[Tree]", "refers to itself"),
    "inside": (list[Raises()], "cannot be read: RuntimeError: no connection"),
    "object": (Raises(), "cannot be read: RuntimeError: no connection"),
    "class": (list[RaisingType], "cannot be read: OSError: no "),
    "number": (3, "is unknown: 3"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_type_that_cannot_be_read_costs_a_warning_and_the_check(case, caplog):
    hint, reason = UNREADABLE[case]

    def plan(x, y: int = 1):
        yield from ()

    plan.__annotations__["x"] = hint
    header._warned.clear()
    for _ in range(2):
        found = described(plan)
        assert "annotation" not in found["x"]
        assert found["y"]["annotation"] == {"type": "int"}
    (record,) = caplog.records
    assert f"Parameter 'x' of plan plan is not checked, because its type {reason}" in record.getMessage()
    assert header.enums_of(plan) == {}


class Stage(ophyd.Device):
    pass


class Slits(Movable, typing.Protocol):
    pass


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (ophyd.EpicsMotor, "__MOVABLE__"),
        (ophyd.EpicsSignal, "__MOVABLE__"),
        (ophyd.EpicsSignalRO, "__READABLE__"),
        # Read-only signals are signals, too.
        (ophyd.Signal, "__READABLE__"),
        (ophyd.Device, "__READABLE__"),
        (list[Stage], "list[__READABLE__]"),
        (ophyd.EpicsMotor | ophyd.PVPositioner | None, "__MOVABLE__ | None"),
        (ophyd_async.sim.SimMotor, "__MOVABLE__"),
        (ophyd_async.core.StandardReadable, "__READABLE__"),
        (ophyd_async.core.Device, "__DEVICE__"),
        (ophyd_async.core.DeviceVector[ophyd_async.sim.SimMotor], "__DEVICE__"),
        (ophyd_async.core.SignalRW[float], "__MOVABLE__"),
        (ophyd_async.core.SignalR[float], "__READABLE__"),
        (Slits, "__MOVABLE__"),
        (Unheard, None),
    ],
)
def test_device_classes_as_types_mean_names_of_devices(hint, expected):
    assert type_of(hint) == expected


#: Protocols of bluesky that say nothing of devices.
NOT_OF_DEVICES = {"Status", "Callback"}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in vars(bluesky.protocols).items()
        if getattr(value, "_is_protocol", False) and value.__module__ == "bluesky.protocols"
    ],
)
def test_each_protocol_of_bluesky_for_devices_is_known(name):
    known = type_of(list[getattr(bluesky.protocols, name)])
    assert (known is None) == (name in NOT_OF_DEVICES)


def test_a_device_that_may_be_of_several_protocols_is_checked():
    # As the acquisition plan of blop and bluesky-adaptive has it.
    hint = Sequence[Readable | bluesky.protocols.EventCollectable | bluesky.protocols.EventPageCollectable] | None
    assert type_of(hint) == "collections.abc.Sequence[__READABLE__ | __DEVICE__] | None"


Number = typing.TypeVar("Number", int, float)
Axis = typing.TypeVar("Axis", bound=Movable)


@dataclasses.dataclass
class Region:
    start: float


class Settings(pydantic.BaseModel):
    gain: int


class Shot(msgspec.Struct):
    detectors: list[Readable]


class Point(msgspec.Struct, array_like=True):
    x: float


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Number, "typing.Union[int, float]"),
        (list[Axis], "list[__MOVABLE__]"),
        (Path, "str"),
        (Path | None, "str | None"),
        (Region, "dict"),
        (list[Settings], "list[dict]"),
        (Shot | None, "dict | None"),
        (list[Point], "list[list]"),
        (typing.Literal[Gain.LOW, Mode.SLOW, 7], "typing.Literal['LOW', 1, 'slow', 7]"),
        (typing.Annotated[int, pydantic.Field(ge=1)], "int"),
    ],
)
def test_types_as_beamlines_write_them(hint, expected):
    assert type_of(hint) == expected


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (typing.Annotated[int, pydantic.Field(ge=1, le=10, description="Points.")], {"min": "1", "max": "10"}),
        (typing.Annotated[int, annotated_types.Gt(0), annotated_types.Lt(5)], {"min": "1", "max": "4"}),
        (list[typing.Annotated[float, pydantic.Field(ge=0.5)]], {"min": "0.5"}),
        (pydantic.PositiveInt | None, {"min": "1"}),
        (typing.Annotated[float, msgspec.Meta(le=2.5, description="Points.")], {"max": "2.5"}),
        (typing.Annotated[str, "a remark"], {}),
        (tuple[pydantic.PositiveInt, pydantic.NegativeInt], {}),
    ],
)
def test_limits_and_descriptions_of_annotated_types(hint, expected):
    def plan(x): ...

    plan.__annotations__["x"] = hint
    found = described(plan)["x"]
    assert {key: found[key] for key in ("min", "max") if key in found} == expected
    assert found.get("description", "") == ("Points." if "Points." in repr(hint) else "")


def test_docstring_and_decorator_come_before_annotated_types():
    @parameter_annotation_decorator({"parameters": {"x": {"max": 3}}})
    def plan(x: typing.Annotated[float, pydantic.Field(ge=1, le=9, description="From the type.")]):
        """Plan.

        Parameters
        ----------
        x : float
            From the docstring.
        """

    found = described(plan)["x"]
    assert (found["min"], found["max"], found["description"]) == ("1", "3", "From the docstring.")


def test_defaults_that_are_not_finite_are_text_that_every_reader_of_the_lists_can_read():
    def limits(low=float("nan"), high=float("inf"), both=(1.5, -float("inf"))):
        yield from ()

    texts = [parameter["default"] for parameter in described(limits).values()]
    assert texts == ["'nan'", "'inf'", "(1.5, '-inf')"]
    assert [ast.literal_eval(text) for text in texts] == ["nan", "inf", (1.5, "-inf")]
