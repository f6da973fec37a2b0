"""A history item is found by its uid, whatever was added, dropped and taken back."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluesky_qs.errors import NotFound
from bluesky_qs.plan_queue.history import ItemHistory


def item(uid, number=0):
    return json.dumps({"name": "p", "item_uid": uid, "kwargs": {"n": number}}).encode()


UIDS = st.sampled_from("abcdef")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(UIDS, max_size=3)),
        st.tuples(st.just("drop"), st.integers(0, 4)),
        st.tuples(st.just("undone"), st.tuples(st.lists(UIDS, max_size=3), st.integers(0, 4))),
    ),
    max_size=20,
)


@settings(deadline=None)  # the machine may be busy
@given(STEPS)
def test_a_uid_finds_its_newest_item_as_a_walk_would(steps):
    history, plain = ItemHistory(), []
    for number, (kind, what) in enumerate(steps):
        match kind:
            case "add":
                added = [item(uid, number) for uid in what]
                history.extend(added)
                plain += added
            case "drop":
                history.drop(what)
                del plain[:what]
            case "undone":
                uids, count = what
                count = min(count, len(history) + len(uids))
                history.extend(item(uid, number) for uid in uids)
                history.restore(history.drop(count), len(uids))
        uids = [json.loads(data)["item_uid"] for data in plain]
        newest = {uid: place for place, uid in enumerate(uids)}
        assert history.page() == (0, plain)
        assert history.size_in_bytes == sum(map(len, plain))
        assert history.find("abcdefg") == {uid: plain[place] for uid, place in newest.items()}
        assert {uid: history.place(uid) for uid in newest} == newest


def test_a_uid_in_an_argument_is_not_that_of_the_item():
    history = ItemHistory([json.dumps({"kwargs": {"item_uid": "a"}, "item_uid": "b"}).encode()])
    assert list(history.find(["a", "b"])) == ["b"]
    with pytest.raises(NotFound, match="'a' is not in the history"):
        history.place("a")


@pytest.mark.parametrize("odd", [b"not json", b"[1]", b'{"item_uid": 7}', b"{}", b"[" * 10_000])
def test_an_entry_without_a_uid_is_kept_and_not_found(odd):
    history = ItemHistory([item("a"), odd, item("b")])
    assert history.page() == (0, [item("a"), odd, item("b")])
    assert (history.place("a"), history.place("b")) == (0, 2)


def test_an_item_that_only_the_json_module_reads_is_found():
    data = json.dumps({"item_uid": "a", "args": [float("nan"), 2**70]}).encode()
    assert ItemHistory([data]).find(["a"]) == {"a": data}


def test_to_find_an_item_decodes_none(monkeypatch):
    history = ItemHistory(item(str(number)) for number in range(1000))
    monkeypatch.setattr("bluesky_qs.plan_queue.history.uid_of", None)
    assert history.find(["3"]) == {"3": item("3")}
    assert history.page(limit=1, before="3") == (2, [item("2")])
