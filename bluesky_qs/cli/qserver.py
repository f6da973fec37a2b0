"""``qserver``: sends one request and prints the reply."""

import io
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from bluesky_qs._version import __version__
from bluesky_qs.api.method import METHODS, Method
from bluesky_qs.cli import local_commands, output
from bluesky_qs.cli.options import HELP, BadOption, Options, parse
from bluesky_qs.client.failures import NoLockKeyError, RequestTimeoutError, sent_no_lock_key
from bluesky_qs.client.http_failures import HTTPClientError, HTTPError, HTTPRequestError, lacks_scopes
from bluesky_qs.client.identity import login_of
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import ConfigError, QSError, RequestError
from bluesky_qs.words import files
from bluesky_qs.words.arguments import ItemId
from bluesky_qs.words.forms import MONITOR, QSERVER, SECTIONS, SPREADSHEET
from bluesky_qs.words.grammar import ParsedCommand, UsageError

_USER = "qserver-cli"
#: The exit code of a program that Ctrl-C ended, as in shells.
_INTERRUPTED = 130


class ExitCode(IntEnum):
    """Exit codes for scripts, the same as those of the community's ``qserver``."""

    SUCCESS = 0
    USAGE = 1
    REFUSED = 2
    OPTIONS = 2
    NO_ANSWER = 3
    ERROR = 4
    FAILED = 5


