"""The kinds of sign-in providers, and how the section ``authentication.providers`` of the configuration names them."""

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bluesky_qs.door.signin.provider import AnyProvider
from bluesky_qs.errors import ConfigError
from bluesky_qs.nearest import did_you_mean, nearest

#: Kind in the configuration: the function that makes the provider from its name and its ``args``. The function raises
#: `ConfigError` for unknown or wrong ``args`` (the registry adds the provider's name), and does not contact a server
#: yet. It is imported only when the configuration names the kind.
KINDS: dict[str, str] = {
    "file": "bluesky_qs.door.signin.file_providers:file_provider",
    "dictionary": "bluesky_qs.door.signin.file_providers:dictionary_provider",
    "pam": "bluesky_qs.door.signin.providers.pam:pam_provider",
    "ldap": "bluesky_qs.door.signin.providers.ldap:ldap_provider",
    "oidc": "bluesky_qs.door.signin.providers.oidc:oidc_provider",
}

#: Classes of ``bluesky_httpserver.authenticators``, as its configuration files name them.
_COMMUNITY = {
    "DictionaryAuthenticator": "dictionary",
    "PAMAuthenticator": "pam",
    "LDAPAuthenticator": "ldap",
    "OIDCAuthenticator": "oidc",
}
_MODULE = "bluesky_httpserver.authenticators:"
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def providers(entries: Sequence[Mapping[str, Any]]) -> dict[str, AnyProvider]:
    """Make the providers that a configuration lists: ``{"provider": NAME, "authenticator": KIND, "args": {…}}``.

    Raises
    ------
    ConfigError
        An entry is not valid. The message does not contain values from ``args``.
    """
    made: dict[str, AnyProvider] = {}
    for entry in entries:
        name = entry.get("provider")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError("Each sign-in provider needs a name ('provider') of letters, digits, '-' and '_'")
        if name in made:
            raise ConfigError(f"Two sign-in providers have the name {name!r}")
        made[name] = _provider(name, entry)
    return made


def _provider(name: str, entry: Mapping[str, Any]) -> AnyProvider:
    if unknown := set(entry) - {"provider", "authenticator", "args"}:
        raise ConfigError(f"Sign-in provider {name!r} has an unknown key {min(unknown, key=str)!r}")
    args = entry.get("args")
    if args is None:
        args = {}
    if not isinstance(args, Mapping):
        raise ConfigError(f"'args' of the sign-in provider {name!r} must contain keys and values")
    module, _, function = KINDS[_kind(name, entry.get("authenticator"))].partition(":")
    make = getattr(importlib.import_module(module), function)
    try:
        return make(name, args)
    except ConfigError as error:
        raise ConfigError(f"Sign-in provider {name!r}: {error.message}") from None


def _kind(name: str, authenticator: Any) -> str:
    kind = kind_of(authenticator)
    if kind is None or not isinstance(authenticator, str):
        raise ConfigError(f"Sign-in provider {name!r} needs an 'authenticator'. Use one of: {', '.join(sorted(KINDS))}")
    if authenticator.endswith("DummyAuthenticator"):
        raise ConfigError(
            f"Sign-in provider {name!r}: the DummyAuthenticator accepts any password and is not supported. Use 'file'"
        )
    if kind not in KINDS:
        raise ConfigError(
            f"Sign-in provider {name!r}: the authenticator {authenticator!r} is not supported"
            f"{did_you_mean(nearest(kind, KINDS))}. Use one of: {', '.join(sorted(KINDS))}"
        )
    return kind


def kind_of(authenticator: Any) -> str | None:
    """Return the kind that a configuration names, directly or by a class name of the community; None if it is not
    text.
    """
    return (
        _COMMUNITY.get(authenticator.removeprefix(_MODULE), authenticator) if isinstance(authenticator, str) else None
    )
