"""Waiting with something to look at, and with Ctrl-C that leaves the service alone."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from bluesky_qs.client.failures import WaitTimeoutError
from bluesky_qs.client.info import StatusFeed
from bluesky_qs.words.planexpr import plan_text
from ipython_extension.session.session import Session
from ipython_extension.shown.error_rendering import Detached
from ipython_extension.shown.status_text import Bar, status_sentence
from ipython_extension.shown.tables import length_of_time

T = TypeVar("T")

#: Seconds after which the line is drawn anew, even if nothing but the time has changed.
_LOOK = 0.2


class Listener(Protocol):
    """Takes documents while somebody waits."""

    def hear(self, message: Mapping[str, Any], asked: bool) -> None:
        """Take a document's message; see `StatusFeed`."""
        ...

    def show(self, status: Mapping[str, Any]) -> str:
        """Called at every look: text to print, if any."""
        ...


class Wait:
    """A wait that somebody watches.

    Attributes
    ----------
    elapsed
        Seconds since it began.
    is_paused
        Whether a plan was paused at the last look.
    """

    def __init__(self, session: Session, *, timeout: float | None = None, live: Listener | None = None) -> None:
        self._session = session
        self._timeout = timeout
        self._live = live
        self._stage = session.settings.stage()
        self._began = time.monotonic()
        self._feed: StatusFeed | None = None
        self._asked: str | None = None
        self.is_paused = False
        self.put, self.say, self.clear = self._stage.put, self._stage.say, self._stage.clear

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def statuses(self) -> Iterator[dict[str, Any]]:
        """The status now, every one that is published, and the last one again where none is.

        Raises
        ------
        WaitTimeoutError
            The time is up.
        RequestTimeoutError
            The service has not answered for long.
        """
        with StatusFeed(self._session.rm, self._live.hear if self._live else None) as self._feed:
            # The subscription stands before the first look, so that no change falls between the two.
            status = self._session.status()
            while True:
                self.is_paused = status["manager_state"] == "paused"
                if self._live:
                    self.put(self._live.show(status))
                self._ask(status)
                yield status
                if self._timeout is not None and self.elapsed > self._timeout:
                    raise WaitTimeoutError(f"Still not done after {length_of_time(self._timeout)}")
                status = dict(self._feed.next_status(_LOOK) or status)

    def _ask(self, status: Mapping[str, Any]) -> None:
        """Show a question of running code, once; it is answered after Ctrl-C or from elsewhere."""
        question = status.get("input_pending") or {}
        uid = question.get("input_uid")
        if uid and uid != self._asked:
            self.put(f"Running code asks: {question.get('prompt')}\n(answer it after Ctrl-C: %qs answer TEXT)")
        self._asked = uid

    def patiently(self, ask: Callable[[], T]) -> T | None:
        """The answer to a question; None if there is none now, because the service may be restarting."""
        assert self._feed is not None
        return self._feed.patiently(ask)

    def last_documents(self, status: Mapping[str, Any]) -> None:
        """Show what is still on its way, or was too quick for the subscription."""
        if self._live and self._feed:
            self._feed.recall()
            self.put(self._live.show(status))


@contextmanager
def waiting(
    session: Session,
    what_goes_on: str,
    *,
    when_paused: str = "",
    timeout: float | None = None,
    live: Listener | None = None,
) -> Iterator[Wait]:
    """A wait that Ctrl-C can end; the message then says what continues.

    The message is ``what_goes_on``, or ``when_paused`` if the plan is paused.
    """
    wait = Wait(session, timeout=timeout, live=live)
    try:
        yield wait
    except KeyboardInterrupt:
        wait.clear()
        goes_on = when_paused if when_paused and wait.is_paused else what_goes_on
        raise Detached(f"No longer waiting; {goes_on}") from None
    finally:
        wait.clear()


class Progress:
    """The progress of the running plan, as shown to a user who waits."""

    def __init__(self, session: Session, wait: Wait) -> None:
        self._session = session
        self._wait = wait
        self._uid: str | None = None
        #: The running plan as one would type it; empty while none is running.
        self.plan = ""

    def of(self, status: dict[str, Any]) -> str | Bar:
        """The plan with its bar, or the state where none is running."""
        uid = status["running_item_uid"]
        if uid and uid != self._uid:
            queue = self._wait.patiently(self._session.rm.queue_get)
            known = self._wait.patiently(lambda: self._session.known(status))
            if queue and queue["running_item"].get("item_uid") == uid:
                self._uid, self.plan = uid, plan_text(queue["running_item"], known or ())
        if not uid or uid != self._uid:
            self._uid, self.plan = None, ""
            return status_sentence(status, "", 1000)
        lead = "Paused in " if status["manager_state"] == "paused" else ""
        return Bar.of(status, lead + self.plan)