def main() -> None:
    """Run the command line of this process, then exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Characters that the terminal cannot show must not turn a success into an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # Nobody reads our output anymore. Without this, Python reports an error when it flushes at exit.
        sys.stdout = None
        code = ExitCode.SUCCESS
    except Exception as error:  # noqa: BLE001 - the boundary of this process: an exit code and one sentence
        print(f"Unexpected error: {type(error).__name__}: {error}", file=sys.stderr)
        code = ExitCode.ERROR
    sys.exit(code)


def run(arguments: Sequence[str]) -> ExitCode:
    """Run a command line and return the exit code."""
    if arguments and arguments[0] in local_commands.COMMANDS:
        return ExitCode(local_commands.run(arguments[0], arguments[1:]))
    try:
        options = parse(arguments)
        if options.help or options.version:
            print(_help(options.words) if options.help else f"qserver {__version__}")
            return ExitCode.SUCCESS
        if not options.words:
            print(_help([]), file=sys.stderr)
            return ExitCode.OPTIONS
        command = QSERVER.parse(options.words)
    except UsageError as error:
        print(error.text("qserver"), file=sys.stderr)
        if not error.usage:
            print("'qserver -h' lists all commands and options", file=sys.stderr)
        return ExitCode.OPTIONS if isinstance(error, BadOption) else ExitCode.USAGE
    if options.verbose:
        print(f"Arguments: {options.words}")
    return _request(command, options)


def _request(command: ParsedCommand, options: Options) -> ExitCode:
    """Carry out a command; if it fails, print why."""
    try:
        return _carry_out(command, options)
    except UsageError as error:
        print(error.text("qserver"), file=sys.stderr)
        return ExitCode.USAGE
    except (ConfigError, RequestError) as error:
        print(error, file=sys.stderr)
        return ExitCode.REFUSED if isinstance(error, NoLockKeyError) else ExitCode.USAGE
    except RequestTimeoutError as error:
        print(error, file=sys.stderr)
        uri = os.environ.get("QSERVER_HTTP_SERVER_URI")
        if uri and options.http is None:
            print(
                f"qserver used 0MQ. For the HTTP server in QSERVER_HTTP_SERVER_URI: qserver --http {uri} …",
                file=sys.stderr,
            )
        return ExitCode.NO_ANSWER
    except HTTPRequestError as error:
        print(error, file=sys.stderr)
        return ExitCode.NO_ANSWER
    except HTTPError as error:
        print(error, file=sys.stderr)
        return ExitCode.REFUSED if isinstance(error, HTTPClientError) else ExitCode.ERROR


def _carry_out(command: ParsedCommand, options: Options) -> ExitCode:
    with _client(options) as manager:
        if command.method == MONITOR:
            from bluesky_qs.cli.monitor import follow  # noqa: PLC0415 - the other commands do not pay for it

            follow(manager, as_json=options.json)
            return ExitCode.SUCCESS
        if command.method == SPREADSHEET:
            return _write_spreadsheet(manager, **command.params)
        method = METHODS.find(command.method)
        params = _with_uids(manager, files.read(command.params))
        if method.name == "input_reply" and "text" not in params:
            from getpass import getpass  # noqa: PLC0415 - the other commands do not pay for it

            params["text"] = getpass("Answer: ")  # a password on the command line would stay in the shell's history
        if options.lock_key and "lock_key" in method.parameters:
            params.setdefault("lock_key", options.lock_key)
        if "lock_key" in method.requires and "lock_key" not in params:
            raise _no_lock_key(manager, method)
        response = files.naming_rows(params, manager.ask(method, params))
    if "item_uid" in params and "messages" in response and response["success"] and not options.json:
        print("".join(message["msg"] for message in response["messages"]), end="")
        return ExitCode.SUCCESS
    print(output.as_json(response) if options.json else output.message(response))
    if sent_no_lock_key({"params": params}, response):
        print("No lock key was sent: give it with -k KEY (--lock-key KEY)", file=sys.stderr)
    return ExitCode.REFUSED if response.get("success") is False else ExitCode.SUCCESS


def _with_uids(manager: REManagerAPI, params: dict[str, Any]) -> dict[str, Any]:
    if not any(isinstance(each, ItemId) for each in params.values()):
        return params
    from bluesky_qs.cli.item_ids import with_uids  # noqa: PLC0415 - the other commands do not pay for it

    return with_uids(manager, params)


def _no_lock_key(manager: REManagerAPI, method: Method[..., Any]) -> QSError:
    """The error for a request without a lock key. If the user is not permitted to lock, the error says so instead."""
    if manager.protocol is manager.Protocols.HTTP:
        signed_in = manager.api_scopes()
        if method.scope not in signed_in["scopes"]:
            user = login_of(signed_in.get("user") or "")  # bluesky-httpserver does not send it
            return lacks_scopes(method.scope, {"method": method.name}, user)
    return NoLockKeyError("Request contains no lock key: give one with -k KEY (--lock-key KEY)")


def _write_spreadsheet(manager: REManagerAPI, plan: str, file: str = "") -> ExitCode:
    from bluesky_qs.words.spreadsheet import SpreadsheetError, write_template  # noqa: PLC0415 - only for this command

    response = manager.plans_allowed()
    if not response.get("success"):
        print(output.message(response))
        return ExitCode.REFUSED
    path = Path(file or f"{plan}.csv")
    try:
        write_template(path, plan, response["plans_allowed"])
    except SpreadsheetError as error:
        print(error, file=sys.stderr)
        return ExitCode.USAGE
    print(f"Wrote {path}. Fill in a row for each plan, then: qserver queue add spreadsheet {path}")
    return ExitCode.SUCCESS


def _client(options: Options) -> REManagerAPI:
    if options.http is not None:
        return _http_client(options.http, options)
    return REManagerAPI(
        options.control_addr,
        zmq_info_addr=options.info_addr,
        zmq_encoding=options.encoding,
        timeout_recv=options.timeout,
        user=options.user or os.environ.get("QSERVER_USER") or _USER,
        user_group=options.user_group,
        request_fail_exceptions=False,
    )


def _http_client(server_uri: str, options: Options) -> REManagerAPI:
    from bluesky_qs.client import kept_keys  # noqa: PLC0415 - not over 0MQ
    from bluesky_qs.client.authorization import AuthorizationMethods, exposed_key_file, key_in_file  # noqa: PLC0415

    client = REManagerAPI(
        http_server_uri=server_uri,
        http_ca_file=options.ca_file,
        timeout=options.timeout,
        user=options.user or os.environ.get("QSERVER_USER") or _USER,
        request_fail_exceptions=False,
    )
    if warning := exposed_key_file(options.api_key_file):
        print(warning, file=sys.stderr)
    if options.api_key_file:
        client.set_authorization_key(api_key=key_in_file(options.api_key_file))
    elif client.auth_method is AuthorizationMethods.NONE:
        client.set_authorization_key(api_key=kept_keys.key_for(client.settings.address, options.user))
    return client


def _help(words: Sequence[str]) -> str:
    from bluesky_qs.words import helptext  # noqa: PLC0415 - only needed for help

    if words and words[0] in local_commands.COMMANDS:
        return local_commands.help_of(words[0])
    forms = QSERVER.beginning_with(words) if words else []
    if forms:
        return "\n".join(helptext.entry(form) for form in forms)
    return (
        "Usage: qserver [OPTIONS] COMMAND…\n\nSend one request to RE Manager and print its reply.\n\n"
        f"{helptext.overview(SECTIONS)}\n\n{local_commands.overview()}\n\n"
        f"Options, before or after the command\n{HELP}\n\n"
        "Exit codes: 0 success, 1 invalid command, 2 request refused or invalid option,\n"
        "3 no reply, 4 unexpected error, 5 operation failed"
    )


if __name__ == "__main__":
    main()
