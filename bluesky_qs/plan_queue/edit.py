"""A change of the queue that memory has and the store does not have yet: what to store, and how to take it back."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bluesky_qs.plan_queue.changes import Change
from bluesky_qs.plan_queue.items import Running
from bluesky_qs.plan_queue.line import Entry
from bluesky_qs.plan_queue.rules import QueueMode


class Facts(msgspec.Struct, frozen=True):
    """What there is of the queue beside its items and its history."""

    mode: QueueMode
    running: Running | None
    queue_uid: str
    history_uid: str


class Delta(msgspec.Struct, frozen=True):
    """What an edit did to memory, so that the reverse can be done.

    Attributes
    ----------
    taken, put
        Entries that left and that entered the line.
    dropped, added
        History items dropped at the old end; number of those added at the new end.
    facts
        As they were before.
    """

    facts: Facts
    taken: Sequence[Entry] = ()
    put: Sequence[Entry] = ()
    dropped: list[bytes] = []
    added: int = 0


class Edit:
    """A change of the queue, made in memory.

    Attributes
    ----------
    items_json
        The items concerned, as JSON text, in the order in which the method reports them.
    changes
        What to commit to the store; empty if the request changed nothing.
    delta, revert, later
        For `undo`: what was done, how to do the reverse, the edit that was made next.
    """

    __slots__ = ("_items", "changes", "delta", "items_json", "later", "revert")

    def __init__(
        self,
        changes: list[Change],
        items_json: Sequence[bytes] = (),
        items: list[dict[str, Any]] | None = None,
    ) -> None:
        self.changes = changes
        self.items_json = items_json
        self._items = items
        self.delta: Delta | None = None
        self.revert: Callable[[Delta], None] | None = None
        self.later: Edit | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items concerned; decoded when first asked for."""
        if self._items is None:
            self._items = [json.loads(data) for data in self.items_json]
        return self._items

    def undo(self) -> None:
        """Make memory what it was before this edit.

        Edits that came later stand on this one and are undone before it, because a store that refuses a commit
        refuses those that wait behind it too. To undo an edit again does nothing.
        """
        if self.delta is None:
            return
        edits: list[Edit] = []
        edit: Edit | None = self
        while edit is not None:
            edits.append(edit)
            edit = edit.later
        for each in reversed(edits):
            if each.delta is not None and each.revert is not None:
                each.revert(each.delta)
                each.delta = None

    def made(self, delta: Delta, revert: Callable[[Delta], None], earlier: "Edit | None") -> None:
        """Note what was done to memory, how to reverse it, and the edit that it stands on."""
        self.delta = delta
        self.revert = revert
        if earlier is not None:
            earlier.later = self


class Finished(Edit):
    """The end of the running item.

    Attributes
    ----------
    exit_status
        As it is recorded in the history.
    requeued
        The item that went back to the queue, with its new uid; None if none did.
    continue_queue
        The next item may start. Never after an immediate execution.
    autostart_stays
        False: autostart is to be switched off.
    """

    __slots__ = ("autostart_stays", "continue_queue", "exit_status", "requeued")

    def __init__(
        self,
        changes: list[Change],
        item_json: bytes,
        *,
        exit_status: str,
        requeued: dict[str, Any] | None,
        continue_queue: bool,
        autostart_stays: bool,
    ) -> None:
        super().__init__(changes, [item_json])
        self.exit_status = exit_status
        self.requeued = requeued
        self.continue_queue = continue_queue
        self.autostart_stays = autostart_stays
