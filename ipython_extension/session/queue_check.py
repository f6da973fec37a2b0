"""Which queued plans could not run now, and why: lists and permissions may have changed since they were queued."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import Item, plan_text
from ipython_extension.session.refusals import as_typed
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import plural

#: Items that are checked: more are not looked at before they run.
_MOST = 1000
#: Plans that are told of one by one.
_TOLD = 5
_OF_ITEM = ("item_type", "name", "args", "kwargs", "meta")
_LEAD = "Plan validation failed: "
#: What decides on it, as the status has it.
_VERSIONS = ("plans_allowed_uid", "devices_allowed_uid", "plan_queue_uid")


def faults(session: Session, items: Sequence[Item], status: Mapping[str, Any]) -> dict[str, str]:
    """Why queued plans could not run now, by uid; asked only when the queue or the lists have changed."""
    known = session.known(status)
    if not items or not known.plans:  # where nothing is known yet, nothing can be said
        return {}
    version = (session.rm, *(status.get(name) for name in _VERSIONS))
    if session.checked is None or session.checked[0] != version:
        found = {uid: as_typed(said.removeprefix(_LEAD), known) for uid, said in _refused(session, items[:_MOST])}
        session.checked = (version, found)
    return session.checked[1]


def told(session: Session, status: Mapping[str, Any]) -> list[str]:
    """Sentences on queued plans that could not run now."""
    if not status["items_in_queue"]:
        return []
    items = cast("list[Item]", session.rm.queue_get(reload=True)["items"])
    found = faults(session, items, status)
    known = session.known(status)
    lines = [f"{plan_text(item, known)}: {found[item['item_uid']]}" for item in items if item["item_uid"] in found]
    if not lines:
        return []
    more = ["…"] if len(lines) > _TOLD else []
    return [f"{plural(len(lines), 'queued plan')} cannot run now (%qs queue):", *lines[:_TOLD], *more]


def _refused(session: Session, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Uids and reasons, by what the service says of adding the same items now, for the group of each."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.get("item_type") == "plan":
            groups.setdefault(str(item.get("user_group")), []).append(item)
    refused = []
    for group, plans in groups.items():
        bare = [{key: item[key] for key in _OF_ITEM if key in item} for item in plans]
        try:
            results = session.rm.item_check(items=bare, user_group=group)["results"]
        except RequestFailedError:  # the group is no more, or the service does not check
            continue
        uids = [item["item_uid"] for item in plans]
        refused += [(uid, str(each["msg"])) for uid, each in zip(uids, results, strict=True) if not each["success"]]
    return refused
