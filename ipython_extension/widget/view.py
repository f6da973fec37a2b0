"""A live view of a service in a notebook, and the stills that it leaves behind."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.client.transport import Message
from bluesky_qs.errors import QSError
from bluesky_qs.wire.info import CONSOLE, DOCUMENT, EVENT, INFO
from ipython_extension.shown.still_view import StillView
from ipython_extension.shown.tables import moment
from ipython_extension.widget.answers import answer
from ipython_extension.widget.connection import Comm, Connection
from ipython_extension.widget.follower import Follower
from ipython_extension.widget.snapshot import Snapshot

#: The type of the output that our JupyterLab extension draws, and the target of its comms.
MIME_TYPE = "application/vnd.bluesky-qs.view+json"
TARGET = "bluesky_qs.view"
#: The version of the comm's messages.
PROTOCOL = 1
#: Seconds between heartbeats to the browser, and seconds without one from the browser until its connection is closed.
#: The notebook server keeps all messages for a browser that is gone. A hidden browser tab may be slow.
_BEAT, _GONE = 1.0, 150.0
#: Seconds between stills, and seconds between stills that differ only in the progress while a browser shows the live
#: view.
_STILL, _PROGRESS = 2.0, 15.0
#: Seconds without a message from the service after which the still says so.
_SILENCE = 3.0
#: Number of threads for the browsers' requests.
_THREADS = 4
#: Status keys that matter for the still, except the progress.
_STATE = (
    "manager_state",
    "worker_environment_exists",
    "plan_queue_uid",
    "plan_history_uid",
    "running_item_uid",
    "lock_info_uid",
    "input_pending",
    "queue_stop_pending",
    "queue_autostart_enabled",
    "plan_queue_mode",
)

#: A function that shows data in place of an earlier display.
Publish = Callable[..., object]


class Widget:
    """A live view of the Queue Server: Now, Queue and History.

    It follows the service from its first display until it is closed, the kernel ends, or its cell makes a new view.

    Parameters
    ----------
    publish
        IPython's function that publishes displays.
    closed
        Called when the view ends.
    """

    def __init__(
        self,
        client: REManagerAPI,
        status: Mapping[str, Any],
        publish: Publish,
        *,
        closed: Callable[["Widget"], object] = lambda _: None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self._client = client
        self._publish = publish
        self._when_closed = closed
        self._snapshot = Snapshot(client)
        self._guard = threading.Lock()
        self._connections: set[Connection] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._follower: Follower | None = None
        self._console: Follower | None = None
        self._status = status
        #: When the service last sent something, by this computer's clock, and how far the service's clock is ahead.
        self._heard, self._ahead = time.time(), 0.0
        self._still = self._snapshot.still(status)
        self._sent: dict[str, str] = {}
        self._due = self._beat = time.monotonic()
        self._shown_state: object = self._state()
        self._progress_due = self._due + _PROGRESS
        self._is_busy = True  # the cell that makes it
        self.is_closed = False

    def _ipython_display_(self) -> None:
        """Show the view. All of its displays show the same."""
        self._sent = self._still.data()
        self._publish(self._bundle(), transient={"display_id": self._display_id})
        if self._follower is None and not self.is_closed:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="qs-view")
            self._follower = Follower(self._client, (INFO, EVENT, DOCUMENT), self._take, self._tick)

    def __repr__(self) -> str:
        return f"<view of {self._client.settings.address}{', closed' if self.is_closed else ''}>"

    def close(self, why: str = "The view was closed at {}.", *, tells_browsers: bool = True) -> None:
        """End the view. Its displays keep the last state."""
        with self._guard:
            if self.is_closed:
                return
            self.is_closed = True
            connections, self._connections = self._connections, set()
        for follower in filter(None, (self._follower, self._console)):
            follower.close()
        for connection in connections if tells_browsers else ():
            connection.close({"type": "ended"})
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._draw(self._final_still(), f"{why.format(moment(time.time()))} This was the last state.")
        self._when_closed(self)

    # ------------------------------------------------------------------------------------ what the notebook says
    def open(self, comm: Comm) -> None:
        """Accept a comm that a browser has opened for this view."""
        assert self._pool is not None
        connection = Connection(comm, self._pool, self._answer, listens=self._listen, closed=self._forget)
        with self._guard:
            self._connections.add(connection)
        self._pool.submit(self._greet, connection)

    def cell_began(self) -> None:
        """Record that the kernel runs a cell."""
        self._is_busy = True
        self._send_beats()

    def cell_ended(self) -> None:
        """Record that the kernel waits for cells."""
        self._is_busy = False
        self._send_beats()

    def _forget(self, connection: Connection) -> None:
        with self._guard:
            self._connections.discard(connection)

    def _listen(self, topic: str) -> None:
        with self._guard:
            if topic == "console" and self._console is None and not self.is_closed:
                self._console = Follower(self._client, (CONSOLE,), self._pass_on)

    def _greet(self, connection: Connection) -> None:
        """Tell the browser who the user is, and what the user may do."""
        rights: Mapping[str, Any] = {}
        if self._client.protocol is self._client.Protocols.HTTP:
            with suppress(QSError):
                rights = self._client.api_scopes()
        who = {"user": self._client.user, "group": self._client.user_group}
        may = {"roles": rights.get("roles") or [], "scopes": rights.get("scopes")}
        greeting = {"type": "hello", "protocol": PROTOCOL, "place": self._client.settings.address, **who, **may}
        connection.send({**greeting, **self._life(connection)})

    def _answer(self, method: str, params: Mapping[str, Any], request_id: str | None) -> dict[str, Any]:
        is_known = "request_id" in (self._status.get("extensions") or ())
        return answer(self._client, method, params, request_id if is_known else None)

    # ----------------------------------------------------------------------------------- what the service says
    def _take(self, batch: Sequence[Message]) -> None:
        for message in batch:
            if message.topic == INFO and (status := message.payload["msg"].get("status")):
                self._status = status
                self._heard, self._ahead = time.time(), message.payload["time"] - time.time()
        self._pass_on(batch)

    def _pass_on(self, batch: Sequence[Message]) -> None:
        for connection in self._open_connections():
            connection.publish(batch)

    def _open_connections(self) -> list[Connection]:
        with self._guard:
            return list(self._connections)

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._beat:
            self._send_beats()
        if now >= self._due:
            self._due = now + _STILL
            self._draw_if_changed(now)

    def _send_beats(self) -> None:
        self._beat = (now := time.monotonic()) + _BEAT
        for connection in self._open_connections():
            life = self._life(connection)
            if now - connection.heard > _GONE and not life["held"]:
                self._forget(connection)
                connection.close({"type": "dropped"})
            else:
                connection.send({"type": "beat", **life})

    def _life(self, connection: Connection) -> dict[str, Any]:
        """The service's time, the seconds since its last message, and whether requests wait for a cell to end."""
        now = time.time()
        held = connection.waits_for_cells and self._is_busy
        return {"time": now + self._ahead, "age": now - self._heard, "held": held}

    # ------------------------------------------------------------------------------------------------ the stills
    @property
    def _display_id(self) -> str:
        return f"qs-view-{self.id}"

    @property
    def _is_silent(self) -> bool:
        return time.time() - self._heard > _SILENCE

    def _state(self) -> object:
        return [self._is_silent, *(self._status.get(key) for key in _STATE)]

    def _bundle(self) -> dict[str, Any]:
        """The live view for JupyterLab with our extension, and the still for everything else."""
        # Services without extensions, which run bluesky-queueserver, have no events.
        is_live = not self.is_closed and "extensions" in self._status
        return {**({MIME_TYPE: {"view": self.id, "protocol": PROTOCOL}} if is_live else {}), **self._sent}

    def _draw_if_changed(self, now: float) -> None:
        """Update the still. While a browser shows the live view, the still needs no progress every two seconds."""
        state = self._state()
        if state == self._shown_state and self._open_connections() and now < self._progress_due:
            return
        self._shown_state, self._progress_due = state, now + _PROGRESS
        if self._is_silent:
            self._draw(self._still, f"The service has not answered since {moment(self._heard)}.")
            return
        with suppress(QSError):  # the next still shows that there is no answer
            self._still = self._snapshot.still(self._status)
            self._draw(self._still, "")

    def _final_still(self) -> StillView:
        if not self._is_silent:
            with suppress(QSError):
                self._status = self._client.status()  # the last one that was published may be a moment older
                return self._snapshot.still(self._status)
        return self._still

    def _draw(self, still: StillView, foot: str) -> None:
        still.foot = foot
        if (data := still.data()) != self._sent:
            self._sent = data
            self._publish(self._bundle(), transient={"display_id": self._display_id}, update=True)
