"""Which part of a worker's output belongs to which item."""

import pytest

from bluesky_qs.ipc.item_marks import Begin, MarkReader, Marks, OutputEnd, Printed

MARKS = Marks("secret")


def parts(*pieces):
    reader = MarkReader("secret")
    return [part for piece in pieces for part in reader.read(piece)]


def texts(found):
    """The text of each item."""
    together = {}
    for part in found:
        if isinstance(part, Printed):
            together[part.uid] = together.get(part.uid, b"") + part.data
    return together


OUTPUT = b"before\n" + MARKS.begin("one", 12.5) + b"of one\n" + MARKS.end("one") + b"between\n"


def test_output_between_two_marks_belongs_to_the_item():
    assert parts(OUTPUT) == [
        Printed(None, b"before\n"),
        Begin("one", 12.5),
        Printed("one", b"of one\n"),
        OutputEnd("one"),
        Printed(None, b"between\n"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_marks_may_arrive_in_pieces(size):
    found = parts(*(OUTPUT[at : at + size] for at in range(0, len(OUTPUT), size)))
    assert texts(found) == {None: b"before\nbetween\n", "one": b"of one\n"}
    assert [part for part in found if not isinstance(part, Printed)] == [Begin("one", 12.5), OutputEnd("one")]


def test_background_task_is_told_apart_from_the_plan_around_it():
    aside = b"".join(MARKS.aside("task", "of the task\n"))
    begun = MARKS.begin("plan", 1) + MARKS.aside_begin("task", 2)
    found = parts(begun + b"of the " + aside + b"plan\n" + MARKS.aside_end("task") + MARKS.end("plan"))
    assert texts(found) == {"plan": b"of the plan\n", "task": b"of the task\n"}
    assert [part.uid for part in found if isinstance(part, OutputEnd)] == ["task", "plan"]


def test_long_text_of_a_background_task_is_in_pieces_that_a_pipe_takes_whole():
    text = "".join(f"line {number} µ\n" for number in range(2000)) + "µ" * 5000
    pieces = MARKS.aside("task", text)
    assert max(map(len, pieces)) <= 4096
    assert texts(parts(*pieces)) == {"task": text.encode()}
    assert all(part.data.decode() for part in parts(*pieces))


@pytest.mark.parametrize(
    "data", [b"\x1e", b"a\x1eb\x1fc", Marks("other").begin("x", 1), b"\x1esecret", b"\x1esecretzz\x1f"]
)
def test_what_is_no_mark_is_output(data):
    reader = MarkReader("secret")
    printed = b"".join(part.data for part in reader.read(data) if isinstance(part, Printed))
    assert printed + reader.rest() == data


def test_uid_with_control_characters_does_not_end_its_mark():
    found = parts(MARKS.begin("a\x1fb", 1) + b"text" + MARKS.end("a\x1fb"))
    assert texts(found) == {"a?b": b"text"}


def test_items_that_have_not_ended_are_known():
    reader = MarkReader("secret")
    list(reader.read(MARKS.begin("plan", 1) + MARKS.aside_begin("task", 1) + b"text"))
    assert sorted(reader.uids) == ["plan", "task"]
