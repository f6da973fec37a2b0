"""Reads permissions from a configuration: the section ``access``, or the community's ``api_access``."""

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec

from bluesky_qs.door.signin.roles import (
    DEFAULT_USER_GROUP,
    Policy,
    RoleChanges,
    Rule,
    changed_roles,
    listed,
)
from bluesky_qs.errors import ConfigError
from bluesky_qs.nearest import did_you_mean, nearest

_T = TypeVar("_T")
_MODULE = "bluesky_httpserver.authorization:"
_BASIC, _DICTIONARY = "BasicAPIAccessControl", "DictionaryAPIAccessControl"
_DEFAULT_GROUP = "DefaultResourceAccessControl"
_ONE_OF_BOTH = (
    "The configuration has both 'access' and 'api_access'. Keep 'access', which can also do what 'api_access' does"
)


class _AccessSection(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[Rule] = []
    roles: dict[str, RoleChanges | None] = {}
    user_group: str | None = None


class _PolicySection(msgspec.Struct, forbid_unknown_fields=True):
    policy: str
    args: dict[str, Any] | None = None


class _User(msgspec.Struct, forbid_unknown_fields=True):
    roles: str | list[str] | None = None
    displayed_name: str | None = None
    mail: str | None = None


class _DictionaryArgs(msgspec.Struct, forbid_unknown_fields=True):
    roles: dict[str, RoleChanges | None] | None = None
    users: dict[str, _User | None] | None = None


class _BasicArgs(msgspec.Struct, forbid_unknown_fields=True):
    roles: dict[str, RoleChanges | None] | None = None


class _ResourceArgs(msgspec.Struct, forbid_unknown_fields=True):
    default_group: str | None = None


#: Keys of the sections and of their parts.
_KEYS = (*_AccessSection.__struct_fields__, *Rule.__struct_fields__, *RoleChanges.__struct_fields__)


def read_policy(sections: Mapping[str, Any], *, providers: Collection[str]) -> Policy:
    """Return the policy of a configuration. `providers` are the names of its sign-in providers.

    Raises
    ------
    ConfigError
        A section is not valid, or nobody could sign in.
    """
    user_group = _resource_group(sections.get("resource_access"))
    if sections.get("access") is not None:
        if sections.get("api_access") is not None:
            raise ConfigError(_ONE_OF_BOTH)
        policy = _own(sections["access"], providers, user_group)
    else:
        policy = _community(sections.get("api_access"), providers, user_group)
    return policy


def read_user_group(sections: Mapping[str, Any]) -> str | None:
    """Return the user group that a configuration gives to everyone; None if there is none.

    Raises
    ------
    ConfigError
        A section is not valid.
    """
    found = _resource_group(sections.get("resource_access"))
    if found is None and sections.get("access") is not None:
        found = _converted(sections["access"], _AccessSection, "Section 'access'").user_group
    return found


def _own(section: Any, providers: Collection[str], user_group: str | None) -> Policy:
    access = _converted(section, _AccessSection, "Section 'access'")
    roles = changed_roles(access.roles)
    for number, rule in enumerate(access.rules, 1):
        _check(rule, f"Rule {number} of 'access'", roles, providers)
    if providers and not access.rules:
        raise ConfigError("Section 'access' has no rules, so nobody could sign in. Add a rule to 'rules'")
    return Policy(access.rules, roles=roles, user_group=user_group or access.user_group or DEFAULT_USER_GROUP)


def _check(rule: Rule, what: str, roles: Collection[str], providers: Collection[str]) -> None:
    if not (rule.user or rule.group or rule.claim or rule.anyone):
        raise ConfigError(
            f"{what} has no condition. Add 'user', 'group' or 'claim', or 'anyone: true' for everyone who can sign in"
        )
    if not rule.roles and not rule.user_group:
        raise ConfigError(f"{what} gives neither 'roles' nor a 'user_group'")
    for role in listed(rule.roles):
        if role not in roles:
            raise ConfigError(f"{what}: unknown role {role!r}{did_you_mean(nearest(role, roles))}")
    for name in listed(rule.provider):
        if name not in providers:
            raise ConfigError(f"{what}: unknown provider {name!r}{did_you_mean(nearest(name, providers))}")
    if len(providers) > 1 and not rule.provider:
        # The same name may belong to different people at different providers.
        raise ConfigError(
            f"{what} needs 'provider', because there are several providers: {', '.join(sorted(providers))}"
        )


def _community(section: Any, providers: Collection[str], user_group: str | None) -> Policy:
    group = user_group or DEFAULT_USER_GROUP
    if section is None:
        if providers:
            raise ConfigError("Nobody could sign in, because no section says who may do what. Add the section 'access'")
        return Policy([], user_group=group)
    access = _converted(section, _PolicySection, "Section 'api_access'")
    name = access.policy.removeprefix(_MODULE)
    args = access.args or {}
    what = "'args' of 'api_access'"
    if name == _BASIC:
        changes = _converted(args, _BasicArgs, what).roles or {}
        if providers:
            raise ConfigError(
                f"The policy {_BASIC} does not let anyone sign in at a provider. Use {_DICTIONARY}, or the "
                f"section 'access'"
            )
        return Policy([], roles=changed_roles(changes), user_group=group)
    if name != _DICTIONARY:
        raise ConfigError(
            f"The policy {access.policy!r} of 'api_access' is not supported. "
            f"Use {_BASIC}, {_DICTIONARY} or the section 'access'"
        )
    dictionary = _converted(args, _DictionaryArgs, what)
    return _dictionary(dictionary, changed_roles(dictionary.roles or {}), group)


def _dictionary(args: _DictionaryArgs, roles: Mapping[str, frozenset[str]], user_group: str) -> Policy:
    rules: list[Rule] = []
    names: dict[str, tuple[str, str]] = {}
    for user, entry in (args.users or {}).items():
        if entry is None:
            continue
        of_user = [role.lower() for role in listed(entry.roles or [])]
        for role in of_user:
            if role not in roles:
                raise ConfigError(
                    f"User {user!r} in 'api_access': unknown role {role!r}{did_you_mean(nearest(role, roles))}"
                )
        rules.append(Rule(user=user, roles=of_user))
        if entry.displayed_name or entry.mail:
            names[user] = entry.displayed_name or "", entry.mail or ""
    return Policy(rules, roles=roles, user_group=user_group, names=names)


def _resource_group(section: Any) -> str | None:
    if section is None:
        return None
    access = _converted(section, _PolicySection, "Section 'resource_access'")
    if access.policy.removeprefix(_MODULE) != _DEFAULT_GROUP:
        raise ConfigError(
            f"The policy {access.policy!r} of 'resource_access' is not supported. "
            f"Use {_DEFAULT_GROUP}, or 'user_group' in the section 'access'"
        )
    return _converted(access.args or {}, _ResourceArgs, "'args' of 'resource_access'").default_group


def _converted(value: Any, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{what}: {error}{_meant(str(error))}") from None


def _meant(fault: str) -> str:
    """A hint with the key that the user probably meant instead of an unknown one."""
    unknown = re.search(r"unknown field `([^`]*)`", fault)
    return did_you_mean(nearest(unknown[1], _KEYS)) if unknown else ""
