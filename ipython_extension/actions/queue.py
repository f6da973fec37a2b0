"""Words that change the queue."""

from collections.abc import Mapping
from typing import Any

from ipython_extension.answers import added, placed, present, removed
from ipython_extension.display import Changed, Reply, View
from ipython_extension.line import Line, Options
from ipython_extension.planexpr import Item
from ipython_extension.session import Session
from ipython_extension.tables import plural
from ipython_extension.vocabulary import cell, word

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
    items, options = _plans(session, line)
    return _add(session, items, options)


@cell("add", "[--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…]")
def add_cell(session: Session, line: Line) -> Changed:
    """Queue the plans of a cell, one or more a line, all or none; comments are passed over."""
    return add(session, line)


@word("rm", "ID…")
def rm(session: Session, line: Line) -> Changed:
    """Remove items from the queue, by their positions in the table last shown or by uid."""
    tokens, _ = line.words(listed=True)
    if not tokens:
        raise line.fault("The position or uid of an item is expected here")
    uids = [session.queued(line, token) for token in tokens]
    if len(uids) == 1:
        answer = session.ask("queue_item_remove", uid=uids[0])
        return removed(session, [answer["item"]], answer)
    answer = session.ask("queue_item_remove_batch", uids=list(dict.fromkeys(uids)), ignore_missing=False)
    return removed(session, answer["items"], answer)


@word("edit", "ID NAME=VALUE… [--md KEY=VALUE…]")
def edit(session: Session, line: Line) -> Changed:
    """Change parameters of a queued plan; its place and its other parameters stay.

    A VALUE is written as in the plan.

    %qs edit 0 num=20 detectors=[det1, det2]
    """
    item = session.queued_item(line, line.word("The position or uid of an item"))
    values: dict[str, Any] = {}
    given: dict[str, Any] = {}
    while line.more():
        if not line.option({"--md": None}, given):
            values.update([line.pair(line.objection)])
    if not values and not given:
        raise line.fault("NAME=VALUE is expected here")
    known = session.known()
    changed = {**item, **with_parameters(item, values, known.plans.get(item["name"]) or {})}
    if "md" in given:
        changed["meta"] = _with_metadata(item.get("meta") or {}, given["md"])
    answer = session.ask("queue_item_update", item=changed)
    places = [each["item_uid"] for each in session.rm.queue_get()["items"]]
    uid = answer["item"]["item_uid"]
    lead = f"Changed at position {places.index(uid)}" if uid in places else "Changed"
    return Changed([answer["item"]], answer, known, [lead])


def with_parameters(item: Item, values: Mapping[str, Any], description: Mapping[str, Any]) -> Item:
    """``args`` and ``kwargs`` of an item with other values for some parameters.

    A parameter that is given by its position stays there: given by its name too it would be given twice.
    """
    args, kwargs = list(item.get("args") or ()), dict(item.get("kwargs") or {})
    kinds = {p["name"]: (p.get("kind") or {}).get("name", "") for p in description.get("parameters") or ()}
    places = [name for name, kind in kinds.items() if kind.startswith("POSITIONAL")]
    for name, value in values.items():
        if name in places[: len(args)]:
            args[places.index(name)] = value
        else:
            kwargs[name] = value
    return {"args": args, "kwargs": kwargs}


@word("move", "ID front | back | N | before ID | after ID")
def move(session: Session, line: Line) -> Changed:
    """Move an item of the queue to an end, to the position N, or to beside another item."""
    uid = session.queued(line, line.word("The position or uid of an item"))
    target = line.word("front, back, a position, before ID or after ID")
    where: dict[str, Any]
    if target.text in ("front", "back"):
        where = {"pos_dest": target.text}
    elif target.text in ("before", "after"):
        where = {f"{target.text}_uid": session.queued(line, line.word("The position or uid of an item"))}
    else:
        where = {"pos_dest": line.number(target, "front, back, a position, before ID or after ID")}
    line.nothing_more()
    answer = session.ask("queue_item_move", uid=uid, **where)
    return placed(session, [answer["item"]], answer, at_back=False, lead="Moved to position")


