"""The streams of the door: the paths, the scope, and the messages of each. Routes and reference are made from it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from bluesky_qs.api.events import AnyEvent
from bluesky_qs.api.method import Scope
from bluesky_qs.api.values import Document
from bluesky_qs.door.streams.events import EventOutlet
from bluesky_qs.door.streams.feed import Feed
from bluesky_qs.door.streams.messages import ConsoleText, InfoMessage, Progress, StatusMessage
from bluesky_qs.door.streams.outlet import Outlet, QueueOutlet

#: Makes the outlet of a new reader, who may have had the message with a number.
NewOutlet = Callable[[Feed, int | None], Outlet]


class Stream(NamedTuple):
    """A stream.

    Attributes
    ----------
    name
        Also the name of its channel in the reference.
    websocket, server_sent, lines
        Paths, without the prefix: of the websocket, of Server-Sent Events, of plain lines; empty if there is none.
    text
        What it carries.
    message
        The type of what the service publishes.
    is_ours
        Has heartbeats, and tells a slow reader what it has missed. The others carry exactly what the community's server
        sends.
    resumes
        Takes the number of the last message that the reader has.
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
        "Everything that the service publishes about itself: the status, and progress and messages if set up.",
        InfoMessage,
        "/info/ws",
        is_ours=False,
    ),
    Stream(
        "events",
        "read:monitor",
        lambda feed, after: EventOutlet(feed.events, after),
        "Events: one for each change. They are numbered, so that a client can resume without gap or double.",
        AnyEvent,
        "/events/ws",
        "/events/stream",
        resumes=True,
    ),
    Stream(
        "documents",
        "read:monitor",
        lambda feed, _: QueueOutlet(feed.documents, tells=True),
        "Documents of the running plan. They are not numbered: connect first, then ask for `/api/documents`.",
        Document,
        "/documents/ws",
        "/documents/stream",
    ),
    Stream(
        "progress",
        "read:monitor",
        lambda feed, _: QueueOutlet(feed.progress, tells=True),
        "Positions, fractions and times to go of the devices that the plan waits for, at most five times a second.",
        Progress,
        "/progress/ws",
        "/progress/stream",
    ),
)
