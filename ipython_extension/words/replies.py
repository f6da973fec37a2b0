"""Views of replies to all 0MQ methods, for any command. They fetch missing data."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session.requeued import find_requeued
from ipython_extension.session.session import Session
from ipython_extension.shown import reply_views, times_text
from ipython_extension.shown.display import QueueView, ReplyView, StatusView, View
from ipython_extension.shown.history_view import HistoryView
from ipython_extension.shown.item_views import Changed, ItemView
from ipython_extension.shown.queue_dry_run_view import QueueDryRunView
from ipython_extension.shown.reply_views import Reply
from ipython_extension.shown.status_text import has_failed
from ipython_extension.shown.tables import plural, ranges


def present(session: Session, method: str, params: Mapping[str, Any], reply: Reply) -> View:
    """The reply, as an object that displays itself."""
    if show := _FETCHING.get(method):
        return show(session, params, reply)
    return reply_views.view(method, params, reply)


def added(session: Session, params: Mapping[str, Any], reply: Reply, lead: str = "Queued at position") -> Changed:
    """The added items with their positions, and the queue table if items that were shown have moved."""
    items = _items(reply)
    session.added = [item["item_uid"] for item in items]
    size = reply.get("qsize") or len(items)
    first = session.place_of_added(params, len(items), size)
    if first is None:
        return placed(session, reply, params, lead)
    session.queue_has_grown(first, items, size)
    return Changed(items, reply, session.known(), [f"{lead} {first + i}" for i in range(len(items))])


def in_one_sentence(view: Changed) -> str:
    """One sentence for several queued items, in place of a line for each."""
    places = [int(lead.rpartition(" ")[2]) for lead in view.leads if lead.rpartition(" ")[2].isdigit()]
    noun = "plan" if all(item["item_type"] == "plan" for item in view) else "item"
    if noun == "plan" and len(names := {item["name"] for item in view}) == 1:
        noun = f"{names.pop()} plan"
    at = f" at {'position' if len(places) == 1 else 'positions'} {ranges(places)}" if places else ""
    return f"Queued {plural(len(view), noun)}{at}."


def moved(session: Session, params: Mapping[str, Any], reply: Reply) -> Changed:
    """The moved items with their positions, and the queue table."""
    # In a batch, the service determines the order.
    where = {**params, "pos": -1 if params.get("reorder") else params.get("pos_dest")}
    return placed(session, reply, where, "Moved to position")


def placed(session: Session, reply: Reply, where: Mapping[str, Any], lead: str) -> Changed:
    """The items in a reply with their current positions, and the queue table. ``where`` is as in `placed_in`."""
    items, known = _items(reply), session.known()
    queue = session.queue_after_change(items, where, reply.get("qsize"))
    places = {item["item_uid"]: at for at, item in enumerate(queue)}
    leads = [
        f"{lead} {places[item['item_uid']]}" if item["item_uid"] in places else "No longer in the queue"
        for item in items
    ]
    return Changed(items, reply, known, leads, queue=queue)


def removed(session: Session, reply: Reply) -> Changed:
    """The items in a reply that were removed from the queue."""
    items = _items(reply)
    return Changed(items, reply, session.known(), ["Removed"] * len(items), has_metadata=False)


def whole(session: Session, item: Item) -> ItemView:
    """One item with all details and its current position."""
    queue = session.line_queue()
    uids = [each["item_uid"] for each in queue["items"]]
    where = f"queued at position {uids.index(item['item_uid'])}" if item["item_uid"] in uids else ""
    if queue["running_item"].get("item_uid") == item["item_uid"]:
        where = "paused" if session.status()["manager_state"] == "paused" else "running"
    if not where and has_failed(item) and (back := find_requeued([item], queue).get(item["item_uid"])):
        where = back.place
    takes = _takes(session, item) if item["item_uid"] in uids else ""
    return ItemView(item, session.known(), where=where, takes=takes, me=session.rm.user)


def _takes(session: Session, item: Item) -> str:
    """How long a queued item takes, and when it starts, or why that is not known."""
    try:
        found = session.rm.estimates_get([item["item_uid"]])["estimates"]
    except RequestFailedError:  # it has left the queue, or the service makes no estimates
        return ""
    return times_text.item_sentence(found[item["item_uid"]])


def lock_owner(session: Session, status: Mapping[str, Any]) -> str:
    """The lock's user, time and note; empty if nothing is locked."""
    if not any((status.get("lock") or {}).values()):
        return ""
    try:
        return reply_views.lock_sentence(session.rm.lock_info()["lock_info"], session.rm.user)
    except RequestFailedError:  # the state is more important than the lock
        return ""


