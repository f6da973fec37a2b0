"""Documents of running plans for callbacks of bluesky: as ``RE.subscribe`` would give them, from another process."""

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from bluesky_qs.client.monitor import Monitor
from bluesky_qs.wire.info import DOCUMENT

log = logging.getLogger(__name__)

Callback = Callable[[str, dict[str, Any]], object]


class Subscribers(ABC):
    """Functions that are called with the documents of runs that begin from now on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tokens = itertools.count(1)
        self._subscribers: dict[int, _Subscriber] = {}

    def subscribe(self, callback: Callback, name: str = "all") -> int:
        """Have ``callback(name, doc)`` called for the documents of runs that begin from now on; returns a token.

        ``name`` limits it to one kind: ``start``, ``descriptor``, ``event`` or ``stop``. An error in it is logged, and
        the others are called all the same.
        """
        token = next(self._tokens)
        self._subscribers[token] = _Subscriber(callback, name)
        self.enable()
        return token

    def unsubscribe(self, token: int) -> None:
        """Call it no more; without subscribers nothing is collected."""
        self._subscribers.pop(token, None)
        if not self._subscribers:
            self.disable()

    def tell(self, message: Mapping[str, Any]) -> None:
        """Hand a document to all of them."""
        for subscriber in list(self._subscribers.values()):
            subscriber(message["name"], message["doc"])

    @abstractmethod
    def enable(self) -> None:
        """Collect documents."""

    @abstractmethod
    def disable(self) -> None:
        """Collect no more."""


class DocumentMonitor(Subscribers, Monitor):
    """Documents of running plans as they are published: ``{"time": …, "item_uid": …, "name": …, "doc": {…}}``.

    Large arrays are left out of them (null). Callbacks are called in a thread of their own.

    Examples
    --------
    >>> token = RM.documents.subscribe(lambda name, doc: print(name))
    >>> RM.documents.unsubscribe(token)
    """

    topic = DOCUMENT

    def enable(self) -> None:
        """Collect documents from now on."""
        Monitor.enable(self)

    def disable(self) -> None:
        """Collect no more, soon. What was collected stays."""
        Monitor.disable(self)

    def heard(self, message: dict[str, Any]) -> None:
        """Hand the document over."""
        self.tell(message)


class _Subscriber:
    """A callback, and the runs that it has seen the beginning of: without that it could not understand the rest."""

    def __init__(self, callback: Callback, name: str) -> None:
        self._callback = callback
        self._name = name
        self._runs: set[str] = set()
        self._run_of: dict[str, str] = {}

    def __call__(self, name: str, doc: dict[str, Any]) -> None:
        if self._knows(name, doc) and self._name in ("all", name):
            try:
                self._callback(name, doc)
            except Exception:  # a process boundary: the code of a user must not end the thread
                log.exception("A subscriber to documents failed")

    def _knows(self, name: str, doc: dict[str, Any]) -> bool:
        match name:
            case "start":
                self._runs.add(doc["uid"])
                return True
            case "descriptor":
                self._run_of[doc["uid"]] = doc["run_start"]
                return doc["run_start"] in self._runs
            case "event":
                return self._run_of.get(doc["descriptor"]) in self._runs
            case _:
                known = doc["run_start"] in self._runs
                self._runs.discard(doc["run_start"])
                self._run_of = {uid: run for uid, run in self._run_of.items() if run != doc["run_start"]}
                return known
