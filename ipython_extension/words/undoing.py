"""The command that undoes a change to the queue."""

from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.failures import RequestFailedError, failure
from bluesky_qs.errors import ItemError, NotFound, WrongState
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.undo_text import Found, UndoneView, addition_stays, latest_addition, own_changes
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word

#: Maximum number of events to search, newest first.
_EVENTS = 5000
_NOTHING = "There is nothing to undo: none of your clears, removals, moves or edits in the last hour is in effect."


@word("undo", "[EVENT]")
def undo(session: Session, line: Line) -> View:
    """Undo your latest clear, rm, move or edit within the last hour. Items return to their places, with their uids.

    Repeat it to go further back. Later changes by others are listed but not undone. If an item has run, or if somebody
    has changed it since then, nothing is undone; the message gives the reason, and the command that undoes your
    previous change (EVENT is its number). undo does not remove items that you have added; the message gives the command
    that removes them.
    """
    token = line.word("the number of a change") if line.more() else None
    number = line.number(token, "the number of a change, as in the message of %qs undo") if token else None
    line.nothing_more()
    events = session.rm.events_get(limit=_EVENTS)["events"]
    changes = own_changes(events, session.rm.user)
    if not token and (addition := latest_addition(events, session.rm.user)):
        raise WrongState(_offering(addition_stays(addition, _places(session, addition)), changes))
    if token:
        changes = [each for each in changes if each.event["seq"] <= (number or 0)]
        if not changes or changes[0].event["seq"] != number:
            reason = f"You have no change number {token.text} that can be undone. To undo your latest: %qs undo"
            raise line.fault(reason, token.start, len(token.text))
    if not changes:
        return ReplyView({}, _NOTHING)
    found, *earlier = changes
    try:
        reply = session.rm.queue_undo(found.event["seq"])
    except RequestFailedError as error:
        if isinstance(error, NotFound):  # older than an hour
            return ReplyView(error.response, _NOTHING)
        if not isinstance(error, ItemError):
            raise
        message = _offering(error.response["msg"], earlier)
        raise failure(error.request, {**error.response, "msg": message}) from None
    return UndoneView(reply, session.known(), found)


def _offering(message: str, earlier: Sequence[Found]) -> str:
    """The message, with the command that undoes the latest of these changes with unchanged items."""
    offered = next((each for each in earlier if not each.is_overtaken), None)
    return f"{message}. {offered.offer()}" if offered else message


def _places(session: Session, addition: Mapping[str, Any]) -> list[int] | None:
    """The queue positions of added items, which the next line can use; None if the uids are not known."""
    uids = addition.get("put") or session.added
    if len(uids) != addition.get("put_count", len(uids)):
        return None
    session.sees_queue()
    return [at for at, item in enumerate(session.line_queue()["items"]) if item["item_uid"] in set(uids)]
