"""The sign-in settings, from the sections of a configuration file and the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bluesky_qs.door.signin.access import read_policy
from bluesky_qs.door.signin.database import database_path
from bluesky_qs.door.signin.roles import Policy
from bluesky_qs.door.signin.tokens import Lifetimes, Signer
from bluesky_qs.errors import ConfigError

_T = TypeVar("_T")
#: The sections of a configuration file that are read here.
SECTIONS = ("authentication", "access", "api_access", "resource_access", "database")

_VARIABLE = "QSERVER_HTTP_SERVER_"
#: The community's name of the variable, and a shorter one.
_KEYS_VARIABLES = (f"{_VARIABLE}SERVER_SECRET_KEYS", f"{_VARIABLE}SECRET_KEYS")
_SHORTEST_LIFE, _LONGEST_LIFE = 1, 10 * 365 * 24 * 3600


class SignInSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Users, ways to sign in, and permissions.

    Attributes
    ----------
    providers
        The entries of ``authentication.providers``. Without any, there is one key for everyone.
    policy
        Assigns roles and a user group to users.
    secret_keys
        The keys that sign tokens. Without any, a key is generated and kept in the database.
    database
        The file of the sign-in database; None for the default.
    """

    providers: tuple[dict[str, Any], ...] = ()
    policy: Policy = Policy([])
    secret_keys: tuple[str, ...] = ()
    lifetimes: Lifetimes = Lifetimes()
    database: Path | None = None
    anonymous: bool = False

    def __repr__(self) -> str:  # the text may end up in a log
        return f"SignInSettings({len(self.providers)} providers, …)"


class _Authentication(msgspec.Struct, forbid_unknown_fields=True):
    providers: list[dict[str, Any]] | None = None
    secret_keys: list[str] | None = None
    allow_anonymous_access: bool | None = None
    single_user_api_key: str | None = None
    access_token_max_age: float | None = None
    refresh_token_max_age: float | None = None
    session_max_age: float | None = None


class _Database(msgspec.Struct, forbid_unknown_fields=True):
    uri: str | None = None
    pool_pre_ping: Any = None
    pool_size: Any = None


def read_sign_in(sections: Mapping[str, Any], environ: Mapping[str, str]) -> SignInSettings:
    """Return the sign-in settings from a configuration file and the environment. The file takes precedence.

    Variables in the file (``${NAME}``) have already been replaced.

    Raises
    ------
    ConfigError
        A section is not valid. The message contains no secret.
    """
    authentication = _converted(sections.get("authentication") or {}, _Authentication, "authentication")
    database = _converted(sections.get("database") or {}, _Database, "database")
    providers = tuple(authentication.providers or ())
    if providers and single_user_key(sections):
        raise ConfigError(
            "Section 'authentication' has both 'providers' and 'single_user_api_key'. Keep only one of them"
        )
    secret_keys = tuple(authentication.secret_keys or _keys_from(environ))
    if secret_keys:
        Signer(secret_keys)  # refuses keys that are too short
    anonymous = authentication.allow_anonymous_access
    if anonymous is None:
        anonymous = environ.get(f"{_VARIABLE}ALLOW_ANONYMOUS_ACCESS", "").lower() in {"1", "true", "yes", "on"}
    uri = database.uri or environ.get(f"{_VARIABLE}DATABASE_URI") or None
    return SignInSettings(
        providers=providers,
        policy=read_policy(sections, providers=[str(entry.get("provider")) for entry in providers]),
        secret_keys=secret_keys,
        lifetimes=_lifetimes(authentication),
        database=database_path(uri) if uri else None,
        anonymous=anonymous,
    )


def single_user_key(sections: Mapping[str, Any]) -> str | None:
    """Return the single-user key that a configuration file has."""
    authentication = sections.get("authentication") or {}
    key = authentication.get("single_user_api_key") if isinstance(authentication, Mapping) else None
    return str(key) if key else None


def _keys_from(environ: Mapping[str, str]) -> list[str]:
    for variable in _KEYS_VARIABLES:
        if keys := [key.strip() for key in environ.get(variable, "").split(";") if key.strip()]:
            return keys
    return []


def _lifetimes(authentication: _Authentication) -> Lifetimes:
    default = Lifetimes()
    return Lifetimes(
        access_token=_life("access_token_max_age", authentication.access_token_max_age, default.access_token),
        refresh_token=_life("refresh_token_max_age", authentication.refresh_token_max_age, default.refresh_token),
        session=_life("session_max_age", authentication.session_max_age, default.session),
    )


def _life(name: str, seconds: float | None, default: float) -> float:
    if seconds is None:
        return default
    if not _SHORTEST_LIFE <= seconds <= _LONGEST_LIFE:
        raise ConfigError(f"authentication.{name} must be a number of seconds, at least 1 and at most 10 years")
    return seconds


def _converted(section: Any, kind: type[_T], name: str) -> _T:
    try:
        return msgspec.convert(section, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Section {name!r}: {error}") from None
