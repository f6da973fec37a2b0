"""Finds queued plans that can no longer run, because lists or permissions have changed since they were queued."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.nearest import did_you_mean
from bluesky_qs.words.planexpr import Item
from bluesky_qs.words.plantext import plan_text
from ipython_extension.session.refusals import as_typed
from ipython_extension.session.session import Session
from ipython_extension.shown.tables import full_sentence, plural, shortened

#: Maximum number of items to check.
_MOST = 1000
#: Maximum number of plans to list.
_LISTED = 5
#: Maximum number of columns for a value in a warning.
_LONGEST = 100
_OF_ITEM = ("item_type", "name", "args", "kwargs", "meta")
_LEAD = "Plan validation failed: "
#: Status keys that change whenever the result of the check may change.
_VERSIONS = ("plans_allowed_uid", "devices_allowed_uid", "plan_queue_uid")


def faults(session: Session, items: Sequence[Item], status: Mapping[str, Any]) -> dict[str, str]:
    """The reasons why queued plans cannot run now, by uid. They are fetched only after a change of queue or lists."""
    known = session.known(status)
    if not items or not known.plans:  # no plans are known yet
        return {}
    if (found := _found_before(session, status)) is None:
        found, warned = _check(session, items[:_MOST], known)
        session.checked = (_version(session, status), found, warned)
    return found


def doubts(session: Session) -> dict[str, str]:
    """Warnings, by uid, about queued plans that may fail, for example because of unknown names.

    They come from the last check for `faults`.
    """
    return session.checked[2] if session.checked else {}


def fault_of_first(session: Session, status: Mapping[str, Any]) -> str:
    """The first plan in the queue, with the reason why it cannot run now; empty if it can run."""
    known = session.known(status)
    if not status["items_in_queue"] or not known.plans:
        return ""
    if (found := _found_before(session, status)) == {}:
        return ""
    first = next(iter(session.line_queue()["items"]), None)
    if first is None:  # somebody else has just removed it
        return ""
    reason = (_check(session, [first], known)[0] if found is None else found).get(first["item_uid"])
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


def _check(session: Session, items: Sequence[Item], known: Container[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The reasons why items cannot run now, and warnings about others, by uid."""
    refused, warned = {}, {}
    for uid, result in _results(session, items):
        if not result["success"]:
            refused[uid] = as_typed(str(result["msg"]).removeprefix(_LEAD), known)
        elif result.get("warnings"):
            warned[uid] = as_typed(_warning(result["warnings"][0]), known)
    return refused, warned


def _warning(finding: Mapping[str, Any]) -> str:
    """``'nodet' is not the name of a device that you may use (did you mean 'det'?)``."""
    value = "" if finding["parameter"] is None else f"{shortened(repr(finding['value']), _LONGEST)} "
    return f"{value}{finding['reason']}{did_you_mean(finding['suggestions'])}"


def _results(session: Session, items: Sequence[Item]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Pairs of uid and result. The service checks each item as if its own user group added it now."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.get("item_type") == "plan":
            groups.setdefault(str(item.get("user_group")), []).append(item)
    for group, plans in groups.items():
        bare = [{key: item[key] for key in _OF_ITEM if key in item} for item in plans]
        try:
            results = session.rm.item_check(items=bare, user_group=group)["results"]
        except RequestFailedError:  # the group no longer exists, or the service cannot check items
            continue
        uids = [item["item_uid"] for item in plans]
        yield from zip(uids, results, strict=True)
