"""Commands that change the queue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from IPython.core.error import UsageError

from bluesky_qs.client.failures import RequestFailedError, UnsupportedParameterError, failure
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session import queue_findings
from ipython_extension.session.requeued import Requeued, find_requeued
from ipython_extension.session.session import Session
from ipython_extension.shown.autostart_text import switched_off, what_starts
from ipython_extension.shown.display import ReplyView, View
from ipython_extension.shown.item_views import Changed
from ipython_extension.shown.status_text import has_failed
from ipython_extension.shown.tables import plural, ranges, shortened
from ipython_extension.typed.calls import ItemCall
from ipython_extension.typed.line import Line, LineWord, Options
from ipython_extension.words.replies import added, in_one_sentence, moved, present, removed
from ipython_extension.words.sample_tables import naming_rows, plans_of_rows, rows_of, table_word
from ipython_extension.words.saved import FileFaults, FileItem, read_file
from ipython_extension.words.typed_plans import (
    TypedPlan,
    notes_on_text,
    pointing_at_errors,
    pointing_at_values,
    read_plans,
    with_metadata,
)
from ipython_extension.words.vocabulary import cell, word

#: The keys of an item to queue. A history item's other keys are about its run.
_OF_ITEM = ("item_type", "name", "args", "kwargs", "meta")
_MOST_REASONS = 3
#: Maximum number of characters of a plan in a list of refusals.
_QUOTED = 60
_DRY_RUN = "dry-run"
_LEAD = "Plan validation failed: "
#: Text in the refusal of a move to a position that does not exist.
_NO_PLACE = "Destination plan (position"
_SWITCH = {"on": True, "off": False}


@word(
    "add",
    "PLAN [PLAN…] [--for TABLE] [--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…] [--dry-run]"
    " | --file FILE",
)
def add(session: Session, line: Line) -> Changed:
    """Queue plans, at the back unless an option says otherwise.

    Write plans as in RE(…): names are devices and plans; $name and {expression} use this session's variables. If one of
    several plans is refused, none is queued. Instead of a plan, you can queue queue_stop, which stops the queue there.
    --md adds metadata: numbers, names, lists in brackets, and text in quotes. Metadata that must be computed needs
    braces or a variable.

        %qs add count([det1, det2], num=10, delay=1)
        %qs add scan([det1], motor, $start, $stop, num={n * 2}) --front --md sample="Si 111"

    --dry-run also shows what the plans would do when the queue reaches them; they are queued either way.

    --for takes a table: a list of dictionaries or a DataFrame from this session, or a .csv or .xlsx file. In the plans,
    $name stands for a column, and the plans are queued once for each row. --file queues the lines of a text file, such
    as one from %qs save, or the rows of a .csv or .xlsx file with a column `plan` and a column for each parameter.

        %qs add scan([det1], motor, $x, {x + 1}, 20) --for samples --md sample=$name
        %qs add --file tonight.txt
        %qs add --file tonight.xlsx
    """
    if token := table_word(line):
        return _add_rows(session, line, token)
    if line.begins_option("--file"):
        return _add_file(session, line)
    plans, options = read_plans(line, _places(session, line))
    _one_place(line, options)
    items = [plan.item for plan in plans]
    with pointing_at_errors(line, plans):
        view = _add(session, items, options)
    view.notes = [*view.notes, *notes_on_text(items, line.session)]
    return view


def _add_rows(session: Session, line: Line, token: LineWord) -> Changed:
    rows = rows_of(line, token)
    places: Options = {**_places(session, line), "--for": lambda each: each.text}
    options: dict[str, Any] = {}

    def read(of_row: Line) -> list[TypedPlan]:
        plans, given = read_plans(of_row, places)
        options.update(given)
        return plans

    plans = list(plans_of_rows(line, rows, read))
    options.pop("for", None)
    _one_place(line, options)
    with naming_rows(line, plans):
        view = _add(session, [each.plan.item for each in plans], options)
    view.summary = in_one_sentence(view)
    return view


def _add_file(session: Session, line: Line) -> Changed:
    options: dict[str, Any] = {}
    places: Options = {**_places(session, line), "--file": lambda token: read_file(line, token)}
    try:
        while line.more():
            if not line.option({**places, "--md": None}, options):
                raise line.fault("The plans come from the file; only options can follow it")
    except FileFaults as error:
        raise error.with_refusals(session) from None
    read: list[FileItem] = options.pop("file")
    items = [each.item for each in read]
    metadata = options.pop("md", {})
    for item in items if metadata else ():
        if item.get("item_type") == "plan":
            item["meta"] = with_metadata(item.get("meta") or {}, metadata)
    _one_place(line, options)
    try:
        view = _add(session, items, options)
    except RequestFailedError as error:
        raise _with_names(error, [each.place for each in read], len(read)) from None
    view.summary = in_one_sentence(view)
    view.places = [each.place for each in read]
    return view


@cell("add", "[--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…] [--dry-run]")
def add_cell(session: Session, line: Line) -> Changed:
    """Queue the plans in a cell, all or none. A line can have several plans, and comments are ignored.

    --md on the first line applies to all plans; after a plan, it applies to the plans on that line.
    """
    return add(session, line)


@word("rm", "ID… | A-B")
def rm(session: Session, line: Line) -> Changed:
    """Remove items from the queue by position (1-3 for several) or uid.

    Positions refer to the last table. To remove all items, use `%qs clear`.
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
        view = removed(session, session.rm.queue_item_remove_batch(uids, ignore_missing=False))
    view.summary = f"Removed {plural(len(view), 'item')} (%qs undo puts them back)."
    return view


