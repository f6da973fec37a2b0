"""Which plan a negative number means, as far as that is known without a request."""

from ipython_extension.session.history_at_hand import HistoryAtHand

PLANS = {number: {"item_uid": f"uid-{number}"} for number in range(3)}


def test_plans_that_are_newer_than_the_last_status_count():
    at_hand = HistoryAtHand()
    at_hand.has_length(1)  # the status of a moment ago
    at_hand.note(PLANS)
    assert [at_hand.uid(back) for back in (1, 2, 3, 4)] == ["uid-2", "uid-1", "uid-0", ""]


def test_only_the_newest_plans_of_a_long_history_are_known():
    at_hand = HistoryAtHand()
    at_hand.has_length(5)
    at_hand.note(PLANS)
    assert [at_hand.uid(back) for back in (1, 2, 3)] == ["", "", "uid-2"]


def test_a_history_that_was_cleared_has_other_plans():
    at_hand = HistoryAtHand()
    at_hand.has_length(3)
    at_hand.note(PLANS)
    at_hand.has_length(1)
    assert at_hand.uid(1) == ""
