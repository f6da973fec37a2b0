"""Commands that show the state, the queue, the history, plans and devices."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

from bluesky_qs.client.http_failures import NotAuthorizedError
from bluesky_qs.errors import InvalidPlan, NotFound
from bluesky_qs.words.planexpr import Item
from ipython_extension.session import history_pages, queue_check, queue_findings
from ipython_extension.session.requeued import find_requeued
from ipython_extension.session.session import Session
from ipython_extension.shown.autostart_text import switched_off
from ipython_extension.shown.catalogue import CatalogueView, PlanView
from ipython_extension.shown.display import Overview, QueueView, StatusView, View
from ipython_extension.shown.history_view import HistoryView, metadata_of
from ipython_extension.shown.item_views import ItemView
from ipython_extension.shown.status_text import has_failed, outcomes, queue_stopped, starts_again, stopped_by_itself
from ipython_extension.shown.stop_text import stopped_sentence
from ipython_extension.shown.tables import plural
from ipython_extension.typed import history_query
from ipython_extension.typed.history_query import HistoryQuery
from ipython_extension.typed.line import Line, hint
from ipython_extension.words import waits
from ipython_extension.words.replies import lock_owner, present, whole
from ipython_extension.words.typed_plans import point_at_errors, pointing_at_errors, read_plans
from ipython_extension.words.vocabulary import word

_NEXT = 5
#: Period in seconds over which failures are counted.
_LATELY = 86400


def overview(session: Session) -> StatusView:
    """The view for ``%qs`` alone; with an HTTP server, only what the user's scopes permit."""
    status = session.status()
    try:
        return _whole_overview(session, status)
    except NotAuthorizedError as error:
        note = f"The queue and the history are not shown. {error}"
        return StatusView(status, lock=note, me=session.rm.user)


def _whole_overview(session: Session, status: dict[str, Any]) -> Overview:
    queue = session.queue(status)
    queue.rows = min(queue.rows, _NEXT)
    lock = lock_owner(session, status)
    if status["manager_state"] != "idle" or not status["items_in_history"]:
        return Overview(status, queue, lock=lock)
    # Always request the same page, so that the client downloads it only after a change.
    *before, last = cast("list[Item]", history_pages.page(session.rm, {}, history_pages.MANY, reload=False)["items"])
    session.remember([*before, last])
    notes = [*_why_stopped(session, status, last, queue), *_failed_lately(before, last)]
    return Overview(status, queue, last, notes, lock=lock)


def _why_stopped(session: Session, status: Mapping[str, Any], last: Item, queue: QueueView) -> list[str]:
    """Explain why the queue has stopped or why autostart is off, if nothing has happened since."""
    if not queue or status["queue_autostart_enabled"]:
        return []
    # A plan that ran without the queue did not stop it, and is not requeued.
    if has_failed(last) and find_requeued([last], {"items": queue, "running_item": {}}):
        return switched_off(status) or [queue_stopped(status, last, session.rm.user)]
    sentence = stopped_sentence(waits.events(session), session.rm.user, starts_again(status))
    return [sentence] if sentence else switched_off(status) or [stopped_by_itself(status)]


def _failed_lately(before: list[Item], last: Item) -> list[str]:
    """Count the recent failures. Empty if only the last plan failed, because that plan is shown anyway."""
    since = time.time() - _LATELY
    recent = [item for item in [*before, last] if ((item.get("result") or {}).get("time_stop") or 0) > since]
    failed = [item for item in recent if has_failed(item)]
    if not failed or failed == [last]:
        return []
    counts = outcomes(failed)
    ending = [each for each in ("aborted", "halted") if each in counts]
    ended = sum(counts.pop(each) for each in ending)
    parts = [plural(len(recent), "plan"), *(f"{count} {status}" for status, count in counts.items())]
    parts += [f"{ended} {' or '.join(ending)}"] if ended else []
    return [f"Last 24 h: {', '.join(parts)} (%qs history --failed)."]


@word("queue", "[-n N] [--until TIME]")
def queue(session: Session, line: Line) -> QueueView:
    """Show the queue, or its first N items. Other commands accept the positions in this table.

    The table shows how long each plan takes and when it starts. While nothing runs, it assumes that you start now.
    --until 08:00 marks the plan that will be running then.

    The line below a plan shows its metadata and the reason why it cannot run now, if there is one.
    """
    words, options = line.words({"-n": line.count, "--until": line.coming})
    if words:
        raise line.fault("queue takes only -n N and --until TIME", words[0].start, len(words[0].text))
    status = session.status()
    shown = session.queue(status)
    shown.rows = options.get("n", shown.rows)
    shown.until = options.get("until")
    if "estimates_uid" in status and (shown or shown.running):
        shown.estimates = session.rm.estimates_get()
    shown.faults = queue_check.faults(session, shown, status)
    shown.doubts = queue_check.doubts(session) if shown else {}
    shown.findings = queue_findings.findings(session, shown[: shown.rows], status)
    return shown


