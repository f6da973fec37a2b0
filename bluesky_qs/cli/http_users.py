"""``qserver-http user`` and ``qserver-http key``: users of the file, and API keys."""

import argparse
import asyncio
import getpass
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bluesky_qs.cli.parser import Parser, described, exit_code_of
from bluesky_qs.errors import ConfigError, QSError, WrongOption

if TYPE_CHECKING:
    from bluesky_qs.door.signin.database import SignInDatabase
    from bluesky_qs.door.signin.provider import Identity
    from bluesky_qs.door.signin.settings import SignInSettings
    from bluesky_qs.door.signin.users_file import UsersFile

_USER_HELP = """Add, change, remove and list users in the users file.

You are asked for the password; without a terminal, it is read from standard input.
Changes take effect within seconds. The section 'access' of the configuration file
defines what each user may do."""
_KEY_HELP = """Create, list and revoke API keys of the HTTP door.

A new key is printed once; only its hash is stored. Without users in the configuration,
keys belong to the single user. A revoked key is refused after a few seconds."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def main(args: Sequence[str]) -> int:
    """Run ``user …`` or ``key …``, and return the exit code."""
    return exit_code_of(partial(_run, args))


def _run(args: Sequence[str]) -> int | None:
    from bluesky_qs.door.refusals import HTTPRefusal  # noqa: PLC0415 - needs the packages of the door

    group, *rest = args
    actions = _ACTIONS[group]
    try:
        action = actions.get(rest[0]) if rest else None
        if action is None:
            return _no_action(group, actions, rest)
        parser = action.parser(f"qserver-http {group} {rest[0]}")
        action.run(parser.parse_args(rest[1:]))
    except HTTPRefusal as refusal:
        raise QSError(refusal.detail) from refusal
    return None


class _Action(NamedTuple):
    help: str
    run: Callable[[Any], None]
    takes_user: bool = False
    options: Callable[[Parser], None] | None = None

    def parser(self, prog: str) -> Parser:
        parser = Parser(prog, self.help, arguments=" NAME" if self.takes_user else "")
        if self.takes_user:
            parser.add_argument("name", metavar="NAME", help="User name.")
        if self.options is not None:
            self.options(parser)
        parser.add_argument(
            "--config",
            "--config_path",
            dest="config",
            metavar="PATH",
            default=os.environ.get("QSERVER_HTTP_SERVER_CONFIG"),
            help=described("Configuration file of the HTTP door.", "QSERVER_HTTP_SERVER_CONFIG"),
        )
        parser.add_help_option()
        return parser


def _no_action(group: str, actions: dict[str, _Action], rest: Sequence[str]) -> int:
    text = _USER_HELP if group == "user" else _KEY_HELP
    lines = [f"  {name:<8}{action.help}" for name, action in actions.items()]
    page = "\n".join((f"Usage: qserver-http {group} COMMAND\n", text, "\nCommands:", *lines))
    if rest and rest[0] in {"-h", "--help"}:
        print(page)
        return 0
    print(page, file=sys.stderr)
    print(f"\nError: Unknown command {rest[0]!r}" if rest else "\nError: Give a command", file=sys.stderr)
    return 2


def _add_user(options: Any) -> None:
    file = _users_file(options)
    if file.path.exists() and options.name in file.users():
        raise QSError(
            f"User {options.name!r} already exists. Change the password with: qserver-http user passwd {options.name}"
        )
    file.add(
        options.name,
        _password(),
        groups=options.group or [],
        display_name=options.display_name or "",
        mail=options.mail or "",
    )
    print(f"Added user {options.name} to {file.path}")
    _note(options, "add user")
    if _has_no_role(options, file):
        print(
            f"Warning: {options.name} cannot sign in yet, because no rule gives this user a role. "
            "Add one to 'rules' in the section 'access', and start the door again",
            file=sys.stderr,
        )


def _set_password(options: Any) -> None:
    file = _users_file(options)
    if options.name not in file.users():
        raise QSError(f"There is no user {options.name!r} in {file.path}")
    file.set_password(options.name, _password())
    ended = _end(options, lambda database, provider: database.end_sessions(provider, options.name))
    print(f"Changed the password of {options.name}{', and ended the sessions' if ended else ''}")
    _note(options, "change password")
    if keys := _keys_of(options):
        still = "1 API key" if keys == 1 else f"{keys} API keys"
        print(f"{still} of {options.name} can still be used. See: qserver-http key list, qserver-http key revoke KEY")


def _remove_user(options: Any) -> None:
    _users_file(options).remove(options.name)
    ended = _end(options, lambda database, provider: database.end_user(provider, options.name))
    print(f"Removed user {options.name}{', and ended the sessions and keys' if ended else ''}")
    _note(options, "remove user")


def _note(options: Any, action: str) -> None:
    """Record a line for the audit log about a user in the users file."""
    try:
        _end(options, lambda database, _provider: database.leave_note(_line(action, options.name)))
    except QSError as error:
        print(f"Warning: this is not in the audit log. {error.message}", file=sys.stderr)


def _line(action: str, owner: str) -> str:
    from bluesky_qs.door.signin.sign_in_log import command_line  # noqa: PLC0415 - help needs none of it

    return command_line(action, owner)


def _has_no_role(options: Any, file: "UsersFile") -> bool:
    """Whether the configuration gives no role to a user in the users file; False without a configuration."""
    from bluesky_qs.door.signin.file_providers import FileProvider, file_provider_name  # noqa: PLC0415

    settings = _settings(options)
    name = file_provider_name(settings.providers)
    if name is None:
        return False
    return settings.policy.access(FileProvider(name, file).identity(file.users()[options.name])) is None


def _keys_of(options: Any) -> int:
    """Return the number of a user's valid keys."""
    from bluesky_qs.door.signin.file_providers import file_provider_name  # noqa: PLC0415 - help needs none of it

    settings = _settings(options)
    owner = file_provider_name(settings.providers), options.name
    if owner[0] is None:
        return 0
    now = time.time()
    return sum(
        key.expires is None or key.expires > now
        for details in _with_database(settings, lambda database: database.all_details())
        if owner in {(known.identity.provider, known.identity.id) for known in details.principal.identities}
        for key in details.keys
    )


