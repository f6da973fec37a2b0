"""Explains from the service's events why autostart is off."""

from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.words.planexpr import plan_text
from ipython_extension.session.session import Session
from ipython_extension.shown import autostart_text

#: Most events to search, newest first.
_EVENTS = 1000


def autostart_is_off(session: Session) -> str:
    """Report that autostart is off, and why if no user switched it off."""
    return " ".join(["Autostart is off.", *switched_off(session)])


def switched_off(session: Session) -> list[str]:
    """Explain what switched autostart off; empty if a user did or the events are no longer kept."""
    events = autostart_text.last_switch_off(_latest(session))
    plan = ""
    if ended := autostart_text.failed_plan(events):
        past = session.rm.history_get()["items"]
        plan = next((plan_text(item, session.known()) for item in past if item["item_uid"] == ended["item_uid"]), "")
    return autostart_text.switched_off(events, plan)


def _latest(session: Session) -> Sequence[Mapping[str, Any]]:
    try:
        last = session.rm.events_get(0, limit=0)["last"]
        return session.rm.events_get(max(last - _EVENTS, 0), limit=_EVENTS)["events"]
    except RequestFailedError:  # the service keeps no events
        return []
