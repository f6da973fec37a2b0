"""Devices of a kind that a parameter is not for are objected to before anything is sent."""

import pytest
from IPython.core.error import UsageError

MOVE = {
    "name": "move",
    "parameters": [
        {"name": "motor", "kind": {"name": "POSITIONAL_OR_KEYWORD"}, "annotation": {"type": "__MOVABLE__"}},
        {"name": "others", "kind": {"name": "VAR_POSITIONAL"}, "annotation": {"type": "typing.Any"}},
        {
            "name": "along",
            "kind": {"name": "KEYWORD_ONLY"},
            "annotation": {"type": "typing.Optional[collections.abc.Sequence[__MOVABLE__]]"},
        },
    ],
}
DEVICES = {
    "det1": {"is_readable": True, "is_movable": False},
    "motor": {"is_readable": True, "is_movable": True, "components": {"limit": {"is_movable": False}}},
    "untold": {},
}


@pytest.fixture(autouse=True)
def lists(fake):
    fake.answers["plans_allowed"] = {"plans_allowed": {"move": MOVE}, "plans_allowed_uid": "p1"}
    fake.answers["devices_allowed"] = {"devices_allowed": DEVICES, "devices_allowed_uid": "d1"}


@pytest.mark.parametrize(
    ("call", "name", "parameter"),
    [
        ("move(det1)", "det1", "motor"),
        ("move(motor=det1)", "det1", "motor"),
        ("move(motor.limit)", "motor.limit", "motor"),
        ("RE(move(motor, along=[motor, det1]))", "det1", "along"),
    ],
)
@pytest.mark.parametrize("word", ["add", "run", "check"])
def test_a_device_that_cannot_be_moved_is_no_motor(qs, fake, word, call, name, parameter):
    with pytest.raises(UsageError) as caught:
        qs(f"{word} {call}")
    said, line, caret = str(caught.value).splitlines()
    assert said == f"{name} cannot be moved, as {parameter!r} of move has to be"
    assert line[caret.index("^") :].startswith(name)
    assert not {name for name, _ in fake.requests} & {"queue_item_add", "queue_item_execute", "item_check"}


@pytest.mark.parametrize(
    "call",
    ["move(motor)", "move(motor, det1)", "move(untold)", "move('det1')", "move(*[det1])", "move(motor, along=[motor])"],
)
def test_what_fits_or_is_not_known_is_left_to_the_service(qs, fake, call):
    qs(f"check {call}")
    assert fake.asked("item_check")
