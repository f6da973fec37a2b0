"""The queue, the running item and the history, with every change that users and plans can make.

This module does no I/O and reads no clock. It makes each change in memory immediately and returns an `Edit`, which
lists the changes for the store and can be undone if storing fails. Error messages have the wording that clients know,
without the beginning (“Failed to add an item: …”), which the method adds.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, assert_never

import msgspec
from msgspec.structs import replace

from bluesky_qs.api.types import Position
from bluesky_qs.errors import BadParams, ItemChanged, ItemError, NotFound, WrongState
from bluesky_qs.plan_queue.changes import (
    AddHistory,
    Change,
    ClearQueue,
    DropItem,
    PutItem,
    SetFact,
    Snapshot,
    TrimHistory,
)
from bluesky_qs.plan_queue.content import QueueContent
from bluesky_qs.plan_queue.edit import Delta, Edit, EndEdit, Facts, queue_changed
from bluesky_qs.plan_queue.entries import Entry, OrderedEntries, only_one, refuse_repeated
from bluesky_qs.plan_queue.events import Event, HistoryCleared, ItemEnded, ItemStarted, ModeChanged
from bluesky_qs.plan_queue.history import ItemHistory
from bluesky_qs.plan_queue.insertion import beside, insertion, neighbor, not_found
from bluesky_qs.plan_queue.items import Prepared, Running, encoded, extended, same_item, uid_of, uuid4_text
from bluesky_qs.plan_queue.rules import ModeSwitches, end_rule, known_status
from bluesky_qs.plan_queue.undo import ChangeKind, Stretch, UndoRecord, places, undo_record

NewUid = Callable[[], str]
E = TypeVar("E", bound=Edit)


class PlanQueue(QueueContent):
    """The queue, the running item and the history, with every change to them.

    Parameters
    ----------
    history_limit
        The oldest items are dropped when the history becomes longer; None keeps all.
    """

    def __init__(self, *, new_uid: NewUid = uuid4_text, history_limit: int | None = None) -> None:
        super().__init__(Facts(ModeSwitches(), None, new_uid(), new_uid()))
        self._new_uid = new_uid
        self._history_limit = history_limit

    @classmethod
    def restore(
        cls,
        snapshot: Snapshot,
        *,
        new_uid: NewUid = uuid4_text,
        history_limit: int | None = None,
    ) -> "PlanQueue":
        """Create the queue from the content of a store."""
        queue = cls(new_uid=new_uid, history_limit=history_limit)
        queue._entries = OrderedEntries(Entry(item.uid, item.rank, item.data) for item in snapshot.items)
        queue._history = ItemHistory(snapshot.history)
        queue._facts = replace(
            queue._facts,
            mode=ModeSwitches.restored(snapshot.facts.get("plan_queue_mode")),
            running=Running.restored(snapshot.facts.get("running_plan")),
        )
        return queue

    # Changes by users

    def prepare(self, item: dict[str, Any]) -> Prepared:
        """Prepare an item for `add_batch`. This is the slow part of adding an item."""
        return Prepared.of(item, self._new_uid())

    def add(
        self,
        item: dict[str, Any],
        *,
        pos: Position | None = None,
        before_uid: str | None = None,
        after_uid: str | None = None,
    ) -> Edit:
        """Add an item, at the back unless a position is given. It gets a new uid; unknown keys are dropped."""
        return self.add_batch([item], pos=pos, before_uid=before_uid, after_uid=after_uid)

    def add_batch(
        self,
        items: Sequence[dict[str, Any] | Prepared],
        *,
        pos: Position | None = None,
        before_uid: str | None = None,
        after_uid: str | None = None,
    ) -> Edit:
        """Add items next to each other, in the given order.

        Raises
        ------
        BadParams, NotFound, ItemError
            Two positions are given, the neighbor is not in the queue, or the neighbor is running and the item would go
            before it.
        """
        at = insertion(self._entries, self.running_uid, pos, before_uid, after_uid)
        prepared = [item if isinstance(item, Prepared) else self.prepare(item) for item in items]
        put, changes = self._puts(at, prepared)
        return self._make(Edit(changes, [one.data for one in prepared], [one.item for one in prepared]), put=put)

    def update(self, item: dict[str, Any], *, replace: bool = False, expected: dict[str, Any] | None = None) -> Edit:
        """Replace the queued item with the same ``item_uid``. With ``replace``, the new item gets a new uid.

        ``expected`` is the item as the user read it; `ItemChanged` is raised if the item is different now.
        """
        uid = item.get("item_uid")
        if uid is not None and uid == self.running_uid:
            raise ItemError(f"Item with UID {uid!r} is currently running")
        old = self._entries.find(uid) if isinstance(uid, str) else None
        if old is None:
            raise NotFound(f"Item with UID {uid!r} is not in the queue")
        if expected is not None and not same_item(current := json.loads(old.data), expected):
            raise ItemChanged(item=current)
        prepared = self.prepare(item) if replace else Prepared.of(item, old.uid)
        new = Entry(prepared.uid, old.rank, prepared.data)
        return self._replace([(old, new)])

    def update_batch(self, items: Sequence[Prepared], *, expected: Sequence[dict[str, Any]] | None = None) -> Edit:
        """Replace queued items, all or none; each keeps its uid. ``expected`` are the items as the user read them."""
        uids = [item.uid for item in items]
        refuse_repeated(uids)
        if self.running_uid in uids:
            raise ItemError(f"Item with UID {self.running_uid!r} is currently running")
        entries = self._entries.all_of(uids)
        if expected is not None and len(expected) != len(items):
            raise BadParams(f"'expected' has {len(expected)} items, 'items' has {len(items)}")
        for entry, read in zip(entries, expected or (), strict=False):
            if not same_item(current := json.loads(entry.data), read):
                raise ItemChanged(f"The item {entry.uid!r} has changed since you read it.", item=current)
        return self._replace(
            [(old, Entry(old.uid, old.rank, new.data)) for old, new in zip(entries, items, strict=True)]
        )

    def remove(self, *, pos: Position | None = None, uid: str | None = None) -> Edit:
        """Remove one item, by position or uid; the last one by default."""
        if uid is not None and uid == self.running_uid:
            msg = f"Can not remove an item which is currently running: UID {uid!r}"
            raise ItemError(msg)
        return self._remove([self._entries.one(pos, uid)])

    def remove_batch(self, uids: Sequence[str], *, ignore_missing: bool = True) -> Edit:
        """Remove the items with these uids. Missing items are an error unless ``ignore_missing`` is true."""
        if not ignore_missing:
            refuse_repeated(uids)
            return self._remove(self._entries.all_of(uids))
        return self._remove([entry for uid in dict.fromkeys(uids) if (entry := self._entries.find(uid))])

    def move(
        self,
        *,
        pos: Position | None = None,
        uid: str | None = None,
        pos_dest: Position | None = None,
        before_uid: str | None = None,
        after_uid: str | None = None,
    ) -> Edit:
        """Move one item to the position ``pos_dest``, or directly before or after another item."""
        only_one(pos=pos, uid=uid)
        only_one(pos_dest=pos_dest, before_uid=before_uid, after_uid=after_uid)
        if pos is None and uid is None:
            raise BadParams("Source position or UID is not specified")
        if pos_dest is None and before_uid is None and after_uid is None:
            raise BadParams("Destination position or UID is not specified")
        place = self._entries.place(pos) if uid is None else None
        source = self._entries.find(uid) if uid is not None else place is not None and self._entries[place]
        if not source:
            raise NotFound(not_found("Source", pos, uid, running=self.running_uid))
        if pos_dest is not None:
            destination = self._entries.place(pos_dest)
            if destination is None:
                raise NotFound(not_found("Destination", pos_dest, None))
            return self._relocate([source], lambda: destination)
        if source.uid in (before_uid, after_uid):
            return Edit([], [source.data])
        found = neighbor(
            self._entries, self.running_uid, before_uid, after_uid, "Destination plan (UID {uid!r}) was not found"
        )
        return self._relocate([source], lambda: beside(self._entries, found, after=after_uid is not None))

    def move_batch(
        self,
        uids: Sequence[str],
        *,
        pos_dest: Literal["front", "back"] | None = None,
        before_uid: str | None = None,
        after_uid: str | None = None,
        reorder: bool = False,
    ) -> Edit:
        """Move items next to each other, in the order of ``uids`` or, with ``reorder``, in their current order."""
        only_one(pos_dest=pos_dest, before_uid=before_uid, after_uid=after_uid)
        if pos_dest is None and before_uid is None and after_uid is None:
            raise BadParams("Destination for the batch is not specified")
        if pos_dest not in (None, "front", "back"):
            msg = f"Destination for the batch may be 'front' or 'back': pos_dest={pos_dest!r}"
            raise BadParams(msg)
        refuse_repeated(uids)
        entries = self._entries.all_of(uids)
        if reorder:
            entries.sort(key=lambda entry: entry.rank)
        if pos_dest is not None:
            return self._relocate(entries, lambda: 0 if pos_dest == "front" else len(self._entries))
        if (target := after_uid if before_uid is None else before_uid) in set(uids):
            msg = f"Destination for the batch: item with UID {target!r} is in the batch"
            raise BadParams(msg)
        found = neighbor(
            self._entries, self.running_uid, before_uid, after_uid, "Destination plan (UID {uid!r}) was not found"
        )
        return self._relocate(entries, lambda: beside(self._entries, found, after=after_uid is not None))

    def clear(self) -> Edit:
        """Remove all items. The running item is not affected."""
        entries = self._entries.entries()
        edit = Edit([ClearQueue()] if entries else [], [entry.data for entry in entries])
        return self._make(edit, taken=entries, change="clear")

    def take_back(self, record: UndoRecord, number: int) -> Edit:
        """Undo the change reported by the event with this number. The caller has checked that the items allow it."""
        match record.change:
            case "clear" | "removal":
                texts = {uid: text.encode() for uid, text in zip(record.uids, record.items, strict=True)}
                put, changes = self._put_back(record.stretches, texts, queued=False)
                edit = Edit(changes, [entry.data for entry in put])
                return self._make(edit, put=put, change="addition", undoes=number)
            case "addition":
                return self._remove(self._entries.all_of(record.uids), undoes=number)
            case "move":
                old = self._entries.all_of(record.uids)
                self._entries.take(old)
                put, changes = self._put_back(record.stretches, {each.uid: each.data for each in old}, queued=True)
                self._entries.put(old)
                edit = Edit(changes, [entry.data for entry in put])
                return self._make(edit, taken=old, put=put, change="move", undoes=number)
            case "edit":
                texts = [text.encode() for text in record.items]
                edited = zip(self._entries.all_of(record.uids), texts, strict=True)
                pairs = [(old, Entry(uid_of(text) or old.uid, old.rank, text)) for old, text in edited]
                return self._replace(pairs, undoes=number)
            case _:
                assert_never(record.change)

    def set_mode(self, mode: dict[str, Any] | Literal["default"]) -> Edit:
        """Set ``loop`` and ``ignore_failures``; ``"default"`` switches both off.

        Modes that are not given do not change.
        """
        new = ModeSwitches() if mode == "default" else self.mode.with_(mode)
        if new == self.mode:
            return Edit([])
        edit = Edit([SetFact("plan_queue_mode", encoded(msgspec.structs.asdict(new)))])
        return self._make(edit, facts=replace(self._facts, mode=new), event=ModeChanged(new))

    def clear_history(self, *, size: int | None = None, through: int | None = None) -> Edit:
        """Clear the history, keep only the newest ``size`` items, or drop all items up to the number ``through``."""
        if through is not None:
            return self._trim(max(0, self._history.numbers.stop - through - 1))
        return self._trim(max(0, size or 0))

    # Execution

    def start_next(self, time_start: float) -> Edit:
        """Make the first item the running item.

        Raises
        ------
        NotFound, WrongState
            The queue is empty, or an item is already running.
        """
        entry = self._entries.one("front", None)
        return self._start(entry.uid, entry.data, time_start, [entry])

    def start_now(self, item: dict[str, Any], time_start: float) -> Edit:
        """Make an item that is not in the queue the running item. It gets a new uid and never enters the queue."""
        prepared = self.prepare(item)
        return self._start(prepared.uid, prepared.data, time_start, [])

    def put_back(self) -> Edit:
        """Put the running item, which could not start, back at the front with the same uid."""
        running = self._facts.running
        if running is None:
            raise WrongState("No item is running")
        put, puts = self._puts(0, [Prepared(json.loads(running.item), running.uid, running.item)])
        edit = Edit([SetFact("running_plan", None), *puts], [running.item])
        return self._make(edit, facts=replace(self._facts, running=None), put=put)

    def finish(self, result: dict[str, Any], *, interrupted: bool = False) -> EndEdit:
        """Record the end of the running item: it goes to the history with its ``result``, and may be requeued.

        The item keeps the result if it goes back to the front, so that clients see how it ended.

        Parameters
        ----------
        result
            The result with its ``exit_status``; an unrecognized exit status becomes ``unknown``.
        interrupted
            Whether the service was stopped or the worker was lost. If so, the item goes to the front even if failures
            are ignored.
        """
        running = self._facts.running
        if running is None:
            raise WrongState("No item is running")
        status = known_status(result.get("exit_status"))
        end = end_rule(status, self.mode, interrupted=interrupted)
        result = {**result, "exit_status": status}
        requeued = None
        if not running.immediate and (end.to_front or self.mode.loop):
            requeued = self.prepare(json.loads(running.item))
            if end.to_front:
                requeued = requeued.with_result(result)
        ended = ItemEnded(running.uid, status, requeued.uid if requeued else None)
        entry = extended(running.item, "result", result)
        put, puts = self._puts(0 if end.to_front else len(self._entries), [requeued] if requeued else [])
        limit = self._history_limit
        keep = limit if limit is not None and len(self._history) >= limit else None
        edit = EndEdit(
            [
                SetFact("running_plan", None),
                AddHistory(running.uid, entry),
                *puts,
                *([] if keep is None else [TrimHistory(keep)]),
            ],
            entry,
            ended,
            continue_queue=end.continues and not running.immediate,
            autostart_stays=end.continues,
        )
        facts = replace(self._facts, running=None)
        return self._make(edit, facts=facts, put=put, added=[entry], keep=keep, event=ended)

    def pass_instruction(self) -> Edit:
        """Carry out the instruction at the front: it leaves the queue, or goes to the back in loop mode."""
        entry = self._entries.one("front", None)
        again = [self.prepare(json.loads(entry.data))] if self.mode.loop else []
        put, puts = self._puts(len(self._entries), again)
        edit = Edit([DropItem(entry.uid, entry.data), *puts], [entry.data])
        return self._make(edit, taken=[entry], put=put)

    # Making changes

    def _make(
        self,
        edit: E,
        *,
        taken: Sequence[Entry] = (),
        put: Sequence[Entry] = (),
        facts: Facts | None = None,
        added: Sequence[bytes] = (),
        keep: int | None = None,
        event: Event | None = None,
        change: ChangeKind | None = None,
        undoes: int | None = None,
    ) -> E:
        """Make an edit in memory: remove and insert entries, set facts, extend the history and trim it to ``keep``.

        ``event`` reports what happened besides the change to the queue. A ``change`` with a name can be undone later.
        """
        if not edit.changes:
            return edit
        record = undo_record(change, self._entries, taken, put, undoes) if change else None
        before = self._facts
        facts = before if facts is None else facts
        self._entries.take(taken)
        self._entries.put(put)
        self._history.extend(added)
        dropped = 0 if keep is None else self._history.drop(len(self._history) - keep)
        if taken or put or facts.running is not before.running:
            facts = replace(facts, queue_uid=self._new_uid())
        if added or dropped:
            facts = replace(facts, history_uid=self._new_uid())
        self._facts = facts
        events: list[Event] = []
        if taken or put:
            events.append(queue_changed(taken, put, record, cleared=change == "clear"))
        edit.made(
            [*events, event] if event else events,
            partial(self._revert, Delta(before, taken, put, dropped, len(added))),
            record,
        )
        return edit

    def _revert(self, delta: Delta) -> None:
        self._entries.take(delta.put)
        self._entries.put(delta.taken)
        self._history.restore(delta.dropped, delta.added)
        self._facts = delta.facts

    def _puts(self, at: int, items: Sequence[Prepared | Entry]) -> tuple[list[Entry], list[PutItem]]:
        """Return entries for new items from this position on, and the changes that store them."""
        following = self._entries.data_at(at)
        ranks = self._entries.room(at, len(items))
        entries = [Entry(item.uid, rank, item.data) for item, rank in zip(items, ranks, strict=True)]
        return entries, [PutItem(entry.uid, entry.rank, entry.data, following) for entry in entries]

    def _start(self, uid: str, data: bytes, time_start: float, taken: list[Entry]) -> Edit:
        if self._facts.running is not None:
            raise WrongState("An item is already running")
        running = Running.started(uid, data, time_start, immediate=not taken)
        changes: list[Change] = [DropItem(entry.uid, entry.data) for entry in taken]
        changes.append(SetFact("running_plan", running.stored))
        edit = Edit(changes, [data])
        return self._make(edit, facts=replace(self._facts, running=running), taken=taken, event=ItemStarted(uid))

    def _replace(self, pairs: Sequence[tuple[Entry, Entry]], *, undoes: int | None = None) -> Edit:
        """Put other items in the places of queued items."""
        different = [(old, new) for old, new in pairs if new.data != old.data]
        changes: list[Change] = []
        replaced: dict[bytes, bytes] = {}
        for old, new in sorted(different, key=lambda pair: pair[0].rank, reverse=True):
            # From the back, so that the item behind each one is already stored in its new form.
            at = self._entries.index(old) + 1
            following = self._entries[at] if at < len(self._entries) else None
            before = following and replaced.get(following.rank, following.data)
            same = new.uid == old.uid
            if not same:
                changes.append(DropItem(old.uid, old.data))
            changes.append(PutItem(new.uid, new.rank, new.data, before, replaces=old.data if same else None))
            replaced[new.rank] = new.data
        return self._make(
            Edit(changes, [new.data for _, new in pairs]),
            taken=[old for old, _ in different],
            put=[new for _, new in different],
            change="edit",
            undoes=undoes,
        )

    def _remove(self, entries: list[Entry], *, undoes: int | None = None) -> Edit:
        changes: list[Change] = [DropItem(entry.uid, entry.data) for entry in entries]
        return self._make(
            Edit(changes, [entry.data for entry in entries]), taken=entries, change="removal", undoes=undoes
        )

    def _put_back(
        self, stretches: Sequence[Stretch], texts: Mapping[str, bytes], *, queued: bool
    ) -> tuple[list[Entry], list[Change]]:
        """Return entries at their former places, in their former order, and the changes that store them.

        `queued` ones are moved.
        """
        entries: list[Entry] = []
        changes: list[Change] = []
        for at, uids in places(self._entries, stretches, set(texts)):
            put, puts = self._puts(at, [Entry(uid, b"", texts[uid]) for uid in uids])
            self._entries.put(put)  # because the next entries are placed among these
            entries += put
            changes += [replace(each, replaces=each.data) for each in puts] if queued else puts
        self._entries.take(entries)
        return entries, changes

    def _relocate(self, entries: list[Entry], destination: Callable[[], int]) -> Edit:
        """Move entries next to each other. ``destination`` returns the index in the queue without these entries."""
        data = [entry.data for entry in entries]
        places = [self._entries.index(entry) for entry in entries]
        self._entries.take(entries)
        at = destination()
        ranks = self._entries.room(at, len(entries))
        following = self._entries.data_at(at)
        self._entries.put(entries)
        if places == list(range(at, at + len(entries))):
            return Edit([], data)
        moved = [Entry(entry.uid, rank, entry.data) for entry, rank in zip(entries, ranks, strict=True)]
        changes: list[Change] = [PutItem(new.uid, new.rank, new.data, following, replaces=new.data) for new in moved]
        return self._make(Edit(changes, data), taken=entries, put=moved, change="move")

    def _trim(self, keep: int) -> Edit:
        if keep >= len(self._history):
            return Edit([])
        return self._make(Edit([TrimHistory(keep)]), keep=keep, event=HistoryCleared(keep))