@word("redo", "ID")
def redo(session: Session, line: Line) -> Changed:
    """Queue a plan of the history again, by its number in the history last shown (-1 is the latest) or by uid."""
    past = session.finished(line, line.word("The number or uid of an item of the history"))
    line.nothing_more()
    return _add(session, [{key: past[key] for key in _OF_ITEM if key in past}], {})


@word("clear")
def clear(session: Session, line: Line) -> Reply:
    """Remove all items from the queue; the running one is not touched."""
    line.nothing_more()
    count = session.status()["items_in_queue"]
    answer = session.ask("queue_clear")
    return Reply(answer, f"Removed {plural(count, 'item')}." if count else "The queue was empty.")


@word("mode", "[loop on|off] [ignore_failures on|off]")
def mode(session: Session, line: Line) -> View:
    """Show or set the modes: loop (finished plans go to the back of the queue) and ignore_failures."""
    wanted: dict[str, bool] = {}
    while line.more():
        name = line.one_of(line.word("loop or ignore_failures"), {n: n for n in ("loop", "ignore_failures")})
        wanted[name] = line.one_of(line.word("on or off"), _SWITCH)
    answer = session.ask("queue_mode_set", mode=wanted) if wanted else session.status()["plan_queue_mode"]
    return present(session, "queue_mode_set", {}, answer)


@word("autostart", "[on|off]")
def autostart(session: Session, line: Line) -> View:
    """Show or switch autostart: with it, the queue starts whenever there are items and the environment is ready."""
    if not line.more():
        status = session.status()
        return present(session, "queue_autostart", {"enable": status["queue_autostart_enabled"]}, status)
    enable = line.one_of(line.word("on or off"), _SWITCH)
    line.nothing_more()
    return present(session, "queue_autostart", {"enable": enable}, session.ask("queue_autostart", enable=enable))


def plans_of(line: Line, options: Options, *, only_one: str = "") -> tuple[list[Item], dict[str, Any]]:
    """The plans on the rest of the line, with the metadata of ``--md`` in them, and the options.

    With ``only_one``, that is the complaint about a second plan.
    """
    items: list[Item] = []
    given: dict[str, Any] = {}
    while line.more():
        if line.option({**options, "--md": None}, given):
            continue
        if items and only_one:
            raise line.fault(only_one)
        items.append(line.plan())
    if not items:
        raise line.fault("A plan is expected here, such as count([det1], num=5)")
    if metadata := given.pop("md", None):
        for item in items:
            if item["item_type"] == "plan":
                item["meta"] = _with_metadata(item.get("meta") or {}, metadata)
    return items, given


def _with_metadata(metadata: Any, more: Mapping[str, Any]) -> Any:
    """Metadata of an item with some more, which wins; of several dictionaries the first one wins."""
    return [dict(more), *metadata] if isinstance(metadata, list) else {**metadata, **more}


def _plans(session: Session, line: Line) -> tuple[list[Item], dict[str, Any]]:
    options: Options = {
        "--front": None,
        "--back": None,
        "--at": line.number,
        "--before": lambda token: session.queued(line, token),
        "--after": lambda token: session.queued(line, token),
    }
    items, given = plans_of(line, options)
    if len(given) > 1:
        raise line.fault(f"--{' and --'.join(given)} exclude each other", 0)
    return items, given


def _add(session: Session, items: list[Item], options: Mapping[str, Any]) -> Changed:
    where: dict[str, Any] = {}
    for name, value in options.items():
        key = {"before": "before_uid", "after": "after_uid"}.get(name, "pos")
        where[key] = name if name in ("front", "back") else value
    if len(items) == 1:
        return added(session, where, session.ask("queue_item_add", item=items[0], **where))
    answer = session.ask("queue_item_add_batch", items=items, **where)
    at_back = where in ({}, {"pos": "back"})
    return placed(session, answer["items"], answer, at_back=at_back, lead="Queued at position")
