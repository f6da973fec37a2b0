"""What ``%qs`` works with: the client, the names that the service knows, and what the user was last shown."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

from IPython.core.error import UsageError

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import NotFound
from bluesky_qs.nearest import did_you_mean, nearest
from bluesky_qs.words.planexpr import Item, can_be_sent, plan_text
from ipython_extension.live.plot import Canvas
from ipython_extension.live.progress_output import Stage
from ipython_extension.session.requeued import queued_again
from ipython_extension.shown.display import History, Queue
from ipython_extension.shown.tables import ranges
from ipython_extension.typed.line import Line, Token

_SHORTEST_UID = 4


class KnownNames:
    """Names of plans, devices and their subdevices, as the lists of what is allowed have them."""

    def __init__(self, plans: Mapping[str, Any], devices: Mapping[str, Any]) -> None:
        self.plans = plans
        self.devices = devices

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        first, *rest = name.split(".")
        if name in self.plans:
            return True
        device = self.devices.get(first)
        for part in rest:
            device = (device or {}).get("components", {}).get(part)
        return device is not None


class PromptSettings(Protocol):
    """What the session needs of its surroundings."""

    def rows(self) -> int:
        """How many rows of a table to show."""
        ...

    def stage(self) -> Stage:
        """Where somebody looks who waits."""
        ...

    def client(self) -> REManagerAPI:
        """The client in use."""
        ...

    def canvas(self) -> Canvas:
        """Where figures are seen."""
        ...

    def variables(self) -> dict[str, Any]:
        """The user's namespace."""
        ...

    def inputs(self) -> Sequence[str]:
        """What was typed into this session, as Python, oldest first."""
        ...

    def connect(self, *, address: str | None, user: str | None, group: str | None) -> REManagerAPI:
        """Use a client with these settings from now on, once it has an answer."""
        ...