def _end(options: Any, end: Callable[["SignInDatabase", str], Awaitable[None]]) -> bool:
    """End a user's sessions or keys in the sign-in database. Return whether the configuration names a database."""
    from bluesky_qs.door.signin.file_providers import file_provider_name  # noqa: PLC0415 - help needs none of it

    settings = _settings(options)
    provider = file_provider_name(settings.providers)
    if provider is None:
        return False
    _with_database(settings, lambda database: end(database, provider))
    return True


def _list_users(options: Any) -> None:
    file = _users_file(options)
    rows = [(user.name, ", ".join(user.groups), user.display_name, user.mail) for user in file.users().values()]
    _table(("USER", "GROUPS", "DISPLAY NAME", "MAIL"), rows, f"No users in {file.path}")


def _new_key(options: Any) -> None:
    from bluesky_qs.door.signin.keys import new_key, scopes_for  # noqa: PLC0415 - help needs none of it
    from bluesky_qs.door.signin.roles import SINGLE_USER  # noqa: PLC0415

    settings = _settings(options)
    expires = None if options.expires is None else time.time() + options.expires
    identity = _owner(settings, options)

    async def make(database: "SignInDatabase") -> Any:
        if settings.providers:
            owner = await _scopes_of(settings, database, identity)
        else:
            owner = settings.policy.scopes_of([SINGLE_USER])
        principal = await database.know(identity, now=time.time())
        scopes = scopes_for(options.scope, owner, None)
        made = await new_key(database, principal.uuid, scopes, expires=expires, note=options.note)
        await database.leave_note(_line(f"new key {made.record.first_eight}", identity.id))
        return made

    key = _with_database(settings, make)
    print(
        f"Key {key.record.first_eight} of {identity.id}, expires {_when(expires)}. It is shown only once:",
        file=sys.stderr,
    )
    print(key.secret)


async def _scopes_of(settings: "SignInSettings", database: "SignInDatabase", identity: "Identity") -> frozenset[str]:
    """Look up the user at the provider, and return the permissions. The user may never have signed in."""
    from bluesky_qs.door.signin.registry import providers  # noqa: PLC0415 - help needs none of it

    if await database.knows(identity.provider, identity.id):
        principal = await database.know(identity, now=time.time())
        identity = next(
            known.identity for known in principal.identities if known.identity.provider == identity.provider
        )
    provider = providers(settings.providers)[identity.provider]
    try:
        current = await provider.current(identity)
    finally:
        await provider.close()
    if current is None:
        raise QSError(f"There is no user {identity.id!r} at the sign-in provider {identity.provider}")
    access = settings.policy.access(current)
    if access is None:
        raise QSError(f"User {identity.id!r} of {identity.provider} has no role. Add a rule to the section 'access'")
    await database.know(current, now=time.time())
    await database.checked(current, now=time.time(), gone=False)
    return access.scopes


def _list_keys(options: Any) -> None:
    async def read(database: "SignInDatabase") -> Any:
        return await database.all_details()

    rows = [
        (
            key.first_eight,
            ", ".join(known.identity.id for known in details.principal.identities),
            " ".join(key.scopes),
            _when(key.expires),
            "never" if key.latest_activity is None else _when(key.latest_activity),
            key.note or "",
        )
        for details in _with_database(_settings(options), read)
        for key in details.keys
    ]
    _table(("KEY", "USER", "SCOPES", "EXPIRES", "LAST USED", "NOTE"), rows, "No keys")


