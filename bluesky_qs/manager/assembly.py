"""Creates and connects the parts of a manager."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc.commands import ForgetDocuments
from bluesky_qs.ipc.reports import (
    DevicesRead,
    DocumentReport,
    DryRunEnded,
    EnvironmentOpened,
    InfoReport,
    ListsReport,
    PlanEnded,
    PlanTimes,
    Pulse,
    StateChanged,
    TaskEnded,
)
from bluesky_qs.ipc.supervision import Inventory
from bluesky_qs.manager.context import Context
from bluesky_qs.manager.edits.answers import AnswerBook
from bluesky_qs.manager.edits.events import EventBook, EventEdit
from bluesky_qs.manager.edits.ledger import Ledger
from bluesky_qs.manager.edits.locking import LockBook
from bluesky_qs.manager.edits.undo import UndoBook
from bluesky_qs.manager.estimates.dry_run_requests import DryRunRequests
from bluesky_qs.manager.estimates.end_of_queue import EndOfQueue
from bluesky_qs.manager.estimates.foresight import Foresight
from bluesky_qs.manager.estimates.learned_times import LearnedTimes
from bluesky_qs.manager.estimates.queue_findings import QueueFindings
from bluesky_qs.manager.estimates.stored_times import StoredTimes
from bluesky_qs.manager.estimates.times import Times
from bluesky_qs.manager.execution.runner import Runner
from bluesky_qs.manager.execution.switches import Switches
from bluesky_qs.manager.history.document_keeper import DocumentKeeper
from bluesky_qs.manager.history.document_receipts import DocumentReceipts
from bluesky_qs.manager.history.documents import DocumentBook
from bluesky_qs.manager.history.history_book import HistoryBook
from bluesky_qs.manager.history.history_search import HistorySearch
from bluesky_qs.manager.history.item_logs import ItemLogs
from bluesky_qs.manager.loop.changes import Changes
from bluesky_qs.manager.loop.clock import Clock
from bluesky_qs.manager.outside import Outside
from bluesky_qs.manager.published.publisher import Publisher
from bluesky_qs.manager.requests import handlers
from bluesky_qs.manager.worker.environment import Environment
from bluesky_qs.manager.worker.lists import ListBook
from bluesky_qs.manager.worker.opening import opening
from bluesky_qs.manager.worker.pulse import PulseBook
from bluesky_qs.manager.worker.reading_requests import ReadingRequests
from bluesky_qs.manager.worker.state import Lifecycle, ManagerEvent, ManagerState
from bluesky_qs.manager.worker.subscriptions import WorkerGone
from bluesky_qs.manager.worker.tasks import TaskRecords
from bluesky_qs.plan_queue.changes import Snapshot
from bluesky_qs.plan_queue.queue import PlanQueue
from bluesky_qs.startup.find import StartupLocation

__all__ = ["assemble", "handlers"]  # importing the handlers registers them in the dispatcher's table


def assemble(
    settings: Settings,
    outside: Outside,
    *,
    snapshot: Snapshot,
    inventory: Inventory,
    location: StartupLocation,
    publisher: Publisher,
    spawn: Callable[[Coroutine[Any, Any, None]], object],
    stop: Callable[[str], None],
) -> Context:
    """Create all parts and connect them; `bluesky_qs.manager.app` starts them.

    ``spawn`` and ``stop`` are described in `Context`.
    """
    common, now = _Common(outside.clock, changed := Changes(), Lifecycle(changed), spawn), outside.clock.time
    queue = PlanQueue.restore(snapshot, history_limit=settings.operation.history_limit)
    events = EventBook(snapshot.events, publisher.event, now)
    undo, answers = UndoBook(snapshot.undo, events.last, now), AnswerBook(snapshot.answers, now)
    ledger = Ledger(outside.store, events, changed, undo=undo, answers=answers)
    lists = ListBook(location, changed, update=settings.operation.update_existing_plans_and_devices)
    environment = _environment(common, settings, outside, location, lists)
    foresight, findings = _foresight(common, settings, outside, queue, ledger, lists=lists, environment=environment)
    expected, switches = foresight.seconds_of, _switches(common, snapshot, inventory)
    runner = _runner(common, queue, ledger, lists, environment, switches=switches, expected=expected)
    ctx = Context(
        settings=settings,
        clock=outside.clock,
        changed=changed,
        lifecycle=common.lifecycle,
        queue=queue,
        events=events,
        undo=undo,
        answers=answers,
        ledger=ledger,
        **_kept(common, settings, outside, publisher, queue=queue, environment=environment),
        lock=LockBook(snapshot.facts.get("lock_info"), emergency_key=settings.operation.emergency_lock_key),
        lists=lists,
        tasks=_tasks(common, settings),
        environment=environment,
        **_foreseen(common, settings, queue, runner, foresight),
        pulse=PulseBook(outside.clock, changed, publisher.progress),
        findings=findings,
        supervisor=outside.supervisor,
        order=asyncio.Lock(),
        spawn=spawn,
        stop=stop,
        freeze=outside.freeze,
    )
    return _subscribed(ctx, publisher)


class _Common(NamedTuple):
    """Arguments that several parts share."""

    clock: Clock
    changed: Changes
    lifecycle: Lifecycle
    spawn: Callable[[Coroutine[Any, Any, None]], object]


def _kept(
    common: _Common,
    settings: Settings,
    outside: Outside,
    publisher: Publisher,
    *,
    queue: PlanQueue,
    environment: Environment,
) -> dict[str, Any]:
    """Create the parts that keep data about plans that ran."""
    history = HistoryBook(queue.history, outside.store)
    known, folder = _known(queue, history), outside.store.state_folder
    return {
        "history": history,
        "documents": _documents(common, settings, folder, publisher, known=known, environment=environment),
        "search": HistorySearch(queue.history, history, folder),
        "logs": ItemLogs(outside.supervisor, queue, history, common.spawn, outside.clock.time),
    }


_Known = Callable[[Collection[str]], Coroutine[Any, Any, Collection[str]]]


def _documents(
    common: _Common,
    settings: Settings,
    folder: Path | None,
    publisher: Publisher,
    *,
    known: _Known,
    environment: Environment,
) -> DocumentBook:
    operation, enabled = settings.operation, settings.network.zmq_publish_documents

    async def forget(command: ForgetDocuments) -> None:
        await environment.link.request(command)

    receipts = DocumentReceipts(forget)
    loop = asyncio.get_running_loop()
    keeper = DocumentKeeper(
        folder,
        items=operation.documents_limit if enabled else 0,
        size=operation.documents_size * 1_000_000,
        written=lambda uid, place: loop.call_soon_threadsafe(receipts.note, uid, place),
    )
    return DocumentBook(publisher.document, keeper, known, common.spawn, receipts, enabled=enabled)


def _known(queue: PlanQueue, history: HistoryBook) -> _Known:
    """Return a function that selects the given items that are running or in the history."""

    async def known(uids: Collection[str]) -> Collection[str]:
        rest = {uid for uid in uids if uid != queue.running_uid}
        return (set(uids) - rest) | set(await history.find(rest) if rest else ())

    return known


def _foresight(
    common: _Common,
    settings: Settings,
    outside: Outside,
    queue: PlanQueue,
    ledger: Ledger,
    *,
    lists: ListBook,
    environment: Environment,
) -> tuple[Foresight, QueueFindings]:
    rows = outside.store.learned_times
    kept = LearnedTimes(outside.store.state_folder) if rows is None else StoredTimes(rows)
    times = Times(queue, kept, common.changed)
    findings = QueueFindings(queue, lambda event: ledger.submit(EventEdit(event)), common.changed)
    foresight = Foresight(
        queue=queue,
        times=times,
        lists=lists,
        environment=environment,
        dry_runs=DryRunRequests(environment, settings.worker.device_read_exclude, times.for_walks),
        changed=common.changed,
        walked=findings.update if settings.worker.dry_run_on_add else lambda _: None,
    )
    return foresight, findings


def _foreseen(
    common: _Common, settings: Settings, queue: PlanQueue, runner: Runner, foresight: Foresight
) -> dict[str, Any]:
    """Create the parts that run plans, read devices, and estimate how long plans take."""
    environment = foresight.environment
    end_of_queue = EndOfQueue(
        queue=queue,
        foresight=foresight,
        runner=runner,
        environment=environment,
        clock=common.clock,
        changed=common.changed,
    )
    parts: dict[str, Any] = {"times": foresight.times, "dry_runs": foresight.dry_runs, "runner": runner}
    parts["readings"] = ReadingRequests(environment, settings.worker.device_read_exclude)
    return {**parts, "foresight": foresight, "end_of_queue": end_of_queue}


def _environment(
    common: _Common, settings: Settings, outside: Outside, location: StartupLocation, lists: ListBook
) -> Environment:
    return Environment(
        connect=outside.connect_worker,
        supervisor=outside.supervisor,
        lifecycle=common.lifecycle,
        opening=lambda: opening(settings, location, lists.permissions_json),
        clock=common.clock,
        spawn=common.spawn,
        changed=common.changed,
    )


def _runner(
    common: _Common,
    queue: PlanQueue,
    ledger: Ledger,
    lists: ListBook,
    environment: Environment,
    *,
    switches: Switches,
    expected: Callable[[str], float | None],
) -> Runner:
    return Runner(
        queue=queue,
        ledger=ledger,
        lists=lists,
        environment=environment,
        lifecycle=common.lifecycle,
        clock=common.clock,
        changed=common.changed,
        spawn=common.spawn,
        switches=switches,
        expected=expected,
    )


def _tasks(common: _Common, settings: Settings) -> TaskRecords:
    def foreground_ended() -> None:
        if common.lifecycle.state is ManagerState.EXECUTING_TASK:
            common.lifecycle.fire(ManagerEvent.TASK_ENDED)

    retention = settings.operation.task_result_retention
    return TaskRecords(retention, common.clock, common.changed, foreground_ended=foreground_ended)


def _switches(common: _Common, snapshot: Snapshot, inventory: Inventory) -> Switches:
    has_worker = inventory.worker is not None
    return Switches(common.changed, snapshot.facts, restarted=inventory.restarted, has_worker=has_worker)


def _subscribed(ctx: Context, publisher: Publisher) -> Context:
    """Subscribe the parts to the worker's reports. Parts that subscribe to the same report get it in this order."""
    ctx.ledger.watch(ctx.queue.history.stored)
    ctx.ledger.watch(lambda _: ctx.search.history_changed())
    ctx.ledger.watch(ctx.logs.stored)
    ctx.ledger.watch(ctx.documents.stored)
    reports = ctx.environment.reports
    reports.at_once(DocumentReport, ctx.documents.add)
    reports.at_once(DevicesRead, ctx.readings.arrived)
    reports.at_once(DryRunEnded, ctx.dry_runs.arrived)
    reports.at_once(InfoReport, publisher.info)
    reports.at_once(Pulse, ctx.pulse.take)
    reports.at_once(StateChanged, ctx.pulse.state_changed)
    reports.at_once(PlanEnded, lambda _: ctx.pulse.end())
    reports.at_once(PlanEnded, ctx.times.plan_ended)
    reports.at_once(PlanTimes, ctx.times.arrived)
    reports.at_once(PlanEnded, ctx.foresight.plan_ended)
    for kind in (EnvironmentOpened, TaskEnded, WorkerGone):
        reports.in_turn(kind, ctx.foresight.code_ran)
    reports.in_turn_acknowledging(PlanEnded, ctx.runner.plan_ended)
    reports.in_turn(StateChanged, lambda report: ctx.runner.engine_changed(report.state))
    reports.in_turn(TaskEnded, ctx.tasks.ended)
    reports.in_turn(ListsReport, lambda report: ctx.lists.found_by_worker(report.lists, opening=False))
    reports.in_turn(EnvironmentOpened, lambda report: ctx.lists.found_by_worker(report.lists, opening=True))
    reports.in_turn(EnvironmentOpened, lambda _: ctx.findings.forget())
    reports.in_turn(WorkerGone, ctx.readings.lost)
    reports.in_turn(WorkerGone, ctx.dry_runs.lost)
    reports.in_turn(WorkerGone, lambda _: ctx.pulse.end())
    reports.in_turn(WorkerGone, lambda _: _forget_stop(ctx))
    reports.in_turn(WorkerGone, lambda gone: ctx.tasks.lost(gone.reason))
    reports.in_turn(WorkerGone, lambda gone: ctx.runner.worker_lost(gone.reason))
    return ctx


def _forget_stop(ctx: Context) -> None:
    """Forget why the queue stopped. Nobody waits for the store, which may fail."""
    stored = ctx.ledger.submit(*ctx.runner.switches.forget_stop())
    stored.add_done_callback(lambda future: future.cancelled() or future.exception())
