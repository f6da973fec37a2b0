"""The command that undoes a change of the queue."""

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import NotFound
from ipython_extension.session.session import Session
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.undo_text import UndoneView, latest_change
from ipython_extension.typed.line import Line
from ipython_extension.words.vocabulary import word

#: Most events to search, newest first.
_EVENTS = 5000
_NOTHING = "There is nothing to undo: no clear, removal, move or edit of yours from the last hour is in effect."


@word("undo")
def undo(session: Session, line: Line) -> View:
    """Undo your latest clear, rm, move or edit of the last hour: items come back to their places, with their uids.

    Repeat it to go further back. Changes of others stay; those made since then are named. An item that has run, or that
    somebody has changed since then, stays as it is, and you are told why.
    """
    line.nothing_more()
    events = session.rm.events_get(limit=_EVENTS)["events"]
    if (found := latest_change(events, session.rm.user)) is None:
        return ReplyView({}, _NOTHING)
    try:
        reply = session.rm.queue_undo(found.event["seq"])
    except RequestFailedError as error:
        if isinstance(error, NotFound):  # older than an hour
            return ReplyView(error.response, _NOTHING)
        raise
    return UndoneView(reply, session.known(), found)