@word(
    "history",
    "[KEY=VALUE…] [--search WORDS] [--plan NAME] [--user USER] [--since TIME] [--until TIME] [--failed] [-n N] [--md]",
)
def history(session: Session, line: Line) -> HistoryView:
    """Show the newest plans that ran, or those that match all conditions, with the newest at the bottom.

    KEY=VALUE selects plans by their metadata, scan_id=N by their scan id, and --plan by name; * and ? stand for any
    characters, and case is ignored in metadata. --since and --until select plans by the time when they started:
    yesterday, today, 14:30, 2h (two hours ago), 2026-11-28 or 2026-11-28 14:30. --until yesterday includes yesterday.
    --failed selects plans that failed or were aborted or halted. -n shows the newest N plans.

    --search finds plans by words in their names, parameters, metadata and messages. A plan must contain all of the
    words. The beginning of a word is enough, and case is ignored. Words in quotes must be whole and in this order.

    Metadata that differs from plan to plan is shown in columns, if they fit; --md shows all metadata below each plan.

        %qs history sample=S03 --since yesterday --plan grid_scan --failed
        %qs history --search alignment "Cu foil" --since 7d
    """
    query = history_query.read(line)
    shown = session.history(query)
    plans = session.known().plans
    if (name := query.filters.get("name")) and name not in plans:
        shown.suggestion = hint(name, plans)
    if not shown:
        shown.suggestion += _about_quotes(session, query)
        shown.suggestion += _about_unknown_keys(session, query.filters.get("metadata") or ())
    return shown


def _about_quotes(session: Session, query: HistoryQuery) -> str:
    """A sentence that suggests the same search without quotes, if that finds plans."""
    words = str(query.filters.get("search", ""))
    without = words.replace('"', "")
    if without == words or not history_pages.page(session.rm, {**query.params, "search": without}, 1)["items"]:
        return ""
    return f". In quotes, words must be whole. Without quotes there are matches: --search {without}"


def _about_unknown_keys(session: Session, keys: Iterable[str]) -> str:
    """Sentences about metadata keys that no plan has, each with a similar key. The last one has no period."""
    if not keys:
        return ""
    reply = history_pages.page(session.rm, {}, history_pages.MANY)
    known = {key for item in reply["items"] for key in metadata_of(item)}
    first = next(iter(reply.get("positions") or ()), 0)
    none = f"None of the last {history_pages.MANY} plans has" if first else "No plan has"
    return "".join(f". {none} the metadata key {key!r}{hint(key, known)}" for key in keys if key not in known)


@word("widget")
def widget(session: Session, line: Line) -> Any:
    """Show the state, the queue and the history in the notebook, live.

    JupyterLab and Notebook 7 show the service's page, with its buttons, if bluesky-qs is installed in their
    environment. Elsewhere, tables are shown and kept up to date. A saved notebook keeps the last state.

    RM.widget() as the last line of a cell does the same. If you run the cell again, the new view replaces the old one.
    """
    line.nothing_more()
    return session.settings.new_view(session.rm)


@word("item", "ID")
def item(session: Session, line: Line) -> ItemView:
    """Show all details of one item; for a queued plan, also how long it will take, or why that is not known."""
    found = session.any_item(line, line.word("the position or uid of an item"))
    line.nothing_more()
    return whole(session, found)


@word("plans", "[GLOB]")
def plans(session: Session, line: Line) -> CatalogueView:
    """List the plans that you may queue."""
    pattern = line.word("a pattern").text if line.more() else "*"
    line.nothing_more()
    return CatalogueView.of_plans(session.rm.plans_allowed(reload=True)["plans_allowed"], pattern)


@word("devices", "[GLOB]")
def devices(session: Session, line: Line) -> CatalogueView:
    """List the devices that you may use; a pattern with dots lists subdevices: sim_bundle_A.*.*

    To read a device now: %qs read motor
    """
    pattern = line.word("a pattern").text if line.more() else "*"
    line.nothing_more()
    return CatalogueView.of_devices(session.rm.devices_allowed(reload=True)["devices_allowed"], pattern)


@word("functions", "[GLOB]")
def functions(session: Session, line: Line) -> CatalogueView:
    """List the functions that you may call with %qs func."""
    pattern = line.word("a pattern").text if line.more() else "*"
    line.nothing_more()
    listed = session.rm.functions_allowed(reload=True)["functions_allowed"]
    is_open = not listed and session.status()["worker_environment_exists"]
    return CatalogueView.of_functions(listed, pattern, is_open=is_open)


@word("plan", "NAME")
def plan(session: Session, line: Line) -> PlanView:
    """Show one plan: its parameters with types, ranges, defaults and descriptions."""
    token = line.word("the name of a plan")
    line.nothing_more()
    allowed = session.rm.plans_allowed(reload=True)["plans_allowed"]
    if token.text not in allowed:
        raise NotFound(f"There is no plan {token.text!r} that you may use{hint(token.text, allowed)}")
    return PlanView(allowed[token.text])


@word("dryrun", "[PLAN]")
def dryrun(session: Session, line: Line) -> View:
    """Show what a plan or the whole queue would do, without hardware: points, where motors go, and errors.

    The environment must be open; a plan may be running. Nothing is queued. A plan starts from the current motor
    positions, and each queued plan from where the previous one leaves the motors. The dry run of a plan stops after
    10 s or when the plan asks for input; the dry run of the queue stops after 60 s.

        %qs dryrun rel_scan([det1], motor, -1, 1, 101)
        %qs dryrun
    """
    if not line.more():
        return present(session, "queue_dry_run", {}, session.rm.queue_dry_run())
    plans, _ = read_plans(line, {}, only_one="dryrun takes only one plan")
    with pointing_at_errors(line, plans):
        reply = session.rm.item_dry_run(plans[0].item)
    return present(session, "item_dry_run", {}, reply)


@word("check", "PLAN")
def check(session: Session, line: Line) -> View:
    """Check a plan as if you added it. Nothing is queued."""
    plans, _ = read_plans(line, {}, only_one="check takes only one plan")
    reply = session.rm.item_check(plans[0].item)
    result = reply["results"][0]
    if not result["success"]:
        error = InvalidPlan(result["msg"])
        point_at_errors(error, line, plans[0], result)
        raise error
    return present(session, "item_check", {}, reply)
