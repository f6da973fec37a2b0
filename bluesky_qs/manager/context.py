"""The parts of a running manager, and how they tell each other that something changed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc.link import ClientEnd
from bluesky_qs.manager.documents import DocumentBook
from bluesky_qs.manager.environment import Environment
from bluesky_qs.manager.events import EventBook
from bluesky_qs.manager.ledger import Ledger
from bluesky_qs.manager.lists import ListBook
from bluesky_qs.manager.locking import LockBook
from bluesky_qs.manager.runner import Runner
from bluesky_qs.manager.state import Lifecycle
from bluesky_qs.manager.tasks import Tasks
from bluesky_qs.plan_queue.queue import PlanQueue


class Changes:
    """Calls the observers once for all the changes of one turn of the event loop."""

    def __init__(self) -> None:
        self._observers: list[Callable[[], None]] = []
        self._stale: list[Callable[[], None]] = []
        self._scheduled = False

    def watch(self, observer: Callable[[], None], *, stale: Callable[[], None] | None = None) -> None:
        """Call ``observer`` after the turn in which something changed, ``stale`` at the very moment."""
        self._observers.append(observer)
        if stale:
            self._stale.append(stale)

    def __call__(self) -> None:
        """Something changed."""
        for stale in self._stale:
            stale()
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._scheduled = False
        for observer in self._observers:
            observer()


class Context:
    """What handlers work with. Filled by `bluesky_qs.manager.app`.

    Attributes
    ----------
    order
        Held while a request changes the queue: requests that take several turns of the loop keep their order.
    spawn
        Runs a coroutine in the manager's task group: an error in it ends the manager, and the supervisor replaces it.
    stop
        Asks the manager to end the service; the argument says why, for the log.
    """

    settings: Settings
    changed: Changes
    lifecycle: Lifecycle
    queue: PlanQueue
    events: EventBook
    documents: DocumentBook
    ledger: Ledger
    lock: LockBook
    lists: ListBook
    tasks: Tasks
    environment: Environment
    runner: Runner
    supervisor: ClientEnd
    order: asyncio.Lock
    foreground_task: str | None = None
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    stop: Callable[[str], None]
    status_json: Callable[[], Any]