@word("edit", "ID PLAN | ID NAME=VALUE… | A-B NAME=VALUE… [--md KEY=VALUE…]")
def edit(session: Session, line: Line) -> Changed:
    """Change some parameters of queued plans, or the whole call of one. Their positions stay the same.

    Write a VALUE as in a plan. If you name several plans (3-7), either all are changed or none. To change *args, such
    as the motor and the range of a scan, write the whole call.

        %qs edit 0 num=20 detectors=[det1, det2]
        %qs edit 3-7 num=5
        %qs edit 0 scan([det1], motor, -2, 2, 9)
    """
    tokens = _several(line, "the position or uid of an item")
    items = [session.queued_item(line, token) for token in tokens]
    if len(items) > 1:
        return _edit_several(session, line, tokens, items)
    (item,), (token,) = items, tokens
    _is_plan(line, token, item)
    known = session.known()
    call = ItemCall(item, known.plans.get(item["name"]) or {}, known, f"%qs edit {token.text}")
    given: dict[str, Any] = {}
    values: dict[str, Any] = {}
    places: dict[str, tuple[int, int]] = {}
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
        values[name], places[name] = value, (start, line.at)
    if not (whole or values or given):
        raise line.fault("Expected NAME=VALUE, or the whole plan")
    changed = _changed(call, values) if whole is None else _in_place_of(item, whole.item)
    if "md" in given:
        changed["meta"] = with_metadata(changed.get("meta") or {}, given["md"])
    with pointing_at_errors(line, [whole]) if whole else pointing_at_values(line, places):
        try:
            reply = session.rm.queue_item_update(changed, expected=item)
        except UnsupportedParameterError:  # nothing was sent
            reply = session.rm.queue_item_update(changed)
    place = session.place_of(item)
    lead = "Changed" if place is None else f"Changed at position {place}"
    return Changed([cast("Item", reply["item"])], reply, known, [lead])


def _edit_several(session: Session, line: Line, tokens: Sequence[LineWord], items: Sequence[Item]) -> Changed:
    known = session.known()
    has_values = line.more()
    changed, _ = _with_values(session, line, tokens, items, options={}, command="edit")
    if all(new == old for new, old in zip(changed, items, strict=True)):
        if has_values:
            raise UsageError("Nothing would change: all of these plans already have these values")
        raise line.fault("Expected NAME=VALUE with a new value")
    try:
        reply = session.rm.queue_item_update_batch(changed, expected=list(items))
    except RequestFailedError as error:
        raise _with_names(error, [f"item {token.text}" for token in tokens]) from None
    places = [session.place_of(item) for item in items]
    summary = f"Changed {plural(len(items), 'plan')} at {_positions(places)}."
    edited = cast("list[Item]", reply["items"])
    has_metadata = any(new.get("meta") != old.get("meta") for new, old in zip(changed, items, strict=True))
    return Changed(edited, reply, known, ["Changed"] * len(items), summary=summary, has_metadata=has_metadata)


def _with_names(error: RequestFailedError, names: Sequence[str], most: int = _MOST_REASONS) -> RequestFailedError:
    """The refusal of several items, with the items' names instead of their numbers in the request."""
    results = zip(names, error.response.get("results") or (), strict=False)
    wrong = [f"{name}: {str(result['msg']).removeprefix(_LEAD)}" for name, result in results if result.get("msg")]
    if not wrong:
        return error
    more = [f"and {len(wrong) - most} more"] if len(wrong) > most else []
    return failure(error.request, {**error.response, "msg": "; ".join([*wrong[:most], *more])})


