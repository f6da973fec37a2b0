"""Finds queued plans that cannot run now, because lists or permissions have changed since they were queued."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session.refusals import as_typed
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import full_sentence, plural

#: Maximum number of items to check.
_MOST = 1000
#: Maximum number of plans to list.
_LISTED = 5
_OF_ITEM = ("item_type", "name", "args", "kwargs", "meta")
_LEAD = "Plan validation failed: "
#: Keys of the status that change if the result of the check may change.
_VERSIONS = ("plans_allowed_uid", "devices_allowed_uid", "plan_queue_uid")


def faults(session: Session, items: Sequence[Item], status: Mapping[str, Any]) -> dict[str, str]:
    """The reasons why queued plans cannot run now, by uid; requested only if the queue or the lists have changed."""
    known = session.known(status)
    if not items or not known.plans:  # no plans are known yet
        return {}
    if (found := _found_before(session, status)) is None:
        found = _faults_of(session, items[:_MOST], known)
        session.checked = (_version(session, status), found)
    return found


def fault_of_first(session: Session, status: Mapping[str, Any]) -> str:
    """The first plan of the queue with the reason why it cannot run now; empty if it can."""
    known = session.known(status)
    if not status["items_in_queue"] or not known.plans:
        return ""
    if (found := _found_before(session, status)) == {}:
        return ""
    first = next(iter(session.line_queue()["items"]), None)
    if first is None:  # somebody else has just removed it
        return ""
    reason = (_faults_of(session, [first], known) if found is None else found).get(first["item_uid"])
    return full_sentence(f"{plan_text(first, known)}: {reason}") if reason else ""


def warnings(session: Session, status: Mapping[str, Any]) -> list[str]:
    """Lines about queued plans that cannot run now."""
    if not status["items_in_queue"]:
        return []
    items = cast("list[Item]", session.rm.queue_get(reload=True)["items"])
    found = faults(session, items, status)
    known = session.known(status)
    lines = [f"{plan_text(item, known)}: {found[item['item_uid']]}" for item in items if item["item_uid"] in found]
    if not lines:
        return []
    more = ["…"] if len(lines) > _LISTED else []
    return [f"{plural(len(lines), 'queued plan')} cannot run now (%qs queue):", *lines[:_LISTED], *more]


def _version(session: Session, status: Mapping[str, Any]) -> tuple[object, ...]:
    return (session.rm, *(status.get(name) for name in _VERSIONS))


def _found_before(session: Session, status: Mapping[str, Any]) -> dict[str, str] | None:
    """The result of the last check, unless the queue or the lists have changed since."""
    is_valid = session.checked is not None and session.checked[0] == _version(session, status)
    return session.checked[1] if session.checked is not None and is_valid else None


def _faults_of(session: Session, items: Sequence[Item], known: Container[str]) -> dict[str, str]:
    return {uid: as_typed(message.removeprefix(_LEAD), known) for uid, message in _refused(session, items)}


def _refused(session: Session, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Uids and reasons. The service checks the items as if they were added now, each for its own group."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.get("item_type") == "plan":
            groups.setdefault(str(item.get("user_group")), []).append(item)
    refused = []
    for group, plans in groups.items():
        bare = [{key: item[key] for key in _OF_ITEM if key in item} for item in plans]
        try:
            results = session.rm.item_check(items=bare, user_group=group)["results"]
        except RequestFailedError:  # the group no longer exists, or the service has no check
            continue
        uids = [item["item_uid"] for item in plans]
        refused += [(uid, str(each["msg"])) for uid, each in zip(uids, results, strict=True) if not each["success"]]
    return refused
