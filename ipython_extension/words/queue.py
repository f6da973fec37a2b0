"""Commands that change the queue."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, cast

from bluesky_qs.words.planexpr import Item
from ipython_extension.session.requeued import find_requeued
from ipython_extension.session.session import Session
from ipython_extension.shown.autostart_text import switched_off, what_starts
from ipython_extension.shown.display import Changed, ReplyView, View
from ipython_extension.shown.status_text import has_failed
from ipython_extension.shown.tables import plural
from ipython_extension.typed.calls import Call
from ipython_extension.typed.line import Line, Options
from ipython_extension.words.replies import added, moved, present, removed
from ipython_extension.words.typed_plans import TypedPlan, pointing_at_errors, read_plans, with_metadata
from ipython_extension.words.vocabulary import cell, word

#: The keys that make an item; the others in a history item are about its run.
_OF_ITEM = ("item_type", "name", "args", "kwargs", "meta")
_SWITCH = {"on": True, "off": False}


@word("add", "PLAN [PLAN…] [--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…]")
def add(session: Session, line: Line) -> Changed:
    """Queue plans, at the back unless an option says otherwise.

    Write plans as in RE(…): names are devices and plans; $name and {expression} use variables of this session. If one
    of several plans is refused, none is queued. queue_stop in place of a plan stops the queue there. --md adds
    metadata.

        %qs add count([det1, det2], num=10, delay=1)
        %qs add scan([det1], motor, $start, $stop, num={n * 2}) --front --md sample="Si 111"
    """
    plans, options = read_plans(line, _places(session, line))
    _one_place(line, options)
    with pointing_at_errors(line, plans):
        return _add(session, [plan.item for plan in plans], options)


@cell("add", "[--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…]")
def add_cell(session: Session, line: Line) -> Changed:
    """Queue the plans in a cell, all or none. A line may have several plans, and comments are ignored."""
    return add(session, line)


@word("rm", "ID… | A-B")
def rm(session: Session, line: Line) -> Changed:
    """Remove items from the queue by position (1-3 for several) or uid.

    Positions are those of the last table. To remove all items, use `%qs clear`.
    """
    tokens, _ = line.words(listed=True)
    if not tokens:
        raise line.fault("Expected the position or uid of an item")
    if every := next((token for token in tokens if token.text in ("all", "*")), None):
        raise line.fault("To remove all items: %qs clear", every.start)
    items = [token for each in tokens for token in line.positions(each)]
    uids = [session.queued(line, token) for token in items]
    with session.explained(line, items):
        if len(uids) == 1:
            return removed(session, session.rm.queue_item_remove(uid=uids[0]))
        uids = list(dict.fromkeys(uids))
        return removed(session, session.rm.queue_item_remove_batch(uids, ignore_missing=False))


@word("edit", "ID PLAN | ID NAME=VALUE… [--md KEY=VALUE…]")
def edit(session: Session, line: Line) -> Changed:
    """Change some parameters of a queued plan, or its whole call. Its position stays the same.

    Write a VALUE as in the plan. To change *args, such as the motor and the range of a scan, write the whole call.

        %qs edit 0 num=20 detectors=[det1, det2]
        %qs edit 0 scan([det1], motor, -2, 2, 9)
    """
    token = line.word("the position or uid of an item")
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
            raise line.fault("Only --md can follow the plan" if whole else call.advice("*args"), start)
        name, value = line.pair(line.objection)
        if message := call.objection(name, value):
            raise line.fault(message, start)
        values[name] = value
    if not (whole or values or given):
        raise line.fault("Expected NAME=VALUE, or the whole plan")
    changed = {**item, **call.with_parameters(values)} if whole is None else _in_place_of(item, whole.item)
    if "md" in given:
        changed["meta"] = with_metadata(changed.get("meta") or {}, given["md"])
    with pointing_at_errors(line, [whole]) if whole else nullcontext():
        reply = session.rm.queue_item_update(changed)
    place = session.place_of(item)
    lead = "Changed" if place is None else f"Changed at position {place}"
    return Changed([cast("Item", reply["item"])], reply, known, [lead])


def _in_place_of(item: Item, plan: Item) -> Item:
    """The queued item with a new plan. Everything else, such as its metadata, is kept."""
    kept = {key: value for key, value in item.items() if key not in ("name", "args", "kwargs")}
    if "meta" in plan:
        kept["meta"] = with_metadata(item.get("meta") or {}, plan["meta"])
    return {**plan, **kept, "item_type": plan["item_type"]}


@word("move", "ID front | back | N | before ID | after ID")
def move(session: Session, line: Line) -> Changed:
    """Move an item to the front, the back, the position N, or next to another item."""
    items = [line.word("the position or uid of an item")]
    target = line.word("front, back, a position, before ID or after ID")
    where: dict[str, Any]
    if target.text in ("front", "back"):
        where = {"pos_dest": target.text}
    elif target.text in ("before", "after"):
        items.append(line.word("the position or uid of an item"))
        where = {f"{target.text}_uid": session.queued(line, items[1])}
    else:
        where = {"pos_dest": line.number(target, "front, back, a position, before ID or after ID")}
    line.nothing_more()
    with session.explained(line, items):
        reply = session.rm.queue_item_move(**session.source(line, items[0]), **where)
    return moved(session, where, reply)


@word("redo", "ID [--front | --back | --at N | --before ID | --after ID]")
def redo(session: Session, line: Line) -> Changed:
    """Queue a plan from the history again, by its number in the last history table (-1 is the last) or by uid.

    A plan that is already back in the queue, because it failed or was aborted, is not queued twice.
    """
    past = session.finished(line, line.word("the number or uid of an item in the history"))
    options: dict[str, Any] = {}
    places = _places(session, line)
    while line.more():
        if not line.option(places, options):
            raise line.fault(
                "redo takes one item and a position, such as --front; to change the plan, use %qs edit afterwards"
            )
    _one_place(line, options)
    if has_failed(past) and (back := find_requeued([past], session.line_queue()).get(past["item_uid"])):
        session.sees_queue()
        return Changed([back.item], {}, session.known(), [f"Already {back.place_with_number}; not queued again"])
    return _add(session, [{key: past[key] for key in _OF_ITEM if key in past}], options)


@word("clear")
def clear(session: Session, line: Line) -> ReplyView:
    """Remove all items from the queue. The running plan is not affected."""
    line.nothing_more()
    count = session.status()["items_in_queue"]
    reply = session.rm.queue_clear()
    return ReplyView(reply, f"Removed {plural(count, 'item')}." if count else "The queue was empty.")


@word("mode", "[loop on|off] [ignore_failures on|off]")
def mode(session: Session, line: Line) -> View:
    """Show or set the queue modes.

    loop: completed items go to the back of the queue. ignore_failures: the queue does not stop when a plan fails.
    """
    wanted: dict[str, bool] = {}
    while line.more():
        name = line.one_of(line.word("loop or ignore_failures"), {n: n for n in ("loop", "ignore_failures")})
        wanted[name] = line.one_of(line.word("on or off"), _SWITCH)
    reply = session.rm.queue_mode_set(wanted) if wanted else session.status()["plan_queue_mode"]
    return present(session, "queue_mode_set", {}, reply)


@word("autostart", "[on|off]")
def autostart(session: Session, line: Line) -> View:
    """Show or switch autostart: the queue starts by itself when it has items and the environment is open."""
    status = session.status()
    if not line.more():
        if status["queue_autostart_enabled"]:
            return present(session, "queue_autostart", {"enable": True}, status)
        return ReplyView(status, " ".join(["Autostart is off.", *switched_off(status)]))
    enable = line.one_of(line.word("on or off"), _SWITCH)
    line.nothing_more()
    reply = session.rm.queue_autostart(enable)
    if not enable:
        return present(session, "queue_autostart", {"enable": enable}, reply)
    session.starts(status)
    return ReplyView(reply, f"Autostart is on: {what_starts(status)}.")


def _places(session: Session, line: Line) -> Options:
    """The options for the position in the queue."""
    return {
        "--front": None,
        "--back": None,
        "--at": line.number,
        "--before": lambda token: session.queued(line, token),
        "--after": lambda token: session.queued(line, token),
    }


def _one_place(line: Line, given: Mapping[str, Any]) -> None:
    if len(given) > 1:
        raise line.fault(f"--{' and --'.join(given)} cannot be combined", 0)


def _add(session: Session, items: list[Item], options: Mapping[str, Any]) -> Changed:
    where: dict[str, Any] = {}
    for name, value in options.items():
        key = {"before": "before_uid", "after": "after_uid"}.get(name, "pos")
        where[key] = name if name in ("front", "back") else value
    if len(items) == 1:
        return added(session, where, session.rm.queue_item_add(items[0], **where))
    return added(session, where, session.rm.queue_item_add_batch(items, **where))