def _items(reply: Reply) -> list[Item]:
    return reply["items"] if "items" in reply else [reply["item"]]


def _queue(session: Session, _params: Mapping[str, Any], _reply: Reply) -> QueueView:
    return session.queue()


def _history(session: Session, _params: Mapping[str, Any], reply: Reply) -> HistoryView:
    return session.take_history(reply)


def _status(session: Session, _params: Mapping[str, Any], reply: Reply) -> StatusView:
    running = cast("Item", session.rm.queue_get(reload=True)["running_item"]) if reply.get("running_item_uid") else {}
    return StatusView(reply, running, session.known(reply), lock=lock_owner(session, reply), me=session.rm.user)


def _lock(session: Session, _params: Mapping[str, Any], reply: Reply) -> ReplyView:
    return ReplyView(reply, reply_views.lock_sentence(reply["lock_info"], session.rm.user) or "Nothing is locked.")


def _started(session: Session, _params: Mapping[str, Any], reply: Reply) -> ReplyView:
    status = session.line_status()
    queued = status["items_in_queue"] + (1 if status["running_item_uid"] else 0)
    return ReplyView(reply, f"Running {plural(queued, 'item')}." if queued else "Nothing is left to run.")


def _updated(session: Session, _params: Mapping[str, Any], reply: Reply) -> Changed:
    return placed(session, reply, {"pos": -1}, "Changed at position")


def _removed(session: Session, _params: Mapping[str, Any], reply: Reply) -> Changed:
    return removed(session, reply)


def _one_item(session: Session, _params: Mapping[str, Any], reply: Reply) -> ItemView:
    return whole(session, reply["item"])


def _executing(session: Session, _params: Mapping[str, Any], reply: Reply) -> ItemView:
    session.has_run(reply["item"])
    return ItemView(reply["item"], session.known(), "Running")


def _mode(session: Session, _params: Mapping[str, Any], reply: Reply) -> ReplyView:
    return reply_views.mode(reply, session.status()["plan_queue_mode"])


def _stop_cancelled(session: Session, _params: Mapping[str, Any], reply: Reply) -> ReplyView:
    is_running = session.line_status()["manager_state"] != "idle"
    return ReplyView(reply, "The queue will keep running after this plan." if is_running else "No stop is pending.")


def _task_started(session: Session, params: Mapping[str, Any], reply: Reply) -> ReplyView:
    session.tasks.append(reply["task_uid"])
    task = plan_text(params["item"], session.known()) if "item" in params else "the script"
    return reply_views.started(reply, f"{task} in the {'background' if params.get('run_in_background') else 'worker'}")


def _queue_dry_run(session: Session, _params: Mapping[str, Any], reply: Reply) -> View:
    if reply["task_uid"]:
        session.tasks.append(reply["task_uid"])
        return reply_views.started(reply, "the dry run of the queue")
    queue = session.queue(session.line_status())
    return QueueDryRunView(reply, queue, session.known(), is_running=bool(queue.running))


def _events(session: Session, _params: Mapping[str, Any], reply: Reply) -> ReplyView:
    return reply_views.events(reply, session.settings.rows())


#: Views that need more than the request and its reply.
_FETCHING: dict[str, Callable[[Session, Mapping[str, Any], Reply], View]] = {
    "status": _status,
    "ping": _status,
    "queue_get": _queue,
    "lock": _lock,
    "lock_info": _lock,
    "history_get": _history,
    "queue_start": _started,
    "queue_item_add": added,
    "queue_item_add_batch": added,
    "queue_item_update": _updated,
    "queue_item_update_batch": _updated,
    "queue_item_move": moved,
    "queue_item_move_batch": moved,
    "queue_item_remove": _removed,
    "queue_item_remove_batch": _removed,
    "queue_item_get": _one_item,
    "queue_item_execute": _executing,
    "queue_mode_set": _mode,
    "queue_dry_run": _queue_dry_run,
    "queue_stop_cancel": _stop_cancelled,
    "function_execute": _task_started,
    "script_upload": _task_started,
    "events_get": _events,
}