def _revoke_key(options: Any) -> None:
    async def revoke(database: "SignInDatabase") -> bool:
        found = await database.key_named(options.name[:8])
        if found is None:
            return False
        owner = await database.principal(found.principal)
        names = [known.identity.id for known in owner.identities] if owner is not None else []
        await database.leave_note(_line(f"revoke key {found.first_eight}", ", ".join(names)))
        return await database.revoke_key(found.first_eight)

    if not _with_database(_settings(options), revoke):
        raise QSError(f"There is no key {options.name[:8]!r}. List the keys with: qserver-http key list")
    print(f"Revoked key {options.name[:8]}")


def _user_options(parser: Parser) -> None:
    parser.add_argument("--group", action="append", metavar="GROUP", help="Group, for rules. May be repeated.")
    parser.add_argument("--display-name", metavar="TEXT", help="Full name.")
    parser.add_argument("--mail", metavar="ADDRESS", help="Email address.")
    _file_option(parser)


def _file_option(parser: Parser) -> None:
    parser.add_argument("--file", metavar="PATH", help="Users file to use instead of the one in the configuration.")


def _key_options(parser: Parser) -> None:
    parser.add_argument("--user", metavar="NAME", help="Owner of the key. Required if the door has users.")
    parser.add_argument(
        "--provider", metavar="NAME", help="Sign-in provider of the owner. Required if there are several."
    )
    parser.add_argument(
        "--expires",
        type=_duration,
        required=True,
        metavar="TIME",
        help="Lifetime of the key, such as 12h, 30d or 'never'.",
    )
    parser.add_argument(
        "--scope",
        action="append",
        metavar="SCOPE",
        help="Scope of the key. May be repeated.  [default: all scopes of its owner]",
    )
    parser.add_argument("--note", metavar="TEXT", help="Purpose of the key.")


def _revoke_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="KEY", help="First eight characters of the key.")


_ACTIONS: dict[str, dict[str, _Action]] = {
    "user": {
        "add": _Action("Add a user.", _add_user, takes_user=True, options=_user_options),
        "passwd": _Action("Change a user's password.", _set_password, takes_user=True, options=_file_option),
        "remove": _Action("Remove a user.", _remove_user, takes_user=True, options=_file_option),
        "list": _Action("List the users.", _list_users, options=_file_option),
    },
    "key": {
        "new": _Action("Create a key and print it.", _new_key, options=_key_options),
        "list": _Action("List the keys.", _list_keys),
        "revoke": _Action("Revoke a key.", _revoke_key, options=_revoke_options),
    },
}
#: The first words of the command line that are commands of this module.
COMMANDS = tuple(_ACTIONS)


def _users_file(options: Any) -> "UsersFile":
    from bluesky_qs.door.signin.file_providers import users_file_of  # noqa: PLC0415 - help needs none of it
    from bluesky_qs.door.signin.users_file import UsersFile  # noqa: PLC0415

    if options.file:
        return UsersFile(Path(options.file).expanduser())
    return users_file_of(_settings(options).providers)


def _settings(options: Any) -> "SignInSettings":
    from bluesky_qs.door.configuration import known_sections  # noqa: PLC0415 - help needs none of it
    from bluesky_qs.door.signin.settings import read_sign_in  # noqa: PLC0415

    if not options.config:
        return read_sign_in({}, os.environ)
    try:
        return read_sign_in(known_sections(options.config, os.environ), os.environ)
    except ConfigError as error:
        named = "" if options.config in error.message else f"{options.config}: "
        raise ConfigError(f"{named}{error.message}") from None


def _owner(settings: "SignInSettings", options: Any) -> "Identity":
    from bluesky_qs.door.settings import SingleUser  # noqa: PLC0415 - help needs none of it
    from bluesky_qs.door.signin.provider import Identity  # noqa: PLC0415
    from bluesky_qs.door.signin.single_user import SINGLE_USER_PROVIDER  # noqa: PLC0415

    names = [str(entry.get("provider")) for entry in settings.providers]
    if not names:
        if options.user or options.provider:
            raise WrongOption("There are no users without a configuration file. Give one with --config PATH")
        return Identity(SingleUser().name, SINGLE_USER_PROVIDER)
    if not options.user:
        raise WrongOption("Give the owner of the key with --user NAME")
    provider = options.provider or (names[0] if len(names) == 1 else None)
    if provider not in names:
        raise WrongOption(f"Give one of the sign-in providers with --provider: {', '.join(names)}")
    return Identity(options.user, provider)


def _with_database(settings: "SignInSettings", work: Callable[["SignInDatabase"], Any]) -> Any:
    from bluesky_qs.door.signin.database import SignInDatabase, default_database_path  # noqa: PLC0415

    async def run() -> Any:
        database = SignInDatabase(settings.database or default_database_path())
        await database.open()
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise QSError("The two passwords differ. Nothing was changed")
    return password


def _duration(text: str) -> float | None:
    if text == "never":
        return None
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration. Write 12h, 30d or never")
    return float(int(found[1]) * _UNITS[found[2]])


def _when(time: float | None) -> str:
    return "never" if time is None else datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M")


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str) -> None:
    if not rows:
        print(nothing, file=sys.stderr)
        return
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    for row in (headings, *rows):
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
