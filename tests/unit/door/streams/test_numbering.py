"""How numbered messages follow each other."""

from bluesky_qs.door.streams import numbering
from bluesky_qs.door.streams.numbering import Continuity, Numbering


def test_the_first_message_may_have_any_number():
    assert Numbering().place(17, 1.0) is Continuity.NEXT


def test_a_message_that_arrives_twice_is_recognized():
    numbers = Numbering()
    numbers.place(1, 1.0)
    numbers.place(2, 2.0)

    assert numbers.place(1, 1.0) is Continuity.REPEATED
    assert numbers.last == 2


def test_a_missing_number_is_noticed():
    numbers = Numbering()
    numbers.place(1, 1.0)

    assert not numbers.expected(3)
    assert numbers.place(3, 2.0) is Continuity.AFTER_GAP
    assert numbers.place(4, 3.0) is Continuity.NEXT


def test_numbers_that_begin_anew_are_recognized_by_the_time_of_the_message():
    numbers = Numbering()
    numbers.place(1, 1.0)
    numbers.place(2, 2.0)

    assert numbers.place(1, 5.0) is Continuity.RESTARTED
    assert numbers.place(2, 6.0) is Continuity.NEXT


def test_messages_from_before_the_beginning_are_repetitions():
    numbers = Numbering()
    numbers.begin(2, 2.0)

    assert [numbers.place(1, 1.0), numbers.place(2, 2.0)] == [Continuity.REPEATED] * 2
    assert numbers.place(3, 3.0) is Continuity.NEXT
    assert numbers.place(1, 4.0) is Continuity.RESTARTED


def test_only_so_many_times_are_remembered():
    numbers = Numbering()
    for number in range(1, numbering.KEPT + 3):
        numbers.place(number, float(number))

    assert not numbers.has(2, 2.0)
    assert numbers.has(3, 3.0)
