"""Which functions of the worker a user group may call, by the permissions that the service tells."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import QSError
from ipython_extension.session.session import Session


def may_call(session: Session, name: str) -> bool | None:
    """Whether the permissions let this user's group call a function; None where they cannot be known."""
    from bluesky_qs.plans.permissions import Permissions  # noqa: PLC0415 - only these words pay for it

    source = _permissions(session)
    if not source:
        return None
    try:
        rules = Permissions.from_dict(source).rules(session.rm.user_group)
    except QSError:  # of a service that has other rules
        return None
    return all(rule.functions.allows(name) for rule in rules)


def named(session: Session) -> list[str]:
    """What the permissions name for this user's group, as it stands there: names and patterns."""
    groups = _permissions(session).get("user_groups") or {}
    return [str(each) for each in (groups.get(session.rm.user_group) or {}).get("allowed_functions") or () if each]


def _permissions(session: Session) -> Mapping[str, Any]:
    try:
        return session.rm.permissions_get().get("user_group_permissions") or {}
    except RequestFailedError:
        return {}
