"""Sign-in with the passwords of an LDAP directory. The user's groups are those that list the user as a member."""

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ldap3 import Connection
from ldap3.core.exceptions import LDAPException
from ldap3.utils.dn import escape_rdn, parse_dn

from bluesky_qs.door.signin.provider import Identity, ProviderUnavailable
from bluesky_qs.door.signin.providers.args import check_ca_file, read_args
from bluesky_qs.door.signin.providers.blocking import BlockingCalls
from bluesky_qs.door.signin.providers.ldap_directory import Directory, LDAPArgs
from bluesky_qs.errors import ConfigError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ASK = "Try again later. If that does not help, ask the person who runs this server."


def ldap_provider(name: str, args: Mapping[str, Any]) -> "LDAPProvider":
    unused = "the door shows groups, display name and mail address"
    settings = read_args(args, LDAPArgs, unsupported={"auth_state_attributes": unused})
    _check(settings)
    return LDAPProvider(name, settings)


def _check(args: LDAPArgs) -> None:
    if not args.servers:
        raise ConfigError("the argument 'server_address' is empty")
    if args.lookup_dn and not (args.user_search_base and args.user_attribute):
        raise ConfigError("'lookup_dn' needs the arguments 'user_search_base' and 'user_attribute'")
    if not args.lookup_dn and not args.templates:
        raise ConfigError("give 'bind_dn_template', or 'lookup_dn' with 'user_search_base' and 'user_attribute'")
    if args.search_filter and not args.user_search_base:
        raise ConfigError("'search_filter' needs the argument 'user_search_base'")
    check_ca_file(args.ca_file)
    _try_format("bind_dn_template", args.templates, username="")
    _try_format("lookup_dn_search_filter", [args.lookup_dn_search_filter], login_attr="", login="")
    _try_format("search_filter", [args.search_filter], userattr="", username="")
    _try_format("group_filter", [args.group_filter], dn="", username="")
    try:
        re.compile(args.valid_username_regex)
    except re.error:
        raise ConfigError("the argument 'valid_username_regex' is not a regular expression") from None


def _try_format(name: str, templates: list[str], **words: str) -> None:
    try:
        for template in templates:
            template.format(**words)
    except (LookupError, ValueError):
        raise ConfigError(
            f"the argument {name!r} may contain only the placeholders {{{'}, {'.join(words)}}}; "
            "write any other brace twice: {{ or }}"
        ) from None


class LDAPProvider:
    """A `PasswordProvider`. Its requests block, so each check runs in a thread."""

    def __init__(self, name: str, args: LDAPArgs) -> None:
        self.name = name
        self.confirmation_message = args.confirmation_message
        self._args = args
        self._directory = Directory(args)
        self._calls = BlockingCalls(f"sign-in-{name}")
        if not args.is_encrypted:
            logger.warning("Sign-in provider %r sends passwords to the LDAP server without encryption", name)
        elif not args.tls_verify:
            logger.warning("Sign-in provider %r does not check the certificate of the LDAP server", name)

    async def authenticate(self, username: str, password: str) -> Identity | None:
        # LDAP servers treat an empty password as an anonymous bind, which succeeds.
        if not password.strip() or "\0" in password or not re.fullmatch(self._args.valid_username_regex, username):
            return None
        return await self._guarded(lambda: self._check(username, password))

    async def current(self, identity: Identity) -> Identity | None:
        # Without a service account, users are known only while they sign in.
        if not self._args.lookup_dn_search_user or "dn" not in identity.claims:
            return identity
        return await self._guarded(lambda: self._look_up(identity))

    async def close(self) -> None:
        """Do nothing: no connection is kept."""

    async def _guarded(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                return work()
            except (LDAPException, OSError) as error:
                # These texts contain servers and DNs, but ldap3 does not put passwords into them.
                logger.error("Sign-in provider %r: the LDAP server failed: %s", self.name, error)  # noqa: TRY400
                raise ProviderUnavailable(f"The LDAP server cannot check the password now. {_ASK}") from None

        return await self._calls.run(guarded)

    def _check(self, username: str, password: str) -> Identity | None:
        login, candidates = self._resolve(username)
        for dn in candidates:
            with self._directory.bound(dn, password) as connection:
                if connection is None:
                    continue
                if not self._args.lookup_dn_search_user:
                    return self._identity(connection, dn, login)
            # Users often cannot read groups, so the service account reads them.
            with self._directory.as_service() as connection:
                return self._identity(connection, dn, login)
        return None

    def _resolve(self, username: str) -> tuple[str, list[str]]:
        """Return the user name to use from here on, and the DNs to try with the password."""
        args = self._args
        if not args.lookup_dn:
            return username, [template.format(username=escape_rdn(username)) for template in args.templates]
        with self._directory.as_service() as connection:
            found = self._directory.find_users(connection, username)
        if len(found) != 1:
            if found:
                logger.warning("Sign-in provider %r: %d entries have the same user name", self.name, len(found))
            # Check the password even though this cannot succeed, so that a wrong name takes as long as a wrong
            # password.
            return username, [f"cn={secrets.token_hex(8)},{args.user_search_base}"]
        # Use the spelling of the directory, which ignores case in names. Roles do not ignore it.
        login = found[0].first(args.user_attribute) or username
        in_dn = found[0].first(args.lookup_dn_user_dn_attribute) or login
        if args.use_lookup_dn_username and args.lookup_dn_user_dn_attribute:
            login = in_dn
        return login, [each.format(username=escape_rdn(in_dn)) for each in args.templates] or [found[0].dn]

    def _look_up(self, identity: Identity) -> Identity | None:
        dn = identity.claims["dn"]
        with self._directory.as_service() as connection:
            if self._directory.user(connection, dn) is None:
                return None
            return self._identity(connection, dn, identity.id)

    def _identity(self, connection: Connection, dn: str, username: str) -> Identity | None:
        """Return the user, or None if the user is in the directory but may not sign in here."""
        if not self._directory.matches_search_filter(connection, username):
            logger.info("Sign-in provider %r: %r does not match 'search_filter'", self.name, dn)
            return None
        entry = self._directory.user(connection, dn)
        groups = self._directory.groups(connection, dn, username)
        names = {group.dn for group in groups} | {group.first(self._args.group_attribute) for group in groups}
        for group in entry.values("memberOf") if entry else []:
            names |= {group, _first_name(group)}
        allowed = {each.casefold() for each in self._args.allowed_groups}
        if allowed and not allowed & {name.casefold() for name in names}:
            logger.info("Sign-in provider %r: %r is in none of 'allowed_groups'", self.name, dn)
            return None
        return Identity(
            id=username,
            provider=self.name,
            display_name=entry.first("displayName", "cn") if entry else "",
            mail=entry.first("mail") if entry else "",
            groups=frozenset(names - {""}),
            claims={"dn": dn} if entry else {},
        )


def _first_name(dn: str) -> str:
    """Return `queue-users` for ``cn=queue-users,ou=groups,dc=example``."""
    try:
        return re.sub(r"\\(.)", r"\1", parse_dn(dn)[0][1])
    except LDAPException:
        return ""
