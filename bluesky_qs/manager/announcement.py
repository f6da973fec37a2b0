"""The log line that describes the queue and the lock when the service starts."""

from bluesky_qs.manager.edits.locking import LockBook
from bluesky_qs.plan_queue.queue import PlanQueue


def summary(queue: PlanQueue, lock: LockBook) -> str:
    """``20 items in the queue, 3 in the history; loop mode; locked by root (environment, queue): note``."""
    queued = len(queue)
    parts = [f"{queued} {'item' if queued == 1 else 'items'} in the queue, {queue.history_size} in the history"]
    modes = [name for name, on in (("loop", queue.mode.loop), ("ignore_failures", queue.mode.ignore_failures)) if on]
    if modes:
        parts.append(f"modes on: {', '.join(modes)}")
    info = lock.info
    if locked := [part for part in ("environment", "queue") if info[part]]:
        note = f": {info['note']}" if info["note"] else ""
        parts.append(f"{' and '.join(locked)} locked by {info['user']} at {info['time_str']}{note}")
    return "; ".join(parts)
