"""Collects the service's state for a still, and fetches only what has changed."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.http_failures import NotAuthorizedError
from bluesky_qs.client.sync import REManagerAPI
from ipython_extension.session import history_pages
from ipython_extension.session.known_names import KnownNames, fetched, versions_in
from ipython_extension.shown.display import QueueView
from ipython_extension.shown.history_view import HistoryView
from ipython_extension.shown.reply_views import lock_sentence
from ipython_extension.shown.still_view import StillView

#: Number of queue items and of history items in a still.
_QUEUED, _RAN = 10, 5


class Snapshot:
    """Makes stills from statuses."""

    def __init__(self, client: REManagerAPI) -> None:
        self._client = client
        self._kept: dict[str, tuple[object, Any]] = {}
        self._known: tuple[tuple[object, ...], KnownNames] | None = None

    def still(self, status: Mapping[str, Any]) -> StillView:
        """The still for a status.

        Raises
        ------
        QSError
            The service does not answer.
        """
        me = self._client.user
        try:
            known = self._names(status)
            queue = self._part("queue", status.get("plan_queue_uid"), self._client.queue_get, reload=True)
            history = self._part("history", status.get("plan_history_uid"), self._newest)
        except NotAuthorizedError as error:
            return StillView(status, None, None, notes=[f"The queue and the history are not shown. {error}"])
        if queue["running_item"].get("item_uid") != status.get("running_item_uid"):
            self._kept.pop("queue", None)  # the status is older or newer
        shown = QueueView(queue, known, status=status, rows=_QUEUED, me=me)
        ran = HistoryView(history, known, rows=_RAN, me=me)
        return StillView(status, shown, ran, lock=self._lock(status, me))

    def _names(self, status: Mapping[str, Any]) -> KnownNames:
        if self._known is None or self._known[0] != versions_in(status):
            versions, names = fetched(self._client, status)
            self._known = versions, names
        return self._known[1]

    def _newest(self) -> dict[str, Any]:
        return history_pages.page(self._client, {}, _RAN)

    def _lock(self, status: Mapping[str, Any], me: str) -> str:
        if not any((status.get("lock") or {}).values()):
            return ""
        with suppress(RequestFailedError):
            reply = self._part("lock", status.get("lock_info_uid"), self._client.lock_info)
            return lock_sentence(reply["lock_info"], me)
        return ""

    def _part(self, name: str, version: object, fetch: Any, **params: Any) -> Any:
        """A part of the state. It is fetched if the status shows a different version or none."""
        kept = self._kept.get(name)
        if kept is None or version is None or kept[0] != version:
            self._kept[name] = kept = version, fetch(**params)
        return kept[1]
