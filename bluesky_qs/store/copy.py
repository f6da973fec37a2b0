"""Copies the content of one store to another."""

from bluesky_qs.plan_queue.changes import (
    FACTS,
    AddAnswer,
    AddEvent,
    AddHistory,
    AddUndo,
    ClearQueue,
    PutItem,
    SetFact,
    Snapshot,
    TrimAnswers,
    TrimEvents,
    TrimHistory,
    TrimUndo,
)
from bluesky_qs.store.base import Store


def has_plans(content: Snapshot) -> bool:
    """Return whether a plan is queued or running in a store, or has run.

    If so, the store is not overwritten unasked.
    """
    return bool(content.items or content.history or content.facts.get("running_plan", b"{}") != b"{}")


async def copy_store(source: Store, target: Store) -> Snapshot:
    """Replace the content of ``target`` with the content of ``source`` in one commit, and return it. Both must be open.

    Raises
    ------
    StoreError
        A store failed. The target is unchanged.
    """
    snapshot = await source.load()
    history = await source.read_history(snapshot.history)
    await target.commit(
        [
            ClearQueue(),
            *(PutItem(item.uid, item.rank, item.data) for item in snapshot.items),
            TrimHistory(0),
            *(AddHistory("", data) for _, data in history),
            TrimEvents(0),
            *(AddEvent(data) for data in snapshot.events),
            TrimUndo(0),
            *(AddUndo(data) for data in snapshot.undo),
            TrimAnswers(0),
            *(AddAnswer(data) for data in snapshot.answers),
            *(SetFact(name, snapshot.facts.get(name)) for name in FACTS),
        ],
    )
    return snapshot