class Session:
    """One user's conversation with the service."""

    def __init__(self, settings: PromptSettings) -> None:
        self.settings = settings
        #: The user's client, and the one that raises refusals.
        self._clients: tuple[REManagerAPI, REManagerAPI] | None = None
        #: Uids of tasks that go on in the background, oldest first.
        self.tasks: list[str] = []
        #: Functions that the worker has for certain: those that were pushed or called from here.
        self.functions: list[str] = []
        #: Why queued plans could not run now, by uid, and for which versions of queue and lists that holds.
        self.checked: tuple[tuple[object, ...], dict[str, str]] | None = None
        # What was last shown, by position: of the queue, of the history, and whichever of both came last.
        self._queue: dict[int, Item] | None = None
        self._history: dict[int, Item] | None = None
        self._last: dict[int, Item] | None = None
        #: The item that was run without the queue since; it has no position, but nothing was shown later.
        self._ran: Item | None = None
        self._started_at: int | None = None
        #: Items that were added since the queue was last shown, by position.
        self._grown: dict[int, Item] = {}
        self._known: tuple[tuple[object, ...], KnownNames] | None = None
        self._line_status: dict[str, Any] | None = None
        self._line_queue: dict[str, Any] | None = None
        self._looked_at: list[Item] = []
        self._lists_are_checked = False

    @property
    def rm(self) -> REManagerAPI:
        """The client, as one that raises refusals whatever the user's own is set to."""
        held = self.settings.client()
        if self._clients is None or self._clients[0] is not held:
            self._clients = (held, held.raising())
        return self._clients[1]

    def status(self) -> dict[str, Any]:
        """The status now."""
        status = dict(self.rm.status())
        self._line_status = self._line_status or status
        return status

    def begin_line(self) -> None:
        """A new line is carried out: what was fetched for the one before may be old."""
        self._line_status = self._line_queue = None
        self._lists_are_checked = False

    def line_status(self) -> dict[str, Any]:
        """The status that was fetched first for this line; fetched now if none was."""
        return self._line_status or self.status()

    def line_queue(self) -> dict[str, Any]:
        """The queue that was fetched first to look for an item on this line; fetched now if none was."""
        if self._line_queue is None:
            self._line_queue = cast("dict[str, Any]", self.rm.queue_get(reload=True))
        return self._line_queue

    def known(self, status: Mapping[str, Any] | None = None) -> KnownNames:
        """The names that the service knows for this user's group; none where it does not tell.

        They are fetched when a ``status`` shows that they have changed. Without one, those that were fetched last
        serve: the service validates every plan anyway.
        """
        held = self._known
        if held is None or held[0][0] is not self.rm or (status and held[0][1:] != _versions(status)):
            self._known = held = self._known_now(status or {})
        return held[1]

    def at_hand(self) -> KnownNames:
        """The names that were downloaded last: for completion, which must not ask."""
        if self._known is not None and self._known[0][0] is self.rm:
            return self._known[1]
        return KnownNames(self.rm.plans.at_hand(), self.rm.devices.at_hand())

    def shown(self) -> Mapping[int, Item]:
        """What was last shown, by position: for completion, too."""
        return self._last or {}

    def queue(self, status: Mapping[str, Any] | None = None) -> Queue:
        """The queue now; from here on positions refer to it."""
        now = status or self.line_status()
        shown = Queue(self.rm.queue_get(reload=True), self.known(now), status=now, rows=self.settings.rows())
        self._queue_is_seen(shown)
        return shown

    def place_of(self, item: Item) -> int | None:
        """The position of an item that was looked for in the queue for this line; from here on it is meant."""
        place = next((at for at, each in enumerate(self._looked_at) if each["item_uid"] == item["item_uid"]), None)
        if place is not None:
            self._queue_is_seen(self._looked_at)
        return place

    def queue_after_change(self) -> Queue:
        """The queue now, without the state of the service if that was not fetched for this line."""
        shown = Queue(self.rm.queue_get(reload=True), self.known(), status=self._line_status, rows=self.settings.rows())
        self._queue_is_seen(shown)
        return shown

    def places(self) -> dict[str, int]:
        """The positions in the queue now, by uid, of which one is about to be told: from here on they are meant."""
        items = cast("list[Item]", self.rm.queue_get(reload=True)["items"])
        self._queue_is_seen(items)
        return {item["item_uid"]: at for at, item in enumerate(items)}

    def _queue_is_seen(self, items: Sequence[Item]) -> None:
        self._queue = self._last = dict(enumerate(items))
        self._grown = {}
        self._ran = None

    def history(self, *, rows: int | None = None, only_failed: bool = False) -> History:
        """The history now; from here on ``redo`` refers to it."""
        return self.take_history(self.rm.history_get(), rows=rows, only_failed=only_failed)

    def take_history(
        self,
        answer: Mapping[str, Any],
        *,
        rows: int | None = None,
        only_failed: bool = False,
        since: int = 0,
    ) -> History:
        """The history in an answer, as what the user is shown now."""
        shown = History(
            answer,
            self.known(),
            rows=rows or self.settings.rows(),
            only_failed=only_failed,
            only_last=rows is not None,
            since=since,
        )
        shown.again = {uid: back.place for uid, back in queued_again(self.rm, shown.failed_rows()).items()}
        self._history = self._last = shown.rows_by_number()
        self._ran = None
        return shown

    def starts(self, status: Mapping[str, Any]) -> None:
        """The queue is being started, and the status is the one before: what runs from here on is to be told of."""
        self._started_at = status["items_in_history"]

    def ran_before(self, status: Mapping[str, Any]) -> int:
        """How long the history was when this session started the queue; if it was told of that already, now."""
        now = status["items_in_history"]
        return now if self._started_at is None or self._started_at > now else self._started_at

    def ran_since(self, before: int) -> History:
        """What has run since the history was that long; the table last shown, if it has rows."""
        self._started_at = None
        answer = self.rm.history_get()
        if before < len(answer["items"]):
            return self.take_history(answer, since=before)
        return History(answer, self.known(), since=before)

    def queue_has_grown(self, first: int, items: list[Item]) -> None:
        """Items were added at the back and shown with their positions, the first of them at ``first``."""
        added = {first + i: item for i, item in enumerate(items)}
        if first == len(self._queue or ()):  # as long as it was: what was seen of it holds
            self._queue = self._last = {**(self._queue or {}), **added}
        else:  # what is before them is looked at when it is needed
            self._queue = None
            self._grown = self._last = added
        self._ran = None

    def has_run(self, item: Item) -> None:
        """An item is run without the queue: from here on it is the last one that was shown."""
        self._ran = item

    def lock_key(self) -> str:
        """The client's lock key, else the one in this user's key file."""
        return self.rm.lock_key or self.rm.get_default_lock_key()

    def task(self, beginning: str) -> str:
        """The uid of a task of this session that begins so; what is unknown is left as it is."""
        return next((uid for uid in reversed(self.tasks) if uid.startswith(beginning)), beginning)

    def forget(self) -> None:
        """Nothing that was shown counts any more: the client speaks to another service."""
        self.tasks.clear()
        self.functions.clear()
        self._queue = self._history = self._last = self._ran = self._started_at = None
        self._grown = {}

    def objection(self, name: str, variables: Mapping[str, Any]) -> str | None:
        """Against a bare name in a plan that is nothing that the service knows; none while it knows nothing at all.

        Most plans take any string: a misspelt device would only be noticed when the plan runs, at night.
        """
        known = self.known()
        first, dot, _ = name.partition(".")
        if name not in known and first not in known.devices and not self._lists_are_checked:
            known = self.known(self.line_status())  # the name may be new
            self._lists_are_checked = True
        # The lists may not go as deep as a name below a device does.
        if name in known or first in known.devices:
            return None
        if can_be_sent(variables.get(name)):
            return f"There is no device or plan {name!r}. To use this session's variable write ${name}"
        if dot and first in variables:
            return (
                f"There is no device or plan {name!r}. Attributes are not evaluated: "
                "assign the value to a variable and write $name"
            )
        if not (known.plans or known.devices):
            return None
        hint = did_you_mean(nearest(name, [*known.devices, *known.plans], 2))
        whose = "" if hint else f" that the group {self.rm.user_group!r} may use"
        return f"There is no device or plan {name!r}{whose}{hint}. Put plain text in quotes: '{name}'"

    def _known_now(self, status: Mapping[str, Any]) -> tuple[tuple[object, ...], KnownNames]:
        """The names as they are now, and their version."""
        try:
            # Reloaded, because the client would ask for the status first.
            plans, devices = self.rm.plans_allowed(reload=True), self.rm.devices_allowed(reload=True)
        except RequestFailedError:
            return (self.rm, *_versions(status)), KnownNames({}, {})
        versions = (plans.get("plans_allowed_uid"), devices.get("devices_allowed_uid"))
        return (self.rm, *versions), KnownNames(plans["plans_allowed"], devices["devices_allowed"])

    # ------------------------------------------------------------------------------------------- which item is meant
    def queued(self, line: Line, token: Token) -> str:
        """The uid of the queued item that a token means.

        A position refers to the table last shown: what the user saw there is what is meant, or nothing. Whether it
        is in the queue still is the service's to say; see `explained`.
        """
        if (position := _integer(token.text)) is None:
            seen = [item["item_uid"] for item in {**(self._queue or {}), **self._grown}.values()]
            found = {uid for uid in seen if uid.startswith(token.text)} if len(token.text) >= _SHORTEST_UID else set()
            return found.pop() if len(found) == 1 else self.queued_item(line, token)["item_uid"]
        return self._shown_in_queue(line, token, position)["item_uid"]

    def source(self, line: Line, token: Token) -> dict[str, Any]:
        """The parameters of a request that name the queued item that a token means; see `queued`.

        Where nothing of the queue was shown yet, a position is one in the queue as it is now.
        """
        position = _integer(token.text)
        if position is None or self._queue is not None or self._grown:
            return {"uid": self.queued(line, token)}
        return {"pos": position}

    @contextmanager
    def explained(self, line: Line, tokens: Sequence[Token]) -> Iterator[None]:
        """A refusal of a request about the items that these tokens mean says so if one of them has gone."""
        try:
            yield
        except RequestFailedError:
            for token in tokens:
                self.queued_item(line, token)
            raise

    def queued_item(self, line: Line, token: Token) -> Item:
        """The same item as it is now."""
        queue = cast("dict[str, Any]", self.rm.queue_get(reload=True))
        now, running = queue["items"], queue["running_item"]
        self._looked_at = now
        if (position := _integer(token.text)) is None:
            item = self._by_beginning(line, token, [*now, running] if running else now)
            if item is running:
                raise NotFound(f"{plan_text(item, self.known())} is running now")
            return item
        seen = self._shown_in_queue(line, token, position)
        for item in now:
            if item["item_uid"] == seen["item_uid"]:
                return item
        where = "is running now" if running.get("item_uid") == seen["item_uid"] else "is no longer in the queue"
        raise NotFound(f"{plan_text(seen, self.known())}, which was shown at {position}, {where}")

    def finished(self, line: Line, token: Token) -> Item:
        """The item of the history that a token means."""
        if (position := _integer(token.text)) is None:
            return self._by_beginning(line, token, cast("list[Item]", self.rm.history_get()["items"]))
        if position == -1 and self._ran:
            return self._ran
        if self._history is None:
            self.history()
        return _shown_at(line, token, position, self._history or {})

    def any_item(self, line: Line, token: Token) -> Item:
        """The item that a token means: a position of the table last shown, or a uid of queue or history."""
        queue = self.line_queue()
        now: list[Item] = [*queue["items"], *([queue["running_item"]] if queue["running_item"] else [])]
        if (position := _integer(token.text)) is None:
            return self._by_beginning(line, token, [*now, *cast("list[Item]", self.rm.history_get()["items"])])
        if position == -1 and self._ran:
            seen = self._ran
        elif self._last is None or self._last is self._grown:
            seen = self._shown_in_queue(line, token, position)
        else:
            seen = _shown_at(line, token, position, self._last)
        found = next((item for item in now if item["item_uid"] == seen["item_uid"]), None)
        if found or "result" in seen:
            return found or seen
        past = cast("list[Item]", self.rm.history_get()["items"])
        return next((item for item in past if item["item_uid"] == seen["item_uid"]), seen)

    def _shown_in_queue(self, line: Line, token: Token, position: int) -> Item:
        """The item that was last shown at this position of the queue."""
        if self._queue is None:
            grown = self._grown
            self.places()
            self._queue = self._last = {**(self._queue or {}), **grown}
        return _shown_at(line, token, position, self._queue or {})

    def _by_beginning(self, line: Line, token: Token, items: list[Item]) -> Item:
        """The one item whose uid begins with the token."""
        if len(token.text) < _SHORTEST_UID:
            raise line.fault(f"A position or at least {_SHORTEST_UID} characters of a uid are expected", token.start)
        found = {item["item_uid"]: item for item in items if item["item_uid"].startswith(token.text)}
        if not found:
            raise line.fault(f"There is no item whose uid begins with {token.text!r}", token.start)
        if len(found) > 1:
            known = self.known()
            plans = "".join(f"\n    {uid}  {plan_text(item, known)}" for uid, item in found.items())
            complaint = line.fault(f"{len(found)} items begin with {token.text!r}", token.start)
            raise UsageError(f"{complaint}{plans}")
        return next(iter(found.values()))


def _versions(status: Mapping[str, Any]) -> tuple[object, ...]:
    """What shows whether the lists have changed."""
    return status.get("plans_allowed_uid"), status.get("devices_allowed_uid")


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _shown_at(line: Line, token: Token, position: int, seen: Mapping[int, Item]) -> Item:
    """The item that was shown at a position, which may count from the back: -1 is the last that was shown."""
    numbers = sorted(seen)
    if position in seen:
        return seen[position]
    if -len(numbers) <= position < 0:
        return seen[numbers[position]]
    there = f"it has {ranges(numbers)}" if numbers else "it is empty"
    if numbers and numbers[-1] == len(numbers) - 1:
        there = f"its last is {numbers[-1]}"
    raise line.fault(f"The table last shown has no item {position}: {there}", token.start)
