"""The state behind ``%qs``: the client, the known names, and the items that the user saw last."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import NotFound, QSError
from bluesky_qs.words.parseable import has_index
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session import history_pages
from ipython_extension.session.finding import by_beginning, counted_back, only_one, position_of, shown_at
from ipython_extension.session.history_at_hand import HistoryAtHand
from ipython_extension.session.known_names import KnownNames, fetched, versions_in
from ipython_extension.session.placing import placed_in
from ipython_extension.session.prompt_settings import PromptSettings
from ipython_extension.session.requeued import Requeued, find_requeued, requeued_item
from ipython_extension.session.seen_fields import SeenFields
from ipython_extension.session.watched import Watched
from ipython_extension.shown.display import QueueView
from ipython_extension.shown.history_view import HistoryView
from ipython_extension.typed.history_query import HistoryQuery
from ipython_extension.typed.line import Line, LineWord

_MOST_REMEMBERED = 1000


class Session:
    """One user's session with the service."""

    def __init__(self, settings: PromptSettings) -> None:
        self.settings = settings
        #: The user's client, and one that raises an error for each refusal.
        self._clients: tuple[REManagerAPI, REManagerAPI] | None = None
        #: Uids of background tasks, oldest first.
        self.tasks: list[str] = []
        #: Uids of the items that this session added last.
        self.added: list[str] = []
        #: Functions that the worker has, because this session pushed or called them.
        self.functions: list[str] = []
        #: The plans and runs that the user has seen.
        self.watched = Watched()
        #: Numeric fields of the plans whose documents were shown.
        self.fields = SeenFields()
        #: Why queued plans cannot run now, and warnings about others, by uid; and the versions of the queue and the
        #: lists for which this was checked.
        self.checked: tuple[tuple[object, ...], dict[str, str], dict[str, str]] | None = None
        #: The findings from dry runs of queued plans, by uid, and the versions of the queue and the findings.
        self.found: tuple[tuple[object, ...], dict[str, str]] | None = None
        # The items shown last, by position: in the queue table, in the history table, and in the later of the two.
        self._queue: dict[int, Item] | None = None
        self._history: dict[int, Item] | None = None
        self._last: dict[int, Item] | None = None
        #: The item that ran without the queue, if nothing has been shown since then. It has no position.
        self._ran: Item | None = None
        self._past_at_hand = HistoryAtHand()
        #: History items that a negative number has referred to, by their number in the history.
        self._counted_back: dict[int, Item] = {}
        #: Items added since the queue was shown last, by position.
        self._grown: dict[int, Item] = {}
        self._known: tuple[tuple[object, ...], KnownNames] | None = None
        self._line_status: dict[str, Any] | None = None
        self._line_queue: dict[str, Any] | None = None
        self._looked_at: list[Item] = []
        #: The latest fetched items with metadata, even if no table shows them any more.
        self._with_metadata: deque[Item] = deque(maxlen=_MOST_REMEMBERED)
        self._lists_are_checked = False

    @property
    def rm(self) -> REManagerAPI:
        """A client that raises an error for each refused request, even if the user's own client does not."""
        held = self.settings.client()
        if self._clients is None or self._clients[0] is not held:
            self._clients = (held, held.raising())
            _identify(held)
        return self._clients[1]

    def status(self) -> dict[str, Any]:
        """The current status."""
        status: dict[str, Any] = dict(self.rm.status())
        self._line_status = self._line_status or status
        self._past_at_hand.has_length(status.get("items_in_history", 0))
        return status

    def begin_line(self) -> None:
        """Begin a new line: discard what was fetched for the previous one."""
        self._line_status = self._line_queue = None
        self._lists_are_checked = False

    def line_status(self) -> dict[str, Any]:
        """The first status that was fetched for this line; fetched now if there is none."""
        return self._line_status or self.status()

    def line_queue(self) -> dict[str, Any]:
        """The queue before this line changes it, fetched once."""
        if self._line_queue is None:
            self._line_queue = cast("dict[str, Any]", self.rm.queue_get(reload=True))
        return self._line_queue

    def known(self, status: Mapping[str, Any] | None = None) -> KnownNames:
        """The names that this user's group may use; none if the service refuses to list them.

        They are fetched if ``status`` shows that they have changed. Without a status, the last names are used, because
        the service validates every plan anyway.
        """
        held = self._known
        if held is None or held[0][0] is not self.rm or (status and held[0][1:] != versions_in(status)):
            versions, names = fetched(self.rm, status or {})
            self._known = held = (self.rm, *versions), names
        return held[1]

    def at_hand(self) -> KnownNames:
        """The names that were fetched last. This is for completion, which sends no requests."""
        if self._known is not None and self._known[0][0] is self.rm:
            return self._known[1]
        return KnownNames(self.rm.plans.at_hand(), self.rm.devices.at_hand())

    def shown(self) -> Mapping[int, Item]:
        """The items that were shown last, by position."""
        return self._last or {}

    def shown_history(self) -> Mapping[int, Item]:
        """The history items that were shown last, by position."""
        return self._history or {}

    def users(self) -> set[str]:
        """The users of all items that were shown."""
        return {str(item.get("user")) for item in self._seen()}

    def _seen(self) -> list[Item]:
        """All items that were shown or added."""
        seen = (self._last, self._queue, self._grown, self._history)
        return list({id(item): item for shown in seen if shown for item in shown.values()}.values())

    def metadata(self) -> Iterator[tuple[str, Any]]:
        """Metadata keys and values of all items that were shown or added, without a request."""
        for item in [*reversed(self._seen()), *reversed(self._with_metadata)]:
            for meta in item["meta"] if isinstance(item.get("meta"), list) else [item.get("meta") or {}]:
                yield from meta.items() if isinstance(meta, Mapping) else ()

    def remember(self, items: Iterable[Item]) -> None:
        """Remember items with metadata. Completion offers their values after ``--md``."""
        self._with_metadata.extend(item for item in items if item.get("meta"))

    def take_document(self, message: Mapping[str, Any]) -> None:
        """Record the fields of a run that is shown."""
        self.fields.take(message)

    def ended_item(self, uid: str) -> Item | None:
        """The history item with this uid, if it was shown or is the newest one."""
        seen = [*(self._history or {}).values(), *self._counted_back.values()]
        found = next((item for item in seen if item["item_uid"] == uid), None)
        return found or next(
            (item for item in history_pages.page(self.rm, {}, 1)["items"] if item["item_uid"] == uid), None
        )

    def uid_at_hand(self, text: str) -> str:
        """The uid of the item that `finished` would find, without a request; empty if the session does not know it."""
        if (position := position_of(text, self._history or {})) is None:
            uids = [*(item["item_uid"] for item in self._seen()), *self.fields.uids()]
            return next((uid for uid in uids if uid.startswith(text)), "")
        if position == -1 and self._ran:
            return self._ran["item_uid"]
        if position < 0:
            return self._past_at_hand.uid(-position)
        return (self._history or {}).get(position, {}).get("item_uid", "")

    def seen_item(self, uid: str) -> Item | None:
        """The item with this uid if it was shown."""
        return next((item for item in self._seen() if item["item_uid"] == uid), None)

    def queue(self, status: Mapping[str, Any] | None = None) -> QueueView:
        """Fetch the queue; positions refer to it from now on."""
        now = status or self.line_status()
        shown = QueueView(
            self.rm.queue_get(reload=True), self.known(now), status=now, rows=self.settings.rows(), me=self.rm.user
        )
        self._queue_is_seen(shown)
        return shown

    def place_of(self, item: Item) -> int | None:
        """The position of an item that this line has looked up. From now on, positions refer to that queue."""
        place = next((at for at, each in enumerate(self._looked_at) if each["item_uid"] == item["item_uid"]), None)
        if place is not None:
            self._queue_is_seen(self._looked_at)
        return place

    def queue_after_change(self, items: Sequence[Item], where: Mapping[str, Any], size: int | None) -> QueueView:
        """The queue after this line added or moved items.

        If this line has fetched the queue before the change, the new order is derived from it. If the service reports
        another size, somebody else has changed the queue in the meantime, and the queue is fetched again.

        Parameters
        ----------
        items
            The items, as the service returned them.
        where
            Where the request puts them, as in `placed_in`.
        size
            The size of the queue in the reply.
        """
        before, self._line_queue = self._line_queue, None
        after = placed_in(before["items"], items, where) if before else None
        now = (
            {"items": after, "running_item": before["running_item"]}
            if before and after and len(after) == size
            else self.rm.queue_get(reload=True)
        )
        status = self.line_status() if now["running_item"] else self._line_status  # only a running item has a state
        shown = QueueView(now, self.known(), status=status, rows=self.settings.rows(), me=self.rm.user)
        self._queue_is_seen(shown)
        return shown

    def sees_queue(self) -> None:
        """Make positions refer to the queue of this line from now on."""
        self._queue_is_seen(self.line_queue()["items"])

    def _queue_is_seen(self, items: Sequence[Item]) -> None:
        self._queue = self._last = dict(enumerate(items))
        self._grown = {}
        self._ran = None

    def history(self, query: HistoryQuery) -> HistoryView:
        """Fetch the history plans that match a query; ``redo`` refers to them from now on."""
        rows = query.rows or self.settings.rows()
        return self.take_history(history_pages.page(self.rm, query.params, rows + 1), rows=rows, query=query)

    def take_history(
        self,
        reply: Mapping[str, Any],
        *,
        rows: int | None = None,
        since: int = 0,
        query: HistoryQuery | None = None,
    ) -> HistoryView:
        """Make a view of the history in a reply."""
        shown = self._history_is_seen(reply, rows=rows, since=since, query=query)
        if failed := shown.failed_rows():
            self._line_queue = cast("dict[str, Any]", self.rm.queue_get(reload=True))
            back = find_requeued(failed, self._line_queue)
            shown.requeued = {uid: each.place for uid, each in back.items()}
            self._follow(back)
        return shown

    def place_is_named(self, items: Sequence[Item]) -> None:
        """Make positions refer to this queue, because a message mentions it. -1 stays the plan that ran last."""
        ran = self._ran
        self._queue_is_seen(items)
        self._ran = ran

    def _follow(self, requeued: Mapping[str, Requeued]) -> None:
        """Make the positions of items that have run refer to the requeued items, which have new uids."""
        for shown in (self._queue, self._grown):
            if shown is not None:
                shown.update(
                    {at: requeued[item["item_uid"]].item for at, item in shown.items() if item["item_uid"] in requeued}
                )

    def _history_is_seen(
        self,
        reply: Mapping[str, Any],
        *,
        rows: int | None = None,
        since: int = 0,
        query: HistoryQuery | None = None,
    ) -> HistoryView:
        """Show the history. Positions refer to it from now on."""
        rows = rows or self.settings.rows()
        shown = HistoryView(reply, self.known(), rows=rows, since=since, query=query, me=self.rm.user)
        self._history = self._last = shown.rows_by_number()
        self._past_at_hand.note(self._history)
        self.remember(shown)
        self._counted_back = {}
        self._ran = None
        return shown

    def ran_since(self, before: int, now: int) -> HistoryView:
        """The plans that ran while the history grew from one length to another. Positions then refer to them."""
        self.watched.all_shown()
        self._past_at_hand.has_length(now)
        if before < now:
            return self.take_history(history_pages.page(self.rm, {}, now - before), since=before)
        return HistoryView({"items": []}, self.known())

    def place_of_added(self, where: Mapping[str, Any], count: int, size: int) -> int | None:
        """The first position of items that were just added; None if the queue table must be shown.

        The table must be shown if the items are not at the back and have moved other items whose positions were shown.
        """
        pos = where.get("pos")
        if where.get("before_uid") or where.get("after_uid"):
            return None
        if pos in (None, "back"):
            return size - count
        if self._queue is not None or self._grown:
            return None
        if pos == "front":
            return 0
        return min(pos, size - count) if isinstance(pos, int) and pos >= 0 else None

    def queue_has_grown(self, first: int, items: list[Item], size: int) -> None:
        """Record that items were added and shown with their positions, the first at ``first``."""
        added = {first + i: item for i, item in enumerate(items)}
        # If nobody else changed its length, the shown positions are still correct.
        if first == len(self._queue or ()) == size - len(items):
            self._queue = self._last = {**(self._queue or {}), **added}
        else:  # the items before them are fetched when needed
            self._queue = None
            self._grown = self._last = added
        self._ran = None

    def has_run(self, item: Item) -> None:
        """Record that an item ran without the queue. From now on, it counts as the item that was shown last."""
        self._ran = item
        self.remember([item])

    def lock_key(self) -> str | None:
        """The client's lock key, or the one in this user's key file, if there is one."""
        return self.rm.lock_key or self.rm.read_default_lock_key()

    def task(self, beginning: str) -> str:
        """Complete the uid of a task of this session; return an unknown uid unchanged."""
        return next((uid for uid in reversed(self.tasks) if uid.startswith(beginning)), beginning)

    def forget(self) -> None:
        """Forget all shown items, because the client now uses another service."""
        self.tasks.clear()
        self.functions.clear()
        self._queue = self._history = self._last = self._ran = None
        self.watched = Watched()
        self._past_at_hand = HistoryAtHand()
        self._with_metadata.clear()
        self._grown = {}

    def objection(self, name: str, variables: Mapping[str, Any]) -> str | None:
        """The reason why a bare name is not a known plan or device; None if it is one, or if no names are known.

        Most plans accept any string, so without this check nobody would notice a misspelled device until the plan runs.
        """
        known = self.known()
        is_new = name.partition(".")[0] not in known.devices or has_index(name)
        if name not in known and is_new and not self._lists_are_checked:
            known = self.known(self.line_status())  # the name may be new
            self._lists_are_checked = True
        return known.objection(name, variables, self.rm.user_group)

    # ------------------------------------------------------------------------------------------- finding an item
    def queued(self, line: Line, token: LineWord) -> str:
        """The uid of the queued item that a token refers to.

        A position refers to the table that was shown last. The service checks whether the item is still in the
        queue; see `explained`.
        """
        shown = {**(self._queue or {}), **self._grown}
        if (position := position_of(token.text, shown)) is None:
            found = only_one(token.text, shown.values())
            return (found or self.queued_item(line, token))["item_uid"]
        return self._shown_in_queue(line, token, position)["item_uid"]

    def source(self, line: Line, token: LineWord) -> dict[str, Any]:
        """The request parameters for the queued item that a token refers to; see `queued`.

        If the queue has not been shown yet, a position refers to the current queue.
        """
        position = position_of(token.text, {})
        if position is None or self._queue is not None or self._grown:
            return {"uid": self.queued(line, token)}
        return {"pos": position}

    @contextmanager
    def explained(self, line: Line, tokens: Sequence[LineWord]) -> Iterator[None]:
        """If a request is refused because one of these items has left the queue, name that item in the error."""
        try:
            yield
        except RequestFailedError:
            self._line_queue = None
            for token in tokens:
                self.queued_item(line, token)
            raise

    def queued_item(self, line: Line, token: LineWord) -> Item:
        """The item that a token refers to in the queue as this line has fetched it."""
        queue = self.line_queue()
        now, running = queue["items"], queue["running_item"]
        self._looked_at = now
        if (position := position_of(token.text, self._queue or {})) is None:
            item = by_beginning(line, token, [*now, running] if running else now, self.known)
            if item is running:
                raise NotFound(f"{plan_text(item, self.known())} is running now")
            return item
        seen = self._shown_in_queue(line, token, position)
        for item in now:
            if item["item_uid"] == seen["item_uid"]:
                return item
        where = "is running now" if running.get("item_uid") == seen["item_uid"] else "is no longer in the queue"
        if back := requeued_item(self.rm, seen, queue):
            self._follow({seen["item_uid"]: back})
            where = f"has run since then. It is {back.place_with_number} as a new item. Enter the line again to use it."
        raise NotFound(f"{plan_text(seen, self.known())}, which was shown at position {position}, {where}")

    def finished(self, line: Line, token: LineWord) -> Item:
        """The history item that a token refers to.

        A number refers to the last history table. A negative number counts back from the plan that ended last, even
        if the table does not show it.
        """
        position = position_of(token.text, self._history or {})
        if position is not None and position < 0:
            return self._back_in_history(line, token, -position)
        if position is not None and self._history is None:
            self._history_is_seen(history_pages.page(self.rm, {}, history_pages.MANY))
            position = position_of(token.text, self._history or {})
        if position is None:
            found = only_one(token.text, (self._history or {}).values())
            return found or by_beginning(line, token, self._past(), self.known)
        return shown_at(line, token, position, self._history or {})

    def _back_in_history(self, line: Line, token: LineWord, back: int) -> Item:
        """The item at place ``back`` from the end of the whole history, no matter which table was shown; 1 is the
        newest.

        A plan that runs without the queue counts as the newest, because the user has just started it.
        """
        if back == 1 and self._ran and self.line_queue()["running_item"].get("item_uid") == self._ran["item_uid"]:
            return self._ran
        reply = history_pages.page(self.rm, {}, back)
        found = counted_back(line, token, reply["items"], back)
        numbers = reply.get("positions") or range(len(reply["items"]))
        self._counted_back[numbers[-back]] = found
        self._past_at_hand.note(self._counted_back)
        return found

    def name_in_history(self, item: Item) -> str:
        """How messages name an item that `finished` has found."""
        if item is self._ran:
            return "the plan that you ran last"
        numbered = [*(self._history or {}).items(), *self._counted_back.items()]
        number = next((number for number, each in numbered if each is item), None)
        return "it" if number is None else f"number {number}"

    def any_item(self, line: Line, token: LineWord) -> Item:
        """The item that a token refers to: a position in the table that was shown last, or a uid."""
        queue = self.line_queue()
        now: list[Item] = [*queue["items"], *([queue["running_item"]] if queue["running_item"] else [])]
        if (position := position_of(token.text, self._last or {})) is None:
            return by_beginning(line, token, [*now, *self._past()], self.known)
        if position == -1 and self._ran:
            seen = self._ran
        elif self._last is None or self._last is self._grown:
            seen = self._shown_in_queue(line, token, position)
        elif position < 0 and self._last is self._history:
            return self._back_in_history(line, token, -position)
        else:
            seen = shown_at(line, token, position, self._last)
        found = next((item for item in now if item["item_uid"] == seen["item_uid"]), None)
        # An item with a result need not be in the history, because requeued items have a result too.
        if found or self._is_in_history(seen):
            return found or seen
        return next((item for item in self._past() if item["item_uid"] == seen["item_uid"]), seen)

    def _past(self) -> list[Item]:
        """Fetch all history items."""
        return history_pages.everything(self.rm)

    def _is_in_history(self, seen: Item) -> bool:
        """Whether an item is in the last history table."""
        return any(item is seen for item in [*(self._history or {}).values(), *self._counted_back.values()])

    def _shown_in_queue(self, line: Line, token: LineWord, position: int) -> Item:
        """The item at this position in the last queue table."""
        if self._queue is None:
            grown = self._grown
            self.sees_queue()
            self._queue = self._last = {**(self._queue or {}), **grown}
        return shown_at(line, token, position, self._queue or {})


def _identify(client: REManagerAPI) -> None:
    """Ask an HTTP server for the user's name. If that fails, the next request shows why."""
    if client.protocol is client.Protocols.HTTP:
        with suppress(QSError):
            client.identify()