def _with_values(
    session: Session, line: Line, tokens: Sequence[LineWord], items: Sequence[Item], *, options: Options, command: str
) -> tuple[list[Item], dict[str, Any]]:
    """Change the items by each ``NAME=VALUE`` and the metadata in the rest of the line; return them and the options."""
    known = session.known()
    calls = [
        ItemCall(
            item,
            known.plans.get(item["name"]) or {},
            known,
            f"%qs edit {token.text}" if command == "edit" else "%qs add",
            is_new=command != "edit",
        )
        for item, token in zip(items, tokens, strict=True)
    ]
    values: dict[str, Any] = {}
    given: dict[str, Any] = {}
    while line.more():
        if line.option({**options, "--md": None}, given):
            continue
        start = line.at
        if line.begins_plan():
            instead = "replace one item (%qs edit)" if command == "edit" else "be queued (%qs add)"
            raise line.fault(f"Expected NAME=VALUE. A whole plan can only {instead}", start)
        name, value = line.pair(line.objection)
        for call, token in zip(calls, tokens, strict=True):
            _is_plan(line, token, call.item)
            if message := call.objection(name, value):
                raise line.fault(f"{token.text}: {message}" if len(calls) > 1 else message, start)
        values[name] = value
    changed = [_changed(call, values) for call in calls]
    if metadata := given.pop("md", None):
        changed = [{**item, "meta": with_metadata(item.get("meta") or {}, metadata)} for item in changed]
    return changed, given


def _is_plan(line: Line, token: LineWord, item: Item) -> None:
    if item["item_type"] != "plan":
        raise line.fault(f"Item {token.text} is {item['name']}, which has no parameters", token.start, len(token.text))


def _changed(call: ItemCall, values: Mapping[str, Any]) -> Item:
    return {**call.item, **call.with_parameters(values)} if values else dict(call.item)


def _several(line: Line, expected: str) -> list[LineWord]:
    """The items that one word names: a position, a range such as 3-7, several separated by commas, or a uid."""
    tokens = [each for part in line.word(expected).parts() for each in line.positions(part)]
    return list({token.text: token for token in tokens}.values())


def _positions(places: Sequence[int | None]) -> str:
    """``position 3``, ``positions 3-7``."""
    at = [place for place in places if place is not None]
    return f"{'position' if len(at) == 1 else 'positions'} {ranges(at)}"


def _in_place_of(item: Item, plan: Item) -> Item:
    """The queued item with a new plan. Everything else, such as its metadata, is kept."""
    kept = {key: value for key, value in item.items() if key not in ("name", "args", "kwargs")}
    if "meta" in plan:
        kept["meta"] = with_metadata(item.get("meta") or {}, plan["meta"])
    return {**plan, **kept, "item_type": plan["item_type"]}


@word("move", "ID | A-B front | back | N | before ID | after ID")
def move(session: Session, line: Line) -> Changed:
    """Move an item, or several (2-5), to the front, the back, position N, or next to another item.

    Several items stay together, in the order that they have in the queue.

        %qs move 3 front
        %qs move 2-5 after 7
    """
    items = _several(line, "the position or uid of an item")
    target = line.word("front, back, a position, before ID or after ID")
    where: dict[str, Any]
    neighbors: list[LineWord] = []
    if target.text in ("front", "back"):
        where = {"pos_dest": target.text}
    elif target.text in ("before", "after"):
        neighbors = [line.word("the position or uid of an item")]
        where = {f"{target.text}_uid": session.queued(line, neighbors[0])}
    else:
        where = {"pos_dest": line.number(target, "front, back, a position, before ID or after ID")}
    line.nothing_more()
    with session.explained(line, [*items, *neighbors]):
        if len(items) == 1:
            with _pointing_at_place(session, line, target):
                reply = session.rm.queue_item_move(**session.source(line, items[0]), **where)
            return moved(session, where, reply)
        uids = list(dict.fromkeys(session.queued(line, token) for token in items))
        where = _of_the_first(session, uids, where)
        view = moved(session, where, session.rm.queue_item_move_batch(uids, **where))
    places = {item["item_uid"]: at for at, item in enumerate(view.queue or ())}
    view.has_metadata = False
    view.summary = f"Moved {plural(len(view), 'item')} to {_positions([places.get(uid) for uid in uids])}."
    return view


@contextmanager
def _pointing_at_place(session: Session, line: Line, target: LineWord) -> Iterator[None]:
    """Report a position that the queue does not have."""
    try:
        yield
    except RequestFailedError as error:
        if _NO_PLACE not in str(error):
            raise
        last = session.status()["items_in_queue"] - 1
        message = f"The queue has no position {target.text}: its last position is {last}"
        raise line.fault(message, target.start, len(target.text)) from None


def _of_the_first(session: Session, uids: Sequence[str], where: dict[str, Any]) -> dict[str, Any]:
    """The destination of several items. A position is where the first of them goes."""
    place = where.get("pos_dest")
    if not isinstance(place, int):
        return where
    rest = [item["item_uid"] for item in session.line_queue()["items"] if item["item_uid"] not in uids]
    at = max(place if place >= 0 else len(rest) + 1 + place, 0)
    return {"before_uid": rest[at]} if at < len(rest) else {"pos_dest": "back"}


