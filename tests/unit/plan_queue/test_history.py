"""A history keeps numbers and the items that are not durable yet, whatever was added, dropped, taken back or stored."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bluesky_qs.plan_queue.changes import AddHistory, TrimHistory
from bluesky_qs.plan_queue.history import ItemHistory

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3)),
        st.tuples(st.just("drop"), st.integers(0, 4)),
        st.tuples(st.just("fail"), st.none()),
        st.tuples(st.just("store"), st.integers(1, 3)),
    ),
    max_size=30,
)


class Plain:
    """All items that there ever were, with the edits that are not stored."""

    def __init__(self):
        self.history = ItemHistory(range(5, 8))
        self.items = {number: b"%d" % number for number in (5, 6, 7)}
        self.stored = dict(self.items)
        self.edits = []
        self.name = 100

    def add(self, count):
        items = [b"%d" % (self.name + n) for n in range(count)]
        self.name += count
        first = self.history.numbers.stop
        self.history.extend(items)
        self.items |= dict(enumerate(items, first))
        self.edits.append((dict(self.items), [AddHistory("", data) for data in items], lambda: (0, len(items))))

    def drop(self, count):
        dropped = self.history.drop(count)
        for number in sorted(self.items)[:count]:
            del self.items[number]
        keep = len(self.items)
        self.edits.append((dict(self.items), [TrimHistory(keep)], lambda: (dropped, 0)))

    def fail(self):
        for _, _, restored in reversed(self.edits):
            self.history.restore(*restored())
        self.edits.clear()
        self.items = dict(self.stored)

    def store(self, count):
        done, self.edits = self.edits[:count], self.edits[count:]
        self.history.stored([change for _, changes, _ in done for change in changes])
        self.stored = done[-1][0] if done else self.stored


@settings(deadline=None)  # the machine may be busy
@given(STEPS)
def test_the_items_that_are_not_durable_are_in_memory_and_no_others(steps):
    plain = Plain()
    for kind, count in steps:
        getattr(plain, kind)(*([] if count is None else [count]))
        history = plain.history
        assert list(history.numbers) == sorted(plain.items)
        assert list(history.durable) == sorted(plain.stored)
        assert len(history) == len(plain.items)
        newest = history.newest(history.numbers.start, history.numbers.stop)
        assert newest == [(n, data) for n, data in plain.items.items() if n >= history.durable.stop]
        assert history.newest(7, 10) == [each for each in history.newest(0, 10) if each[0] >= 7]


def test_the_items_that_were_ever_added_are_counted():
    history = ItemHistory()
    history.extend([b"a", b"b"])
    history.restore(0, 1)
    history.extend([b"c"])
    assert (history.numbers, history.added) == (range(2), 3)
