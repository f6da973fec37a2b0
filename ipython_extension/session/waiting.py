"""Waits with progress. Ctrl-C stops only the wait; the service goes on."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from bluesky_qs.client.failures import WaitTimeoutError
from bluesky_qs.client.info import StatusFeed
from bluesky_qs.words.plantext import plan_text
from ipython_extension.live.lines import PermanentLine, TableRow, sentences
from ipython_extension.session.session import Session
from ipython_extension.shown.error_rendering import Detached
from ipython_extension.shown.status_text import Bar, is_suspended, status_sentence
from ipython_extension.shown.tables import length_of_time

T = TypeVar("T")

#: Seconds between updates of the progress line, even if only the time has changed.
_LOOK = 0.2
#: Seconds until a wait reports that there is no answer. A busy service answers within two seconds.
_SILENCE = 3.0
_UNKNOWN = (
    "Stopped watching. The service has not answered for {}, so it is unknown whether anything is still running. "
    "To see the state once it answers again: %qs"
)


_ANSWER = "(press Ctrl-C, then: %qs answer TEXT)"


class Listener(Protocol):
    """Receives documents during a wait."""

    def take_document(self, message: Mapping[str, Any], requested: bool) -> None:
        """Handle a document; see `StatusFeed`."""
        ...

    def show(self, status: Mapping[str, Any]) -> Sequence[PermanentLine | TableRow]:
        """Return lines to print, if any; called for every status."""
        ...


class ProgressWait:
    """A wait that shows progress.

    Attributes
    ----------
    elapsed
        Seconds since it began.
    is_paused
        Whether a plan was paused in the last status.
    silence
        Seconds since the service last answered; 0 unless it is silent.
    plan
        The running plan as you would type it, if a `PlanWatch` follows it; empty if none is running.
    awaited
        The awaited item as you would type it; empty if the wait is for all items.
    """

    def __init__(self, session: Session, *, timeout: float | None = None, live: Listener | None = None) -> None:
        self._session = session
        self._timeout = timeout
        self._live = live
        self._output = session.settings.progress_output()
        self._began = time.monotonic()
        self._feed: StatusFeed | None = None
        self._shown_prompt: str | None = None
        self._is_silent = False
        self.is_paused = False
        self.plan = self.awaited = ""
        self.copy, self.picture, self.shows = self._output.copy, self._output.picture, self._output.shows
        self.clear = self._output.clear

    def put(self, text: str) -> None:
        """Show permanent lines."""
        self._output.put(sentences(text))

    def say(self, progress: str | Bar) -> None:
        """Show progress, or that the service does not answer."""
        if silence := self.silence:
            progress = f"No answer from the service for {length_of_time(silence)}"
        self._output.say(progress)

    @property
    def silence(self) -> float:
        return self._feed.following.silence if self._feed is not None and self._is_silent else 0.0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def statuses(self) -> Iterator[dict[str, Any]]:
        """Yield the current status, then each published one. While none is published, repeat the last one.

        Raises
        ------
        WaitTimeoutError
            The time limit was reached.
        RequestTimeoutError
            The service has not answered for a long time.
        """
        with StatusFeed(self._session.rm, self._take_document if self._live else None) as self._feed:
            # Subscribe before the first request, so that no change in between is missed.
            status = self._session.status()
            while True:
                self.is_paused = status["manager_state"] == "paused"
                if self._live:
                    self._output.put(self._live.show(status))
                self._ask(status)
                yield status
                if self._timeout is not None and self.elapsed > self._timeout:
                    of = f": {self.awaited or self.plan}" if self.awaited or self.plan else ""
                    raise WaitTimeoutError(f"Still not done after {length_of_time(self._timeout)}{of}")
                status = dict(self._feed.next_status(_LOOK) or status)
                self._listen(self._feed.following.silence)

    def _listen(self, silence: float) -> None:
        """Report once when the service stops answering, and once when it answers again."""
        if silence > _SILENCE and not self._is_silent:
            self._is_silent = True
            self.put(f"The service has not answered for {length_of_time(silence)}: it was stopped, or is restarting.")
        elif self._is_silent and silence < _SILENCE:
            self._is_silent = False
            self.put("The service is answering again.")

    def _take_document(self, message: Mapping[str, Any], requested: bool) -> None:
        assert self._live is not None
        self._session.take_document(message)
        self._live.take_document(message, requested)

    def _ask(self, status: Mapping[str, Any]) -> None:
        """Show an input() prompt of user code, once. The user answers it after Ctrl-C or in another session."""
        question = status.get("input_pending") or {}
        uid = question.get("input_uid")
        if uid and uid != self._shown_prompt:
            prompt = str(question.get("prompt") or "").strip()
            self.put(f"User code is waiting for input{f': {prompt}' if prompt else ''}\n{_ANSWER}")
        self._shown_prompt = uid

    def patiently(self, ask: Callable[[], T]) -> T | None:
        """Return the reply to a request; None if there is no answer, for example while the service restarts."""
        assert self._feed is not None
        return self._feed.patiently(ask)

    def recall(self) -> None:
        """Request the documents of the running plan, or of the last one. They are shown with the next status."""
        if self._live and self._feed:
            self._feed.recall()

    def last_documents(self, status: Mapping[str, Any]) -> None:
        """Show documents that arrive late or are older than the subscription."""
        self.recall()
        if self._live:
            self._output.put(self._live.show(status))


@contextmanager
def waiting(
    session: Session,
    still: str,
    *,
    when_paused: str = "",
    timeout: float | None = None,
    live: Listener | None = None,
) -> Iterator[ProgressWait]:
    """Wait until the end of the block or Ctrl-C. After Ctrl-C, the message contains ``still`` (or ``when_paused``).

    If the service does not answer, the message after Ctrl-C says that its state is unknown.
    """
    wait = ProgressWait(session, timeout=timeout, live=live)
    try:
        yield wait
    except KeyboardInterrupt:
        wait.clear()
        if silence := wait.silence:
            raise Detached(_UNKNOWN.format(length_of_time(silence))) from None
        state = when_paused if when_paused and wait.is_paused else still
        raise Detached(f"Stopped watching; {state}.") from None
    finally:
        wait.clear()


class PlanWatch:
    """The progress line of the running plan during a wait."""

    def __init__(self, session: Session, wait: ProgressWait) -> None:
        self._session = session
        self._wait = wait
        self._uid: str | None = None

    @property
    def plan(self) -> str:
        """The running plan as you would type it; empty if none is running."""
        return self._wait.plan

    def of(self, status: dict[str, Any]) -> str | Bar:
        """The plan with its bar, or the state if none is running."""
        uid = status["running_item_uid"]
        if uid and uid != self._uid:
            queue = self._wait.patiently(self._session.rm.queue_get)
            known = self._wait.patiently(lambda: self._session.known(status))
            if queue and queue["running_item"].get("item_uid") == uid:
                self._uid, self._wait.plan = uid, plan_text(queue["running_item"], known or ())
        if not uid or uid != self._uid:
            self._uid, self._wait.plan = None, ""
            return status_sentence(status, "", 1000)
        is_paused = status["manager_state"] == "paused"
        lead = "Paused in " if is_paused else "Suspended in " if is_suspended(status) else ""
        return Bar.of(status, lead + self.plan)
