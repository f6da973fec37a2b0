"""The parts of a running manager, as its handlers use them."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc.link import Link
from bluesky_qs.manager.edits.answers import AnswerBook
from bluesky_qs.manager.edits.events import EventBook
from bluesky_qs.manager.edits.ledger import Ledger
from bluesky_qs.manager.edits.locking import LockBook
from bluesky_qs.manager.edits.undo import UndoBook
from bluesky_qs.manager.estimates.dry_run_requests import DryRunRequests
from bluesky_qs.manager.estimates.end_of_queue import EndOfQueue
from bluesky_qs.manager.estimates.foresight import Foresight
from bluesky_qs.manager.estimates.queue_findings import QueueFindings
from bluesky_qs.manager.estimates.times import Times
from bluesky_qs.manager.execution.runner import Runner
from bluesky_qs.manager.history.documents import DocumentBook
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.manager.history.history_search import HistorySearch
from bluesky_qs.manager.history.item_logs import ItemLogs
from bluesky_qs.manager.loop.changes import Changes
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.lists import ListBook
from bluesky_qs.manager.worker.pulse import PulseBook
from bluesky_qs.manager.worker.reading_requests import ReadingRequests
from bluesky_qs.manager.worker.state import Lifecycle
from bluesky_qs.manager.worker.tasks import TaskRecords
from bluesky_qs.plan_queue.queue import PlanQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All parts of the manager. `bluesky_qs.manager.assembly` creates them; nothing is added later.

    Attributes
    ----------
    order
        Held while a request changes the queue, so requests that need several turns of the loop keep their order.
    spawn
        Runs a coroutine in the manager's task group. An error in it ends the manager, and the supervisor replaces it.
    stop
        Stops the service. The argument is the reason for the log.
    freeze
        Blocks the event loop forever.
    """

    settings: Settings
    clock: Clock
    changed: Changes
    lifecycle: Lifecycle
    queue: PlanQueue
    events: EventBook
    undo: UndoBook
    answers: AnswerBook
    documents: DocumentBook
    ledger: Ledger
    history: HistoryBook
    search: HistorySearch
    logs: ItemLogs
    lock: LockBook
    lists: ListBook
    tasks: TaskRecords
    environment: Environment
    readings: ReadingRequests
    dry_runs: DryRunRequests
    findings: QueueFindings
    times: Times
    foresight: Foresight
    end_of_queue: EndOfQueue
    pulse: PulseBook
    runner: Runner
    supervisor: Link
    order: asyncio.Lock
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    stop: Callable[[str], None]
    freeze: Callable[[], object]
