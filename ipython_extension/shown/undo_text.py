"""Which of the latest changes of the queue can be undone, and what an undo has done."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ipython_extension.shown.display import Items
from ipython_extension.shown.tables import moment, plural, shortened, wrapped

Event = Mapping[str, Any]

#: Most plans to list, and most changes of others.
_LISTED, _OTHERS = 5, 3
_DONE = {
    "clear": "cleared the queue",
    "removal": "removed",
    "move": "moved",
    "edit": "edited",
    "undo": "undid a change of",
}
_UNDONE = {
    "clear": "Put back {}, cleared at {}.",
    "removal": "Put back {}, removed at {}.",
    "move": "Undid the move of {} at {}.",
    "edit": "Undid the edit of {} at {}.",
    "undo": "Undid the undo of {} at {}.",
}


class Found(NamedTuple):
    """The change to undo, and the changes of others since then, oldest first."""

    event: Event
    others: list[Event]


def latest_change(events: Sequence[Event], user: str) -> Found | None:
    """The user's latest change that is still in effect; undos and what they have undone are passed over."""
    changes = list(_in_effect(events))
    for event in changes:
        if event.get("change") and event.get("user") == user:
            others = [each for each in changes if each["seq"] > event["seq"] and each.get("user") not in (None, user)]
            return Found(event, others[::-1])
    return None


def _in_effect(events: Sequence[Event]) -> Iterator[Event]:
    """The changes of the queue, the newest first, without undos and what they have undone."""
    undone: set[int] = set()
    for event in reversed(events):
        if event["type"] != "queue_changed" or event["seq"] in undone:
            continue
        if "undoes" in event:
            undone.add(event["undoes"])
        else:
            yield event


class UndoneView(Items):
    """An undo: a sentence, the plans that it has affected, and what others have changed since then."""

    def __init__(self, reply: Mapping[str, Any], known: Container[str], found: Found) -> None:
        super().__init__(reply["items"], reply, known)
        self.event, self.others = found

    @property
    def title(self) -> str:
        """The sentence."""
        noun = "plan" if all(item.get("item_type") == "plan" for item in self) else "item"
        return _UNDONE[self.reply["change"]].format(plural(len(self), noun), moment(self.event["time"]))

    def text(self, width: int) -> str:
        lines = [self.title, *(f"  {shortened(self.plan(item), width - 2)}" for item in self[:_LISTED])]
        if (hidden := len(self) - _LISTED) > 0:
            lines.append(f"  … and {hidden} more")
        return "\n".join([*lines, *(wrapped(line, width) for line in _of_others(self.others))])


def _of_others(events: Sequence[Event]) -> list[str]:
    if not events:
        return []
    listed = [f"{each['user']} {_what(each)} at {moment(each['time'])}" for each in events[:_OTHERS]]
    hidden = len(events) - len(listed)
    more = [f"and there were {plural(hidden, 'more change')}"] if hidden else []
    return [f"Changes of others since then stay: {', '.join([*listed, *more])}."]


def _what(event: Event) -> str:
    if event.get("cleared"):
        return _DONE["clear"]
    put = len(event.get("put", ())) + event.get("put_count", 0)
    dropped = len(event.get("dropped", ())) + event.get("dropped_count", 0)
    return f"{_DONE.get(event.get('change', ''), 'added')} {plural(put or dropped, 'item')}"
