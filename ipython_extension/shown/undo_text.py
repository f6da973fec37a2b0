"""Texts about queue changes that can be undone, and about the results of undos."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ipython_extension.shown.display import Items
from ipython_extension.shown.tables import moment, plural, ranges, shortened, wrapped

Event = Mapping[str, Any]

_WIDE = 110
#: Maximum number of plans to list, and of other users' changes to list.
_LISTED, _OTHERS = 5, 3
_DONE = {
    "clear": "cleared the queue",
    "removal": "removed",
    "move": "moved",
    "edit": "edited",
    "undo": "undid a change to",
}
_UNDONE = {
    "clear": "Put back {}, cleared at {}.",
    "removal": "Put back {}, removed at {}.",
    "move": "Undid the move of {} at {}.",
    "edit": "Undid the edit of {} at {}.",
    "undo": "Undid the undo of {} at {}.",
}
_EARLIER = {"clear": "clear", "removal": "removal of {}", "move": "move of {}", "edit": "edit of {}"}


class Found(NamedTuple):
    """A change that can be undone, and the changes in effect since then, oldest first."""

    event: Event
    later: list[Event]

    @property
    def others(self) -> list[Event]:
        """Later changes by other users."""
        return [each for each in self.later if each.get("user") not in (None, self.event["user"])]

    @property
    def is_overtaken(self) -> bool:
        """Whether a later change has changed one of the items again."""
        items = _items(self.event)
        return any(items & _items(each) for each in self.later)

    def offer(self) -> str:
        """A sentence with the command that undoes this change instead of the latest one."""
        what = _EARLIER[self.event["change"]].format(_counted(self.event))
        return f"To undo your earlier {what} at {moment(self.event['time'])}: %qs undo {self.event['seq']}"


def own_changes(events: Sequence[Event], user: str) -> list[Found]:
    """The user's changes that are still in effect, latest first; no undos, and no changes that they reversed."""
    changes = list(_in_effect(events))
    return [
        Found(event, changes[:at][::-1])
        for at, event in enumerate(changes)
        if event.get("change") and event.get("user") == user
    ]


def latest_addition(events: Sequence[Event], user: str) -> Event | None:
    """The event of the user's latest change that is still in effect, if that change added items; otherwise None."""
    for event in _in_effect(events):
        if event.get("user") == user and (event.get("change") or _added(event)):
            return None if event.get("change") else event
    return None


def addition_stays(event: Event, places: Sequence[int] | None) -> str:
    """Say why an addition is not undone, and which command removes its items at these ``places``, if known."""
    count = _added(event)
    them = "it" if count == 1 else "them"
    lead = f"Your latest change, at {moment(event['time'])}, added {plural(count, 'item')}"
    if places is None:
        remove = "To remove them, look up their positions (%qs queue), then %qs rm A-B"
    elif not places:
        remove = "It is no longer in the queue" if count == 1 else "They are no longer in the queue"
    else:
        left = (
            them
            if len(places) == count
            else f"the {len(places)} that {'is' if len(places) == 1 else 'are'} still in the queue"
        )
        remove = f"To remove {left}: %qs rm {ranges(places)}"
    return f"{lead}, and %qs undo does not remove {them}. {remove}"


def _in_effect(events: Sequence[Event]) -> Iterator[Event]:
    """The changes to the queue, newest first; no undos, and no changes that they reversed."""
    undone: set[int] = set()
    for event in reversed(events):
        if event["type"] != "queue_changed" or event["seq"] in undone:
            continue
        if "undoes" in event:
            undone.add(event["undoes"])
        else:
            yield event


class UndoneView(Items):
    """The result of an undo: a sentence, the affected plans, and later changes by other users."""

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

    def brief(self, width: int | None) -> str:
        """The text to print for a line whose result IPython does not show, even in a loop."""
        return self.text(width or _WIDE)


def _of_others(events: Sequence[Event]) -> list[str]:
    if not events:
        return []
    listed = [f"{each['user']} {_what(each)} at {moment(each['time'])}" for each in events[:_OTHERS]]
    hidden = len(events) - len(listed)
    more = [f"and there were {plural(hidden, 'more change')}"] if hidden else []
    return [f"Later changes by other users remain: {', '.join([*listed, *more])}."]


def _what(event: Event) -> str:
    if event.get("cleared"):
        return _DONE["clear"]
    return f"{_DONE.get(event.get('change', ''), 'added')} {_counted(event)}"


def _counted(event: Event) -> str:
    dropped = len(event.get("dropped", ())) + event.get("dropped_count", 0)
    return plural(_added(event) or dropped, "item")


def _added(event: Event) -> int:
    return len(event.get("put", ())) + int(event.get("put_count", 0))


def _items(event: Event) -> set[str]:
    return {*event.get("put", ()), *event.get("dropped", ())}
