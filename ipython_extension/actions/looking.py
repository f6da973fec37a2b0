"""Words that look: at the state, the queue, the history, plans and devices."""

from bluesky_qs.errors import InvalidPlan, NotFound
from ipython_extension.actions.queue import plans_of
from ipython_extension.answers import whole
from ipython_extension.catalogue import Catalogue, PlanView
from ipython_extension.display import History, ItemView, Overview, Queue, Reply, View
from ipython_extension.line import Line, nearest
from ipython_extension.session import Session
from ipython_extension.vocabulary import word

_NEXT = 5


def overview(session: Session) -> Overview:
    """What bare ``%qs`` shows."""
    status = session.status()
    queue = session.queue(status)
    queue.rows = min(queue.rows, _NEXT)
    is_idle = status["manager_state"] == "idle" and status["items_in_history"]
    return Overview(status, queue, session.rm.history_get()["items"][-1] if is_idle else None)


@word("queue")
def queue(session: Session, line: Line) -> Queue:
    """Show the queue. The positions are what other words take for an item."""
    line.nothing_more()
    return session.queue()


@word("history", "[-n N] [--failed]")
def history(session: Session, line: Line) -> History:
    """Show what ran: the newest at the bottom, N at most, or only what failed."""
    words, options = line.words({"-n": line.count, "--failed": None})
    if words:
        raise line.fault("-n N or --failed is expected here", words[0].start)
    return session.history(rows=options.get("n"), only_failed="failed" in options)


@word("item", "ID")
def item(session: Session, line: Line) -> ItemView:
    """Show all about one item: a position of the table last shown, or a uid."""
    found = session.any_item(line, line.word("The position or uid of an item"))
    line.nothing_more()
    return whole(session, found)


@word("plans", "[GLOB]")
def plans(session: Session, line: Line) -> Catalogue:
    """List the plans that may be queued."""
    pattern = line.word("A pattern").text if line.more() else "*"
    line.nothing_more()
    return Catalogue.of_plans(session.ask("plans_allowed")["plans_allowed"], pattern)


@word("devices", "[GLOB]")
def devices(session: Session, line: Line) -> Catalogue:
    """List the devices that may be used; with dots in the pattern, subdevices: sim_bundle_A.*.*"""
    pattern = line.word("A pattern").text if line.more() else "*"
    line.nothing_more()
    return Catalogue.of_devices(session.ask("devices_allowed")["devices_allowed"], pattern)


@word("plan", "NAME")
def plan(session: Session, line: Line) -> PlanView:
    """Show how one plan is called: its parameters with types, ranges, defaults and meaning."""
    token = line.word("The name of a plan")
    line.nothing_more()
    allowed = session.ask("plans_allowed")["plans_allowed"]
    if token.text not in allowed:
        raise NotFound(f"There is no plan {token.text!r} that you may use{nearest(token.text, allowed)}")
    return PlanView(allowed[token.text])


@word("check", "PLAN")
def check(session: Session, line: Line) -> View:
    """Validate a plan exactly as adding it would; nothing is queued."""
    items, _ = plans_of(line, {}, only_one="One plan at a time is checked")
    answer = session.ask("item_check", item=items[0])
    result = answer["results"][0]
    if not result["success"]:
        raise InvalidPlan(result["msg"])
    return Reply(answer, "The plan can be queued.")
