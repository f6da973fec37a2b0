"""Documents of running plans for Bluesky callbacks, like those from ``RE.subscribe``."""

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from bluesky_qs.client.monitor import Monitor
from bluesky_qs.documents import Reader, with_numbers
from bluesky_qs.wire.info import DOCUMENT

log = logging.getLogger(__name__)

Callback = Callable[[str, dict[str, Any]], object]


class Subscribers(ABC):
    """Callbacks, and the documents that each of them gets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tokens = itertools.count(1)
        self._subscribers: dict[int, _Subscriber] = {}

    def subscribe(self, callback: Callback, name: str = "all") -> int:
        """Call ``callback(name, doc)`` for each document of the runs that start from now on. Return a token.

        ``name`` selects one kind of document: ``start``, ``descriptor``, ``event`` or ``stop``. An error in a callback
        is logged and does not affect the other callbacks.
        """
        token = next(self._tokens)
        self._subscribers[token] = _Subscriber(callback, name)
        self.enable()
        return token

    def unsubscribe(self, token: int) -> None:
        """Remove the callback with this token. After the last one, documents are no longer collected."""
        self._subscribers.pop(token, None)
        if not self._subscribers:
            self.disable()

    def hand_over(self, message: Mapping[str, Any]) -> None:
        """Call the callbacks with a document."""
        document = with_numbers(message)["doc"]
        for subscriber in list(self._subscribers.values()):
            subscriber(message["name"], document)

    @abstractmethod
    def enable(self) -> None:
        """Start collecting documents."""

    @abstractmethod
    def disable(self) -> None:
        """Stop collecting documents."""


class DocumentMonitor(Subscribers, Monitor):
    """Documents of running plans as they are published: ``{"time": …, "item_uid": …, "name": …, "doc": {…}}``.

    Large arrays are left out (null). NaN and infinities are null, too; callbacks get the numbers. Callbacks are called
    in a separate thread.

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
        """Stop collecting soon. Collected documents are kept."""
        Monitor.disable(self)

    def after_message(self, message: dict[str, Any]) -> None:
        """Hand the document to the callbacks."""
        self.hand_over(message)


class _Subscriber:
    """A callback, and the runs whose start document it has received. It gets no documents of other runs."""

    def __init__(self, callback: Callback, name: str) -> None:
        self._callback = callback
        self._name = name
        self._reader = Reader()

    def __call__(self, name: str, doc: dict[str, Any]) -> None:
        if self._reader.place(name, doc) and self._name in ("all", name):
            try:
                self._callback(name, doc)
            except Exception:  # user code must not end the thread
                log.exception("A subscriber to documents failed")
