"""The worker's functions that a user group may call, according to the service's permissions."""

from collections.abc import Mapping
from typing import Any

from bluesky_qs.client.failures import RequestFailedError
from bluesky_qs.errors import QSError
from ipython_extension.session.session import Session


def may_call(session: Session, name: str) -> bool | None:
    """Whether this user's group may call a function; None if the permissions are unknown."""
    from bluesky_qs.plans.permissions import PermissionRules  # noqa: PLC0415 - only these commands need it

    source = _permissions(session)
    if not source:
        return None
    try:
        rules = PermissionRules.from_dict(source).rules(session.rm.user_group)
    except QSError:  # the service does not have such rules
        return None
    return all(rule.functions.allows(name) for rule in rules)


def named(session: Session) -> list[str]:
    """The names and patterns that the permissions list for this user's group."""
    groups = _permissions(session).get("user_groups") or {}
    return [str(each) for each in (groups.get(session.rm.user_group) or {}).get("allowed_functions") or () if each]


def _permissions(session: Session) -> Mapping[str, Any]:
    try:
        return session.rm.permissions_get().get("user_group_permissions") or {}
    except RequestFailedError:
        return {}
