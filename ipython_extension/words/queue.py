"""Words that change the queue."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, cast

from bluesky_qs.words.planexpr import Item
from ipython_extension.session.answers import added, placed, present, removed
from ipython_extension.session.autostart import autostart_is_off, what_starts
from ipython_extension.session.requeued import queued_again
from ipython_extension.session.session import Session
from ipython_extension.shown.display import Changed, Reply, View
from ipython_extension.shown.tables import plural
from ipython_extension.typed.calls import Call
from ipython_extension.typed.line import Line, Options
from ipython_extension.words.typed_plans import TypedPlan, pointing_at_errors, read_plans, with_metadata
from ipython_extension.words.vocabulary import cell, word

#: What the service calls an item; the rest of a history item is about its run.
_OF_ITEM = ("item_type", "name", "args", "kwargs", "meta")
_SWITCH = {"on": True, "off": False}


@word("add", "PLAN [PLAN…] [--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…]")
def add(session: Session, line: Line) -> Changed:
    """Queue plans, at the back unless an option says where.

    A plan is written as in RE(…): names are devices and plans, $name and {expression} variables of this session.
    Several plans are queued all or none. queue_stop in place of a plan stops the queue there. --md adds metadata.

        %qs add count([det1, det2], num=10, delay=1)
        %qs add scan([det1], motor, $start, $stop, num={n * 2}) --front --md sample="Si 111"
    """
    plans, options = read_plans(line, _places(session, line))
    _one_place(line, options)
    with pointing_at_errors(line, plans):
        return _add(session, [plan.item for plan in plans], options)


@cell("add", "[--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…]")
def add_cell(session: Session, line: Line) -> Changed:
    """Queue the plans of a cell, one or more a line, all or none; comments are passed over."""
    return add(session, line)


@word("rm", "ID… | A-B")
def rm(session: Session, line: Line) -> Changed:
    """Remove items from the queue, by their positions in the table last shown, several as 1-3, or by uid.

    `%qs clear` removes all.
    """
    tokens, _ = line.words(listed=True)
    if not tokens:
        raise line.fault("The position or uid of an item is expected here")
    if every := next((token for token in tokens if token.text in ("all", "*")), None):
        raise line.fault("All items are removed by %qs clear", every.start)
    items = [token for each in tokens for token in line.positions(each)]
    uids = [session.queued(line, token) for token in items]
    with session.explained(line, items):
        if len(uids) == 1:
            return removed(session, session.rm.queue_item_remove(uid=uids[0]))
        uids = list(dict.fromkeys(uids))
        return removed(session, session.rm.queue_item_remove_batch(uids, ignore_missing=False))


@word("edit", "ID PLAN | ID NAME=VALUE… [--md KEY=VALUE…]")
def edit(session: Session, line: Line) -> Changed:
    """Change a queued plan: some of its parameters, or the whole call; its place stays.

    A VALUE is written as in the plan. To change *args, such as the motor and the range of a scan, write the whole
    call.

        %qs edit 0 num=20 detectors=[det1, det2]
        %qs edit 0 scan([det1], motor, -2, 2, 9)
    """
    token = line.word("The position or uid of an item")
    item = session.queued_item(line, token)
    known = session.known()
    call = Call(item, known.plans.get(item["name"]) or {}, known, f"%qs edit {token.text}")
    given: dict[str, Any] = {}
    values: dict[str, Any] = {}
    whole: TypedPlan | None = None
    while line.more():
        if line.option({"--md": None}, given):
            continue
        start = line.at
        if line.begins_plan() and not (whole or values):
            whole = TypedPlan(line.plan(), start, line.at)
            continue
        if whole or line.text.startswith("*", start):
            raise line.fault("Nothing but --md is expected here" if whole else call.advice("*args are"), start)
        name, value = line.pair(line.objection)
        if said := call.objection(name, value):
            raise line.fault(said, start)
        values[name] = value
    if not (whole or values or given):
        raise line.fault("NAME=VALUE is expected here, or PLAN(…)")
    changed = {**item, **call.with_parameters(values)} if whole is None else _in_place_of(item, whole.item)
    if "md" in given:
        changed["meta"] = with_metadata(changed.get("meta") or {}, given["md"])
    with pointing_at_errors(line, [whole]) if whole else nullcontext():
        answer = session.rm.queue_item_update(changed)
    place = session.place_of(item)
    lead = "Changed" if place is None else f"Changed at position {place}"
    return Changed([cast("Item", answer["item"])], answer, known, [lead])


def _in_place_of(item: Item, plan: Item) -> Item:
    """A queued item that is another plan now; what else is known of it, its metadata too, stays."""
    kept = {key: value for key, value in item.items() if key not in ("name", "args", "kwargs")}
    if "meta" in plan:
        kept["meta"] = with_metadata(item.get("meta") or {}, plan["meta"])
    return {**plan, **kept, "item_type": plan["item_type"]}


@word("move", "ID front | back | N | before ID | after ID")
def move(session: Session, line: Line) -> Changed:
    """Move an item of the queue to an end, to the position N, or to beside another item."""
    items = [line.word("The position or uid of an item")]
    target = line.word("front, back, a position, before ID or after ID")
    where: dict[str, Any]
    if target.text in ("front", "back"):
        where = {"pos_dest": target.text}
    elif target.text in ("before", "after"):
        items.append(line.word("The position or uid of an item"))
        where = {f"{target.text}_uid": session.queued(line, items[1])}
    else:
        where = {"pos_dest": line.number(target, "front, back, a position, before ID or after ID")}
    line.nothing_more()
    with session.explained(line, items):
        answer = session.rm.queue_item_move(**session.source(line, items[0]), **where)
    return placed(session, answer, at_back=False, lead="Moved to position")


@word("redo", "ID [--front | --back | --at N | --before ID | --after ID]")
def redo(session: Session, line: Line) -> Changed:
    """Queue a plan of the history again, by its number in the history last shown (-1 is its last) or by uid.

    A plan that is in the queue again already, as one that failed is, stays there and is not queued twice.
    """
    past = session.finished(line, line.word("The number or uid of an item of the history"))
    options: dict[str, Any] = {}
    places = _places(session, line)
    while line.more():
        if not line.option(places, options):
            raise line.fault("Nothing but where to queue it is expected here, such as --front")
    _one_place(line, options)
    if back := queued_again(session.rm, [past["item_uid"]]).get(past["item_uid"]):
        session.places()
        return Changed([back.item], {}, session.known(), [f"Not queued a second time; {back.place_with_number}"])
    return _add(session, [{key: past[key] for key in _OF_ITEM if key in past}], options)


@word("clear")
def clear(session: Session, line: Line) -> Reply:
    """Remove all items from the queue; the running one is not touched."""
    line.nothing_more()
    count = session.status()["items_in_queue"]
    answer = session.rm.queue_clear()
    return Reply(answer, f"Removed {plural(count, 'item')}." if count else "The queue was empty.")


@word("mode", "[loop on|off] [ignore_failures on|off]")
def mode(session: Session, line: Line) -> View:
    """Show or set the modes: loop (finished plans go to the back of the queue) and ignore_failures."""
    wanted: dict[str, bool] = {}
    while line.more():
        name = line.one_of(line.word("loop or ignore_failures"), {n: n for n in ("loop", "ignore_failures")})
        wanted[name] = line.one_of(line.word("on or off"), _SWITCH)
    answer = session.rm.queue_mode_set(wanted) if wanted else session.status()["plan_queue_mode"]
    return present(session, "queue_mode_set", {}, answer)


@word("autostart", "[on|off]")
def autostart(session: Session, line: Line) -> View:
    """Show or switch autostart: with it, the queue starts whenever there are items and the environment is ready."""
    status = session.status()
    if not line.more():
        told = present(session, "queue_autostart", {"enable": status["queue_autostart_enabled"]}, status)
        return told if status["queue_autostart_enabled"] else Reply(status, autostart_is_off(session))
    enable = line.one_of(line.word("on or off"), _SWITCH)
    line.nothing_more()
    answer = session.rm.queue_autostart(enable)
    if not enable:
        return present(session, "queue_autostart", {"enable": enable}, answer)
    session.starts(status)
    return Reply(answer, f"Autostart is on: {what_starts(status)}.")


def _places(session: Session, line: Line) -> Options:
    """The options that say where in the queue."""
    return {
        "--front": None,
        "--back": None,
        "--at": line.number,
        "--before": lambda token: session.queued(line, token),
        "--after": lambda token: session.queued(line, token),
    }


def _one_place(line: Line, given: Mapping[str, Any]) -> None:
    if len(given) > 1:
        raise line.fault(f"--{' and --'.join(given)} exclude each other", 0)


def _add(session: Session, items: list[Item], options: Mapping[str, Any]) -> Changed:
    where: dict[str, Any] = {}
    for name, value in options.items():
        key = {"before": "before_uid", "after": "after_uid"}.get(name, "pos")
        where[key] = name if name in ("front", "back") else value
    if len(items) == 1:
        return added(session, where, session.rm.queue_item_add(items[0], **where))
    answer = session.rm.queue_item_add_batch(items, **where)
    at_back = where in ({}, {"pos": "back"})
    return placed(session, answer, at_back=at_back, lead="Queued at position")
