"""The command that undoes a change of the queue."""

from collections.abc import Sequence

from bluesky_qs.client.failures import RequestFailedError, failure
from bluesky_qs.errors import ItemError, NotFound
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.undo_text import Found, UndoneView, own_changes
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word

#: Most events to search, newest first.
_EVENTS = 5000
_NOTHING = "There is nothing to undo: no clear, removal, move or edit of yours from the last hour is in effect."


@word("undo", "[EVENT]")
def undo(session: Session, line: Line) -> View:
    """Undo your latest clear, rm, move or edit of the last hour: items come back to their places, with their uids.

    Repeat it to go further back. Changes of others stay; those made since then are named. An item that has run, or that
    somebody has changed since then, stays as it is. You are told why, and how to undo your change before that: EVENT is
    its number.
    """
    token = line.word("the number of a change") if line.more() else None
    number = line.number(token, "the number of a change, as in the message of %qs undo") if token else None
    line.nothing_more()
    changes = own_changes(session.rm.events_get(limit=_EVENTS)["events"], session.rm.user)
    if token:
        changes = [each for each in changes if each.event["seq"] <= (number or 0)]
        if not changes or changes[0].event["seq"] != number:
            reason = f"{token.text} is not the number of a change of yours that can be undone. Your latest: %qs undo"
            raise line.fault(reason, token.start, len(token.text))
    if not changes:
        return ReplyView({}, _NOTHING)
    found, *earlier = changes
    try:
        reply = session.rm.queue_undo(found.event["seq"])
    except RequestFailedError as error:
        if isinstance(error, NotFound):  # older than an hour
            return ReplyView(error.response, _NOTHING)
        raise _with_offer(error, earlier) from None
    return UndoneView(reply, session.known(), found)


def _with_offer(error: RequestFailedError, earlier: Sequence[Found]) -> RequestFailedError:
    """The refusal of an item that has changed since, with the way to undo an earlier change of other items."""
    offered = next((each for each in earlier if not each.is_overtaken), None)
    if offered is None or not isinstance(error, ItemError):
        return error
    return failure(error.request, {**error.response, "msg": f"{error.response['msg']}. {offered.offer()}"})
