"""The streams of the door, with their paths, scopes and messages.

The routes and the reference are made from this table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from bluesky_qs.api.events import AnyEvent
from bluesky_qs.api.method import Scope
from bluesky_qs.api.values import Document
from bluesky_qs.door.streams.events import EventOutlet
from bluesky_qs.door.streams.feed import Feed
from bluesky_qs.door.streams.messages import ConsoleText, InfoMessage, Progress, Readings, StatusMessage
from bluesky_qs.door.streams.outlet import Outlet, QueueOutlet


class Wanted(NamedTuple):
    """The wishes of a new reader.

    Attributes
    ----------
    after
        Number of the last message that the reader has.

    names
        Device names. user_group The reader's group, which determines the devices.
    """

    after: int | None = None
    names: tuple[str, ...] = ()
    user_group: str = ""


#: Creates the outlet for a new reader.
NewOutlet = Callable[[Feed, Wanted], Outlet]


class Stream(NamedTuple):
    """A stream.

    Attributes
    ----------
    name
        Also the name of its channel in the reference.
    websocket, server_sent, lines
        The paths of the websocket, of the Server-Sent Events and of the plain lines, without the prefix; empty if there
        is none.
    text
        The content of the stream.
    message
        The type of the service's messages.
    is_ours
        Whether the stream has heartbeats and reports missed messages to a slow reader. The other streams send exactly
        the messages of the community's server.
    resumes
        Whether a reader can send the number of the last message that it has.
    takes_names
        Whether a reader must send device names.
    """

    name: str
    scope: Scope
    new_outlet: NewOutlet
    text: str
    message: Any
    websocket: str
    server_sent: str = ""
    lines: str = ""
    is_ours: bool = True
    resumes: bool = False
    takes_names: bool = False


STREAMS = (
    Stream(
        "console_output",
        "read:console",
        lambda feed, _: QueueOutlet(feed.console.channel, tells=False),
        "Console output of the service, as it is printed.",
        ConsoleText,
        "/console_output/ws",
        lines="/stream_console_output",
        is_ours=False,
    ),
    Stream(
        "status",
        "read:monitor",
        lambda feed, _: QueueOutlet(feed.status, tells=False),
        "The status, at each change and at least once a second.",
        StatusMessage,
        "/status/ws",
        is_ours=False,
    ),
    Stream(
        "info",
        "read:monitor",
        lambda feed, _: QueueOutlet(feed.info, tells=False),
        "All messages from the service about itself: the status and, if enabled, progress and RunEngine messages.",
        InfoMessage,
        "/info/ws",
        is_ours=False,
    ),
    Stream(
        "events",
        "read:monitor",
        lambda feed, wanted: EventOutlet(feed.events, wanted.after),
        "Events: one for each change. They are numbered, so a client can resume without gaps or duplicates.",
        AnyEvent,
        "/events/ws",
        "/events/stream",
        resumes=True,
    ),
    Stream(
        "documents",
        "read:monitor",
        lambda feed, _: QueueOutlet(feed.documents, tells=True),
        "Documents of the running plan. They are not numbered: connect first, then request `/api/documents`.",
        Document,
        "/documents/ws",
        "/documents/stream",
    ),
    Stream(
        "progress",
        "read:monitor",
        lambda feed, _: QueueOutlet(feed.progress, tells=True),
        "Positions, fractions and remaining times of the devices that the plan waits for, at most five times a second.",
        Progress,
        "/progress/ws",
        "/progress/stream",
    ),
    Stream(
        "readings",
        "read:monitor",
        lambda feed, wanted: feed.watch(wanted.names, wanted.user_group),
        "Readings of the devices in `names`, separated by commas: first all, then those that change, once a second.",
        Readings,
        "/readings/ws",
        takes_names=True,
    ),
)
