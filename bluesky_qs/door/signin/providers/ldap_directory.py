"""The requests to an LDAP directory: binds, entries and groups. They block."""

import contextlib
import logging
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import ldap3
import msgspec
from ldap3.core.exceptions import LDAPBindError, LDAPException, LDAPOperationResult
from ldap3.utils.conv import escape_filter_chars

logger = logging.getLogger(__name__)

_SUCCESS = 0
_NO_SUCH_OBJECT = 32
_INVALID_DN = 34
#: Results of a bind that mean that this user may not sign in: a wrong password or name, or a locked account.
#: All others (busy, unavailable, encryption required, …) mean that the password was not checked.
_REFUSED = frozenset({19, _NO_SUCH_OBJECT, _INVALID_DN, 48, 49, 50, 53})
_SERVER = re.compile(r"(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>\d+))?")
_IN_THE_ENTRY = ("displayName", "cn", "mail", "memberOf")


class LDAPArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The possible ``args``. Most names and defaults are those of bluesky-httpserver."""

    server_address: str | list[str]
    """One or more servers, with or without a port. They are tried in this order."""
    server_port: int | None = None
    use_ssl: bool = False
    use_tls: bool = True
    """StartTLS, unless `use_ssl` is true."""
    ca_file: str = ""
    """Certificates that sign the server's certificate. The default is the computer's certificates."""
    tls_verify: bool = True
    connect_timeout: float = 5.0
    receive_timeout: float = 60.0
    bind_dn_template: str | list[str] = []
    allowed_groups: list[str] = []
    """DNs of groups. Users outside of these groups are refused."""
    valid_username_regex: str = r"^[a-z][.a-z0-9_-]*$"
    lookup_dn: bool = False
    user_search_base: str = ""
    user_attribute: str = ""
    lookup_dn_search_filter: str = "({login_attr}={login})"
    lookup_dn_search_user: str = ""
    """The service account, by which users and groups are looked up."""
    lookup_dn_search_password: str = ""
    lookup_dn_user_dn_attribute: str = ""
    escape_userdn: bool = False
    """No effect: names are always escaped."""
    search_filter: str = ""
    """Users whose entry does not match are refused."""
    attributes: list[str] = []
    """No effect."""
    use_lookup_dn_username: bool = True
    group_search_base: str = ""
    group_filter: str = "(|(member={dn})(uniqueMember={dn})(memberUid={username}))"
    group_attribute: str = "cn"
    confirmation_message: str = ""

    @property
    def templates(self) -> list[str]:
        templates = [self.bind_dn_template] if isinstance(self.bind_dn_template, str) else self.bind_dn_template
        return [template for template in templates if template]

    @property
    def servers(self) -> list[str]:
        addresses = [self.server_address] if isinstance(self.server_address, str) else self.server_address
        return [address for address in addresses if address]

    @property
    def is_encrypted(self) -> bool:
        return self.use_ssl or self.use_tls


class Entry(msgspec.Struct, frozen=True):
    """An entry of the directory. Its attribute names are in lower case."""

    dn: str
    attributes: Mapping[str, list[str]]

    def values(self, attribute: str) -> list[str]:
        return self.attributes.get(attribute.lower(), [])

    def first(self, *attributes: str) -> str:
        """Return the first value of the first attribute that the entry has, or an empty text."""
        return next((values[0] for attribute in attributes if (values := self.values(attribute))), "")


class _TLS(ldap3.Tls):
    """TLS with Python's own checks. ldap3's checks use a function that Python no longer has, and no SNI."""

    def __init__(self, args: LDAPArgs) -> None:
        super().__init__()
        self._context = ssl.create_default_context(cafile=args.ca_file or None)
        if not args.tls_verify:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


class Directory:
    """A directory with one or more servers. Each method raises `LDAPException` if none of the servers can answer."""

    def __init__(self, args: LDAPArgs) -> None:
        self._args = args

    @contextlib.contextmanager
    def bound(self, dn: str, password: str) -> Iterator[ldap3.Connection | None]:
        """Bind with a password, and yield the connection; None if the directory refuses the user."""
        connection = self._bind(dn, password)
        try:
            yield connection
        finally:
            _unbind(connection)

    @contextlib.contextmanager
    def as_service(self) -> Iterator[ldap3.Connection]:
        """Bind as the service account, or anonymously if there is none."""
        account = self._args.lookup_dn_search_user
        connection = self._bind(account, self._args.lookup_dn_search_password)
        if connection is None:
            who = f"the service account {account!r}" if account else "an anonymous bind"
            raise LDAPBindError(f"it refuses {who} ('lookup_dn_search_user')")
        try:
            yield connection
        finally:
            _unbind(connection)

    def find_users(self, connection: ldap3.Connection, username: str) -> list[Entry]:
        """Find the entries that have this user name."""
        args = self._args
        words = {"login_attr": args.user_attribute, "login": escape_filter_chars(username)}
        wanted = [args.user_attribute, args.lookup_dn_user_dn_attribute]
        return _search(connection, args.user_search_base, args.lookup_dn_search_filter.format(**words), wanted)

    def user(self, connection: ldap3.Connection, dn: str) -> Entry | None:
        """Read a user's entry. None if it does not exist or must not be read."""
        entries = _search(connection, dn, "(objectClass=*)", _IN_THE_ENTRY, scope=ldap3.BASE)
        return entries[0] if entries else None

    def matches_search_filter(self, connection: ldap3.Connection, username: str) -> bool:
        """Whether exactly one entry matches the filter of the configuration, if there is one."""
        args = self._args
        if not args.search_filter:
            return True
        words = {"userattr": args.user_attribute, "username": escape_filter_chars(username)}
        return len(_search(connection, args.user_search_base, args.search_filter.format(**words), [])) == 1

    def groups(self, connection: ldap3.Connection, dn: str, username: str) -> list[Entry]:
        """Find the groups that have this user as a member."""
        args = self._args
        words = {"dn": escape_filter_chars(dn), "username": escape_filter_chars(username)}
        members = args.group_filter.format(**words)
        found: list[Entry] = []
        if args.group_search_base:
            found += _search(connection, args.group_search_base, members, [args.group_attribute])
        for group in args.allowed_groups:
            found += _search(connection, group, members, [args.group_attribute], scope=ldap3.BASE)
        return found

    def _bind(self, user: str, password: str) -> ldap3.Connection | None:
        failure = LDAPException("no server is configured")
        for address in self._args.servers:
            try:
                return self._bind_at(address, user, password)
            except LDAPException as error:
                logger.warning("The LDAP server %s failed: %s", address, error)
                failure = error
        raise failure

    def _bind_at(self, address: str, user: str, password: str) -> ldap3.Connection | None:
        args = self._args
        login: dict[str, Any] = {"user": user, "password": password, "authentication": ldap3.SIMPLE} if user else {}
        connection = ldap3.Connection(
            self._server(address),
            read_only=True,
            auto_referrals=False,  # they would send the password to another server
            check_names=False,
            receive_timeout=max(1, round(args.receive_timeout)),  # ldap3 passes it to the socket as an integer
            **login,
        )
        try:
            connection.open(read_server_info=False)
            if args.use_tls and not args.use_ssl:
                connection.start_tls(read_server_info=False)
            if connection.bind(read_server_info=False):
                return connection
            code = connection.result["result"]
            if code not in _REFUSED:
                raise LDAPOperationResult(result=code, description=connection.result["description"])
        except LDAPException:
            _unbind(connection)
            raise
        _unbind(connection)
        return None

    def _server(self, address: str) -> ldap3.Server:
        args = self._args
        match = _SERVER.fullmatch(address)
        host, port = (match["host"].strip("[]"), match["port"]) if match else (address, None)
        return ldap3.Server(
            host,
            port=int(port) if port else args.server_port or (636 if args.use_ssl else 389),
            use_ssl=args.use_ssl,
            tls=_TLS(args) if args.is_encrypted else None,
            get_info=ldap3.NONE,
            connect_timeout=args.connect_timeout,
        )


def _search(
    connection: ldap3.Connection, base: str, query: str, wanted: list[str] | tuple[str, ...], scope: Any = ldap3.SUBTREE
) -> list[Entry]:
    attributes = [name for name in wanted if name] or [ldap3.NO_ATTRIBUTES]
    connection.search(base, query, search_scope=scope, attributes=attributes)
    result = connection.result
    if result["result"] in (_NO_SUCH_OBJECT, _INVALID_DN):
        return []
    if result["result"] != _SUCCESS:
        raise LDAPOperationResult(result=result["result"], description=result["description"])
    return [_entry(found) for found in connection.response or [] if found["type"] == "searchResEntry"]


def _entry(found: Mapping[str, Any]) -> Entry:
    raw: Mapping[str, list[bytes]] = found["raw_attributes"]
    texts = {name.lower(): [value.decode(errors="replace") for value in values] for name, values in raw.items()}
    return Entry(dn=found["dn"], attributes={name: values for name, values in texts.items() if values})


def _unbind(connection: ldap3.Connection | None) -> None:
    if connection is None:
        return
    with contextlib.suppress(LDAPException):  # the server may have closed it
        connection.unbind()
    if connection.socket is not None:  # ldap3 leaves it open if it could not connect
        connection.socket.close()
