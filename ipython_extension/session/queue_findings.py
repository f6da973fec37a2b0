"""Problems that dry runs have found in queued plans. The service does dry runs by itself or for %qs add --dry-run."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import Item
from ipython_extension.session.session import Session
from ipython_extension.shown.dry_run_view import DryRunView
from ipython_extension.shown.queue_dry_run_view import QueueDryRunView

#: Status keys that change whenever a finding may change.
_VERSIONS = ("dry_runs_uid", "plan_queue_uid")


def findings(session: Session, items: Sequence[Item], status: Mapping[str, Any]) -> dict[str, str]:
    """The problems that dry runs have found in queued plans, by uid. They are fetched only after a change."""
    if not items or not status.get("dry_runs_uid"):
        return {}
    version = (session.rm, len(items), *(status.get(name) for name in _VERSIONS))
    if session.found is None or session.found[0] != version:
        session.found = (version, _requested(session, items))
    return session.found[1]


def of_added(session: Session, items: Sequence[Item]) -> list[str]:
    """Lines about the dry runs of items that were just added, or the reason why there are none."""
    plans = [item["item_uid"] for item in items if item["item_type"] == "plan"]
    if not plans:
        return []
    try:
        reply = session.rm.queue_dry_run(plans)
    except RequestFailedError as error:  # the plans are queued anyway
        return [error.message]
    if len(plans) == 1:
        return DryRunView(cast("dict[str, Any]", reply["reports"][0]["report"])).lines()
    return QueueDryRunView(reply, items, session.known()).lines()


def _requested(session: Session, items: Sequence[Item]) -> dict[str, str]:
    states = cast("Mapping[str, Any]", session.rm.item_status([item["item_uid"] for item in items])["status"])
    found = {uid: state["dry_run"] for uid, state in states.items() if state.get("dry_run")}
    return {uid: _sentence(finding) for uid, finding in found.items() if not finding["ok"]}


def _sentence(finding: Mapping[str, Any]) -> str:
    lead = "the dry run is not complete" if finding["ok"] is None else "would fail"
    return f"{lead}: {finding['msg']}"
