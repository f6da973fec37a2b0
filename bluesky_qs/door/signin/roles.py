"""Roles with their scopes, and the rules that assign roles and a user group."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from bluesky_qs.api.method import Scope
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.errors import ConfigError
from bluesky_qs.nearest import did_you_mean, nearest

#: All scopes, in the order in which the documentation lists them.
SCOPES: tuple[str, ...] = get_args(Scope)
#: Among the scopes of an API key: all scopes that its owner has at the time of the request.
INHERIT = "inherit"

_ADMIN = frozenset({"admin:apikeys", "admin:read:principals", "admin:metrics"})
_SINGLE_USER = frozenset(SCOPES) - _ADMIN
_EXPERT = _SINGLE_USER - {"write:manager:stop", "write:testing"}
_ADVANCED = _EXPERT - {"write:permissions", "write:scripts", "write:config", "write:lock"}

#: The roles of the Bluesky HTTP server.
ROLES: dict[str, frozenset[str]] = {
    "admin": _ADMIN | {"read:status", "user:apikeys"},
    "expert": _EXPERT,
    "advanced": _ADVANCED,
    "user": _ADVANCED,
    "observer": frozenset(scope for scope in SCOPES if scope.startswith("read:")) | {"user:apikeys"},
    "unauthenticated_single_user": _SINGLE_USER,
    "unauthenticated_public": frozenset({"read:status"}),
}
SINGLE_USER = "unauthenticated_single_user"
PUBLIC = "unauthenticated_public"
DEFAULT_USER_GROUP = "primary"

_Names = str | list[str]


class RoleChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a configuration changes the scopes of a role or creates a new role."""

    scopes_set: _Names | None = None
    scopes_add: _Names | None = None
    scopes_remove: _Names | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule of the section ``access``. It applies to users who meet all of its conditions."""

    user: _Names = []
    group: _Names = []
    claim: dict[str, Any] = {}
    provider: _Names = []
    anyone: bool = False
    roles: _Names = []
    user_group: str = ""


class Access(msgspec.Struct, frozen=True):
    """The permissions of a user."""

    roles: frozenset[str]
    scopes: frozenset[str]
    user_group: str
    user: str
    """The name that items show."""
    name: str = ""
    """The name with which the user signs in."""


class Policy:
    """Assigns roles, scopes and a user group to users by rules.

    Parameters
    ----------
    rules
        Each rule that applies adds its roles. The first of them with a user group determines the group.
    roles
        The scopes of each role.
    user_group
        The user group of users whose rules have none.
    names
        Display names and email addresses by user name. They replace those of the provider.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        roles: Mapping[str, frozenset[str]] = ROLES,
        user_group: str = DEFAULT_USER_GROUP,
        names: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self._rules = tuple(rules)
        self._roles = roles
        self._user_group = user_group
        self._names = names or {}

    def access(self, identity: Identity) -> Access | None:
        """Return the permissions of a user; None if no rule gives the user a role."""
        rules = [rule for rule in self._rules if _applies(rule, identity)]
        roles = frozenset(role for rule in rules for role in listed(rule.roles))
        if not roles:
            return None
        groups = [rule.user_group for rule in rules if rule.user_group]
        display_name, mail = self._names.get(identity.id, (identity.display_name, identity.mail))
        return Access(
            roles,
            self.scopes_of(roles),
            groups[0] if groups else self._user_group,
            shown_name(identity.id, display_name, mail),
            identity.id,
        )

    def scopes_of(self, roles: Iterable[str]) -> frozenset[str]:
        """Return the scopes of all these roles together."""
        return frozenset[str]().union(*(self._roles.get(role, frozenset()) for role in roles))


def key_scopes(scopes: Iterable[str], owner: frozenset[str]) -> frozenset[str]:
    """Return the current scopes of an API key: those that its owner still has or, with ``inherit``, all of the owner's
    scopes.
    """
    own = frozenset(scopes)
    return owner if INHERIT in own else own & owner


def shown_name(user: str, display_name: str, mail: str) -> str:
    """The name that items show: ``jdoe "John Doe <jdoe@example.org>"``.

    >>> shown_name("jdoe", "John Doe", "")
    'jdoe "John Doe"'
    """
    match bool(display_name), bool(mail):
        case True, True:
            return f'{user} "{display_name} <{mail}>"'
        case True, False:
            return f'{user} "{display_name}"'
        case False, True:
            return f"{user} <{mail}>"
        case _:
            return user


def changed_roles(changes: Mapping[str, RoleChanges | None]) -> dict[str, frozenset[str]]:
    """Return the scopes of each role after these changes. A role that is None has no scopes.

    Raises
    ------
    ConfigError
        A scope does not exist.
    """
    roles = dict(ROLES)
    for name, change in changes.items():
        if change is None:
            roles[name] = frozenset()
            continue
        scopes = roles.get(name, frozenset())
        if change.scopes_set is not None:
            scopes = _known_scopes(name, change.scopes_set)
        scopes |= _known_scopes(name, change.scopes_add or [])
        roles[name] = scopes - _known_scopes(name, change.scopes_remove or [])
    return roles


def listed(names: _Names) -> list[str]:
    """Return the names as a list; a single name needs no brackets."""
    return [names] if isinstance(names, str) else names


def _known_scopes(role: str, scopes: _Names) -> frozenset[str]:
    known = frozenset(scope.lower() for scope in listed(scopes))
    for scope in sorted(known):
        if scope not in SCOPES:
            raise ConfigError(f"Role {role!r}: unknown scope {scope!r}{did_you_mean(nearest(scope, SCOPES))}")
    return known


def _applies(rule: Rule, identity: Identity) -> bool:
    if rule.provider and identity.provider not in listed(rule.provider):
        return False
    if rule.user and identity.id not in listed(rule.user):
        return False
    if rule.group and identity.groups.isdisjoint(listed(rule.group)):
        return False
    if not all(_has_claim(identity.claims, name, wanted) for name, wanted in rule.claim.items()):
        return False
    return bool(rule.anyone or rule.user or rule.group or rule.claim)


def _has_claim(claims: Mapping[str, Any], name: str, wanted: Any) -> bool:
    """Whether a claim has the wanted value, or one of several. The claim may be a list. Dots lead into objects."""
    values = _as_list(claims[name] if name in claims else _inner(claims, name))
    return any(_same(value, one) for value in values for one in _as_list(wanted))


def _inner(claims: Any, name: str) -> Any:
    for part in name.split("."):
        claims = claims.get(part) if isinstance(claims, Mapping) else None
    return claims


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _same(value: Any, wanted: Any) -> bool:
    return type(value) is type(wanted) and value == wanted  # 1 is not True