@word("redo", "ID | A-B [NAME=VALUE…] [--front | --back | --at N | --before ID | --after ID] [--md KEY=VALUE…]")
def redo(session: Session, line: Line) -> Changed:
    """Queue plans from the history again: by number in the last history table, or by uid; -1 is the newest plan.

    Negative numbers count back from the plan that ended last, no matter which table was shown.

    NAME=VALUE changes parameters first. If you name several plans (60-74), either all are queued or none. A plan that
    is already back in the queue, because it failed or was aborted, is not queued again unless you change it.

        %qs redo -1
        %qs redo 60-74
        %qs redo 3 num=80 --front
    """
    tokens = _several(line, "the number or uid of an item in the history")
    ended = [session.finished(line, token) for token in tokens]
    before = [{key: item[key] for key in _OF_ITEM if key in item} for item in ended]
    after, options = _with_values(session, line, tokens, before, options=_places(session, line), command="redo")
    _one_place(line, options)
    back: dict[str, Requeued] = {}
    if after == before and any(map(has_failed, ended)):
        back = find_requeued(filter(has_failed, ended), session.line_queue())
    kept = [at for at, item in enumerate(ended) if item["item_uid"] not in back]
    items = [after[at] for at in kept]
    if not items:
        session.sees_queue()
        leads = [f"Already {each.place_with_number}; not queued again" for each in back.values()]
        return Changed([each.item for each in back.values()], {}, session.known(), leads)
    if len(ended) == 1:
        changes = " with changes" if after != before else ""
        lead = f"Queued {session.name_in_history(ended[0])} again{changes} at position"
    else:
        lead = "Queued at position"
    try:
        view = _add(session, items, options, lead)
    except RequestFailedError as error:
        known = session.known()
        names = [
            f"number {tokens[at].text}, {shortened(plan_text(item, known), _QUOTED)}"
            for at, item in zip(kept, items, strict=True)
        ]
        raise _with_names(error, names) from None
    if len(ended) > 1:
        were = "was" if len(back) == 1 else "were"
        again = f" {plural(len(back), 'plan')} {were} already back in the queue and not queued again." if back else ""
        view.summary = f"{in_one_sentence(view)}{again}"
    return view


@word("clear")
def clear(session: Session, line: Line) -> ReplyView:
    """Remove all items from the queue. The running plan is not affected."""
    line.nothing_more()
    count = session.status()["items_in_queue"]
    reply = session.rm.queue_clear()
    them = "it" if count == 1 else "them"
    summary = f"Removed {plural(count, 'item')} (%qs undo puts {them} back)." if count else "The queue was empty."
    return ReplyView(reply, summary)


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
    """Show autostart or switch it on or off: the queue starts by itself if it has items and the environment is open."""
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
    session.watched.starts(status)
    return ReplyView(reply, f"Autostart is on: {what_starts(status)}.")


def _places(session: Session, line: Line) -> Options:
    """The options for commands that queue plans."""
    return {
        f"--{_DRY_RUN}": None,
        "--front": None,
        "--back": None,
        "--at": line.number,
        "--before": lambda token: session.queued(line, token),
        "--after": lambda token: session.queued(line, token),
    }


def _one_place(line: Line, given: Iterable[str]) -> None:
    given = [name for name in given if name != _DRY_RUN]
    if len(given) > 1:
        last = f"--{given[-1]}"
        raise line.fault(f"--{' and --'.join(given)} cannot be combined", line.text.rindex(last), len(last))


def _add(session: Session, items: list[Item], options: Mapping[str, Any], lead: str = "Queued at position") -> Changed:
    where: dict[str, Any] = {}
    for name, value in options.items():
        if name == _DRY_RUN:
            continue
        key = {"before": "before_uid", "after": "after_uid"}.get(name, "pos")
        where[key] = name if name in ("front", "back") else value
    if len(items) == 1:
        view = added(session, where, session.rm.queue_item_add(items[0], **where), lead)
    else:
        view = added(session, where, session.rm.queue_item_add_batch(items, **where))
    view.notes = _note_on_place(options.get("at"), view)
    if _DRY_RUN in options:
        view.notes = [*view.notes, *queue_findings.of_added(session, view)]
    return view


def _note_on_place(wanted: int | None, view: Changed) -> list[str]:
    """A sentence if the queue does not have the requested position."""
    size = view.reply.get("qsize") or 0
    before = size - len(view)
    if wanted is None or -before <= wanted <= before:
        return []
    return [f"The queue had no position {wanted}: queued at the {'back' if wanted > 0 else 'front'}."]
